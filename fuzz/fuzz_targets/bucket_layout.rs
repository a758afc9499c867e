//! Histograms against counting: whatever the boundaries, digits and values, `le` counts are those
//! of a sorted list, and quantiles are those of the `hdrhistogram` crate.
//!
//! Upstream: libFuzzer. Downstream: `tmc_engine`'s bucket layout, recording and snapshot.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use tmc_engine::{HistogramSpec, Registry};

#[derive(Arbitrary, Debug)]
struct Case {
    seconds: bool,
    digits: u8,
    bounds: Vec<Bound>,
    values: Vec<Observation>,
    quantiles: Vec<u16>,
}

#[derive(Arbitrary, Debug)]
enum Bound {
    /// Whole units, spread over the magnitudes.
    Units { bits: u64, shift: u8 },
    /// So many units above the boundary before it.
    Above(u8),
    /// Anything, which may be no boundary at all.
    Raw(f64),
}

#[derive(Arbitrary, Debug)]
enum Observation {
    Units {
        bits: u64,
        shift: u8,
    },
    /// Beside a boundary, where mistakes live.
    Near {
        bound: u8,
        off: i8,
    },
    /// Through the floating-point door.
    Float(f64),
}

/// Whole units up to here survive the way through a number of seconds.
const EXACT: u64 = 1 << 50;
/// The range that a specification has unless it is set, or its last boundary where that is larger.
const RANGE: u64 = 1 << 47;

fuzz_target!(|case: Case| run(&case));

fn run(case: &Case) {
    let scale = if case.seconds { 1e9 } else { 1.0 };
    let mut units = Vec::new();
    let mut bounds = Vec::new();
    let mut whole = true;
    for bound in case.bounds.iter().take(64) {
        let next = match *bound {
            Bound::Units { bits, shift } => (bits >> (shift % 64)) % EXACT,
            Bound::Above(by) => units.last().map_or(0, |last| last + u64::from(by)) % EXACT,
            Bound::Raw(raw) => {
                whole = false;
                bounds.push(raw);
                continue;
            }
        };
        units.push(next);
        bounds.push(next as f64 / scale);
    }
    let spec =
        if case.seconds { HistogramSpec::seconds(&bounds) } else { HistogramSpec::bytes(&bounds) };
    let registry = Registry::new();
    let digits = case.digits % 5;
    let ascending = |list: &[f64]| list.windows(2).all(|pair| pair[0] < pair[1]);
    let histogram = match registry.histogram("h", "", &spec.digits(digits)) {
        Ok(histogram) => histogram,
        Err(refused) => {
            let fine = whole && ascending(&bounds) && (1..=3).contains(&digits);
            assert!(!fine, "{bounds:?} with {digits} digits: {refused}");
            return;
        }
    };
    assert!((1..=3).contains(&digits), "{digits} digits were taken");
    if bounds.last() == Some(&f64::INFINITY) {
        bounds.pop(); // +Inf is every histogram's last bucket, named or not
    }
    assert!(ascending(&bounds) && bounds.iter().all(|b| b.is_finite() && *b >= 0.0), "{bounds:?}");

    let top = bounds.last().map_or(0, |last| (last * scale).round() as u64).max(RANGE);
    let mut model = Model { whole, ..Model::default() };
    for value in case.values.iter().take(512) {
        let value = match *value {
            Observation::Units { bits, shift } => bits >> (shift % 64),
            Observation::Near { bound, off } => {
                let Some(near) = units.get(usize::from(bound) % units.len().max(1)) else {
                    continue;
                };
                near.saturating_add_signed(off.into())
            }
            Observation::Float(value) => {
                // Adding a half, as the engine rounds, takes this one number up instead of down.
                if value * scale == 0.5_f64.next_down() {
                    continue;
                }
                histogram.observe(value);
                model.observe(value, scale);
                continue;
            }
        };
        histogram.record(value);
        model.values.push(value);
    }
    model.values.sort_unstable();
    model.check(&registry, &bounds, scale, top, &case.quantiles, digits);
    assert_eq!(histogram.count(), model.values.len() as u64, "the handle's own count");
}

