//! A child process that is told what to do a line at a time, and what it has spent on a core.
//! Upstream: scrape and hostile, whose other sides must not share a process with what is measured.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// A running child; dropping it ends it.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    line: String,
}

impl Process {
    /// Starts `command`; what it writes to its standard error goes where ours goes.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(name: &str, command: &mut Command) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
        let missing = || io::Error::other("a child without its pipes");
        let input = child.stdin.take().ok_or_else(missing)?;
        let output = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        Ok(Self { name: name.to_owned(), child, input, output, line: String::new() })
    }

    /// This very binary once more, with other arguments.
    ///
    /// # Errors
    /// When it cannot be found or started.
    pub fn again(name: &str, arguments: &[&str]) -> io::Result<Self> {
        Self::start(name, Command::new(std::env::current_exe()?).args(arguments))
    }

    /// The next line that it writes, without its end.
    ///
    /// # Errors
    /// When it has ended instead.
    pub fn line(&mut self) -> io::Result<&str> {
        self.line.clear();
        if self.output.read_line(&mut self.line)? == 0 {
            let status = self.child.wait()?;
            return Err(io::Error::other(format!("{} ended early: {status}", self.name)));
        }
        Ok(self.line.trim_end())
    }

    /// Writes one line to it, and returns its answer.
    ///
    /// # Errors
    /// When it has ended.
    pub fn ask(&mut self, line: impl std::fmt::Display) -> io::Result<&str> {
        writeln!(self.input, "{line}")?;
        self.line()
    }

    /// What all its threads have spent on a core so far, those that ended too; `None` where the
    /// platform does not tell.
    #[must_use]
    pub fn cpu(&self) -> Option<Duration> {
        imp::cpu(self.child.id())
    }
}

/// What the calling thread has spent on a core so far; `None` where the platform does not tell.
#[must_use]
pub fn thread_time() -> Option<Duration> {
    imp::thread_time()
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has nothing to lose. Either fails only for a process that has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(target_os = "linux")]
mod imp {
    use std::time::Duration;

    use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
    use nix::unistd::Pid;

    pub(super) fn cpu(process: u32) -> Option<Duration> {
        let clock = clock_getcpuclockid(Pid::from_raw(i32::try_from(process).ok()?)).ok()?;
        clock_gettime(clock).ok().map(Duration::from)
    }

    pub(super) fn thread_time() -> Option<Duration> {
        clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).ok().map(Duration::from)
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    pub(super) fn cpu(_process: u32) -> Option<std::time::Duration> {
        None
    }

    pub(super) fn thread_time() -> Option<std::time::Duration> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_child_answers_and_its_time_on_a_core_is_told() {
        let script = "while read line; do i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; \
                      echo \"$line done\"; done";
        let mut child = Process::start("sh", Command::new("sh").args(["-c", script])).unwrap();
        let before = child.cpu().unwrap();
        assert_eq!(child.ask("some").unwrap(), "some done");
        let spent = child.cpu().unwrap() - before;
        assert!(spent > Duration::from_millis(1), "{spent:?}");
        // It waits for its input now.
        let (first, second) = (child.cpu().unwrap(), child.cpu().unwrap());
        assert!(second - first < Duration::from_millis(1));
    }

    #[test]
    fn a_child_that_ends_is_named() {
        let mut child = Process::start("sh", Command::new("sh").args(["-c", "exit 3"])).unwrap();
        let error = child.line().unwrap_err().to_string();
        assert!(error.contains("sh ended early") && error.contains('3'), "{error}");
        assert!(Process::start("none", &mut Command::new("/no/such/program")).is_err());
    }
}
