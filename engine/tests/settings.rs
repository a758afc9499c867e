//! A registry's settings: prefix, constant labels, overrides from configuration, series at zero,
//! and what happens beyond a family's limit. Upstream: `RegistryBuilder`.

use log::{Level, Log, Metadata, Record};
use std::sync::Mutex;
use tmc_engine::{FamilyOverride, HistogramSpec, OVERFLOW_LABEL, Registry, RegistryBuilder, Value};

/// Keeps what the engine says.
struct Lines(Mutex<Vec<(Level, String)>>);

impl Log for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        self.0.lock().unwrap().push((record.level(), record.args().to_string()));
    }

    fn flush(&self) {}
}

static LINES: Lines = Lines(Mutex::new(Vec::new()));

fn listen() {
    let _second_time = log::set_logger(&LINES);
    log::set_max_level(log::LevelFilter::Trace);
}

fn lines_about(family: &str) -> Vec<(Level, String)> {
    let lines = LINES.0.lock().unwrap();
    lines.iter().filter(|(_, line)| line.contains(family)).cloned().collect()
}

fn limited(limit: usize) -> Registry {
    Registry::builder().series_limit(limit).build().unwrap()
}

/// The value of a series; `None` if there is none.
fn value(registry: &Registry, family: &str, labels: &[&str]) -> Option<f64> {
    let snapshot = registry.snapshot();
    snapshot.family(family)?.get(labels).map(|series| series.value().as_f64())
}

fn series(registry: &Registry, family: &str) -> usize {
    registry.snapshot().family(family).map_or(0, |family| family.series().count())
}

#[test]
fn the_builder_refuses_bad_prefixes_and_labels() {
    let refused = |builder: RegistryBuilder| builder.build().unwrap_err().to_string();
    assert_eq!(
        refused(Registry::builder().prefix("my-shop")),
        r#"invalid metric name "my-shop": only ASCII letters, digits and underscores are allowed, unless RegistryBuilder::utf8_names is set"#
    );
    assert_eq!(refused(Registry::builder().prefix("")), r#"invalid metric name "": it is empty"#);
    assert_eq!(
        refused(Registry::builder().prefix("_x")),
        r#"invalid metric name "_x": a leading underscore is reserved: remove it"#
    );
    assert_eq!(
        refused(Registry::builder().constant_label("a:b", "x")),
        r#"invalid label name "a:b" of the registry: colons are for the names of recording rules: use an underscore"#
    );
}

#[test]
fn constant_labels_of_the_engines_own_names_are_refused_at_once() {
    for label in ["family", "reason"] {
        let refused = Registry::builder().constant_label(label, "x").build().unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!(
                "invalid label name {label:?} of the registry: the engine's own metrics have it: rename it"
            )
        );
    }
}

#[test]
fn prefix_and_constant_labels_are_on_every_family() {
    let registry = Registry::builder()
        .prefix("shop")
        .constant_label("region", "eu")
        .constant_label("zone", "a\"b")
        .build()
        .unwrap();
    let orders = registry.counter_family("orders_total", "Orders", ["kind"]).unwrap();
    assert_eq!(orders.name(), "shop_orders_total");
    orders.with(["new"]).inc();
    assert_eq!(value(&registry, "shop_orders_total", &["new"]), Some(1.0));
    assert_eq!(value(&registry, "orders_total", &["new"]), None);
    let snapshot = registry.snapshot();
    for family in snapshot.families() {
        let constant: Vec<_> = family.constant_labels().collect();
        assert_eq!(constant, [("region", "eu"), ("zone", "a\"b")], "{}", family.name());
    }
    let labels: Vec<_> = snapshot.family("shop_orders_total").unwrap().label_names().collect();
    assert_eq!(labels, ["kind"]);
}

