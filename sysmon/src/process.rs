//! The one door to the system: a reading of a process, and where readings come from.
//!
//! Upstream: the operating system through `sysinfo`. Downstream: sampler, which takes any
//! [`Source`]; tests give it one that lies.

use sysinfo::{Pid, Process, ProcessRefreshKind, ProcessesToUpdate, System};

/// What one sample found. `None` is "this platform or this moment cannot tell", never zero.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// User and system CPU time since the process started, in seconds.
    pub cpu_seconds: Option<f64>,
    /// Resident memory in bytes.
    pub resident_bytes: Option<u64>,
    /// Virtual memory in bytes.
    pub virtual_bytes: Option<u64>,
    /// Open file descriptors (handles on Windows).
    pub open_fds: Option<u64>,
    /// The soft limit on open file descriptors.
    pub max_fds: Option<u64>,
    /// OS threads, the main thread included.
    pub threads: Option<u64>,
    /// Start of the process in seconds since the Unix epoch.
    pub start_time_seconds: Option<f64>,
}

/// Why a source could not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the process could not be read: {reason}")]
pub struct SourceError {
    /// What went wrong, for the log.
    pub reason: String,
}

/// Gives readings of a process. It is called on the sampler's thread, and once on the thread
/// that starts the sampler's; it may fail, panic, or leave values out.
pub trait Source: Send + 'static {
    /// Reads the process once.
    ///
    /// # Errors
    /// When nothing at all could be read. The sampler counts it and goes on.
    fn read(&mut self) -> Result<Reading, SourceError>;
}

/// The process that the sampler runs in, read through `sysinfo`.
///
/// Only this process is refreshed, and of it only CPU time, memory and the list of its threads.
/// On Linux one reading opens about ten files under `/proc` and lists two directories, `task` and
/// `fd`, because `sysinfo` counts threads and descriptors that way. It took 60 µs, and half a
/// microsecond more for each thread and each open descriptor: 4 ms with 10,000 of them.
#[derive(Debug)]
pub struct OwnProcess {
    system: System,
    pid: Pid,
}

/// `sysinfo` takes the boot time as zero where the system does not tell it. A start before the
/// year 2000 is therefore no start time.
const EARLIEST_START: u64 = 946_684_800;

/// On Linux descriptors are counted by listing a directory, which holds a descriptor of its own.
const OWN_DESCRIPTORS: usize =
    if cfg!(any(target_os = "linux", target_os = "android")) { 1 } else { 0 };

impl OwnProcess {
    /// Opens the door. Nothing of the process is read yet.
    ///
    /// # Errors
    /// On a platform that `sysinfo` does not know.
    pub fn new() -> Result<Self, SourceError> {
        let refused = |error: sysinfo::Error| SourceError { reason: error.to_string() };
        let pid = sysinfo::get_current_pid().map_err(refused)?;
        Ok(Self { system: System::new().map_err(refused)?, pid })
    }
}

impl Source for OwnProcess {
    fn read(&mut self) -> Result<Reading, SourceError> {
        let wanted = ProcessRefreshKind::nothing().with_cpu().with_memory().with_tasks();
        let updated = self.system.refresh_processes_specifics(
            ProcessesToUpdate::Some(&[self.pid]),
            false,
            wanted,
        );
        match self.system.process(self.pid) {
            Some(process) if updated > 0 => Ok(reading(process)),
            _ => Err(SourceError { reason: format!("process {} cannot be refreshed", self.pid) }),
        }
    }
}

fn reading(process: &Process) -> Reading {
    let start = process.start_time();
    Reading {
        cpu_seconds: Some(process.accumulated_cpu_time() as f64 / 1_000.0),
        resident_bytes: known(process.memory()),
        virtual_bytes: known(process.virtual_memory()),
        open_fds: process.open_files().map(|n| n.saturating_sub(OWN_DESCRIPTORS) as u64),
        max_fds: process.open_files_limit().map(|n| n as u64),
        // The set leaves the main thread out.
        threads: process.tasks().map(|others| others.len() as u64 + 1),
        start_time_seconds: (start >= EARLIEST_START).then_some(start as f64),
    }
}

/// A process has memory: `sysinfo` says zero where it could not read.
fn known(bytes: u64) -> Option<u64> {
    (bytes > 0).then_some(bytes)
}
