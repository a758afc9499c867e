//! The text encoder against a strict parser: whatever is registered and recorded comes back as it
//! was, help texts and label values included, and nothing else comes.
//!
//! Upstream: libFuzzer. Downstream: `tmc_engine`'s registry and snapshot, `TextEncoder`.
#![no_main]

use std::collections::BTreeMap;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use tmc_engine::{HistogramSpec, Registry};
use tmc_exposition::TextEncoder;
use tmc_fuzz::text::{self, Family, Sample};

#[derive(Arbitrary, Debug)]
struct Case<'a> {
    prefix: Option<&'a str>,
    constant: Option<(&'a str, &'a str)>,
    /// Recorded before the first scrape, and between the first and the second.
    steps: [Vec<Step<'a>>; 2],
}

#[derive(Arbitrary, Debug)]
struct Step<'a> {
    name: Name<'a>,
    help: &'a str,
    label: Name<'a>,
    values: [&'a str; 2],
    record: Record,
}

/// Mostly names that meet again, so that families clash and series are found again.
#[derive(Arbitrary, Debug)]
enum Name<'a> {
    Pool(u8),
    Raw(&'a str),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Record {
    Counter(u64),
    Float(Number),
    Set(Number),
    Add(Number),
    Up(u32),
    Observe(u32),
}

/// Mostly numbers that are spelled in a way of their own.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Number {
    Special(u8),
    Small(i16),
    Any(f64),
}

const SPECIALS: [f64; 12] = [
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    -0.0,
    0.1,
    f64::MAX,
    f64::MIN_POSITIVE,
    5e-324,
    9_007_199_254_740_991.0,
    9_007_199_254_740_992.0,
    1e21,
    1e-7,
];

impl Number {
    fn get(self) -> f64 {
        match self {
            Number::Special(at) => SPECIALS[usize::from(at) % SPECIALS.len()],
            Number::Small(small) => f64::from(small) / 4.0,
            Number::Any(any) => any,
        }
    }
}

const NAMES: [&str; 10] =
    ["a", "a_total", "a_count", "a_bucket", "A_seconds", "le", "quantile", "b", "b_sum", "b_total"];

/// Powers of two, so that bytes, boundaries and sums are exact in every arithmetic.
const BOUNDS: [f64; 3] = [1.0, 64.0, 65536.0];

impl<'a> Name<'a> {
    fn get(&self) -> &'a str {
        match self {
            Name::Pool(at) => NAMES[usize::from(*at) % NAMES.len()],
            Name::Raw(raw) => raw,
        }
    }
}

/// What one series should show.
#[derive(Debug)]
enum Expected {
    Integer(u64),
    Number(f64),
    Sizes(Vec<u32>),
}

