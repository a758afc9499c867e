//! API CONTRACT STUB (temporary): signatures are final, bodies are not. Replaced by the real engine.
#![allow(missing_docs, clippy::todo, unused, unreachable_pub)]
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Why a registration was refused; Display says what to change.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    #[error("invalid metric name {name:?}: {reason}")]
    InvalidName { name: String, reason: String },
    #[error("{0}")]
    Other(String),
}

macro_rules! handle { ($($t:ident),*) => {$( #[derive(Clone, Debug)] pub struct $t(Arc<()>); )*} }
handle!(Counter, FloatCounter, Gauge, UpDownCounter, Histogram);

// Handles: Clone + Send + Sync + 'static, recording through &self.
impl Counter {
    pub fn inc(&self) {}
    pub fn inc_by(&self, n: u64) {}
    /// Cold: sums all threads' cells.
    pub fn value(&self) -> u64 { 0 }
    pub fn local(&self) -> LocalCounter { LocalCounter(std::ptr::null()) }
    pub fn warm(&self) {}
}
/// Pinned to this thread: not Send.
pub struct LocalCounter(*const ());
impl LocalCounter {
    pub fn inc(&self) {}
    pub fn inc_by(&self, n: u64) {}
}
impl FloatCounter {
    pub fn inc(&self) {}
    /// Negative or NaN additions are refused and counted in a self-metric.
    pub fn inc_by(&self, v: f64) {}
    pub fn value(&self) -> f64 { 0.0 }
}
impl Gauge {
    pub fn set(&self, v: f64) {}
    pub fn inc(&self) {}
    pub fn dec(&self) {}
    pub fn add(&self, v: f64) {}
    pub fn sub(&self, v: f64) {}
    pub fn value(&self) -> f64 { 0.0 }
}
impl UpDownCounter {
    pub fn inc(&self) {}
    pub fn dec(&self) {}
    pub fn add(&self, n: u64) {}
    pub fn sub(&self, n: u64) {}
    /// Never negative.
    pub fn value(&self) -> u64 { 0 }
}
impl Histogram {
    /// In the family's unit (seconds, bytes). NaN and negative: refused and counted.
    pub fn observe(&self, v: f64) {}
    pub fn observe_duration(&self, d: Duration) {}
    /// In the integer base unit (nanoseconds for seconds, bytes for bytes): the fastest form.
    pub fn record(&self, units: u64) {}
    pub fn local(&self) -> LocalHistogram { LocalHistogram(std::ptr::null()) }
    pub fn warm(&self) {}
    pub fn count(&self) -> u64 { 0 }
    pub fn sum(&self) -> f64 { 0.0 }
}
pub struct LocalHistogram(*const ());
impl LocalHistogram {
    pub fn observe(&self, v: f64) {}
    pub fn observe_duration(&self, d: Duration) {}
    pub fn record(&self, units: u64) {}
}

/// A family of series told apart by N label values. Clone + Send + Sync.
pub struct Family<M, const N: usize>(std::marker::PhantomData<M>);
impl<M, const N: usize> Clone for Family<M, N> { fn clone(&self) -> Self { todo!() } }
pub type CounterFamily<const N: usize> = Family<Counter, N>;
pub type FloatCounterFamily<const N: usize> = Family<FloatCounter, N>;
pub type GaugeFamily<const N: usize> = Family<Gauge, N>;
pub type UpDownCounterFamily<const N: usize> = Family<UpDownCounter, N>;
pub type HistogramFamily<const N: usize> = Family<Histogram, N>;

impl<M, const N: usize> Family<M, N> {
    /// Finds or creates the series. Never fails: beyond the family's limit, the overflow series
    /// (counters, histograms) or a handle that records nowhere (gauges), and a self-metric counts it.
    pub fn with(&self, values: [&str; N]) -> M { todo!() }
    /// Creates these series now, so that they are exposed at zero before the first event.
    pub fn init<'a>(&self, series: impl IntoIterator<Item = [&'a str; N]>) { todo!() }
    pub fn name(&self) -> &str { todo!() }
}

/// Bucket boundaries and precision of a histogram family.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramSpec { }
impl HistogramSpec {
    /// `le` boundaries in seconds; recorded in nanoseconds.
    pub fn seconds(bounds: &[f64]) -> Self { Self {} }
    /// `le` boundaries in bytes; recorded in bytes.
    pub fn bytes(bounds: &[f64]) -> Self { Self {} }
    /// Significant decimal digits of the HDR buckets, 1 to 3 (default 2).
    pub fn digits(self, digits: u8) -> Self { self }
    pub const DEFAULT_SECONDS: &'static [f64] =
        &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
}

/// What configuration may change about one family, by (unprefixed) name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FamilyOverride { pub buckets: Option<Vec<f64>>, pub digits: Option<u8>, pub series_limit: Option<usize> }

#[derive(Clone, Debug)]
pub struct Registry(Arc<()>);
pub struct RegistryBuilder(());
impl RegistryBuilder {
    /// Put before every family name, as `prefix_name`.
    pub fn prefix(self, prefix: &str) -> Self { self }
    /// On every series of the registry.
    pub fn constant_label(self, name: &str, value: &str) -> Self { self }
    /// Most series per family (default 2,000).
    pub fn series_limit(self, limit: usize) -> Self { self }
    pub fn family_override(self, family: &str, o: FamilyOverride) -> Self { self }
    pub fn build(self) -> Result<Registry, RegisterError> { todo!() }
}
impl Default for Registry { fn default() -> Self { Self::new() } }
impl Registry {
    pub fn new() -> Self { todo!() }
    pub fn builder() -> RegistryBuilder { todo!() }
    pub fn global() -> &'static Registry { todo!() }
    pub fn counter(&self, name: &str, help: &str) -> Result<Counter, RegisterError> { todo!() }
    pub fn float_counter(&self, name: &str, help: &str) -> Result<FloatCounter, RegisterError> { todo!() }
    pub fn gauge(&self, name: &str, help: &str) -> Result<Gauge, RegisterError> { todo!() }
    pub fn up_down_counter(&self, name: &str, help: &str) -> Result<UpDownCounter, RegisterError> { todo!() }
    pub fn histogram(&self, name: &str, help: &str, spec: &HistogramSpec) -> Result<Histogram, RegisterError> { todo!() }
    pub fn counter_family<const N: usize>(&self, name: &str, help: &str, labels: [&str; N]) -> Result<CounterFamily<N>, RegisterError> { todo!() }
    pub fn float_counter_family<const N: usize>(&self, name: &str, help: &str, labels: [&str; N]) -> Result<FloatCounterFamily<N>, RegisterError> { todo!() }
    pub fn gauge_family<const N: usize>(&self, name: &str, help: &str, labels: [&str; N]) -> Result<GaugeFamily<N>, RegisterError> { todo!() }
    pub fn up_down_counter_family<const N: usize>(&self, name: &str, help: &str, labels: [&str; N]) -> Result<UpDownCounterFamily<N>, RegisterError> { todo!() }
    pub fn histogram_family<const N: usize>(&self, name: &str, help: &str, labels: [&str; N], spec: &HistogramSpec) -> Result<HistogramFamily<N>, RegisterError> { todo!() }
    /// Merges now (concurrent callers share a merge that began after they arrived) and publishes.
    pub fn snapshot(&self) -> Arc<Snapshot> { todo!() }
    /// The last published snapshot, without merging.
    pub fn latest(&self) -> Arc<Snapshot> { todo!() }
}

/// Family kind, as TYPE writes it (UpDownCounter is a gauge).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind { Counter, FloatCounter, Gauge, UpDownCounter, Histogram }

/// One reading of a registry.
pub struct Snapshot(());
impl Snapshot {
    pub fn taken_at(&self) -> SystemTime { todo!() }
    /// In name order.
    pub fn families(&self) -> impl Iterator<Item = FamilySnapshot<'_>> { std::iter::empty() }
    pub fn family(&self, name: &str) -> Option<FamilySnapshot<'_>> { None }
}
pub struct FamilySnapshot<'a>(&'a ());
impl<'a> FamilySnapshot<'a> {
    pub fn name(&self) -> &'a str { todo!() }
    pub fn help(&self) -> &'a str { todo!() }
    pub fn kind(&self) -> Kind { todo!() }
    pub fn label_names(&self) -> impl Iterator<Item = &'a str> { std::iter::empty() }
    pub fn series(&self) -> impl Iterator<Item = SeriesSnapshot<'a>> { std::iter::empty() }
    /// The series with exactly these label values (constant labels left out).
    pub fn get(&self, values: &[&str]) -> Option<SeriesSnapshot<'a>> { None }
}
pub struct SeriesSnapshot<'a>(&'a ());
impl<'a> SeriesSnapshot<'a> {
    /// Values in the order of `label_names`.
    pub fn label_values(&self) -> impl Iterator<Item = &'a str> { std::iter::empty() }
    pub fn value(&self) -> Value<'a> { todo!() }
}
pub enum Value<'a> { Counter(u64), FloatCounter(f64), Gauge(f64), UpDownCounter(u64), Histogram(HistogramSnapshot<'a>) }
impl<'a> Value<'a> {
    /// The plain number; a histogram's count.
    pub fn as_f64(&self) -> f64 { todo!() }
    pub fn histogram(&self) -> Option<&HistogramSnapshot<'a>> { None }
}
pub struct HistogramSnapshot<'a>(&'a ());
impl<'a> HistogramSnapshot<'a> {
    pub fn count(&self) -> u64 { todo!() }
    /// In the family's unit.
    pub fn sum(&self) -> f64 { todo!() }
    /// (le, cumulative count), the last with le = +Inf.
    pub fn cumulative(&self) -> Vec<(f64, u64)> { todo!() }
    /// In the family's unit; None when empty.
    pub fn quantile(&self, q: f64) -> Option<f64> { todo!() }
}

/// Lazily registered static: `static HITS: LazyCounter = LazyCounter::new("hits_total", "Hits");`
/// registers in `Registry::global()` at first use; a bad name stops the build; Deref to Counter.
pub struct LazyCounter(());
impl LazyCounter { pub const fn new(name: &'static str, help: &'static str) -> Self { Self(()) } }
