//! Delta: what changed between two snapshots. Pairs the series of both; nothing is copied.
//! Upstream: two readings. Downstream: rates, quantiles of an interval, interval logs, tests.

use super::{BlockSnapshot, FamilySnapshot, IntervalHistogram, SeriesSnapshot, Snapshot, Value};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

impl Snapshot {
    /// What changed since an earlier snapshot of the same registry.
    ///
    /// Costs nothing yet: each family is paired when it is asked for.
    ///
    /// ```
    /// use tmc_engine::Registry;
    /// let registry = Registry::new();
    /// let requests = registry.counter_family("requests_total", "", ["code"])?;
    /// let ok = requests.with(["200"]);
    /// ok.inc_by(5);
    /// let earlier = registry.snapshot();
    /// ok.inc_by(2);
    /// requests.with(["500"]).inc();
    /// let later = registry.snapshot();
    ///
    /// let delta = later.since(&earlier);
    /// let family = delta.family("requests_total").ok_or("registered above")?;
    /// let changes: Vec<_> = family.series().map(|series| series.change()).collect();
    /// assert_eq!(changes, [2.0, 1.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn since<'a>(&'a self, earlier: &'a Snapshot) -> Delta<'a> {
        Delta { earlier, later: self }
    }
}

/// What changed between two snapshots.
///
/// A series that was removed and came back is a new one, which began at zero. Swapped snapshots
/// show counters and histograms that did not change.
#[derive(Clone, Copy, Debug)]
pub struct Delta<'a> {
    earlier: &'a Snapshot,
    later: &'a Snapshot,
}

impl<'a> Delta<'a> {
    /// The snapshot that was subtracted.
    #[must_use]
    pub fn earlier(&self) -> &'a Snapshot {
        self.earlier
    }

    /// The snapshot that it was subtracted from.
    #[must_use]
    pub fn later(&self) -> &'a Snapshot {
        self.later
    }

    /// Time between the two, by a clock that never jumps. Zero if the earlier one was never read,
    /// or is the later one.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        let times = self.later.read_at.zip(self.earlier.read_at);
        times.map_or(Duration::ZERO, |(to, from)| to.saturating_duration_since(from))
    }

    /// The families of the later snapshot, by name.
    pub fn families(&self) -> impl ExactSizeIterator<Item = FamilyDelta<'a>> + use<'a> {
        let delta = *self;
        delta.later.families().map(move |family| FamilyDelta::new(delta, family))
    }

    /// The family of this name, if the later snapshot has it.
    #[must_use]
    pub fn family(&self, name: &str) -> Option<FamilyDelta<'a>> {
        self.later.family(name).map(|family| FamilyDelta::new(*self, family))
    }

    /// The series of this family with exactly these label values, if the later snapshot has it.
    /// Looks at one after the other.
    #[must_use]
    pub fn get(&self, family: &str, values: &[&str]) -> Option<SeriesDelta<'a>> {
        let family = self.family(family)?;
        family.series().find(|series| series.later.label_values().eq(values.iter().copied()))
    }
}

/// What changed in a family.
///
/// Making one costs a look-up per 64 series that did not come or go, and a few for each that did.
#[derive(Clone)]
pub struct FamilyDelta<'a> {
    delta: Delta<'a>,
    earlier: Option<FamilySnapshot<'a>>,
    later: FamilySnapshot<'a>,
    /// The blocks of the later snapshot, with the same block of the earlier one.
    blocks: Vec<(BlockSnapshot<'a>, Option<BlockSnapshot<'a>>)>,
    /// Series of the earlier snapshot that are in none of the blocks that both have.
    loose: HashMap<usize, SeriesSnapshot<'a>>,
}

impl<'a> FamilyDelta<'a> {
    fn new(delta: Delta<'a>, later: FamilySnapshot<'a>) -> Self {
        let earlier = delta.earlier.family(later.name()).filter(|known| known.id() == later.id());
        let blocks = earlier.iter().flat_map(FamilySnapshot::blocks);
        let mut known: HashMap<u64, _> = blocks.map(|block| (block.id(), block)).collect();
        let blocks = later.blocks().map(|block| (block, known.remove(&block.id()))).collect();
        let loose = known.values().flat_map(BlockSnapshot::series);
        let loose = loose.map(|series| (series.identity(), series)).collect();
        Self { delta, earlier, later, blocks, loose }
    }

