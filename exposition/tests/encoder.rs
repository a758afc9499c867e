//! The text encoder: golden output, the same values back through a strict parser of its own, and
//! what it keeps between scrapes. Upstream: `Encoder`.

use proptest::prelude::*;
use std::collections::BTreeMap;
use tmc_engine::{HistogramSpec, Registry, Snapshot, Value};
use tmc_exposition::{Encoder, Format};

fn encode(encoder: &mut Encoder, registry: &Registry) -> String {
    let mut out = Vec::new();
    encoder.encode(&registry.snapshot(), &mut out);
    String::from_utf8(out).unwrap()
}

/// What an encoder without a past writes.
fn fresh(registry: &Registry) -> String {
    encode(&mut Encoder::new(Format::Text), registry)
}

#[test]
fn an_empty_registry_is_zero_bytes() {
    let registry = Registry::new();
    assert_eq!(fresh(&registry), "");
    registry.counter_family("no_series_total", "No series yet", ["l"]).unwrap();
    assert!(!fresh(&registry).contains("# HELP no_series"), "a family without series is left out");
}

#[test]
fn every_kind_with_constant_labels_and_escapes() {
    let registry =
        Registry::builder().prefix("t").constant_label("region", "e\"u\\1\n").build().unwrap();
    let spec = HistogramSpec::seconds(&[0.005, 0.25, 1.0, 10.0]);
    registry.counter("a_total", "Plain \"help\" with \\ and\nline feed").unwrap().inc_by(7);
    let counts = registry.counter_family("b_total", "", ["x", "y"]).unwrap();
    counts.with(["1", ""]).inc();
    counts.with(["\\\"\n", "é\r\t"]).inc_by(u64::MAX);
    registry.float_counter("c_seconds_total", "Float").unwrap().inc_by(1.5);
    registry.gauge("d", "Gauge").unwrap().set(-0.25);
    registry.up_down_counter("e", "In flight").unwrap().add(3);
    let latency = registry.histogram("f_seconds", "Latency", &spec).unwrap();
    for value in [0.005, 0.0050001, 1.0, 9.0, 1e9] {
        latency.observe(value);
    }
    let sizes = registry
        .histogram_family("g_bytes", "Sizes", ["kind"], &HistogramSpec::bytes(&[0.0, 1e6]))
        .unwrap();
    sizes.with(["k"]).record(0);
    sizes.init([["none"]]);
    let text = fresh(&registry);
    let (own, engine) = text.split_at(text.find("# HELP tmc_engine").unwrap());
    let expected = r#"# HELP t_a_total Plain "help" with \\ and\nline feed
# TYPE t_a_total counter
t_a_total{region="e\"u\\1\n"} 7
# HELP t_b_total 
# TYPE t_b_total counter
t_b_total{region="e\"u\\1\n",x="1",y=""} 1
t_b_total{region="e\"u\\1\n",x="\\\"\n",y="é<CR><TAB>"} 18446744073709551615
# HELP t_c_seconds_total Float
# TYPE t_c_seconds_total counter
t_c_seconds_total{region="e\"u\\1\n"} 1.5
# HELP t_d Gauge
# TYPE t_d gauge
t_d{region="e\"u\\1\n"} -0.25
# HELP t_e In flight
# TYPE t_e gauge
t_e{region="e\"u\\1\n"} 3
# HELP t_f_seconds Latency
# TYPE t_f_seconds histogram
t_f_seconds_bucket{region="e\"u\\1\n",le="0.005"} 1
t_f_seconds_bucket{region="e\"u\\1\n",le="0.25"} 2
t_f_seconds_bucket{region="e\"u\\1\n",le="1.0"} 3
t_f_seconds_bucket{region="e\"u\\1\n",le="10.0"} 4
t_f_seconds_bucket{region="e\"u\\1\n",le="+Inf"} 5
t_f_seconds_sum{region="e\"u\\1\n"} 1000000010.0100001
t_f_seconds_count{region="e\"u\\1\n"} 5
# HELP t_g_bytes Sizes
# TYPE t_g_bytes histogram
t_g_bytes_bucket{region="e\"u\\1\n",kind="k",le="0.0"} 1
t_g_bytes_bucket{region="e\"u\\1\n",kind="k",le="1e+06"} 1
t_g_bytes_bucket{region="e\"u\\1\n",kind="k",le="+Inf"} 1
t_g_bytes_sum{region="e\"u\\1\n",kind="k"} 0
t_g_bytes_count{region="e\"u\\1\n",kind="k"} 1
t_g_bytes_bucket{region="e\"u\\1\n",kind="none",le="0.0"} 0
t_g_bytes_bucket{region="e\"u\\1\n",kind="none",le="1e+06"} 0
t_g_bytes_bucket{region="e\"u\\1\n",kind="none",le="+Inf"} 0
t_g_bytes_sum{region="e\"u\\1\n",kind="none"} 0
t_g_bytes_count{region="e\"u\\1\n",kind="none"} 0
"#;
    assert_eq!(own, expected.replace("<CR>", "\r").replace("<TAB>", "\t"));
    assert!(engine.contains("\ntmc_engine_refused_total{region=\"e\\\"u\\\\1\\n\",family="));
    assert_eq!(text.matches("# TYPE").count(), text.matches("# HELP").count());
}

