//! The changes that records make to cells, each in two forms: by a cell's only writer, and by one
//! of many. Upstream: record. Downstream: a thread's own cell, or the shared shard's.

use super::page::Page;
use super::{CellId, place_of};
use crate::sync::{AtomicU64, Ordering, Ordering::Relaxed, order};

/// How one record changes a page.
pub(crate) trait PageChange: Copy {
    /// By the page's only writer: loads and stores.
    fn own(self, page: &Page);
    /// By one of many writers: read-modify-writes.
    fn shared(self, page: &Page);
}

/// Changes one cell of its page.
#[derive(Clone, Copy)]
pub(crate) struct At<C>(pub(crate) CellId, pub(crate) C);

impl<C: Change> PageChange for At<C> {
    #[inline(always)]
    fn own(self, page: &Page) {
        self.1.own(&page.cells()[place_of(self.0)]);
    }

    fn shared(self, page: &Page) {
        self.1.shared(&page.cells()[place_of(self.0)]);
    }
}

/// Counts an observation in a bucket of its page, and adds it to the page's sum.
#[derive(Clone, Copy)]
pub(crate) struct Observe {
    /// Any number whose place in a page is the bucket's.
    pub(crate) bucket: CellId,
    pub(crate) units: u64,
}

impl PageChange for Observe {
    #[inline(always)]
    fn own(self, page: &Page) {
        Add(1).own(&page.cells()[place_of(self.bucket)]);
        AddSaturating(self.units).own(page.sum());
    }

    fn shared(self, page: &Page) {
        Add(1).shared(&page.cells()[place_of(self.bucket)]);
        AddSaturating(self.units).shared(page.sum());
    }
}

/// Counts in a bucket of its page, and in the page's sum; as [`Observe`], in the ways it is told.
#[derive(Clone, Copy)]
pub(crate) struct Count<C> {
    /// Any number whose place in a page is the bucket's.
    pub(crate) bucket: CellId,
    pub(crate) one: C,
    pub(crate) units: C,
}

impl<C: Change> PageChange for Count<C> {
    #[inline(always)]
    fn own(self, page: &Page) {
        self.one.own(&page.cells()[place_of(self.bucket)]);
        self.units.own(page.sum());
    }

    fn shared(self, page: &Page) {
        self.one.shared(&page.cells()[place_of(self.bucket)]);
        self.units.shared(page.sum());
    }
}

/// How one record changes a cell.
pub(crate) trait Change: Copy {
    /// By the cell's only writer: a load and a store.
    fn own(self, cell: &AtomicU64);
    /// By one of many writers: a read-modify-write.
    fn shared(self, cell: &AtomicU64);
}

/// Adds, wrapping.
#[derive(Clone, Copy)]
pub(crate) struct Add(pub(crate) u64);

impl Change for Add {
    #[inline(always)]
    fn own(self, cell: &AtomicU64) {
        own_add(cell, self.0, Relaxed); // Relaxed, no RMW: this thread is the only writer
    }

    fn shared(self, cell: &AtomicU64) {
        cell.fetch_add(self.0, Relaxed);
    }
}

/// Adds, wrapping, and publishes what came before: a decrement after its increment.
#[derive(Clone, Copy)]
pub(crate) struct AddDecrement(pub(crate) u64);

impl Change for AddDecrement {
    #[inline(always)]
    fn own(self, cell: &AtomicU64) {
        own_add(cell, self.0, order::DEC_PUBLISH);
    }

    fn shared(self, cell: &AtomicU64) {
        cell.fetch_add(self.0, order::DEC_PUBLISH);
    }
}

#[inline(always)]
fn own_add(cell: &AtomicU64, n: u64, ordering: Ordering) {
    cell.store(cell.load(Relaxed).wrapping_add(n), ordering);
}

/// Adds, and stays at the top instead of wrapping: sums must never fall.
#[derive(Clone, Copy)]
pub(crate) struct AddSaturating(pub(crate) u64);

impl Change for AddSaturating {
    #[inline(always)]
    fn own(self, cell: &AtomicU64) {
        match cell.load(Relaxed).checked_add(self.0) {
            Some(sum) => cell.store(sum, Relaxed),
            None => stay_at_the_top(cell),
        }
    }

    fn shared(self, cell: &AtomicU64) {
        let add = |sum: u64| Some(sum.saturating_add(self.0));
        let _always_some = cell.fetch_update(Relaxed, Relaxed, add);
    }
}

#[cold]
#[inline(never)]
fn stay_at_the_top(cell: &AtomicU64) {
    cell.store(u64::MAX, Relaxed);
}

/// Adds to a cell that holds the bits of an `f64`.
#[derive(Clone, Copy)]
pub(crate) struct AddFloat(pub(crate) f64);

impl AddFloat {
    #[inline(always)]
    fn to(self, bits: u64) -> u64 {
        (f64::from_bits(bits) + self.0).to_bits()
    }
}

impl Change for AddFloat {
    #[inline(always)]
    fn own(self, cell: &AtomicU64) {
        cell.store(self.to(cell.load(Relaxed)), Relaxed);
    }

    fn shared(self, cell: &AtomicU64) {
        let _always_some = cell.fetch_update(Relaxed, Relaxed, |bits| Some(self.to(bits)));
    }
}
