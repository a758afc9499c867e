//! Summaries and gauge histograms as text: golden output, and no allocations per scrape.
//! Upstream: `Encoder`.

#[path = "../../engine/tests/counting/mod.rs"]
mod counting;

use counting::allocations;
use std::time::Duration;
use tmc_engine::{HistogramSpec, ManualClock, Registry, SummarySpec};
use tmc_exposition::{Encoder, Format};

#[test]
fn quantiles_then_totals_and_gauges_after_the_histogram() {
    let registry = Registry::builder().constant_label("zone", "eu").build().unwrap();
    let spec = SummarySpec::plain(&[0.5, 0.99, 1.0]);
    let summaries = registry.summary_family("s", "Time \\", ["at"], &spec).unwrap();
    [1, 2, 3].into_iter().for_each(|value| summaries.with(["a"]).record(value));
    summaries.init([["b"]]);
    let spec = HistogramSpec::bytes(&[10.0]);
    let gauges = registry.gauge_histogram_family("g_bytes", "Files\n", ["at"], &spec).unwrap();
    let file = gauges.with(["a"]);
    file.add(5.0);
    file.add(70.0);
    gauges.with(["b"]).add(8.0);
    gauges.with(["b"]).remove(8.0);
    let text = encoded(&registry);
    let own = text.split("# HELP tmc_engine_").next().unwrap();
    let expected = r#"# HELP g_bytes Files\n
# TYPE g_bytes histogram
g_bytes_bucket{zone="eu",at="a",le="10.0"} 1
g_bytes_bucket{zone="eu",at="a",le="+Inf"} 2
g_bytes_sum{zone="eu",at="a"} 75
g_bytes_count{zone="eu",at="a"} 2
g_bytes_bucket{zone="eu",at="b",le="10.0"} 0
g_bytes_bucket{zone="eu",at="b",le="+Inf"} 0
g_bytes_sum{zone="eu",at="b"} 0
g_bytes_count{zone="eu",at="b"} 0
# HELP g_bytes_gcount Files\n
# TYPE g_bytes_gcount gauge
g_bytes_gcount{zone="eu",at="a"} 2
g_bytes_gcount{zone="eu",at="b"} 0
# HELP g_bytes_gsum Files\n
# TYPE g_bytes_gsum gauge
g_bytes_gsum{zone="eu",at="a"} 75
g_bytes_gsum{zone="eu",at="b"} 0
# HELP s Time \\
# TYPE s summary
s{zone="eu",at="a",quantile="0.5"} 2
s{zone="eu",at="a",quantile="0.99"} 3
s{zone="eu",at="a",quantile="1.0"} 3
s_sum{zone="eu",at="a"} 6
s_count{zone="eu",at="a"} 3
s{zone="eu",at="b",quantile="0.5"} NaN
s{zone="eu",at="b",quantile="0.99"} NaN
s{zone="eu",at="b",quantile="1.0"} NaN
s_sum{zone="eu",at="b"} 0
s_count{zone="eu",at="b"} 0
"#;
    assert_eq!(own, expected);
}

#[test]
fn without_labels() {
    let registry = Registry::new();
    registry.summary("s", "", &SummarySpec::plain(&[0.5])).unwrap().record(4);
    registry.gauge_histogram("g", "", &HistogramSpec::plain(&[])).unwrap().add(3.0);
    let text = encoded(&registry);
    for line in
        ["s{quantile=\"0.5\"} 4\n", "s_count 1\n", "g_bucket{le=\"+Inf\"} 1\n", "g_gsum 3\n"]
    {
        assert!(text.contains(line), "{line} {text}");
    }
}

#[test]
fn a_scrape_in_a_steady_state_allocates_nothing() {
    let clock = ManualClock::new();
    let registry = Registry::builder().clock(clock.clone()).build().unwrap();
    let spec = SummarySpec::seconds(&[0.5, 0.99]);
    let summaries = registry.summary_family("s_seconds", "", ["at"], &spec).unwrap();
    let spec = HistogramSpec::bytes(&[10.0, 1e6]);
    let gauges = registry.gauge_histogram_family("g_bytes", "", ["at"], &spec).unwrap();
    let names: Vec<_> = (0..150).map(|at| at.to_string()).collect();
    let (mut encoder, mut out) = (Encoder::new(Format::Text), Vec::with_capacity(1 << 20));
    let mut scrape = |at: u32| {
        for name in &names {
            // All octaves have been touched after eight scrapes; then another each time.
            summaries.with([name.as_str()]).record(1000 << (at % 8));
            gauges.with([name.as_str()]).add(f64::from(100 << (at % 8)));
            gauges.with([name.as_str()]).remove(f64::from(100 << ((at + 7) % 8)));
        }
        clock.advance(Duration::from_secs(5 + u64::from(at % 4) * 5)); // not always a slice
        out.clear();
        allocations(|| encoder.encode(&registry.snapshot(), &mut out))
    };
    (0..40).for_each(|at| {
        scrape(at);
    });
    let counted: Vec<_> = (40..56).map(scrape).collect();
    assert_eq!(counted, [0; 16]);
}

fn encoded(registry: &Registry) -> String {
    let mut out = Vec::new();
    Encoder::new(Format::Text).encode(&registry.snapshot(), &mut out);
    String::from_utf8(out).unwrap()
}