/// Help, kind, the second label's name, and the series by label values.
type Model = BTreeMap<String, (String, &'static str, String, BTreeMap<[String; 2], Expected>)>;

fuzz_target!(|case: Case<'_>| run(&case));

fn run(case: &Case<'_>) {
    let mut builder = Registry::builder();
    if let Some(prefix) = case.prefix {
        builder = builder.prefix(prefix);
    }
    if let Some((name, value)) = case.constant {
        builder = builder.constant_label(name, value);
    }
    let Ok(registry) = builder.build() else { return };
    let mut model = Model::new();
    let mut encoder = TextEncoder::new();
    let mut out = Vec::new();
    for steps in &case.steps {
        for step in steps.iter().take(200) {
            record(&registry, step, case.prefix, &mut model);
        }
        out.clear();
        encoder.encode(&registry.snapshot(), &mut out);
        let families = text::parse(&out).unwrap_or_else(|wrong| {
            panic!("{wrong}\n{}", String::from_utf8_lossy(&out));
        });
        compare(families, &model, case.constant);
        // Nothing changed: the same bytes again, from whatever the encoder kept.
        let mut again = Vec::new();
        encoder.encode(&registry.snapshot(), &mut again);
        assert!(again == out, "the second encoding differs");
    }
}

/// Records in the registry, and in the model what the registry took.
fn record(registry: &Registry, step: &Step<'_>, prefix: Option<&str>, model: &mut Model) {
    let (name, help, values) = (step.name.get(), step.help, step.values);
    let labels = ["first", step.label.get()];
    let spec = HistogramSpec::bytes(&BOUNDS);
    let taken = match step.record {
        Record::Counter(n) => registry.counter_family(name, help, labels).map(|family| {
            // A counter wraps, and a number above 2^53 is not exact for the reader.
            family.with(values).inc_by(n >> 16);
        }),
        Record::Float(v) => registry
            .float_counter_family(name, help, labels)
            .map(|family| family.with(values).inc_by(v.get())),
        Record::Set(v) => {
            registry.gauge_family(name, help, labels).map(|family| family.with(values).set(v.get()))
        }
        Record::Add(v) => {
            registry.gauge_family(name, help, labels).map(|family| family.with(values).add(v.get()))
        }
        Record::Up(n) => registry.up_down_counter_family(name, help, labels).map(|family| {
            let series = family.with(values);
            series.add(u64::from(n) + 1);
            series.sub(1);
        }),
        Record::Observe(size) => registry
            .histogram_family(name, help, labels, &spec)
            .map(|family| family.with(values).record(size.into())),
    };
    if taken.is_err() {
        return;
    }
    let kind = match step.record {
        Record::Counter(_) | Record::Float(_) => "counter",
        Record::Set(_) | Record::Add(_) | Record::Up(_) => "gauge",
        Record::Observe(_) => "histogram",
    };
    let full = prefix.map_or(name.to_owned(), |prefix| format!("{prefix}_{name}"));
    let family = model
        .entry(full)
        .or_insert_with(|| (help.to_owned(), kind, labels[1].to_owned(), BTreeMap::new()));
    let series = family.3.entry(values.map(str::to_owned)).or_insert_with(|| match step.record {
        Record::Counter(_) | Record::Up(_) => Expected::Integer(0),
        Record::Float(_) | Record::Set(_) | Record::Add(_) => Expected::Number(0.0),
        Record::Observe(_) => Expected::Sizes(Vec::new()),
    });
    match (series, step.record) {
        (Expected::Integer(sum), Record::Counter(n)) => *sum += n >> 16,
        (Expected::Integer(sum), Record::Up(n)) => *sum += u64::from(n),
        (Expected::Number(sum), Record::Float(v)) => {
            // What is negative or no number is refused.
            *sum += if v.get() >= 0.0 { v.get() } else { 0.0 };
        }
        (Expected::Number(value), Record::Set(v)) => *value = v.get(),
        (Expected::Number(value), Record::Add(v)) => *value += v.get(),
        (Expected::Sizes(sizes), Record::Observe(size)) => sizes.push(size),
        (series, record) => panic!("{record:?} was taken by a family of {series:?}"),
    }
}

fn compare(families: Vec<Family>, model: &Model, constant: Option<(&str, &str)>) {
    // The engine's own families come when there is something to tell, such as a refused value.
    let mut own = families;
    own.retain(|f| model.contains_key(&f.name) || !f.name.starts_with("tmc_engine_"));
    let names: Vec<&str> = own.iter().map(|family| family.name.as_str()).collect();
    assert_eq!(names, model.keys().map(String::as_str).collect::<Vec<_>>());
    for (family, (help, kind, label, series)) in own.iter().zip(model.values()) {
        assert_eq!(
            (family.help.as_deref().unwrap_or(""), family.kind.as_str()),
            (help.as_str(), *kind)
        );
        let mut expected = Vec::new();
        for (values, value) in series {
            let pairs = [("first", values[0].as_str()), (label, values[1].as_str())];
            let labels = pairs.into_iter().chain(constant);
            let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            lines(&family.name, labels, value, &mut expected);
        }
        let key = |sample: &Sample| {
            let mut labels = sample.labels.clone();
            // However `le` is spelled, it is a number.
            for (_, le) in
                labels.iter_mut().filter(|(name, _)| name == "le" && *kind == "histogram")
            {
                *le = text::number(le).expect("le is a number").to_string();
            }
            labels.sort();
            (sample.name.clone(), labels, sample.value.to_bits())
        };
        let mut got: Vec<_> = family.samples.iter().map(key).collect();
        let mut want: Vec<_> = expected.iter().map(key).collect();
        got.sort();
        want.sort();
        assert_eq!(got, want, "{}", family.name);
    }
}

/// The samples of one series.
fn lines(name: &str, labels: Vec<(String, String)>, value: &Expected, out: &mut Vec<Sample>) {
    let mut push = |suffix: &str, le: Option<&str>, value: f64| {
        let mut labels = labels.clone();
        labels.extend(le.map(|le| ("le".to_owned(), le.to_owned())));
        // One NaN is as good as another.
        let value = if value.is_nan() { f64::NAN } else { value };
        out.push(Sample { name: format!("{name}{suffix}"), labels, raw: String::new(), value });
    };
    match value {
        Expected::Integer(value) => push("", None, *value as f64),
        Expected::Number(value) => push("", None, *value),
        Expected::Sizes(sizes) => {
            for (bound, le) in BOUNDS.iter().zip(["1.0", "64.0", "65536.0"]) {
                let below = sizes.iter().filter(|size| f64::from(**size) <= *bound).count();
                push("_bucket", Some(le), below as f64);
            }
            push("_bucket", Some("+Inf"), sizes.len() as f64);
            push("_count", None, sizes.len() as f64);
            push("_sum", None, sizes.iter().map(|size| f64::from(*size)).sum::<f64>() + 0.0);
        }
    }
}
