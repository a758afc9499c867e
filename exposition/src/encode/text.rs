//! Text 0.0.4 and OpenMetrics 1.0: what the samples of a family look like around their values.
//! Upstream: the engine's snapshot. Downstream: sheets, which keep what is rendered here.

use tmc_engine::{BlockSnapshot, ExemplarSnapshot, FamilySnapshot, Kind, SeriesSnapshot, Value};

use super::escape;
use super::number::{self, Number};
use super::sheet::{Draft, Page, Values};
use super::syntax::{FamilyName, Syntax, is_bare, metadata_name, quoted};

/// Samples under one header. A family is one, but for gauge histograms in text 0.0.4.
#[derive(Debug)]
pub(super) struct TextPart {
    pub(super) header: Vec<u8>,
    syntax: Syntax,
    shows: Shows,
    /// The samples of a series, in order.
    samples: Vec<Sample>,
    /// Its last one.
    created: Option<Sample>,
    labels: Labels,
}

/// Which values of a series there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shows {
    /// Of a distribution: buckets or quantiles, sum, count.
    All,
    /// Only the count of a distribution.
    Count,
    /// Only its sum.
    Sum,
}

/// A sample, less the labels of the series and the value.
#[derive(Debug)]
struct Sample {
    /// As it stands before the brace, or quoted behind it.
    name: Vec<u8>,
    quoted: bool,
    /// A label of its own, after the others.
    own: Vec<u8>,
    /// Of a bucket.
    bound: Option<f64>,
    number: Number,
}

/// What the labels of all series of a family have in common.
#[derive(Debug)]
struct Labels {
    /// Those of the registry: `a="b",c="d"`.
    constant: Vec<u8>,
    /// `name="` of each of the others.
    names: Vec<Vec<u8>>,
}

impl TextPart {
    /// A family's parts in the order in which they are exposed.
    pub(super) fn all(family: &FamilySnapshot<'_>, syntax: Syntax) -> Vec<Self> {
        let name = syntax.name(family);
        let part = |family_name: &str, kind, shows, samples| Self {
            header: header(family, family_name, kind, syntax),
            syntax,
            shows,
            samples,
            created: created(family, &name, syntax),
            labels: Labels::new(family, syntax),
        };
        let kind = syntax.kind(family.kind());
        let mut parts = vec![part(&name.family, kind, Shows::All, samples(family, &name, syntax))];
        if family.kind() == Kind::GaugeHistogram && !syntax.is_open_metrics() {
            // Samples that only OpenMetrics has for the type; here, they are gauges.
            let also =
                [("_gcount", Shows::Count, Number::Integer), ("_gsum", Shows::Sum, Number::Float)];
            for (suffix, shows, number) in also {
                let sample = Sample::new(&name.family, suffix, number);
                let family_name = format!("{}{suffix}", name.family);
                parts.push(part(&family_name, "gauge", shows, vec![sample]));
            }
        }
        parts
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
        let exemplars = self.syntax.is_open_metrics() && family.has_exemplars();
        if page.version() > 0 && !exemplars {
            page.update(draft, version, |values| self.values(block, values));
        } else {
            self.render(block, draft);
            page.replace(draft, version);
        }
    }

    #[inline]
    fn values(&self, block: &BlockSnapshot<'_>, values: &mut Values<'_>) {
        // What most series are, without asking each for its type.
        if let Some(counters) = block.counters() {
            values.integers(counters);
            return;
        }
        for series in block.series() {
            self.shows.each(&series.value(), |value| values.next(value));
        }
    }

    fn render(&self, block: &BlockSnapshot<'_>, draft: &mut Draft) {
        draft.clear();
        let mut labels = std::mem::take(&mut draft.labels);
        for series in block.series() {
            labels.clear();
            self.labels.write(&series, &mut labels);
            let mut samples = self.samples.iter();
            let value = series.value();
            self.shows.each(&value, |number| {
                let Some(sample) = samples.next() else { return };
                sample.write(&labels, &mut draft.text);
                draft.value(sample.number, number);
                self.exemplar(&series, &value, sample, &mut draft.text);
                draft.text.push(b'\n');
            });
            if let Some(created) = &self.created {
                created.write(&labels, &mut draft.text);
                number::timestamp(series.created(), &mut draft.text);
                draft.text.push(b'\n');
            }
        }
        draft.labels = labels;
    }

