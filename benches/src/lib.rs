//! Benchmarks of the engine beside its peers: who takes part, how a contest runs, what is printed.
//! Upstream: tmc-engine, tmc-exposition and the peers. Downstream: the binaries in `benches/`.
//!
//! | module | job |
//! |---|---|
//! | [`contest`] | interleaved, barrier-started rounds over any number of threads; the best round counts |
//! | [`contender`] | the shapes that most contenders share |
//! | [`counters`] | every way to increment: the floor, one shared atomic, the engine, the peers |
//! | [`histograms`] | every way to observe |
//! | [`lookups`] | every way to increment a counter whose labels are looked up each time |
//! | [`operations`] | every way to count and to track an operation of a component |
//! | [`encoders`] | every way to write counters and histograms as text |
//! | [`compression`] | what is compressed of a scrape, against all of it |
//! | [`churn`] | every way to create and drop 100,000 series |
//! | [`crowd`] | 10,000 threads at once |
//! | [`interference`] | what a record costs while somebody scrapes |
//! | [`scrape`] | scrapes over loopback beside the peers' own servers |
//! | [`hostile`] | what a record costs while hostile clients besiege the server |
//! | [`memory`] | bytes in use, whoever asked for them |
//! | [`report`] | tables, and the bars with their verdicts |
//! | [`process`] | a child process, and its time on a core |
//! | [`settings`] | full or quick, from the command line |

pub mod churn;
pub mod compression;
pub mod contender;
pub mod contest;
pub mod counters;
pub mod crowd;
pub mod encoders;
pub mod histograms;
pub mod hostile;
pub mod interference;
pub mod lookups;
pub mod memory;
pub mod operations;
pub mod process;
pub mod report;
pub mod scrape;
pub mod settings;
pub mod text;

/// Names of contenders, spelled in one place so that bars find their rows.
pub mod name {
    /// A `Cell<u64>` of the thread's own: what recording costs at the least.
    pub const THREAD_LOCAL: &str = "thread-local add";
    /// One `AtomicU64` for all threads: what every peer is built on.
    pub const ATOMIC: &str = "shared atomic add";
    /// This engine, through a handle that any thread may hold.
    pub const HANDLE: &str = "tmc handle";
    /// This engine, through a handle pinned to its thread.
    pub const LOCAL: &str = "tmc local handle";
    /// This engine, through a shared handle, in whole nanoseconds instead of seconds.
    pub const HANDLE_UNITS: &str = "tmc handle, record(ns)";
    /// This engine, labels looked up in the thread's cache.
    pub const AT: &str = "tmc at(labels)";
    /// This engine, labels looked up in the family's map, for an owned handle.
    pub const WITH: &str = "tmc with(labels)";
    /// This engine, a set of enums looked up.
    pub const AT_ENUMS: &str = "tmc at(enums)";
    /// The collector, an operation counted by four strings.
    pub const RECORD_OPERATION: &str = "tmc record_component_..";
    /// The collector, an operation whose handles are kept.
    pub const BOUND: &str = "tmc bound operation";
    /// The collector, an operation tracker.
    pub const TRACKER: &str = "tmc operation_tracker";
    /// A method under the attribute that makes every call a tracked operation.
    pub const INSTRUMENTED: &str = "tmc #[instrumented]";
    /// `Instant::now` and its `elapsed`.
    pub const TWO_INSTANTS: &str = "two Instants";
    /// `Clock::tick` and its `elapsed`.
    pub const TWO_TICKS: &str = "two ticks";
    /// The crate `prometheus`, handles kept.
    pub const PROMETHEUS_HANDLES: &str = "prometheus, handles kept";
    /// This engine: series created, scraped, removed.
    pub const TMC: &str = "tmc";
    /// This engine's snapshot and text encoder.
    pub const ENCODER: &str = "tmc snapshot + encode";
    /// The same, between two turns without any change.
    pub const NOTHING_CHANGED: &str = "nothing changed";
    /// The same, all values changed.
    pub const ALL_CHANGED: &str = "all changed";
    /// The same, 1 % of the values changed, in runs of neighbours.
    pub const RUNS_CHANGED: &str = "1 % in runs of 100";
    /// The same, 1 % of the values changed, here and there.
    pub const RANDOM_CHANGED: &str = "1 % at random";
    /// This engine behind its own server.
    pub const SERVER: &str = "tmc server";
    /// The crate `metrics-exporter-prometheus` behind its own server.
    pub const EXPORTER: &str = "metrics-exporter-prometheus";
    /// Debian's `client_golang` behind Go's server.
    pub const PROMHTTP: &str = "Go promhttp";
    /// Copying the finished text: what encoding costs at the least.
    pub const COPY: &str = "copy of the same text";
    /// The crate `prometheus`.
    pub const PROMETHEUS: &str = "prometheus";
    /// The crate `prometheus-client`.
    pub const PROMETHEUS_CLIENT: &str = "prometheus-client";
    /// The crate `prometheus-client`, for labels that live for ever.
    pub const PROMETHEUS_CLIENT_STATIC: &str = "prometheus-client static";
    /// The crates `metrics` and `metrics-exporter-prometheus`.
    pub const METRICS: &str = "metrics + exporter";
    /// The crate `measured`.
    pub const MEASURED: &str = "measured";
    /// The crate `measured`, all label values known beforehand.
    pub const MEASURED_FIXED: &str = "measured, known values";
    /// The crate `fastmetrics`, for labels that live for ever.
    pub const FASTMETRICS_STATIC: &str = "fastmetrics static";
    /// The crate `fastmetrics`.
    pub const FASTMETRICS: &str = "fastmetrics";
}
