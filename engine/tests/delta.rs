//! Deltas against naive twins: random records before and after an earlier snapshot must show up as
//! the difference of two maps, and an interval's histogram as one that saw only the later records.

use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;
use tmc_engine::{HistogramSnapshot, HistogramSpec, Kind, ManualClock, Registry, Snapshot};

const LABELS: [&str; 4] = ["", "a", "b", "a\u{e9}"];
const BOUNDS: [f64; 5] = [0.0, 100.0, 300.0, 301.0, 65_536.0];

#[derive(Clone, Debug)]
enum Op {
    Count(usize, u64),
    Float(usize, u64),
    Set(usize, i32),
    Enter(usize, u64),
    Leave(usize, u64),
    Observe(usize, u64),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let label = || 0..LABELS.len();
    // Around boundaries, over all octaves, and over the range; too few for a sum to reach its top.
    let units = || {
        prop_oneof![
            (any::<u64>(), 8..64_u32).prop_map(|(n, shift)| n >> shift),
            (prop::sample::select(&BOUNDS[..]), 0..2_u64).prop_map(|(le, by)| le as u64 + by),
        ]
    };
    let op = prop_oneof![
        2 => (label(), 0..1000_u64).prop_map(|(l, n)| Op::Count(l, n)),
        1 => (label(), 0..1000_u64).prop_map(|(l, n)| Op::Float(l, n)),
        1 => (label(), any::<i32>()).prop_map(|(l, n)| Op::Set(l, n)),
        1 => (label(), 0..9_u64).prop_map(|(l, n)| Op::Enter(l, n)),
        1 => (label(), 0..9_u64).prop_map(|(l, n)| Op::Leave(l, n)),
        4 => (label(), units()).prop_map(|(l, n)| Op::Observe(l, n)),
    ];
    prop::collection::vec(op, 0..80)
}

/// By family and label, what the value must be.
type Values = BTreeMap<(&'static str, &'static str), f64>;

fn apply(registry: &Registry, spec: &HistogramSpec, ops: &[Op], values: &mut Values) {
    let counters = registry.counter_family("counter", "", ["l"]).unwrap();
    let floats = registry.float_counter_family("float", "", ["l"]).unwrap();
    let gauges = registry.gauge_family("gauge", "", ["l"]).unwrap();
    let in_flight = registry.up_down_counter_family("in_flight", "", ["l"]).unwrap();
    let histograms = registry.histogram_family("histogram", "", ["l"], spec).unwrap();
    for op in ops {
        let (family, label) = match *op {
            Op::Count(label, _) => ("counter", label),
            Op::Float(label, _) => ("float", label),
            Op::Set(label, _) => ("gauge", label),
            Op::Enter(label, _) | Op::Leave(label, _) => ("in_flight", label),
            Op::Observe(label, _) => ("histogram", label),
        };
        let labels = [LABELS[label]];
        let value = values.entry((family, LABELS[label])).or_default();
        match *op {
            Op::Count(_, n) => {
                counters.with(labels).inc_by(n);
                *value += n as f64;
            }
            Op::Float(_, n) => {
                floats.with(labels).inc_by(n as f64 / 4.0);
                *value += n as f64 / 4.0;
            }
            Op::Set(_, n) => {
                gauges.with(labels).set(f64::from(n));
                *value = f64::from(n);
            }
            Op::Enter(_, n) => {
                in_flight.with(labels).add(n);
                *value += n as f64;
            }
            Op::Leave(_, n) => {
                let n = n.min(*value as u64);
                in_flight.with(labels).sub(n);
                *value -= n as f64;
            }
            Op::Observe(_, units) => {
                histograms.with(labels).record(units);
                *value += 1.0;
            }
        }
    }
}

/// Everything that a distribution tells.
fn all_of(read: &HistogramSnapshot<'_>) -> impl PartialEq + std::fmt::Debug + use<> {
    let hdr = read.to_hdr().unwrap();
    let buckets: Vec<_> =
        hdr.iter_recorded().map(|b| (b.value_iterated_to(), b.count_at_value())).collect();
    // An interval may know its greatest observation to its bucket only.
    let to_bucket = |value: f64| hdr.highest_equivalent((value as u64).min(hdr.high()));
    let quantiles = [0.0, 0.3, 0.5, 0.99, 1.0].map(|q| read.quantile(q).map(to_bucket));
    let edges = (read.min(), read.max().map(to_bucket), read.mean());
    let natives = (read.native(8), read.native(0));
    ((read.count(), read.sum(), read.cumulative()), quantiles, edges, natives, (hdr.max(), buckets))
}

