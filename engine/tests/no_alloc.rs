//! No allocations: recording after the first touches, finding known series, and snapshots in a
//! steady state, counted by the program's global allocator.
//!
//! The engine's pages do not come from that allocator but from the system, at first touches alone;
//! that `warm()` makes them all is tested where pages can be seen, in `registry/histogram.rs`.

mod counting;

use counting::allocations;
use std::sync::Barrier;
use std::time::Duration;
use tmc_engine::{
    Counter, CounterFamily, Exemplar, FloatCounter, Gauge, Histogram, HistogramFamily,
    HistogramSpec, InFlightAge, LocalCounter, LocalHistogram, Registry, UpDownCounter,
};

const LABELS: [[&str; 2]; 4] =
    [["a", "x"], ["a", "y"], ["b", "x"], ["a long value, as it may be", ""]];

const TRACE: &[(&str, &str)] =
    &[("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"), ("path", "🦀/Zoë")];
const INVALID: &[(&str, &str)] = &[("trace_id", "\"")];

/// Keeps every exemplar.
fn registry() -> Registry {
    Registry::builder().exemplar_interval(Duration::ZERO).build().unwrap()
}

struct Metrics {
    counter: Counter,
    family: CounterFamily<2>,
    float: FloatCounter,
    gauge: Gauge,
    crabs: String,
    in_flight: UpDownCounter,
    oldest: InFlightAge,
    latency: Histogram,
    precise: Histogram,
    sizes: HistogramFamily<2>,
}

impl Metrics {
    fn new(registry: &Registry) -> Self {
        let seconds = HistogramSpec::seconds(HistogramSpec::DEFAULT_SECONDS);
        let precise = HistogramSpec::seconds(&[]).digits(3).max(10.0);
        let bytes = HistogramSpec::bytes(&[1e3, 1e6, 1e9]).digits(1);
        let metrics = Self {
            counter: registry.counter("c_total", "").unwrap(),
            family: registry.counter_family("f_total", "", ["a", "b"]).unwrap(),
            float: registry.float_counter("float_total", "").unwrap(),
            gauge: registry.gauge("g", "").unwrap(),
            crabs: "🦀".repeat(127),
            in_flight: registry.up_down_counter("u", "").unwrap(),
            oldest: registry.in_flight_age("oldest_seconds", "").unwrap(),
            latency: registry.histogram("latency_seconds", "", &seconds).unwrap(),
            precise: registry.histogram("precise_seconds", "", &precise).unwrap(),
            sizes: registry.histogram_family("sizes_bytes", "", ["a", "b"], &bytes).unwrap(),
        };
        metrics.family.init(LABELS);
        metrics.sizes.init(LABELS);
        // The first exemplar of every bucket, the first refused one of every family.
        (0..64).for_each(|at| metrics.record_with_exemplars(at, &[&[], INVALID]));
        metrics
    }

    fn record_with_exemplars(&self, at: u64, exemplars: &[Exemplar<'_>]) {
        let units = u64::MAX >> at;
        for exemplar in exemplars {
            self.counter.inc_by_with(at, exemplar);
            self.float.inc_by_with(at as f64, exemplar);
            self.latency.record_with(units, exemplar);
            self.latency.observe_with(units as f64 / 1e9, exemplar);
            self.latency.observe_duration_with(Duration::from_nanos(units), exemplar);
        }
    }

    /// The calling thread's first touches.
    fn warm(&self) {
        self.counter.warm();
        self.float.inc_by(0.0);
        self.in_flight.add(0);
        self.in_flight.sub(0);
        self.latency.warm();
        self.precise.warm();
        for labels in LABELS {
            self.family.with(labels).warm();
            self.sizes.with(labels).warm();
        }
    }

    /// Every kind of record, over all octaves, the refused and the over-range included.
    fn record(&self) {
        for at in 0..64 {
            let units = u64::MAX >> at;
            self.counter.inc_by(at);
            self.float.inc_by(at as f64);
            self.float.inc_by(f64::NAN);
            self.gauge.set(at as f64);
            self.gauge.add(-1.5);
            self.in_flight.inc();
            self.in_flight.dec();
            let operation = self.oldest.start();
            drop((self.oldest.start(), self.gauge.track(), self.in_flight.track()));
            drop(operation);
            let longest: &[(&str, &str)] = &[("a", &self.crabs)];
            self.record_with_exemplars(at, &[&[], TRACE, INVALID, longest]);
            self.latency.record(units);
            self.latency.observe(units as f64 / 1e9);
            self.latency.observe(-1.0);
            self.precise.record(units);
            for labels in LABELS {
                self.family.with(labels).inc();
                self.sizes.with(labels).record(units);
            }
        }
    }

    fn record_pinned(&self, counter: &LocalCounter, latency: &LocalHistogram) {
        for at in 0..64 {
            counter.inc();
            latency.record(u64::MAX >> at);
            latency.observe(at as f64);
            counter.inc_with(TRACE);
            latency.observe_with(at as f64, TRACE);
        }
        drop(self.counter.clone());
        drop(self.family.clone());
    }
}

#[test]
fn recording_allocates_nothing_on_any_thread_once_warm() {
    let registry = registry();
    let metrics = Metrics::new(&registry);
    let run = || {
        metrics.warm();
        assert_eq!(allocations(|| metrics.record()), 0);
        let (counter, latency) = (metrics.counter.local(), metrics.latency.local());
        assert_eq!(allocations(|| metrics.record_pinned(&counter, &latency)), 0);
    };
    run();
    std::thread::scope(|scope| {
        let second = scope.spawn(run);
        second.join().unwrap();
    });
    assert!(allocations(|| drop(vec![1_u8])) > 0, "the allocator counts");
}

#[test]
fn not_even_first_touches_ask_the_programs_allocator() {
    let registry = registry();
    let metrics = Metrics::new(&registry);
    std::thread::scope(|scope| {
        scope.spawn(|| assert_eq!(allocations(|| metrics.record()), 0));
    });
}

#[test]
fn a_snapshot_in_a_steady_state_allocates_nothing() {
    let registry = registry();
    let metrics = Metrics::new(&registry);
    let (turn, done) = (Barrier::new(2), Barrier::new(2));
    const SCRAPES: usize = 10;
    std::thread::scope(|scope| {
        // Every value changes before each scrape, on two threads.
        scope.spawn(|| {
            for _ in 0..SCRAPES {
                turn.wait();
                metrics.record();
                done.wait();
            }
        });
        let mut counts = Vec::with_capacity(SCRAPES);
        let mut last = 0.0;
        for _ in 0..SCRAPES {
            turn.wait();
            metrics.record();
            done.wait();
            let count = allocations(|| {
                let snapshot = registry.snapshot();
                let family = snapshot.family("f_total").unwrap();
                let now = family.get(&LABELS[3]).unwrap().value().as_f64();
                assert!(now > last, "nothing has changed");
                last = now;
                for series in snapshot.families().flat_map(|family| family.series()) {
                    if let Some(histogram) = series.value().histogram() {
                        histogram.for_each_bucket(|_, count| assert!(count > 0));
                        histogram.exemplars().for_each(|(le, read)| assert!(read.value() <= le));
                        assert!(histogram.quantile(0.5).is_some());
                    }
                }
            });
            counts.push(count);
        }
        // The buffers that rotate come first: the published one and two spares.
        assert_eq!(counts[3..], [0; SCRAPES - 3], "all: {counts:?}");
    });
}
