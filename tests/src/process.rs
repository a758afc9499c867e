//! A program in the background whose output goes to files in its own directory.
//! Upstream: demo, prometheus. Downstream: the operating system.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::process::{Child, Command, ExitStatus, Stdio};

use tempfile::TempDir;

use crate::wait;

/// Ends the program and removes its directory when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    dir: TempDir,
}

impl Process {
    /// Starts `command` in the background; temporary files of its own go to `dir` too.
    pub(crate) fn start(
        name: &'static str,
        package: &str,
        command: &mut Command,
        dir: TempDir,
    ) -> Self {
        let file = |file| File::create(dir.path().join(file)).expect("a file in our directory");
        command.stdin(Stdio::null()).stdout(file("stdout")).stderr(file("stderr"));
        let child = command.env("TMPDIR", dir.path()).spawn();
        let child = child.unwrap_or_else(|error| missing(name, package, &error));
        Self { name, child, dir }
    }

    /// All that it has written to standard output so far.
    pub(crate) fn stdout(&self) -> String {
        self.read("stdout")
    }

    /// All that it has written to standard error so far.
    pub(crate) fn stderr(&self) -> String {
        self.read("stderr")
    }

    fn read(&self, file: &str) -> String {
        let bytes = fs::read(self.dir.path().join(file)).expect("a file in our directory");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Fails the test when the program has ended by itself.
    pub(crate) fn expect_alive(&mut self) {
        let Some(status) = self.child.try_wait().expect("our child") else { return };
        let (out, err) = (self.stdout(), self.stderr());
        panic!("{} ended early, {status}\n{out}\n{err}", self.name);
    }

    /// Interrupts it, as Ctrl-C does, and waits for its end.
    pub(crate) fn interrupt(&mut self) -> ExitStatus {
        // `kill` is built into every shell; the standard library can only send SIGKILL.
        let kill = format!("kill -INT {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &kill]).status().expect("a shell");
        assert!(sent.success(), "interrupt {}: {sent}", self.name);
        let (name, child) = (self.name, &mut self.child);
        wait::until(&format!("{name} to end after an interrupt"), || {
            child.try_wait().expect("our child").ok_or_else(|| "it still runs".to_owned())
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Fails the test with what to install.
pub(crate) fn missing(program: &str, package: &str, error: &std::io::Error) -> ! {
    match error.kind() {
        ErrorKind::NotFound => panic!("missing: {program}, which {package} brings (ci/test.sh)"),
        _ => panic!("cannot start {program}: {error}"),
    }
}