#[test]
fn without_labels_there_are_no_braces() {
    let registry = Registry::new();
    registry.gauge("g", "Gauge").unwrap().set(f64::NAN);
    registry.gauge("h", "Other").unwrap().set(f64::NEG_INFINITY);
    let histogram = registry.histogram("i", "", &HistogramSpec::bytes(&[])).unwrap();
    histogram.observe(f64::INFINITY);
    let text = fresh(&registry);
    let expected = "# HELP g Gauge\n# TYPE g gauge\ng NaN\n# HELP h Other\n# TYPE h gauge\nh -Inf\n\
                    # HELP i \n# TYPE i histogram\ni_bucket{le=\"+Inf\"} 1\ni_sum +Inf\ni_count 1\n";
    assert!(text.starts_with(expected), "{text}");
}

#[test]
fn an_encoder_appends() {
    let registry = Registry::new();
    registry.counter("c_total", "").unwrap();
    let mut out = b"before".to_vec();
    Encoder::new(Format::Text).encode(&registry.snapshot(), &mut out);
    assert_eq!(out, b"before# HELP c_total \n# TYPE c_total counter\nc_total 0\n");
}

/// Name, labels, and the value by its bits.
type Sample = (String, Vec<(String, String)>, u64);

/// A family as it was read back.
#[derive(Debug, Default, PartialEq)]
struct Read {
    help: String,
    kind: String,
    /// In order of appearance.
    samples: Vec<Sample>,
}

/// Parses text 0.0.4 as strictly as the encoder should write it; an error is the line it is in.
fn parse(text: &str) -> Result<BTreeMap<String, Read>, String> {
    let mut families: BTreeMap<String, Read> = BTreeMap::new();
    let mut lines = text.split('\n').peekable();
    while let Some(line) = lines.next() {
        if line.is_empty() && lines.peek().is_none() {
            break; // what follows the last line feed
        }
        let fault = || line.to_owned();
        let (name, help) =
            line.strip_prefix("# HELP ").and_then(|l| l.split_once(' ')).ok_or_else(fault)?;
        let kind = lines.next().and_then(|l| l.strip_prefix("# TYPE ")).ok_or_else(fault)?;
        let kind = kind.strip_prefix(name).and_then(|l| l.strip_prefix(' ')).ok_or_else(fault)?;
        let mut read = Read {
            help: unescape(help, false).ok_or_else(fault)?,
            kind: kind.into(),
            samples: Vec::new(),
        };
        while let Some(line) = lines.next_if(|line| !line.is_empty() && !line.starts_with('#')) {
            let sample = sample(line).ok_or_else(|| line.to_owned())?;
            let suffix = sample.0.strip_prefix(name).ok_or_else(|| line.to_owned())?;
            let suffixes: &[&str] =
                if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            if !suffixes.contains(&suffix) {
                return Err(line.to_owned());
            }
            read.samples.push(sample);
        }
        if families.insert(name.to_owned(), read).is_some() {
            return Err(format!("{name} comes twice"));
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        return Err("the last line has no end".into());
    }
    Ok(families)
}

fn unescape(text: &str, quotes: bool) -> Option<String> {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next()? {
                'n' => out.push('\n'),
                '\\' => out.push('\\'),
                '"' if quotes => out.push('"'),
                _ => return None,
            },
            '"' if quotes => return None,
            c => out.push(c),
        }
    }
    Some(out)
}

