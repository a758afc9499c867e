//! Snapshot: one reading of a registry, and how to look at it.
//! Upstream: shard, through merge. Downstream: exposition, tests, and whoever wants no text.

mod block;
mod delta;
mod exemplar;
mod exposed;
mod gauge_histogram;
mod histogram;
mod interval;
mod interval_log;
mod merge;
mod native;
mod publish;
mod serialize;
mod state_set;
mod summary;

pub use block::BlockSnapshot;
pub(crate) use block::{Block, BlockList};
pub use delta::{Delta, FamilyDelta, SeriesDelta};
pub use exemplar::ExemplarSnapshot;
pub use histogram::HistogramSnapshot;
pub use interval::IntervalHistogram;
pub use interval_log::IntervalLog;
pub(crate) use merge::SnapshotSource;
pub use native::NativeHistogram;
pub(crate) use publish::Publisher;
pub use state_set::StateSetSnapshot;
pub use summary::SummarySnapshot;
pub(crate) use summary::Window;

use crate::registry::series::Series;
use crate::registry::{FamilyMeta, Kind};
use crate::sync::{Arc, AtomicU64, Ordering::Relaxed};
use exemplar::{ExemplarBuffer, SeriesExemplars};
use merge::Merged;
use std::time::{Instant, SystemTime};

/// One reading of a registry: every family, every series, every value.
///
/// Values of one series belong together (a histogram's count is the sum of its buckets); values of
/// different series were read within the microseconds to milliseconds that the merge took.
///
/// No text is needed to look at it: a table of everything, quantiles included.
///
/// ```
/// use std::fmt::Write;
/// use tmc_engine::{HistogramSpec, Registry};
///
/// let registry = Registry::builder().constant_label("zone", "eu").build()?;
/// registry.counter_family("requests_total", "Served", ["code"])?.with(["200"]).inc_by(3);
/// registry.gauge("open_connections", "Open now")?.set(2.0);
/// let latency = registry.histogram("latency_seconds", "Latency", &HistogramSpec::seconds(&[0.1]))?;
/// latency.observe(0.5);
///
/// let mut table = String::new();
/// for family in registry.snapshot().families() {
///     if family.series().next().is_none() {
///         continue; // the engine's own, before they count anything
///     }
///     let constant: Vec<_> = family.constant_labels().collect();
///     writeln!(table, "{} ({}, {constant:?}): {}", family.name(), family.kind(), family.help())?;
///     for series in family.series() {
///         let labels: Vec<_> = series.labels().map(|(name, value)| format!("{name}={value}")).collect();
///         write!(table, "  {:10}", labels.join(" "))?;
///         match series.value().histogram() {
///             None => writeln!(table, "{}", series.value().as_f64())?,
///             Some(read) => {
///                 let [median, p99] = [0.5, 0.99].map(|q| read.quantile(q).unwrap_or(f64::NAN));
///                 writeln!(table, "{} of {} s, p50 {median:.2} s, p99 {p99:.2} s", read.count(), read.sum())?;
///             }
///         }
///     }
/// }
/// let expected = r#"
/// latency_seconds (histogram, [("zone", "eu")]): Latency
///             1 of 0.5 s, p50 0.50 s, p99 0.50 s
/// open_connections (gauge, [("zone", "eu")]): Open now
///             2
/// requests_total (counter, [("zone", "eu")]): Served
///   code=200  3
/// "#;
/// assert!(table.contains(&expected[1..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Snapshot {
    families: Vec<FamilyBlocks>,
    merged: Merged,
    taken_at: SystemTime,
    /// The same on the clock that never jumps; `None` for a registry that was never read.
    read_at: Option<Instant>,
    /// No two readings have the same; 0 for a registry that was never read.
    number: u64,
}

struct FamilyBlocks {
    meta: Arc<FamilyMeta>,
    list: Arc<BlockList>,
    /// Index of the first histogram of the family.
    first: usize,
    exemplars: ExemplarBuffer,
    has_exemplars: bool,
}

impl Default for Snapshot {
    fn default() -> Self {
        let taken_at = SystemTime::UNIX_EPOCH;
        Self { families: Vec::new(), merged: Merged::default(), taken_at, read_at: None, number: 0 }
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.families().map(|family| family.name())).finish()
    }
}

impl Snapshot {
    /// When the merge ended; the Unix epoch for a registry that was never read.
    #[must_use]
    pub fn taken_at(&self) -> SystemTime {
        self.taken_at
    }

