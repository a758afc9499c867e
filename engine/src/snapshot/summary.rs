//! A summary's reading, and the readings before that its window is cut by.
//! Upstream: merge. Downstream: encode.

use super::merge::Merged;
use super::{FamilyBlocks, HistogramSnapshot, IntervalHistogram};
use crate::bucket::Layout;
use crate::registry::SummarySpec;
use crate::sync::Arc;
use std::collections::VecDeque;
use std::time::Instant;

/// One summary in a [`super::Snapshot`].
#[derive(Clone, Copy, Debug)]
pub struct SummarySnapshot<'a> {
    pub(super) whole: HistogramSnapshot<'a>,
    pub(super) quantiles: &'a [f64],
    pub(super) values: &'a [f64],
}

impl<'a> SummarySnapshot<'a> {
    /// Observations since the series was created.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.whole.count()
    }

    /// Their sum in the family's unit; as [`HistogramSnapshot::sum`].
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.whole.sum()
    }

    /// Each quantile of the family, ascending, and the value at it within the window, in the
    /// family's unit: at most one part in `10^digits` too high; NaN if nothing was observed.
    pub fn quantiles(&self) -> impl ExactSizeIterator<Item = (f64, f64)> + use<'a> {
        self.quantiles.iter().copied().zip(self.values.iter().copied())
    }

    /// The distribution since the series was created, not only within the window.
    #[must_use]
    pub fn whole(&self) -> &HistogramSnapshot<'a> {
        &self.whole
    }
}

/// Earlier readings of one series.
#[derive(Default)]
pub(crate) struct Window {
    /// Ascending by time. Only the first may be as old as the window, or older.
    kept: VecDeque<(Instant, IntervalHistogram)>,
    /// Their memory is used again.
    spare: Vec<IntervalHistogram>,
}

impl Window {
    /// Where the window of a reading taken now begins; `None` for the creation of the series.
    fn start(&mut self, now: Instant, spec: &SummarySpec) -> Option<&IntervalHistogram> {
        let old = |&(at, _): &(Instant, _)| now.saturating_duration_since(at) >= spec.window;
        while self.kept.get(1).is_some_and(old) {
            self.spare.extend(self.kept.pop_front().map(|(_, reading)| reading));
        }
        self.kept.front().filter(|first| old(first)).map(|(_, reading)| reading)
    }

    /// Keeps this reading if the last one that was kept is a slice ago.
    fn keep(
        &mut self,
        now: Instant,
        spec: &SummarySpec,
        layout: Option<&Arc<Layout>>,
        reading: &HistogramSnapshot<'_>,
    ) {
        let last = self.kept.back().map(|&(at, _)| now.saturating_duration_since(at));
        if last.is_none_or(|ago| ago >= spec.slice()) {
            let mut kept = self.spare.pop().unwrap_or_default();
            kept.refill(layout, None, reading);
            self.kept.push_back((now, kept));
        }
    }
}

impl Merged {
    /// The quantiles of all summaries, from their readings now and before.
    pub(super) fn windows(&mut self, families: &[FamilyBlocks], now: Instant) {
        let mut quantiles = std::mem::take(&mut self.quantiles);
        let mut interval = std::mem::take(&mut self.interval);
        quantiles.clear();
        for family in families {
            let (Some(spec), layout) = (&family.meta.summary, family.meta.layout.as_ref()) else {
                continue;
            };
            let series = family.list.series();
            for (at, series) in (family.first..).zip(series) {
                let Some(window) = series.window() else { continue };
                let mut window = window.lock();
                let plain = layout.map(|layout| &**layout);
                let reading = HistogramSnapshot::new(self, series, plain, at, Default::default());
                let start = window.start(now, spec).map(IntervalHistogram::reading);
                interval.refill(layout, start.as_ref(), &reading);
                window.keep(now, spec, layout, &reading);
                let first = quantiles.len();
                let within = interval.reading();
                quantiles
                    .extend(spec.quantiles.iter().map(|&q| within.quantile(q).unwrap_or(f64::NAN)));
                self.histograms[at].quantiles = first as u32;
            }
        }
        self.quantiles = quantiles;
        self.interval = interval;
    }

    /// The quantiles of the summary with this index.
    pub(super) fn quantiles(&self, index: usize, len: usize) -> &[f64] {
        let first = self.histograms.get(index).map_or(0, |entry| entry.quantiles as usize);
        self.quantiles.get(first..first + len).unwrap_or(&[])
    }
}
