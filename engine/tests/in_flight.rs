//! In-flight ages: the oldest operation that still runs, across threads, scrapes, removal, retirement
//! and the limits of series and of operations.

use proptest::prelude::*;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;
use tmc_engine::{InFlightAge, Kind, ManualClock, Registry, Snapshot};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn registry() -> (Registry, ManualClock) {
    let clock = ManualClock::new();
    (Registry::builder().clock(clock.clone()).build().unwrap(), clock)
}

/// Age and number of operations in a reading of a series.
fn read(snapshot: &Snapshot, family: &str, labels: &[&str]) -> Option<(f64, u64)> {
    let series = snapshot.family(family)?.get(labels)?;
    Some((series.value().as_f64(), series.running().unwrap()))
}

fn refused(registry: &Registry, family: &str) -> Option<f64> {
    let snapshot = registry.snapshot();
    let refused = snapshot.family("tmc_engine_refused_total")?.get(&[family, "in_flight"])?;
    Some(refused.value().as_f64())
}

#[test]
fn the_oldest_that_still_runs_counts() {
    let (registry, clock) = registry();
    let age = registry.in_flight_age("oldest_seconds", "").unwrap();
    let now = || read(&registry.snapshot(), "oldest_seconds", &[]);
    assert_eq!(now(), Some((0.0, 0)));
    let first = age.start();
    assert_eq!(now(), Some((0.0, 1)));
    clock.advance(seconds(3));
    let second = age.start();
    clock.advance(Duration::from_millis(500));
    assert_eq!(now(), Some((3.5, 2)));
    assert_eq!((age.oldest(), age.running()), (Duration::from_millis(3500), 2));
    drop(first);
    assert_eq!(now(), Some((0.5, 1)));
    drop(second);
    clock.advance(seconds(9));
    assert_eq!(now(), Some((0.0, 0)));
    assert_eq!((age.oldest(), age.running()), (Duration::ZERO, 0));
    assert_eq!(registry.snapshot().family("oldest_seconds").unwrap().kind(), Kind::InFlightAge);
}

#[test]
fn an_operation_may_end_on_another_thread_and_after_everything_else_is_gone() {
    let (registry, clock) = registry();
    let age = registry.in_flight_age("oldest_seconds", "").unwrap();
    let elsewhere = age.start();
    let last = age.start();
    clock.advance(seconds(2));
    thread::spawn(move || drop(elsewhere)).join().unwrap();
    assert_eq!(read(&registry.snapshot(), "oldest_seconds", &[]), Some((2.0, 1)));
    drop((age, registry));
    drop(last);
}

#[test]
fn the_real_clock_goes_on() {
    let registry = Registry::new();
    let age = registry.in_flight_age("oldest_seconds", "").unwrap();
    let operation = age.start();
    let first = age.oldest();
    while age.oldest() == first {
        std::hint::spin_loop();
    }
    assert!(age.oldest() > first);
    drop(operation);
    assert_eq!(age.oldest(), Duration::ZERO);
}

/// What `Starts` allows: 64 chunks of 64.
const MOST: usize = 4096;

#[test]
fn beyond_the_limit_operations_are_counted_as_refused_and_there_is_room_again_later() {
    let (registry, clock) = registry();
    let age = registry.in_flight_age("oldest_seconds", "").unwrap();
    assert_eq!(refused(&registry, "oldest_seconds"), Some(0.0), "exposed before the first");
    let mut running: Vec<_> = (0..MOST).map(|_| age.start()).collect();
    assert_eq!(refused(&registry, "oldest_seconds"), Some(0.0));
    let beyond = age.start();
    assert_eq!(refused(&registry, "oldest_seconds"), Some(1.0));
    drop(beyond);
    clock.advance(seconds(1));
    assert_eq!(read(&registry.snapshot(), "oldest_seconds", &[]), Some((1.0, MOST as u64)));
    drop(running.swap_remove(MOST / 2));
    running.push(age.start());
    assert_eq!(refused(&registry, "oldest_seconds"), Some(1.0));
    assert_eq!(age.running(), MOST as u64);
    drop(running);
    assert_eq!(age.running(), 0);
}

#[test]
fn a_series_that_takes_over_slots_shows_nothing_of_what_still_runs_in_them() {
    let (registry, clock) = registry();
    let family = registry.in_flight_age_family("oldest_seconds", "", ["shard"]).unwrap();
    for round in 0..20 {
        let old = family.with(["a"]);
        let mut running: Vec<_> = (0..100).map(|_| old.start()).collect();
        clock.advance(seconds(5));
        let outlives = running.pop();
        drop(running);
        assert!(family.remove(["a"]));
        drop(old);
        let new = family.with(["a"]);
        let begun: Vec<_> = (0..100).map(|_| new.start()).collect();
        clock.advance(seconds(1));
        assert_eq!(read(&registry.snapshot(), "oldest_seconds", &["a"]), Some((1.0, 100)));
        drop(outlives);
        assert_eq!(new.running(), 100, "round {round}: the old operation ended in a new slot");
        drop(begun);
        assert_eq!(new.running(), 0);
        family.clear();
    }
}

