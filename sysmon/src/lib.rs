//! Samples the process that it runs in and feeds what it reads to a registry.
//!
//! Upstream: the operating system, read through [`Source`] (by default [`OwnProcess`], which is
//! `sysinfo`). Downstream: `tmc-engine`; the readings become the families listed in [`names`].
//!
//! ```
//! use tmc_engine::Registry;
//! use tmc_sysmon::Sampler;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let registry = Registry::new();
//! let sampler = Sampler::builder(&registry).start()?; // every 30 s, and once before start returns
//! assert!(registry.snapshot().family("process_resident_memory_bytes").is_some());
//! sampler.stop(); // at once; dropping it does the same
//! # Ok(())
//! # }
//! ```
//!
//! What it promises:
//! - A value that the platform cannot give is absent: its family is registered with the first
//!   value that is known. A family whose value was known once keeps the last known value.
//! - The first CPU percentage is real: it comes from a second sample, taken
//!   [`FIRST_CPU_WINDOW`] after the first.
//! - A source that fails or panics costs that sample only; the failure is counted.
//! - `process_cpu_seconds_total` never goes back, also across a restart of the sampler, and is
//!   not counted twice by two samplers of one registry.
//! - The sampler measures itself: duration of each sample, samples, failed samples.

mod clock;
mod feed;
pub mod names;
mod process;
mod sampler;
mod tasks;

pub use process::{OwnProcess, Reading, Source, SourceError};
pub use sampler::{DEFAULT_INTERVAL, FIRST_CPU_WINDOW, Sampler, SamplerBuilder, SamplerError};
