//! Counters: integer, floating-point, and pinned to a thread.
//! Upstream: the program. Downstream: the thread's shard.

use super::instrument_debug;
use crate::registry::series::Hold;
use crate::shard::change::{Add, AddFloat, At};
use crate::shard::owner::{self, Pin};
use crate::shard::page::Page;
use crate::shard::page_of;

/// A count that only rises.
///
/// A cheap owned handle: cloning it counts a reference. Recording costs a thread-local look-up, a
/// load, an add and a store; it never fails, panics, locks or waits, and does not allocate once the
/// thread has touched the counter's page of cells (1,152 bytes for 128 series; see [`Counter::warm`]).
/// The total wraps beyond 2^64 - 1.
#[derive(Clone)]
pub struct Counter {
    cell: u32,
    pub(super) series: Hold,
}

impl Counter {
    pub(crate) fn of(series: Hold) -> Self {
        Self { cell: series.cell.id, series }
    }

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.inc_by(1);
    }

    /// Adds `n`.
    #[inline]
    pub fn inc_by(&self, n: u64) {
        owner::apply(self.cell, Add(n));
    }

    /// Counts as a record for the retention period, without one. For counters whose difference means
    /// something, such as what was begun less what has ended: they must be retired together.
    #[inline]
    pub fn touch(&self) {
        self.series.touch();
    }

    /// A handle pinned to the calling thread, about twice as fast as this one.
    ///
    /// May adopt a shard and bring a page; may therefore lock and allocate.
    #[must_use]
    pub fn local(&self) -> LocalCounter {
        let pin = Pin::new();
        let series = self.series.clone();
        LocalCounter { page: pin.page(page_of(self.cell)), cell: self.cell, pin, series }
    }

    /// Makes the calling thread's first touch ahead of time.
    pub fn warm(&self) {
        owner::warm(page_of(self.cell));
    }

    /// The total over all threads. Visits every shard: for tests and rare decisions.
    #[must_use]
    pub fn value(&self) -> u64 {
        owner::sum(self.cell)
    }
}

/// A [`Counter`] pinned to one thread, which it cannot leave.
///
/// While it lives, the thread's shard is adopted by nobody else.
pub struct LocalCounter {
    /// `None` only if the system had no memory for a page; then nothing is recorded.
    page: Option<&'static Page>,
    cell: u32,
    pin: Pin,
    pub(super) series: Hold,
}

impl LocalCounter {
    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.inc_by(1);
    }

    /// Adds `n`.
    #[inline]
    pub fn inc_by(&self, n: u64) {
        if let Some(page) = self.page {
            self.pin.apply(page, At(self.cell, Add(n)));
        }
    }
}

/// A sum of non-negative amounts that only rises, such as seconds of CPU time.
///
/// Costs what a [`Counter`] costs, plus a floating-point addition. Exact up to 2^53 for whole
/// amounts, with the rounding of `f64` otherwise.
#[derive(Clone)]
pub struct FloatCounter {
    cell: u32,
    pub(super) series: Hold,
}

impl FloatCounter {
    pub(crate) fn of(series: Hold) -> Self {
        Self { cell: series.cell.id, series }
    }

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.inc_by(1.0);
    }

    /// Adds `amount`. A negative amount or NaN is refused, and counted in
    /// `tmc_engine_refused_total`.
    #[inline]
    pub fn inc_by(&self, amount: f64) {
        if amount >= 0.0 {
            owner::apply(self.cell, AddFloat(amount));
        } else {
            self.series.refuse(amount);
        }
    }

    /// A handle pinned to the calling thread; as [`Counter::local`].
    #[must_use]
    pub fn local(&self) -> LocalFloatCounter {
        let pin = Pin::new();
        let series = self.series.clone();
        LocalFloatCounter { page: pin.page(page_of(self.cell)), cell: self.cell, pin, series }
    }

    /// Makes the calling thread's first touch ahead of time.
    pub fn warm(&self) {
        owner::warm(page_of(self.cell));
    }

    /// The total over all threads. Visits every shard.
    #[must_use]
    pub fn value(&self) -> f64 {
        owner::sum_floats(self.cell)
    }
}

/// A [`FloatCounter`] pinned to one thread; as [`LocalCounter`].
pub struct LocalFloatCounter {
    page: Option<&'static Page>,
    cell: u32,
    pin: Pin,
    pub(super) series: Hold,
}

impl LocalFloatCounter {
    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.inc_by(1.0);
    }

    /// Adds `amount`; as [`FloatCounter::inc_by`].
    #[inline]
    pub fn inc_by(&self, amount: f64) {
        if amount >= 0.0 {
            if let Some(page) = self.page {
                self.pin.apply(page, At(self.cell, AddFloat(amount)));
            }
        } else {
            self.series.refuse(amount);
        }
    }
}

instrument_debug!(Counter, FloatCounter);
