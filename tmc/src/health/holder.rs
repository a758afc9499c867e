//! A component that says by itself how it does. Upstream: the component. Downstream: the monitor.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

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
    state: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    status: HealthStatus,
    message: String,
    operations: u64,
    errors: u64,
    last: Option<Instant>,
}

impl StatusHolder {
    /// Unknown, until the component says how it does.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let (status, message) = (HealthStatus::Unknown, "it has not said yet".to_owned());
        let held = Held { status, message, operations: 0, errors: 0, last: None };
        Self { clock, state: Mutex::new(held) }
    }

    /// How the component does from now on, and the same for people.
    pub fn set(&self, status: HealthStatus, message: impl Into<String>) {
        let message = message.into();
        self.with(|held| (held.status, held.message) = (status, message));
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
            let report = HealthReport::new(held.status, held.message.clone())
                .detail("operations", held.operations)
                .detail("errors", held.errors);
            match held.last {
                Some(last) => {
                    let quiet = now.saturating_duration_since(last).as_secs();
                    report.detail("seconds_since_activity", quiet)
                }
                None => report,
            }
        }))
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
        assert!(!report.details.contains_key("seconds_since_activity"));
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
}
