//! Exemplars: where they are kept, which are valid, how often one is taken, and what a snapshot shows.

use proptest::prelude::*;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, SystemTime};
use tmc_engine::{
    Clock, Counter, FloatCounter, Histogram, HistogramSpec, ManualClock, Registry, Snapshot,
};

const TRACE: &[(&str, &str)] = &[("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736")];

fn registry() -> (Registry, ManualClock) {
    let clock = ManualClock::new();
    (Registry::builder().clock(clock.clone()).build().unwrap(), clock)
}

fn wall(clock: &ManualClock) -> SystemTime {
    Clock::from(clock.clone()).wall()
}

fn counter(registry: &Registry) -> Counter {
    registry.counter("c_total", "").unwrap()
}

fn float(registry: &Registry) -> FloatCounter {
    registry.float_counter("f_total", "").unwrap()
}

fn histogram(registry: &Registry, bounds: &[f64]) -> Histogram {
    registry.histogram("h_seconds", "", &HistogramSpec::seconds(bounds)).unwrap()
}

/// An exemplar, owned.
type Read = (Vec<(String, String)>, f64, SystemTime);

fn owned(exemplar: tmc_engine::ExemplarSnapshot<'_>) -> Read {
    let labels = exemplar.labels().map(|(name, value)| (name.to_owned(), value.to_owned()));
    (labels.collect(), exemplar.value(), exemplar.timestamp())
}

fn of_counter(snapshot: &Snapshot, family: &str, labels: &[&str]) -> Option<Read> {
    snapshot.family(family).unwrap().get(labels).unwrap().exemplar().map(owned)
}

fn of_histogram(snapshot: &Snapshot) -> Vec<(f64, Read)> {
    let series = snapshot.family("h_seconds").unwrap().get(&[]).unwrap();
    assert!(series.exemplar().is_none(), "those of a histogram are its buckets'");
    let value = series.value();
    value.histogram().unwrap().exemplars().map(|(le, read)| (le, owned(read))).collect()
}

/// The first label's value of a counter's exemplar.
fn first(registry: &Registry) -> Option<String> {
    let (labels, _, _) = of_counter(&registry.snapshot(), "c_total", &[])?;
    Some(labels.first()?.1.clone())
}

fn refused(registry: &Registry, family: &str) -> Option<f64> {
    let snapshot = registry.snapshot();
    let refused = snapshot.family("tmc_engine_refused_total")?.get(&[family, "exemplar"])?;
    Some(refused.value().as_f64())
}

#[test]
fn a_counter_shows_labels_amount_and_time_of_a_record() {
    let (registry, clock) = registry();
    let counter = counter(&registry);
    counter.inc();
    assert_eq!(of_counter(&registry.snapshot(), "c_total", &[]), None);
    clock.advance(Duration::from_secs(100));
    let labels = [("trace_id", "4bf9"), ("span_id", ""), ("who", "Zoë 🦀")];
    counter.inc_by_with(3, &labels);
    let expected = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let expected = Some((expected, 3.0, wall(&clock)));
    clock.advance(Duration::from_secs(100));
    let snapshot = registry.snapshot();
    assert_eq!(of_counter(&snapshot, "c_total", &[]), expected);
    assert_eq!(snapshot.family("c_total").unwrap().get(&[]).unwrap().value().as_f64(), 4.0);
    // A snapshot keeps what it has.
    counter.inc_with(&[]);
    assert_eq!(of_counter(&snapshot, "c_total", &[]), expected);
    let latest = Some((Vec::new(), 1.0, wall(&clock)));
    assert_eq!(of_counter(&registry.snapshot(), "c_total", &[]), latest);
    counter.local().inc_by_with(5, TRACE);
    assert_eq!(counter.value(), 10);
}

