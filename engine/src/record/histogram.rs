//! Histograms: one increment per observation serves exact `le` counts and HDR quantiles.
//! Upstream: the program. Downstream: the thread's shard.

use super::instrument_debug;
use crate::bucket::{HEAD_INFINITE, HEAD_OVER, HEAD_SUM, Layout, OCTAVES, Place, Scaled, to_units};
use crate::registry::histogram::HistogramCells;
use crate::registry::series::Hold;
use crate::shard::change::{Add, AddSaturating, Change, Observe, PageChange};
use crate::shard::owner::{self, Pin};
use crate::shard::page::{PAGE_BITS, PAGE_CELLS, Page};
use crate::shard::{CellId, page_of};
use crate::sync::Arc;
use std::cell::Cell;
use std::time::Duration;

/// A distribution of durations or sizes.
///
/// An observation costs the updates of two neighbouring cells of the thread; one above all before it
/// raises the series' maximum, too, which threads share. It never fails, panics, locks or waits, and
/// does not allocate once the thread has touched the octave of the value (1,152 bytes each at two
/// significant digits: see [`HistogramSpec::digits`] and [`Histogram::warm`]).
///
/// NaN and negative observations are refused, and counted in `tmc_engine_refused_total`. Those above
/// the range are counted in `+Inf` and the sum; so are all for whose buckets there is no memory, or
/// none of the process's 2^20 numbers of pages.
///
/// [`HistogramSpec::digits`]: crate::HistogramSpec::digits
#[derive(Clone)]
pub struct Histogram {
    pub(super) cells: Arc<HistogramCells>,
    pub(super) series: Hold,
}

impl Histogram {
    pub(crate) fn of(series: Hold) -> Self {
        // A family of histograms makes series with histogram cells; nothing else comes here.
        let nowhere = || Arc::new(HistogramCells::detached(&Arc::new(Layout::nowhere())));
        let cells = series.histogram().map_or_else(nowhere, Arc::clone);
        Self { cells, series }
    }

    /// Observes a value of the family's unit: seconds, bytes.
    ///
    /// It is rounded to the nearest whole nanosecond or byte. `+Inf` makes the sum infinite.
    #[inline]
    pub fn observe(&self, value: f64) {
        match self.cells.below(value) {
            Some(value) => self.count_in(value),
            None => self.observe_slowly(value),
        }
    }

    /// Observes a duration. A histogram of anything but seconds refuses it, and counts it in
    /// `tmc_engine_refused_total` as `nan`: as no number of its unit.
    #[inline]
    pub fn observe_duration(&self, duration: Duration) {
        if self.cells.layout.takes_durations() {
            self.record(nanoseconds(duration));
        } else {
            self.series.refuse(f64::NAN);
        }
    }

    /// Observes a value in the integer base unit: nanoseconds for seconds, bytes for bytes.
    #[inline]
    pub fn record(&self, units: u64) {
        let Some(value) = self.cells.below_units(units) else { return self.record_slowly(units) };
        let plain = Observe { bucket: units as u32, units };
        match self.cells.plain(units) {
            Some(page) if owner::apply_known(page, plain) => {}
            _ => self.count_in(value),
        }
    }

    /// A handle pinned to the calling thread, faster than this one.
    ///
    /// May adopt a shard and bring a page; may therefore lock and allocate.
    #[must_use]
    pub fn local(&self) -> LocalHistogram {
        LocalHistogram::new(self.clone())
    }

    /// Makes the calling thread's first touches ahead of time, for values up to the largest `le`
    /// boundary, or for the whole range where there is none.
    pub fn warm(&self) {
        owner::warm(page_of(self.cells.head.id));
        let layout = &*self.cells.layout;
        let top = layout.bounds.last().map_or(layout.max, |bound| bound.units);
        for group in 0..=layout.hdr.index(top) / PAGE_CELLS {
            if let Some(number) = self.cells.group(group) {
                owner::warm(number);
            }
        }
    }

    /// Observations so far, over all threads. Visits every shard and bucket.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.cells.count()
    }

    /// The largest observation so far in the family's unit, over all threads, rounded to whole units;
    /// `None` without observations. Visits every shard and bucket.
    #[must_use]
    pub fn max(&self) -> Option<f64> {
        let largest = || self.cells.largest() as f64 / self.cells.layout.scale;
        (self.count() > 0)
            .then(|| if self.sum() == f64::INFINITY { f64::INFINITY } else { largest() })
    }

    /// Sum so far in the family's unit, over all threads. Visits every shard.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.cells.sum()
    }
}

impl Histogram {
    #[inline(always)]
    fn count_in(&self, value: Scaled) {
        let units = value.units();
        let quick = self
            .cells
            .bucket(value)
            .is_some_and(|(page, bucket)| owner::apply_known(page, Observe { bucket, units }));
        if !quick {
            self.place(units);
        }
    }

    /// A value above all before it, or one that has no bucket.
    #[cold]
    #[inline(never)]
    fn observe_slowly(&self, value: f64) {
        let layout = &*self.cells.layout;
        if self.cells.largest.see(value, layout) {
            self.place(to_units(value, layout.scale));
        } else if value >= 0.0 {
            self.record_slowly(to_units(value, layout.scale));
            if value == f64::INFINITY {
                self.head(HEAD_INFINITE, Add(1));
            }
        } else {
            self.series.refuse(value);
        }
    }

