//! Waiting between tries, so that a stop is immediate and tests do not wait.
//! Upstream: the retry strategy. Downstream: the thread that waits.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// The time has passed: try again.
    Elapsed,
    /// Somebody wants us to stop: give up.
    Interrupted,
}

/// Waits between tries: a [`StopSignal`], or any `Fn(Duration) -> Waited`, such as one that waits on a
/// channel of your own, or one that moves a manual clock.
pub trait Wait {
    /// Waits for `delay`, or until there is a reason to stop.
    fn wait(&self, delay: Duration) -> Waited;
}

impl<F: Fn(Duration) -> Waited> Wait for F {
    fn wait(&self, delay: Duration) -> Waited {
        self(delay)
    }
}

/// Wakes everybody who waits on it, now and ever after. Clones are the same signal.
///
/// ```
/// use std::time::Duration;
/// use tmc_metrics::{StopSignal, Wait, Waited};
///
/// let stop = StopSignal::new();
/// let waiting = std::thread::spawn({
///     let stop = stop.clone();
///     move || stop.wait(Duration::from_secs(3600))
/// });
/// stop.stop();
/// assert_eq!(waiting.join().unwrap(), Waited::Interrupted);
/// ```
#[derive(Clone, Debug, Default)]
pub struct StopSignal(Arc<(Mutex<bool>, Condvar)>);

impl StopSignal {
    /// A signal that nobody has given yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends all waits.
    pub fn stop(&self) {
        let (stopped, changed) = &*self.0;
        *stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }
}

impl Wait for StopSignal {
    fn wait(&self, delay: Duration) -> Waited {
        let (stopped, changed) = &*self.0;
        let stopped = stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let (stopped, _) = changed
            .wait_timeout_while(stopped, delay, |stopped| !*stopped)
            .unwrap_or_else(PoisonError::into_inner);
        if *stopped { Waited::Interrupted } else { Waited::Elapsed }
    }
}