#[test]
fn refused_amounts_have_no_exemplars() {
    let (registry, _) = registry();
    let (float, histogram) = (float(&registry), histogram(&registry, &[1.0]));
    for value in [f64::NAN, -1.0] {
        float.inc_by_with(value, TRACE);
        float.local().inc_by_with(value, TRACE);
        histogram.observe_with(value, TRACE);
        histogram.local().observe_with(value, TRACE);
    }
    assert_eq!(of_counter(&registry.snapshot(), "f_total", &[]), None);
    assert_eq!(of_histogram(&registry.snapshot()), []);
    float.local().inc_by_with(0.5, TRACE);
    assert_eq!(of_counter(&registry.snapshot(), "f_total", &[]).unwrap().1, 0.5);
    let sizes = registry.histogram("h_bytes", "", &HistogramSpec::bytes(&[1.0])).unwrap();
    sizes.observe_duration_with(Duration::from_secs(1), TRACE);
    let snapshot = registry.snapshot();
    let value = snapshot.family("h_bytes").unwrap().get(&[]).unwrap().value();
    assert_eq!(value.histogram().unwrap().exemplars().count(), 0);
}

#[test]
fn each_bucket_has_its_own() {
    let (registry, clock) = registry();
    let histogram = histogram(&registry, &[0.1, 0.5, 2.0]);
    let at = wall(&clock);
    let local = histogram.local();
    histogram.observe_with(0.1, &[("t", "boundary")]);
    local.observe_duration_with(Duration::from_millis(700), &[("t", "inside")]);
    local.observe_with(0.8, &[("t", "too early")]);
    histogram.observe_with(f64::INFINITY, &[("t", "infinite")]);
    let read = |label: &str, value| (vec![("t".to_owned(), label.to_owned())], value, at);
    let expected = [
        (0.1, read("boundary", 0.1)),
        (2.0, read("inside", 0.7)),
        (f64::INFINITY, read("infinite", f64::INFINITY)),
    ];
    assert_eq!(of_histogram(&registry.snapshot()), expected);
    assert_eq!(histogram.count(), 4);
}

#[test]
fn one_per_interval_is_taken_and_the_last_one_stays() {
    let (registry, clock) = registry();
    let counter = counter(&registry);
    counter.inc_with(&[("t", "a")]);
    clock.advance(Duration::from_millis(999));
    counter.inc_with(&[("t", "b")]);
    assert_eq!(first(&registry).unwrap(), "a");
    clock.advance(Duration::from_millis(1));
    counter.inc_with(&[("t", "c")]);
    counter.inc_with(&[("t", "d")]);
    assert_eq!(first(&registry).unwrap(), "c");
    clock.advance(Duration::from_secs(3600));
    assert_eq!(first(&registry).unwrap(), "c");
    assert_eq!(counter.value(), 4);
}

#[test]
fn the_interval_is_the_registrys() {
    let clock = ManualClock::new();
    for (seconds, expected) in [(0, "c"), (5, "b"), (7, "a")] {
        let interval = Duration::from_secs(seconds);
        let builder = Registry::builder().clock(clock.clone()).exemplar_interval(interval);
        let registry = builder.build().unwrap();
        let counter = counter(&registry);
        counter.inc_with(&[("t", "a")]);
        clock.advance(Duration::from_secs(5));
        counter.inc_with(&[("t", "b")]);
        counter.inc_with(&[("t", "c")]);
        assert_eq!(first(&registry).unwrap(), expected, "{seconds} s");
    }
}

#[test]
fn an_invalid_one_is_counted_and_does_not_take_the_turn_of_a_valid_one() {
    let (registry, _) = registry();
    let counter = counter(&registry);
    assert_eq!(refused(&registry, "c_total"), None, "nothing is there before it is needed");
    let long = "x".repeat(129 - "t".len());
    let huge = "🦀".repeat(1 << 16);
    let repeated = [("t", "1"), ("u", "2"), ("t", "3")];
    let invalid: [&[(&str, &str)]; 10] = [
        &[("", "x")],
        &[("_t", "x")],
        &[("1t", "x")],
        &[("a:b", "x")],
        &[("é", "x")],
        &[("t", "a\\b")],
        &[("t", "a\"b")],
        &[("t", "a\nb")],
        &[("t", &long)],
        &[("t", &huge)],
    ];
    for (at, exemplar) in invalid.into_iter().chain([&repeated[..]]).enumerate() {
        counter.inc_with(exemplar);
        assert_eq!(refused(&registry, "c_total"), Some(at as f64 + 1.0), "{exemplar:?}");
    }
    assert_eq!(of_counter(&registry.snapshot(), "c_total", &[]), None);
    counter.inc_with(&[("t", "ok")]);
    assert_eq!(first(&registry).unwrap(), "ok");
    // Not even looked at: its turn has not come.
    counter.inc_with(invalid[0]);
    assert_eq!((refused(&registry, "c_total"), counter.value()), (Some(11.0), 13));

    let histogram = histogram(&registry, &[]);
    histogram.observe_with(1.0, invalid[0]);
    assert_eq!((refused(&registry, "h_seconds"), histogram.count()), (Some(1.0), 1));
}

