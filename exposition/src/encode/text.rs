//! Text format 0.0.4. Upstream: the engine's snapshot. Downstream: `respond`.
//!
//! What does not change from scrape to scrape is rendered once: a family's metadata and `le` labels,
//! and the name and labels of each series, block by block. A scrape copies it and formats numbers.

use super::{escape, number};
use std::collections::HashMap;
use tmc_engine::{
    BlockSnapshot, FamilySnapshot, HistogramSnapshot, Kind, Snapshot, StateSetSnapshot,
    SummarySnapshot, Value,
};

/// Writes snapshots as text 0.0.4. Keeps what it has rendered: use one encoder for all scrapes of a
/// registry. Allocates only when the registry or the output has grown.
#[derive(Debug, Default)]
pub struct TextEncoder {
    families: HashMap<u64, FamilyText>,
    blocks: HashMap<u64, BlockText>,
    /// Number of the scrape; what an earlier one saw last is gone.
    scrape: u64,
}

/// What all series of a family share.
#[derive(Debug)]
struct FamilyText {
    /// `# HELP` and `# TYPE` lines.
    header: Vec<u8>,
    /// `name_bucket{`, `name_sum`, `name_count`.
    bucket: Vec<u8>,
    sum: Vec<u8>,
    count: Vec<u8>,
    /// `le="..."} ` of each boundary, `+Inf` last.
    bounds: Vec<Vec<u8>>,
    /// `name{`.
    open: Vec<u8>,
    /// `name="..."} ` of each state of a state set.
    states: Vec<Vec<u8>>,
    /// `quantile="..."} ` of each quantile of a summary.
    quantiles: Vec<Vec<u8>>,
    /// Of a gauge histogram.
    gauges: Option<GaugeTexts>,
    /// The last scrape that had it.
    seen: u64,
}

/// Header and name of what a gauge histogram exposes beside a histogram's samples, under the names
/// that other formats have for its type. In this one, they are gauges of their own.
#[derive(Debug)]
struct GaugeTexts {
    count: (Vec<u8>, Vec<u8>),
    sum: (Vec<u8>, Vec<u8>),
}

/// The series of a block: `name{labels} ` each; where samples have names or labels of their own, just
/// `{labels} `.
#[derive(Debug)]
struct BlockText {
    text: Box<[u8]>,
    ends: Box<[u32]>,
    seen: u64,
}

impl TextEncoder {
    /// The media type of what [`TextEncoder::encode`] writes.
    pub const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// An encoder that has rendered nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends every family that has series to `out`.
    pub fn encode(&mut self, snapshot: &Snapshot, out: &mut Vec<u8>) {
        self.scrape += 1;
        let (mut families, mut blocks) = (0, 0);
        for family in snapshot.families().filter(|family| family.blocks().len() > 0) {
            let text = self.families.entry(family.id()).or_insert_with(|| FamilyText::new(&family));
            text.seen = self.scrape;
            families += 1;
            out.extend_from_slice(&text.header);
            for block in family.blocks() {
                let series = self.blocks.entry(block.id());
                let series = series.or_insert_with(|| BlockText::new(&family, &block));
                series.seen = self.scrape;
                blocks += 1;
                text.encode(series, &block, out);
            }
            if let Some(gauges) = &text.gauges {
                gauges.encode(&family, &self.blocks, out);
            }
        }
        // Forget what has gone, if anything has.
        if families < self.families.len() {
            self.families.retain(|_, text| text.seen == self.scrape);
        }
        if blocks < self.blocks.len() {
            self.blocks.retain(|_, text| text.seen == self.scrape);
        }
    }
}

