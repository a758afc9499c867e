//! Gauges: a value that is set, and a hot in-flight count that goes up and down.
//! Upstream: the program. Downstream: one shared cell, or the thread's shard.

use super::instrument_debug;
use crate::registry::series::Hold;
use crate::shard::change::{Add, AddDecrement, At};
use crate::shard::owner::{self, CORE, Pin};
use crate::shard::page::Page;
use crate::shard::{page_of, place_of};
use crate::sync::{AtomicU64, Ordering::Relaxed};

/// A value that can be set, and can go up and down.
///
/// One shared cell: [`Gauge::set`] is a store, the additions are compare-and-swap loops that
/// contend when many threads change one gauge; for counts that many threads change all the time
/// take an [`UpDownCounter`]. Never fails, locks or allocates.
#[derive(Clone)]
pub struct Gauge {
    /// In the shared shard. The series keeps it from being reused.
    cell: &'static AtomicU64,
    series: Hold,
}

impl Gauge {
    pub(crate) fn of(series: Hold) -> Self {
        Self { cell: shared_cell(&series), series }
    }

    /// Sets the value.
    #[inline]
    pub fn set(&self, value: f64) {
        self.cell.store(value.to_bits(), Relaxed); // Relaxed: the cell is the whole message
        self.series.touch();
    }

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(1.0);
    }

    /// Subtracts one.
    #[inline]
    pub fn dec(&self) {
        self.add(-1.0);
    }

    /// Adds `amount`, which may be negative.
    #[inline]
    pub fn add(&self, amount: f64) {
        let add = |bits| Some((f64::from_bits(bits) + amount).to_bits());
        let _always_some = self.cell.fetch_update(Relaxed, Relaxed, add);
        self.series.touch();
    }

    /// Subtracts `amount`, which may be negative.
    #[inline]
    pub fn sub(&self, amount: f64) {
        self.add(-amount);
    }

    /// The value now.
    #[must_use]
    pub fn value(&self) -> f64 {
        f64::from_bits(self.cell.load(Relaxed))
    }
}

/// The series' cell in the shared shard, which is not reused while the series lives.
pub(crate) fn shared_cell(series: &Hold) -> &'static AtomicU64 {
    // The registry has brought the page (`CellSpace::take`), or it is the void page.
    static NOWHERE: AtomicU64 = AtomicU64::new(0);
    let (page, place) = (page_of(series.cell.id), place_of(series.cell.id));
    CORE.shared_page(page).map_or(&NOWHERE, |page| &page.cells()[place])
}

/// A count of things in flight, changed by many threads: exposed as a gauge.
///
/// Each change costs what a [`super::Counter`] costs. Increments and decrements have cells of their
/// own, and decrements are read first, so that no reading is negative as long as every decrement
/// follows its increment.
#[derive(Clone)]
pub struct UpDownCounter {
    up: u32,
    down: u32,
    series: Hold,
}

impl UpDownCounter {
    pub(crate) fn of(series: Hold) -> Self {
        Self { up: series.cell.id, down: series.down.id, series }
    }

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Subtracts one.
    #[inline]
    pub fn dec(&self) {
        self.sub(1);
    }

    /// Adds `n`.
    #[inline]
    pub fn add(&self, n: u64) {
        owner::apply(self.up, Add(n));
    }

    /// Subtracts `n`, which was added before.
    #[inline]
    pub fn sub(&self, n: u64) {
        owner::apply(self.down, AddDecrement(n));
    }

    /// A handle pinned to the calling thread; as [`super::Counter::local`].
    #[must_use]
    pub fn local(&self) -> LocalUpDownCounter {
        let pin = Pin::new();
        let [up, down] = [self.up, self.down].map(|cell| (pin.page(page_of(cell)), cell));
        LocalUpDownCounter { up, down, pin, _series: self.series.clone() }
    }

    /// Makes the calling thread's first touches ahead of time.
    pub fn warm(&self) {
        owner::warm(page_of(self.up));
        owner::warm(page_of(self.down));
    }

    /// How many are in flight, over all threads. Visits every shard.
    #[must_use]
    pub fn value(&self) -> u64 {
        let down = owner::sum_decrements(self.down);
        owner::sum(self.up).saturating_sub(down)
    }
}

/// An [`UpDownCounter`] pinned to one thread, which it cannot leave; as [`super::LocalCounter`]. What
/// it adds, any other handle on any thread may subtract.
pub struct LocalUpDownCounter {
    /// Page and cell; no page only if the system had no memory for it: then nothing is recorded.
    up: (Option<&'static Page>, u32),
    down: (Option<&'static Page>, u32),
    pin: Pin,
    _series: Hold,
}

impl LocalUpDownCounter {
    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Subtracts one.
    #[inline]
    pub fn dec(&self) {
        self.sub(1);
    }

    /// Adds `n`.
    #[inline]
    pub fn add(&self, n: u64) {
        if let (Some(page), cell) = self.up {
            self.pin.apply(page, At(cell, Add(n)));
        }
    }

    /// Subtracts `n`, which was added before.
    #[inline]
    pub fn sub(&self, n: u64) {
        if let (Some(page), cell) = self.down {
            self.pin.apply(page, At(cell, AddDecrement(n)));
        }
    }
}

instrument_debug!(Gauge, UpDownCounter);
