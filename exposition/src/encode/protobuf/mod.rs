//! Prometheus's protobuf: what a family's message looks like around its values.
//! Upstream: the engine's snapshot. Downstream: sheets, which keep what is rendered here. Rules: R60 to
//! R68 of the exposition checklist.
//!
//! A family is its length, its metadata, and its metrics, which are the blocks one after the other: only
//! the length tells of all of them. Metrics that are one number have it in eight bytes, written over the
//! old ones; distributions are rendered anew.

mod histogram;

use tmc_engine::{
    BlockSnapshot, Escaping, ExemplarSnapshot, FamilySnapshot, Kind, SeriesSnapshot, Value,
};

use super::number::Number;
use super::sheet::{Draft, Page, Values};
use super::syntax::Syntax;
use super::wire;
use histogram::Shape;

/// Fields of `MetricFamily`.
mod family_field {
    pub(super) const NAME: u32 = 1;
    pub(super) const HELP: u32 = 2;
    pub(super) const TYPE: u32 = 3;
    pub(super) const METRIC: u32 = 4;
    pub(super) const UNIT: u32 = 5;
}

/// Fields of `Metric`.
mod metric_field {
    pub(super) const LABEL: u32 = 1;
    pub(super) const GAUGE: u32 = 2;
    pub(super) const COUNTER: u32 = 3;
    pub(super) const SUMMARY: u32 = 4;
    pub(super) const HISTOGRAM: u32 = 7;
}

/// Fields of `Counter`; a `Gauge` has the first.
mod counter_field {
    pub(super) const VALUE: u32 = 1;
    pub(super) const EXEMPLAR: u32 = 2;
    pub(super) const CREATED: u32 = 3;
}

/// A family's message.
#[derive(Debug)]
pub(super) struct ProtobufPart {
    /// What comes before the metrics.
    metadata: Vec<u8>,
    escaping: Escaping,
    labels: Labels,
    /// The metrics of a series that are one number each: none of a distribution.
    numbers: Vec<Single>,
    shape: Shape,
}

/// A metric of one number.
#[derive(Debug)]
struct Single {
    /// Which field of the metric has it.
    field: u32,
    number: Number,
    /// A label of its own, after the others.
    own: Vec<u8>,
}

/// What the labels of all series of a family have in common.
#[derive(Debug)]
struct Labels {
    /// Those of the registry.
    constant: Vec<u8>,
    /// The names of the others.
    names: Vec<Vec<u8>>,
}

impl ProtobufPart {
    pub(super) fn new(family: &FamilySnapshot<'_>, syntax: Syntax) -> Self {
        let name = syntax.name(family).family;
        let mut metadata = Vec::new();
        wire::bytes(family_field::NAME, name.as_bytes(), &mut metadata);
        wire::bytes(family_field::HELP, family.help().as_bytes(), &mut metadata);
        wire::integer(family_field::TYPE, kind(family.kind()), &mut metadata);
        if let Some(unit) = family.unit().filter(|unit| is_in(&name, family.kind(), unit)) {
            wire::bytes(family_field::UNIT, unit.as_bytes(), &mut metadata);
        }
        let escaping = syntax.escaping;
        Self {
            metadata,
            escaping,
            labels: Labels::new(family, escaping),
            numbers: numbers(family, escaping),
            shape: Shape::new(family, escaping),
        }
    }

    /// What comes before `bytes` of metrics.
    pub(super) fn header(&self, bytes: usize, out: &mut Vec<u8>) {
        wire::varint((self.metadata.len() + bytes) as u64, out);
        out.extend_from_slice(&self.metadata);
    }

    /// Brings `page` up to date.
    pub(super) fn update(
        &self,
        family: &FamilySnapshot<'_>,
        block: &BlockSnapshot<'_>,
        page: &mut Page<'_>,
        draft: &mut Draft,
        version: u64,
    ) {
        let stays = !self.numbers.is_empty() && !family.has_exemplars();
        if page.version() > 0 && stays {
            page.update(draft, version, |values| values_of(block, values));
        } else {
            self.render(block, draft);
            page.replace(draft, version);
        }
    }

    fn render(&self, block: &BlockSnapshot<'_>, draft: &mut Draft) {
        draft.clear();
        let mut labels = std::mem::take(&mut draft.labels);
        for series in block.series() {
            labels.clear();
            self.labels.write(&series, &mut labels);
            let value = series.value();
            let mut singles = self.numbers.iter();
            each_number(&value, |number| {
                let Some(single) = singles.next() else { return };
                draft.nested(family_field::METRIC, |draft| {
                    draft.text.extend_from_slice(&labels);
                    draft.text.extend_from_slice(&single.own);
                    draft.nested(single.field, |draft| {
                        wire::double_key(counter_field::VALUE, &mut draft.text);
                        draft.value(single.number, number);
                        if single.field == metric_field::COUNTER {
                            self.counter(&series, &mut draft.text);
                        }
                    });
                });
            });
            let field = match value {
                Value::Histogram(_) | Value::GaugeHistogram(_) => metric_field::HISTOGRAM,
                Value::Summary(_) => metric_field::SUMMARY,
                _ => continue,
            };
            draft.nested(family_field::METRIC, |draft| {
                draft.text.extend_from_slice(&labels);
                draft.nested(field, |draft| self.shape.write(&series, &value, draft));
            });
        }
        draft.labels = labels;
    }