#[test]
fn a_prefix_makes_no_name_of_nothing() {
    let registry = Registry::builder().prefix("shop").build().unwrap();
    assert_eq!(
        registry.counter("", "").unwrap_err().to_string(),
        r#"invalid metric name "": it is empty"#
    );
    assert_eq!(
        registry.counter("a-b", "").unwrap_err().to_string(),
        r#"invalid metric name "shop_a-b": only ASCII letters, digits and underscores are allowed, unless RegistryBuilder::utf8_names is set"#
    );
}

#[test]
fn configuration_overrides_one_family() {
    let registry = Registry::builder()
        .prefix("shop")
        .family_override(
            "latency_seconds",
            FamilyOverride {
                buckets: Some(vec![1.0, 2.0]),
                digits: Some(3),
                series_limit: Some(1),
                retention_period: None,
            },
        )
        .family_override("nobody", FamilyOverride { digits: Some(77), ..Default::default() })
        .build()
        .unwrap();
    let spec = HistogramSpec::seconds(&[0.1]);
    let family = registry.histogram_family("latency_seconds", "", ["l"], &spec).unwrap();
    let other = registry.histogram_family("other_seconds", "", ["l"], &spec).unwrap();
    for label in ["a", "b", "c"] {
        // The largest one is known exactly; the other one shows the digits.
        for value in [1.9995, 5.0] {
            family.with([label]).observe(value);
            other.with([label]).observe(value);
        }
    }
    let snapshot = registry.snapshot();
    let read = |name: &str| {
        let family = snapshot.family(name).unwrap();
        let bounds: Vec<_> = family.bounds().collect();
        let first = family.series().next().unwrap().value();
        let quantile = first.histogram().unwrap().quantile(0.5).unwrap();
        (bounds, family.series().count(), (quantile - 1.9995).abs() < 0.001)
    };
    assert_eq!(read("shop_latency_seconds"), (vec![1.0, 2.0], 2, true));
    assert_eq!(read("shop_other_seconds"), (vec![0.1], 3, false));
    // The same specification finds it again, although it is not what was built.
    assert!(registry.histogram_family("latency_seconds", "", ["l"], &spec).is_ok());
}

#[test]
fn an_override_that_makes_no_histogram_is_an_error() {
    let with = |by: FamilyOverride| {
        let registry = Registry::builder().family_override("h", by).build().unwrap();
        registry.histogram("h", "", &HistogramSpec::seconds(&[1.0])).unwrap_err().to_string()
    };
    assert_eq!(
        with(FamilyOverride { digits: Some(5), ..Default::default() }),
        "invalid buckets of h: 5 significant digits: use 1, 2 or 3"
    );
    assert_eq!(
        with(FamilyOverride { buckets: Some(vec![2.0, 1.0]), ..Default::default() }),
        "invalid buckets of h: boundary 1 is not above the one before it: sort them, each once"
    );
}

#[test]
fn series_that_are_known_ahead_are_there_at_zero() {
    let registry = Registry::new();
    let family = registry.counter_family("c_total", "", ["code"]).unwrap();
    assert_eq!(series(&registry, "c_total"), 0);
    family.init([["200"], ["500"], ["200"]]);
    assert_eq!(series(&registry, "c_total"), 2);
    assert_eq!(value(&registry, "c_total", &["500"]), Some(0.0));
    family.with(["500"]).inc();
    assert_eq!(value(&registry, "c_total", &["500"]), Some(1.0));
    registry.float_counter("f_total", "").unwrap();
    assert_eq!(value(&registry, "f_total", &[]), Some(0.0), "without labels there is one series");
}

