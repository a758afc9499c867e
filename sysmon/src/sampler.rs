//! The sampler's thread: reads the source at the start, once more shortly after it, and then at
//! every interval, until it is stopped.
//!
//! Upstream: process (readings), tasks, clock. Downstream: feed.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, select};
use tmc_engine::{Counter, Histogram, HistogramSpec, RegisterError, Registry};

use crate::clock::{Clock, SystemClock};
use crate::feed::Feed;
use crate::names::{self, FamilySpec};
use crate::process::{OwnProcess, Source, SourceError};
use crate::tasks::TaskCount;

/// How often a sampler samples unless told otherwise.
pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(30);

/// How long after the first sample the second one comes, which gives the first CPU percentage.
/// CPU time between samples that are closer together is not measured well.
pub const FIRST_CPU_WINDOW: Duration = sysinfo::MINIMUM_CPU_UPDATE_INTERVAL;

/// `le` boundaries of the sample duration, in seconds.
const DURATION_BOUNDS: [f64; 11] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5];

/// Why a sampler did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SamplerError {
    /// The interval is zero.
    #[error("the sampler's interval is zero; it must be longer, such as 30 s")]
    ZeroInterval,
    /// A family of the sampler clashes with one that is registered already.
    #[error("the sampler's family {family} cannot be registered")]
    Register {
        /// The family's name.
        family: &'static str,
        /// What the registry says.
        #[source]
        source: RegisterError,
    },
    /// The platform has no door to process readings.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The operating system refused a thread.
    #[error("the sampler's thread cannot be started")]
    Thread(#[source] std::io::Error),
}

/// Samples until it is stopped or dropped.
///
/// Stopping takes effect at once: the thread waits on a channel, not for the interval to end. It
/// waits for a reading that is under way.
pub struct Sampler {
    /// Never sent on: that it is gone is the message.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sampler {
    /// A sampler that will feed `registry`.
    pub fn builder(registry: &Registry) -> SamplerBuilder {
        SamplerBuilder {
            registry: registry.clone(),
            interval: DEFAULT_INTERVAL,
            tasks: TaskCount::Threads,
            source: None,
            clock: Box::new(SystemClock),
        }
    }

    /// Stops the sampler and waits for its thread. What it has fed stays as it is.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.stop = None;
        let Some(thread) = self.thread.take() else { return };
        // A task closure that owns its own sampler drops it here; a thread cannot wait for itself.
        if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
            log::error!("the sampler's thread panicked");
        }
    }
}

impl fmt::Debug for Sampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sampler").finish_non_exhaustive()
    }
}

/// Configures a [`Sampler`].
#[must_use = "a builder does nothing until start"]
pub struct SamplerBuilder {
    registry: Registry,
    interval: Duration,
    tasks: TaskCount,
    source: Option<Box<dyn Source>>,
    clock: Box<dyn Clock>,
}

impl SamplerBuilder {
    /// Time from one sample to the next. Default: [`DEFAULT_INTERVAL`].
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Attaches an async runtime: `tasks` says how many tasks are alive. It runs once
    /// in `start`, then on the sampler's thread; a panic in it is caught and counted as a failed sample.
    pub fn tasks(mut self, tasks: impl Fn() -> u64 + Send + 'static) -> Self {
        self.tasks = TaskCount::Runtime(Box::new(tasks));
        self
    }

    /// Reads from `source` instead of from the own process.
    pub fn source(mut self, source: impl Source) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    #[cfg(test)]
    pub(crate) fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Takes the first sample, and starts the thread that takes all others. When this returns, what
    /// the platform can tell is in the registry, except for the CPU percentage.
    ///
    /// # Errors
    /// A zero interval, a sampler's own family that clashes with a registered one, a platform
    /// without readings, or no thread to be had. A first sample that fails is no error.
    pub fn start(self) -> Result<Sampler, SamplerError> {
        if self.interval.is_zero() {
            return Err(SamplerError::ZeroInterval);
        }
        let source = match self.source {
            Some(source) => source,
            None => Box::new(OwnProcess::new()?),
        };
        let registry = &self.registry;
        let mut run = Run {
            duration: registered(names::SAMPLE_DURATION, |name, help| {
                registry.histogram(name, help, &HistogramSpec::seconds(&DURATION_BOUNDS))
            })?,
            samples: registered(names::SAMPLES, |n, h| registry.counter(n, h))?,
            failures: registered(names::SAMPLE_FAILURES, |n, h| registry.counter(n, h))?,
            failing: false,
            feed: Feed::new(self.registry.clone()),
            tasks: self.tasks,
            source,
            clock: self.clock,
            interval: self.interval,
        };
        run.sample();
        let (stop, stopped) = crossbeam_channel::bounded(0);
        let thread = std::thread::Builder::new()
            .name("tmc-sysmon".to_owned())
            .spawn(move || run.until(&stopped))
            .map_err(SamplerError::Thread)?;
        Ok(Sampler { stop: Some(stop), thread: Some(thread) })
    }
}

impl fmt::Debug for SamplerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SamplerBuilder").field("interval", &self.interval).finish_non_exhaustive()
    }
}

fn registered<M>(
    spec: FamilySpec,
    register: impl FnOnce(&str, &str) -> Result<M, RegisterError>,
) -> Result<M, SamplerError> {
    register(spec.name, spec.help)
        .map_err(|source| SamplerError::Register { family: spec.name, source })
}

/// What the thread owns.
struct Run {
    duration: Histogram,
    samples: Counter,
    failures: Counter,
    /// The last sample failed; the log is told of the first failure of a row only.
    failing: bool,
    feed: Feed,
    tasks: TaskCount,
    source: Box<dyn Source>,
    clock: Box<dyn Clock>,
    interval: Duration,
}

impl Run {
    fn until(mut self, stopped: &Receiver<()>) {
        let mut delay = self.interval.min(FIRST_CPU_WINDOW);
        loop {
            select! {
                recv(stopped) -> _ => return,
                recv(self.clock.after(delay)) -> _ => self.sample(),
            }
            delay = self.interval;
        }
    }

    fn sample(&mut self) {
        let begin = self.clock.now();
        let outcome = self.read_and_feed();
        self.duration.observe_duration(self.clock.now().saturating_duration_since(begin));
        self.samples.inc();
        match outcome {
            Ok(()) => self.failing = false,
            Err(reason) => {
                self.failures.inc();
                if !self.failing {
                    log::warn!("a sample of the process failed: {reason}");
                }
                self.failing = true;
            }
        }
    }

    /// Feeds all that can be had; the error is the first thing that could not.
    fn read_and_feed(&mut self) -> Result<(), String> {
        let at = self.clock.now();
        let read = match catch_unwind(AssertUnwindSafe(|| self.source.read())) {
            Ok(read) => read.map_err(|error| error.to_string()),
            Err(_) => Err("the source panicked".to_owned()),
        };
        let threads = read.as_ref().ok().and_then(|reading| reading.threads);
        let fed = read.and_then(|r| self.feed.accept(at, &r).map_err(|error| error.to_string()));
        let counted = match self.tasks.read(threads) {
            Ok(tasks) => self.feed.tasks(tasks).map_err(|error| error.to_string()),
            Err(_) => Err("the closure that counts tasks panicked".to_owned()),
        };
        fed.and(counted)
    }
}

#[cfg(test)]
mod tests;
