//! Official programs that judge a text exposition. Upstream: the tests. Downstream: `promtool`,
//! and the PyPI package `prometheus-client`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::process::missing;
use crate::text::Exposition;

/// Names the Python that has the official parser; `ci/test.sh` sets it.
const PYTHON: &str = "TMC_PYTHON";

/// The lines in which `promtool check metrics` finds fault, sorted.
///
/// # Panics
/// When it cannot read the text at all.
pub fn promtool(text: &str) -> Vec<String> {
    let mut command = Command::new("promtool");
    let output = feed(command.args(["check", "metrics"]), text, "the Debian package prometheus");
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

/// What the official Python parser reads.
///
/// # Panics
/// When it refuses the text, or reads a series twice.
pub fn python(text: &str) -> Exposition {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/parse.py");
    let python = std::env::var(PYTHON).unwrap_or_else(|_| "python3".to_owned());
    let mut command = Command::new(python);
    let output = feed(command.arg(script), text, "the Debian package python3");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{PYTHON} parser: {}: {errors}", output.status);
    let mut read = Exposition::default();
    for line in String::from_utf8(output.stdout).expect("UTF-8").lines() {
        let line: Value = serde_json::from_str(line).expect("a line of JSON");
        let string = |value: &Value| value.as_str().expect("a string").to_owned();
        let name = string(&line["name"]);
        if line["type"].is_string() {
            read.types.insert(name, string(&line["type"]));
            continue;
        }
        let labels = line["labels"].as_object().expect("labels");
        let labels: BTreeMap<_, _> =
            labels.iter().map(|(name, value)| (name.clone(), string(value))).collect();
        let value = string(&line["value"]).parse().expect("a number");
        assert!(read.samples.insert((name, labels), value).is_none(), "a series twice: {line}");
    }
    read
}

/// Runs a program to its end with `text` as its standard input.
fn feed(command: &mut Command, text: &str, package: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command.spawn().unwrap_or_else(|error| missing(&program, package, &error));
    let mut stdin = child.stdin.take().expect("a pipe");
    std::thread::scope(|scope| {
        // It may end before it has read all; then its status and its words tell why.
        scope.spawn(move || drop(stdin.write_all(text.as_bytes())));
        child.wait_with_output().expect("our child")
    })
}