    /// The number of the reading: grows from reading to reading of a registry, and no two readings of
    /// the process have the same. 0 for a registry that was never read.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The families, by name.
    pub fn families(&self) -> impl ExactSizeIterator<Item = FamilySnapshot<'_>> {
        self.families.iter().map(|family| FamilySnapshot { snapshot: self, family })
    }

    /// The family of this name.
    #[must_use]
    pub fn family(&self, name: &str) -> Option<FamilySnapshot<'_>> {
        let at = self.families.binary_search_by(|family| (*family.meta.name).cmp(name)).ok()?;
        Some(FamilySnapshot { snapshot: self, family: &self.families[at] })
    }

    fn cell(&self, slot: u32) -> u64 {
        self.merged.cells.get(slot as usize).copied().unwrap_or(0)
    }
}

/// A family in a [`Snapshot`].
#[derive(Clone, Copy)]
pub struct FamilySnapshot<'a> {
    snapshot: &'a Snapshot,
    family: &'a FamilyBlocks,
}

impl<'a> FamilySnapshot<'a> {
    /// Stands for this family, in this and in every other snapshot of the process.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.family.meta.id
    }

    /// Name, the registry's prefix included.
    #[must_use]
    pub fn name(&self) -> &'a str {
        &self.family.meta.name
    }

    /// Help, not escaped.
    #[must_use]
    pub fn help(&self) -> &'a str {
        &self.family.meta.help
    }

    /// Type.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.family.meta.kind
    }

    /// Labels of the registry, which every series has.
    pub fn constant_labels(&self) -> impl ExactSizeIterator<Item = (&'a str, &'a str)> + use<'a> {
        self.family.meta.constant_labels.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Names of the labels that tell the series apart.
    pub fn label_names(&self) -> impl ExactSizeIterator<Item = &'a str> + use<'a> {
        self.family.meta.labels.iter().map(|label| &**label)
    }

    /// `le` boundaries of a histogram in its unit, `+Inf` left out; none for other types.
    pub fn bounds(&self) -> impl Iterator<Item = f64> + use<'a> {
        let layout = self.family.meta.layout.as_deref();
        layout.into_iter().flat_map(|layout| layout.bounds.iter().map(|bound| bound.le))
    }

    /// Which quantiles a summary has, ascending; none for other types.
    pub fn quantiles(&self) -> impl Iterator<Item = f64> + use<'a> {
        self.family.meta.summary.iter().flat_map(|spec| spec.quantiles.iter().copied())
    }

    /// Names of a state set's states; none for other types.
    pub fn states(&self) -> impl ExactSizeIterator<Item = &'a str> + use<'a> {
        self.family.meta.states.iter().map(|state| &**state)
    }

    /// The series, in order of creation.
    pub fn series(&self) -> impl Iterator<Item = SeriesSnapshot<'a>> + use<'a> {
        self.blocks().flat_map(|block| block.series())
    }

    /// The number of the reading.
    pub(crate) fn reading(&self) -> u64 {
        self.snapshot.number
    }

    /// The series themselves, each with a number that changes with every record.
    pub(crate) fn activities(&self) -> impl Iterator<Item = (&'a Arc<Series>, u64)> + use<'a> {
        self.series().map(|series| (&series.block.series[series.at], series.activity()))
    }

    /// The series with exactly these label values. Looks at one after the other.
    #[must_use]
    pub fn get(&self, values: &[&str]) -> Option<SeriesSnapshot<'a>> {
        self.series().find(|series| series.label_values().eq(values.iter().copied()))
    }
}

/// A number above 0 that the process has not used yet.
pub(crate) fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Relaxed)
}

/// A series in a [`Snapshot`].
#[derive(Clone, Copy)]
pub struct SeriesSnapshot<'a> {
    snapshot: &'a Snapshot,
    family: &'a FamilyBlocks,
    block: &'a Block,
    at: usize,
    histogram: usize,
}

impl<'a> SeriesSnapshot<'a> {
    /// Values in the order of [`FamilySnapshot::label_names`].
    pub fn label_values(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.block.series[self.at].labels.iter()
    }

    /// Names and values of the labels that tell the series apart.
    pub fn labels(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let names = self.family.meta.labels.iter().map(|label| &**label);
        names.zip(self.label_values())
    }

    /// When it was created: a series that was removed and came back has a later time.
    #[must_use]
    pub fn created(&self) -> SystemTime {
        self.block.series[self.at].created()
    }

