//! Timers: how long a scope, a closure or a future took.
//! Upstream: the program. Downstream: a histogram of seconds.

use super::Histogram;
use crate::clock::Clock;
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

impl Histogram {
    /// Starts a timer that observes the time until it is stopped or dropped, also by a panic.
    ///
    /// It owns a handle: starting and dropping it costs what cloning a handle costs, and two
    /// readings of the clock. Where that matters, keep an [`Instant`] and observe what has elapsed.
    ///
    /// ```
    /// # let registry = tmc_engine::Registry::new();
    /// # let spec = tmc_engine::HistogramSpec::seconds(&[]);
    /// # let latency = registry.histogram("latency_seconds", "", &spec)?;
    /// let timer = latency.start_timer();
    /// let took = timer.stop(); // or leave the scope
    /// assert_eq!(latency.max(), Some(took.as_secs_f64()));
    /// latency.start_timer().discard();
    /// assert_eq!(latency.count(), 1);
    /// # Ok::<(), tmc_engine::RegisterError>(())
    /// ```
    pub fn start_timer(&self) -> Timer {
        self.start_timer_by(&Clock::system())
    }

    /// The same, by another clock than the system's.
    pub fn start_timer_by(&self, clock: &Clock) -> Timer {
        Timer { histogram: Some(self.clone()), clock: clock.clone(), start: clock.now() }
    }

    /// Runs `work` and observes how long it took. A panic is not observed.
    pub fn time<R>(&self, work: impl FnOnce() -> R) -> R {
        let start = Instant::now();
        let result = work();
        self.observe_duration(start.elapsed());
        result
    }

    /// The future with its time observed, from the first poll until it is ready. A future dropped
    /// before that is not observed: it was cancelled, and its time would say nothing about the work.
    ///
    /// Needs no runtime and does not allocate.
    pub fn time_future<F: Future>(&self, future: F) -> Timed<F> {
        self.time_future_by(&Clock::system(), future)
    }

    /// The same, by another clock than the system's.
    pub fn time_future_by<F: Future>(&self, clock: &Clock, future: F) -> Timed<F> {
        Timed { future, histogram: self.clone(), clock: clock.clone(), start: None }
    }
}

/// Observes its age when it is stopped or dropped; see [`Histogram::start_timer`].
#[derive(Debug)]
#[must_use = "dropped at once, it observes no time at all: bind it to a name"]
pub struct Timer {
    /// `None` once nothing is to be observed any more.
    histogram: Option<Histogram>,
    clock: Clock,
    start: Instant,
}

impl Timer {
    /// The time so far.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.clock.since(self.start)
    }

    /// Observes the time now, and tells it.
    pub fn stop(mut self) -> Duration {
        self.observe()
    }

    /// Ends without observing anything.
    pub fn discard(mut self) {
        self.histogram = None;
    }

    fn observe(&mut self) -> Duration {
        let elapsed = self.elapsed();
        if let Some(histogram) = self.histogram.take() {
            histogram.observe_duration(elapsed);
        }
        elapsed
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.observe();
    }
}

pin_project! {
    /// A future whose time is observed; see [`Histogram::time_future`].
    #[derive(Debug)]
    #[must_use = "a future does nothing until it is polled"]
    pub struct Timed<F> {
        #[pin]
        future: F,
        histogram: Histogram,
        clock: Clock,
        // The first poll.
        start: Option<Instant>,
    }
}

impl<F: Future> Future for Timed<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let start = *this.start.get_or_insert_with(|| this.clock.now());
        let polled = this.future.poll(context);
        if polled.is_ready() {
            this.histogram.observe_duration(this.clock.since(start));
        }
        polled
    }
}