    /// The exemplar behind a value (R53 to R56).
    fn exemplar(
        &self,
        series: &SeriesSnapshot<'_>,
        value: &Value<'_>,
        of: &Sample,
        out: &mut Vec<u8>,
    ) {
        if !self.syntax.is_open_metrics() {
            return;
        }
        let exemplar = match (value, of.bound) {
            (Value::Counter(_) | Value::FloatCounter(_), _) => series.exemplar(),
            (Value::Histogram(histogram), Some(bound)) => {
                histogram.exemplars().find(|(le, _)| *le == bound).map(|(_, exemplar)| exemplar)
            }
            _ => None,
        };
        let Some(exemplar) = exemplar else { return };
        self.exemplar_text(&exemplar, out);
    }

    fn exemplar_text(&self, exemplar: &ExemplarSnapshot<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b" # {");
        for (at, (name, value)) in exemplar.labels().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            self.syntax.label(name, out);
            escape::label_value(value, out);
            out.push(b'"');
        }
        out.extend_from_slice(b"} ");
        number::float(exemplar.value(), out);
        out.push(b' ');
        number::timestamp(exemplar.timestamp(), out);
    }
}

/// Metadata of a family.
fn header(family: &FamilySnapshot<'_>, name: &str, kind: &str, syntax: Syntax) -> Vec<u8> {
    let mut out = Vec::new();
    let mut line = |keyword: &str, write: &dyn Fn(&mut Vec<u8>)| {
        out.extend_from_slice(keyword.as_bytes());
        metadata_name(name, &mut out);
        out.push(b' ');
        write(&mut out);
        out.push(b'\n');
    };
    let write_kind = |out: &mut Vec<u8>| out.extend_from_slice(kind.as_bytes());
    let open = syntax.is_open_metrics();
    let write_help = |out: &mut Vec<u8>| escape::help(family.help(), open, out);
    if open {
        line("# TYPE ", &write_kind);
        // An info and a state set have none (R18). The name has to end in it, which a counter's no longer
        // does where the underscore before `_total` was escaped.
        let ends_in =
            |unit: &&str| name.strip_suffix(*unit).is_some_and(|stem| stem.ends_with('_'));
        if let Some(unit) = family.unit().filter(ends_in) {
            line("# UNIT ", &|out| out.extend_from_slice(unit.as_bytes()));
        }
        line("# HELP ", &write_help);
    } else {
        line("# HELP ", &write_help);
        line("# TYPE ", &write_kind);
    }
    out
}

fn created(family: &FamilySnapshot<'_>, name: &FamilyName, syntax: Syntax) -> Option<Sample> {
    let counts = matches!(
        family.kind(),
        Kind::Counter | Kind::FloatCounter | Kind::Histogram | Kind::Summary
    );
    let wanted = syntax.is_open_metrics() && syntax.created && counts;
    wanted.then(|| Sample::new(&name.family, "_created", Number::Float))
}

/// The samples of a series, in the order of [`Shows::each`].
fn samples(family: &FamilySnapshot<'_>, name: &FamilyName, syntax: Syntax) -> Vec<Sample> {
    use Number::{Float, Integer};
    let sample = |suffix, number| Sample::new(&name.family, suffix, number);
    let own = |label: &str, value: &str| {
        let mut out = Vec::new();
        syntax.label(label, &mut out);
        escape::label_value(value, &mut out);
        out.push(b'"');
        out
    };
    let canonical = |value| {
        let mut text = Vec::new();
        number::canonical(value, &mut text);
        String::from_utf8(text).unwrap_or_default()
    };
    let bucket = |le| Sample {
        own: own("le", &canonical(le)),
        bound: Some(le),
        ..sample("_bucket", Integer)
    };
    let buckets = || family.bounds().chain([f64::INFINITY]).map(bucket);
    match family.kind() {
        Kind::Counter | Kind::UpDownCounter | Kind::Info => vec![sample(name.suffix, Integer)],
        Kind::FloatCounter => vec![sample(name.suffix, Float)],
        Kind::Histogram => {
            buckets().chain([sample("_sum", Float), sample("_count", Integer)]).collect()
        }
        Kind::GaugeHistogram if syntax.is_open_metrics() => {
            buckets().chain([sample("_gsum", Float), sample("_gcount", Integer)]).collect()
        }
        Kind::GaugeHistogram => {
            buckets().chain([sample("_sum", Float), sample("_count", Integer)]).collect()
        }
        Kind::Summary => {
            let quantile = |q| Sample { own: own("quantile", &canonical(q)), ..sample("", Float) };
            let quantiles = family.quantiles().map(quantile);
            quantiles.chain([sample("_sum", Float), sample("_count", Integer)]).collect()
        }
        Kind::StateSet => {
            // The label is called as the family is.
            let state = |state| Sample { own: own(family.name(), state), ..sample("", Integer) };
            family.states().map(state).collect()
        }
        _ => vec![sample("", Float)],
    }
}