    fn exemplars(&self) -> SeriesExemplars<'a> {
        self.family.exemplars.of(self.histogram - self.family.first)
    }

    /// The exemplar of a counter, if one was recorded. Those of a histogram are its buckets': see
    /// [`HistogramSnapshot::exemplars`].
    #[must_use]
    pub fn exemplar(&self) -> Option<ExemplarSnapshot<'a>> {
        let is_counter = matches!(self.family.meta.kind, Kind::Counter | Kind::FloatCounter);
        self.exemplars().iter().map(|(_, exemplar)| exemplar).next().filter(|_| is_counter)
    }

    /// How many operations of an in-flight age ran; `None` for other types.
    #[must_use]
    pub fn running(&self) -> Option<u64> {
        let running = self.block.slots[self.at].1;
        (self.family.meta.kind == Kind::InFlightAge).then(|| self.snapshot.cell(running))
    }

    /// As `Series::activity`, at the time of the reading.
    fn activity(&self) -> u64 {
        let (up, down) = self.block.slots[self.at];
        match self.value() {
            Value::Counter(value) => value,
            Value::FloatCounter(value) => value.to_bits(),
            Value::UpDownCounter(_) => {
                self.snapshot.cell(up).wrapping_add(self.snapshot.cell(down))
            }
            Value::Gauge(_) | Value::GaugeHistogram(_) | Value::StateSet(_) | Value::Info => 0,
            Value::Histogram(histogram) => histogram.count(),
            Value::Summary(summary) => summary.count(),
        }
    }

    /// The value.
    #[inline]
    #[must_use]
    pub fn value(&self) -> Value<'a> {
        let Self { snapshot, family, block, .. } = *self;
        let (slot, down) = block.slots[self.at];
        let value = snapshot.cell(slot);
        match family.meta.kind {
            Kind::Counter => Value::Counter(value),
            Kind::FloatCounter => Value::FloatCounter(f64::from_bits(value)),
            Kind::Gauge | Kind::InFlightAge => Value::Gauge(f64::from_bits(value)),
            Kind::StateSet => Value::StateSet(StateSetSnapshot::new(&family.meta.states, value)),
            Kind::Info => Value::Info,
            Kind::UpDownCounter => {
                // The increments were read later; only a decrement without one can be ahead.
                Value::UpDownCounter(value.saturating_sub(snapshot.cell(down)))
            }
            Kind::Histogram => Value::Histogram(self.distribution(self.exemplars())),
            Kind::GaugeHistogram => Value::GaugeHistogram(self.distribution(Default::default())),
            Kind::Summary => {
                let quantiles =
                    family.meta.summary.as_ref().map_or(&[][..], |spec| &spec.quantiles);
                Value::Summary(SummarySnapshot {
                    whole: self.distribution(Default::default()),
                    quantiles,
                    values: snapshot.merged.quantiles(self.histogram, quantiles.len()),
                })
            }
        }
    }

    fn distribution(&self, exemplars: SeriesExemplars<'a>) -> HistogramSnapshot<'a> {
        let Self { snapshot, family, block, at, histogram } = *self;
        let layout = family.meta.layout.as_deref();
        HistogramSnapshot::new(&snapshot.merged, &block.series[at], layout, histogram, exemplars)
    }
}

/// A value in a [`Snapshot`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Value<'a> {
    /// Of a counter.
    Counter(u64),
    /// Of a floating-point counter.
    FloatCounter(f64),
    /// Of a gauge, or an in-flight age in seconds.
    Gauge(f64),
    /// Of an in-flight count.
    UpDownCounter(u64),
    /// Of a histogram.
    Histogram(HistogramSnapshot<'a>),
    /// Of a summary.
    Summary(SummarySnapshot<'a>),
    /// Of a gauge histogram: the values that exist now.
    GaugeHistogram(HistogramSnapshot<'a>),
    /// Of a state set.
    StateSet(StateSetSnapshot<'a>),
    /// Of an info: its labels say it all.
    Info,
}

impl<'a> Value<'a> {
    /// The number; a histogram's count; how many states of a state set are on; 1 for an info.
    #[must_use]
    pub fn as_f64(&self) -> f64 {
        match self {
            Value::Counter(value) | Value::UpDownCounter(value) => *value as f64,
            Value::FloatCounter(value) | Value::Gauge(value) => *value,
            Value::Histogram(histogram) | Value::GaugeHistogram(histogram) => {
                histogram.count() as f64
            }
            Value::Summary(summary) => summary.count() as f64,
            Value::StateSet(states) => f64::from(states.on()),
            Value::Info => 1.0,
        }
    }

    /// The histogram, if it is one.
    #[must_use]
    pub fn histogram(&self) -> Option<&HistogramSnapshot<'a>> {
        match self {
            Value::Histogram(histogram) => Some(histogram),
            _ => None,
        }
    }
}
