//! Prometheus's protobuf as prost reads it: every type, names under every escaping scheme, exemplars,
//! classic and native buckets, and scrape after scrape what a fresh encoder writes.
//! Upstream: `Encoder`.

mod messages;

use std::time::{Duration, UNIX_EPOCH};

use messages::{BucketSpan, Exemplar, Metric, MetricFamily, MetricType, Timestamp};
use proptest::prelude::*;
use tmc_engine::{Clock, Escaping, HistogramSpec, ManualClock, Registry, Snapshot, SummarySpec};
use tmc_exposition::{Encoder, Format};

fn bytes(registry: &Registry) -> Vec<u8> {
    let mut out = Vec::new();
    Encoder::new(Format::Protobuf).encode(&registry.snapshot(), &mut out);
    out
}

fn families(registry: &Registry) -> Vec<MetricFamily> {
    messages::read(&bytes(registry))
}

/// The family of this name, which has metrics.
fn family(registry: &Registry, name: &str) -> MetricFamily {
    let found = families(registry).into_iter().find(|family| family.name.as_deref() == Some(name));
    let found = found.unwrap_or_else(|| panic!("no {name}"));
    assert!(!found.metric.is_empty());
    found
}

fn histogram(registry: &Registry, name: &str) -> messages::Histogram {
    family(registry, name).metric[0].histogram.clone().expect("a histogram")
}

/// What a metric of one number says.
fn number(metric: &Metric) -> f64 {
    let counter = metric.counter.as_ref().map(|counter| counter.value);
    let gauge = metric.gauge.as_ref().map(|gauge| gauge.value);
    assert!(counter.is_none() || gauge.is_none(), "{metric:?}");
    counter.or(gauge).flatten().expect("a number")
}

fn stamp(at: std::time::SystemTime) -> Option<Timestamp> {
    let since = at.duration_since(UNIX_EPOCH).unwrap();
    let (seconds, nanos) = (since.as_secs() as i64, since.subsec_nanos() as i32);
    Some(Timestamp { seconds: Some(seconds), nanos: Some(nanos) })
}

#[test]
fn an_empty_registry_is_no_bytes_and_so_is_a_family_without_series() {
    let registry = Registry::new();
    assert_eq!(bytes(&registry), b"");
    registry.counter_family("c_total", "", ["at"]).unwrap();
    assert!(families(&registry).iter().all(|family| family.name.as_deref() != Some("c_total")));
}

