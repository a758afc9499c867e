//! State sets: one state on at a time, or any number; what they refuse. Upstream:
//! `Registry::state_set` and its family.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tmc_engine::{
    Kind, LabelSet, LabelValue, LazyStateSet, ManualClock, RegisterError, Registry, Value,
};

#[derive(Clone, Copy, LabelValue)]
enum Phase {
    Starting,
    Running,
    Stopping,
}

/// The states that are on.
fn on(registry: &Registry, family: &str, labels: &[&str]) -> Vec<String> {
    let snapshot = registry.snapshot();
    let family = snapshot.family(family).unwrap();
    assert_eq!(family.kind(), Kind::StateSet);
    let Value::StateSet(set) = family.get(labels).unwrap().value() else { panic!("not a set") };
    assert!(set.iter().map(|(name, _)| name).eq(family.states()), "all in order");
    assert_eq!(set.iter().filter(|&(_, on)| on).count(), set.on() as usize);
    assert!(set.iter().all(|(name, on)| set.is_on(name) == on) && !set.is_on("nonesuch"));
    set.iter().filter(|&(_, on)| on).map(|(name, _)| name.to_owned()).collect()
}

fn refused(registry: &Registry, family: &str) -> f64 {
    let snapshot = registry.snapshot();
    let refused = snapshot.family("tmc_engine_refused_total").unwrap();
    refused.get(&[family, "state"]).unwrap().value().as_f64()
}

#[test]
fn an_enum_has_one_state_and_flags_have_any() {
    let registry = Registry::new();
    let phase = registry.state_set_of::<Phase>("phase", "Phase").unwrap();
    assert_eq!(on(&registry, "phase", &[]), [""; 0], "none to begin with");
    for (state, name) in
        [(Phase::Starting, "starting"), (Phase::Stopping, "stopping"), (Phase::Running, "running")]
    {
        phase.only(state);
        assert_eq!(on(&registry, "phase", &[]), [name]);
        assert!(phase.is_on(state) && phase.is_on(name));
    }
    phase.set("starting", true);
    phase.set(Phase::Starting, true);
    assert_eq!(on(&registry, "phase", &[]), ["starting", "running"]);
    phase.set("running", false);
    phase.set(Phase::Stopping, false);
    assert_eq!(on(&registry, "phase", &[]), ["starting"]);
    assert_eq!(refused(&registry, "phase"), 0.0);
}

#[test]
fn sixty_four_states_are_the_most() {
    let registry = Registry::new();
    let names: Vec<_> = (0..65).map(|at| format!("s{at}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let all = registry.state_set("all", "", &names[..64]).unwrap();
    all.set("s0", true);
    all.set("s63", true);
    assert_eq!(on(&registry, "all", &[]), ["s0", "s63"]);
    all.only("s63");
    assert_eq!(on(&registry, "all", &[]), ["s63"]);
    let message = |states: &[&str]| registry.state_set("s", "", states).unwrap_err().to_string();
    assert_eq!(message(&names), "invalid states of s: 65 are too many: use at most 64");
    assert_eq!(
        message(&[]),
        "invalid states of s: there are none: give at least one, or an enum that derives LabelValue"
    );
    assert_eq!(
        message(&["a", "b", "a"]),
        r#"invalid states of s: "a" is there twice: leave one out"#
    );
    assert_eq!(
        message(&["a", ""]),
        "invalid states of s: one is empty, which is as good as no label: name it"
    );
    assert!(registry.state_set_of::<String>("s", "").is_err(), "a type of any values");
    assert!(registry.snapshot().family("s").is_none(), "a refused family has come");
}

#[test]
fn a_state_that_the_set_does_not_have_is_refused_and_counted() {
    let registry = Registry::new();
    let phase = registry.state_set("phase", "", &["a", "b"]).unwrap();
    assert_eq!(refused(&registry, "phase"), 0.0, "exposed before the first");
    phase.only("b");
    phase.only("c");
    phase.set("", true);
    phase.set(Phase::Running, false);
    assert!(!phase.is_on("c"));
    assert_eq!(on(&registry, "phase", &[]), ["b"]);
    assert_eq!(refused(&registry, "phase"), 4.0);
}

#[test]
fn names_and_states_clash() {
    let registry = Registry::builder().prefix("p").build().unwrap();
    registry.state_set("phase", "", &["a", "b"]).unwrap();
    registry.state_set("phase", "", &["a", "b"]).unwrap();
    let other = registry.state_set("phase", "", &["b", "a"]).unwrap_err();
    assert_eq!(other, RegisterError::StateClash { family: "p_phase".into() });
    let gauge = registry.gauge("phase", "").unwrap_err().to_string();
    assert_eq!(
        gauge,
        "p_phase is registered as a state set already, not as a gauge: use another name"
    );
    let own = registry.state_set_family("state", "", ["node", "p_state"], &["a"]).unwrap_err();
    assert_eq!(
        own.to_string(),
        r#"invalid label name "p_state" of p_state: a state set adds the label of its own name itself: rename it"#
    );
    assert!(registry.state_set_family("state", "", ["node", "state"], &["a"]).is_ok());
    let constant = Registry::builder().constant_label("zone", "eu").build().unwrap();
    assert!(constant.state_set("zone", "", &["a"]).is_err());
    assert!(constant.gauge("zone", "").is_ok(), "only a state set adds it");
}

#[test]
fn a_snapshot_sees_exactly_one_state_whatever_changes_meanwhile() {
    let registry = Registry::new();
    let phase = registry.state_set_of::<Phase>("phase", "").unwrap();
    phase.only(Phase::Starting);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for state in [Phase::Running, Phase::Stopping, Phase::Starting].repeat(20_000) {
                phase.only(state);
            }
            done.store(true, Ordering::Relaxed);
        });
        loop {
            let last = done.load(Ordering::Relaxed);
            assert_eq!(on(&registry, "phase", &[]).len(), 1);
            if last {
                break;
            }
        }
    });
    assert_eq!(on(&registry, "phase", &[]), ["starting"]);
}

