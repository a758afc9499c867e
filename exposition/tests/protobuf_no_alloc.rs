//! No allocations per scrape in a steady state of protobuf: numbers, which are written over old ones, and
//! distributions, which are rendered anew, with exemplars and native buckets.
//! Upstream: `Encoder`.

#[path = "../../engine/tests/counting/mod.rs"]
mod counting;

use std::time::Duration;

use counting::allocations;
use tmc_engine::{HistogramSpec, ManualClock, Registry, SummarySpec};
use tmc_exposition::{Encoder, Format};

#[test]
fn a_scrape_in_a_steady_state_allocates_nothing() {
    let clock = ManualClock::new();
    let builder = Registry::builder().clock(clock.clone()).constant_label("zone", "eu");
    let registry = builder.build().unwrap();
    let counts = registry.counter_family("c_total", "Counts", ["at"]).unwrap();
    let traced = registry.counter_family("t_total", "Counts with exemplars", ["at"]).unwrap();
    let gauges = registry.gauge_family("g", "Gauges", ["at"]).unwrap();
    let states = registry.state_set_family("s", "States", ["at"], &["up", "full"]).unwrap();
    let both = HistogramSpec::bytes(&[1e3, 1e6]).native(3);
    let sizes = registry.histogram_family("h_bytes", "Sizes", ["at"], &both).unwrap();
    let native = both.clone().classic(false);
    let spans = registry.histogram_family("n_bytes", "Sizes", ["at"], &native).unwrap();
    let present = registry.gauge_histogram_family("gh_bytes", "Present", ["at"], &both).unwrap();
    let quantiles = SummarySpec::plain(&[0.5, 0.99]);
    let waits = registry.summary_family("q", "Waits", ["at"], &quantiles).unwrap();
    let names: Vec<_> = (0..100).map(|at| at.to_string()).collect();
    let change = |scrape: u32| {
        let value = 100 << (2 * (scrape % 8)); // every octave that there is, after eight scrapes
        for name in &names {
            let at = [name.as_str()];
            counts.with(at).inc_by(1 << (scrape % 30));
            traced.with(at).inc_with(&[("trace_id", "0123456789abcdef")]);
            gauges.with(at).set(f64::from(scrape) / 3.0);
            states.with(at).only(if scrape.is_multiple_of(2) { "up" } else { "full" });
            sizes.with(at).record_with(value, &[("trace_id", "0123456789abcdef")]);
            spans.with(at).record(value);
            present.with(at).add(value as f64);
            waits.with(at).record(value);
        }
        clock.advance(Duration::from_secs(7));
    };
    let (mut encoder, mut out) = (Encoder::new(Format::Protobuf), Vec::with_capacity(1 << 20));
    let mut scrape = |at: u32| {
        change(at);
        let before = std::mem::take(&mut out);
        out.reserve(1 << 20);
        let counted = allocations(|| encoder.encode(&registry.snapshot(), &mut out));
        assert!(out != before, "nothing has changed");
        counted
    };
    (0..24).for_each(|at| {
        scrape(at);
    });
    let counted: Vec<_> = (24..40).map(scrape).collect();
    assert_eq!(counted, [0; 16]);
}