#[test]
fn every_type_has_its_field_and_its_metadata() {
    let registry = Registry::builder().constant_label("zone", "e\"u\\\n").build().unwrap();
    registry.counter_family("c_total", "Count\n\\\"s", ["at"]).unwrap().with(["x"]).inc_by(3);
    registry.counter("plain", "").unwrap().inc_by(u64::MAX);
    registry.float_counter("f_total", "").unwrap().inc_by(0.1);
    registry.gauge("g", "").unwrap().set(-0.0);
    registry.up_down_counter("u", "").unwrap().add(7);
    registry.in_flight_age("age_seconds", "").unwrap();
    drop(registry.info_family("build_info", "", ["version"]).unwrap().with(["1"]));
    registry.state_set("s", "", &["on", "off"]).unwrap().set("off", true);
    let sizes = HistogramSpec::bytes(&[10.0, 100.0]);
    registry.histogram("h_bytes", "", &sizes).unwrap().record(50);
    registry.gauge_histogram("gh_bytes", "", &sizes).unwrap().add(5.0);
    let spec = SummarySpec::plain(&[0.5, 1.0]);
    registry.summary("sum", "", &spec).unwrap().record(4);
    registry.summary_family("none", "", ["at"], &spec).unwrap().init([["x"]]);

    let zone = ("zone", "e\"u\\\n");
    use MetricType::{Counter, Gauge};
    type Labels<'a> = &'a [(&'a str, &'a str)];
    let expected: [(&str, MetricType, Labels<'_>, f64); 9] = [
        ("c_total", Counter, &[zone, ("at", "x")], 3.0),
        ("plain", Counter, &[zone], u64::MAX as f64), // the name as it was registered (R62)
        ("f_total", Counter, &[zone], 0.1),
        ("g", Gauge, &[zone], -0.0),
        ("u", Gauge, &[zone], 7.0),
        ("age_seconds", Gauge, &[zone], 0.0),
        ("build_info", Gauge, &[zone, ("version", "1")], 1.0),
        ("s", Gauge, &[zone, ("s", "on")], 0.0),
        ("s", Gauge, &[zone, ("s", "off")], 1.0),
    ];
    let snapshot = registry.snapshot();
    for (name, kind, labels, value) in expected {
        let family = family(&registry, name);
        assert_eq!(family.r#type, Some(kind as i32), "{name}");
        let metric = family.metric.iter().find(|metric| metric.labels() == labels);
        let metric = metric.unwrap_or_else(|| panic!("{labels:?} in {family:?}"));
        assert_eq!(number(metric).to_bits(), value.to_bits(), "{name}");
        assert_eq!((&metric.histogram, &metric.summary, metric.timestamp_ms), (&None, &None, None));
        let series = snapshot.family(name).unwrap().series().next().unwrap();
        let created = metric.counter.as_ref().map(|counter| counter.created_timestamp);
        assert_eq!(created, (kind == Counter).then(|| stamp(series.created())), "{name}");
    }
    assert_eq!(family(&registry, "c_total").help.as_deref(), Some("Count\n\\\"s"));
    assert_eq!(family(&registry, "s").metric.len(), 2);

    let histogram_of = |name, kind: MetricType| {
        let family = family(&registry, name);
        assert_eq!((family.r#type, family.unit.as_deref()), (Some(kind as i32), Some("bytes")));
        assert_eq!(family.metric[0].labels(), [zone]);
        family.metric[0].histogram.clone().unwrap()
    };
    let created = |name| stamp(snapshot.family(name).unwrap().get(&[]).unwrap().created());
    let read = histogram_of("h_bytes", MetricType::Histogram);
    assert_eq!((read.sample_count, read.sample_sum), (Some(1), Some(50.0)));
    assert_eq!(read.classic().unwrap(), [(10.0, 0), (100.0, 1), (f64::INFINITY, 1)]);
    assert_eq!((read.schema, read.positive_span.len(), read.zero_threshold), (None, 0, None));
    assert_eq!(read.created_timestamp, created("h_bytes"));
    let read = histogram_of("gh_bytes", MetricType::GaugeHistogram);
    assert_eq!((read.sample_count, read.sample_sum), (Some(1), Some(5.0)));
    assert_eq!(read.classic().unwrap(), [(10.0, 1), (100.0, 1), (f64::INFINITY, 1)]);
    assert_eq!(read.created_timestamp, None);

    let family_of = family(&registry, "sum");
    assert_eq!(family_of.r#type, Some(MetricType::Summary as i32));
    let summary = family_of.metric[0].summary.clone().unwrap();
    assert_eq!((summary.sample_count, summary.sample_sum), (Some(1), Some(4.0)));
    let quantiles: Vec<_> = summary.quantile.iter().map(|q| (q.quantile, q.value)).collect();
    assert_eq!(quantiles, [(Some(0.5), Some(4.0)), (Some(1.0), Some(4.0))]);
    assert_eq!(summary.created_timestamp, created("sum"));
    let none = family(&registry, "none").metric[0].summary.clone().unwrap();
    assert!(none.quantile.iter().all(|q| q.value.is_some_and(f64::is_nan)), "{none:?}");
}

/// One of the numbers that are no numbers tells Prometheus that a series has ended.
#[test]
fn no_gauge_ends_its_series() {
    let registry = Registry::new();
    let gauge = registry.gauge("g", "").unwrap();
    let (mut kept, mut out) = (Encoder::new(Format::Protobuf), Vec::new());
    for at in 0..3 {
        gauge.set(f64::from_bits(0x7ff0_0000_0000_0002 + at));
        out.clear();
        kept.encode(&registry.snapshot(), &mut out);
        let read = number(&messages::read(&out)[0].metric[0]);
        assert_eq!(read.to_bits(), f64::NAN.to_bits());
    }
}

#[test]
fn names_are_escaped_as_asked_and_units_only_where_names_end_in_them() {
    let registry = Registry::builder().utf8_names(true).constant_label("a.z", "1").build().unwrap();
    registry.gauge_family("g.µ", "", ["l.1", "le"]).unwrap().with(["x", "y"]).set(1.0);
    registry.state_set("s.t", "", &["on"]).unwrap();
    let seconds = registry.in_unit("seconds");
    seconds.float_counter("time.spent_seconds_total", "").unwrap().inc_by(1.0);
    seconds.gauge("left_seconds", "").unwrap();
    for escaping in Escaping::ALL {
        let mut out = Vec::new();
        Encoder::new(Format::Protobuf).escaping(escaping).encode(&registry.snapshot(), &mut out);
        let families = messages::read(&out);
        let find = |name: &str| {
            let name = escaping.metric_name(name);
            let found = families.iter().find(|family| family.name.as_deref() == Some(&name));
            found.unwrap_or_else(|| panic!("no {name} in {families:?}"))
        };
        let label = |name| escaping.label_name(name).into_owned();
        let gauge = &find("g.µ").metric[0];
        let (zone, first) = (label("a.z"), label("l.1"));
        assert_eq!(gauge.labels(), [(&*zone, "1"), (&*first, "x"), ("le", "y")]);
        assert_eq!(find("s.t").metric[0].labels(), [(&*zone, "1"), (&*label("s.t"), "on")]);
        // Prometheus refuses a whole scrape for a unit that the name does not end in.
        for family in families.iter().filter(|family| family.unit.is_some()) {
            let name = family.name.as_deref().unwrap();
            let stem = name.strip_suffix("_total").unwrap_or(name);
            assert!(stem.ends_with("_seconds"), "{name}");
        }
        assert_eq!(find("left_seconds").unit.as_deref(), Some("seconds"));
        let stays = matches!(escaping, Escaping::AllowUtf8 | Escaping::Underscores);
        assert_eq!(find("time.spent_seconds_total").unit.is_some(), stays, "{escaping:?}");
    }
}

#[test]
fn exemplars_are_at_their_buckets_and_of_native_histograms() {
    let clock = ManualClock::new();
    let registry = Registry::builder().clock(clock.clone()).build().unwrap();
    clock.advance(Duration::from_nanos(1_234_567_890));
    let at = stamp(Clock::from(clock).wall());
    let labels = |exemplar: &Exemplar| -> Vec<(String, String)> {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        exemplar.labels().into_iter().map(owned).collect()
    };
    let trace = |id: &str| vec![("trace_id".to_owned(), id.to_owned())];
    registry.counter("c_total", "").unwrap().inc_by_with(2, &[("trace_id", "c1")]);
    let counter = family(&registry, "c_total").metric[0].counter.clone().unwrap();
    let exemplar = counter.exemplar.unwrap();
    assert_eq!(
        (labels(&exemplar), exemplar.value, exemplar.timestamp),
        (trace("c1"), Some(2.0), at)
    );

    let classic = HistogramSpec::seconds(&[0.1, 1.0]);
    let (both, native) = (classic.clone().native(3), classic.clone().native(3).classic(false));
    for (name, spec, buckets, natives) in
        [("h", classic, true, false), ("b", both, true, true), ("n", native, false, true)]
    {
        let recorded = registry.histogram(name, "", &spec).unwrap();
        recorded.observe_with(0.5, &[("trace_id", "1")]);
        recorded.observe_with(7.0, &[("trace_id", "7")]);
        let read = histogram(&registry, name);
        let found: Vec<_> = read.bucket.iter().map(|bucket| bucket.exemplar.as_ref()).collect();
        assert_eq!(found.len(), if buckets { 3 } else { 0 });
        let wanted = [("1", 0.5), ("7", 7.0)];
        let at_buckets = found.into_iter().flatten().cloned().collect::<Vec<_>>();
        for (found, there) in [(at_buckets, buckets), (read.exemplars, natives)] {
            let found: Vec<_> = found.iter().map(|e| (labels(e), e.value, e.timestamp)).collect();
            let wanted = wanted.map(|(id, value)| (trace(id), Some(value), at));
            assert_eq!(found, wanted[..if there { 2 } else { 0 }], "{name}");
        }
    }
}

#[test]
fn an_empty_native_histogram_says_that_it_is_one() {
    let registry = Registry::new();
    let spec = HistogramSpec::seconds(&[0.1]).native(5).classic(false);
    registry.histogram("h_seconds", "", &spec).unwrap();
    registry.gauge_histogram("g_seconds", "", &spec).unwrap();
    for name in ["h_seconds", "g_seconds"] {
        let read = histogram(&registry, name);
        assert_eq!(read.native(), Ok((5, Vec::new())));
        assert_eq!(read.positive_span, [BucketSpan { offset: Some(0), length: Some(0) }]);
        assert_eq!((read.sample_count, read.zero_count), (Some(0), Some(0)));
        assert_eq!((read.zero_threshold, read.bucket.len()), (Some(0.5e-9), 0));
    }
}

/// Text has no native buckets: without the others it would have no distribution.
#[test]
fn boundaries_that_protobuf_leaves_out_are_in_text() {
    let registry = Registry::new();
    let spec = HistogramSpec::seconds(&[0.5]).native(5).classic(false);
    registry.histogram("h_seconds", "", &spec).unwrap().observe(0.25);
    let none = HistogramSpec::seconds(&[]).native(5).classic(false);
    registry.histogram("n_seconds", "", &none).unwrap().observe(0.25);
    assert!(histogram(&registry, "h_seconds").bucket.is_empty());
    for format in [Format::Text, Format::OpenMetrics] {
        let mut out = Vec::new();
        Encoder::new(format).encode(&registry.snapshot(), &mut out);
        let text = String::from_utf8(out).unwrap();
        let buckets: Vec<_> = text.lines().filter(|line| line.contains("_bucket{")).collect();
        assert_eq!(
            buckets,
            [
                "h_seconds_bucket{le=\"0.5\"} 1",
                "h_seconds_bucket{le=\"+Inf\"} 1",
                "n_seconds_bucket{le=\"+Inf\"} 1",
            ]
        );
    }
}

#[test]
fn gaps_of_two_are_bridged_and_larger_ones_begin_a_span() {
    let registry = Registry::new();
    let sizes = registry.histogram("h_bytes", "", &HistogramSpec::bytes(&[]).native(0)).unwrap();
    // Bucket n counts what is above 2^(n-1), up to 2^n.
    [1, 2, 16, 16, 200, 0].into_iter().for_each(|size| sizes.record(size));
    let read = histogram(&registry, "h_bytes");
    let spans = |spans: &[(i32, u32)]| -> Vec<BucketSpan> {
        let span = |&(offset, length)| BucketSpan { offset: Some(offset), length: Some(length) };
        spans.iter().map(span).collect()
    };
    assert_eq!(read.positive_span, spans(&[(0, 5), (3, 1)]));
    assert_eq!(read.positive_delta, [1, 0, -1, 0, 2, -1]);
    assert_eq!(read.zero_count, Some(1));
    assert_eq!(read.native(), Ok((0, vec![(0, 1), (1, 1), (4, 2), (8, 1)])));
}

#[test]
fn infinity_is_in_the_bucket_above_every_number() {
    for (schema, last) in [(-4, 65), (-1, 513), (0, 1025), (3, 8193), (8, 262_145)] {
        let registry = Registry::new();
        let spec = HistogramSpec::seconds(&[1.0]).digits(3).max(10.0).native(schema);
        let waits = registry.histogram("h_seconds", "", &spec).unwrap();
        let queue = registry.gauge_histogram("g_seconds", "", &spec).unwrap();
        for value in [f64::INFINITY, 1000.0, f64::INFINITY] {
            waits.observe(value);
            queue.add(value);
        }
        for name in ["h_seconds", "g_seconds"] {
            let read = histogram(&registry, name);
            assert_eq!((read.sample_count, read.sample_sum), (Some(3), Some(f64::INFINITY)));
            let (found, buckets) = read.native().unwrap();
            assert_eq!((found, buckets.len()), (schema.into(), 2), "{buckets:?}");
            assert_eq!(buckets[1], (last, 2));
            // What is over the range is at its top.
            let bound = (f64::from(buckets[0].0) / f64::from(schema).exp2()).exp2();
            assert!(bound >= 10.0 && buckets[0].1 == 1, "{buckets:?}");
        }
    }
}

fn config(cases: u32) -> ProptestConfig {
    let cases = if cfg!(debug_assertions) { cases } else { 10 * cases };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(100))]

    #[test]
    fn native_buckets_are_those_of_the_reading(
        observations in prop::collection::vec((any::<u64>(), 0..=64_u32, 1..300_u32), 0..60),
        infinite in 0..3_usize,
        digits in 1..=3_u8,
        schema in -4..=8_i8,
        classic: bool,
        seconds: bool,
    ) {
        let spec = match seconds {
            true => HistogramSpec::seconds(&[0.25, 1.000_000_1]).max(3600.0),
            false => HistogramSpec::bytes(&[1000.0, 1001.0]),
        };
        let registry = Registry::new();
        let spec = spec.digits(digits).native(schema).classic(classic);
        let recorded = registry.histogram("h", "", &spec).unwrap();
        for (n, shift, times) in observations {
            (0..times).for_each(|_| recorded.record(n.checked_shr(shift).unwrap_or(0)));
        }
        (0..infinite).for_each(|_| recorded.observe(f64::INFINITY));
        let read = histogram(&registry, "h");
        let snapshot = registry.snapshot();
        let value = snapshot.family("h").unwrap().get(&[]).unwrap().value();
        let expected = value.histogram().unwrap();
        let native = expected.native(schema);
        prop_assert_eq!(read.native(), Ok((native.schema.into(), native.buckets)));
        prop_assert_eq!(read.zero_count, Some(native.zero_count));
        prop_assert_eq!(read.zero_threshold, Some(native.zero_threshold));
        prop_assert_eq!(read.sample_sum, Some(expected.sum()));
        prop_assert_eq!(read.sample_count, Some(expected.count()));
        let buckets = if classic { expected.cumulative() } else { Vec::new() };
        let found = if classic { read.classic().unwrap() } else { Vec::new() };
        prop_assert_eq!(read.bucket.len(), buckets.len());
        prop_assert_eq!(found, buckets);
    }
}

/// A sample as text has it: name, sorted labels, value. Boundaries and quantiles are numbers.
type Sample = (String, Vec<(String, String)>, u64);

fn sample(name: &str, labels: &[(&str, &str)], own: Option<(&str, f64)>, value: f64) -> Sample {
    let own = own.map(|(name, value)| (name.to_owned(), value.to_string()));
    let labels = labels.iter().map(|(name, value)| (name.to_string(), value.to_string()));
    let mut labels: Vec<_> = labels.chain(own).collect();
    labels.sort();
    (name.to_owned(), labels, value.to_bits())
}

/// What Prometheus makes of families.
fn samples(families: &[MetricFamily]) -> Vec<Sample> {
    let mut samples = Vec::new();
    for family in families {
        let name = family.name.as_deref().unwrap();
        for metric in &family.metric {
            let labels = metric.labels();
            let mut push = |suffix: &str, own, value| {
                samples.push(sample(&format!("{name}{suffix}"), &labels, own, value));
            };
            if let Some(read) = &metric.histogram {
                if !read.bucket.is_empty() {
                    for (le, count) in read.classic().unwrap() {
                        push("_bucket", Some(("le", le)), count as f64);
                    }
                }
                push("_sum", None, read.sample_sum.unwrap());
                push("_count", None, read.sample_count.unwrap() as f64);
            } else if let Some(read) = &metric.summary {
                for q in &read.quantile {
                    push("", Some(("quantile", q.quantile.unwrap())), q.value.unwrap());
                }
                push("_sum", None, read.sample_sum.unwrap());
                push("_count", None, read.sample_count.unwrap() as f64);
            } else {
                push("", None, number(metric));
            }
        }
    }
    samples.sort();
    samples
}

/// The samples of text whose label values have nothing to escape, less those that only text has: the
/// totals of gauge histograms as gauges, and the buckets of a native histogram.
fn samples_of_text(snapshot: &Snapshot) -> Vec<Sample> {
    let mut out = Vec::new();
    Encoder::new(Format::Text).encode(snapshot, &mut out);
    let text = String::from_utf8(out).unwrap();
    let mut samples = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels = labels.strip_suffix('}').unwrap().split(',').filter(|text| !text.is_empty());
        let mut own = None;
        let mut pairs = Vec::new();
        for label in labels {
            let (name, value) = label.split_once('=').unwrap();
            let value = value.trim_matches('"');
            match name {
                "le" | "quantile" => own = Some((name, value.parse().unwrap())),
                _ => pairs.push((name, value)),
            }
        }
        if !["gh_gcount", "gh_gsum", "n_bucket"].contains(&name) {
            samples.push(sample(name, &pairs, own, value.parse().unwrap()));
        }
    }
    samples.sort();
    samples
}

const AT: [&str; 3] = [
    "x",
    "y",
    "longer than what a length of one byte tells: \
    0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789",
];

proptest! {
    #![proptest_config(config(60))]

    /// Two twins: the text encoder has the same samples, and an encoder that has rendered nothing before
    /// writes the same bytes.
    #[test]
    fn scrape_after_scrape_is_what_text_has_and_what_a_fresh_encoder_writes(
        steps in prop::collection::vec((0..15_u8, 0..3_usize, any::<u16>()), 1..120),
    ) {
        let clock = ManualClock::new();
        let registry = Registry::builder().clock(clock.clone()).constant_label("zone", "eu").build();
        let registry = registry.unwrap();
        let both = HistogramSpec::bytes(&[10.0, 100.0]).native(2);
        let native = HistogramSpec::bytes(&[10.0]).native(1).classic(false);
        let summary = SummarySpec::plain(&[0.5, 0.9]);
        let mut kept = Encoder::new(Format::Protobuf);
        for (step, at, n) in steps.into_iter().chain([(14, 0, 0)]) {
            let at = [AT[at]];
            let id = n.to_string();
            let exemplar: &[(&str, &str)] = &[("id", &id)];
            clock.advance(Duration::from_millis(n.into()));
            match step {
                0 => registry.counter_family("c_total", "", ["at"]).unwrap().with(at).inc_by(n.into()),
                1 => registry.float_counter_family("f_total", "", ["at"]).unwrap().with(at).inc_by(0.1),
                2 => registry.gauge_family("g", "", ["at"]).unwrap().with(at).set(f64::from(n) / -3.0),
                3 => registry.up_down_counter_family("u", "", ["at"]).unwrap().with(at).add(n.into()),
                4 => drop(registry.info_family("i", "", ["at"]).unwrap().with(at)),
                5 => {
                    let states = ["on", "off"];
                    let set = registry.state_set_family("s", "", ["at"], &states).unwrap();
                    set.with(at).only(states[usize::from(n % 2)]);
                }
                6 => registry.histogram_family("h", "", ["at"], &both).unwrap().with(at).record(n.into()),
                7 => registry.histogram_family("n", "", ["at"], &native).unwrap().with(at).record(n.into()),
                8 => registry.summary_family("q", "", ["at"], &summary).unwrap().with(at).record(n.into()),
                9 => registry.gauge_histogram_family("gh", "", ["at"], &both).unwrap().with(at).add(n.into()),
                10 => registry.counter_family("c_total", "", ["at"]).unwrap().with(at).inc_with(exemplar),
                11 => {
                    let family = registry.histogram_family("h", "", ["at"], &both).unwrap();
                    family.with(at).record_with(n.into(), exemplar);
                }
                12 => drop(registry.remove_matching(&[("at", at[0])])),
                13 => {
                    let family = registry.gauge_histogram_family("gh", "", ["at"], &both).unwrap();
                    family.with(at).add(n.into());
                    family.with(at).remove(n.into());
                }
                _ => {
                    let snapshot = registry.snapshot();
                    let (mut out, mut fresh) = (Vec::new(), Vec::new());
                    kept.encode(&snapshot, &mut out);
                    Encoder::new(Format::Protobuf).encode(&snapshot, &mut fresh);
                    prop_assert!(out == fresh, "another rendering than a fresh one");
                    let families = messages::read(&out);
                    prop_assert_eq!(samples(&families), samples_of_text(&snapshot));
                    for family in &families {
                        for read in family.metric.iter().filter_map(|metric| metric.histogram.as_ref()) {
                            prop_assert!(read.native().is_ok(), "{:?}", read.native());
                        }
                    }
                }
            }
        }
    }
}
