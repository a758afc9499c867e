//! Gauge histograms: the distribution of what exists now.
//! Upstream: the program. Downstream: the thread's shard, in cells for what came and what went.

use super::instrument_debug;
use crate::bucket::{HEAD_INFINITE, HEAD_OVER, HEAD_SUM, Layout, Place, to_units};
use crate::registry::gauge_histogram::GaugeHistogramCells;
use crate::registry::histogram::HistogramCells;
use crate::registry::series::Hold;
use crate::shard::CellId;
use crate::shard::change::{Add, AddDecrement, Change, Count};
use crate::shard::owner;
use crate::shard::page::PAGE_BITS;
use crate::sync::Arc;

/// The greatest value that is summed, in units: the longest range.
const MOST_SUMMED: u64 = 1 << 62;

/// The distribution of things that exist now: sizes of open files, priorities of queued items.
///
/// Each change costs about two counters' and a search among the boundaries. It never fails, panics,
/// locks or waits, and does not allocate once the thread has touched the octave of the value. No
/// reading shows a bucket below zero as long as every removal follows the addition of its value.
///
/// NaN and negative values are refused, and counted in `tmc_engine_refused_total`. Those above the
/// range are counted in `+Inf` and the sum; one above 2^62 nanoseconds or bytes makes the sum infinite
/// for as long as it is there. Sums of 2^63 and more cannot be told from those of a removal too many:
/// they show as 0.
///
/// ```
/// use tmc_engine::{HistogramSpec, Registry};
/// let registry = Registry::new();
/// let spec = HistogramSpec::bytes(&[1024.0]);
/// let open = registry.gauge_histogram("open_files_bytes", "Sizes of open files", &spec)?;
/// let small = open.track(100.0); // until it is dropped
/// open.add(5000.0);
/// assert_eq!(open.count(), 2);
/// open.remove(5000.0);
/// drop(small);
/// assert_eq!(open.count(), 0);
/// # Ok::<(), tmc_engine::RegisterError>(())
/// ```
#[derive(Clone)]
pub struct GaugeHistogram {
    cells: Arc<GaugeHistogramCells>,
    series: Hold,
}

impl GaugeHistogram {
    pub(crate) fn of(series: Hold) -> Self {
        // Without cells of the kind it is a series that is nowhere visible.
        let nowhere = || Arc::new(GaugeHistogramCells::detached(&Arc::new(Layout::nowhere())));
        let cells = series.gauge_histogram().map_or_else(nowhere, Arc::clone);
        Self { cells, series }
    }

    /// Adds a value of the family's unit, rounded to whole nanoseconds or bytes.
    #[inline]
    pub fn add(&self, value: f64) {
        self.change(value, &self.cells.added, Add);
    }

    /// Removes a value that was added before, on this or another thread.
    ///
    /// One that was not makes its bucket, and the sum, too small for as long as the series lives; no
    /// reading shows less than zero.
    #[inline]
    pub fn remove(&self, value: f64) {
        self.change(value, &self.cells.removed, AddDecrement);
    }

    /// Adds a value now, and removes it when the guard is dropped, on this or another thread.
    ///
    /// The guard owns a handle: beside the two changes, that counts references on memory that
    /// threads share.
    pub fn track(&self, value: f64) -> GaugeHistogramGuard {
        self.add(value);
        GaugeHistogramGuard { histogram: self.clone(), value }
    }

    /// How many values there are, over all threads. Visits every shard and bucket.
    #[must_use]
    pub fn count(&self) -> u64 {
        let removed = self.cells.removed.count_by(owner::sum_decrements);
        self.cells.added.count().saturating_sub(removed)
    }

    fn change<C: Change>(&self, value: f64, cells: &HistogramCells, by: fn(u64) -> C) {
        if value >= 0.0 {
            count(cells, value, by);
            self.series.touch();
        } else {
            self.series.refuse(value);
        }
    }
}

fn count<C: Change>(cells: &HistogramCells, value: f64, by: fn(u64) -> C) {
    let layout = &*cells.layout;
    let units = to_units(value, layout.scale);
    let head = |place, n| owner::apply(cells.head.id + place, by(n));
    let place = (units <= layout.max).then(|| layout.place(units));
    let in_page = |index: usize| {
        let change = Count { bucket: index as CellId, one: by(1), units: by(units) };
        cells.group(index >> PAGE_BITS).is_some_and(|number| owner::apply_page(number, change))
    };
    match place {
        Some(Place::Main(index)) if in_page(index) => return,
        Some(Place::Extra(cell)) => head(cell, 1),
        _ => head(HEAD_OVER, 1), // above the range, or no memory for a bucket
    }
    // A few of more would wrap the sum around, which then looked like nothing.
    if units > MOST_SUMMED { head(HEAD_INFINITE, 1) } else { head(HEAD_SUM, units) }
}

/// Counted in a gauge histogram from [`GaugeHistogram::track`] until it is dropped, on any thread.
#[must_use = "it is counted until this is dropped"]
#[derive(Debug)]
pub struct GaugeHistogramGuard {
    histogram: GaugeHistogram,
    value: f64,
}

impl Drop for GaugeHistogramGuard {
    fn drop(&mut self) {
        if self.value >= 0.0 {
            self.histogram.remove(self.value); // else it was refused when it came
        }
    }
}

instrument_debug!(GaugeHistogram);
