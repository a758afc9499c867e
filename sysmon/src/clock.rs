//! The one door to time: reading it, and waiting for it on a channel that a stop can outrun.
//!
//! Upstream: the system's monotonic clock. Downstream: sampler. Tests swap the door and decide
//! when a wait ends, so that none of them sleeps to see time pass.

use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

/// Tells time to the sampler.
pub(crate) trait Clock: Send + 'static {
    /// The present, never before an earlier present.
    fn now(&self) -> Instant;

    /// A channel that delivers one message once `delay` has passed.
    fn after(&self, delay: Duration) -> Receiver<Instant>;
}

/// The system's monotonic clock.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn after(&self, delay: Duration) -> Receiver<Instant> {
        crossbeam_channel::after(delay)
    }
}
