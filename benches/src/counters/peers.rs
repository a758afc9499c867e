//! How each peer increments a counter whose handle is held, at its best: nothing is looked up.
//! Upstream: the peers. Downstream: counters.

use fastmetrics::derive::LabelSet;
use measured::label::{FixedCardinalityLabel, LabelGroupVisitor, LabelName, LabelValue};
use measured::label::{LabelGroup, LabelVisitor, StaticLabelSet};
use measured::metric::MetricFamilyEncoding;
use measured::metric::name::MetricName;
use measured::text::TextEncoder;
use metrics::{Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::PrometheusBuilder;

use super::{HELP, LABEL, MANY, NAME};
use crate::contender::{Shared, order};
use crate::contest::{Contender, Role};
use crate::{name, text};

pub(super) fn prometheus(series: usize) -> Box<dyn Contender> {
    use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

    let registry = Registry::new();
    let family = IntCounterVec::new(Opts::new(NAME, HELP), &[LABEL]).expect("a valid family");
    registry.register(Box::new(family.clone())).expect("an empty registry");
    let numbered: Vec<IntCounter> =
        (0..series).map(|number| family.with_label_values(&[&number.to_string()])).collect();
    let handles: Vec<IntCounter> =
        order(series).into_iter().map(|number| numbered[number].clone()).collect();
    Box::new(Shared {
        name: name::PROMETHEUS,
        role: Role::Peer,
        handles,
        record: IntCounter::inc,
        total: Box::new(move || numbered.iter().map(IntCounter::get).sum()),
    })
}

pub(super) fn prometheus_client(series: usize) -> Box<dyn Contender> {
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::family::Family;
    use prometheus_client::registry::Registry;

    let mut registry = Registry::default();
    let family = Family::<Vec<(String, String)>, Counter>::default();
    registry.register("operations", HELP, family.clone());
    let labels = |number: usize| vec![(LABEL.to_owned(), number.to_string())];
    let numbered: Vec<Counter> =
        (0..series).map(|number| family.get_or_create_owned(&labels(number))).collect();
    let handles: Vec<Counter> =
        order(series).into_iter().map(|number| numbered[number].clone()).collect();
    Box::new(Shared {
        name: name::PROMETHEUS_CLIENT,
        role: Role::Peer,
        handles,
        record: |counter: &Counter| {
            counter.inc();
        },
        total: Box::new(move || numbered.iter().map(Counter::get).sum()),
    })
}

pub(super) fn metrics(series: usize) -> Box<dyn Contender> {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metadata = Metadata::new(module_path!(), Level::INFO, None);
    let numbered: Vec<metrics::Counter> = (0..series)
        .map(|number| {
            let labels = vec![Label::new(LABEL, number.to_string())];
            recorder.register_counter(&Key::from_parts(NAME, labels), &metadata)
        })
        .collect();
    let handles: Vec<metrics::Counter> =
        order(series).into_iter().map(|number| numbered[number].clone()).collect();
    let rendered = recorder.handle();
    Box::new(Shared {
        name: name::METRICS,
        role: Role::Peer,
        handles,
        record: |counter: &metrics::Counter| counter.increment(1),
        total: Box::new(move || text::sum(&rendered.render(), NAME)),
    })
}

/// A label value known by its number, as this peer's derive makes it from an enum: the fastest
/// kind of label it has, with cells in an array and no hashing.
#[derive(Clone, Copy)]
struct Number(usize);

impl LabelValue for Number {
    fn visit<V: LabelVisitor>(&self, visitor: V) -> V::Output {
        visitor.write_int(self.0 as i64)
    }
}

impl FixedCardinalityLabel for Number {
    fn cardinality() -> usize {
        MANY
    }

    fn encode(&self) -> usize {
        self.0
    }

    fn decode(value: usize) -> Self {
        Self(value)
    }
}

impl LabelGroup for Number {
    fn visit_values(&self, visitor: &mut impl LabelGroupVisitor) {
        visitor.write_value(LabelName::from_str(LABEL), self);
    }
}

pub(super) fn measured(series: usize) -> Box<dyn Contender> {
    // Leaked: this peer's handles borrow, and all threads need them for the bench's whole life.
    if series == 1 {
        let counter: &'static measured::Counter = Box::leak(Box::default());
        return Box::new(Shared {
            name: name::MEASURED,
            role: Role::Peer,
            handles: vec![counter],
            record: |counter: &&measured::Counter| counter.inc(),
            total: Box::new(|| collected(counter)),
        });
    }
    let family: &'static measured::CounterVec<StaticLabelSet<Number>> =
        Box::leak(Box::new(measured::CounterVec::dense()));
    let handles = order(series).into_iter().map(|number| family.with_labels(Number(number)));
    Box::new(Shared {
        name: name::MEASURED,
        role: Role::Peer,
        handles: handles.collect(),
        record: |id: &measured::metric::LabelId<_>| family.get_metric(*id).inc(),
        total: Box::new(|| collected(family)),
    })
}

fn collected(family: &impl MetricFamilyEncoding<TextEncoder<Vec<u8>>>) -> u64 {
    let mut encoder = TextEncoder::new(Vec::new());
    family
        .collect_family_into(MetricName::from_str(NAME), &mut encoder)
        .expect("memory takes every write");
    text::sum(&String::from_utf8_lossy(&encoder.writer), NAME)
}

/// The labels of one series, as this peer's derive wants them.
#[derive(Clone, PartialEq, Eq, Hash, LabelSet)]
struct Labels {
    series: usize,
}

pub(super) fn fastmetrics(series: usize) -> Box<dyn Contender> {
    use fastmetrics::metrics::counter::Counter;
    use fastmetrics::metrics::family::Family;
    use fastmetrics::registry::Registry;

    let mut registry = Registry::default();
    let family = Family::<Labels, Counter>::default();
    registry.register(NAME, HELP, family.clone()).expect("an empty registry");
    let numbered: Vec<Counter> =
        (0..series).map(|series| family.with_or_new(&Labels { series }, Counter::clone)).collect();
    let handles: Vec<Counter> =
        order(series).into_iter().map(|number| numbered[number].clone()).collect();
    Box::new(Shared {
        name: name::FASTMETRICS,
        role: Role::Peer,
        handles,
        record: |counter: &Counter| counter.inc(),
        total: Box::new(move || numbered.iter().map(Counter::total).sum()),
    })
}
