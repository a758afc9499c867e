//! Derived sets of labels in a registry: names, values, and that every way to a series ends at the
//! same one.

use std::borrow::Cow;
use std::sync::Arc;
use tmc_engine::{Family, Gauge, HistogramSpec, LabelSet, LabelValue, RegisterError, Registry};

#[derive(Clone, Copy, Debug, PartialEq, LabelValue)]
enum Method {
    Get,
    Post,
    #[label(rename = "other")]
    Unknown,
}

const METHODS: [Method; 3] = [Method::Get, Method::Post, Method::Unknown];

/// The label names of a family, and the values and value of each of its series.
fn series(registry: &Registry, family: &str) -> (Vec<String>, Vec<(Vec<String>, f64)>) {
    let snapshot = registry.snapshot();
    let family = snapshot.family(family).unwrap();
    let owned = |texts: &mut dyn Iterator<Item = &str>| texts.map(str::to_owned).collect();
    let names: Vec<String> = owned(&mut family.label_names());
    let series = family.series();
    (names, series.map(|it| (owned(&mut it.label_values()), it.value().as_f64())).collect())
}

#[test]
fn values_of_every_type_become_text() {
    #[derive(LabelSet)]
    struct Everything<'a> {
        borrowed: &'a str,
        owned: String,
        either: Cow<'a, str>,
        boxed: Box<str>,
        shared: Arc<str>,
        method: Method,
        reference: &'a Method,
        twice: &'a &'a String,
        yes: bool,
        u8: u8,
        u16: u16,
        u32: u32,
        u64: u64,
        u128: u128,
        usize: usize,
        i8: i8,
        i16: i16,
        i32: i32,
        i64: i64,
        i128: i128,
        isize: isize,
    }
    let registry = Registry::new();
    let family = registry.counter_family_of::<Everything<'_>>("all_total", "All types").unwrap();
    let (twice, once) = (&String::from("twice"), Method::Get);
    let everything = || Everything {
        borrowed: "",
        owned: String::from("owned \"\\\n"),
        either: Cow::Borrowed("either"),
        boxed: "größe".into(),
        shared: "shared".into(),
        method: Method::Unknown,
        reference: &once,
        twice: &twice,
        yes: true,
        u8: u8::MAX,
        u16: u16::MAX,
        u32: u32::MAX,
        u64: u64::MAX,
        u128: u128::MAX,
        usize: 0,
        i8: i8::MIN,
        i16: i16::MIN,
        i32: i32::MIN,
        i64: i64::MIN,
        i128: i128::MIN,
        isize: -1,
    };
    family.with(everything()).inc();
    for _ in 0..3 {
        family.at(everything()).inc();
    }
    let (names, series) = series(&registry, "all_total");
    let expected = [
        ("borrowed", ""),
        ("owned", "owned \"\\\n"),
        ("either", "either"),
        ("boxed", "größe"),
        ("shared", "shared"),
        ("method", "other"),
        ("reference", "get"),
        ("twice", "twice"),
        ("yes", "true"),
        ("u8", "255"),
        ("u16", "65535"),
        ("u32", "4294967295"),
        ("u64", "18446744073709551615"),
        ("u128", "340282366920938463463374607431768211455"),
        ("usize", "0"),
        ("i8", "-128"),
        ("i16", "-32768"),
        ("i32", "-2147483648"),
        ("i64", "-9223372036854775808"),
        ("i128", "-170141183460469231731687303715884105728"),
        ("isize", "-1"),
    ];
    assert_eq!(names, expected.map(|(name, _)| name));
    assert_eq!(series, [(expected.map(|(_, value)| value.to_owned()).to_vec(), 4.0)]);
}

#[derive(Clone, Copy, LabelSet)]
struct Outcome {
    method: Method,
    #[label(rename = "success")]
    ok: bool,
}

#[derive(Clone, LabelSet)]
struct Request<'a> {
    route: &'a str,
    #[label(flatten)]
    outcome: Outcome,
    shard: u8,
}

fn outcomes() -> impl Iterator<Item = Outcome> {
    METHODS.into_iter().flat_map(|method| [false, true].map(|ok| Outcome { method, ok }))
}

