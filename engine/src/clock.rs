//! The one door to time: the system's clocks, or one that a test moves by hand.
//! Upstream: the operating system. Downstream: start timestamps, retirement, timers.

use crate::sync::{Arc, Mutex};
use crate::ticks::{self, Tick};
use std::time::{Duration, Instant, SystemTime};

/// Tells the time; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// `None` for the system's clocks.
    manual: Option<ManualClock>,
}

impl Clock {
    /// The system's clocks.
    #[must_use]
    pub const fn system() -> Self {
        Self { manual: None }
    }

    /// The monotonic time: for durations.
    #[must_use]
    pub fn now(&self) -> Instant {
        match &self.manual {
            None => Instant::now(),
            Some(clock) => clock.now(),
        }
    }

    /// The monotonic time since `start`; zero if that is still to come.
    #[must_use]
    pub fn since(&self, start: Instant) -> Duration {
        self.now().saturating_duration_since(start)
    }

    /// A moment of the monotonic time, for [`elapsed`](Self::elapsed): read from the processor's
    /// counter once [`calibrate`](Self::calibrate) has been called, in less than half of the time that
    /// [`now`](Self::now) takes; until then, and where the counter is not to be relied on, as `now`.
    #[inline]
    #[must_use]
    pub fn tick(&self) -> Tick {
        match &self.manual {
            None => Tick::now(),
            Some(clock) => clock.now().into(),
        }
    }

    /// The time since `tick`, which this clock told; zero where the counter has gone back.
    #[inline]
    #[must_use]
    pub fn elapsed(&self, tick: Tick) -> Duration {
        Duration::from_nanos(self.elapsed_nanos(tick))
    }

    /// As [`elapsed`](Self::elapsed), in the nanoseconds that [`Histogram::record`](crate::Histogram::record)
    /// takes where the unit is seconds; at most `u64::MAX`.
    #[inline]
    #[must_use]
    pub fn elapsed_nanos(&self, tick: Tick) -> u64 {
        tick.elapsed_nanos(|| self.now())
    }

    /// Measures the processor's counter against the system's clock, once for all clocks of the
    /// process, and returns whether it is relied on from now on: on Linux by the kernel's word, elsewhere
    /// by that of quanta, which reads the system's clock where the processor promises no constant rate.
    ///
    /// Blocks while it measures: some 3 ms, and at most 200 ms where the machine is busy. Not for a
    /// hot path, and not for a thread that others wait for. The counter is left alone where Linux
    /// tells time by another source, because it has found the counter to be wrong or it is a guest
    /// that may move to another host, and where the processor does not promise a constant rate.
    pub fn calibrate() -> bool {
        ticks::calibrate()
    }

    /// The calendar's time: for timestamps.
    #[must_use]
    pub fn wall(&self) -> SystemTime {
        match &self.manual {
            None => SystemTime::now(),
            Some(clock) => clock.wall(),
        }
    }
}

/// A clock that stands still until it is told to advance, for tests; clones share the time.
#[derive(Clone, Debug)]
pub struct ManualClock {
    origin: Instant,
    wall_origin: SystemTime,
    elapsed: Arc<Mutex<Duration>>,
}

impl ManualClock {
    /// A clock that stands still at the present.
    #[must_use]
    pub fn new() -> Self {
        let (origin, wall_origin) = (Instant::now(), SystemTime::now());
        Self { origin, wall_origin, elapsed: Arc::default() }
    }

    /// Moves this clock, and every [`Clock`] made from it, forward.
    pub fn advance(&self, by: Duration) {
        let mut elapsed = self.elapsed.lock();
        *elapsed = elapsed.saturating_add(by);
    }

    fn now(&self) -> Instant {
        self.origin.checked_add(*self.elapsed.lock()).unwrap_or(self.origin)
    }

    fn wall(&self) -> SystemTime {
        self.wall_origin.checked_add(*self.elapsed.lock()).unwrap_or(self.wall_origin)
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