impl Sample {
    fn new(family: &str, suffix: &str, number: Number) -> Self {
        let name = format!("{family}{suffix}");
        let quoted_name = !is_bare(&name, true);
        let mut text = Vec::new();
        match quoted_name {
            true => quoted(&name, &mut text),
            false => text.extend_from_slice(name.as_bytes()),
        }
        Self { name: text, quoted: quoted_name, own: Vec::new(), bound: None, number }
    }

    /// All but the value: `name{labels,own} ` or `{"name",labels,own} `.
    fn write(&self, labels: &[u8], out: &mut Vec<u8>) {
        let (before_brace, behind) =
            if self.quoted { (&[][..], &self.name[..]) } else { (&self.name[..], &[][..]) };
        out.extend_from_slice(before_brace);
        let mut before = b'{';
        for part in [behind, labels, &self.own] {
            if !part.is_empty() {
                out.push(before);
                out.extend_from_slice(part);
                before = b',';
            }
        }
        out.extend_from_slice(if before == b',' { b"} " } else { b" " });
    }
}

impl Shows {
    /// Every value of a series, in the order of its samples.
    #[inline]
    fn each(self, value: &Value<'_>, mut each: impl FnMut(u64)) {
        match (value, self) {
            (Value::Counter(value) | Value::UpDownCounter(value), _) => each(*value),
            (Value::FloatCounter(value) | Value::Gauge(value), _) => each(value.to_bits()),
            (Value::GaugeHistogram(histogram), Self::Count) => each(histogram.count()),
            (Value::GaugeHistogram(histogram), Self::Sum) => each(histogram.sum().to_bits()),
            (Value::Histogram(histogram) | Value::GaugeHistogram(histogram), _) => {
                let mut last = 0;
                histogram.for_each_bucket(|_, count| {
                    each(count);
                    last = count;
                });
                each(histogram.sum().to_bits());
                // The same as the +Inf bucket by construction.
                each(last);
            }
            (Value::Summary(summary), _) => {
                summary.quantiles().for_each(|(_, value)| each(value.to_bits()));
                each(summary.sum().to_bits());
                each(summary.count());
            }
            (Value::StateSet(states), _) => states.iter().for_each(|(_, on)| each(u64::from(on))),
            (Value::Info, _) => each(1),
            _ => {}
        }
    }
}

impl Labels {
    fn new(family: &FamilySnapshot<'_>, syntax: Syntax) -> Self {
        let mut constant = Vec::new();
        for (name, value) in family.constant_labels() {
            if !constant.is_empty() {
                constant.push(b',');
            }
            syntax.label(name, &mut constant);
            escape::label_value(value, &mut constant);
            constant.push(b'"');
        }
        let name = |name| {
            let mut out = Vec::new();
            syntax.label(name, &mut out);
            out
        };
        Self { constant, names: family.label_names().map(name).collect() }
    }

    /// What a series has between its braces.
    fn write(&self, series: &SeriesSnapshot<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.constant);
        for (name, value) in self.names.iter().zip(series.label_values()) {
            if !out.is_empty() {
                out.push(b',');
            }
            out.extend_from_slice(name);
            escape::label_value(value, out);
            out.push(b'"');
        }
    }
}
