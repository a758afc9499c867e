//! Histograms against two slow twins: every observation kept in a list, and `hdrhistogram` fed the
//! same integers. Random boundaries (crowded into one bucket or octave, at zero, at powers of two)
//! and random observations (at boundaries and beside them, over the range, no numbers at all).

use hdrhistogram::Histogram as Hdr;
use proptest::prelude::*;
use std::time::Duration;
use tmc_engine::{HistogramSpec, Registry};

#[derive(Clone, Debug)]
struct Shape {
    seconds: bool,
    digits: u8,
    bounds: Vec<f64>,
    max: Option<f64>,
}

impl Shape {
    fn scale(&self) -> f64 {
        if self.seconds { 1e9 } else { 1.0 }
    }

    fn spec(&self) -> HistogramSpec {
        let spec = match self.seconds {
            true => HistogramSpec::seconds(&self.bounds),
            false => HistogramSpec::bytes(&self.bounds),
        };
        let spec = spec.digits(self.digits);
        self.max.map_or(spec.clone(), |max| spec.max(max))
    }

    fn units(&self, value: f64) -> u64 {
        (value * self.scale()).round() as u64
    }

    /// The largest value with a bucket, in units.
    fn top(&self) -> u64 {
        let max = self.max.map_or(1 << 47, |max| self.units(max));
        max.max(self.bounds.last().map_or(0, |&bound| self.units(bound)))
    }
}

fn power(shift: u32) -> u64 {
    1_u64.checked_shl(shift).unwrap_or(0)
}

/// Boundaries in units: some anywhere, some crowded around one place, zero and powers of two.
fn bounds() -> impl Strategy<Value = Vec<u64>> {
    let anywhere = prop::collection::vec((any::<u64>(), 14..64_u32), 0..8)
        .prop_map(|list| list.into_iter().map(|(n, shift)| n >> shift).collect::<Vec<_>>());
    let crowd = (any::<u64>(), 14..64_u32, prop::collection::vec((0..32_u64, 0..20_u32), 0..8))
        .prop_map(|(n, shift, near)| {
            near.iter().map(|(n2, s)| (n >> shift) + (n2 << s)).collect::<Vec<_>>()
        });
    let powers = prop::collection::vec((0..50_u32, -1..=1_i64), 0..4).prop_map(|list| {
        list.into_iter().map(|(s, by)| power(s).saturating_add_signed(by)).collect::<Vec<_>>()
    });
    (anywhere, crowd, powers).prop_map(|(a, b, c)| {
        let mut all = [a, b, c].concat();
        all.sort_unstable();
        all.dedup();
        all
    })
}

fn shapes() -> impl Strategy<Value = Shape> {
    let max = prop::option::of((1..u64::MAX >> 2, 0..62_u32).prop_map(|(n, s)| (n >> s).max(1)));
    (any::<bool>(), 1..=3_u8, bounds(), max).prop_map(|(seconds, digits, bounds, max)| {
        let scale = if seconds { 1e9 } else { 1.0 };
        let bounds = bounds.into_iter().map(|units| units as f64 / scale).collect();
        Shape { seconds, digits, bounds, max: max.map(|units| units as f64 / scale) }
    })
}

#[derive(Clone, Debug)]
enum What {
    Units(u64),
    /// A boundary, by index, and the distance from it.
    Near(prop::sample::Index, i64),
    /// The top of the range, and the distance from it.
    Top(i64),
    Float(f64),
}

#[derive(Clone, Copy, Debug)]
enum How {
    Record,
    Observe,
    Duration,
    LocalRecord,
    LocalObserve,
    LocalDuration,
}

