//! A recorded log-normal, as latencies often are: quantiles within one part in a hundred of the
//! exact ones, `le` counts exact, with many observations equal to a boundary.

use tmc_engine::{HistogramSpec, Registry};

/// Deterministic: a linear congruential generator whose high bits are used.
struct Random(u64);

impl Random {
    /// Above 0 and at most 1.
    fn uniform(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// Box-Muller.
    fn normal(&mut self) -> f64 {
        let (radius, angle) = ((-2.0 * self.uniform().ln()).sqrt(), self.uniform());
        radius * (std::f64::consts::TAU * angle).cos()
    }
}

/// Observations of a family's unit, every sixteenth one equal to a boundary.
fn log_normal(seed: u64, median: f64, sigma: f64, bounds: &[f64]) -> Vec<f64> {
    let mut random = Random(seed);
    (0..100_000)
        .map(|at| match at % 16 {
            0 => bounds[at / 16 % bounds.len()],
            _ => median * (sigma * random.normal()).exp(),
        })
        .collect()
}

fn check(spec: &HistogramSpec, scale: f64, values: &[f64], bounds: &[f64]) {
    let registry = Registry::new();
    let histogram = registry.histogram("h", "", spec).unwrap();
    std::thread::scope(|scope| {
        for part in values.chunks(values.len() / 4) {
            let histogram = &histogram;
            scope.spawn(move || part.iter().for_each(|&value| histogram.observe(value)));
        }
    });
    let snapshot = registry.snapshot();
    let value = snapshot.family("h").unwrap().get(&[]).unwrap().value();
    let read = value.histogram().unwrap();

    // What is recorded is the nearest whole unit.
    let mut units: Vec<u64> = values.iter().map(|value| (value * scale).round() as u64).collect();
    units.sort_unstable();
    for share in (1..1000).map(f64::from).map(|n| n / 1000.0).chain([0.0, 0.9999, 1.0]) {
        let rank = ((share * units.len() as f64).ceil() as usize).max(1);
        let exact = units[rank - 1] as f64 / scale;
        let found = read.quantile(share).unwrap();
        let off = (found / exact - 1.0).abs();
        assert!(off <= 0.01, "quantile {share}: {found}, not {exact}: off by {off}");
    }
    let (least, greatest) = (units[0] as f64 / scale, units[units.len() - 1] as f64 / scale);
    let (min, max) = (read.min().unwrap(), read.max().unwrap());
    assert!(min <= least && min >= 0.99 * least, "{min}, not {least}");
    assert!(max >= greatest && max <= 1.01 * greatest, "{max}, not {greatest}");
    let mut expected: Vec<_> = bounds
        .iter()
        .map(|&le| (le, values.iter().filter(|&&value| value <= le).count() as u64))
        .collect();
    expected.push((f64::INFINITY, values.len() as u64));
    assert_eq!(read.cumulative(), expected);
    let sum = units.iter().sum::<u64>() as f64 / scale;
    assert_eq!(read.sum(), sum);
    assert_eq!(read.mean(), Some(sum / values.len() as f64));
}

#[test]
fn latencies_in_seconds() {
    let bounds = HistogramSpec::DEFAULT_SECONDS;
    for (seed, sigma) in [(1, 0.3), (2, 1.0), (3, 2.0)] {
        // Whole nanoseconds, so that the list and the histogram are asked the same.
        let values = log_normal(seed, 0.05, sigma, bounds);
        let values: Vec<_> = values.iter().map(|value| (value * 1e9).round() / 1e9).collect();
        check(&HistogramSpec::seconds(bounds), 1e9, &values, bounds);
    }
}

#[test]
fn sizes_in_bytes() {
    // 511 and 1,031 are upper edges of HDR buckets, 65,536 and 65,537 split one.
    let bounds = [511.0, 512.0, 1000.0, 1024.0, 1031.0, 4096.0, 65_536.0, 65_537.0, 1e6];
    for (seed, sigma) in [(4, 0.5), (5, 2.0)] {
        let values = log_normal(seed, 4000.0, sigma, &bounds);
        let values: Vec<_> = values.iter().map(|value| value.round().max(1.0)).collect();
        check(&HistogramSpec::bytes(&bounds), 1.0, &values, &bounds);
    }
}

#[test]
fn what_is_over_the_range_is_at_its_top() {
    let registry = Registry::new();
    let spec = HistogramSpec::seconds(&[]).max(60.0);
    let histogram = registry.histogram("h", "", &spec).unwrap();
    let edges = || {
        let snapshot = registry.snapshot();
        let value = snapshot.family("h").unwrap().get(&[]).unwrap().value();
        let read = value.histogram().unwrap();
        (read.min(), read.max(), read.mean())
    };
    assert_eq!(edges(), (None, None, None));
    histogram.observe(100.0);
    assert_eq!(edges(), (Some(60.0), Some(100.0), Some(100.0)), "the greatest is known exactly");
    histogram.observe(0.0);
    assert_eq!(edges(), (Some(0.0), Some(100.0), Some(50.0)));
}
