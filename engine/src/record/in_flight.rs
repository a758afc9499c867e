//! In-flight age: for how long the oldest operation that is still running has run.
//! Upstream: the program. Downstream: slots that threads share, but do not meet in.

use super::instrument_debug;
use crate::registry::in_flight::InFlightCells;
use crate::registry::refusals::Reason;
use crate::registry::series::Hold;
use crate::sync::{Arc, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Tells for how long the oldest operation that is still running has run: the one that hangs, which
/// a histogram of durations shows only once it ends, if ever. Exposed as a gauge in seconds, 0 when
/// nothing runs.
///
/// Starting costs a reading of the clock (about 20 ns on Linux) and a compare-and-swap on a line
/// that other threads do not use, some 10 ns together with the end, which is a store. Nothing waits
/// or locks. Memory: some 600 bytes per series, and 512 for each 64 operations that ever ran at once, brought
/// when they do; an operation that is leaked keeps its slot. Up to 4,096 operations of a series are tracked at once; those beyond it are counted in
/// `tmc_engine_refused_total`.
///
/// ```
/// let registry = tmc_engine::Registry::new();
/// let syncing = registry.in_flight_age("oldest_sync_seconds", "Age of the oldest sync that runs")?;
/// let sync = syncing.start();
/// assert_eq!(syncing.running(), 1);
/// drop(sync); // on any thread
/// assert_eq!(syncing.running(), 0);
/// # Ok::<(), tmc_engine::RegisterError>(())
/// ```
#[derive(Clone)]
pub struct InFlightAge {
    /// `None` for a series that is nowhere visible.
    cells: Option<Arc<InFlightCells>>,
    series: Hold,
}

impl InFlightAge {
    pub(crate) fn of(series: Hold) -> Self {
        Self { cells: series.in_flight().map(Arc::clone), series }
    }

    /// An operation begins now, and ends when what this returns is dropped.
    #[must_use = "the operation ends when this is dropped"]
    pub fn start(&self) -> RunningOperation {
        self.series.touch();
        let Some(cells) = &self.cells else { return RunningOperation { slot: None } };
        let slot = cells.start();
        if slot.is_none() {
            self.series.refuse_for(Reason::InFlight);
        }
        RunningOperation { slot }
    }

    /// How many operations run. Visits every slot.
    #[must_use]
    pub fn running(&self) -> u64 {
        self.cells.as_ref().map_or(0, |cells| cells.read().0)
    }

    /// For how long the oldest operation that still runs has run; zero without any. Visits every
    /// slot.
    #[must_use]
    pub fn oldest(&self) -> Duration {
        self.cells.as_ref().map_or(Duration::ZERO, |cells| cells.read().1)
    }
}

/// An operation that [`InFlightAge::start`] began. It ends when this is dropped, on any thread; that
/// costs a store. It may outlive the registry.
#[must_use = "the operation ends when this is dropped"]
#[derive(Debug)]
pub struct RunningOperation {
    /// `None` if the operation is not tracked.
    slot: Option<&'static AtomicU64>,
}

impl Drop for RunningOperation {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            slot.store(0, Relaxed); // Relaxed: the slot is the whole message
        }
    }
}

instrument_debug!(InFlightAge);
