//! Summaries: quantiles over a window that readings cut, against a naive model; sum and count since
//! the beginning; what is beyond the limit, removed, or wrong.

use proptest::prelude::*;
use std::time::Duration;
use tmc_engine::{
    HistogramSpec, Kind, ManualClock, RegisterError, Registry, Snapshot, Summary, SummarySpec,
    Value,
};

const QUANTILES: [f64; 5] = [0.0, 0.5, 0.9, 0.99, 1.0];

fn registry() -> (Registry, ManualClock) {
    let clock = ManualClock::new();
    (Registry::builder().clock(clock.clone()).build().unwrap(), clock)
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A window of a minute in five slices.
fn minute() -> SummarySpec {
    SummarySpec::plain(&QUANTILES).window(seconds(60)).slices(5)
}

/// Count, sum and quantiles of a reading.
fn read(snapshot: &Snapshot, labels: &[&str]) -> Option<(u64, f64, Vec<f64>)> {
    let Value::Summary(summary) = snapshot.family("s")?.get(labels)?.value() else {
        panic!("no summary")
    };
    assert!(summary.quantiles().map(|(q, _)| q).eq(snapshot.family("s")?.quantiles()));
    let quantiles = summary.quantiles().map(|(_, value)| value).collect();
    Some((summary.count(), summary.sum(), quantiles))
}

/// Whether `got` is the exact quantile of the sorted values, or at most one part in 10^digits above.
fn near(got: f64, sorted: &[u64], q: f64, digits: i32) -> bool {
    let Some(last) = sorted.len().checked_sub(1) else { return got.is_nan() };
    let rank = (q * sorted.len() as f64).ceil() as usize;
    let exact = sorted[rank.saturating_sub(1).min(last)] as f64;
    exact <= got && got <= exact * (1.0 + 10_f64.powi(-digits))
}

#[derive(Clone, Debug)]
enum Step {
    Record(u64),
    Wait(u64),
    Read,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0_u32..40, any::<u64>()).prop_map(|(bits, value)| Step::Record(value >> (63 - bits))),
        3 => (0_u64..40).prop_map(Step::Wait),
        3 => Just(Step::Read),
    ];
    prop::collection::vec(step, 1..120)
}

