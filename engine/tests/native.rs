//! Native buckets against the list of all observations: no bucket counts what lies above it, none
//! is missed by more than an HDR bucket, and quantiles keep the bound that the documentation states.

use proptest::prelude::*;
use tmc_engine::{HistogramSpec, NativeHistogram, Registry};

/// Bounds are compared in floats, which round.
const ROUNDING: f64 = 1.0 + 1e-9;

fn boundary(schema: i8, index: i32) -> f64 {
    (f64::from(index) / f64::from(schema).exp2()).exp2()
}

/// The native bucket that the observation of this rank is in: its two boundaries.
fn bucket_of_rank(native: &NativeHistogram, rank: u64) -> (f64, f64) {
    let mut seen = native.zero_count;
    if rank <= seen {
        return (0.0, native.zero_threshold);
    }
    let mut counts = native.buckets.iter();
    let found = counts.find(|(_, count)| {
        seen += count;
        rank <= seen
    });
    let index = found.expect("as many as there are observations").0;
    (boundary(native.schema, index - 1), boundary(native.schema, index))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(debug_assertions) { 300 } else { 3000 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_observation_is_in_its_bucket_or_an_hdr_bucket_below(
        observations in prop::collection::vec((any::<u64>(), 0..=64_u32), 1..80),
        seconds in any::<bool>(),
        digits in 1..=3_u8,
        asked in -6..=10_i8,
        share in 0.0..=1.0_f64,
    ) {
        // Boundaries split buckets, whose parts must come together again.
        let spec = match seconds {
            true => HistogramSpec::seconds(&[0.25, 1.000_000_1]).max(3600.0),
            false => HistogramSpec::bytes(&[1000.0, 1001.0]),
        };
        let (scale, top) = if seconds { (1e9, 3_600_000_000_000) } else { (1.0, 1 << 47) };
        let registry = Registry::new();
        let histogram = registry.histogram("h", "", &spec.digits(digits)).unwrap();
        let mut sorted = Vec::new();
        for (n, shift) in observations {
            let units = n.checked_shr(shift).unwrap_or(0);
            histogram.record(units);
            sorted.push(units.min(top));
        }
        sorted.sort_unstable();
        let snapshot = registry.snapshot();
        let value = snapshot.family("h").unwrap().get(&[]).unwrap().value();
        let read = value.histogram().unwrap();

        let native = read.native(asked);
        prop_assert_eq!(native.schema, asked.clamp(-4, [3, 6, 8][usize::from(digits) - 1]));
        prop_assert_eq!(native.zero_count, sorted.iter().filter(|&&units| units == 0).count() as u64);
        prop_assert_eq!(native.zero_threshold * scale, 0.5);
        let counted: u64 = native.buckets.iter().map(|(_, count)| count).sum();
        prop_assert_eq!(counted + native.zero_count, read.count());
        prop_assert!(native.buckets.is_sorted_by(|a, b| a.0 < b.0));
        prop_assert!(native.buckets.iter().all(|(_, count)| *count > 0));

        let base = 2_f64.powf((-f64::from(native.schema)).exp2());
        let hdr = 1.0 + 0.1_f64.powi(digits.into());
        let count = sorted.len() as u64;
        let ranks = [0.0, 0.5, 0.99, 1.0, share].map(|q| ((q * count as f64).ceil() as u64).max(1));
        for rank in ranks {
            let exact = sorted[rank as usize - 1] as f64 / scale;
            let (low, high) = bucket_of_rank(&native, rank);
            prop_assert!(exact <= high * ROUNDING, "{exact} is not in {low} to {high}");
            prop_assert!(low <= exact * hdr * ROUNDING, "{exact} is not in {low} to {high}");
            if exact > 0.0 {
                prop_assert!(low * ROUNDING >= exact / base, "{low} is under {exact}");
                prop_assert!(high <= exact * base * hdr * ROUNDING, "{high} is over {exact}");
            }
        }
    }
}

#[test]
fn powers_of_two_are_the_upper_boundaries_of_their_buckets() {
    let registry = Registry::new();
    let spec = HistogramSpec::bytes(&[]).digits(3);
    let histogram = registry.histogram("h", "", &spec).unwrap();
    // Up to 2^10 every value has an HDR bucket of its own.
    (0..=10).for_each(|power| histogram.record(1 << power));
    let snapshot = registry.snapshot();
    let value = snapshot.family("h").unwrap().get(&[]).unwrap().value();
    let read = value.histogram().unwrap();
    for schema in 0..=8 {
        let expected: Vec<_> = (0..=10).map(|power| (power << schema, 1)).collect();
        assert_eq!(read.native(schema).buckets, expected);
    }
    // Coarser ones: 4, 16, 256 and 65,536 to a bucket.
    assert_eq!(read.native(-1).buckets, [(0, 1), (1, 2), (2, 2), (3, 2), (4, 2), (5, 2)]);
    assert_eq!(read.native(-2).buckets, [(0, 1), (1, 4), (2, 4), (3, 2)]);
    assert_eq!(read.native(-3).buckets, [(0, 1), (1, 8), (2, 2)]);
    assert_eq!(read.native(-4).buckets, [(0, 1), (1, 10)]);
}

#[test]
fn an_empty_histogram_has_no_buckets() {
    let registry = Registry::new();
    registry.histogram("h", "", &HistogramSpec::seconds(&[0.5])).unwrap();
    let snapshot = registry.snapshot();
    let value = snapshot.family("h").unwrap().get(&[]).unwrap().value();
    let native = value.histogram().unwrap().native(3);
    assert_eq!((native.zero_count, native.buckets.len()), (0, 0));
}
