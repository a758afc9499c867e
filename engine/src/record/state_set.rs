//! State sets: which of a few named states are on.
//! Upstream: the program. Downstream: one shared cell, with a bit for each state.

use super::gauge::shared_cell;
use super::instrument_debug;
use crate::registry::LabelValue;
use crate::registry::refusals::Reason;
use crate::registry::series::Hold;
use crate::sync::{AtomicU64, Ordering::Relaxed};

/// Which of up to 64 named states are on: of an enumeration exactly one, of flags any number.
///
/// Each call is one write to a cell that threads share, and a search of the names; none fails, locks
/// or allocates. A state is its name, or a value of an enum that derives [`crate::LabelValue`]. One
/// that the set does not have is refused, and counted in `tmc_engine_refused_total`. No state is on
/// to begin with.
#[derive(Clone)]
pub struct StateSet {
    /// In the shared shard. The series keeps it from being reused.
    cell: &'static AtomicU64,
    series: Hold,
}

impl StateSet {
    pub(crate) fn of(series: Hold) -> Self {
        Self { cell: shared_cell(&series), series }
    }

    /// Turns this state on and all others off, at once: every snapshot sees exactly one on.
    pub fn only(&self, state: impl LabelValue) {
        if let Some(bit) = self.bit(&state) {
            self.cell.store(bit, Relaxed); // Relaxed: the cell is the whole message
            self.series.touch();
        }
    }

    /// Turns a state on or off, and leaves the others alone.
    pub fn set(&self, state: impl LabelValue, on: bool) {
        let Some(bit) = self.bit(&state) else { return };
        if on {
            self.cell.fetch_or(bit, Relaxed);
        } else {
            self.cell.fetch_and(!bit, Relaxed);
        }
        self.series.touch();
    }

    /// Whether a state is on now.
    #[must_use]
    pub fn is_on(&self, state: impl LabelValue) -> bool {
        self.bit(&state).is_some_and(|bit| self.cell.load(Relaxed) & bit != 0)
    }

    fn bit(&self, state: &impl LabelValue) -> Option<u64> {
        let states = self.series.states();
        let at = state.with_text(|text| states.iter().position(|known| **known == *text));
        if at.is_none() {
            self.series.refuse_for(Reason::State);
        }
        at.map(|at| 1 << at)
    }
}

instrument_debug!(StateSet);
