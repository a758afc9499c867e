//! Guards: what is counted in when it begins and out when it ends, whichever way it ends.
//! Upstream: the program. Downstream: a gauge, or an up-down counter.

use super::{Gauge, UpDownCounter};

/// Counted in a gauge from [`Gauge::track`] until it is dropped, on any thread.
#[must_use = "it is counted until this is dropped"]
#[derive(Debug)]
pub struct GaugeGuard(Gauge);

/// Counted in an up-down counter from [`UpDownCounter::track`] until it is dropped, on any thread.
#[must_use = "it is counted until this is dropped"]
#[derive(Debug)]
pub struct UpDownCounterGuard(UpDownCounter);

impl Gauge {
    /// Adds one now, and subtracts it when the guard is dropped.
    ///
    /// The guard owns a handle, so it may move into a task or a thread: beside the two changes, that
    /// counts references on memory that threads share. Of a gauge that is set meanwhile, it still
    /// subtracts one.
    ///
    /// ```
    /// let open = tmc_engine::Registry::new().gauge("open_files", "Files that are open")?;
    /// let file = open.track();
    /// assert_eq!(open.value(), 1.0);
    /// drop(file);
    /// assert_eq!(open.value(), 0.0);
    /// # Ok::<(), tmc_engine::RegisterError>(())
    /// ```
    pub fn track(&self) -> GaugeGuard {
        self.inc();
        GaugeGuard(self.clone())
    }
}

impl UpDownCounter {
    /// Adds one now, and subtracts it when the guard is dropped, on this or another thread.
    ///
    /// As [`Gauge::track`]; where that is too much for a hot path, call [`UpDownCounter::inc`] and
    /// [`UpDownCounter::dec`].
    pub fn track(&self) -> UpDownCounterGuard {
        self.inc();
        UpDownCounterGuard(self.clone())
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Drop for UpDownCounterGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}
