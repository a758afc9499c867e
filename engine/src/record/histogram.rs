//! Histograms: one increment per observation serves exact `le` counts and HDR quantiles.
//! Upstream: the program. Downstream: the thread's shard.

use super::instrument_debug;
use crate::bucket::{HEAD_INFINITE, HEAD_OVER, HEAD_SUM, Layout, Place, to_units};
use crate::registry::histogram::HistogramCells;
use crate::registry::series::{Hold, Series};
use crate::shard::change::{Add, AddSaturating, At, Change, Observe};
use crate::shard::owner::{self, Pin};
use crate::shard::page::{PAGE_BITS, PAGE_CELLS, Page};
use crate::shard::{CellId, page_of};
use crate::sync::Arc;
use std::cell::Cell;
use std::time::Duration;

/// A distribution of durations or sizes.
///
/// An observation costs the updates of two neighbouring cells of the thread. It never fails, panics, locks or waits, and
/// does not allocate once the thread has touched the octave of the value (1,152 bytes each at
/// two significant digits; see [`Histogram::warm`]). NaN and negative observations are refused, and
/// counted in `tmc_engine_refused_total`; those above the range are counted in `+Inf` and the sum.
#[derive(Clone)]
pub struct Histogram {
    cells: Arc<HistogramCells>,
    series: Hold,
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
        observe(self, value);
    }

    /// Observes a duration.
    #[inline]
    pub fn observe_duration(&self, duration: Duration) {
        self.record(nanoseconds(duration));
    }

    /// Observes a value in the integer base unit: nanoseconds for seconds, bytes for bytes.
    #[inline]
    pub fn record(&self, units: u64) {
        record(self, units);
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

    /// Sum so far in the family's unit, over all threads. Visits every shard.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.cells.sum()
    }
}

/// What the two kinds of handle differ in: how they reach a page.
trait Recorder {
    fn layout(&self) -> &Layout;
    fn series(&self) -> &Series;
    /// Changes a cell of the head.
    fn head(&self, place: u32, change: impl Change);
    /// Counts in an HDR bucket, and in the sum.
    fn bucket(&self, index: usize, units: u64);
}

#[inline(always)]
fn observe(to: &impl Recorder, value: f64) {
    match to.layout().short_units(value) {
        Some(units) => in_range(to, units),
        None => observe_slowly(to, value),
    }
}

#[cold]
#[inline(never)]
fn observe_slowly(to: &impl Recorder, value: f64) {
    if value >= 0.0 {
        record(to, to_units(value, to.layout().scale));
        if value == f64::INFINITY {
            to.head(HEAD_INFINITE, Add(1));
        }
    } else {
        to.series().refuse(value);
    }
}

#[inline(always)]
fn record(to: &impl Recorder, units: u64) {
    if units > to.layout().max {
        over_range(to, units);
    } else {
        in_range(to, units);
    }
}

#[inline(always)]
fn in_range(to: &impl Recorder, units: u64) {
    match to.layout().unsplit(units) {
        Some(index) => to.bucket(index, units),
        None => split(to, units),
    }
}

/// A value of a bucket, or an octave, that boundaries split.
#[inline(never)]
fn split(to: &impl Recorder, units: u64) {
    match to.layout().place(units) {
        Place::Main(index) => to.bucket(index, units),
        Place::Extra(cell) => {
            to.head(cell, Add(1));
            to.head(HEAD_SUM, AddSaturating(units));
        }
    }
}

#[cold]
#[inline(never)]
fn over_range(to: &impl Recorder, units: u64) {
    to.head(HEAD_OVER, Add(1));
    to.head(HEAD_SUM, AddSaturating(units));
}

fn nanoseconds(duration: Duration) -> u64 {
    let whole = duration.as_secs().saturating_mul(1_000_000_000);
    whole.saturating_add(u64::from(duration.subsec_nanos()))
}

impl Recorder for Histogram {
    #[inline(always)]
    fn layout(&self) -> &Layout {
        &self.cells.layout
    }

    fn series(&self) -> &Series {
        &self.series
    }

    #[inline(always)]
    fn head(&self, place: u32, change: impl Change) {
        owner::apply(self.cells.head.id + place, change);
    }

    #[inline(always)]
    fn bucket(&self, index: usize, units: u64) {
        if let Some(number) = self.cells.group(index >> PAGE_BITS) {
            owner::apply_page(number, Observe { bucket: index as CellId, units });
        }
    }
}

/// A [`Histogram`] pinned to one thread, which it cannot leave.
///
/// While it lives, the thread's shard is adopted by nobody else. It remembers where the thread's
/// buckets are: 8 bytes per octave of the range.
pub struct LocalHistogram {
    head: Option<&'static Page>,
    groups: Box<[Cell<Option<&'static Page>>]>,
    pin: Pin,
    shared: Histogram,
}

impl LocalHistogram {
    fn new(shared: Histogram) -> Self {
        let pin = Pin::new();
        let layout = &shared.cells.layout;
        let head = pin.page(page_of(shared.cells.head.id));
        let groups = (0..layout.groups()).map(|_| Cell::new(None)).collect();
        Self { head, groups, pin, shared }
    }

    /// Observes a value of the family's unit; as [`Histogram::observe`].
    #[inline]
    pub fn observe(&self, value: f64) {
        observe(self, value);
    }

    /// Observes a duration.
    #[inline]
    pub fn observe_duration(&self, duration: Duration) {
        self.record(nanoseconds(duration));
    }

    /// Observes a value in the integer base unit; as [`Histogram::record`].
    #[inline]
    pub fn record(&self, units: u64) {
        record(self, units);
    }

    #[cold]
    #[inline(never)]
    fn find(&self, group: usize) -> Option<&'static Page> {
        let found = self.shared.cells.group(group).and_then(|number| self.pin.page(number));
        self.groups[group].set(found);
        found
    }
}

impl Recorder for LocalHistogram {
    #[inline(always)]
    fn layout(&self) -> &Layout {
        &self.shared.cells.layout
    }

    fn series(&self) -> &Series {
        &self.shared.series
    }

    #[inline(always)]
    fn head(&self, place: u32, change: impl Change) {
        if let Some(page) = self.head {
            self.pin.apply(page, At(self.shared.cells.head.id + place, change));
        }
    }

    #[inline(always)]
    fn bucket(&self, index: usize, units: u64) {
        let group = index >> PAGE_BITS;
        let known = self.groups.get(group).and_then(Cell::get);
        if let Some(page) = known.or_else(|| self.find(group)) {
            self.pin.apply(page, Observe { bucket: index as CellId, units });
        }
    }
}

instrument_debug!(Histogram);