fn observations() -> impl Strategy<Value = Vec<(What, How)>> {
    let what = prop_oneof![
        4 => (any::<u64>(), 0..=63_u32).prop_map(|(n, shift)| What::Units(n >> shift)),
        4 => (any::<prop::sample::Index>(), -1..=1_i64).prop_map(|(at, by)| What::Near(at, by)),
        1 => (-1..=2_i64).prop_map(What::Top),
        1 => Just(What::Units(0)),
        2 => (0.0..1e7).prop_map(What::Float),
        1 => prop::sample::select(vec![
            f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, -0.0, -1e-12, 1e300, 1e-300, 0.5, 2.5e-9,
        ])
        .prop_map(What::Float),
    ];
    let how = prop::sample::select(vec![
        How::Record,
        How::Observe,
        How::Duration,
        How::LocalRecord,
        How::LocalObserve,
        How::LocalDuration,
    ]);
    prop::collection::vec((what, how), 0..60)
}

/// The list of all observations, in units.
#[derive(Default)]
struct Twin {
    units: Vec<u64>,
    infinite: bool,
    nan: u64,
    negative: u64,
}

impl Twin {
    fn observe(&mut self, shape: &Shape, value: f64) {
        if value.is_nan() {
            self.nan += 1;
        } else if value < 0.0 {
            self.negative += 1;
        } else {
            self.infinite |= value == f64::INFINITY;
            self.units.push(shape.units(value));
        }
    }

    fn at_or_below(&self, bound: u64) -> u64 {
        self.units.iter().filter(|&&units| units <= bound).count() as u64
    }

    fn sum(&self, shape: &Shape) -> f64 {
        let sum: u128 = self.units.iter().map(|&units| u128::from(units)).sum();
        let sum = u64::try_from(sum).unwrap_or(u64::MAX); // one thread's part stops there
        if self.infinite { f64::INFINITY } else { sum as f64 / shape.scale() }
    }

    fn hdr(&self, shape: &Shape) -> Hdr<u64> {
        let mut hdr = Hdr::new_with_bounds(1, shape.top().max(2), shape.digits).unwrap();
        for &units in &self.units {
            hdr.record(units.min(shape.top())).unwrap();
        }
        hdr
    }
}

