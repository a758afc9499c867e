//! The `tmc-metrics demo` command as a process. Upstream: the tests. Downstream: the binary.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::http;
use crate::process::Process;
use crate::wait;

/// Ends with its files when dropped.
#[derive(Debug)]
pub struct Demo {
    process: Process,
    address: SocketAddr,
}

impl Demo {
    /// Starts it on a free loopback port and waits until it serves.
    pub fn start(options: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut command = Command::new(binary());
        command.args(["demo", "--listen", "127.0.0.1:0"]).args(options);
        let mut process = Process::start("tmc-metrics", "cargo", &mut command, dir);
        let address = wait::until("the demo to serve", || {
            process.expect_alive();
            let said = process.stdout() + &process.stderr();
            serves_at(&said).ok_or(said)
        });
        Self { process, address }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its metrics page.
    pub fn metrics(&self) -> String {
        let answer = http::get(self.address, "/metrics").expect("the metrics page");
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        answer.body
    }

    /// Ends it as Ctrl-C does. Gives its status and all that it wrote.
    pub fn interrupt(mut self) -> (ExitStatus, String) {
        let status = self.process.interrupt();
        (status, self.process.stdout() + &self.process.stderr())
    }
}

/// Runs another command of the binary to its end, and gives what it wrote.
///
/// # Panics
/// If it fails.
pub fn run(arguments: &[&str]) -> String {
    let output = Command::new(binary()).args(arguments).output().expect("our binary");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {}: {errors}", output.status);
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The address in `serving http://ADDRESS/metrics`.
fn serves_at(said: &str) -> Option<SocketAddr> {
    let (_, after) = said.split_once("serving http://")?;
    after.split_once("/metrics")?.0.parse().ok()
}

/// Builds the binary, in the profile of this test, and tells where it is.
fn binary() -> &'static PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(build)
}

/// Cargo hands a test the path of a binary of its own package only, so ask cargo: that is right
/// for every target directory, and never runs a binary that is out of date.
///
/// It is built as for a test of its package, and with the whole workspace's features: just as
/// `cargo test --workspace` has built it already.
fn build() -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--no-run", "--workspace", "--test", "demo_run"]);
    cargo.args(["--message-format", "json-render-diagnostics"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).stderr(Stdio::inherit());
    let built = cargo.output().expect("cargo");
    assert!(built.status.success(), "cargo: {}", built.status);
    let said = String::from_utf8(built.stdout).expect("cargo writes UTF-8");
    let artifact = said.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let is_ours = message["target"]["name"] == "tmc-metrics"
            && message["target"]["kind"][0] == "bin"
            && message["profile"]["test"] == false;
        is_ours.then(|| message["executable"].as_str().map(PathBuf::from)).flatten()
    });
    artifact.expect("cargo names the binary")
}
