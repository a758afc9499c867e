//! What a registry takes and what it refuses: every error by its message, and clashes of samples.
//! Upstream: `Registry`. The rules (R20 and so on) are those of the exposition formats' checklist.

use proptest::prelude::*;
use std::collections::HashSet;
use std::fmt::Debug;
use tmc_engine::{HistogramSpec, Kind, RegisterError, Registry};

fn message<T: Debug>(refused: Result<T, RegisterError>) -> String {
    refused.unwrap_err().to_string()
}

fn seconds(bounds: &[f64]) -> HistogramSpec {
    HistogramSpec::seconds(bounds)
}

#[test]
fn an_invalid_name_says_what_to_change() {
    let registry = Registry::new();
    let refused = |name: &str| message(registry.counter(name, ""));
    assert_eq!(refused(""), r#"invalid metric name "": it is empty"#);
    assert_eq!(
        refused("9lives"),
        r#"invalid metric name "9lives": it begins with a digit: put a letter first"#
    );
    assert_eq!(
        refused("_hits"),
        r#"invalid metric name "_hits": a leading underscore is reserved: remove it"#
    );
    assert_eq!(
        refused("job:hits"),
        r#"invalid metric name "job:hits": colons are for the names of recording rules: use an underscore"#
    );
    let allowed = "only ASCII letters, digits and underscores are allowed";
    for name in ["a b", "hits\n", "été", "a\0", "a.b:c"] {
        assert_eq!(refused(name), format!("invalid metric name {name:?}: {allowed}"));
    }
    let option = "unless RegistryBuilder::utf8_names is set";
    for name in ["a-b", "a.b", "größe", "a\"", "a{"] {
        assert_eq!(refused(name), format!("invalid metric name {name:?}: {allowed}, {option}"));
    }
    assert!(registry.snapshot().families().len() == 0, "a refused family has come");
}

#[test]
fn every_method_checks_the_name() {
    let registry = Registry::new();
    let spec = seconds(&[1.0]);
    let bad = "a-b";
    let messages = [
        message(registry.counter(bad, "")),
        message(registry.float_counter(bad, "")),
        message(registry.gauge(bad, "")),
        message(registry.up_down_counter(bad, "")),
        message(registry.histogram(bad, "", &spec)),
        message(registry.counter_family(bad, "", ["l"])),
        message(registry.float_counter_family(bad, "", ["l"])),
        message(registry.gauge_family(bad, "", ["l"])),
        message(registry.up_down_counter_family(bad, "", ["l"])),
        message(registry.histogram_family(bad, "", ["l"], &spec)),
    ];
    assert!(messages.iter().all(|m| m.starts_with(r#"invalid metric name "a-b""#)));
}

#[test]
fn an_invalid_label_names_its_family() {
    let registry = Registry::new();
    let refused = |label: &str| message(registry.gauge_family("g", "", [label]));
    assert_eq!(refused(""), r#"invalid label name "" of g: it is empty"#);
    for label in ["_l", "__name__"] {
        assert_eq!(
            refused(label),
            format!(
                "invalid label name {label:?} of g: a leading underscore is reserved: remove it"
            )
        );
    }
    assert_eq!(
        refused("1st"),
        r#"invalid label name "1st" of g: it begins with a digit: put a letter first"#
    );
    assert_eq!(
        refused("a:b"),
        r#"invalid label name "a:b" of g: colons are for the names of recording rules: use an underscore"#
    );
    let allowed = "only ASCII letters, digits and underscores are allowed";
    for label in ["a b", "é", "a\n"] {
        assert_eq!(refused(label), format!("invalid label name {label:?} of g: {allowed}"));
    }
    assert_eq!(
        refused("a-b"),
        format!(
            "invalid label name \"a-b\" of g: {allowed}, unless RegistryBuilder::utf8_names is set"
        )
    );
}

#[test]
fn le_is_taken_where_the_type_adds_it() {
    let registry = Registry::new();
    assert_eq!(
        message(registry.histogram_family("h", "", ["le"], &seconds(&[1.0]))),
        r#"invalid label name "le" of h: a histogram adds `le` itself: rename it"#
    );
    assert!(registry.counter_family("c", "", ["le"]).is_ok(), "only a histogram adds it");

    let constant = Registry::builder().constant_label("le", "x").build().unwrap();
    assert!(constant.counter("c", "").is_ok());
    assert_eq!(
        message(constant.histogram("h", "", &seconds(&[1.0]))),
        r#"invalid label name "le" of h: a histogram adds `le` itself: rename it"#
    );
}

#[test]
fn a_repeated_label_is_named() {
    let registry = Registry::new();
    assert_eq!(
        message(registry.counter_family("c", "", ["a", "b", "a"])),
        r#"label "a" of c is there twice: leave one out, or rename it"#
    );
    let builder = Registry::builder().constant_label("region", "eu").constant_label("region", "us");
    assert_eq!(
        message(builder.build()),
        r#"label "region" of the registry is there twice: leave one out, or rename it"#
    );
    let constant = Registry::builder().constant_label("region", "eu").build().unwrap();
    assert_eq!(
        message(constant.counter_family("c", "", ["region"])),
        r#"label "region" of c is there twice: leave one out, or rename it"#
    );
}

#[test]
fn help_that_no_format_can_carry_is_refused() {
    let registry = Registry::new();
    assert_eq!(
        message(registry.counter("c", "one\r\ntwo")),
        "the help of c contains a carriage return, which no format can carry: remove it"
    );
    let odd = "\"quotes\", back\\slash,\nline feed, \u{2028}, \0 and nothing else";
    registry.counter("c", odd).unwrap();
    assert_eq!(registry.snapshot().family("c").unwrap().help(), odd);
}

#[test]
fn buckets_that_are_none_say_why() {
    let registry = Registry::new();
    let refused = |spec: HistogramSpec| message(registry.histogram("h", "", &spec));
    let top = 2_f64.powi(62);
    let range = format!("use numbers from 0 to {top}");
    let cases = [
        (HistogramSpec::bytes(&[f64::NAN]), format!("boundary NaN: {range}")),
        (HistogramSpec::bytes(&[-1.0]), format!("boundary -1: {range}")),
        (HistogramSpec::bytes(&[f64::INFINITY, 1.0]), format!("boundary inf: {range}")),
        (HistogramSpec::bytes(&[f64::NEG_INFINITY]), format!("boundary -inf: {range}")),
        (HistogramSpec::bytes(&[1e19]), format!("boundary 10000000000000000000: {range}")),
        (
            HistogramSpec::bytes(&[1.0, 3.0, 2.0]),
            "boundary 2 is not above the one before it: sort them, each once".into(),
        ),
        (
            HistogramSpec::bytes(&[1.0, 1.0]),
            "boundary 1 is not above the one before it: sort them, each once".into(),
        ),
        (
            HistogramSpec::bytes(&[-0.0, 0.0]),
            "boundary 0 is not above the one before it: sort them, each once".into(),
        ),
        (HistogramSpec::bytes(&[0.5]), "boundary 0.5: use whole bytes".into()),
        (seconds(&[1.5e-9]), "boundary 0.0000000015: use whole nanoseconds".into()),
        (seconds(&[1e-10]), "boundary 0.0000000001: use whole nanoseconds".into()),
        (seconds(&[1.0]).digits(0), "0 significant digits: use 1, 2 or 3".into()),
        (seconds(&[1.0]).digits(4), "4 significant digits: use 1, 2 or 3".into()),
        (
            HistogramSpec::bytes(&[]).max(f64::NAN),
            format!("a range up to NaN: use more than 0, at most {top}"),
        ),
        (
            HistogramSpec::bytes(&[]).max(0.0),
            format!("a range up to 0: use more than 0, at most {top}"),
        ),
        (
            HistogramSpec::bytes(&[]).max(0.3),
            "a range up to 0.3: use at least one of its bytes".into(),
        ),
        (
            seconds(&[]).max(4e-10),
            "a range up to 0.0000000004: use at least one of its nanoseconds".into(),
        ),
        (
            HistogramSpec::bytes(&[]).max(1e19),
            format!("a range up to 10000000000000000000: use more than 0, at most {top}"),
        ),
    ];
    for (spec, reason) in cases {
        assert_eq!(refused(spec), format!("invalid buckets of h: {reason}"));
    }
    let many = |n: i32| HistogramSpec::bytes(&(0..n).map(f64::from).collect::<Vec<_>>());
    assert_eq!(refused(many(126)), "invalid buckets of h: 126 boundaries: use at most 125");
    assert!(registry.histogram("h", "", &many(125)).is_ok());
    assert!(registry.histogram("n", "", &HistogramSpec::bytes(&[])).is_ok(), "only +Inf is fine");
}

#[test]
fn infinity_at_the_end_and_minus_zero_are_taken_as_meant() {
    let registry = Registry::new();
    let spec = HistogramSpec::bytes(&[-0.0, 1.0, f64::INFINITY]);
    registry.histogram("h", "", &spec).unwrap().record(0);
    let snapshot = registry.snapshot();
    let bounds: Vec<_> = snapshot.family("h").unwrap().bounds().collect();
    assert_eq!(format!("{bounds:?}"), "[0.0, 1.0]", "+Inf comes by itself, and 0 has no sign");
}

#[test]
fn another_type_is_a_clash() {
    let registry = Registry::new();
    registry.counter_family("requests_total", "", ["code"]).unwrap();
    assert_eq!(
        message(registry.gauge_family("requests_total", "", ["code"])),
        "requests_total is registered as a counter already, not as a gauge: use another name"
    );
    assert_eq!(
        message(registry.float_counter("requests_total", "")),
        "requests_total is registered as a counter already, not as a floating-point counter: \
         use another name"
    );
    registry.up_down_counter("jobs", "").unwrap();
    assert_eq!(
        message(registry.histogram("jobs", "", &seconds(&[1.0]))),
        "jobs is registered as an up-down counter already, not as a histogram: use another name"
    );
}

#[test]
fn other_labels_are_a_clash_also_in_another_order() {
    let registry = Registry::new();
    registry.counter_family("c", "", ["a", "b"]).unwrap();
    assert_eq!(
        message(registry.counter_family("c", "", ["b", "a"])),
        r#"c is registered with labels ["a", "b"], not ["b", "a"]: use the same labels in the same order, or another name"#
    );
    assert_eq!(
        message(registry.counter("c", "")),
        r#"c is registered with labels ["a", "b"], not []: use the same labels in the same order, or another name"#
    );
}

#[test]
fn other_buckets_are_a_clash() {
    let registry = Registry::new();
    registry.histogram("h", "", &seconds(&[0.5, 1.0])).unwrap();
    let others = [
        seconds(&[0.5]),
        seconds(&[0.5, 1.5]),
        seconds(&[0.5, 1.0]).digits(3),
        seconds(&[0.5, 1.0]).max(60.0),
        HistogramSpec::bytes(&[1.0, 2.0]),
    ];
    for other in others {
        assert_eq!(
            message(registry.histogram("h", "", &other)),
            "h is registered with another specification: use the same one, or another name"
        );
    }
    assert!(registry.histogram("h", "other help", &seconds(&[0.5, 1.0])).is_ok());
}

#[test]
fn the_same_again_is_the_same_family() {
    let registry = Registry::new();
    let spec = seconds(&[1.0]);
    for _ in 0..3 {
        registry.counter_family("c_total", "", ["a"]).unwrap().with(["x"]).inc();
        registry.float_counter("f_total", "").unwrap().inc_by(0.5);
        registry.gauge("g", "").unwrap().add(2.0);
        registry.up_down_counter("u", "").unwrap().add(4);
        registry.histogram("h", "", &spec).unwrap().observe(1.0);
    }
    let snapshot = registry.clone().snapshot();
    let value = |name: &str| {
        let series: Vec<_> = snapshot.family(name).unwrap().series().collect();
        assert_eq!(series.len(), 1);
        series[0].value().as_f64()
    };
    assert_eq!(["c_total", "f_total", "g", "u", "h"].map(value), [3.0, 1.5, 6.0, 12.0, 3.0]);
}

#[test]
fn a_clash_of_samples_names_the_sample_and_its_owner() {
    let clash = |family: &str, sample: &str, existing: &str| {
        format!(
            "{family} would expose {sample}, which {existing} exposes already: rename one of the two"
        )
    };
    let registry = Registry::new();
    registry.counter("x", "").unwrap();
    registry.histogram("h", "", &seconds(&[1.0])).unwrap();
    registry.gauge("tmc_placements_total", "").unwrap();
    assert_eq!(message(registry.gauge("x_total", "")), clash("x_total", "x_total", "x"));
    assert_eq!(message(registry.gauge("h_count", "")), clash("h_count", "h_count", "h"));
    assert_eq!(
        message(registry.counter("tmc_placements", "")),
        clash("tmc_placements", "tmc_placements_total", "tmc_placements_total")
    );
    assert_eq!(
        message(registry.counter("h_total", "")),
        clash("h_total", "h", "h"),
        "in OpenMetrics the counter's family is h"
    );
}

#[test]
fn a_refused_registration_leaves_nothing_behind() {
    let registry = Registry::builder().prefix("shop").build().unwrap();
    registry.gauge("x_count", "").unwrap();
    let names = || -> Vec<String> {
        registry.snapshot().families().map(|family| family.name().to_owned()).collect()
    };
    let before = names();
    assert!(registry.histogram_family("x", "", ["a"], &seconds(&[1.0])).is_err());
    assert!(registry.histogram("y", "", &seconds(&[1.0]).digits(9)).is_err());
    assert!(registry.counter("x_count", "").is_err());
    assert_eq!(names(), before);
    assert!(registry.gauge("x_sum", "").is_ok(), "the refused histogram claims nothing");
}

/// What families of this type may expose, by the table of R20 and the text format: the slow twin.
fn samples(name: &str, kind: Kind) -> HashSet<String> {
    let suffixes: &[&str] = match kind {
        Kind::Counter | Kind::FloatCounter => &["", "_total", "_created"],
        Kind::Histogram => &["", "_bucket", "_sum", "_count", "_created"],
        _ => &[""],
    };
    let counter = matches!(kind, Kind::Counter | Kind::FloatCounter);
    let stem = if counter && name.ends_with("_total") { &name[..name.len() - 6] } else { name };
    suffixes.iter().map(|suffix| format!("{stem}{suffix}")).collect()
}

fn register(registry: &Registry, name: &str, kind: Kind) -> Result<(), RegisterError> {
    match kind {
        Kind::Counter => registry.counter(name, "").map(drop),
        Kind::FloatCounter => registry.float_counter(name, "").map(drop),
        Kind::Gauge => registry.gauge(name, "").map(drop),
        Kind::UpDownCounter => registry.up_down_counter(name, "").map(drop),
        _ => registry.histogram(name, "", &seconds(&[1.0])).map(drop),
    }
}

fn families() -> impl Strategy<Value = (String, Kind)> {
    let stem = prop::sample::select(vec!["x", "y"]);
    let suffix = prop::sample::select(vec![
        "",
        "_total",
        "_created",
        "_count",
        "_sum",
        "_bucket",
        "_total_total",
        "_total_created",
        "_sum_total",
        "_count_created",
        "_info",
    ]);
    let kind = prop::sample::select(vec![
        Kind::Counter,
        Kind::FloatCounter,
        Kind::Gauge,
        Kind::UpDownCounter,
        Kind::Histogram,
    ]);
    (stem, suffix, kind).prop_map(|(stem, suffix, kind)| (format!("{stem}{suffix}"), kind))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn two_families_clash_if_they_share_a_sample_whoever_comes_first(
        a in families(), b in families()
    ) {
        prop_assume!(a.0 != b.0);
        let shared = !samples(&a.0, a.1).is_disjoint(&samples(&b.0, b.1));
        for (first, second) in [(&a, &b), (&b, &a)] {
            let registry = Registry::new();
            register(&registry, &first.0, first.1).unwrap();
            let clash = matches!(
                register(&registry, &second.0, second.1),
                Err(RegisterError::SampleClash { .. })
            );
            prop_assert_eq!(clash, shared, "{:?} then {:?}", first, second);
        }
    }

    #[test]
    fn what_was_registered_never_clashes_with_itself(list in prop::collection::vec(families(), 1..8)) {
        let registry = Registry::new();
        let mut taken: Vec<(String, Kind)> = Vec::new();
        for (name, kind) in list {
            let known = taken.iter().any(|t| *t == (name.clone(), kind));
            let free = taken.iter().all(|t| samples(&t.0, t.1).is_disjoint(&samples(&name, kind)));
            let result = register(&registry, &name, kind);
            prop_assert_eq!(result.is_ok(), known || free, "{} {:?}: {:?}", name, kind, result);
            if result.is_ok() && !known {
                taken.push((name, kind));
            }
        }
    }
}