#[test]
fn beyond_the_limit_counts_stay_exact() {
    listen();
    let registry = limited(3);
    let counter = registry.counter_family("many_total", "", ["a", "b"]).unwrap();
    let float = registry.float_counter_family("floats_total", "", ["a"]).unwrap();
    let spec = HistogramSpec::bytes(&[10.0]);
    let histogram = registry.histogram_family("sizes_bytes", "", ["a"], &spec).unwrap();
    for round in 0..3 {
        for at in 0..10_u64 {
            let label = at.to_string();
            counter.with([&label, "b"]).inc();
            float.with([&label]).inc_by(0.5);
            histogram.with([&label]).record(at);
        }
        assert_eq!(series(&registry, "many_total"), 4, "round {round}");
    }
    let overflow = [OVERFLOW_LABEL, OVERFLOW_LABEL];
    assert_eq!(value(&registry, "many_total", &["2", "b"]), Some(3.0));
    assert_eq!(value(&registry, "many_total", &overflow), Some(21.0));
    assert_eq!(value(&registry, "floats_total", &overflow[..1]), Some(10.5));
    let snapshot = registry.snapshot();
    let over = snapshot.family("sizes_bytes").unwrap().get(&overflow[..1]).unwrap().value();
    let over = over.histogram().unwrap();
    assert_eq!((over.count(), over.sum()), (21, 3.0 * 42.0));
    for family in ["many_total", "floats_total", "sizes_bytes"] {
        assert_eq!(value(&registry, "tmc_engine_overflow_total", &[family]), Some(21.0));
    }
    let lines = lines_about("many_total has reached");
    let expected = r#"many_total has reached its limit of 3 series; first beyond: ["3", "b"]"#;
    assert_eq!(lines, [(Level::Warn, expected.to_owned())], "the first offender, once");
}

#[test]
fn beyond_the_limit_gauges_are_refused() {
    let registry = limited(1);
    let gauge = registry.gauge_family("g", "", ["a"]).unwrap();
    let in_flight = registry.up_down_counter_family("u", "", ["a"]).unwrap();
    gauge.with(["kept"]).set(1.0);
    in_flight.with(["kept"]).inc();
    for _ in 0..5 {
        let (gauge, in_flight) = (gauge.with(["beyond"]), in_flight.with(["beyond"]));
        gauge.set(9.0);
        gauge.inc();
        in_flight.add(9);
        in_flight.dec();
    }
    for family in ["g", "u"] {
        assert_eq!(series(&registry, family), 1);
        assert_eq!(value(&registry, family, &["kept"]), Some(1.0));
        assert_eq!(value(&registry, "tmc_engine_overflow_total", &[family]), Some(5.0));
    }
}

#[test]
fn the_overflow_series_may_be_asked_for_by_name() {
    let registry = limited(1);
    let family = registry.counter_family("c_total", "", ["a"]).unwrap();
    family.with([OVERFLOW_LABEL]).inc();
    family.with(["other"]).inc();
    assert_eq!(series(&registry, "c_total"), 1);
    assert_eq!(value(&registry, "c_total", &[OVERFLOW_LABEL]), Some(2.0));
}

#[test]
fn no_series_at_all_is_a_limit_too() {
    let registry = limited(0);
    let family = registry.counter_family("c_total", "", ["a"]).unwrap();
    family.with(["a"]).inc();
    assert_eq!(value(&registry, "c_total", &[OVERFLOW_LABEL]), Some(1.0));
    assert_eq!(series(&registry, "c_total"), 1);
}

#[test]
fn label_values_may_be_anything_and_are_told_apart() {
    let registry = Registry::new();
    let family = registry.counter_family("c_total", "", ["a", "b"]).unwrap();
    let values = [["ab", "c"], ["a", "bc"], ["", "abc"], ["abc", ""], ["\0", "\r\n"], ["é", "\""]];
    for (at, labels) in values.into_iter().enumerate() {
        family.with(labels).inc_by(at as u64 + 1);
    }
    for (at, labels) in values.into_iter().enumerate() {
        assert_eq!(value(&registry, "c_total", &labels), Some(at as f64 + 1.0));
    }
    assert_eq!(series(&registry, "c_total"), values.len());
}