    #[cold]
    #[inline(never)]
    fn record_slowly(&self, units: u64) {
        let layout = &*self.cells.layout;
        self.cells.largest.see_units(units, layout);
        if units <= layout.max { self.place(units) } else { self.over_range(units) }
    }

    /// A value of a bucket that boundaries split, or whose page the thread does not have yet.
    #[cold]
    #[inline(never)]
    fn place(&self, units: u64) {
        match self.cells.layout.place(units) {
            Place::Main(index) => {
                let change = Observe { bucket: index as CellId, units };
                let page = self.cells.group(index >> PAGE_BITS);
                if !page.is_some_and(|number| owner::apply_page(number, change)) {
                    self.over_range(units);
                }
            }
            Place::Extra(cell) => {
                self.head(cell, Add(1));
                self.head(HEAD_SUM, AddSaturating(units));
            }
        }
    }

    /// Counted in `+Inf` and the sum only: above the range, or no memory for a bucket.
    #[cold]
    fn over_range(&self, units: u64) {
        self.head(HEAD_OVER, Add(1));
        self.head(HEAD_SUM, AddSaturating(units));
    }

    fn head(&self, place: u32, change: impl Change) {
        owner::apply(self.cells.head.id + place, change);
    }
}

/// Where a [`LocalHistogram`] keeps the page of values that are their own buckets: at zero's octave.
const PLAIN: usize = Scaled::ZERO.octave();

pub(super) fn nanoseconds(duration: Duration) -> u64 {
    let whole = duration.as_secs().saturating_mul(1_000_000_000);
    whole.saturating_add(u64::from(duration.subsec_nanos()))
}

/// A [`Histogram`] pinned to one thread, which it cannot leave.
///
/// While it lives, the thread's shard is adopted by nobody else. It remembers in 512 bytes where the
/// thread's buckets are, as long as an octave of values has one page: at one and two significant
/// digits. At three it is no faster than a [`Histogram`].
pub struct LocalHistogram {
    /// The largest float known to the series, as bits; at most the layout's `short`.
    float: Cell<u64>,
    /// The largest number of units known to the series; at most the layout's `short_units`.
    units: Cell<u64>,
    /// The layout's, where an observation finds them a step earlier.
    scale: f64,
    plain: u64,
    layout: Arc<Layout>,
    /// By octave: the thread's own page, once it is known.
    pages: Box<[Cell<Option<&'static Page>>; OCTAVES]>,
    /// Does what is not on the short way: it finds the same cells.
    pub(super) shared: Histogram,
    pin: Pin,
}

impl LocalHistogram {
    fn new(shared: Histogram) -> Self {
        let layout = Arc::clone(&shared.cells.layout);
        let pages = Box::new([const { Cell::new(None) }; OCTAVES]);
        let (float, units) = (Cell::new(0), Cell::new(0));
        let (scale, plain) = (layout.scale, layout.plain());
        Self { float, units, scale, plain, layout, pages, shared, pin: Pin::new() }
    }

    /// Observes a value of the family's unit; as [`Histogram::observe`].
    #[inline]
    pub fn observe(&self, value: f64) {
        let short = value.to_bits() <= self.float.get();
        // SAFETY: the bits are at most `short` (see the field `float`).
        if !(short && self.count_in(unsafe { Scaled::new(value, self.scale) })) {
            self.observe_slowly(value);
        }
    }

    /// Observes a duration; as [`Histogram::observe_duration`].
    #[inline]
    pub fn observe_duration(&self, duration: Duration) {
        if self.layout.takes_durations() {
            self.record(nanoseconds(duration));
        } else {
            self.shared.observe_duration(duration);
        }
    }

    /// Observes a value in the integer base unit; as [`Histogram::record`].
    #[inline]
    pub fn record(&self, units: u64) {
        let short = units <= self.units.get();
        if units < self.plain
            && short
            && let Some(page) = self.pages[PLAIN].get()
        {
            return Observe { bucket: units as u32, units }.own(page);
        }
        // SAFETY: at most `short_units` (see the field `units`).
        if !(short && self.count_in(unsafe { self.layout.scaled_units(units) })) {
            self.record_slowly(units);
        }
    }

    #[inline(always)]
    fn count_in(&self, value: Scaled) -> bool {
        let Some(bucket) = self.layout.unsplit(value) else { return false };
        let Some(page) = self.pages[value.octave()].get() else { return false };
        Observe { bucket, units: value.units() }.own(page);
        true
    }

    #[cold]
    #[inline(never)]
    fn observe_slowly(&self, value: f64) {
        self.shared.observe(value);
        self.float.set(self.shared.cells.largest.float());
        self.learn(self.shared.cells.below(value));
    }

    #[cold]
    #[inline(never)]
    fn record_slowly(&self, units: u64) {
        self.shared.record(units);
        self.units.set(self.shared.cells.largest.units());
        self.learn(self.shared.cells.below_units(units));
    }

    /// Remembers the page of a value that was just counted. Without memory for it, or without a
    /// shard of its own, the thread goes on through the shared handle.
    fn learn(&self, value: Option<Scaled>) {
        let Some(value) = value.filter(|_| self.layout.octave_has_one_page()) else { return };
        let Some((number, bucket)) = self.shared.cells.bucket(value) else { return };
        let entry = &self.pages[value.octave()];
        if number > 0 && entry.get().is_none() {
            entry.set(self.pin.own_page(number));
        }
        if (bucket as usize) < PAGE_CELLS {
            self.pages[PLAIN].set(entry.get());
        }
    }
}

instrument_debug!(Histogram);
