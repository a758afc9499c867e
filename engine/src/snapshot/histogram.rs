//! A histogram's reading: exact `le` counts and HDR quantiles from the same buckets.
//! Upstream: merge, and interval, which subtracts one reading from another. Downstream: encode,
//! summaries, native buckets, `hdrhistogram`.

use super::exemplar::{ExemplarSnapshot, SeriesExemplars};
use super::merge::Merged;
use crate::bucket::{HEAD_INFINITE, HEAD_OVER, HEAD_SUM, Layout};
use crate::registry::series::Series;
use crate::shard::page::PAGE_CELLS;
use hdrhistogram::Histogram as HdrHistogram;

/// One histogram in a [`super::Snapshot`].
#[derive(Clone, Copy)]
pub struct HistogramSnapshot<'a> {
    pub(super) layout: Option<&'a Layout>,
    pub(super) head: &'a [u64],
    /// Touched groups in ascending order, each with its page in `buckets`.
    pub(super) groups: &'a [(u32, u32)],
    pub(super) buckets: &'a [u64],
    /// In units; `None` where the difference of two sums cannot tell.
    pub(super) sum: Option<u64>,
    /// The largest observation in units, where it is known.
    pub(super) largest: Option<u64>,
    /// Of an interval: none.
    pub(super) exemplars: SeriesExemplars<'a>,
}

impl std::fmt::Debug for HistogramSnapshot<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HistogramSnapshot")
            .field("count", &self.count())
            .field("sum", &self.sum())
            .finish()
    }
}

impl<'a> HistogramSnapshot<'a> {
    pub(super) fn new(
        merged: &'a Merged,
        series: &Series,
        layout: Option<&'a Layout>,
        index: usize,
        exemplars: SeriesExemplars<'a>,
    ) -> Self {
        let added = series.gauge_histogram().map(|cells| &cells.added);
        let cells = series.histogram().map(|cells| &**cells).or(added);
        let head = cells.zip(layout).and_then(|(cells, layout)| {
            let first = cells.head.slot as usize;
            merged.cells.get(first..first + layout.head_len() as usize)
        });
        let (groups, sum, largest) = match merged.histograms.get(index..index + 2) {
            Some([this, next]) => {
                let groups = &merged.groups[this.first as usize..next.first as usize];
                (groups, this.sum, this.largest)
            }
            _ => (&[][..], 0, None),
        };
        let head = head.unwrap_or(&[]);
        let sum = sum.saturating_add(head.get(HEAD_SUM as usize).copied().unwrap_or(0));
        Self { layout, head, groups, buckets: &merged.buckets, sum: Some(sum), largest, exemplars }
    }

    pub(super) fn head(&self, place: u32) -> u64 {
        self.head.get(place as usize).copied().unwrap_or(0)
    }

    /// First HDR bucket and cells of each group that has a page, ascending.
    pub(super) fn pages(&self) -> impl Iterator<Item = (usize, &'a [u64])> {
        let buckets = self.buckets;
        self.groups.iter().map(move |&(group, page)| {
            let first = page as usize * PAGE_CELLS;
            (group as usize * PAGE_CELLS, &buckets[first..first + PAGE_CELLS])
        })
    }

    /// Observations: the sum of all buckets of this reading.
    #[must_use]
    pub fn count(&self) -> u64 {
        let buckets = self.pages().flat_map(|(_, page)| page);
        let extras = self.head.iter().skip(HEAD_INFINITE as usize + 1);
        buckets.chain(extras).sum::<u64>() + self.head(HEAD_OVER)
    }

    /// Sum in the family's unit. Infinite once `+Inf` was observed.
    ///
    /// Whole units (nanoseconds, bytes) up to 2^64 of them, where it stops growing.
    /// May differ from the buckets by observations made while the reading was taken. NaN for an
    /// interval that began when the sum had stopped growing.
    #[must_use]
    pub fn sum(&self) -> f64 {
        if self.head(HEAD_INFINITE) > 0 {
            return f64::INFINITY;
        }
        let scale = self.layout.map_or(1.0, |layout| layout.scale);
        self.sum.map_or(f64::NAN, |sum| sum as f64 / scale)
    }

    /// Calls `each` with every boundary and the count at or below it, the last one `+Inf`.
    /// Does not allocate.
    pub fn for_each_bucket(&self, mut each: impl FnMut(f64, u64)) {
        let bounds = self.layout.map_or(&[][..], |layout| &layout.bounds);
        let (mut below, mut extras) = (0, 0);
        let mut pages = self.pages().peekable();
        let mut from = 0; // first HDR bucket that is not in `below`
        for bound in bounds {
            extras += bound.extra.map_or(0, |extra| self.head(extra));
            // A split bucket's own cell holds what lies above its boundaries.
            let to = bound.index + usize::from(bound.extra.is_none());
            while let Some(&(first, page)) = pages.peek() {
                let (lo, hi) =
                    (from.max(first) - first, to.clamp(first, first + PAGE_CELLS) - first);
                below += page.get(lo..hi).map_or(0, |cells| cells.iter().sum::<u64>());
                if to < first + PAGE_CELLS {
                    break;
                }
                pages.next();
            }
            from = to.max(from);
            each(bound.le, below + extras);
        }
        let above = pages.flat_map(|(first, page)| page.iter().skip(from.saturating_sub(first)));
        each(f64::INFINITY, below + extras + above.sum::<u64>() + self.head(HEAD_OVER));
    }