fn sample(line: &str) -> Option<Sample> {
    let word = |text: &str| text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let (name, mut rest) = line.split_at(word(line)?);
    let mut labels = Vec::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, after) = rest.split_at(word(rest)?);
            let after = after.strip_prefix("=\"")?;
            let mut escaped = false;
            let end = after.find(|c| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            })?;
            labels.push((label.to_owned(), unescape(&after[..end], true)?));
            rest = &after[end + 1..];
            match rest.strip_prefix(',') {
                Some(next) => rest = next,
                None => break,
            }
        }
        rest = rest.strip_prefix('}')?;
    }
    let number = rest.strip_prefix(' ')?;
    let value: f64 = match number {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        "NaN" => f64::NAN,
        number if number.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
            number.parse().ok()?
        }
        _ => return None,
    };
    Some((name.to_owned(), labels, value.to_bits()))
}

/// What a snapshot says, in the form that the parser gives.
fn expected(snapshot: &Snapshot) -> BTreeMap<String, Read> {
    let mut families = BTreeMap::new();
    for family in snapshot.families() {
        let mut read = Read { help: family.help().into(), ..Read::default() };
        for series in family.series() {
            let names = family.constant_labels().map(|(name, _)| name).chain(family.label_names());
            let values =
                family.constant_labels().map(|(_, value)| value).chain(series.label_values());
            let labels: Vec<(String, String)> =
                names.zip(values).map(|(name, value)| (name.into(), value.into())).collect();
            let mut push = |suffix: &str, le: Option<f64>, value: f64| {
                let mut labels = labels.clone();
                let canonical =
                    |le: f64| if le == f64::INFINITY { "+Inf".into() } else { format!("{le:?}") };
                labels.extend(le.map(|le| ("le".into(), canonical(le))));
                read.samples.push((format!("{}{suffix}", family.name()), labels, value.to_bits()));
            };
            let value = series.value();
            read.kind = match value {
                Value::Counter(_) | Value::FloatCounter(_) => "counter",
                Value::Histogram(_) => "histogram",
                _ => "gauge",
            }
            .into();
            match value.histogram() {
                Some(histogram) => {
                    for (le, count) in histogram.cumulative() {
                        push("_bucket", Some(le), count as f64);
                    }
                    push("_sum", None, histogram.sum());
                    push("_count", None, histogram.count() as f64);
                }
                None => push("", None, value.as_f64()),
            }
        }
        if !read.samples.is_empty() {
            families.insert(family.name().to_owned(), read);
        }
    }
    families
}

/// What is put into a registry: per family a help, the number of labels, and series with values.
#[derive(Clone, Debug)]
struct Content {
    help: String,
    kind: usize,
    labels: usize,
    series: Vec<(String, f64)>,
}

fn contents() -> impl Strategy<Value = Vec<Content>> {
    let value = "[a\\\\\"\n\\PC{}=,# \r\0\u{85}\u{2028}]{0,12}";
    let help = "[a\\\\\"\n\\PC{}=,# ]{0,12}";
    let number = prop_oneof![
        any::<f64>(),
        (0..100_000_u32).prop_map(f64::from),
        prop::sample::select(vec![
            0.0,
            -0.0,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MAX,
            5e-324,
            1e16,
            0.1,
        ]),
    ];
    let content = (help, 0..5_usize, 0..3_usize, prop::collection::vec((value, number), 0..8));
    let content =
        content.prop_map(|(help, kind, labels, series)| Content { help, kind, labels, series });
    prop::collection::vec(content, 0..6)
}