fn histogram_of<'a>(snapshot: &'a Snapshot, label: &str) -> HistogramSnapshot<'a> {
    *snapshot.family("histogram").unwrap().get(&[label]).unwrap().value().histogram().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(debug_assertions) { 150 } else { 3000 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn changes_are_those_of_the_naive_difference(
        first in ops(), second in ops(), digits in 1..=3_u8
    ) {
        let registry = Registry::new();
        let spec = HistogramSpec::bytes(&BOUNDS).digits(digits);
        let mut values = Values::new();
        apply(&registry, &spec, &first, &mut values);
        let (earlier, before) = (registry.snapshot(), values.clone());
        apply(&registry, &spec, &second, &mut values);
        let later = registry.snapshot();
        let delta = later.since(&earlier);

        let mut seen = 0;
        for family in delta.families().filter(|f| !f.later().name().starts_with("tmc_engine")) {
            let name = family.later().name();
            for series in family.series() {
                let label = series.later().label_values().next().unwrap();
                let key = values.keys().find(|key| **key == (name, label)).unwrap();
                let (now, then) = (values[key], before.get(key).copied());
                prop_assert_eq!(series.change(), now - then.unwrap_or(0.0), "{:?}", key);
                prop_assert_eq!(series.is_changed(), now != then.unwrap_or(0.0));
                prop_assert_eq!(series.earlier().is_some(), then.is_some());
                prop_assert_eq!(series.histogram().is_some(), name == "histogram");
                let again = delta.get(name, &[label]).unwrap();
                prop_assert_eq!(again.change(), series.change());
                seen += 1;
            }
            prop_assert_eq!(family.removed().count(), 0);
        }
        prop_assert_eq!(seen, values.len());
    }

    #[test]
    fn an_interval_is_what_a_histogram_of_the_later_records_alone_would_be(
        first in ops(), second in ops(), digits in 1..=3_u8
    ) {
        let (registry, alone) = (Registry::new(), Registry::new());
        let spec = HistogramSpec::bytes(&BOUNDS).digits(digits);
        apply(&registry, &spec, &first, &mut Values::new());
        let earlier = registry.snapshot();
        for registry in [&registry, &alone] {
            apply(registry, &spec, &second, &mut Values::new());
        }
        let (later, alone_later) = (registry.snapshot(), alone.snapshot());
        for op in &second {
            let Op::Observe(label, _) = op else { continue };
            let label = LABELS[*label];
            let delta = later.since(&earlier);
            let interval = delta.get("histogram", &[label]).unwrap().histogram().unwrap();
            let expected = histogram_of(&alone_later, label);
            prop_assert_eq!(all_of(&interval.reading()), all_of(&expected));
        }
    }
}

#[test]
fn an_interval_knows_the_greatest_exactly_if_it_is_the_greatest_ever() {
    let registry = Registry::new();
    let histogram = registry.histogram("h", "", &HistogramSpec::bytes(&[])).unwrap();
    let max_after = |units| {
        let earlier = registry.snapshot();
        histogram.record(units);
        let later = registry.snapshot();
        let interval = later.since(&earlier).get("h", &[]).unwrap().histogram().unwrap();
        (interval.reading().max(), interval.reading().quantile(1.0))
    };
    assert_eq!(max_after(100_001), (Some(100_001.0), Some(100_001.0)));
    assert_eq!(max_after(50_001), (Some(50_175.0), Some(50_175.0)), "the top of its bucket");
    let beyond = 1_u64 << 50;
    assert_eq!(max_after(beyond).0, Some(beyond as f64));
    assert_eq!(max_after(1).0, Some(1.0));
}

#[test]
fn blocks_that_grew_and_series_that_came_are_paired() {
    let registry = Registry::new();
    let family = registry.counter_family("c_total", "", ["l"]).unwrap();
    let count = |range: std::ops::Range<u64>, by: u64| {
        range.for_each(|at| family.with([&at.to_string()]).inc_by(at + by));
    };
    // Two whole blocks and one begun; then the third fills, and more come.
    count(0..150, 0);
    let earlier = registry.snapshot();
    count(0..400, 1);
    let later = registry.snapshot();
    let delta = later.since(&earlier);
    let family = delta.family("c_total").unwrap();
    let changes: Vec<_> = family.series().map(|series| series.change()).collect();
    let expected: Vec<_> = (0..400).map(|at| f64::from(at + 1)).collect();
    assert_eq!(changes, expected);
    let known: Vec<_> = family.series().map(|series| series.earlier().is_some()).collect();
    assert_eq!(known, (0..400).map(|at| at < 150).collect::<Vec<_>>());
}

