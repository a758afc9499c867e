//! Infos: how they are named, found and swapped. Upstream: `Registry::info` and its family.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tmc_engine::{Kind, LabelSet, LazyFamily, ManualClock, Registry, Value};

/// The label sets of a family, in order.
fn labels(registry: &Registry, family: &str) -> Vec<Vec<(String, String)>> {
    let snapshot = registry.snapshot();
    let family = snapshot.family(family).unwrap();
    assert_eq!(family.kind(), Kind::Info);
    let series = family.series().inspect(|series| {
        assert!(matches!(series.value(), Value::Info));
        assert_eq!(series.value().as_f64(), 1.0);
    });
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    series.map(|series| series.labels().map(owned).collect()).collect()
}

fn pairs(labels: &[(&str, &str)]) -> Vec<(String, String)> {
    labels.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn facts_are_labels_and_the_same_facts_are_one_series() {
    let registry = Registry::builder().prefix("tmc").build().unwrap();
    let facts = [("version", "1.2"), ("commit", "abc")];
    let info = registry.info("build", "Build", &facts).unwrap();
    assert_eq!(format!("{info:?}"), r#"Info(["1.2", "abc"])"#);
    registry.info("build_info", "Build", &facts).unwrap();
    assert_eq!(labels(&registry, "tmc_build_info"), [pairs(&facts)]);
    registry.info("build", "Build", &[("version", "2"), ("commit", "d")]).unwrap();
    assert_eq!(labels(&registry, "tmc_build_info").len(), 2);
    registry.info("started", "No labels at all", &[]).unwrap();
    assert_eq!(labels(&registry, "tmc_started_info"), [pairs(&[])]);
}

#[test]
fn names_clash_with_the_suffix_and_without() {
    let registry = Registry::new();
    registry.info_family("build", "", ["version"]).unwrap();
    let clash = |refused: Result<(), tmc_engine::RegisterError>| refused.unwrap_err().to_string();
    assert_eq!(
        clash(registry.gauge("build", "").map(drop)),
        "build would expose build, which build_info exposes already: rename one of the two"
    );
    assert_eq!(
        clash(registry.gauge("build_info", "").map(drop)),
        "build_info is registered as an info already, not as a gauge: use another name"
    );
    assert_eq!(
        clash(registry.info("build", "", &[("other", "")]).map(drop)),
        r#"build_info is registered with labels ["version"], not ["other"]: use the same labels in the same order, or another name"#
    );
    assert_eq!(
        clash(registry.info("", "", &[]).map(drop)),
        r#"invalid metric name "": it is empty"#
    );
    assert!(registry.info("i", "", &[("a", ""), ("a", "")]).is_err());
    assert!(registry.info("_info", "", &[]).is_err());
}

#[test]
fn a_swap_is_seen_whole_by_every_snapshot() {
    let registry = Registry::new();
    let leader = registry.info_family("leader", "", ["node"]).unwrap();
    leader.replace_all([["0"]]);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for at in 0..2000_u32 {
                leader.replace_all([[at.to_string().as_str()]]);
            }
            done.store(true, Ordering::Relaxed);
        });
        loop {
            let last = done.load(Ordering::Relaxed);
            assert_eq!(labels(&registry, "leader_info").len(), 1);
            if last {
                break;
            }
        }
    });
    assert_eq!(labels(&registry, "leader_info"), [pairs(&[("node", "1999")])]);
    leader.replace_all([]);
    assert_eq!(labels(&registry, "leader_info").len(), 0);
}

#[test]
fn derived_sets_and_statics() {
    #[derive(LabelSet)]
    struct Build<'a> {
        version: &'a str,
        debug: bool,
    }
    let registry = Registry::new();
    let builds = registry.info_family_of::<Build<'static>>("build", "").unwrap();
    builds.replace_all([Build { version: "1", debug: false }]);
    drop(builds.with(Build { version: "2", debug: true }));
    let expected = [
        pairs(&[("version", "1"), ("debug", "false")]),
        pairs(&[("version", "2"), ("debug", "true")]),
    ];
    assert_eq!(labels(&registry, "build_info"), expected);

    static RUNTIME: LazyFamily<tmc_engine::Info, 1> = LazyFamily::new("runtime", "", ["name"]);
    drop(RUNTIME.with(["tokio"]));
    assert_eq!(labels(Registry::global(), "runtime_info"), [pairs(&[("name", "tokio")])]);
}

#[test]
fn an_info_that_nobody_holds_is_not_retired() {
    let clock = ManualClock::new();
    let period = Duration::from_secs(60);
    let registry = Registry::builder().retention_period(period).clock(clock.clone()).build();
    let registry = registry.unwrap();
    drop(registry.info("build", "", &[("version", "1")]).unwrap());
    drop(registry.gauge_family("g", "", ["l"]).unwrap().with(["x"]));
    for _ in 0..4 {
        let _reading = registry.snapshot();
        clock.advance(period * 2);
    }
    assert_eq!(registry.snapshot().family("g").unwrap().series().count(), 0);
    assert_eq!(labels(&registry, "build_info").len(), 1);
}

#[test]
fn beyond_the_limit_they_are_refused_and_counted() {
    let registry = Registry::builder().series_limit(2).build().unwrap();
    let infos = registry.info_family("i", "", ["l"]).unwrap();
    infos.init([["a"], ["b"], ["c"]]);
    assert_eq!(labels(&registry, "i_info"), [pairs(&[("l", "a")]), pairs(&[("l", "b")])]);
    infos.replace_all([["x"], ["y"], ["z"]]);
    assert_eq!(labels(&registry, "i_info"), [pairs(&[("l", "x")]), pairs(&[("l", "y")])]);
    let snapshot = registry.snapshot();
    let overflow = snapshot.family("tmc_engine_overflow_total").unwrap();
    assert_eq!(overflow.get(&["i_info"]).unwrap().value().as_f64(), 2.0);
}
