//! A component that says by itself how it does. Upstream: the component. Downstream: the monitor.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tmc_engine::Clock;

use super::{HealthError, HealthProvider, HealthReport, HealthStatus};

/// Holds what a component says of itself, with counts of what it does, until the monitor asks.
///
/// Share it in an `Arc` between the component and the monitor. Each call takes a lock for a moment.
///
/// ```
/// use std::sync::Arc;
/// use tmc_metrics::{Clock, HealthProvider, HealthStatus, StatusHolder};
///
/// let status = Arc::new(StatusHolder::new(Clock::system()));
/// assert_eq!(status.check().unwrap().status, HealthStatus::Unknown);
/// status.set(HealthStatus::Healthy, "in step");
/// status.succeeded();
/// assert_eq!(status.check().unwrap().details["operations"], "1");
/// ```
#[derive(Debug)]
pub struct StatusHolder {
    clock: Clock,
    /// How long a word holds.
    stale_after: Option<Duration>,
    state: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    status: HealthStatus,
    message: String,
    said: Option<Instant>,
    operations: u64,
    errors: u64,
    last: Option<Instant>,
}

impl StatusHolder {
    /// Unknown, until the component says how it does.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let (status, message) = (HealthStatus::Unknown, "it has not said yet".to_owned());
        let held = Held { status, message, said: None, operations: 0, errors: 0, last: None };
        Self { clock, stale_after: None, state: Mutex::new(held) }
    }

    /// A component that has said nothing for longer than this is unhealthy, whatever it said last: it
    /// may hang. Without it, its last word holds for ever.
    #[must_use]
    pub fn stale_after(mut self, silence: Duration) -> Self {
        self.stale_after = Some(silence);
        self
    }

    /// How the component does from now on, and the same for people.
    pub fn set(&self, status: HealthStatus, message: impl Into<String>) {
        let (message, now) = (message.into(), self.clock.now());
        self.with(|held| (held.status, held.message, held.said) = (status, message, Some(now)));
    }

    /// The component did something, and it went well. Counts; the status stays.
    pub fn succeeded(&self) {
        self.note(0);
    }

    /// The component did something, and it failed. Counts; the status stays.
    pub fn failed(&self) {
        self.note(1);
    }

    fn note(&self, errors: u64) {
        let now = self.clock.now();
        self.with(|held| {
            held.operations += 1;
            held.errors += errors;
            held.last = Some(now);
        });
    }

    fn with<T>(&self, change: impl FnOnce(&mut Held) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl HealthProvider for StatusHolder {
    fn check(&self) -> Result<HealthReport, HealthError> {
        let now = self.clock.now();
        Ok(self.with(|held| {
            let report = held.report(now, self.stale_after);
            let Some(last) = held.last else { return report };
            report
                .detail("operations", held.operations)
                .detail("errors", held.errors)
                .detail("seconds_since_activity", now.saturating_duration_since(last).as_secs())
        }))
    }
}

impl Held {
    fn report(&self, now: Instant, stale_after: Option<Duration>) -> HealthReport {
        let silence = self.said.map_or(Duration::ZERO, |said| now.saturating_duration_since(said));
        match stale_after {
            Some(most) if silence > most => {
                let seconds = silence.as_secs_f64();
                let message =
                    format!("it has said nothing for {seconds:.0} s; last: {}", self.message);
                HealthReport::new(HealthStatus::Unhealthy, message)
            }
            _ => HealthReport::new(self.status, self.message.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tmc_engine::ManualClock;

    use super::*;

    #[test]
    fn it_says_what_it_was_told_last_and_what_was_done() {
        let clock = ManualClock::new();
        let holder = StatusHolder::new(Clock::from(clock.clone()));
        let report = holder.check().unwrap();
        assert_eq!(report.status, HealthStatus::Unknown);
        assert!(report.details.is_empty(), "nothing was done yet");
        holder.set(HealthStatus::Healthy, "fine");
        holder.set(HealthStatus::Degraded, "slow");
        (0..3).for_each(|_| holder.succeeded());
        holder.failed();
        clock.advance(Duration::from_secs(7));
        let report = holder.check().unwrap();
        assert_eq!((report.status, &*report.message), (HealthStatus::Degraded, "slow"));
        let details: Vec<_> = report.details.values().map(String::as_str).collect();
        assert_eq!(details, ["1", "4", "7"], "errors, operations, seconds_since_activity");
    }

    #[test]
    fn a_component_that_falls_silent_is_unhealthy_until_it_speaks_again() {
        let clock = ManualClock::new();
        let patience = Duration::from_secs(5);
        let holder = StatusHolder::new(Clock::from(clock.clone())).stale_after(patience);
        clock.advance(10 * patience);
        assert_eq!(holder.check().unwrap().status, HealthStatus::Unknown, "it never spoke");
        holder.set(HealthStatus::Healthy, "fine");
        clock.advance(patience);
        assert_eq!(holder.check().unwrap().status, HealthStatus::Healthy);
        clock.advance(Duration::from_secs(2));
        let report = holder.check().unwrap();
        assert_eq!(report.status, HealthStatus::Unhealthy);
        assert_eq!(report.message, "it has said nothing for 7 s; last: fine");
        holder.set(HealthStatus::Degraded, "slow");
        assert_eq!(holder.check().unwrap().status, HealthStatus::Degraded);
    }
}
