//! A block whose version stands has the values that it had: checked against the values themselves, over
//! any sequence of records, readings, readings that are held, and removals.

use proptest::prelude::*;
use std::collections::HashMap;
use std::time::Duration;
use tmc_engine::{ManualClock, Registry, Snapshot};

#[derive(Clone, Debug)]
enum Step {
    Count(u8, u8),
    Float(u8),
    Set(u8, i8),
    Enter(u8),
    Leave,
    Begin(u8),
    End,
    Switch(u8, bool),
    Name(u8),
    Remove(u8),
    Pass(u8),
    Read,
    Hold,
    Release,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (any::<u8>(), 0..3_u8).prop_map(|(at, by)| Step::Count(at, by)),
        2 => any::<u8>().prop_map(Step::Float),
        2 => (any::<u8>(), -1..2_i8).prop_map(|(at, to)| Step::Set(at, to)),
        2 => any::<u8>().prop_map(Step::Enter),
        2 => Just(Step::Leave),
        2 => any::<u8>().prop_map(Step::Begin),
        2 => Just(Step::End),
        2 => (any::<u8>(), any::<bool>()).prop_map(|(at, on)| Step::Switch(at, on)),
        1 => any::<u8>().prop_map(Step::Name),
        1 => any::<u8>().prop_map(Step::Remove),
        1 => (0..2_u8).prop_map(Step::Pass),
        8 => Just(Step::Read),
        1 => Just(Step::Hold),
        1 => Just(Step::Release),
    ]
}

/// Which values belonged to a version of a block.
#[derive(Default)]
struct Seen(HashMap<(u64, u64), Vec<String>>);

impl Seen {
    fn look(&mut self, snapshot: &Snapshot) {
        for family in snapshot.families() {
            let versions = family.versions().expect("no distributions here");
            assert_eq!(versions.len(), family.blocks().len());
            for (at, (version, block)) in versions.zip(family.blocks()).enumerate() {
                let values: Vec<String> =
                    block.series().map(|series| format!("{:?}", series.value())).collect();
                let same = family.block(at).unwrap();
                assert_eq!(same.id(), block.id());
                assert!(
                    same.series().map(|s| format!("{:?}", s.value())).eq(values.iter().cloned())
                );
                let known = self.0.entry((block.id(), version)).or_insert_with(|| values.clone());
                assert_eq!(*known, values, "{} changed unseen", family.name());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_value_changes_unseen(steps in prop::collection::vec(step(), 1..120)) {
        let clock = ManualClock::new();
        let registry = Registry::builder().clock(clock.clone()).build().unwrap();
        let counts = registry.counter_family("c_total", "", ["n"]).unwrap();
        let floats = registry.float_counter_family("f_total", "", ["n"]).unwrap();
        let gauges = registry.gauge_family("g", "", ["n"]).unwrap();
        let here = registry.up_down_counter_family("u", "", ["n"]).unwrap();
        let ages = registry.in_flight_age_family("a_seconds", "", ["n"]).unwrap();
        let states = registry.state_set_family("s", "", ["n"], &["x", "y"]).unwrap();
        let infos = registry.info_family("i", "", ["n"]).unwrap();
        // More than fit one block, and more than fit one page.
        let name = |at: u8| (u32::from(at) * 7 % 150).to_string();
        (0..150).for_each(|n: u32| counts.with([&n.to_string()]).inc());
        let (mut running, mut inside, mut held) = (Vec::new(), Vec::new(), Vec::new());
        let mut seen = Seen::default();
        for step in steps {
            match step {
                Step::Count(at, by) => counts.with([&name(at)]).inc_by(by.into()),
                Step::Float(at) => floats.with([&name(at)]).inc_by(0.5),
                Step::Set(at, to) => gauges.with([&name(at)]).set(to.into()),
                Step::Enter(at) => inside.push(here.with([&name(at)]).track()),
                Step::Leave => drop(inside.pop()),
                Step::Begin(at) => running.push(ages.with([&name(at)]).start()),
                Step::End => drop(running.pop()),
                Step::Switch(at, on) => states.with([&name(at)]).set("x", on),
                Step::Name(at) => drop(infos.with([&name(at)])),
                Step::Remove(at) => {
                    counts.remove([&name(at)]);
                }
                Step::Pass(seconds) => clock.advance(Duration::from_secs(seconds.into())),
                Step::Read => seen.look(&registry.snapshot()),
                Step::Hold => held.push(registry.snapshot()),
                Step::Release => drop(held.pop()),
            }
            held.iter().for_each(|snapshot| seen.look(snapshot));
        }
    }
}

/// The point of it all: what nobody records into keeps its version.
#[test]
fn what_stands_still_keeps_its_version() {
    let registry = Registry::new();
    let counts = registry.counter_family("c_total", "", ["n"]).unwrap();
    let counters: Vec<_> = (0..1000).map(|n: u32| counts.with([&n.to_string()])).collect();
    let read = || {
        let snapshot = registry.snapshot();
        let family = snapshot.family("c_total").unwrap();
        (family.blocks_id(), family.versions().unwrap().collect::<Vec<_>>())
    };
    (0..3).for_each(|_| drop(read())); // each buffer once
    let (list, before) = read();
    assert_eq!(read(), (list, before.clone()));
    counters[500].inc();
    let (same, after) = read();
    let changed = before.iter().zip(&after).filter(|(before, after)| before != after).count();
    // A page has 128 cells, a block 40 series.
    assert!(same == list && (1..=5).contains(&changed), "{changed} of {}", before.len());
    drop(counts.with(["new"]));
    assert_ne!(read().0, list);
}

/// Ages are no cells that somebody wrote: the merge puts them there.
#[test]
fn an_age_that_grows_and_an_operation_that_begins_are_seen() {
    let clock = ManualClock::new();
    let registry = Registry::builder().clock(clock.clone()).build().unwrap();
    let age = registry.in_flight_age("a_seconds", "").unwrap();
    let read = || registry.snapshot().family("a_seconds").unwrap().versions().unwrap().sum::<u64>();
    for _ in 0..3 {
        read();
    }
    let idle = read();
    assert_eq!(read(), idle);
    let operation = age.start();
    let begun = read();
    clock.advance(Duration::from_secs(1));
    let older = read();
    drop(operation);
    let ended = read();
    assert!(idle < begun && begun < older && older < ended, "{idle} {begun} {older} {ended}");
}
