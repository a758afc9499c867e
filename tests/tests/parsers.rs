//! Official programs read our text as we mean it, whatever is in it.

use std::collections::BTreeMap;

use tmc_engine::{HistogramSpec, Kind, Registry};
use tmc_exposition::{Server, TextEncoder};
use tmc_metrics::catalogue;
use tmc_tests::demo::Demo;
use tmc_tests::prometheus::Prometheus;
use tmc_tests::text::{Exposition, Key};
use tmc_tests::{judges, wait};

/// Label values that are hard to get right.
const VALUES: [&str; 14] = [
    "plain",
    "",
    " ",
    "a b",
    "\\",
    "\\n",
    "\n",
    "\"",
    "\\\"",
    "},{x=\"1\"} 2\n# EOF",
    "\t\r",
    "\0",
    "ü\u{2028}\u{fffd}\u{1F980}",
    "trailing \\",
];

/// Gauge values that are hard to write.
const NUMBERS: [(&str, f64); 10] = [
    ("nan", f64::NAN),
    ("inf", f64::INFINITY),
    ("-inf", f64::NEG_INFINITY),
    ("-0", -0.0),
    ("max", f64::MAX),
    ("tiny", 5e-324),
    ("third", 1.0 / 3.0),
    ("2^53", 9_007_199_254_740_992.0),
    ("1e21", 1e21),
    ("-1e-7", -1e-7),
];

/// A registry full of hard cases, and what is in it.
fn hard_cases() -> (Registry, BTreeMap<Key, f64>) {
    let registry = Registry::new();
    let mut expected = BTreeMap::new();
    let mut expect = |name: &str, labels: &[(&str, &str)], value: f64| {
        let labels = labels.iter().filter(|(_, value)| !value.is_empty());
        let labels = labels.map(|(name, value)| ((*name).into(), (*value).into())).collect();
        assert!(expected.insert((name.to_owned(), labels), value).is_none(), "{name} twice");
    };
    let help = "Both \\ and \\n and \"quotes\"\nover two lines, ü \\";
    let counters = registry.counter_family("hard_values_total", help, ["first", "second"]).unwrap();
    for (count, first) in (1_u32..).zip(VALUES) {
        counters.with([first, "x"]).inc_by(count.into());
        expect("hard_values_total", &[("first", first), ("second", "x")], count.into());
        counters.with(["x", first]).inc_by(u64::from(count) + 100);
        let swapped = [("first", "x"), ("second", first)];
        expect("hard_values_total", &swapped, f64::from(count) + 100.0);
    }
    let gauges = registry.gauge_family("hard_numbers", "Numbers", ["which"]).unwrap();
    for (which, value) in NUMBERS {
        gauges.with([which]).set(value);
        expect("hard_numbers", &[("which", which)], value);
    }
    let spec = HistogramSpec::seconds(&[0.25, 1.0, 2.5]);
    let latency = registry.histogram_family("hard_seconds", "Latency", ["path"], &spec).unwrap();
    let path = "/a\"b\\c\n";
    let series = latency.with([path]);
    for seconds in [0.25, 0.5, 1.0, 64.0] {
        series.observe(seconds);
    }
    for (le, count) in [("0.25", 1.0), ("1.0", 3.0), ("2.5", 3.0), ("+Inf", 4.0)] {
        expect("hard_seconds_bucket", &[("path", path), ("le", le)], count);
    }
    expect("hard_seconds_sum", &[("path", path)], 65.75);
    expect("hard_seconds_count", &[("path", path)], 4.0);
    (registry, expected)
}

fn encode(registry: &Registry) -> String {
    let mut text = Vec::new();
    TextEncoder::new().encode(&registry.snapshot(), &mut text);
    String::from_utf8(text).expect("UTF-8")
}

/// Equality in which NaN equals itself. The sign of a zero does not count: the Python parser reads
/// whole numbers as integers.
#[track_caller]
fn assert_same(read: &BTreeMap<Key, f64>, expected: &BTreeMap<Key, f64>) {
    let same = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
    for (key, &value) in expected {
        match read.get(key) {
            Some(&found) => assert!(same(found, value), "{key:?}: {found}, not {value}"),
            None => panic!("{key:?} is missing in {:#?}", read.keys()),
        }
    }
    let surplus: Vec<_> = read.keys().filter(|key| !expected.contains_key(*key)).collect();
    assert!(surplus.is_empty(), "{surplus:#?}");
}