#[test]
fn refused_values_are_counted_by_reason() {
    let registry = Registry::builder().prefix("shop").build().unwrap();
    let float = registry.float_counter_family("f_total", "", ["a"]).unwrap();
    let histogram = registry.histogram("h", "", &HistogramSpec::seconds(&[1.0])).unwrap();
    for amount in [-1.0, f64::NEG_INFINITY, f64::NAN, -f64::NAN, 2.5, 0.0, -0.0, -1e-300] {
        float.with(["x"]).inc_by(amount);
        histogram.observe(amount);
        histogram.local().observe(amount);
    }
    let refused = |labels: [&str; 2]| value(&registry, "tmc_engine_refused_total", &labels);
    assert_eq!(refused(["shop_f_total", "nan"]), Some(2.0));
    assert_eq!(refused(["shop_f_total", "negative"]), Some(3.0));
    assert_eq!(refused(["shop_h", "nan"]), Some(4.0));
    assert_eq!(refused(["shop_h", "negative"]), Some(6.0));
    assert_eq!(value(&registry, "shop_f_total", &["x"]), Some(2.5));
    assert_eq!(value(&registry, "shop_h", &[]), Some(6.0));
}

#[test]
fn registering_is_told_at_debug_level() {
    listen();
    let registry = Registry::new();
    registry.up_down_counter("told_here", "").unwrap();
    registry.up_down_counter("told_here", "").unwrap();
    let expected = (Level::Debug, "registered the up-down counter family told_here".to_owned());
    assert_eq!(lines_about("told_here"), [expected]);
}

#[test]
fn each_type_reads_back_as_itself() {
    let registry = Registry::new();
    registry.counter("c_total", "").unwrap().inc_by(u64::MAX);
    registry.float_counter("f_total", "").unwrap().inc_by(f64::INFINITY);
    registry.gauge("g", "").unwrap().set(-0.0);
    registry.up_down_counter("u", "").unwrap().add(3);
    let snapshot = registry.snapshot();
    let value = |name: &str| snapshot.family(name).unwrap().series().next().unwrap().value();
    assert!(matches!(value("c_total"), Value::Counter(u64::MAX)));
    assert!(matches!(value("f_total"), Value::FloatCounter(f64::INFINITY)));
    assert!(matches!(value("g"), Value::Gauge(zero) if zero == 0.0 && zero.is_sign_negative()));
    assert!(matches!(value("u"), Value::UpDownCounter(3)));
}

#[test]
fn a_limit_of_zero_leaves_series_without_labels() {
    let registry = Registry::builder().series_limit(0).build().unwrap();
    registry.gauge("gauge", "").unwrap().set(1.0);
    registry.counter("counter_total", "").unwrap().inc();
    registry.gauge_family("labelled", "", ["a"]).unwrap().with(["1"]).set(1.0);
    let snapshot = registry.snapshot();
    for name in ["gauge", "counter_total"] {
        let value = snapshot.family(name).unwrap().get(&[]).unwrap().value();
        assert_eq!(value.as_f64(), 1.0, "{name}");
    }
    assert_eq!(snapshot.family("labelled").unwrap().series().count(), 0);
}

#[test]
fn the_smallest_range_has_an_upper_end() {
    for spec in [HistogramSpec::bytes(&[]).max(1.0), HistogramSpec::seconds(&[]).max(1e-9)] {
        let registry = Registry::new();
        let histogram = registry.histogram("h", "", &spec).unwrap();
        for value in [0.0, -0.0, 5.0, 1e300, f64::INFINITY] {
            histogram.observe(value);
            histogram.local().observe(value);
        }
        assert_eq!((histogram.count(), histogram.sum()), (10, f64::INFINITY));
        histogram.observe(f64::NAN);
        assert_eq!(histogram.count(), 10);
        let snapshot = registry.snapshot();
        let refused = snapshot.family("tmc_engine_refused_total").unwrap();
        assert_eq!(refused.get(&["h", "nan"]).unwrap().value().as_f64(), 1.0);
    }
}