    /// The family in the earlier snapshot; `None` if it was not registered yet.
    #[must_use]
    pub fn earlier(&self) -> Option<FamilySnapshot<'a>> {
        self.earlier
    }

    /// The family in the later snapshot: its name, help, kind and labels.
    #[must_use]
    pub fn later(&self) -> FamilySnapshot<'a> {
        self.later
    }

    /// Every series of the later snapshot, in its order.
    pub fn series(&self) -> impl Iterator<Item = SeriesDelta<'a>> {
        let series = self.blocks.iter().flat_map(|(later, earlier)| {
            let known = *earlier;
            let mut known = known.map(|block| block.series());
            later.series().map(move |series| (series, known.as_mut().and_then(Iterator::next)))
        });
        series.map(|(later, earlier)| SeriesDelta {
            delta: self.delta,
            earlier: earlier.or_else(|| self.loose.get(&later.identity()).copied()),
            later,
        })
    }

    /// Series that only the earlier snapshot has, in its order.
    pub fn removed(&self) -> impl Iterator<Item = SeriesSnapshot<'a>> {
        let fresh = self.blocks.iter().filter(|(_, earlier)| earlier.is_none());
        let fresh = fresh.flat_map(|(later, _)| later.series());
        let alive: HashSet<usize> = fresh.map(|series| series.identity()).collect();
        let series = self.earlier.into_iter().flat_map(|family| family.series());
        series.filter(move |series| {
            let identity = series.identity();
            self.loose.contains_key(&identity) && !alive.contains(&identity)
        })
    }
}

impl std::fmt::Debug for FamilyDelta<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("FamilyDelta").field(&self.later.name()).finish()
    }
}

/// What changed in a series. Copying it costs nothing; looking at a histogram sums its buckets.
#[derive(Clone, Copy)]
pub struct SeriesDelta<'a> {
    delta: Delta<'a>,
    earlier: Option<SeriesSnapshot<'a>>,
    later: SeriesSnapshot<'a>,
}

impl<'a> SeriesDelta<'a> {
    /// The two snapshots.
    #[must_use]
    pub fn delta(&self) -> Delta<'a> {
        self.delta
    }

    /// The series in the earlier snapshot; `None` if it is new since, and so began at zero.
    #[must_use]
    pub fn earlier(&self) -> Option<SeriesSnapshot<'a>> {
        self.earlier
    }

    /// The series in the later snapshot.
    #[must_use]
    pub fn later(&self) -> SeriesSnapshot<'a> {
        self.later
    }

    /// A counter's increase, a gauge's change (which may be negative), how many observations a
    /// histogram took, or how many states of a state set differ.
    #[must_use]
    pub fn change(&self) -> f64 {
        match (self.later.value(), self.earlier.map(|series| series.value())) {
            (Value::Counter(now), Some(Value::Counter(then))) => now.saturating_sub(then) as f64,
            // Sums of floats, rounded one way then and another way now.
            (Value::FloatCounter(now), Some(Value::FloatCounter(then))) => (now - then).max(0.0),
            (Value::Histogram(now), Some(Value::Histogram(then))) => {
                now.count().saturating_sub(then.count()) as f64
            }
            (Value::Summary(now), Some(Value::Summary(then))) => {
                now.count().saturating_sub(then.count()) as f64
            }
            (Value::StateSet(now), Some(Value::StateSet(then))) => f64::from(now.differing(then)),
            (now, then) => {
                let (now, then) = (now.as_f64(), then.map_or(0.0, |then| then.as_f64()));
                // Infinity less infinity is no number, but it is no change either.
                if now == then { 0.0 } else { now - then }
            }
        }
    }

    /// Whether the value is another one. A gauge that moved and came back is not seen to.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        let (now, then) = (self.later.value(), self.earlier.map(|series| series.value()));
        if let (Value::GaugeHistogram(now), Some(Value::GaugeHistogram(then))) = (now, then) {
            return now.differs(&then); // as many values may be others
        }
        let then = self.earlier.map_or(0.0, |series| series.value().as_f64());
        let both_nan = then.is_nan() && self.later.value().as_f64().is_nan();
        self.change() != 0.0 && !both_nan
    }

    /// [`SeriesDelta::change`] per second of the time between the snapshots; `None` if there was
    /// none.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        let seconds = self.delta.elapsed().as_secs_f64();
        (seconds > 0.0).then(|| self.change() / seconds)
    }

    /// The observations in between, if it is a histogram or a summary. Allocates.
    #[must_use]
    pub fn histogram(&self) -> Option<IntervalHistogram> {
        let observed = |series: SeriesSnapshot<'a>| match series.value() {
            Value::Histogram(histogram) => Some(histogram),
            Value::Summary(summary) => Some(summary.whole),
            _ => None,
        };
        let earlier = self.earlier.and_then(observed);
        let layout = self.later.family.meta.layout.as_ref();
        observed(self.later)
            .map(|later| IntervalHistogram::between(layout, earlier.as_ref(), &later))
    }
}

impl std::fmt::Debug for SeriesDelta<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let labels: Vec<_> = self.later.label_values().collect();
        f.debug_struct("SeriesDelta").field("labels", &labels).field("by", &self.change()).finish()
    }
}

impl SeriesSnapshot<'_> {
    /// Tells series apart while a snapshot holds them: two with the same labels, of which one was
    /// removed, have different ones.
    fn identity(&self) -> usize {
        std::ptr::from_ref(&*self.block.series[self.at]).addr()
    }
}