#[test]
fn every_way_to_a_series_of_any_set_ends_at_the_same_one() {
    let registry = Registry::new();
    let names = ["route", "method", "success", "shard"];
    let typed = registry.counter_family_of::<Request<'_>>("open_total", "Any value").unwrap();
    let plain = registry.counter_family("open_total", "Any value", names).unwrap();
    let work = || {
        for _ in 0..2 {
            for (at, outcome) in (1..).zip(outcomes()) {
                let route = format!("/{at}"); // shorter-lived than the family
                let request = Request { route: &route, outcome, shard: at as u8 };
                typed.with(request.clone()).inc();
                typed.at(request.clone()).inc();
                let (method, ok) = (outcome.method.index(), outcome.ok.to_string());
                plain.at([&route, ["get", "post", "other"][method], &ok, &at.to_string()]).inc();
            }
        }
    };
    std::thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(work))));
    let (found, series) = series(&registry, "open_total");
    assert_eq!(found, names);
    assert_eq!(series.len(), 6);
    assert!(series.iter().all(|(_, value)| *value == 12.0), "{series:?}");
}

#[test]
fn every_way_to_a_series_of_a_small_set_ends_at_the_same_one() {
    let registry = Registry::new();
    let typed = registry.counter_family_of::<Outcome>("small_total", "Six").unwrap();
    let plain = registry.counter_family("small_total", "Six", ["method", "success"]).unwrap();
    for round in 1..=3 {
        for (at, outcome) in (1..).zip(outcomes()) {
            typed.at(outcome).inc_by(at);
            typed.with(outcome).inc_by(at);
            let ok = outcome.ok.to_string();
            outcome.method.with_text(|method| {
                plain.at([method, &ok]).inc_by(at);
                assert_eq!(plain.with([method, &ok]).value(), round * 3 * at, "{method} {ok}");
            });
        }
    }
    assert_eq!(series(&registry, "small_total").1.len(), 6);
}

#[test]
fn sets_that_number_the_same_labels_differently_do_not_mix() {
    #[derive(Clone, Copy, LabelValue)]
    enum Reversed {
        Other,
        Post,
        Get,
    }
    #[derive(LabelSet)]
    struct One {
        method: Method,
    }
    #[derive(LabelSet)]
    struct Another {
        method: Reversed,
    }
    let registry = Registry::new();
    let one = registry.counter_family_of::<One>("both_total", "Two types").unwrap();
    let another = registry.counter_family_of::<Another>("both_total", "Two types").unwrap();
    for _ in 0..3 {
        METHODS.into_iter().for_each(|method| one.at(One { method }).inc());
        for (method, times) in [(Reversed::Get, 10), (Reversed::Post, 20), (Reversed::Other, 30)] {
            another.at(Another { method }).inc_by(times);
        }
    }
    for (method, value) in METHODS.into_iter().zip([33, 63, 93]) {
        assert_eq!(one.with(One { method }).value(), value, "{method:?}");
    }
}

#[test]
fn a_small_set_comes_to_a_family_that_was_registered_with_names() {
    let registry = Registry::new();
    let plain = registry.counter_family("later_total", "Six", ["method", "success"]).unwrap();
    let typed = registry.counter_family_of::<Outcome>("later_total", "Six").unwrap();
    for outcome in outcomes() {
        plain.at([Method::VALUES[outcome.method.index()], &outcome.ok.to_string()]).inc();
        for _ in 0..3 {
            typed.at(outcome).inc();
        }
        assert_eq!(typed.with(outcome).value(), 4);
    }
}

#[test]
fn other_instruments_and_series_made_in_advance_take_sets() {
    let registry = Registry::new();
    let gauges: Family<Gauge, Outcome> = registry.gauge_family_of("depth", "A gauge").unwrap();
    gauges.init(outcomes());
    assert_eq!(series(&registry, "depth").1.len(), 6);
    gauges.at(Outcome { method: Method::Post, ok: true }).set(2.5);
    let post = (vec!["post".to_owned(), "true".to_owned()], 2.5);
    assert!(series(&registry, "depth").1.contains(&post));

    let spec = HistogramSpec::seconds(HistogramSpec::DEFAULT_SECONDS);
    let times = registry.histogram_family_of::<Request<'_>>("seconds", "Times", &spec).unwrap();
    let outcome = Outcome { method: Method::Get, ok: true };
    times.at(Request { route: "/", outcome, shard: 0 }).observe(0.5);
    let snapshot = registry.snapshot();
    let family = snapshot.family("seconds").unwrap();
    let value = family.get(&["/", "get", "true", "0"]).unwrap().value();
    assert_eq!(value.histogram().unwrap().count(), 1);
}

#[test]
fn a_name_that_a_flattened_set_repeats_is_refused() {
    #[derive(LabelSet)]
    struct Twice {
        method: Method,
        #[label(flatten)]
        outcome: Outcome,
    }
    let refused = Registry::new().counter_family_of::<Twice>("twice_total", "Refused").unwrap_err();
    let RegisterError::RepeatedLabel { label, .. } = refused else { panic!("{refused}") };
    assert_eq!(label, "method");
}