    /// The exemplars of the buckets that have one: the bucket's boundary, and the exemplar, whose value
    /// is at or below it and above the boundary before. An interval has none.
    pub fn exemplars(&self) -> impl Iterator<Item = (f64, ExemplarSnapshot<'a>)> + use<'a> {
        let bounds = self.layout.map_or(&[][..], |layout| &layout.bounds);
        let le = |bucket: usize| bounds.get(bucket).map_or(f64::INFINITY, |bound| bound.le);
        self.exemplars.iter().map(move |(bucket, exemplar)| (le(bucket), exemplar))
    }

    /// Every boundary and the count at or below it, the last one `+Inf`.
    #[must_use]
    pub fn cumulative(&self) -> Vec<(f64, u64)> {
        let mut buckets = Vec::new();
        self.for_each_bucket(|le, count| buckets.push((le, count)));
        buckets
    }

    /// The value at or below which a share `q` (0 to 1) of the observations lies, in the family's
    /// unit: the upper edge of its HDR bucket, so at most one part in `10^digits` too high.
    /// Observations over the range count as its top. `None` without observations.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let layout = self.layout?;
        let count = self.count();
        if count == 0 || q.is_nan() {
            return None;
        }
        let rank = ((q.clamp(0.0, 1.0) * count as f64).ceil() as u64).clamp(1, count);
        let mut seen = 0;
        let mut found = layout.max;
        self.for_each_hdr(|index, n| {
            if seen < rank && seen + n >= rank {
                let top = layout.hdr.high(index).min(layout.max);
                let largest = self.largest.unwrap_or(top).max(layout.hdr.low(index));
                found = top.min(largest);
            }
            seen += n;
        });
        Some(found as f64 / layout.scale)
    }

    /// The mean of the observations in the family's unit, as exact as the sum; `None` without any.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        let count = self.count();
        (count > 0).then(|| self.sum() / count as f64)
    }

    /// The least observation, in the family's unit, to bucket precision: the lower edge of its HDR
    /// bucket, so at most one part in `10^digits` too low. `None` without observations.
    #[must_use]
    pub fn min(&self) -> Option<f64> {
        let layout = self.layout?;
        let mut first = (self.head(HEAD_OVER) > 0).then_some(layout.max);
        self.for_each_hdr(|index, _| {
            let low = layout.hdr.low(index);
            first = Some(first.map_or(low, |first| first.min(low)));
        });
        Some(first? as f64 / layout.scale)
    }

    /// The greatest observation, in the family's unit: exact, rounded to whole units, above the range
    /// too. `None` without observations.
    ///
    /// Of an interval, it is exact if it is the greatest ever; else to bucket precision: the upper
    /// edge of its HDR bucket, and the top of the range for one above it.
    #[must_use]
    pub fn max(&self) -> Option<f64> {
        let scale = self.layout?.scale;
        let edge = self.quantile(1.0)?;
        if self.head(HEAD_INFINITE) > 0 {
            return Some(f64::INFINITY);
        }
        Some(self.largest.map_or(edge, |largest| (largest as f64 / scale).max(edge)))
    }

    /// Every HDR bucket that has observations, ascending, its split parts put together again.
    pub(super) fn for_each_hdr(&self, mut each: impl FnMut(usize, u64)) {
        let mut each = |index, n| {
            if n > 0 {
                each(index, n);
            }
        };
        let bounds = self.layout.map_or(&[][..], |layout| &layout.bounds);
        let mut splits =
            bounds.iter().filter_map(|b| Some((b.index, self.head(b.extra?)))).peekable();
        for (first, page) in self.pages() {
            for (at, &n) in page.iter().enumerate() {
                let index = first + at;
                // Split parts of buckets in groups that nobody touched come first.
                while let Some((before, n)) = splits.next_if(|&(split, _)| split < index) {
                    each(before, n);
                }
                let mut n = n;
                while let Some((_, part)) = splits.next_if(|&(split, _)| split == index) {
                    n += part;
                }
                each(index, n);
            }
        }
        splits.for_each(|(index, n)| each(index, n));
    }

    /// The same as an `hdrhistogram` in integer units (nanoseconds, bytes), over-range observations
    /// at the top of the range.
    #[must_use]
    pub fn to_hdr(&self) -> Option<HdrHistogram<u64>> {
        let layout = self.layout?;
        let mut hdr = HdrHistogram::new_with_bounds(1, layout.max.max(2), layout.digits).ok()?;
        self.for_each_hdr(|index, n| hdr.saturating_record_n(layout.hdr.low(index), n));
        // Recording none of a value would still raise the maximum to it.
        if self.head(HEAD_OVER) > 0 {
            hdr.saturating_record_n(layout.max, self.head(HEAD_OVER));
        }
        Some(hdr)
    }
}