impl FamilyText {
    fn new(family: &FamilySnapshot<'_>) -> Self {
        let name = family.name().as_bytes();
        let mut header = [b"# HELP ", name, b" "].concat();
        escape::help(family.help(), &mut header);
        header.extend_from_slice(b"\n# TYPE ");
        header.extend_from_slice(name);
        header.extend_from_slice(match family.kind() {
            Kind::Counter | Kind::FloatCounter => b" counter\n",
            Kind::Gauge | Kind::UpDownCounter | Kind::InFlightAge | Kind::Info | Kind::StateSet => {
                b" gauge\n"
            }
            Kind::Histogram | Kind::GaugeHistogram => b" histogram\n",
            Kind::Summary => b" summary\n",
            _ => b" untyped\n",
        });
        let bound = |le| {
            let mut text = b"le=\"".to_vec();
            number::canonical(le, &mut text);
            text.extend_from_slice(b"\"} ");
            text
        };
        let state = |state| {
            let mut text = [name, b"=\""].concat();
            escape::label_value(state, &mut text);
            text.extend_from_slice(b"\"} ");
            text
        };
        let quantile = |q| {
            let mut text = b"quantile=\"".to_vec();
            number::canonical(q, &mut text);
            text.extend_from_slice(b"\"} ");
            text
        };
        let gauges = (family.kind() == Kind::GaugeHistogram).then(|| GaugeTexts::new(family));
        Self {
            header,
            bucket: [name, b"_bucket{"].concat(),
            sum: [name, b"_sum"].concat(),
            count: [name, b"_count"].concat(),
            bounds: family.bounds().chain([f64::INFINITY]).map(bound).collect(),
            open: [name, b"{"].concat(),
            states: family.states().map(state).collect(),
            quantiles: family.quantiles().map(quantile).collect(),
            gauges,
            seen: 0,
        }
    }

    fn encode(&self, text: &BlockText, block: &BlockSnapshot<'_>, out: &mut Vec<u8>) {
        // What most series are, without asking each for its type: some 10 % of a scrape.
        if let Some(values) = block.counters() {
            for (value, prefix) in values.zip(text.series()) {
                out.reserve(prefix.len() + 24);
                out.extend_from_slice(prefix);
                number::integer(value, out);
                out.push(b'\n');
            }
            return;
        }
        for (series, prefix) in block.series().zip(text.series()) {
            out.reserve(prefix.len() + 24); // once per line instead of once per part
            match series.value() {
                Value::UpDownCounter(value) => {
                    out.extend_from_slice(prefix);
                    number::integer(value, out);
                    out.push(b'\n');
                }
                Value::FloatCounter(value) | Value::Gauge(value) => {
                    out.extend_from_slice(prefix);
                    number::float(value, out);
                    out.push(b'\n');
                }
                Value::Histogram(histogram) | Value::GaugeHistogram(histogram) => {
                    self.histogram(prefix, &histogram, out);
                }
                Value::Summary(summary) => self.summary(prefix, &summary, out),
                Value::StateSet(states) => self.state_set(prefix, &states, out),
                Value::Info => {
                    out.extend_from_slice(prefix);
                    out.extend_from_slice(b"1\n");
                }
                _ => {}
            }
        }
    }

    /// A sample for each state; `labels` as for a histogram.
    fn state_set(&self, labels: &[u8], states: &StateSetSnapshot<'_>, out: &mut Vec<u8>) {
        let inner = inner(labels);
        for ((_, on), state) in states.iter().zip(&self.states) {
            self.sample(&self.open, inner, state, out);
            out.extend_from_slice(if on { b"1\n" } else { b"0\n" });
        }
    }

    /// `labels`: `{a="b"} `, or just a blank.
    fn histogram(&self, labels: &[u8], histogram: &HistogramSnapshot<'_>, out: &mut Vec<u8>) {
        let inner = inner(labels);
        let mut bounds = self.bounds.iter();
        let mut last = 0;
        histogram.for_each_bucket(|_, count| {
            let le = bounds.next().map_or(&[][..], Vec::as_slice);
            self.sample(&self.bucket, inner, le, out);
            number::integer(count, out);
            out.push(b'\n');
            last = count;
        });
        // The count is the same as the +Inf bucket by construction.
        self.sum_and_count(labels, histogram.sum(), last, out);
    }