    /// What a counter has beside its value.
    fn counter(&self, series: &SeriesSnapshot<'_>, out: &mut Vec<u8>) {
        if let Some(found) = series.exemplar() {
            exemplar(counter_field::EXEMPLAR, &found, self.escaping, out);
        }
        wire::timestamp(counter_field::CREATED, series.created(), out);
    }
}

/// The number of the type.
fn kind(kind: Kind) -> u64 {
    match kind {
        Kind::Counter | Kind::FloatCounter => 0,
        Kind::Gauge | Kind::UpDownCounter | Kind::InFlightAge => 1,
        Kind::Info | Kind::StateSet => 1,
        Kind::Summary => 2,
        Kind::Histogram => 4,
        Kind::GaugeHistogram => 5,
        _ => 3, // untyped
    }
}

/// Whether a name, as the scheme has made it, still ends in its unit: Prometheus refuses the whole scrape
/// if it does not.
fn is_in(name: &str, kind: Kind, unit: &str) -> bool {
    let counts = matches!(kind, Kind::Counter | Kind::FloatCounter);
    let stem = name.strip_suffix("_total").filter(|_| counts).unwrap_or(name);
    stem.strip_suffix(unit).is_some_and(|stem| stem.ends_with('_'))
}

fn numbers(family: &FamilySnapshot<'_>, escaping: Escaping) -> Vec<Single> {
    use Number::{FloatBytes, IntegerBytes};
    let single = |field, number| Single { field, number, own: Vec::new() };
    match family.kind() {
        Kind::Counter => vec![single(metric_field::COUNTER, IntegerBytes)],
        Kind::FloatCounter => vec![single(metric_field::COUNTER, FloatBytes)],
        Kind::UpDownCounter | Kind::Info => vec![single(metric_field::GAUGE, IntegerBytes)],
        Kind::StateSet => {
            // The label is called as the family is.
            let name = label_name(&escaping.label_name(family.name()));
            let state = |state| {
                let mut own = Vec::new();
                label(&name, state, &mut own);
                Single { own, ..single(metric_field::GAUGE, IntegerBytes) }
            };
            family.states().map(state).collect()
        }
        Kind::Histogram | Kind::GaugeHistogram | Kind::Summary => Vec::new(),
        _ => vec![single(metric_field::GAUGE, FloatBytes)],
    }
}

#[inline]
fn values_of(block: &BlockSnapshot<'_>, values: &mut Values<'_>) {
    // What most series are, without asking each for its type.
    if let Some(counters) = block.counters() {
        counters.for_each(|value| values.next(value));
        return;
    }
    for series in block.series() {
        each_number(&series.value(), |value| values.next(value));
    }
}

/// Every number of a series that is no distribution.
#[inline]
fn each_number(value: &Value<'_>, mut each: impl FnMut(u64)) {
    match value {
        Value::Counter(value) | Value::UpDownCounter(value) => each(*value),
        Value::FloatCounter(value) | Value::Gauge(value) => each(value.to_bits()),
        Value::StateSet(states) => states.iter().for_each(|(_, on)| each(u64::from(on))),
        Value::Info => each(1),
        _ => {}
    }
}

/// An exemplar, which has a timestamp always (R66).
fn exemplar(field: u32, of: &ExemplarSnapshot<'_>, escaping: Escaping, out: &mut Vec<u8>) {
    wire::message(field, out, |out| {
        for (name, value) in of.labels() {
            wire::message(1, out, |out| {
                wire::bytes(1, escaping.label_name(name).as_bytes(), out);
                wire::bytes(2, value.as_bytes(), out);
            });
        }
        wire::double(2, of.value(), out);
        wire::timestamp(3, of.timestamp(), out);
    });
}

impl Labels {
    fn new(family: &FamilySnapshot<'_>, escaping: Escaping) -> Self {
        let name = |name| label_name(&escaping.label_name(name));
        let mut constant = Vec::new();
        for (constant_name, value) in family.constant_labels() {
            label(&name(constant_name), value, &mut constant);
        }
        Self { constant, names: family.label_names().map(name).collect() }
    }

    /// Those of a series.
    fn write(&self, series: &SeriesSnapshot<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.constant);
        for (name, value) in self.names.iter().zip(series.label_values()) {
            label(name, value, out);
        }
    }
}

/// The first field of a label.
fn label_name(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    wire::bytes(1, name.as_bytes(), &mut out);
    out
}

/// A label of a metric: its name, as [`label_name`] wrote it, and its value.
fn label(name: &[u8], value: &str, out: &mut Vec<u8>) {
    wire::length_key(metric_field::LABEL, out);
    let value_len = 1 + wire::varint_len(value.len()) + value.len();
    wire::varint((name.len() + value_len) as u64, out);
    out.extend_from_slice(name);
    wire::bytes(2, value.as_bytes(), out);
}
