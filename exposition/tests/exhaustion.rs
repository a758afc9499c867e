//! The process runs out of descriptors: who is connected is served on, the next wait, nothing spins.
//!
//! The limit is the process's, so the test runs itself once more under `ulimit`.

#![cfg(unix)]

mod common;

use std::fs::File;
use std::process::Command;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

use common::{Client, PATIENCE, get, serve};
use log::{LevelFilter, Log, Metadata, Record};
use tmc_exposition::Limits;

const ROLE: &str = "TMC_TEST_EXHAUSTION";

/// Keeps what is logged, for a test to wait on.
struct Kept {
    lines: Mutex<Vec<String>>,
    grown: Condvar,
}

static KEPT: Kept = Kept { lines: Mutex::new(Vec::new()), grown: Condvar::new() };

impl Log for Kept {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(record.args().to_string());
        self.grown.notify_all();
    }

    fn flush(&self) {}
}

impl Kept {
    /// Waits for a line with `part`; how many there are.
    fn wait_for(&self, part: &str) -> usize {
        let lines = self.lines.lock().unwrap();
        let count = |lines: &[String]| lines.iter().filter(|line| line.contains(part)).count();
        let waited = self.grown.wait_timeout_while(lines, PATIENCE, |lines| count(lines) == 0);
        let lines = waited.unwrap().0;
        assert!(count(&lines) > 0, "never logged: {part}; {lines:?}");
        count(&lines)
    }
}

#[test]
fn without_descriptors_the_server_rests_and_then_goes_on() {
    if std::env::var_os(ROLE).is_some() {
        return exhaust();
    }
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "without_descriptors_the_server_rests_and_then_goes_on", "--nocapture"])
        .env(ROLE, "exhaust")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

fn exhaust() {
    log::set_logger(&KEPT).unwrap();
    log::set_max_level(LevelFilter::Debug);
    let server = serve(Limits::default());
    let mut early = Client::new(server.local_addr());
    assert_eq!(early.ask("/metrics").status, 200);

    let mut files: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    // One for the client's side; the server's finds none.
    files.pop().unwrap();
    let mut late = Client::new(server.local_addr());
    late.send(&get("/metrics"));
    let start = Instant::now();
    KEPT.wait_for("cannot accept connections for now");
    for _ in 0..100 {
        assert_eq!(early.ask("/metrics").status, 200);
    }
    // Said once, however often it tried.
    assert_eq!(KEPT.wait_for("cannot accept connections for now"), 1);
    // Seven tries in the first second and one in each that follows, however busy the loop was.
    let tries = KEPT.wait_for("accepting rests for");
    assert!(tries as u64 <= 8 + start.elapsed().as_secs(), "{tries} tries");

    drop(files);
    assert_eq!(late.answer().status, 200);
    KEPT.wait_for("accepts connections again");
    assert_eq!(early.ask("/metrics").status, 200);
}
