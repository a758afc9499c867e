//! Distributions in protobuf: classic buckets, native ones as spans and deltas, quantiles.
//! Upstream: `protobuf`. Rules: R63 to R68 of the exposition checklist.

use tmc_engine::{
    Escaping, FamilySnapshot, HistogramSnapshot, Kind, SeriesSnapshot, SummarySnapshot, Value,
};

use super::exemplar;
use crate::encode::sheet::Draft;
use crate::encode::wire;

/// Fields of `Histogram`; a `Summary` has the first two.
mod field {
    pub(super) const COUNT: u32 = 1;
    pub(super) const SUM: u32 = 2;
    pub(super) const BUCKET: u32 = 3;
    pub(super) const SCHEMA: u32 = 5;
    pub(super) const ZERO_THRESHOLD: u32 = 6;
    pub(super) const ZERO_COUNT: u32 = 7;
    pub(super) const SPAN: u32 = 12;
    pub(super) const DELTA: u32 = 13;
    pub(super) const CREATED: u32 = 15;
    pub(super) const EXEMPLAR: u32 = 16;
}

/// Other fields of `Summary`.
mod summary_field {
    pub(super) const QUANTILE: u32 = 3;
    pub(super) const CREATED: u32 = 4;
}

/// Empty buckets between others that cost less than the beginning of another span, which takes six
/// bytes. (An empty bucket takes one, and makes the deltas around it longer.)
const GAP: i32 = 2;

/// What the distributions of a family are written with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    classic: bool,
    native: Option<i8>,
    /// What a gauge histogram counts has no beginning.
    created: bool,
    escaping: Escaping,
}

impl Shape {
    pub(super) fn new(family: &FamilySnapshot<'_>, escaping: Escaping) -> Self {
        let created = family.kind() != Kind::GaugeHistogram;
        let (classic, native) = (family.is_classic(), family.native_schema());
        Self { classic, native, created, escaping }
    }

    /// The fields of a distribution.
    pub(super) fn write(&self, series: &SeriesSnapshot<'_>, value: &Value<'_>, draft: &mut Draft) {
        match value {
            Value::Histogram(histogram) | Value::GaugeHistogram(histogram) => {
                self.histogram(series, histogram, draft);
            }
            Value::Summary(summary) => {
                quantiles(summary, &mut draft.text);
                wire::timestamp(summary_field::CREATED, series.created(), &mut draft.text);
            }
            _ => {}
        }
    }

    fn histogram(
        &self,
        series: &SeriesSnapshot<'_>,
        histogram: &HistogramSnapshot<'_>,
        draft: &mut Draft,
    ) {
        totals(histogram.count(), histogram.sum(), &mut draft.text);
        if self.classic {
            self.classic(histogram, &mut draft.text);
        }
        if let Some(schema) = self.native {
            native(histogram, schema, draft);
        }
        let out = &mut draft.text;
        if self.created {
            wire::timestamp(field::CREATED, series.created(), out);
        }
        if self.native.is_some() {
            for (_, found) in histogram.exemplars() {
                exemplar(field::EXEMPLAR, &found, self.escaping, out);
            }
        }
    }

    /// Cumulative buckets, the one of infinity too.
    fn classic(&self, histogram: &HistogramSnapshot<'_>, out: &mut Vec<u8>) {
        let mut exemplars = histogram.exemplars().peekable();
        histogram.for_each_bucket(|le, count| {
            wire::message(field::BUCKET, out, |out| {
                wire::integer(1, count, out);
                wire::double(2, le, out);
                if let Some((_, found)) = exemplars.next_if(|(of, _)| *of == le) {
                    exemplar(3, &found, self.escaping, out);
                }
            });
        });
    }
}

fn totals(count: u64, sum: f64, out: &mut Vec<u8>) {
    wire::integer(field::COUNT, count, out);
    wire::double(field::SUM, sum, out);
}

fn quantiles(summary: &SummarySnapshot<'_>, out: &mut Vec<u8>) {
    totals(summary.count(), summary.sum(), out);
    for (quantile, value) in summary.quantiles() {
        wire::message(summary_field::QUANTILE, out, |out| {
            wire::double(1, quantile, out);
            wire::double(2, value, out);
        });
    }
}

fn native(histogram: &HistogramSnapshot<'_>, schema: i8, draft: &mut Draft) {
    let Draft { text: out, spans, deltas, .. } = draft;
    spans.clear();
    deltas.clear();
    let mut runs = Runs { spans, deltas, last: 0, next: 0, offset: 0, length: 0 };
    let mut zeros = 0;
    histogram.for_each_native(schema, |index, count| match index {
        Some(index) => runs.add(index, count),
        None => zeros = count,
    });
    runs.end();
    wire::signed(field::SCHEMA, schema.into(), out);
    wire::double(field::ZERO_THRESHOLD, histogram.zero_threshold(), out);
    wire::integer(field::ZERO_COUNT, zeros, out);
    if spans.is_empty() {
        span(0, 0, spans); // says that it is a native histogram, though it has no buckets (R65)
    }
    out.extend_from_slice(spans);
    if !deltas.is_empty() {
        wire::bytes(field::DELTA, deltas, out); // packed: no key for each
    }
}

/// Buckets on their way to spans of neighbours, and to the difference of each to the one before.
struct Runs<'a> {
    spans: &'a mut Vec<u8>,
    deltas: &'a mut Vec<u8>,
    /// The count before.
    last: u64,
    /// The index after that.
    next: i32,
    /// The span so far: empty buckets before it, and buckets.
    offset: i32,
    length: u32,
}

impl Runs<'_> {
    fn add(&mut self, index: i32, count: u64) {
        let gap = index - self.next;
        if self.length > 0 && gap <= GAP {
            (0..gap).for_each(|_| self.push(0));
        } else {
            self.end();
            self.offset = gap;
        }
        self.push(count);
        self.next = index + 1;
    }

    fn push(&mut self, count: u64) {
        wire::varint(wire::zigzag(count.wrapping_sub(self.last) as i64), self.deltas);
        self.last = count;
        self.length += 1;
    }

    fn end(&mut self) {
        if self.length > 0 {
            span(self.offset, self.length, self.spans);
            self.length = 0;
        }
    }
}

fn span(offset: i32, length: u32, out: &mut Vec<u8>) {
    wire::message(field::SPAN, out, |out| {
        wire::signed(1, offset.into(), out);
        wire::integer(2, length.into(), out);
    });
}
