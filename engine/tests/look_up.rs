//! Look-ups by label values through a thread's own memory of them, against the plain ones.

use std::cell::RefCell;
use std::sync::Mutex;
use tmc_engine::{Counter, CounterFamily, Registry};

fn family(registry: &Registry, name: &str) -> CounterFamily<2> {
    registry.counter_family(name, "Look-ups", ["a", "b"]).unwrap()
}

#[test]
fn a_series_found_here_is_the_one_that_is_found_there() {
    const SERIES: usize = 5_000;
    let registry = Registry::builder().series_limit(SERIES).build().unwrap();
    let family = family(&registry, "found_total");
    // Many more series than a thread remembers, each several times, on two threads.
    let work = || {
        for round in 0..3 {
            for at in 0..SERIES {
                let (a, b) = (format!("a{at}"), format!("b{}", at % 7));
                family.at([&a, &b]).inc();
                assert!(family.with([&a, &b]).value() > round);
            }
        }
    };
    std::thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(work))));
    let snapshot = registry.snapshot();
    let series = snapshot.family("found_total").unwrap();
    assert_eq!(series.series().count(), SERIES);
    assert!(series.series().all(|series| series.value().as_f64() == 6.0));
}

#[test]
fn where_one_value_ends_and_which_family_it_is_matter() {
    let (one, other) = (Registry::new(), Registry::new());
    let families = [
        family(&one, "first_total"),
        family(&one, "second_total"),
        family(&other, "first_total"), // the same name elsewhere
    ];
    let keys = [["ab", "c"], ["a", "bc"], ["abc", ""], ["", "abc"], ["c", "ab"]];
    for _ in 0..3 {
        for (weight, family) in (1..).zip(&families) {
            for (at, key) in (0..).zip(keys) {
                family.at(key).inc_by(weight * 100 + at);
            }
        }
    }
    for (weight, family) in (1..).zip(&families) {
        for (at, key) in (0..).zip(keys) {
            assert_eq!(family.with(key).value(), 3 * (weight * 100 + at), "{key:?}");
        }
    }
}

#[test]
fn a_found_series_may_be_held_while_others_are_looked_up() {
    let registry = Registry::builder().series_limit(10_000).build().unwrap();
    let family = family(&registry, "held_total");
    let held = family.at(["held", ""]);
    for at in 0..5_000 {
        family.at([&at.to_string(), ""]).inc(); // pushes it out of the cache
    }
    held.inc();
    family.at(["held", ""]).inc();
    assert_eq!(family.with(["held", ""]).value(), 2);
}

#[test]
fn what_is_beyond_the_limit_is_counted_at_each_look_up() {
    let registry = Registry::builder().series_limit(2).build().unwrap();
    let family = family(&registry, "limited_total");
    for _ in 0..5 {
        for a in ["1", "2", "3", "4"] {
            family.at([a, ""]).inc();
        }
    }
    let snapshot = registry.snapshot();
    let value = |name, labels: &[&str]| {
        snapshot.family(name).unwrap().get(labels).unwrap().value().as_f64()
    };
    assert_eq!(value("limited_total", &["1", ""]), 5.0);
    assert_eq!(value("limited_total", &["__overflow__", "__overflow__"]), 10.0);
    assert_eq!(value("tmc_engine_overflow_total", &["limited_total"]), 10.0);
}

#[test]
fn a_series_that_a_thread_remembers_is_not_given_to_another_registry() {
    let remembered = Registry::new();
    let old = family(&remembered, "old_total");
    (0..100).for_each(|at| old.at([&at.to_string(), ""]).inc());
    drop((remembered, old));
    // Whatever cells these get, nobody has written to them.
    let registry = Registry::new();
    let new = family(&registry, "new_total");
    (0..500).for_each(|at| assert_eq!(new.at([&at.to_string(), ""]).value(), 0));
}

#[test]
fn look_ups_work_while_the_locals_of_a_thread_are_destroyed() {
    static SEEN: Mutex<Option<(CounterFamily<2>, Counter)>> = Mutex::new(None);
    struct Late;
    impl Drop for Late {
        fn drop(&mut self) {
            let seen = SEEN.lock().unwrap();
            let (family, direct) = seen.as_ref().unwrap();
            family.at(["late", ""]).inc();
            direct.inc();
        }
    }
    thread_local! {
        static FIRST: RefCell<Option<Late>> = const { RefCell::new(None) };
        static LAST: RefCell<Option<Late>> = const { RefCell::new(None) };
    }
    let registry = Registry::new();
    let family = family(&registry, "late_total");
    *SEEN.lock().unwrap() = Some((family.clone(), family.with(["direct", ""])));
    let body = || {
        FIRST.set(Some(Late)); // destroyed after the cache, or before it
        family.at(["late", ""]).inc();
        LAST.set(Some(Late));
    };
    std::thread::scope(|scope| scope.spawn(body).join().unwrap());
    assert_eq!(family.with(["late", ""]).value(), 3);
    assert_eq!(family.with(["direct", ""]).value(), 2);
}
