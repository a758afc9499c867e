//! Gauge histograms: the distribution of what exists now, against a naive model, while threads add
//! and remove, and where sums wrap; limits, removal, retirement and what is wrong.

use proptest::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;
use tmc_engine::{
    GaugeHistogram, HistogramSpec, Kind, ManualClock, RegisterError, Registry, Snapshot, Value,
};

/// Some split a bucket, one is the edge of one.
const BOUNDS: [f64; 4] = [10.0, 255.0, 1000.0, 100_000.0];

fn spec() -> HistogramSpec {
    HistogramSpec::bytes(&BOUNDS)
}

/// Runs `check` on a series of the family `g`; gives its answer.
fn read<T>(
    snapshot: &Snapshot,
    labels: &[&str],
    check: impl FnOnce(&tmc_engine::HistogramSnapshot<'_>) -> T,
) -> Option<T> {
    let Value::GaugeHistogram(read) = snapshot.family("g")?.get(labels)?.value() else {
        panic!("no gauge histogram")
    };
    Some(check(&read))
}

fn count_and_sum(registry: &Registry, labels: &[&str]) -> Option<(u64, f64)> {
    read(&registry.snapshot(), labels, |read| (read.count(), read.sum()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_reading_is_the_distribution_of_what_is_there(
        steps in prop::collection::vec((any::<bool>(), 0_u32..60, any::<u64>()), 1..150),
        digits in 1_u8..=3,
    ) {
        let registry = Registry::new();
        let spec = spec().digits(digits).max(1e15);
        let histogram = registry.gauge_histogram("g", "", &spec).unwrap();
        let mut there: Vec<u64> = Vec::new();
        for (adds, bits, random) in steps {
            if adds || there.is_empty() {
                let value = random >> (63 - bits);
                histogram.add(value as f64);
                there.push(value as f64 as u64);
            } else {
                let at = random as usize % there.len();
                histogram.remove(there.swap_remove(at) as f64);
            }
            if random % 5 > 0 {
                continue;
            }
            let mut sorted = there.clone();
            sorted.sort_unstable();
            let snapshot = registry.snapshot();
            let checked = read(&snapshot, &[], |read| {
                prop_assert_eq!(read.count(), sorted.len() as u64);
                let sum: u64 = sorted.iter().sum();
                prop_assert_eq!(read.sum(), sum as f64);
                for (le, count) in read.cumulative() {
                    let below = sorted.iter().filter(|&&value| value as f64 <= le).count();
                    prop_assert_eq!(count, below as u64, "le {}", le);
                }
                for q in [0.0, 0.3, 0.5, 0.99, 1.0] {
                    let rank = (q * sorted.len() as f64).ceil() as usize;
                    let exact = sorted.get(rank.saturating_sub(1)).map(|&value| value as f64);
                    match (read.quantile(q), exact.map(|exact| exact.min(1e15))) {
                        (None, None) => {}
                        (Some(got), Some(exact)) => {
                            let most = exact * (1.0 + 10_f64.powi(-i32::from(digits)));
                            prop_assert!(exact <= got && got <= most, "{}: {} {}", q, got, exact);
                        }
                        other => prop_assert!(false, "{:?}", other),
                    }
                }
                Ok(())
            });
            checked.unwrap()?;
            prop_assert_eq!(histogram.count(), there.len() as u64);
        }
    }
}

struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

#[test]
fn no_reading_shows_a_removal_without_its_addition() {
    let registry = Registry::new();
    let histogram = registry.gauge_histogram("g", "", &spec()).unwrap();
    // In the head, in a page, and over the range: one stays, others come and go.
    let values = [10.0, 254.0, 1e15];
    values.iter().for_each(|&value| histogram.add(value));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stop = Stop(&done); // when an assertion fails, too
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Relaxed) {
                    let guards = values.map(|value| histogram.track(value));
                    // Removed by another thread than added them.
                    thread::scope(|inner| drop(inner.spawn(move || drop(guards))));
                }
            });
        }
        for _ in 0..300 {
            let snapshot = registry.snapshot();
            read(&snapshot, &[], |read| {
                let counts = read.cumulative();
                assert!(counts[0].1 >= 1, "{counts:?}");
                assert!(counts[1].1 > counts[0].1, "{counts:?}");
                assert!(counts[4].1 > counts[1].1, "{counts:?}");
                assert!(read.sum() >= 1e15 + 264.0, "{counts:?} {}", read.sum());
            });
            assert!(histogram.count() >= 3);
        }
    });
    assert_eq!(count_and_sum(&registry, &[]), Some((3, 1e15 + 264.0)));
}

#[test]
fn sums_are_right_when_what_came_and_what_went_have_wrapped() {
    let registry = Registry::new();
    let huge = 4e18; // five of them are more than 2^64
    for (name, spec) in [("in_pages", spec().max(4.5e18)), ("in_heads", spec())] {
        let histogram = registry.gauge_histogram(name, "", &spec).unwrap();
        histogram.add(100.0);
        histogram.add(10.0);
        for _ in 0..20 {
            for value in [huge, 1.6e18] {
                histogram.add(value);
                histogram.remove(value);
            }
        }
        histogram.remove(10.0);
        let snapshot = registry.snapshot();
        let value = snapshot.family(name).unwrap().get(&[]).unwrap().value();
        let Value::GaugeHistogram(read) = value else { panic!("{value:?}") };
        assert_eq!((read.count(), read.sum()), (1, 100.0), "{name}");
        assert!(read.max().unwrap() < 102.0);
    }
}

