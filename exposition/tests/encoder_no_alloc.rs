//! No allocations per scrape in a steady state: snapshot and encoding, with every value changed
//! since the scrape before.

#[path = "../../engine/tests/counting/mod.rs"]
mod counting;

use counting::allocations;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tmc_engine::{HistogramSpec, Registry};
use tmc_exposition::{Encoder, Format};

#[test]
fn a_scrape_in_a_steady_state_allocates_nothing() {
    let registry = Registry::builder().constant_label("zone", "z\"1").build().unwrap();
    let counts = registry.counter_family("c_total", "Counts", ["at"]).unwrap();
    let floats = registry.float_counter_family("f_total", "Floats", ["at"]).unwrap();
    let gauges = registry.gauge_family("g", "Gauges", ["at"]).unwrap();
    let in_flight = registry.up_down_counter_family("u", "In flight", ["at"]).unwrap();
    let spec = HistogramSpec::seconds(HistogramSpec::DEFAULT_SECONDS);
    let latency = registry.histogram_family("h_seconds", "Latency", ["at"], &spec).unwrap();
    let states = registry.state_set_family("s", "States", ["at"], &["up", "full"]).unwrap();
    let infos = registry.info_family("i", "Infos", ["at"]).unwrap();
    let called = Arc::new(AtomicU64::new(0));
    let calls = Arc::clone(&called);
    let total =
        registry.counter_callback("called_total", "Calls", move || 1 + calls.fetch_add(1, Relaxed));
    let _total = total.unwrap();
    let names: Vec<_> = (0..150).map(|at| at.to_string()).collect();
    let change = |scrape: u32| {
        for (at, name) in (0_u32..).zip(&names) {
            let labels = [name.as_str()];
            counts.with(labels).inc_by(1 << (scrape * 4));
            floats.with(labels).inc_by(1.0 / f64::from(at + 3));
            gauges.with(labels).set(f64::from(at) * 0.1 - f64::from(scrape) * 1e-9);
            in_flight.with(labels).inc();
            states.with(labels).only(if scrape.is_multiple_of(2) { "up" } else { "full" });
            drop(infos.with(labels));
            // Another octave each time.
            latency.with(labels).record(1000 << scrape);
        }
    };
    let mut encoder = Encoder::new(Format::Text);
    let mut out = Vec::new();
    let mut texts: Vec<Vec<u8>> = Vec::with_capacity(8);
    // One scrape with the longest numbers first, then the buffers that rotate.
    for scrape in 0..8 {
        change(scrape);
        out.clear();
        encoder.encode(&registry.snapshot(), &mut out);
        texts.push(out.clone());
    }
    out.reserve(1 << 20); // longer numbers are the caller's memory
    let mut counted = Vec::with_capacity(8);
    for scrape in 0..8 {
        change(7 - scrape);
        out.clear();
        counted.push(allocations(|| encoder.encode(&registry.snapshot(), &mut out)));
        assert!(!texts.contains(&out), "nothing has changed");
        texts.push(out.clone());
    }
    assert_eq!(counted, [0; 8]);
    assert_eq!(called.load(Relaxed), 16);
    assert!(out.len() > 150 * 17 * 20, "{} bytes", out.len());
}
