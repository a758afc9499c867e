//! Lock-free metrics: an increment costs about as much as a thread-local add, at any number of
//! threads. Each thread has cells of its own; a scrape sums them.
//!
//! ```
//! use tmc_engine::{HistogramSpec, Registry};
//!
//! let registry = Registry::new();
//! let requests = registry.counter_family("requests_total", "Requests served", ["method", "code"])?;
//! let spec = HistogramSpec::seconds(HistogramSpec::DEFAULT_SECONDS);
//! let latency = registry.histogram("request_duration_seconds", "Request latency", &spec)?;
//!
//! let ok = requests.with(["GET", "200"]); // once, outside the hot path
//! ok.inc(); // in it
//! latency.observe(0.0042);
//!
//! let snapshot = registry.snapshot();
//! let family = snapshot.family("requests_total").ok_or("registered above")?;
//! let series = family.get(&["GET", "200"]).ok_or("recorded above")?;
//! assert_eq!(series.value().as_f64(), 1.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The data flows one way: record, shard, snapshot; then other crates encode and serve.
//!
//! | call | allocates | locks | fails | panics |
//! |---|---|---|---|---|
//! | `inc`, `add`, `observe`, ... | a thread's first touch of a page | a thread's first touch | never | never |
//! | `Gauge::set`, `add`, `StateSet::only`, `set` | never | never | never | never |
//! | `inc_with`, `observe_with`, ... | a series' and a bucket's first exemplar | a series' first refused one | never | never |
//! | [`InFlightAge::start`] | more at once than ever before | never | never | never |
//! | `local()`, `warm()` | like a first touch | like a first touch | never | never |
//! | [`Family::at`], series known to the thread | never | never | never | never |
//! | [`Family::with`], series known | never | reads one lock | never | never |
//! | [`Family::with`], series new | yes | yes | never: overflow series | never |
//! | [`Registry::counter`] and the like | yes | yes | [`RegisterError`] | never |
//! | [`Registry::snapshot`], collectors left out | only while the registry grows | other scrapes, and registrations for a moment | never | never |
//!
//! First touches take their memory from [`std::alloc::System`], not from the program's global
//! allocator, so that a global allocator can be instrumented. Recording from a signal handler is
//! not supported: an increment that it interrupts may be lost.

// A model builds the protocols without the product around them.
#![cfg_attr(loom, allow(dead_code, unused_imports))]

macro_rules! const_fn {
    ($(#[$meta:meta])* $vis:vis fn $($rest:tt)*) => {
        #[cfg(not(loom))]
        $(#[$meta])* $vis const fn $($rest)*
        #[cfg(loom)]
        $(#[$meta])* $vis fn $($rest)*
    };
}
pub(crate) use const_fn;

#[cfg(not(loom))]
mod bucket;
#[cfg(not(loom))]
mod clock;
#[cfg(not(loom))]
mod error;
#[doc(hidden)]
pub mod hint;
mod lazy_box;
#[cfg(not(loom))]
mod record;
#[cfg(not(loom))]
mod registry;
mod shard;
mod sync;

#[cfg(loom)]
#[path = "snapshot/publish.rs"]
mod publish;
#[cfg(not(loom))]
mod snapshot;
#[cfg(not(loom))]
pub mod testing;
#[cfg(not(loom))]
mod ticks;

#[cfg(all(test, loom))]
mod models;

#[cfg(not(loom))]
pub use tmc_engine_derive::{LabelSet, LabelValue};
#[cfg(not(loom))]
pub use {
    clock::{Clock, ManualClock},
    error::{RegisterError, UnknownLabel},
    record::*,
    registry::*,
    snapshot::*,
    ticks::Tick,
};

/// Sets how many threads at once get cells of their own (4,096 unless set); further threads share
/// one shard, at the price of atomic read-modify-write. Process-wide. Shards that exist stay.
#[cfg(not(loom))]
pub fn set_shard_limit(limit: usize) {
    shard::owner::CORE.set_limit(limit);
}

/// Shards made so far: the peak number of threads that recorded at once, up to the limit.
#[cfg(not(loom))]
#[must_use]
pub fn shards() -> usize {
    shard::owner::CORE.shards()
}
