//! The shapes that most contenders share: handles that all threads hold, and what to do with one.
//! Upstream: counters and histograms, which fill them. Downstream: contest.

use std::hint::black_box;

use crate::contest::{Contender, Lap, Role};

/// Operations between two looks at the clock; a multiple of every number of series in use.
pub const BATCH: u64 = 10_000;

/// Sums up what a contender has recorded, for the check at the end.
pub type Total = Box<dyn Fn() -> u64 + Send + Sync>;

/// Handles shared by all threads, and one operation on one of them.
pub struct Shared<H, F> {
    /// Its row in the table.
    pub name: &'static str,
    /// What it is compared as.
    pub role: Role,
    /// One per series, in the order in which they are visited.
    pub handles: Vec<H>,
    /// The operation that is measured.
    pub record: F,
    /// All that was recorded so far.
    pub total: Total,
}

impl<H: Sync, F: Fn(&H) + Sync> Contender for Shared<H, F> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn role(&self) -> Role {
        self.role
    }

    fn run(&self, lap: &Lap<'_>) {
        lap.race(BATCH, || batch(&self.handles, &self.record));
    }

    fn verify(&self, operations: u64) -> Result<(), String> {
        same_total((self.total)(), operations)
    }
}

/// Handles that each thread makes for itself from the shared ones, before the clock starts.
pub struct Pinned<H, P, F> {
    /// Its row in the table.
    pub name: &'static str,
    /// What it is compared as.
    pub role: Role,
    /// One per series, in the order in which they are visited.
    pub handles: Vec<H>,
    /// Makes the thread's own handle.
    pub pin: P,
    /// The operation that is measured.
    pub record: F,
    /// All that was recorded so far.
    pub total: Total,
}

impl<H, L, P, F> Contender for Pinned<H, P, F>
where
    H: Sync,
    P: Fn(&H) -> L + Sync,
    F: Fn(&L) + Sync,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn role(&self) -> Role {
        self.role
    }

    fn run(&self, lap: &Lap<'_>) {
        let own: Vec<L> = self.handles.iter().map(&self.pin).collect();
        lap.race(BATCH, || batch(&own, &self.record));
    }

    fn verify(&self, operations: u64) -> Result<(), String> {
        same_total((self.total)(), operations)
    }
}

/// Does [`BATCH`] operations, in turn over all handles. Every contender's handle goes through the
/// same `black_box`, so that none of them is hoisted out of the loop or merged into one addition.
#[inline(always)]
pub fn batch<H>(handles: &[H], record: impl Fn(&H)) {
    if let [only] = handles {
        for _ in 0..BATCH {
            record(black_box(only));
        }
    } else {
        debug_assert_eq!(BATCH % handles.len() as u64, 0);
        for _ in 0..BATCH / handles.len() as u64 {
            for handle in handles {
                record(black_box(handle));
            }
        }
    }
}

/// Visits `series` series in an order that no prefetcher follows, the same for all contenders.
#[must_use]
pub fn order(series: usize) -> Vec<usize> {
    /// Prime, so that it shares no factor with any number of series in use.
    const STRIDE: usize = 617;
    (0..series).map(|visit| visit * STRIDE % series).collect()
}

/// Every operation is in the total, none twice.
///
/// # Errors
/// Says both numbers.
pub fn same_total(recorded: u64, operations: u64) -> Result<(), String> {
    if recorded == operations {
        Ok(())
    } else {
        Err(format!("recorded {recorded} of {operations} operations"))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn an_order_visits_each_series_once() {
        for series in [1, 1000] {
            let mut visited = order(series);
            visited.sort_unstable();
            assert_eq!(visited, (0..series).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_batch_is_spread_evenly() {
        let cells: Vec<Cell<u64>> = (0..1000).map(|_| Cell::new(0)).collect();
        batch(&cells, |cell| cell.set(cell.get() + 1));
        assert!(cells.iter().all(|cell| cell.get() == BATCH / 1000));
        let one = [Cell::new(0)];
        batch(&one, |cell| cell.set(cell.get() + 1));
        assert_eq!(one[0].get(), BATCH);
    }
}
