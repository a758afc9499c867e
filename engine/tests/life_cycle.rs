//! Series that go, and come back.

use std::time::Duration;
use tmc_engine::{
    CounterFamily, FamilyOverride, HistogramSpec, ManualClock, Registry, RegistryBuilder, Snapshot,
    UnknownLabel,
};

const HOUR: Duration = Duration::from_secs(3600);

fn values(snapshot: &Snapshot, family: &str) -> Vec<(String, f64)> {
    let family = snapshot.family(family).expect("registered");
    let labels = |s: tmc_engine::SeriesSnapshot<'_>| s.label_values().collect::<Vec<_>>().join(",");
    family.series().map(|series| (labels(series), series.value().as_f64())).collect()
}

fn read(registry: &Registry, family: &str) -> Vec<(String, f64)> {
    values(&registry.snapshot(), family)
}

fn owned(expected: &[(&str, f64)]) -> Vec<(String, f64)> {
    expected.iter().map(|&(labels, value)| (labels.to_owned(), value)).collect()
}

fn requests(registry: &Registry) -> CounterFamily<2> {
    registry.counter_family("requests_total", "Requests", ["cluster", "code"]).unwrap()
}

#[test]
fn a_removed_series_is_gone_and_starts_from_zero_when_it_returns() {
    let clock = ManualClock::new();
    let registry = Registry::builder().clock(clock.clone()).build().unwrap();
    let requests = requests(&registry);
    let old = requests.with(["eu", "200"]);
    old.inc_by(7);
    requests.at(["us", "200"]).inc();
    let created = |registry: &Registry| {
        let snapshot = registry.snapshot();
        snapshot.family("requests_total").unwrap().get(&["eu", "200"]).unwrap().created()
    };
    let before = created(&registry);

    clock.advance(HOUR);
    assert!(requests.remove(["eu", "200"]));
    assert!(!requests.remove(["eu", "200"]), "it is gone already");
    assert!(!requests.remove(["eu", "404"]), "it never was");
    assert_eq!(read(&registry, "requests_total"), owned(&[("us,200", 1.0)]));

    old.inc_by(5);
    old.local().inc_by(5);
    requests.at(["eu", "200"]).inc();
    old.inc_by(5);
    assert_eq!(read(&registry, "requests_total"), owned(&[("us,200", 1.0), ("eu,200", 1.0)]));
    assert_eq!(old.value(), 22, "a handle keeps its own cells");
    assert_eq!(created(&registry), before + HOUR);
}

/// Every kind, and cells that are used again at once: a value left in them would show.
#[test]
fn cells_that_are_used_again_are_zero() {
    let registry = Registry::new();
    let counts = registry.counter_family("counts", "", ["n"]).unwrap();
    let floats = registry.float_counter_family("floats", "", ["n"]).unwrap();
    let gauges = registry.gauge_family("gauges", "", ["n"]).unwrap();
    let flights = registry.up_down_counter_family("flights", "", ["n"]).unwrap();
    let spec = HistogramSpec::seconds(&[0.1, 1.0]);
    let times = registry.histogram_family("times", "", ["n"], &spec).unwrap();
    for round in 0..300 {
        let label = if round % 2 == 0 { "even" } else { "odd" };
        counts.with([label]).inc_by(9);
        floats.with([label]).inc_by(0.5);
        gauges.with([label]).set(4.0);
        flights.with([label]).add(3);
        flights.with([label]).sub(1);
        times.with([label]).observe(0.1);
        times.with([label]).observe(7.0);
        times.with([label]).observe(1e9);
        let snapshot = registry.snapshot();
        for (family, value) in
            [("counts", 9.0), ("floats", 0.5), ("gauges", 4.0), ("flights", 2.0), ("times", 3.0)]
        {
            assert_eq!(values(&snapshot, family), owned(&[(label, value)]), "{family} {round}");
        }
        let family = snapshot.family("times").unwrap();
        let value = family.series().next().unwrap().value();
        let histogram = value.histogram().unwrap();
        assert_eq!(histogram.cumulative(), [(0.1, 1), (1.0, 1), (f64::INFINITY, 3)]);
        assert_eq!(histogram.sum(), 1e9 + 7.1);
        assert_eq!(registry.remove_matching(&[("n", label)]), 5);
    }
}

