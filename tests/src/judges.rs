//! Official programs that judge an exposition. Upstream: the tests. Downstream: `promtool`,
//! and the PyPI package `prometheus-client`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::families::{Exemplar, Families, Family, Sample};
use crate::process::missing;
use crate::text::Exposition;

/// Names the Python that has the official parser; `ci/test.sh` sets it.
const PYTHON: &str = "TMC_PYTHON";

/// What brings it.
pub(crate) const PYTHON_PACKAGE: &str = "the Debian package python3";

/// The lines in which `promtool check metrics` finds fault, sorted.
///
/// # Panics
/// When it cannot read the text at all.
pub fn promtool(text: &str) -> Vec<String> {
    let mut command = Command::new("promtool");
    let output =
        feed(command.args(["check", "metrics"]), text.as_bytes(), "the Debian package prometheus");
    let said = [output.stdout, output.stderr].concat();
    let mut lines: Vec<String> =
        String::from_utf8_lossy(&said).lines().map(str::to_owned).collect();
    // 0: nothing to say; 3: lint; anything else: it could not read it.
    let code = output.status.code();
    assert!(matches!(code, Some(0 | 3)), "promtool check metrics: {code:?}: {lines:#?}");
    assert_eq!(code == Some(0), lines.is_empty(), "{lines:#?}");
    lines.sort();
    lines
}

/// Runs `promtool` on files. `Err` is what it says when it does not take them.
pub fn promtool_run(arguments: &[&str], files: &[PathBuf]) -> Result<(), String> {
    let mut command = Command::new("promtool");
    let command = command.args(arguments).args(files);
    let output = feed(command, b"", "the Debian package prometheus");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    if output.status.success() { Ok(()) } else { Err(format!("{arguments:?}: {said}")) }
}

/// What the official Python parser reads in text 0.0.4.
///
/// # Panics
/// When it refuses the text, or reads a series twice.
pub fn python(text: &str) -> Exposition {
    let mut read = Exposition::default();
    for (name, family) in python_families("text", text) {
        read.types.insert(name, family.kind);
        let samples = family.samples.into_iter();
        read.samples.extend(samples.map(|(key, sample)| (key, sample.value)));
    }
    read
}

/// What the official Python parser reads in OpenMetrics.
///
/// # Panics
/// When it refuses the text, or reads a series twice.
pub fn open_metrics(text: &str) -> Families {
    python_families("openmetrics", text)
}

/// What the official Python parser of `text` or `openmetrics` reads. In both, it calls a counter's
/// family without `_total`, and its sample with it.
///
/// # Panics
/// When it refuses the text, or reads a series twice.
pub fn python_families(format: &str, text: &str) -> Families {
    let mut command = python_script("parse.py");
    let output = feed(command.arg(format), text.as_bytes(), PYTHON_PACKAGE);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{PYTHON} parser: {}: {errors}", output.status);
    let (mut read, mut name) = (Families::new(), String::new());
    for line in String::from_utf8(output.stdout).expect("UTF-8").lines() {
        let line: Value = serde_json::from_str(line).expect("a line of JSON");
        if line["type"].is_string() {
            let [kind, help, unit] = ["type", "help", "unit"].map(|field| string(&line[field]));
            name = string(&line["name"]);
            let family = Family { kind, help, unit, samples: BTreeMap::new() };
            assert!(read.insert(name.clone(), family).is_none(), "a family twice: {line}");
            continue;
        }
        let exemplar = line["exemplar"].as_object().map(|exemplar| Exemplar {
            labels: strings(&exemplar["labels"]),
            value: number(&exemplar["value"]),
            timestamp: number(&exemplar["timestamp"]),
        });
        let sample = Sample { value: number(&line["value"]), exemplar };
        let key = (string(&line["name"]), strings(&line["labels"]));
        let family = read.get_mut(&name).expect("the family comes first");
        assert!(family.samples.insert(key, sample).is_none(), "a series twice: {line}");
    }
    read
}

fn string(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

fn strings(value: &Value) -> BTreeMap<String, String> {
    let object = value.as_object().expect("an object");
    object.iter().map(|(name, value)| (name.clone(), string(value))).collect()
}

fn number(value: &Value) -> f64 {
    string(value).parse().expect("a number")
}

/// The command for one of our scripts.
pub(crate) fn python_script(name: &str) -> Command {
    let mut command = python_command();
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python").join(name));
    command
}

/// Python, whatever the locale is.
pub(crate) fn python_command() -> Command {
    let python = std::env::var(PYTHON).unwrap_or_else(|_| "python3".to_owned());
    let mut command = Command::new(python);
    command.env("PYTHONUTF8", "1");
    command
}

/// Runs a program to its end with `input` as its standard input.
pub(crate) fn feed(command: &mut Command, input: &[u8], package: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command.spawn().unwrap_or_else(|error| missing(&program, package, &error));
    let mut stdin = child.stdin.take().expect("a pipe");
    std::thread::scope(|scope| {
        // It may end before it has read all; then its status and its words tell why.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().expect("our child")
    })
}