/// What was recorded, as a list.
#[derive(Default)]
struct Model {
    /// In units; what saturates is at the top.
    values: Vec<u64>,
    infinite: bool,
    /// All boundaries are whole units, so that they are known exactly.
    whole: bool,
}

impl Model {
    fn observe(&mut self, value: f64, scale: f64) {
        if value.is_nan() || value < 0.0 {
            return; // refused
        }
        self.infinite |= value == f64::INFINITY;
        self.values.push((value * scale).round() as u64); // `as` saturates
    }

    fn check(
        &self,
        registry: &Registry,
        bounds: &[f64],
        scale: f64,
        top: u64,
        quantiles: &[u16],
        digits: u8,
    ) {
        let snapshot = registry.snapshot();
        let family = snapshot.family("h").expect("the family is in the snapshot");
        let series = family.get(&[]).expect("its series, too");
        let value = series.value();
        let read = value.histogram().expect("it is a histogram");
        let count = self.values.len() as u64;
        assert_eq!(read.count(), count);

        let cumulative = read.cumulative();
        let (le, counts): (Vec<f64>, Vec<u64>) = cumulative.into_iter().unzip();
        assert_eq!(le.split_last(), Some((&f64::INFINITY, bounds)), "the boundaries as registered");
        assert_eq!(counts.last(), Some(&count), "+Inf holds everything");
        assert!(counts.is_sorted(), "{counts:?}");
        if self.whole {
            for (le, got) in bounds.iter().zip(&counts) {
                let units = (le * scale).round() as u64;
                let want = self.values.partition_point(|value| *value <= units) as u64;
                assert_eq!(*got, want, "le {le}");
            }
        }

        let sum = self.values.iter().fold(0_u64, |sum, value| sum.saturating_add(*value));
        let sum = if self.infinite { f64::INFINITY } else { sum as f64 / scale };
        assert_eq!(read.sum(), sum);

        // The same values in the crate that defines the layout. It must find the same bucket.
        let mut hdr = hdrhistogram::Histogram::<u64>::new_with_bounds(1, top.max(2), digits)
            .expect("the crate takes this range");
        let within = self.values.partition_point(|value| *value <= top);
        for value in &self.values[..within] {
            hdr.record(*value).expect("within the range");
        }
        for q in quantiles.iter().take(16).map(|q| f64::from(*q) / f64::from(u16::MAX)) {
            let Some(got) = read.quantile(q) else {
                assert_eq!(count, 0, "a quantile of something");
                continue;
            };
            assert!(count > 0, "no quantile of nothing");
            assert_quantile(got * scale, q, &self.values, top, &hdr);
        }
    }
}

/// The value of rank `ceil(q * n)` and what the layout takes for equal to it.
fn assert_quantile(got: f64, q: f64, values: &[u64], top: u64, hdr: &hdrhistogram::Histogram<u64>) {
    // Rounding may put q * n beside a whole number, and the rank with it.
    let exact = q * values.len() as f64;
    let rank = |x: f64| (x.ceil() as usize).clamp(1, values.len()) - 1;
    let (first, last) = (values[rank(exact * (1.0 - 1e-12))], values[rank(exact * (1.0 + 1e-12))]);
    // What lies above the range counts as its top.
    let low = hdr.lowest_equivalent(first.min(top)) as f64;
    let high = hdr.highest_equivalent(last.min(top)) as f64;
    let slack = high * 1e-12;
    assert!((low - slack..=high + slack).contains(&got), "{got} for q {q}: {low} to {high}");
    if values.len() as u64 == hdr.len() && first == last {
        let crates = hdr.value_at_quantile(q);
        let same = hdr.lowest_equivalent(crates)..=hdr.highest_equivalent(crates);
        let beside = [got - slack, got, got + slack].map(|v| v.round() as u64);
        assert!(beside.iter().any(|v| same.contains(v)), "{got} for q {q}: the crate has {crates}");
    }
}
