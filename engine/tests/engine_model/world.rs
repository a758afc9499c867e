//! The engine as the programs use it: one family of each type, behind one interface.

use super::model::{BOUNDS, Line, NONE, PERIOD};
use super::{Kind, LABELS};
use std::time::{Duration, SystemTime};
use tmc_engine::{
    Clock, Counter, CounterFamily, FloatCounter, FloatCounterFamily, Gauge, GaugeFamily, Histogram,
    HistogramFamily, HistogramSpec, LocalCounter, LocalHistogram, ManualClock, Registry, Snapshot,
    UpDownCounter, UpDownCounterFamily,
};

pub struct World {
    pub registry: Registry,
    clock: ManualClock,
    began: SystemTime,
    pub families: Families,
}

pub struct Families {
    pub counts: CounterFamily<2>,
    floats: FloatCounterFamily<2>,
    pub gauges: GaugeFamily<2>,
    flights: UpDownCounterFamily<2>,
    sizes: HistogramFamily<2>,
}

impl Families {
    pub fn new(registry: &Registry) -> Self {
        let labels = ["a", "b"];
        let spec = HistogramSpec::bytes(&BOUNDS);
        Self {
            counts: registry.counter_family("c_total", "", labels).unwrap(),
            floats: registry.float_counter_family("f_total", "", labels).unwrap(),
            gauges: registry.gauge_family("g", "", labels).unwrap(),
            sizes: registry.histogram_family("h", "", labels, &spec).unwrap(),
            flights: registry.up_down_counter_family("u", "", labels).unwrap(),
        }
    }

    pub fn with(&self, kind: Kind, label: usize) -> Handle {
        let labels = LABELS[label];
        match kind {
            Kind::Count => Handle::Count(self.counts.with(labels)),
            Kind::Float => Handle::Float(self.floats.with(labels)),
            Kind::Gauge => Handle::Gauge(self.gauges.with(labels)),
            Kind::Sizes => Handle::Sizes(self.sizes.with(labels)),
            Kind::Flight => Handle::Flight(self.flights.with(labels)),
        }
    }

    /// Records into what the thread remembers.
    pub fn record_at(&self, kind: Kind, label: usize, n: u64) {
        let labels = LABELS[label];
        match kind {
            Kind::Count => self.counts.at(labels).inc_by(n),
            Kind::Float => self.floats.at(labels).inc_by(n as f64),
            Kind::Gauge => self.gauges.at(labels).add(n as f64),
            Kind::Sizes => self.sizes.at(labels).record(n),
            Kind::Flight => self.flights.at(labels).add(n),
        }
    }

    pub fn remove(&self, kind: Kind, label: usize) -> bool {
        let labels = LABELS[label];
        match kind {
            Kind::Count => self.counts.remove(labels),
            Kind::Float => self.floats.remove(labels),
            Kind::Gauge => self.gauges.remove(labels),
            Kind::Sizes => self.sizes.remove(labels),
            Kind::Flight => self.flights.remove(labels),
        }
    }

    pub fn remove_matching(&self, kind: Kind, labels: &[(&str, &str)]) -> usize {
        let removed = match kind {
            Kind::Count => self.counts.remove_matching(labels),
            Kind::Float => self.floats.remove_matching(labels),
            Kind::Gauge => self.gauges.remove_matching(labels),
            Kind::Sizes => self.sizes.remove_matching(labels),
            Kind::Flight => self.flights.remove_matching(labels),
        };
        removed.unwrap()
    }

    /// Keeps the series whose second label is `b`, and the overflow series.
    pub fn retain_only(&self, kind: Kind, b: &str) -> usize {
        match kind {
            Kind::Count => self.counts.retain(|labels| labels.get("b") == Some(b)),
            Kind::Float => self.floats.retain(|labels| labels.get("b") == Some(b)),
            Kind::Gauge => self.gauges.retain(|labels| labels.get("b") == Some(b)),
            Kind::Sizes => self.sizes.retain(|labels| labels.get("b") == Some(b)),
            Kind::Flight => self.flights.retain(|labels| labels.get("b") == Some(b)),
        }
    }

