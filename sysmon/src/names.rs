//! Every family that the sampler feeds, spelled once: name, help text and kind.
//!
//! Upstream: nothing. Downstream: feed, which registers them, and whoever documents or checks
//! the catalogue.

use tmc_engine::Kind;

/// One family of the sampler.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FamilySpec {
    /// The family's name, without a registry's prefix.
    pub name: &'static str,
    /// The HELP text.
    pub help: &'static str,
    /// The kind it is registered as.
    pub kind: Kind,
}

const fn gauge(name: &'static str, help: &'static str) -> FamilySpec {
    FamilySpec { name, help, kind: Kind::Gauge }
}

/// Live tasks. A gauge in spite of its suffix: the name is a contract with dashboards.
pub const GOROUTINES: FamilySpec = gauge(
    "tmc_goroutines_total",
    "Live tasks: async tasks where a runtime is attached, else OS threads",
);

/// Resident memory, under the name of the TMC catalogue.
pub const MEMORY_USAGE: FamilySpec =
    gauge("tmc_memory_usage_bytes", "Resident memory of the process in bytes");

/// CPU over the window between the last two samples.
pub const CPU_USAGE: FamilySpec =
    gauge("tmc_cpu_usage_percent", "CPU of the process, 100 = one core");

/// CPU time since the process started.
pub const PROCESS_CPU_SECONDS: FamilySpec = FamilySpec {
    name: "process_cpu_seconds_total",
    help: "Total user and system CPU time spent in seconds.",
    kind: Kind::FloatCounter,
};

/// Resident memory, under its conventional name.
pub const PROCESS_RESIDENT_MEMORY: FamilySpec =
    gauge("process_resident_memory_bytes", "Resident memory size in bytes.");

/// Virtual memory.
pub const PROCESS_VIRTUAL_MEMORY: FamilySpec =
    gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.");

/// Open file descriptors.
pub const PROCESS_OPEN_FDS: FamilySpec =
    gauge("process_open_fds", "Number of open file descriptors.");

/// The soft limit on open file descriptors.
pub const PROCESS_MAX_FDS: FamilySpec =
    gauge("process_max_fds", "Maximum number of open file descriptors.");

/// When the process started.
pub const PROCESS_START_TIME: FamilySpec =
    gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.");

/// OS threads.
pub const PROCESS_THREADS: FamilySpec =
    gauge("process_threads", "Number of OS threads in the process.");

/// The sampler's own cost.
pub const SAMPLE_DURATION: FamilySpec = FamilySpec {
    name: "tmc_sysmon_sample_duration_seconds",
    help: "Time that one sample of the process took in seconds",
    kind: Kind::Histogram,
};

/// Samples taken, failed ones included.
pub const SAMPLES: FamilySpec = FamilySpec {
    name: "tmc_sysmon_samples_total",
    help: "Samples of the process taken, failed ones included",
    kind: Kind::Counter,
};

/// Samples that failed.
pub const SAMPLE_FAILURES: FamilySpec = FamilySpec {
    name: "tmc_sysmon_sample_failures_total",
    help: "Samples of the process that failed in whole or in part",
    kind: Kind::Counter,
};

/// All families, in the order of this page.
pub const ALL: [FamilySpec; 13] = [
    GOROUTINES,
    MEMORY_USAGE,
    CPU_USAGE,
    PROCESS_CPU_SECONDS,
    PROCESS_RESIDENT_MEMORY,
    PROCESS_VIRTUAL_MEMORY,
    PROCESS_OPEN_FDS,
    PROCESS_MAX_FDS,
    PROCESS_START_TIME,
    PROCESS_THREADS,
    SAMPLE_DURATION,
    SAMPLES,
    SAMPLE_FAILURES,
];