    /// A sample for each quantile; `labels` as for a histogram.
    fn summary(&self, labels: &[u8], summary: &SummarySnapshot<'_>, out: &mut Vec<u8>) {
        for ((_, value), quantile) in summary.quantiles().zip(&self.quantiles) {
            self.sample(&self.open, inner(labels), quantile, out);
            number::float(value, out);
            out.push(b'\n');
        }
        self.sum_and_count(labels, summary.sum(), summary.count(), out);
    }

    fn sum_and_count(&self, labels: &[u8], sum: f64, count: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.sum);
        out.extend_from_slice(labels);
        number::float(sum, out);
        out.push(b'\n');
        out.extend_from_slice(&self.count);
        out.extend_from_slice(labels);
        number::integer(count, out);
        out.push(b'\n');
    }

    /// All but the value of a sample with a label of its own, `last`, after the others.
    fn sample(&self, open: &[u8], inner: &[u8], last: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(open);
        out.extend_from_slice(inner);
        if !inner.is_empty() {
            out.push(b',');
        }
        out.extend_from_slice(last);
    }
}

impl GaugeTexts {
    fn new(family: &FamilySnapshot<'_>) -> Self {
        let text = |suffix: &[u8]| {
            let name = [family.name().as_bytes(), suffix].concat();
            let mut header = [b"# HELP ", &*name, b" "].concat();
            escape::help(family.help(), &mut header);
            header.extend_from_slice(&[b"\n# TYPE ", &*name, b" gauge\n"].concat());
            (header, name)
        };
        Self { count: text(b"_gcount"), sum: text(b"_gsum") }
    }

    fn encode(
        &self,
        family: &FamilySnapshot<'_>,
        blocks: &HashMap<u64, BlockText>,
        out: &mut Vec<u8>,
    ) {
        for ((header, name), sums) in [(&self.count, false), (&self.sum, true)] {
            out.extend_from_slice(header);
            for block in family.blocks() {
                let Some(text) = blocks.get(&block.id()) else { continue };
                for (series, labels) in block.series().zip(text.series()) {
                    let Value::GaugeHistogram(histogram) = series.value() else { continue };
                    out.extend_from_slice(name);
                    out.extend_from_slice(labels);
                    if sums {
                        number::float(histogram.sum(), out);
                    } else {
                        number::integer(histogram.count(), out);
                    }
                    out.push(b'\n');
                }
            }
        }
    }
}

/// What `labels` has between the braces.
fn inner(labels: &[u8]) -> &[u8] {
    labels.strip_prefix(b"{").and_then(|l| l.strip_suffix(b"} ")).unwrap_or(b"")
}

impl BlockText {
    fn new(family: &FamilySnapshot<'_>, block: &BlockSnapshot<'_>) -> Self {
        let name = match family.kind() {
            Kind::Histogram | Kind::GaugeHistogram | Kind::Summary | Kind::StateSet => b"",
            _ => family.name().as_bytes(),
        };
        let mut text = Vec::new();
        let mut ends = Vec::with_capacity(block.len());
        for series in block.series() {
            text.extend_from_slice(name);
            let own = family.label_names().zip(series.label_values());
            let mut before = b'{';
            for (label, value) in family.constant_labels().chain(own) {
                text.push(before);
                before = b',';
                text.extend_from_slice(label.as_bytes());
                text.extend_from_slice(b"=\"");
                escape::label_value(value, &mut text);
                text.push(b'"');
            }
            text.extend_from_slice(if before == b',' { b"} " } else { b" " });
            ends.push(text.len() as u32);
        }
        Self { text: text.into(), ends: ends.into(), seen: 0 }
    }

    /// What is rendered of each series.
    fn series(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let text = &self.text[start..end as usize];
            start = end as usize;
            text
        })
    }
}
