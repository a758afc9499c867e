//! Summaries: a histogram's cells, of which readings keep the quantiles of a window.
//! Upstream: the program. Downstream: the thread's shard, as a histogram.

use super::{Histogram, LocalHistogram, Timed, Timer};
use crate::clock::Clock;
use crate::registry::series::Hold;
use std::time::Duration;

/// A distribution whose quantiles over a sliding window are computed in this process.
///
/// Such quantiles cannot be aggregated over instances: prefer a [`Histogram`], and see
/// [`SummarySpec`]. Recording is a histogram's, and costs the same; the window is cut on the
/// reading side. Sum and count are those since the series was created.
///
/// [`SummarySpec`]: crate::SummarySpec
#[derive(Clone)]
pub struct Summary(Histogram);

impl Summary {
    pub(crate) fn of(series: Hold) -> Self {
        Self(Histogram::of(series))
    }

    /// Observes a value of the family's unit; as [`Histogram::observe`].
    #[inline]
    pub fn observe(&self, value: f64) {
        self.0.observe(value);
    }

    /// Observes a duration; as [`Histogram::observe_duration`].
    #[inline]
    pub fn observe_duration(&self, duration: Duration) {
        self.0.observe_duration(duration);
    }

    /// Observes a value in the integer base unit; as [`Histogram::record`].
    #[inline]
    pub fn record(&self, units: u64) {
        self.0.record(units);
    }

    /// Starts a timer that observes the time until it ends; as [`Histogram::start_timer`].
    pub fn start_timer(&self) -> Timer {
        self.0.start_timer()
    }

    /// The same, by another clock than the system's.
    pub fn start_timer_by(&self, clock: &Clock) -> Timer {
        self.0.start_timer_by(clock)
    }

    /// Runs `work` and observes how long it took; as [`Histogram::time`].
    pub fn time<R>(&self, work: impl FnOnce() -> R) -> R {
        self.0.time(work)
    }

    /// The future with its time observed; as [`Histogram::time_future`].
    pub fn time_future<F: Future>(&self, future: F) -> Timed<F> {
        self.0.time_future(future)
    }

    /// The same, by another clock than the system's.
    pub fn time_future_by<F: Future>(&self, clock: &Clock, future: F) -> Timed<F> {
        self.0.time_future_by(clock, future)
    }

    /// A handle pinned to the calling thread; as [`Histogram::local`].
    #[must_use]
    pub fn local(&self) -> LocalHistogram {
        self.0.local()
    }

    /// Makes the calling thread's first touches ahead of time; as [`Histogram::warm`].
    pub fn warm(&self) {
        self.0.warm();
    }

    /// Observations so far; as [`Histogram::count`].
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.count()
    }

    /// Sum so far; as [`Histogram::sum`].
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.0.sum()
    }
}

impl std::fmt::Debug for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Summary").field(&self.0).finish()
    }
}