#[test]
fn series_come_and_go_with_their_exemplars() {
    let (registry, _) = registry();
    let family = registry.counter_family("c_total", "", ["code"]).unwrap();
    let codes: Vec<_> = (0..200).map(|code| code.to_string()).collect();
    for code in &codes {
        family.at([code]).inc_with(&[("code", code)]);
    }
    for removed in [0, 5, 64, 131] {
        assert!(family.remove([&codes[removed]]));
    }
    family.at([&codes[5]]).inc();
    let snapshot = registry.snapshot();
    let mut seen = HashSet::new();
    for series in snapshot.family("c_total").unwrap().series() {
        let code = series.label_values().next().unwrap();
        let label = series.exemplar().map(|exemplar| exemplar.labels().next().unwrap().1);
        assert_eq!(label, (code != "5").then_some(code));
        seen.insert(code);
    }
    assert_eq!(seen.len(), 197);
}

#[test]
fn an_overflow_series_has_one_and_a_hidden_one_has_none() {
    let registry = Registry::builder().series_limit(1).build().unwrap();
    let family = registry.counter_family("c_total", "", ["code"]).unwrap();
    family.with(["a"]).inc();
    family.with(["b"]).inc_with(&[("t", "b")]);
    let snapshot = registry.snapshot();
    let (labels, _, _) = of_counter(&snapshot, "c_total", &["__overflow__"]).unwrap();
    assert_eq!(labels[0].1, "b");
    let gone = family.with(["a"]);
    drop(registry);
    gone.inc_with(TRACE);
}

/// Threads record and snapshots read at once: no exemplar is torn, all records count.
#[test]
fn exemplars_are_whole_whoever_records_and_reads() {
    const THREADS: u64 = 4;
    const ROUNDS: u64 = 2000;
    let registry = Registry::builder().exemplar_interval(Duration::ZERO).build().unwrap();
    let histogram = histogram(&registry, &[1.0, 2.0]);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let histogram = &histogram;
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        let seconds = thread * ROUNDS + round;
                        let text = seconds.to_string();
                        let again = text.repeat(1 + (seconds % 4) as usize);
                        histogram.observe_with(seconds as f64, &[("s", &text), ("again", &again)]);
                    }
                })
            })
            .collect();
        let reader = scope.spawn(|| {
            let mut seen = 0;
            while !done.load(Relaxed) {
                for (le, (labels, value, _)) in of_histogram(&registry.snapshot()) {
                    let text = value.to_string();
                    let times = 1 + (value as u64 % 4) as usize;
                    assert_eq!(labels[0].1, text);
                    assert_eq!(labels[1].1, text.repeat(times));
                    assert!(value <= le);
                    seen += 1;
                }
            }
            seen
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        done.store(true, Relaxed);
        reader.join().unwrap();
    });
    assert_eq!(histogram.count(), THREADS * ROUNDS);
    assert_eq!(of_histogram(&registry.snapshot()).len(), 3);
}

