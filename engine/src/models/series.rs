//! Claims about series that are removed while somebody records into them.

use super::{Model, cell, join, model, record, thread};
use crate::shard::change::Add;
use crate::shard::holds::Holds;
use crate::shard::{CellId, Core};
use crate::sync::{Arc, Mutex, Ordering::Relaxed};

pub(super) type Free = Arc<Mutex<Option<CellId>>>;

/// What `Series` and `CellSpace::give` do with a cell.
pub(super) struct Owned {
    pub(super) core: &'static Core,
    pub(super) cell: CellId,
    pub(super) free: Free,
}

impl Owned {
    fn give(&self) {
        self.core.clear(self.cell);
        *self.free.lock() = Some(self.cell);
    }

    /// The family lets go of it.
    pub(super) fn remove(series: Arc<Self>) {
        #[cfg(weaken = "reuse")]
        series.give();
        drop(series);
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        #[cfg(not(weaken = "reuse"))]
        self.give();
    }
}

/// Guards: reuse, which gives cells back on removal instead of with the last handle.
#[test]
fn a_cell_is_reused_only_when_nobody_can_still_write_to_it() {
    model(|| {
        let model = Model::new();
        let core = model.core();
        let shards = [(); 2].map(|()| core.adopt().expect("below the limit"));
        let free = Free::default();
        let series = Arc::new(Owned { core, cell: cell(1), free: free.clone() });
        let handle = series.clone();
        let writer = thread::spawn(move || {
            record(shards[0], handle.cell, Add(5));
            drop(handle);
        });
        Owned::remove(series);
        let again = free.lock().take();
        if let Some(cell) = again {
            record(shards[1], cell, Add(1)); // the first record of the next series
        }
        join(writer);
        if let Some(cell) = again {
            assert_eq!(core.sum(cell, Relaxed), 1, "an old series' record in a new one");
        }
    });
}

/// Guards: hold_release, hold_read.
#[test]
fn who_finds_a_series_without_holders_sees_all_that_they_recorded() {
    model(|| {
        let model = Model::new();
        let core = model.core();
        let shard = core.adopt().expect("below the limit");
        let holds = Arc::new(Holds::new());
        holds.hold();
        let retires = {
            let holds = holds.clone();
            thread::spawn(move || {
                if holds.idle() {
                    assert_eq!(
                        core.sum(cell(1), Relaxed),
                        1,
                        "a record into a series thought idle"
                    );
                }
            })
        };
        record(shard, cell(1), Add(1));
        holds.release();
        join(retires);
    });
}