fn record_all(
    registry: &Registry,
    shape: &Shape,
    observations: &[(What, How)],
) -> (tmc_engine::Histogram, Twin) {
    let histogram = registry.histogram("h", "", &shape.spec()).unwrap();
    let local = histogram.local();
    let mut twin = Twin::default();
    for (what, how) in observations {
        let units = match what {
            What::Units(units) => *units,
            What::Near(at, by) if !shape.bounds.is_empty() => {
                shape.units(*at.get(&shape.bounds)).saturating_add_signed(*by)
            }
            What::Near(_, by) | What::Top(by) => shape.top().saturating_add_signed(*by),
            What::Float(value) => {
                histogram.observe(*value);
                twin.observe(shape, *value);
                continue;
            }
        };
        let value = units as f64 / shape.scale();
        match how {
            How::Record => histogram.record(units),
            How::LocalRecord => local.record(units),
            How::Duration => histogram.observe_duration(Duration::from_nanos(units)),
            How::LocalDuration => local.observe_duration(Duration::from_nanos(units)),
            How::Observe => histogram.observe(value),
            How::LocalObserve => local.observe(value),
        }
        match how {
            How::Observe | How::LocalObserve => twin.observe(shape, value),
            How::Duration | How::LocalDuration if !shape.seconds => twin.nan += 1,
            _ => twin.units.push(units),
        }
    }
    (histogram, twin)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(debug_assertions) { 400 } else { 4000 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn counts_and_sums_are_those_of_the_list(shape in shapes(), observations in observations()) {
        let registry = Registry::new();
        let (histogram, twin) = record_all(&registry, &shape, &observations);
        let snapshot = registry.snapshot();
        let value = snapshot.family("h").unwrap().get(&[]).unwrap().value();
        let read = value.histogram().unwrap();

        let naive = shape.bounds.iter().map(|&le| (le, twin.at_or_below(shape.units(le))));
        let count = twin.units.len() as u64;
        let naive: Vec<_> = naive.chain([(f64::INFINITY, count)]).collect();
        prop_assert_eq!(read.cumulative(), naive);
        prop_assert_eq!(read.count(), count);
        prop_assert_eq!(histogram.count(), count);
        prop_assert_eq!(read.sum().to_bits(), twin.sum(&shape).to_bits());
        prop_assert_eq!(histogram.sum().to_bits(), read.sum().to_bits());

        let refused = snapshot.family("tmc_engine_refused_total").unwrap();
        let refused = |reason| refused.get(&["h", reason]).unwrap().value().as_f64();
        prop_assert_eq!(refused("nan"), twin.nan as f64);
        prop_assert_eq!(refused("negative"), twin.negative as f64);
    }

    #[test]
    fn the_hdr_histogram_is_the_one_fed_the_same_integers(
        shape in shapes(), observations in observations()
    ) {
        let registry = Registry::new();
        let (_, twin) = record_all(&registry, &shape, &observations);
        let snapshot = registry.snapshot();
        let value = snapshot.family("h").unwrap().get(&[]).unwrap().value();
        let (ours, theirs) = (value.histogram().unwrap().to_hdr().unwrap(), twin.hdr(&shape));
        prop_assert_eq!((ours.len(), ours.min(), ours.max()), (theirs.len(), theirs.min(), theirs.max()));
        let buckets = |hdr: &Hdr<u64>| -> Vec<_> {
            hdr.iter_recorded().map(|b| (b.value_iterated_to(), b.count_at_value())).collect()
        };
        prop_assert_eq!(buckets(&ours), buckets(&theirs));
    }

    #[test]
    fn quantiles_keep_the_digits(
        shape in shapes(), observations in observations(), share in 0.0..=1.0_f64
    ) {
        let registry = Registry::new();
        let (histogram, twin) = record_all(&registry, &shape, &observations);
        let snapshot = registry.snapshot();
        let value = snapshot.family("h").unwrap().get(&[]).unwrap().value();
        let read = value.histogram().unwrap();
        let mut sorted: Vec<_> = twin.units.iter().map(|&units| units.min(shape.top())).collect();
        sorted.sort_unstable();
        let hdr = twin.hdr(&shape);
        let greatest = twin.units.iter().max().copied();
        let greatest = greatest.map(|units| match twin.infinite {
            true => f64::INFINITY,
            false => units as f64 / shape.scale(),
        });
        prop_assert_eq!(read.max(), greatest);
        prop_assert_eq!(histogram.max(), greatest);
        for q in [0.0, 0.5, 0.9, 0.99, 1.0, share] {
            let Some(last) = sorted.len().checked_sub(1) else {
                prop_assert_eq!(read.quantile(q), None);
                continue;
            };
            let rank = (q * sorted.len() as f64).ceil() as usize;
            let exact = sorted[rank.saturating_sub(1).min(last)];
            let got = read.quantile(q).unwrap() * shape.scale();
            let (low, high) = (exact as f64, exact as f64 * (1.0 + 0.1_f64.powi(shape.digits.into())));
            let rounding = 1e-12 * high;
            prop_assert!(got >= low - rounding && got <= high + rounding, "{q}: {got}, not {exact}");
            if q > 0.0 {
                // Nothing lies above the greatest, which the crate knows to its bucket only.
                let theirs = hdr.value_at_quantile(q).min(sorted[last]) as f64;
                prop_assert!((got - theirs).abs() <= rounding, "{q}: {got}, not {theirs}");
            }
        }
        prop_assert_eq!(read.quantile(f64::NAN), None);
        prop_assert_eq!(read.quantile(-1.0), read.quantile(0.0));
        prop_assert_eq!(read.quantile(2.0), read.quantile(1.0));
    }

    #[test]
    fn many_series_of_one_family_keep_apart(
        shape in shapes(),
        lists in prop::collection::vec(observations(), 1..4),
    ) {
        let registry = Registry::new();
        let family = registry.histogram_family("h", "", ["l"], &shape.spec()).unwrap();
        let names: Vec<_> = (0..lists.len()).map(|at| at.to_string()).collect();
        let mut twins: Vec<Twin> = lists.iter().map(|_| Twin::default()).collect();
        // In turns, so that the series share pages of every kind.
        for turn in 0..60 {
            for (at, list) in lists.iter().enumerate() {
                if let Some((What::Units(units), _)) = list.get(turn) {
                    family.with([&names[at]]).record(*units);
                    twins[at].units.push(*units);
                }
            }
        }
        let snapshot = registry.snapshot();
        for (name, twin) in names.iter().zip(&twins) {
            let Some(series) = snapshot.family("h").unwrap().get(&[name]) else {
                prop_assert!(twin.units.is_empty());
                continue;
            };
            let value = series.value();
            let read = value.histogram().unwrap();
            for (le, count) in read.cumulative() {
                let expected = match le {
                    f64::INFINITY => twin.units.len() as u64,
                    le => twin.at_or_below(shape.units(le)),
                };
                prop_assert_eq!(count, expected);
            }
            prop_assert_eq!(read.sum(), twin.sum(&shape));
        }
    }
}

#[test]
fn every_value_next_to_a_power_of_two_is_counted_where_it_belongs() {
    // All boundaries of interest at once: 2^k - 1, 2^k, 2^k + 1, in a crowd around each.
    for digits in 1..=3 {
        let mut bounds: Vec<u64> =
            (2..43).flat_map(|k| [power(k) - 1, power(k), power(k) + 1]).collect();
        bounds.insert(0, 0);
        bounds.dedup();
        let les: Vec<_> = bounds.iter().map(|&units| units as f64).collect();
        let registry = Registry::new();
        let spec = HistogramSpec::bytes(&les).digits(digits);
        let histogram = registry.histogram("h", "", &spec).unwrap();
        let mut all = Vec::new();
        for k in 0..64 {
            for by in -3..=3 {
                let units = power(k).saturating_add_signed(by);
                histogram.record(units);
                all.push(units);
            }
        }
        let snapshot = registry.snapshot();
        let value = snapshot.family("h").unwrap().get(&[]).unwrap().value();
        let counts: Vec<_> = value.histogram().unwrap().cumulative().iter().map(|b| b.1).collect();
        let naive =
            bounds.iter().map(|bound| all.iter().filter(|units| *units <= bound).count() as u64);
        let naive: Vec<_> = naive.chain([all.len() as u64]).collect();
        assert_eq!(counts, naive, "{digits} digits");
    }
}

#[test]
fn a_sum_at_its_top_stays_there_whoever_adds() {
    let registry = Registry::new();
    let histogram = registry.histogram("h", "", &HistogramSpec::bytes(&[1001.0])).unwrap();
    let read = || {
        let snapshot = registry.snapshot();
        let value = snapshot.family("h").unwrap().get(&[]).unwrap().value();
        (value.histogram().unwrap().sum(), histogram.sum())
    };
    let mut sums = Vec::new();
    // Over the range, in a split bucket, in a whole one: each from a thread of its own, alive
    // together.
    let all = [7, u64::MAX, 1000, 1000, 1 << 40, u64::MAX - 1];
    let turn = std::sync::Barrier::new(2);
    let end = std::sync::Barrier::new(all.len() + 1);
    std::thread::scope(|scope| {
        for units in all {
            let (histogram, turn, end) = (&histogram, &turn, &end);
            scope.spawn(move || {
                histogram.record(units);
                turn.wait();
                end.wait();
            });
            turn.wait();
            sums.push(read());
        }
        end.wait();
    });
    let top = u64::MAX as f64;
    assert_eq!(sums, [7.0, top, top, top, top, top].map(|sum| (sum, sum)));
}