#[test]
fn a_family_of_another_registry_is_another_family() {
    let snapshot = |by| {
        let registry = Registry::new();
        registry.counter("c_total", "").unwrap().inc_by(by);
        registry.snapshot()
    };
    let (earlier, later) = (snapshot(5), snapshot(7));
    let delta = later.since(&earlier);
    let family = delta.family("c_total").unwrap();
    assert!(family.earlier().is_none());
    assert_eq!(delta.get("c_total", &[]).unwrap().change(), 7.0);
    assert!(delta.family("d_total").is_none());
    assert!(delta.get("c_total", &["x"]).is_none());
}

#[test]
fn a_series_that_went_and_came_back_began_at_zero() {
    let registry = Registry::new();
    let family = registry.counter_family("c_total", "", ["l"]).unwrap();
    let histograms =
        registry.histogram_family("h", "", ["l"], &HistogramSpec::bytes(&BOUNDS)).unwrap();
    (0..5).for_each(|label| family.with([&label.to_string()]).inc_by(10));
    [7, 300].into_iter().for_each(|units| histograms.with(["x"]).record(units));
    let earlier = registry.snapshot();
    // 1 goes, 2 comes back, 3 is counted, and all stand elsewhere now.
    (0..3).for_each(|label| assert!(family.remove([&label.to_string()])));
    assert!(histograms.remove(["x"]));
    family.with(["2"]).inc_by(4);
    family.with(["3"]).inc();
    family.with(["9"]).inc_by(2);
    histograms.with(["x"]).record(301);
    let later = registry.snapshot();

    let delta = later.since(&earlier);
    let family = delta.family("c_total").unwrap();
    let mut changes: Vec<_> = family
        .series()
        .map(|series| {
            let label = series.later().label_values().next().unwrap();
            (label, series.change(), series.earlier().is_some())
        })
        .collect();
    changes.sort_by_key(|(label, ..)| *label);
    assert_eq!(changes, [("2", 4.0, false), ("3", 1.0, true), ("4", 0.0, true), ("9", 2.0, false)]);
    let removed: Vec<_> = family.removed().flat_map(|series| series.label_values()).collect();
    assert_eq!(removed, ["0", "1", "2"]);
    let interval = delta.get("h", &["x"]).unwrap().histogram().unwrap();
    assert_eq!(interval.reading().count(), 1);
    assert_eq!(interval.reading().quantile(0.0), interval.reading().quantile(1.0));
}

#[test]
fn histograms_keep_their_buckets_where_blocks_lose_some() {
    let registry = Registry::new();
    let spec = HistogramSpec::bytes(&BOUNDS);
    let family = registry.histogram_family("histogram", "", ["l"], &spec).unwrap();
    let record = |range: std::ops::Range<u64>| {
        range.for_each(|at| family.with([&at.to_string()]).record(at));
    };
    record(0..200);
    let earlier = registry.snapshot();
    // More than half of the first block stays, so that it is joined with no other.
    (0..20).for_each(|at: u64| assert!(family.remove([&at.to_string()])));
    record(20..200);
    let later = registry.snapshot();
    let delta = later.since(&earlier);
    for at in 20..200 {
        let label = at.to_string();
        // Up to 255 bytes are buckets of their own at two digits.
        assert_eq!(histogram_of(&later, &label).sum(), 2.0 * at as f64);
        assert_eq!(histogram_of(&later, &label).quantile(0.5), Some(at as f64));
        let interval = delta.get("histogram", &[&label]).unwrap().histogram().unwrap();
        let read = interval.reading();
        assert_eq!((read.count(), read.min(), read.max()), (1, Some(at as f64), Some(at as f64)));
    }
}

#[test]
fn a_rate_is_per_second_and_needs_time() {
    let clock = ManualClock::new();
    let registry = Registry::builder().clock(clock.clone()).build().unwrap();
    let counter = registry.counter("c_total", "").unwrap();
    let gauge = registry.gauge("g", "").unwrap();
    let never = registry.latest();
    counter.inc_by(6);
    let earlier = registry.snapshot();
    counter.inc_by(6);
    gauge.set(-3.0);
    let at_once = registry.snapshot();
    clock.advance(Duration::from_millis(1500));
    let later = registry.snapshot();
    let rate = |later: &Snapshot, earlier: &Snapshot, name| {
        later.since(earlier).get(name, &[]).and_then(|series| series.rate())
    };
    assert_eq!(later.since(&earlier).elapsed(), Duration::from_millis(1500));
    assert_eq!(rate(&later, &earlier, "c_total"), Some(4.0));
    assert_eq!(rate(&later, &earlier, "g"), Some(-2.0));
    assert_eq!(rate(&later, &at_once, "c_total"), Some(0.0));
    // Without time there is no rate: at once, swapped, and since a reading that never was.
    for (later, earlier) in [(&at_once, &earlier), (&earlier, &later), (&later, &never)] {
        assert!(later.since(earlier).elapsed().is_zero());
        assert_eq!(rate(later, earlier, "c_total"), None);
    }
}

