//! A real Prometheus scrapes the demo and answers for everything that happens in it.

use std::collections::BTreeMap;

use tmc_engine::Kind;
use tmc_metrics::{catalogue, sysmon};
use tmc_tests::demo::Demo;
use tmc_tests::prometheus::Prometheus;
use tmc_tests::text::Exposition;
use tmc_tests::wait;

/// The names under which a family's samples are stored.
fn stored(name: &str, kind: Kind) -> Vec<String> {
    match kind {
        Kind::Histogram => {
            ["_bucket", "_sum", "_count"].map(|suffix| name.to_owned() + suffix).to_vec()
        }
        _ => vec![name.to_owned()],
    }
}

#[test]
fn prometheus_scrapes_the_demo_and_answers_for_every_family() {
    let demo = Demo::start(&["--fault-rate", "0.3"]);
    let prometheus = Prometheus::scraping(demo.address());
    let target = prometheus.wait_for_scrape();
    assert_eq!((target.health.as_str(), target.last_error.as_str()), ("up", ""));

    let catalogue = catalogue::FAMILIES.iter().map(|family| (family.name, family.kind));
    let process = sysmon::names::ALL.iter().map(|family| (family.name, family.kind));
    let all: BTreeMap<_, _> = catalogue.chain(process).collect();
    let names: Vec<String> = all.iter().flat_map(|(name, kind)| stored(name, *kind)).collect();
    wait::until("an answer for every family", || {
        let mut silent = Vec::new();
        for name in &names {
            if prometheus.query(name)?.is_empty() {
                silent.push(name);
            }
        }
        if silent.is_empty() { Ok(()) } else { Err(format!("no series of {silent:?}")) }
    });

    let quantile =
        "histogram_quantile(0.95, sum by (le) (rate(tmc_sync_duration_seconds_bucket[1m])))";
    wait::until("a finite quantile of the sync latency", || {
        let answer = prometheus.query(quantile)?;
        let mut values = answer.values();
        match (values.next(), values.next()) {
            (Some(value), None) if value.is_finite() && *value > 0.0 => Ok(()),
            _ => Err(format!("{answer:?}")),
        }
    });
    assert_eq!((prometheus.lost_samples(), prometheus.complaints()), (0, Vec::new()));

    let (status, said) = demo.interrupt();
    assert!(status.success(), "{status}: {said}");
}

/// What Prometheus stores lies between what we read before and after its scrape: no series is
/// missing, under other labels or with another value.
#[test]
fn what_prometheus_stores_is_what_the_demo_serves() {
    let demo = Demo::start(&["--fault-rate", "0.3"]);
    let prometheus = Prometheus::scraping(demo.address());
    prometheus.wait_for_scrape();
    let before = Exposition::read(&demo.metrics());
    prometheus.wait_for_scrape();
    let stored = wait::until("all series", || prometheus.query(r#"{job="tmc"}"#));
    let after = Exposition::read(&demo.metrics());
    let mut compared = 0;
    for (key, low) in &before.samples {
        let value = stored.get(key).unwrap_or_else(|| panic!("{key:?} is missing"));
        let high = after.samples.get(key).unwrap_or_else(|| panic!("{key:?} has vanished"));
        if matches!(before.type_of(&key.0), "counter" | "histogram") {
            assert!(low <= value && value <= high, "{key:?}: {low} <= {value} <= {high}");
            compared += 1;
        }
    }
    assert!(compared > 50, "{compared} counters");
    // Prometheus writes series of its own: up, scrape_duration_seconds and the like.
    let foreign = |name: &str| name == "up" || name.starts_with("scrape_");
    for (name, labels) in stored.keys() {
        let key = (name.clone(), labels.clone());
        assert!(foreign(name) || after.samples.contains_key(&key), "{key:?} was never served");
    }
    assert_eq!((prometheus.lost_samples(), prometheus.complaints()), (0, Vec::new()));
}
