//! Official programs read our text as we mean it, whatever is in it.

mod hard;

use std::collections::BTreeMap;

use hard::{Hard, VALUES};
use tmc_engine::{Kind, Registry};
use tmc_exposition::{Encoder, Format, Server};
use tmc_metrics::catalogue;
use tmc_tests::demo::Demo;
use tmc_tests::prometheus::Prometheus;
use tmc_tests::text::{Exposition, Key};
use tmc_tests::{judges, wait};

fn encode(registry: &Registry) -> String {
    encode_with(&mut Encoder::new(Format::Text), registry)
}

fn encode_with(encoder: &mut Encoder, registry: &Registry) -> String {
    let mut text = Vec::new();
    encoder.encode(&registry.snapshot(), &mut text);
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
    let mut cases = Hard::new();
    let mut encoder = Encoder::new(Format::Text);
    let mut read = |cases: &Hard| hard(judges::python(&encode_with(&mut encoder, &cases.registry)));
    let first = read(&cases);
    assert_same(&first.samples, &cases.expected);
    let types = hard::TYPES.map(|(name, kind)| {
        // The parser drops a counter's suffix.
        let name = if kind == "counter" { name.trim_end_matches("_total") } else { name };
        (name.into(), kind.into())
    });
    assert_eq!(first.types, types.into());
    for value in VALUES {
        cases.remove(value);
        assert_same(&read(&cases).samples, &cases.expected);
    }
}

#[test]
fn our_own_reader_reads_hard_cases_as_they_were_recorded() {
    let cases = Hard::new();
    let read = hard(Exposition::read(&encode(&cases.registry)));
    assert_same(&read.samples, &cases.expected);
    assert_eq!(read.types, hard::TYPES.map(|(name, kind)| (name.into(), kind.into())).into());
}

#[test]
fn prometheus_stores_hard_cases_as_they_were_recorded_and_ends_what_was_removed() {
    let mut cases = Hard::new();
    let server = Server::builder(cases.registry.clone()).listen("127.0.0.1:0").start().unwrap();
    let prometheus = Prometheus::scraping(server.local_addr());
    let query = r#"{__name__=~"hard_.*"}"#;
    for removed in [None, Some(""), Some("\n"), Some(VALUES[9])] {
        if let Some(value) = removed {
            cases.remove(value);
        }
        assert_eq!(prometheus.wait_for_scrape().last_error, "");
        let read = wait::until("an answer", || prometheus.query(query));
        // It asks for OpenMetrics.
        let expected = cases.in_open_metrics().map(|(key, value)| (key.clone(), *value)).collect();
        assert_same(&read, &expected);
    }
    assert_eq!((prometheus.lost_samples(), prometheus.complaints()), (0, Vec::new()));
}

#[test]
fn promtool_finds_fault_with_no_hard_case_but_the_one_without_help() {
    let complaints = judges::promtool(&encode(&Hard::new().registry));
    assert_eq!(complaints, ["hard_called_again_total no help text"]);
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