/// The rules again, one after the other.
fn is_valid(labels: &[(String, String)]) -> bool {
    let len: usize = labels.iter().map(|(n, v)| n.chars().count() + v.chars().count()).sum();
    let names: HashSet<_> = labels.iter().map(|(name, _)| name).collect();
    let name = |name: &str| {
        let letter = name.starts_with(|c: char| c.is_ascii_alphabetic());
        letter && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    len <= 128
        && names.len() == labels.len()
        && labels.iter().all(|(n, v)| name(n) && !v.contains(['\\', '"', '\n']))
}

fn labels() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = prop_oneof![9 => "[a-z][a-z0-9_]{0,7}", 1 => ".{0,3}"];
    let value = prop_oneof![
        6 => "[a-z0-9é🦀 ]{0,40}",
        2 => "[🦀é]{30,128}",
        1 => ".{0,10}",
        1 => "[\\\\\"\n]{0,1}[a-z]{0,3}",
    ];
    prop::collection::vec((name, value), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_valid_is_kept_as_it_was_and_the_rest_is_counted(labels in labels()) {
        let (registry, _) = registry();
        let counter = counter(&registry);
        let borrowed: Vec<_> = labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        counter.inc_with(&borrowed);
        let read = of_counter(&registry.snapshot(), "c_total", &[]);
        let valid = is_valid(&labels);
        prop_assert_eq!(refused(&registry, "c_total"), (!valid).then_some(1.0));
        prop_assert_eq!(read.map(|read| read.0), valid.then_some(labels));
        prop_assert_eq!(counter.value(), 1);
    }

    #[test]
    fn a_hundred_and_twenty_eight_code_points_are_the_limit(
        name in "[a-z]{1,20}", other in "[A-Z]{1,20}", wide in prop::bool::ANY, split in 0..=88_usize
    ) {
        let (registry, _) = registry();
        let counter = counter(&registry);
        let character = if wide { "🦀" } else { "x" };
        let left = 128 - name.len() - other.len();
        let (a, b) = (character.repeat(split.min(left)), character.repeat(left - split.min(left)));
        let more = format!("{b}y");
        counter.inc_with(&[(&name, &a), (&other, &more)]);
        prop_assert_eq!(refused(&registry, "c_total"), Some(1.0));
        counter.inc_with(&[(&name, &a), (&other, &b)]);
        prop_assert_eq!(refused(&registry, "c_total"), Some(1.0));
        let (labels, _, _) = of_counter(&registry.snapshot(), "c_total", &[]).unwrap();
        prop_assert_eq!(labels, vec![(name, a), (other, b)]);
    }

    /// R56: at or below the boundary, above the one before, and in the bucket that counted it.
    #[test]
    fn an_exemplars_value_lies_in_the_bucket_that_counted_it(
        mut bounds in prop::collection::vec(
            prop_oneof![1e-10..1e-8_f64, 1e-4..10.0_f64, (1..50_u32).prop_map(|n| f64::from(n) / 10.0)],
            0..6,
        ),
        values in prop::collection::vec(
            prop_oneof![0.0..2e-8_f64, 0.0..12.0_f64, (0..60_u32).prop_map(|n| f64::from(n) / 10.0), 1e3..1e300_f64],
            1..20,
        ),
        at_bounds in prop::bool::ANY,
    ) {
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        let (registry, _) = registry();
        let Ok(histogram) = registry.histogram("h_seconds", "", &HistogramSpec::seconds(&bounds)) else {
            return Ok(()); // boundaries closer than a nanosecond
        };
        let values = if at_bounds { bounds.clone() } else { values };
        let mut before: Vec<u64> = vec![0; bounds.len() + 1];
        for value in values {
            let known = of_histogram(&registry.snapshot()).len();
            histogram.observe_with(value, TRACE);
            let snapshot = registry.snapshot();
            let series = snapshot.family("h_seconds").unwrap().get(&[]).unwrap().value();
            let read = series.histogram().unwrap();
            let counts: Vec<_> = read.cumulative().into_iter().map(|(_, count)| count).collect();
            let counted = counts.iter().zip(&before).position(|(now, then)| now > then).unwrap();
            let exemplars = of_histogram(&snapshot);
            let le = bounds.get(counted).copied().unwrap_or(f64::INFINITY);
            prop_assert!(exemplars.iter().any(|(of, _)| *of == le), "{value} was counted at {le}");
            prop_assert!(exemplars.len() - known <= 1);
            for (le, (_, value, _)) in exemplars {
                let at = bounds.iter().position(|bound| *bound == le).unwrap_or(bounds.len());
                let below = at.checked_sub(1).map_or(-1.0, |at| bounds[at]);
                prop_assert!(value <= le && value > below, "{below} < {value} <= {le}");
            }
            before = counts;
        }
    }
}