proptest! {
    #[test]
    fn quantiles_are_those_of_the_documented_window(
        steps in steps(),
        digits in 1_u8..=3,
        slices in 1_u32..8,
        window in 1_u64..100,
    ) {
        let (registry, clock) = registry();
        let spec = SummarySpec::plain(&QUANTILES).digits(digits).slices(slices);
        let summary = registry.summary("s", "", &spec.window(seconds(window))).unwrap();
        let (mut now, mut all) = (seconds(0), Vec::new());
        // Readings that are kept: when, and how many observations were before. None are forgotten.
        let mut kept: Vec<(Duration, usize)> = Vec::new();
        for step in steps {
            match step {
                Step::Record(value) => {
                    summary.record(value);
                    all.push(value);
                }
                Step::Wait(time) => {
                    clock.advance(seconds(time));
                    now += seconds(time);
                }
                Step::Read => {
                    let old = kept.iter().rev().find(|(at, _)| now - *at >= seconds(window));
                    let mut within = all[old.map_or(0, |&(_, before)| before)..].to_vec();
                    within.sort_unstable();
                    let (count, sum, quantiles) = read(&registry.snapshot(), &[]).unwrap();
                    prop_assert_eq!(count, all.len() as u64);
                    prop_assert_eq!(sum, all.iter().sum::<u64>() as f64);
                    for (got, q) in quantiles.into_iter().zip(QUANTILES) {
                        let good = near(got, &within, q, digits.into());
                        prop_assert!(good, "{q}: {got} of {within:?}");
                    }
                    if kept.last().is_none_or(|(at, _)| now - *at >= seconds(window) / slices) {
                        kept.push((now, all.len()));
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_older_than_the_window_and_a_slice_is_forgotten() {
    let (registry, clock) = registry();
    let summary = registry.summary("s", "", &minute()).unwrap();
    let median = || read(&registry.snapshot(), &[]).unwrap().2[1];
    assert!(median().is_nan(), "nothing observed yet");
    summary.record(100);
    for slice in 0..=5 {
        assert_eq!(median(), 100.0, "after {} s", 12 * slice);
        clock.advance(seconds(12));
    }
    assert!(median().is_nan(), "after 72 s");
    summary.record(7);
    assert_eq!(median(), 7.0);
    let (count, sum, _) = read(&registry.snapshot(), &[]).unwrap();
    assert_eq!((count, sum), (2, 107.0), "since the beginning");
}

#[test]
fn where_readings_are_rare_the_window_reaches_back_to_the_one_before() {
    let (registry, clock) = registry();
    let summary = registry.summary("s", "", &minute()).unwrap();
    let top = || read(&registry.snapshot(), &[]).unwrap().2[4];
    for value in [1, 50, 3] {
        summary.record(value);
        clock.advance(seconds(1000));
        assert_eq!(top(), value as f64);
    }
    assert_eq!(
        read(&registry.snapshot(), &[]).unwrap().2[4],
        3.0,
        "the same as long as no time goes"
    );
    clock.advance(seconds(60));
    assert!(top().is_nan());
}

#[test]
fn it_records_as_a_histogram_does() {
    let (registry, _) = registry();
    let spec = SummarySpec::seconds(&[1.0]).max(10.0);
    let summary: Summary = registry.summary("s", "", &spec).unwrap();
    summary.warm();
    summary.observe(0.25);
    summary.observe_duration(Duration::from_millis(500));
    summary.record(1_000_000_000);
    summary.local().observe(0.75);
    for refused in [-1.0, f64::NAN] {
        summary.observe(refused);
    }
    assert_eq!((summary.count(), summary.sum()), (4, 2.5));
    let snapshot = registry.snapshot();
    assert_eq!(read(&snapshot, &[]), Some((4, 2.5, vec![1.0])));
    assert_eq!(snapshot.family("s").unwrap().kind(), Kind::Summary);
    let refused = snapshot.family("tmc_engine_refused_total").unwrap();
    for reason in ["nan", "negative"] {
        assert_eq!(refused.get(&["s", reason]).unwrap().value().as_f64(), 1.0);
    }
    assert!(snapshot.family("s").unwrap().get(&[]).unwrap().value().histogram().is_none());
    summary.observe(1e6); // over the range: at its top
    let (count, sum, quantiles) = read(&registry.snapshot(), &[]).unwrap();
    assert_eq!((count, sum, quantiles), (5, 1_000_002.5, vec![10.0]));
}

#[test]
fn a_series_that_comes_back_has_a_window_of_its_own() {
    let (registry, clock) = registry();
    let family = registry.summary_family("s", "", ["at"], &minute()).unwrap();
    let held = family.with(["a"]);
    held.record(100);
    family.with(["b"]).record(1);
    let _ = registry.snapshot();
    clock.advance(seconds(100));
    assert!(family.remove(["a"]));
    held.record(1000); // nowhere visible
    family.with(["a"]).record(5);
    let snapshot = registry.snapshot();
    assert_eq!(read(&snapshot, &["a"]), Some((1, 5.0, vec![5.0; 5])));
    let (count, sum, quantiles) = read(&snapshot, &["b"]).unwrap();
    assert_eq!((count, sum), (1, 1.0));
    assert!(quantiles.iter().all(|value| value.is_nan()));
}

#[test]
fn beyond_the_limit_the_overflow_series_keeps_the_totals() {
    let registry = Registry::builder().series_limit(2).build().unwrap();
    let family = registry.summary_family("s", "", ["at"], &minute()).unwrap();
    for at in 1..=4 {
        family.with([at.to_string().as_str()]).record(at);
    }
    let snapshot = registry.snapshot();
    assert_eq!(read(&snapshot, &["2"]), Some((1, 2.0, vec![2.0; 5])));
    let overflow = read(&snapshot, &["__overflow__"]);
    assert_eq!(overflow, Some((2, 7.0, vec![3.0, 3.0, 4.0, 4.0, 4.0])));
}

#[test]
fn an_idle_series_retires_and_a_busy_one_does_not() {
    let clock = ManualClock::new();
    let builder = Registry::builder().clock(clock.clone()).retention_period(seconds(100));
    let registry = builder.build().unwrap();
    let family = registry.summary_family("s", "", ["at"], &minute()).unwrap();
    for at in ["idle", "busy"] {
        family.with([at]).record(1);
    }
    for _ in 0..4 {
        let _ = registry.snapshot();
        clock.advance(seconds(99));
        family.with(["busy"]).record(1);
    }
    let snapshot = registry.snapshot();
    assert_eq!(read(&snapshot, &["idle"]), None);
    assert_eq!(read(&snapshot, &["busy"]).unwrap().0, 5);
}

#[test]
fn a_delta_tells_how_many_were_observed() {
    let (registry, _) = registry();
    let summary = registry.summary("s", "", &minute()).unwrap();
    summary.record(1);
    let earlier = registry.snapshot();
    summary.record(1);
    summary.record(1);
    let later = registry.snapshot();
    let delta = later.since(&earlier);
    let series = delta.get("s", &[]).unwrap();
    assert_eq!(series.change(), 2.0);
    let interval = series.histogram().unwrap();
    assert_eq!((interval.reading().count(), interval.reading().sum()), (2, 2.0));
}

#[test]
fn wrong_specifications_say_what_to_change() {
    let (registry, _) = registry();
    let refused = |spec: SummarySpec| registry.summary("s", "", &spec).unwrap_err().to_string();
    let q = |quantiles: &[f64]| SummarySpec::seconds(quantiles);
    assert_eq!(refused(q(&[1.5])), "invalid summary s: quantile 1.5: use numbers from 0 to 1");
    assert!(refused(q(&[f64::NAN])).contains("quantile NaN"));
    assert!(refused(q(&[0.5, 0.9, 0.5])).contains("quantile 0.5 is there twice"));
    assert!(refused(q(&[0.5]).window(Duration::ZERO)).contains("a window of no time"));
    assert!(refused(q(&[0.5]).slices(0)).contains("0 slices: use 1 to 60"));
    assert!(refused(q(&[0.5]).slices(61)).contains("61 slices"));
    assert!(refused(q(&[0.5]).digits(4)).contains("4 significant digits"));
    assert_eq!(registry.snapshot().families().len(), 0, "nothing is left behind");

    registry.summary("s", "", &q(&[0.5, 0.9])).unwrap();
    registry.summary("s", "", &q(&[0.9, 0.5])).unwrap(); // the same in order
    registry.summary("zero", "", &q(&[-0.0])).unwrap();
    let zero = registry.snapshot().family("zero").and_then(|family| family.quantiles().next());
    assert_eq!(zero.map(f64::to_bits), Some(0), "without a sign");
    let other = registry.summary("s", "", &q(&[0.5])).unwrap_err();
    assert!(matches!(other, RegisterError::BucketClash { .. }));
    assert!(other.to_string().starts_with("s is registered with another specification"), "{other}");
    let histogram = registry.histogram("s", "", &HistogramSpec::seconds(&[])).unwrap_err();
    assert_eq!(
        histogram.to_string(),
        "s is registered as a summary already, not as a histogram: use another name"
    );
    let label = registry.summary_family("t", "", ["quantile"], &q(&[])).unwrap_err();
    assert!(label.to_string().contains("a summary adds `quantile` itself"), "{label}");
    registry.gauge_family("u", "", ["quantile"]).unwrap();
    for taken in ["s_sum", "s_count", "s_created"] {
        let clash = registry.gauge(taken, "").unwrap_err();
        assert!(matches!(clash, RegisterError::SampleClash { .. }), "{clash}");
    }
    registry.gauge("s_bucket", "").unwrap();
}