    pub fn clear(&self, kind: Kind) -> usize {
        match kind {
            Kind::Count => self.counts.clear(),
            Kind::Float => self.floats.clear(),
            Kind::Gauge => self.gauges.clear(),
            Kind::Sizes => self.sizes.clear(),
            Kind::Flight => self.flights.clear(),
        }
    }
}

/// A handle of any type.
pub enum Handle {
    Count(Counter),
    Float(FloatCounter),
    Gauge(Gauge),
    Flight(UpDownCounter),
    Sizes(Histogram),
    PinnedCount(LocalCounter, Counter),
    PinnedSizes(LocalHistogram, Histogram),
}

impl Handle {
    /// The same pinned to the thread, where there is such a handle.
    pub fn pinned(self) -> Self {
        match self {
            Self::Count(count) => Self::PinnedCount(count.local(), count),
            Self::Sizes(sizes) => Self::PinnedSizes(sizes.local(), sizes),
            other => other,
        }
    }

    pub fn record(&self, n: u64) {
        match self {
            Self::Count(count) => count.inc_by(n),
            Self::Float(count) => count.inc_by(n as f64),
            Self::Gauge(gauge) => gauge.add(n as f64),
            Self::Flight(flight) => flight.add(n),
            Self::Sizes(sizes) => sizes.record(n),
            Self::PinnedCount(count, _) => count.inc_by(n),
            Self::PinnedSizes(sizes, _) => sizes.record(n),
        }
    }

    /// Of an in-flight count: so many fewer.
    pub fn leave(&self, n: u64) {
        if let Self::Flight(flight) = self {
            flight.sub(n);
        }
    }

    /// The value; a histogram's sum.
    pub fn value(&self) -> f64 {
        match self {
            Self::Count(count) | Self::PinnedCount(_, count) => count.value() as f64,
            Self::Float(count) => count.value(),
            Self::Gauge(gauge) => gauge.value(),
            Self::Flight(flight) => flight.value() as f64,
            Self::Sizes(sizes) | Self::PinnedSizes(_, sizes) => sizes.sum(),
        }
    }
}

impl World {
    pub fn new(limit: usize) -> Self {
        let clock = ManualClock::new();
        let builder = Registry::builder().series_limit(limit).clock(clock.clone());
        let registry = builder.retention_period(Duration::from_secs(PERIOD)).build().unwrap();
        let families = Families::new(&registry);
        Self { families, registry, began: Clock::from(clock.clone()).wall(), clock }
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// What a snapshot says, in its order.
    pub fn lines(&self, snapshot: &Snapshot) -> Vec<Line> {
        let mut lines = Vec::new();
        for kind in Kind::ALL {
            for series in snapshot.family(kind.name()).unwrap().series() {
                let numbers = match series.value().histogram() {
                    Some(read) => {
                        let counts = read.cumulative().into_iter().map(|(_, count)| count as f64);
                        counts.chain([read.max().unwrap_or(NONE), read.sum()]).collect()
                    }
                    None => vec![series.value().as_f64()],
                };
                let known = |labels: &&[&str; 2]| series.label_values().eq(labels.iter().copied());
                let labels = *LABELS.iter().find(known).expect("no other labels were given");
                let created = series.created().duration_since(self.began).unwrap().as_secs();
                lines.push((kind.name(), labels, numbers, created));
            }
        }
        lines
    }

    /// What it says of look-ups beyond the limit.
    pub fn overflowed(&self, snapshot: &Snapshot) -> Vec<(&'static str, f64)> {
        let family = snapshot.family("tmc_engine_overflow_total").unwrap();
        let of = |kind: Kind| (kind.name(), family.get(&[kind.name()]).unwrap().value().as_f64());
        Kind::ALL.map(of).into()
    }
}