#[test]
fn a_partial_match_and_a_predicate_remove_what_they_name() {
    let registry = Registry::new();
    let requests = requests(&registry);
    let syncs = registry.gauge_family("syncs", "", ["cluster"]).unwrap();
    registry.counter("alone_total", "").unwrap().inc();
    let fill = || {
        for (cluster, code) in [("eu", "200"), ("eu", "500"), ("us", "200"), ("us", "500")] {
            requests.at([cluster, code]).inc();
        }
        ["eu", "us"].into_iter().for_each(|cluster| syncs.at([cluster]).set(1.0));
    };
    fill();
    assert_eq!(requests.remove_matching(&[("code", "500"), ("cluster", "us")]), Ok(1));
    assert_eq!(requests.remove_matching(&[]), Ok(0), "nothing to go by");
    let unknown = UnknownLabel {
        family: "requests_total".into(),
        label: "clsuter".into(),
        known: vec!["cluster".into(), "code".into()],
    };
    assert_eq!(
        unknown.to_string(),
        r#"requests_total has no label "clsuter": use one of ["cluster", "code"]"#
    );
    assert_eq!(requests.remove_matching(&[("clsuter", "us")]), Err(unknown));
    assert_eq!(registry.remove_matching(&[("cluster", "eu")]), 3);
    assert_eq!(registry.remove_matching(&[("nobody", "has it")]), 0);
    assert_eq!(registry.remove_matching(&[]), 0);
    assert_eq!(read(&registry, "requests_total"), owned(&[("us,200", 1.0)]));
    assert_eq!(read(&registry, "syncs"), owned(&[("us", 1.0)]));
    assert_eq!(read(&registry, "alone_total"), owned(&[("", 1.0)]));

    fill();
    let kept = requests.retain(|labels| {
        let _new = requests.with(["looked up", "meanwhile"]);
        assert_eq!(labels.get("nobody"), None);
        assert_eq!(labels.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["cluster", "code"]);
        labels.get("code") == Some("200")
    });
    assert_eq!(kept, 2);
    let expected = [("us,200", 2.0), ("eu,200", 1.0), ("looked up,meanwhile", 0.0)];
    assert_eq!(read(&registry, "requests_total"), owned(&expected));
    assert_eq!(requests.clear(), 3);
    assert_eq!(read(&registry, "requests_total"), []);
}

#[test]
fn a_scope_takes_a_clusters_series_with_it_across_families() {
    let registry = Registry::new();
    let requests = requests(&registry);
    let spec = HistogramSpec::seconds(&[1.0]);
    let times = registry.histogram_family("times", "", ["cluster"], &spec).unwrap();
    let scope = registry.scope(&[("cluster", "eu")]);
    for cluster in ["eu", "us"] {
        requests.at([cluster, "200"]).inc();
        times.at([cluster]).observe(0.5);
    }
    std::thread::spawn(move || drop(scope)).join().unwrap();
    assert_eq!(read(&registry, "requests_total"), owned(&[("us,200", 1.0)]));
    assert_eq!(read(&registry, "times"), owned(&[("us", 1.0)]));
    // What this thread remembers is no way back to the old series.
    requests.at(["eu", "200"]).inc_by(3);
    assert_eq!(read(&registry, "requests_total"), owned(&[("us,200", 1.0), ("eu,200", 3.0)]));
}

#[test]
fn a_replaced_set_is_seen_old_or_new() {
    let registry = Registry::builder().series_limit(100).build().unwrap();
    let nodes = registry.gauge_family("nodes", "Nodes", ["node", "state"]).unwrap();
    let sets = [["a", "b", "c"], ["b", "c", "d"]];
    let set = |round: usize| {
        let names = sets[round % 2];
        names.map(move |name| ([name, "ready"], round as f64))
    };
    nodes.replace_all(set(0));
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            (1..2000).for_each(|round| nodes.replace_all(set(round)));
            done.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        while !done.load(std::sync::atomic::Ordering::SeqCst) {
            let seen = read(&registry, "nodes");
            let round = seen[0].1 as usize;
            let expected: Vec<_> =
                set(round).map(|([n, s], value)| (format!("{n},{s}"), value)).into();
            assert_eq!(seen, expected);
        }
    });
    nodes.replace_all([(["twice", ""], 1.0), (["twice", ""], 2.0)]);
    assert_eq!(read(&registry, "nodes"), owned(&[("twice,", 2.0)]));
    let many: Vec<_> = (0..103).map(|n| n.to_string()).collect();
    nodes.replace_all(many.iter().map(|n| ([n.as_str(), ""], 0.0)));
    assert_eq!(read(&registry, "nodes").len(), 100);
    assert_eq!(read(&registry, "tmc_engine_overflow_total"), owned(&[("nodes", 3.0)]));
}

#[test]
fn a_family_recovers_from_its_limit_when_series_go() {
    let registry = Registry::builder().series_limit(2).build().unwrap();
    let requests = requests(&registry);
    for cluster in ["a", "b", "c", "d"] {
        requests.at([cluster, "200"]).inc();
    }
    let over = "__overflow__,__overflow__";
    let full = owned(&[("a,200", 1.0), ("b,200", 1.0), (over, 2.0)]);
    assert_eq!(read(&registry, "requests_total"), full);
    assert!(requests.remove(["a", "200"]));
    requests.at(["c", "200"]).inc();
    requests.at(["d", "200"]).inc();
    let recovered = owned(&[("b,200", 1.0), (over, 3.0), ("c,200", 1.0)]);
    assert_eq!(read(&registry, "requests_total"), recovered);
    assert_eq!(requests.retain(|_| false), 2, "the overflow series is not asked about");
    assert_eq!(read(&registry, "requests_total"), owned(&[(over, 3.0)]));
    assert_eq!(requests.clear(), 1);
    assert_eq!(read(&registry, "tmc_engine_overflow_total"), owned(&[("requests_total", 3.0)]));
}

