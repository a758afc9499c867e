//! The one door to time of this crate: the system's clocks, or one that a test moves by hand.
//! Upstream: the operating system. Downstream: operation tracker, errors.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Tells the time; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// `None` for the system's clock.
    manual: Option<ManualClock>,
}

impl Clock {
    /// The system's monotonic clock.
    pub const fn system() -> Self {
        Self { manual: None }
    }

    pub(crate) fn now(&self) -> Instant {
        match &self.manual {
            None => Instant::now(),
            Some(clock) => clock.now(),
        }
    }

    pub(crate) fn since(&self, start: Instant) -> Duration {
        self.now().saturating_duration_since(start)
    }
}

/// The calendar's time, for the timestamps of errors.
pub(crate) fn wall_time() -> SystemTime {
    SystemTime::now()
}

/// A clock that stands still until it is told to advance, for tests; clones share the time.
#[derive(Clone, Debug)]
pub struct ManualClock {
    origin: Instant,
    elapsed: Arc<Mutex<Duration>>,
}

impl ManualClock {
    /// A clock that stands still.
    pub fn new() -> Self {
        Self { origin: Instant::now(), elapsed: Arc::default() }
    }

    /// Moves this clock, and every [`Clock`] made from it, forward.
    pub fn advance(&self, by: Duration) {
        let mut elapsed = self.elapsed.lock().unwrap_or_else(PoisonError::into_inner);
        *elapsed = elapsed.saturating_add(by);
    }

    fn now(&self) -> Instant {
        let elapsed = *self.elapsed.lock().unwrap_or_else(PoisonError::into_inner);
        self.origin.checked_add(elapsed).unwrap_or(self.origin)
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl From<ManualClock> for Clock {
    fn from(clock: ManualClock) -> Self {
        Self { manual: Some(clock) }
    }
}