#[test]
fn swapped_snapshots_show_no_counts() {
    let registry = Registry::new();
    let counter = registry.counter("c_total", "").unwrap();
    let histogram = registry.histogram("h", "", &HistogramSpec::bytes(&[9.0])).unwrap();
    // The later snapshot has a page of buckets between those that both have.
    [5, 1 << 30].into_iter().for_each(|units| histogram.record(units));
    let earlier = registry.snapshot();
    counter.inc();
    [5, 7, 1 << 20, 1 << 30, u64::MAX].into_iter().for_each(|units| histogram.record(units));
    let later = registry.snapshot();
    let delta = earlier.since(&later);
    assert_eq!(delta.get("c_total", &[]).unwrap().change(), 0.0);
    let series = delta.get("h", &[]).unwrap();
    assert_eq!((series.change(), series.is_changed()), (0.0, false));
    let interval = series.histogram().unwrap();
    let read = interval.reading();
    assert_eq!((read.count(), read.quantile(0.5), read.min()), (0, None, None));
}

#[test]
fn gauges_of_no_number_and_of_infinity_are_unchanged_while_they_stay() {
    let registry = Registry::new();
    let gauges = registry.gauge_family("g", "", ["l"]).unwrap();
    let (nan, infinite) = (gauges.with(["nan"]), gauges.with(["infinite"]));
    nan.set(f64::NAN);
    infinite.set(f64::INFINITY);
    let earlier = registry.snapshot();
    let later = registry.snapshot();
    let changed =
        |later: &Snapshot, label| later.since(&earlier).get("g", &[label]).unwrap().is_changed();
    assert!(!changed(&later, "nan") && !changed(&later, "infinite"));
    nan.set(0.0);
    infinite.set(f64::NEG_INFINITY);
    let later = registry.snapshot();
    assert!(changed(&later, "nan") && changed(&later, "infinite"));
}

#[test]
fn the_sum_of_an_interval_is_unknown_once_the_sum_is_at_its_top() {
    let registry = Registry::new();
    let spec = HistogramSpec::seconds(&[1.0]);
    let histogram = registry.histogram("h_seconds", "", &spec).unwrap();
    let reading = |earlier: &Snapshot| {
        let later = registry.snapshot();
        let interval = later.since(earlier).get("h_seconds", &[]).unwrap().histogram().unwrap();
        (interval.reading().count(), interval.reading().sum(), interval.reading().mean())
    };
    let start = registry.snapshot();
    histogram.observe(f64::INFINITY);
    assert_eq!(reading(&start), (1, f64::INFINITY, Some(f64::INFINITY)));
    let top = registry.snapshot();
    histogram.observe(0.5);
    let (count, sum, mean) = reading(&top);
    assert!(count == 1 && sum.is_nan() && mean.is_some_and(f64::is_nan));
}

#[test]
fn every_kind_is_readable_without_text() {
    let registry = Registry::builder().constant_label("zone", "eu").build().unwrap();
    let spec = HistogramSpec::seconds(&[0.1]);
    registry.counter_family("c_total", "Counts", ["l"]).unwrap().with(["x"]).inc_by(2);
    registry.gauge("g", "Level").unwrap().set(-1.5);
    registry.histogram("h_seconds", "Time", &spec).unwrap().observe(0.1);
    let snapshot = registry.snapshot();
    let mut lines = Vec::new();
    for family in snapshot.families().filter(|family| !family.name().starts_with("tmc_engine")) {
        assert!(family.constant_labels().eq([("zone", "eu")]));
        for series in family.series() {
            let labels: Vec<_> = series.labels().map(|(name, value)| [name, value]).collect();
            lines.push((
                family.name(),
                family.help(),
                family.kind(),
                labels.concat(),
                series.value().as_f64(),
            ));
        }
    }
    let expected = [
        ("c_total", "Counts", Kind::Counter, vec!["l", "x"], 2.0),
        ("g", "Level", Kind::Gauge, vec![], -1.5),
        ("h_seconds", "Time", Kind::Histogram, vec![], 1.0),
    ];
    assert_eq!(lines, expected);
}