/// Without the families in which the engine tells of itself.
fn hard(mut read: Exposition) -> Exposition {
    read.samples.retain(|(name, _), _| name.starts_with("hard_"));
    read.types.retain(|name, _| name.starts_with("hard_"));
    read
}

#[test]
fn the_official_python_parser_reads_hard_cases_as_they_were_recorded() {
    let (registry, expected) = hard_cases();
    let read = hard(judges::python(&encode(&registry)));
    assert_same(&read.samples, &expected);
    let types =
        [("hard_values", "counter"), ("hard_numbers", "gauge"), ("hard_seconds", "histogram")];
    assert_eq!(read.types, types.map(|(name, kind)| (name.into(), kind.into())).into());
}

#[test]
fn our_own_reader_reads_hard_cases_as_they_were_recorded() {
    let (registry, expected) = hard_cases();
    let read = hard(Exposition::read(&encode(&registry)));
    assert_same(&read.samples, &expected);
}

#[test]
fn prometheus_stores_hard_cases_as_they_were_recorded() {
    let (registry, expected) = hard_cases();
    let server = Server::builder(registry).listen("127.0.0.1:0").start().unwrap();
    let prometheus = Prometheus::scraping(server.local_addr());
    let target = prometheus.wait_for_scrape();
    assert_eq!(target.last_error, "");
    let query = r#"{__name__=~"hard_.*"}"#;
    let read = wait::until("an answer", || prometheus.query(query));
    assert_same(&read, &expected);
    assert_eq!((prometheus.lost_samples(), prometheus.complaints()), (0, Vec::new()));
}

#[test]
fn promtool_finds_no_fault_with_hard_cases() {
    assert_eq!(judges::promtool(&encode(&hard_cases().0)), [""; 0]);
}

/// The contract has gauges that end in `_total`: promtool has to complain of each of them, and
/// of nothing else.
#[test]
fn promtool_complains_of_the_gauges_that_end_in_total_and_of_nothing_else() {
    let demo = Demo::start(&[]);
    let gauges = catalogue::FAMILIES.iter().filter(|f| f.kind == Kind::Gauge);
    let allowed: Vec<&str> =
        gauges.map(|family| family.name).filter(|name| name.ends_with("_total")).collect();
    assert_eq!(allowed.len(), 6, "the contract: {allowed:?}");
    let lint =
        |name: &&str| format!("{name} non-counter metrics should not have \"_total\" suffix");
    let text = wait::until("the demo to show the whole catalogue", || {
        let text = demo.metrics();
        let types = Exposition::read(&text).types;
        let names = catalogue::FAMILIES.iter().map(|family| family.name);
        let hidden: Vec<_> = names.filter(|name| !types.contains_key(*name)).collect();
        if hidden.is_empty() { Ok(text) } else { Err(format!("no {hidden:?}")) }
    });
    let mut expected: Vec<String> = allowed.iter().map(lint).collect();
    expected.sort();
    assert_eq!(judges::promtool(&text), expected);
}

#[test]
fn the_official_python_parser_reads_the_demo_as_we_do() {
    let demo = Demo::start(&["--fault-rate", "0.3"]);
    let text = wait::until("the demo to have recorded", || {
        let text = demo.metrics();
        let synced = text.contains("tmc_sync_duration_seconds_count");
        synced.then_some(text).ok_or_else(|| "no sync yet".to_owned())
    });
    let (ours, theirs) = (Exposition::read(&text), judges::python(&text));
    assert_same(&theirs.samples, &ours.samples);
    assert!(ours.samples.len() > 100, "{} samples", ours.samples.len());
    for (name, kind) in &ours.types {
        let known = if kind == "counter" { name.trim_end_matches("_total") } else { name };
        assert_eq!(theirs.types.get(known), Some(kind), "{name}");
    }
    assert_eq!(theirs.types.len(), ours.types.len());
}