#[test]
fn a_removed_series_may_still_be_used_and_returns_empty() {
    let (registry, clock) = registry();
    let family = registry.in_flight_age_family("oldest_seconds", "", ["cluster"]).unwrap();
    let scope = registry.scope(&[("cluster", "eu")]);
    let operation = family.at(["eu"]).start();
    let handle = family.with(["eu"]);
    drop(scope);
    let more = handle.start();
    clock.advance(seconds(4));
    assert_eq!(handle.running(), 2);
    assert!(read(&registry.snapshot(), "oldest_seconds", &["eu"]).is_none());
    assert_eq!(family.at(["eu"]).running(), 0);
    drop((operation, more));
    assert_eq!(handle.running(), 0);
}

#[test]
fn a_series_retires_when_nothing_ran_for_long_and_not_while_something_runs() {
    let clock = ManualClock::new();
    let builder = Registry::builder().clock(clock.clone()).retention_period(seconds(10));
    let registry = builder.build().unwrap();
    let family = registry.in_flight_age_family("oldest_seconds", "", ["shard"]).unwrap();
    let hangs = family.with(["hangs"]).start();
    drop((family.with(["over"]).start(), family.with(["busy"]).start()));
    for round in 1..=8 {
        if round % 3 == 0 {
            drop(family.with(["busy"]).start()); // ended before each reading
        }
        clock.advance(seconds(5));
        let snapshot = registry.snapshot();
        let read = |label| read(&snapshot, "oldest_seconds", &[label]);
        assert_eq!(read("hangs"), Some((5.0 * f64::from(round), 1)));
        assert_eq!(read("busy"), Some((0.0, 0)));
        // Seen to be used by the first reading, idle for 10 s in the third, gone after the fourth.
        assert_eq!(read("over").is_some(), round <= 4, "round {round}");
    }
    drop(hangs);
    for round in 1..=4 {
        clock.advance(seconds(5));
        let there = read(&registry.snapshot(), "oldest_seconds", &["hangs"]).is_some();
        assert_eq!(there, round <= 3, "round {round}");
    }
}

#[test]
fn beyond_the_limit_of_series_nothing_is_tracked() {
    let registry = Registry::builder().series_limit(1).build().unwrap();
    let family = registry.in_flight_age_family("oldest_seconds", "", ["shard"]).unwrap();
    let _first = family.with(["a"]).start();
    let beyond = family.with(["b"]);
    let _second = beyond.start();
    assert_eq!(beyond.running(), 0);
    let snapshot = registry.snapshot();
    assert_eq!(snapshot.family("oldest_seconds").unwrap().series().count(), 1);
    assert_eq!(read(&snapshot, "oldest_seconds", &["a"]).unwrap().1, 1);
}

#[test]
fn threads_that_start_and_end_while_others_read_lose_nothing() {
    const THREADS: usize = 8;
    const ROUNDS: usize = 300;
    let (registry, clock) = registry();
    let age = registry.in_flight_age("oldest_seconds", "").unwrap();
    clock.advance(seconds(1));
    let oldest = age.start();
    clock.advance(seconds(7));
    let barrier = Barrier::new(THREADS + 1);
    let work = |age: &InFlightAge, seed: usize| {
        barrier.wait();
        let mut running = Vec::new();
        for round in 0..ROUNDS {
            running.extend((0..=(round * seed) % 37).map(|_| age.start()));
            running.drain(..running.len() / 2);
        }
        barrier.wait(); // all have started all
        let left = running.len() as u64;
        barrier.wait(); // and the count is taken
        left
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|seed| {
                let (age, work) = (age.clone(), &work);
                scope.spawn(move || work(&age, seed + 1))
            })
            .collect();
        barrier.wait();
        // Looked at in the end: a failure in between would leave the threads waiting.
        let reading = |_| read(&registry.snapshot(), "oldest_seconds", &[]).unwrap();
        let readings: Vec<_> = (0..50).map(reading).collect();
        barrier.wait();
        let counted = age.running();
        barrier.wait();
        let left: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(counted, left + 1);
        for (seen, running) in readings {
            assert_eq!(seen, 7.0, "an operation that runs all the time was not seen");
            assert!(running >= 1);
        }
    });
    assert_eq!(age.running(), 1);
    drop(oldest);
    assert_eq!(age.running(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Against a list of start times.
    #[test]
    fn any_order_of_starts_and_ends_reads_as_a_list_would(
        steps in prop::collection::vec((0..4_u8, any::<prop::sample::Index>(), 0..5000_u64), 1..300)
    ) {
        let (registry, clock) = registry();
        let age = registry.in_flight_age("oldest_seconds", "").unwrap();
        let (mut now, mut list) = (0, Vec::new());
        for (step, index, by) in steps {
            match step {
                0 | 1 => list.push((now, age.start())),
                2 if !list.is_empty() => drop(list.swap_remove(index.index(list.len()))),
                _ => {
                    clock.advance(Duration::from_millis(by));
                    now += by;
                }
            }
            let oldest = list.iter().map(|(start, _)| now - start).max().unwrap_or(0);
            prop_assert_eq!(age.oldest(), Duration::from_millis(oldest));
            prop_assert_eq!(age.running(), list.len() as u64);
        }
    }
}
