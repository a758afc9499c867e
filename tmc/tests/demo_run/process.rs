//! Starts the binary, waits for it to serve, and ends it.
//! Upstream: the tests. Downstream: the operating system.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::scrape::Scrape;

/// Far more than anything takes on a busy machine; reached only by a test that fails.
const DEADLINE: Duration = Duration::from_secs(120);

fn command(options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tmc-metrics"));
    command.arg("demo").args(options).stdin(Stdio::null());
    command
}

/// Runs the demo with options that make it end by itself.
pub(crate) fn run_to_end(options: &[&str]) -> Output {
    command(options).output().unwrap()
}

/// The same, where temporary directories are made in `temporary`.
pub(crate) fn run_with_temporary(temporary: &Path, options: &[&str]) -> Output {
    command(options).env("TMPDIR", temporary).output().unwrap()
}

/// The same, where nobody reads on after the first line of standard output.
pub(crate) fn run_unheard(options: &[&str]) -> Output {
    let mut child = command(options).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    // One byte at a time: nothing after the line is taken.
    let mut byte = [0];
    while byte != *b"\n" {
        stdout.read_exact(&mut byte).unwrap();
    }
    drop(stdout);
    child.wait_with_output().unwrap()
}

/// A demo that serves. Killed if the test ends before it does.
pub(crate) struct Demo {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// Where it listens.
    pub(crate) address: String,
    /// The directories that it named, in its order: source, clusters, views.
    pub(crate) directories: Vec<PathBuf>,
}

impl Demo {
    /// Starts it on a free port, and waits until it says that it serves.
    pub(crate) fn start(clusters: usize, options: &[&str]) -> Self {
        let count = clusters.to_string();
        let fixed = ["--listen", "127.0.0.1:0", "--clusters", &count];
        let mut child = command(&[&fixed, options].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = || {
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            line.trim_end().to_owned()
        };
        let first = line();
        let url = first.strip_prefix("serving http://").unwrap_or_else(|| panic!("{first:?}"));
        let address = url.strip_suffix("/metrics").unwrap().to_owned();
        let directories = (0..clusters + 2)
            .map(|_| PathBuf::from(line().split_once(char::is_whitespace).unwrap().1.trim()))
            .collect();
        Self { child, stdout, address, directories }
    }

    pub(crate) fn scrape(&self) -> Scrape {
        Scrape::of(&self.address)
    }

    /// Scrapes until `ready` likes what it sees; the scrape that it liked.
    pub(crate) fn scrape_until(&self, what: &str, ready: impl Fn(&Scrape) -> bool) -> Scrape {
        let mut last = None;
        wait_until(what, || {
            let scrape = self.scrape();
            let found = ready(&scrape);
            last = Some(scrape);
            found
        });
        last.unwrap()
    }

    /// Sends the signal, as `kill` names it, and waits. Exit code, and what it wrote at the end.
    pub(crate) fn stop(mut self, signal: &str) -> (Option<i32>, String) {
        let id = self.child.id().to_string();
        // A shell has `kill` built in, also where there is no such program.
        shell(&format!("kill -s {signal} {id}"));
        wait_until("the demo ends after a signal", || self.child.try_wait().unwrap().is_some());
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Both fail where it has ended already, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a line of shell, which must succeed.
pub(crate) fn shell(line: &str) {
    let status = Command::new("sh").args(["-c", line]).stdin(Stdio::null()).status().unwrap();
    assert!(status.success(), "{line}");
}

/// Asks again and again until the answer is yes.
pub(crate) fn wait_until(what: &str, mut ready: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !ready() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}