fn retiring() -> (RegistryBuilder, ManualClock) {
    let clock = ManualClock::new();
    (Registry::builder().clock(clock.clone()).retention_period(HOUR), clock)
}

#[test]
fn an_idle_series_is_retired_and_one_that_is_recorded_into_or_held_stays() {
    let (builder, clock) = retiring();
    let registry = builder.build().unwrap();
    let requests = requests(&registry);
    let gauges = registry.gauge_family("gauges", "", ["n"]).unwrap();
    let held = requests.with(["held", ""]);
    requests.at(["idle", ""]).inc();
    requests.at(["busy", ""]).inc();
    gauges.at(["idle"]).set(1.0);
    gauges.at(["set to the same"]).set(1.0);
    let mut readings = 0;
    while read(&registry, "requests_total").len() == 3 {
        requests.at(["busy", ""]).inc();
        gauges.at(["set to the same"]).set(1.0);
        clock.advance(HOUR / 4);
        readings += 1;
        assert!(readings < 10, "nothing retires");
    }
    assert!(readings > 4, "retired after {readings} quarters");
    let left = owned(&[("held,", 0.0), ("busy,", readings as f64 + 1.0)]);
    assert_eq!(read(&registry, "requests_total"), left);
    assert_eq!(read(&registry, "gauges"), owned(&[("set to the same", 1.0)]));
    assert_eq!(read(&registry, "tmc_engine_overflow_total").len(), 2, "the engine keeps its own");
    drop(held);
    (0..7).for_each(|_| {
        clock.advance(HOUR);
        let _reading = registry.snapshot();
    });
    assert_eq!(read(&registry, "requests_total"), []);
    requests.at(["idle", ""]).inc();
    assert_eq!(read(&registry, "requests_total"), owned(&[("idle,", 1.0)]), "from zero");
}

/// Between the reading that finds it idle and the one that would remove it.
#[test]
fn a_fading_series_that_is_looked_up_or_recorded_into_stays() {
    let (builder, clock) = retiring();
    let registry = builder.build().unwrap();
    let requests = requests(&registry);
    requests.at(["looked up", ""]).inc();
    let kept = requests.with(["recorded", ""]);
    kept.inc();
    for _ in 0..20 {
        clock.advance(HOUR);
        let _reading = registry.snapshot(); // fades
        let _looked_up = requests.at(["looked up", ""]);
        kept.inc();
        let _reading = registry.snapshot(); // would remove
    }
    assert_eq!(read(&registry, "requests_total")[0], ("looked up,".to_owned(), 1.0));
}

#[test]
fn one_family_can_have_a_period_of_its_own() {
    let clock = ManualClock::new();
    let registry = Registry::builder()
        .clock(clock.clone())
        .family_override(
            "requests_total",
            FamilyOverride { retention_period: Some(HOUR), ..Default::default() },
        )
        .build()
        .unwrap();
    requests(&registry).at(["a", ""]).inc();
    let other = registry.counter_family("other_total", "", ["n"]).unwrap();
    other.at(["a"]).inc();
    for _ in 0..4 {
        let _reading = registry.snapshot();
        clock.advance(HOUR);
    }
    assert_eq!(read(&registry, "requests_total"), []);
    assert_eq!(read(&registry, "other_total"), owned(&[("a", 1.0)]));
}

/// Blocks far apart in the list, and blocks that are joined when little is left of them.
#[test]
fn many_series_are_removed_one_by_one() {
    let registry = Registry::builder().series_limit(10_000).build().unwrap();
    let wide = registry.counter_family("wide_total", "", ["n"]).unwrap();
    let name = |n: usize| n.to_string();
    (0..5000).for_each(|n| wide.with([&name(n)]).inc_by(n as u64));
    let blocks = |registry: &Registry| {
        registry
            .snapshot()
            .family("wide_total")
            .unwrap()
            .blocks()
            .map(|b| b.id())
            .collect::<Vec<_>>()
    };
    let before = blocks(&registry);
    assert!(wide.remove(["2500"]));
    let after = blocks(&registry);
    let same = before.iter().filter(|id| after.contains(id)).count();
    assert_eq!((before.len(), after.len(), same), (125, 125, 124), "one block was made anew");
    for n in (0..5000).filter(|n| n % 7 != 0 && *n != 2500) {
        assert!(wide.remove([&name(n)]), "{n}");
    }
    let left: Vec<_> = (0..5000).step_by(7).map(|n| (name(n), n as f64)).collect();
    assert_eq!(read(&registry, "wide_total"), left);
    assert!(blocks(&registry).len() < 30, "little blocks are joined");
}