#[test]
fn families_removal_limits_and_retirement_are_those_of_gauges() {
    #[derive(LabelSet)]
    struct Node {
        zone: Phase,
        up: bool,
    }
    let clock = ManualClock::new();
    let period = Duration::from_secs(60);
    let builder = Registry::builder().retention_period(period).clock(clock.clone());
    let registry = builder.series_limit(2).build().unwrap();
    let nodes = registry.state_set_family("node_phase", "", ["node"], Phase::VALUES).unwrap();
    nodes.at(["a"]).only(Phase::Running);
    nodes.at(["b"]).only(Phase::Stopping);
    let beyond = nodes.with(["c"]);
    beyond.only("running"); // goes nowhere, and is not refused on top
    assert_eq!(on(&registry, "node_phase", &["a"]), ["running"]);
    assert_eq!(on(&registry, "node_phase", &["b"]), ["stopping"]);
    let count = || registry.snapshot().family("node_phase").unwrap().series().count();
    assert_eq!((count(), refused(&registry, "node_phase")), (2, 0.0));
    assert!(nodes.remove(["a"]));
    nodes.at(["a"]).set("starting", false);
    assert_eq!(on(&registry, "node_phase", &["a"]), [""; 0], "it begins anew");

    let derived = registry.state_set_family_of::<Node>("derived", "", &["x", "y"]).unwrap();
    derived.at(Node { zone: Phase::Running, up: true }).only("y");
    assert_eq!(on(&registry, "derived", &["running", "true"]), ["y"]);

    // What is set to what it is, is not idle.
    for _ in 0..4 {
        nodes.at(["b"]).only("stopping");
        let _reading = registry.snapshot();
        clock.advance(period * 2);
    }
    assert_eq!(on(&registry, "node_phase", &["b"]), ["stopping"]);
    assert_eq!(count(), 1);
}

#[test]
fn a_delta_tells_how_many_states_differ() {
    let registry = Registry::new();
    let phase = registry.state_set_of::<Phase>("phase", "").unwrap();
    phase.only("starting");
    let earlier = registry.snapshot();
    phase.only("running");
    let later = registry.snapshot();
    let delta = later.since(&earlier);
    let series = delta.get("phase", &[]).unwrap();
    assert!(series.is_changed());
    assert_eq!(series.change(), 2.0);
    assert!(!later.since(&later).get("phase", &[]).unwrap().is_changed());
}

#[test]
fn in_a_static() {
    static PHASE: LazyStateSet = LazyStateSet::new("static_phase", "", Phase::VALUES);
    PHASE.only(Phase::Running);
    assert_eq!(on(Registry::global(), "static_phase", &[]), ["running"]);
}
