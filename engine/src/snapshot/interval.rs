//! What a histogram observed between two readings: the difference of their buckets.
//! Upstream: delta, which pairs the readings. Downstream: quantiles of an interval, interval logs.

use super::HistogramSnapshot;
use crate::bucket::Layout;
use crate::shard::page::PAGE_CELLS;
use crate::sync::Arc;

/// The observations that a histogram took between two snapshots. Borrows from neither.
///
/// Memory: one page of 1,024 bytes for each 128 neighbouring HDR buckets (an octave, at 2 digits)
/// that were observed into in between, and the `le` counts' cells.
#[derive(Clone, Default)]
pub struct IntervalHistogram {
    layout: Option<Arc<Layout>>,
    head: Vec<u64>,
    /// Groups that changed, ascending, each with its page in `buckets`.
    groups: Vec<(u32, u32)>,
    buckets: Vec<u64>,
    /// In units, if they can tell: a sum at its top may hide anything.
    sum: Option<u64>,
    /// In units, if it came in between.
    largest: Option<u64>,
}

impl IntervalHistogram {
    /// `layout` is that of both readings, which are of one series.
    pub(super) fn between(
        layout: Option<&Arc<Layout>>,
        earlier: Option<&HistogramSnapshot<'_>>,
        later: &HistogramSnapshot<'_>,
    ) -> Self {
        let mut interval = Self::default();
        interval.refill(layout, earlier, later);
        interval
    }

    /// Becomes that of other readings, in the same memory as long as it is enough.
    pub(super) fn refill(
        &mut self,
        layout: Option<&Arc<Layout>>,
        earlier: Option<&HistogramSnapshot<'_>>,
        later: &HistogramSnapshot<'_>,
    ) {
        let Self { head, groups, buckets, .. } = self;
        head.clear();
        head.extend_from_slice(later.head);
        groups.clear();
        buckets.clear();
        let mut known = earlier.into_iter().flat_map(HistogramSnapshot::pages).peekable();
        for (first, page) in later.pages() {
            let start = buckets.len();
            buckets.extend_from_slice(page);
            while let Some((at, before)) = known.next_if(|(at, _)| *at <= first) {
                if at == first {
                    subtract(&mut buckets[start..], before);
                }
            }
            if buckets[start..].iter().all(|&n| n == 0) {
                buckets.truncate(start);
            } else {
                groups.push(((first / PAGE_CELLS) as u32, (start / PAGE_CELLS) as u32));
            }
        }
        let (mut sum, mut largest) = (later.sum, later.largest);
        if let Some(earlier) = earlier {
            subtract(head, earlier.head);
            let known = earlier.sum.filter(|&sum| sum < u64::MAX);
            largest = largest.filter(|&largest| Some(largest) > earlier.largest);
            sum = sum.zip(known).map(|(now, then)| now.saturating_sub(then));
        }
        (self.layout, self.sum, self.largest) = (layout.cloned(), sum, largest);
    }

    /// The distribution of the interval: its count, sum, `le` counts, quantiles, least and greatest
    /// to bucket precision, and so on. Costs nothing.
    ///
    /// ```
    /// use tmc_engine::{HistogramSpec, Registry};
    /// let registry = Registry::new();
    /// let latency = registry.histogram("latency_seconds", "", &HistogramSpec::seconds(&[0.1]))?;
    /// latency.observe(5.0);
    /// let earlier = registry.snapshot();
    /// latency.observe(0.1);
    /// latency.observe(0.3);
    /// let later = registry.snapshot();
    ///
    /// let delta = later.since(&earlier);
    /// let series = delta.get("latency_seconds", &[]).ok_or("registered above")?;
    /// let interval = series.histogram().ok_or("a histogram")?;
    /// assert_eq!(interval.reading().cumulative(), [(0.1, 1), (f64::INFINITY, 2)]);
    /// assert!(interval.reading().quantile(1.0).ok_or("observed")? < 0.303);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn reading(&self) -> HistogramSnapshot<'_> {
        HistogramSnapshot {
            layout: self.layout.as_deref(),
            head: &self.head,
            groups: &self.groups,
            buckets: &self.buckets,
            sum: self.sum,
            largest: self.largest,
            exemplars: Default::default(),
        }
    }
}

/// Counts only grow, unless the two readings were swapped: then nothing is left.
fn subtract(from: &mut [u64], what: &[u64]) {
    for (from, what) in from.iter_mut().zip(what) {
        *from = from.saturating_sub(*what);
    }
}

impl std::fmt::Debug for IntervalHistogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.reading().fmt(f)
    }
}