/// Registers and records `content` as family number `at`, on top of what is there.
fn fill(registry: &Registry, at: usize, content: &Content) {
    let name = format!("family_{at}");
    match content.labels {
        0 => fill_with(registry, &name, content, [], |_| []),
        1 => fill_with(registry, &name, content, ["one"], |value| [value]),
        _ => fill_with(registry, &name, content, ["one", "two"], |value| [value, "2"]),
    }
}

fn fill_with<const N: usize>(
    registry: &Registry,
    name: &str,
    content: &Content,
    labels: [&str; N],
    values: impl for<'a> Fn(&'a str) -> [&'a str; N],
) {
    let help = &content.help;
    let spec = HistogramSpec::bytes(&[0.0, 2.0, 99.0, 100_000.0]);
    for (label, value) in &content.series {
        let with = values(label);
        match content.kind {
            0 => registry
                .counter_family(name, help, labels)
                .unwrap()
                .with(with)
                .inc_by(*value as u64 >> 12),
            1 => {
                registry.float_counter_family(name, help, labels).unwrap().with(with).inc_by(*value)
            }
            2 => registry.gauge_family(name, help, labels).unwrap().with(with).set(*value),
            3 => registry
                .up_down_counter_family(name, help, labels)
                .unwrap()
                .with(with)
                .add(*value as u64 >> 12),
            _ => registry
                .histogram_family(name, help, labels, &spec)
                .unwrap()
                .with(with)
                .observe(*value),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_reads_back(
        contents in contents(), constant in prop::option::of("[a\\\\\"\n\\PC]{0,6}")
    ) {
        let builder = Registry::builder();
        let builder = match &constant {
            Some(value) => builder.constant_label("zone", value),
            None => builder,
        };
        let registry = builder.build().unwrap();
        contents.iter().enumerate().for_each(|(at, content)| fill(&registry, at, content));
        let read = parse(&fresh(&registry));
        prop_assert_eq!(read, Ok(expected(&registry.snapshot())));
    }

    #[test]
    fn an_encoder_with_a_past_writes_what_a_fresh_one_writes(
        steps in prop::collection::vec((0..2_usize, contents()), 1..5)
    ) {
        // Two registries in turns through one encoder: families and series come between scrapes.
        let registries = [Registry::new(), Registry::new()];
        let mut encoder = Encoder::new(Format::Text);
        for (number, (which, contents)) in steps.iter().enumerate() {
            for (at, content) in contents.iter().enumerate() {
                // A family stays what it is; the type is part of its name here.
                let at = at * 1000 + content.kind * 100 + content.labels * 10;
                fill(&registries[*which], at, content);
            }
            for registry in &registries[..=number % 2] {
                prop_assert_eq!(encode(&mut encoder, registry), fresh(registry));
            }
        }
    }
}

#[test]
fn a_kept_block_grows_with_its_family() {
    // Over several blocks of series, one at a time, and values that change meanwhile.
    let registry = Registry::new();
    let family = registry.counter_family("c_total", "", ["at"]).unwrap();
    let spec = HistogramSpec::bytes(&[10.0]);
    let sizes = registry.histogram_family("h", "", ["at"], &spec).unwrap();
    let mut encoder = Encoder::new(Format::Text);
    for at in 0..200_u64 {
        let label = at.to_string();
        family.with([&label]).inc_by(at);
        family.with(["0"]).inc();
        if at % 3 == 0 {
            sizes.with([&label]).record(at);
        }
        let text = encode(&mut encoder, &registry);
        assert_eq!(text, fresh(&registry), "after {at}");
        assert!(text.contains(&format!("\nc_total{{at=\"{at}\"}} {}\n", at + u64::from(at == 0))));
    }
}