#[test]
fn infinite_values_come_and_go() {
    let registry = Registry::new();
    let histogram = registry.gauge_histogram("g", "", &HistogramSpec::seconds(&[1.0])).unwrap();
    histogram.add(0.5);
    let guard = histogram.track(f64::INFINITY);
    assert_eq!(count_and_sum(&registry, &[]), Some((2, f64::INFINITY)));
    drop(guard);
    assert_eq!(count_and_sum(&registry, &[]), Some((1, 0.5)));
    histogram.add(1e300); // finite, but nothing that could be summed in nanoseconds
    assert_eq!(count_and_sum(&registry, &[]), Some((2, f64::INFINITY)));
    histogram.remove(1e300);
    assert_eq!(count_and_sum(&registry, &[]), Some((1, 0.5)));
    drop(histogram.track(f64::NAN));
    drop(histogram.track(-1.0));
    histogram.remove(-1.0);
    assert_eq!(count_and_sum(&registry, &[]), Some((1, 0.5)));
    let snapshot = registry.snapshot();
    let refused = snapshot.family("tmc_engine_refused_total").unwrap();
    let of = |reason| refused.get(&["g", reason]).unwrap().value().as_f64();
    assert_eq!([of("nan"), of("negative")], [1.0, 2.0]);
}

#[test]
fn what_was_never_added_takes_nothing_below_zero() {
    let registry = Registry::new();
    let histogram = registry.gauge_histogram("g", "", &spec()).unwrap();
    histogram.remove(5.0);
    histogram.remove(1e9);
    assert_eq!(count_and_sum(&registry, &[]), Some((0, 0.0)));
    histogram.add(300.0);
    assert_eq!(count_and_sum(&registry, &[]).unwrap().0, 1, "other buckets are not touched");
}

#[test]
fn beyond_the_limit_it_is_refused_and_counted() {
    let registry = Registry::builder().series_limit(1).build().unwrap();
    let family = registry.gauge_histogram_family("g", "", ["at"], &spec()).unwrap();
    family.with(["a"]).add(1.0);
    let beyond = family.with(["b"]);
    beyond.add(1.0);
    beyond.remove(1.0);
    beyond.add(300.0);
    assert_eq!(count_and_sum(&registry, &["a"]), Some((1, 1.0)));
    let snapshot = registry.snapshot();
    assert_eq!(snapshot.family("g").unwrap().series().count(), 1, "no overflow series");
    let overflow = snapshot.family("tmc_engine_overflow_total").unwrap();
    assert_eq!(overflow.get(&["g"]).unwrap().value().as_f64(), 1.0);
    assert_eq!(beyond.count(), 0);
}

#[test]
fn a_removed_series_is_gone_and_its_guards_are_safe() {
    let registry = Registry::new();
    let family = registry.gauge_histogram_family("g", "", ["at"], &spec()).unwrap();
    let handle: GaugeHistogram = family.with(["a"]);
    let guard = handle.track(300.0);
    assert!(family.remove(["a"]));
    family.with(["a"]).add(7.0);
    drop((guard, handle));
    family.with(["b"]).add(1e15); // perhaps in the cells that were given back
    assert_eq!(count_and_sum(&registry, &["a"]), Some((1, 7.0)));
    assert_eq!(count_and_sum(&registry, &["b"]), Some((1, 1e15)));
}

#[test]
fn coming_and_going_keeps_a_series_from_retiring() {
    let clock = ManualClock::new();
    let builder = Registry::builder().clock(clock.clone());
    let registry = builder.retention_period(Duration::from_secs(100)).build().unwrap();
    let family = registry.gauge_histogram_family("g", "", ["at"], &spec()).unwrap();
    for at in ["idle", "busy"] {
        family.with([at]).add(1.0);
    }
    let _ = registry.snapshot();
    clock.advance(Duration::from_secs(50));
    family.with(["busy"]).add(5.0);
    family.with(["busy"]).remove(5.0);
    for wait in [10, 50, 45] {
        clock.advance(Duration::from_secs(wait));
        let _ = registry.snapshot();
    }
    assert_eq!(count_and_sum(&registry, &["busy"]), Some((1, 1.0)));
    assert_eq!(count_and_sum(&registry, &["idle"]), None);
}

#[test]
fn names_labels_and_kind() {
    let registry = Registry::new();
    registry.gauge_histogram("g", "", &spec()).unwrap();
    assert_eq!(registry.snapshot().family("g").unwrap().kind(), Kind::GaugeHistogram);
    for taken in ["g_bucket", "g_gcount", "g_gsum"] {
        let clash = registry.gauge(taken, "").unwrap_err();
        assert!(matches!(clash, RegisterError::SampleClash { .. }), "{clash}");
    }
    registry.gauge("g_created", "").unwrap();
    let label = registry.gauge_histogram_family("h", "", ["le"], &spec()).unwrap_err();
    assert!(label.to_string().contains("adds `le` itself"), "{label}");
    let clash = registry.histogram("g", "", &spec()).unwrap_err();
    assert!(clash.to_string().contains("registered as a gauge histogram already"), "{clash}");
}
