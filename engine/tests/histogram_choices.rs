//! What a histogram family may be made of, and what is refused with words that say what to do.

use tmc_engine::{HistogramSpec, Registry};

fn refusal(spec: &HistogramSpec) -> String {
    Registry::new().histogram("h", "", spec).unwrap_err().to_string()
}

#[test]
fn generated_boundaries_are_whole_units_in_order_and_each_once() {
    let linear = HistogramSpec::seconds(&[7.0]).linear(0.1, 0.1, 5);
    assert_eq!(linear.bounds(), [0.1, 0.2, 0.3, 0.4, 0.5]);
    let exponential = HistogramSpec::bytes(&[]).exponential(1.0, 1.5, 6);
    assert_eq!(exponential.bounds(), [1.0, 2.0, 3.0, 5.0, 8.0]); // 1.5 and 2.25 both make 2
    let range = HistogramSpec::plain(&[]).exponential_range(1.0, 1000.0, 4);
    assert_eq!(range.bounds(), [1.0, 10.0, 100.0, 1000.0]);
    let fine = HistogramSpec::seconds(&[]).exponential(1e-3, 1.1, 100);
    assert_eq!(fine.bounds()[..3], [0.001, 0.0011, 0.00121]);
    for spec in [linear, exponential, range, fine, HistogramSpec::seconds(&[]).linear(0.0, 1.0, 0)]
    {
        let registry = Registry::new();
        let histogram = registry.histogram("h", "", &spec).unwrap();
        // Equal to a boundary means at or below it.
        spec.bounds().iter().for_each(|&le| histogram.observe(le));
        let snapshot = registry.snapshot();
        let value = snapshot.family("h").unwrap().get(&[]).unwrap().value();
        let cumulative = value.histogram().unwrap().cumulative();
        let counts: Vec<_> = cumulative.iter().map(|&(_, count)| count as usize).collect();
        let bounds = spec.bounds().len();
        assert_eq!(counts, (1..=bounds).chain([bounds]).collect::<Vec<_>>());
    }
}

#[test]
fn what_cannot_be_generated_is_told_at_registration() {
    let cases: [(HistogramSpec, &str); 8] = [
        (HistogramSpec::seconds(&[]).linear(0.0, 0.0, 3), "linear(0, 0, 3): use a width above 0"),
        (HistogramSpec::seconds(&[]).linear(-1.0, 1.0, 3), "boundary -1: use numbers from 0"),
        (HistogramSpec::bytes(&[]).linear(0.0, 1.0, usize::MAX), "use at most 125 boundaries"),
        (HistogramSpec::bytes(&[]).exponential(0.0, 2.0, 3), "use a start above 0"),
        (HistogramSpec::bytes(&[]).exponential(1.0, 1.0, 3), "use a factor above 1"),
        (HistogramSpec::bytes(&[]).exponential(1.0, 1e9, 9), "use numbers from 0 to"),
        (HistogramSpec::plain(&[]).exponential_range(2.0, 2.0, 3), "a maximum above the minimum"),
        (HistogramSpec::plain(&[]).exponential_range(1.0, f64::NAN, 1), "a maximum above"),
    ];
    for (spec, words) in cases {
        let refusal = refusal(&spec);
        assert!(refusal.contains("h") && refusal.contains(words), "{refusal}");
    }
    // The last word counts.
    let mended = HistogramSpec::bytes(&[]).linear(0.0, 0.0, 3).linear(1.0, 1.0, 3);
    assert!(Registry::new().histogram("h", "", &mended).is_ok());
}

#[test]
fn export_is_chosen_within_what_was_recorded() {
    let spec = HistogramSpec::seconds(&[]);
    assert_eq!((spec.is_classic(), spec.native_schema()), (true, None));
    for (digits, finest) in [(1, 3), (2, 6), (3, 8)] {
        let at = |schema| spec.clone().digits(digits).native(schema).native_schema();
        assert_eq!([at(8), at(finest), at(0), at(-4)], [finest, finest, 0, -4].map(Some));
        // The honest cap: no bucket of the finest schema is narrower than one that is recorded.
        let registry = Registry::new();
        let histogram = registry.histogram("h", "", &spec.clone().digits(digits)).unwrap();
        histogram.record(1 << 40);
        histogram.record((1 << 40) + (1 << 30) / 10_u64.pow(digits.into()));
        let snapshot = registry.snapshot();
        let value = snapshot.family("h").unwrap().get(&[]).unwrap().value();
        let hdr = value.histogram().unwrap().to_hdr().unwrap();
        let recorded = (hdr.highest_equivalent(1 << 40) + 1) as f64 / (1_u64 << 40) as f64;
        let factor = |schema: i8| (-f64::from(schema)).exp2().exp2();
        assert!(factor(finest) > recorded, "{digits} digits");
        assert!(finest == 8 || factor(finest + 1) < recorded, "{digits} digits");
        assert_eq!(value.histogram().unwrap().finest_schema(), finest);
    }
    assert!(refusal(&spec.clone().native(9)).contains("native schema 9: use -4 to 8"));
    assert!(refusal(&spec.clone().native(-5)).contains("use -4 to 8"));
    assert!(refusal(&spec.clone().classic(false)).contains("use at least one"));
    let native_only = spec.clone().classic(false).native(5);
    assert!(Registry::new().histogram("h", "", &native_only).is_ok());
    assert!(!native_only.is_classic());
}

#[test]
fn the_unit_is_part_of_what_a_family_is() {
    let (bytes, plain) = (HistogramSpec::bytes(&[8.0]), HistogramSpec::plain(&[8.0]));
    let units = [&bytes, &plain, &HistogramSpec::seconds(&[])].map(HistogramSpec::unit);
    assert_eq!(units, [Some("bytes"), None, Some("seconds")]);
    let registry = Registry::new();
    registry.histogram("h", "", &plain).unwrap().observe(8.0);
    assert!(registry.histogram("h", "", &bytes).is_err());
    assert!(refusal(&HistogramSpec::plain(&[0.5])).contains("use whole numbers"));
}
