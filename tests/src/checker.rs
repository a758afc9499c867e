//! The conformance checker, `python/check_exposition.py`: the rules of the formats, one by one, with the
//! official Python parser beside them. Upstream: the tests. Downstream: the script, as a process.

use std::net::SocketAddr;
use std::process::{Command, Output};

use crate::families::{self, Families};
use crate::judges;

/// What a check is about.
#[derive(Clone, Copy, Debug)]
pub struct Checker<'a> {
    format: &'static str,
    utf8_names: bool,
    expected: Option<&'a Families>,
    previous: Option<&'a str>,
}

impl<'a> Checker<'a> {
    /// Of text 0.0.4.
    pub fn text() -> Self {
        Self::new("text")
    }

    /// Of OpenMetrics 1.0.
    pub fn open_metrics() -> Self {
        Self::new("openmetrics")
    }

    fn new(format: &'static str) -> Self {
        Self { format, utf8_names: false, expected: None, previous: None }
    }

    /// Names may be quoted.
    #[must_use]
    pub fn utf8_names(mut self) -> Self {
        self.utf8_names = true;
        self
    }

    /// Exactly these samples, exemplars and help texts have to be there.
    #[must_use]
    pub fn expect(mut self, expected: &'a Families) -> Self {
        self.expected = Some(expected);
        self
    }

    /// An earlier exposition of the same registry.
    #[must_use]
    pub fn after(mut self, previous: &'a str) -> Self {
        self.previous = Some(previous);
        self
    }

    /// Every MUST and SHOULD that `text` breaks, a line each.
    ///
    /// # Panics
    /// When the checker cannot be run.
    pub fn findings(&self, text: &str) -> Vec<String> {
        self.check("-", text)
    }

    /// The same of what a server answers when it is asked for the format, headers and gzip included.
    ///
    /// # Panics
    /// When the checker cannot be run.
    pub fn findings_at(&self, server: SocketAddr) -> Vec<String> {
        self.check(&format!("http://{server}/metrics"), "")
    }

    fn check(&self, source: &str, text: &str) -> Vec<String> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = |name: &str, content: String| {
            let path = dir.path().join(name);
            std::fs::write(&path, content).expect("a file in our directory");
            path
        };
        let mut command = script();
        command.args([source, "--format", self.format, "--strict", "--max", "1000"]);
        if self.utf8_names {
            command.arg("--utf8-names");
        }
        if let Some(expected) = self.expected {
            let expected = families::expectation(expected, true).to_string();
            command.arg("--expect").arg(file("expected.json", expected));
        }
        if let Some(previous) = self.previous {
            command.arg("--previous").arg(file("previous", previous.to_owned()));
        }
        let findings = lines(judges::feed(&mut command, text.as_bytes(), judges::PYTHON_PACKAGE));
        let (summary, findings) = findings.split_last().expect("a summary");
        // Without the official parser it would be half a judge.
        assert!(summary.ends_with("python parser run"), "{summary}");
        findings.to_vec()
    }
}

/// Asks a server's metrics page for every format in many ways. Gives what is wrong with the answers, a
/// line each.
///
/// # Panics
/// When the checker cannot be run.
pub fn negotiate(server: SocketAddr) -> Vec<String> {
    let mut command = script();
    command.args(["--negotiate", &format!("http://{server}/metrics")]);
    let findings = lines(judges::feed(&mut command, b"", judges::PYTHON_PACKAGE));
    let (summary, findings) = findings.split_last().expect("a summary");
    assert!(summary.starts_with("negotiation: "), "{summary}");
    findings.to_vec()
}

fn script() -> Command {
    judges::python_script("check_exposition.py")
}

/// What it says, the last line a summary.
fn lines(output: Output) -> Vec<String> {
    let (out, err) = (output.stdout, String::from_utf8_lossy(&output.stderr));
    let lines: Vec<String> = String::from_utf8_lossy(&out).lines().map(str::to_owned).collect();
    // 0: nothing to say; 1: findings; anything else, or words on standard error: it failed.
    let code = output.status.code();
    assert!(matches!(code, Some(0 | 1)) && err.is_empty(), "the checker: {code:?}: {err}");
    assert_eq!(code == Some(0), lines.len() == 1, "{lines:#?}");
    lines
}
