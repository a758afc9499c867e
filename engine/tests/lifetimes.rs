//! Records at the edges of a life: in destructors of thread-locals, through pinned handles that
//! outlive what made them, after the registry is gone. Nothing is lost, nothing panics, and no
//! value is ever seen in a series that did not record it.

use std::cell::{Cell, OnceCell, RefCell};
use std::thread;
use tmc_engine::{
    Counter, FloatCounter, Gauge, Histogram, HistogramSpec, LocalCounter, LocalHistogram, Registry,
    UpDownCounter,
};

#[derive(Clone)]
struct Metrics {
    counter: Counter,
    float: FloatCounter,
    gauge: Gauge,
    in_flight: UpDownCounter,
    sizes: Histogram,
}

impl Metrics {
    fn new(registry: &Registry) -> Self {
        let spec = HistogramSpec::bytes(&[10.0, 100.0]);
        Self {
            counter: registry.counter("c_total", "").unwrap(),
            float: registry.float_counter("f_total", "").unwrap(),
            gauge: registry.gauge("g", "").unwrap(),
            in_flight: registry.up_down_counter("u", "").unwrap(),
            sizes: registry.histogram("h", "", &spec).unwrap(),
        }
    }

    /// One of everything, 5 of each counter's worth in all.
    fn record(&self) {
        self.counter.inc();
        self.float.inc_by(0.5);
        self.gauge.add(1.0);
        self.in_flight.add(2);
        self.in_flight.dec();
        self.sizes.record(50);
    }

    /// Times that [`Metrics::record`] has been called, if all agree.
    fn recorded(&self) -> u64 {
        let n = self.counter.value();
        let (times, all) = (n as f64, n);
        assert_eq!((self.float.value(), self.gauge.value()), (times / 2.0, times));
        assert_eq!((self.in_flight.value(), self.sizes.count()), (all, all));
        assert_eq!(self.sizes.sum(), times * 50.0);
        n
    }
}

/// Records when it is dropped: with plain handles, with pinned ones made then, or with pinned ones
/// that it has kept.
struct Late {
    metrics: Metrics,
    kept: Option<(LocalCounter, LocalHistogram)>,
}

impl Late {
    fn new(metrics: &Metrics, keeps: bool) -> Self {
        let kept = keeps.then(|| (metrics.counter.local(), metrics.sizes.local()));
        Self { metrics: metrics.clone(), kept }
    }
}

impl Drop for Late {
    fn drop(&mut self) {
        self.metrics.record();
        let Metrics { counter, float, gauge, in_flight, sizes } = &self.metrics;
        float.inc_by(1.0);
        gauge.add(2.0);
        in_flight.add(2);
        let (local, local_sizes) =
            self.kept.take().unwrap_or_else(|| (counter.local(), sizes.local()));
        local.inc();
        local_sizes.record(50);
        drop(local);
        // The pin may have been the last thing that kept the shard.
        counter.inc();
        local_sizes.record(50);
        drop(local_sizes);
        self.metrics.record();
    }
}

/// Records of one [`Late`].
const LATE: u64 = 4;

thread_local! {
    static FIRST: OnceCell<Late> = const { OnceCell::new() };
    static SECOND: OnceCell<Late> = const { OnceCell::new() };
    static THIRD: OnceCell<Late> = const { OnceCell::new() };
}

type Slot = &'static thread::LocalKey<OnceCell<Late>>;

fn put(slot: Slot, late: Late) {
    slot.with(|slot| assert!(slot.set(late).is_ok()));
}

#[test]
fn destructors_of_thread_locals_record_in_any_order() {
    let registry = Registry::new();
    let metrics = Metrics::new(&registry);
    let mut expected = 0;
    // Bits: a local that comes before the first record, one after it, one after that; pinned
    // handles kept by each.
    for case in 0..64_u32 {
        let has = |bit: u32| case & (1 << bit) != 0;
        let metrics = &metrics;
        let thread = move || {
            if has(0) {
                put(&FIRST, Late::new(metrics, has(3)));
            }
            metrics.record();
            if has(1) {
                put(&SECOND, Late::new(metrics, has(4)));
            }
            metrics.record();
            if has(2) {
                put(&THIRD, Late::new(metrics, has(5)));
            }
        };
        thread::scope(|scope| {
            let handle = scope.spawn(thread);
            handle.join().unwrap();
        });
        expected += 2 + LATE * u64::from((case & 7).count_ones());
        assert_eq!(metrics.recorded(), expected, "case {case:06b}");
    }
}

/// Keeps a pinned handle and never records itself.
struct Keeps(#[allow(dead_code)] LocalCounter);

thread_local! {
    static BEFORE: RefCell<Option<Keeps>> = const { RefCell::new(None) };
    static COUNT: Cell<Option<(LocalCounter, Counter)>> = const { Cell::new(None) };
}

#[test]
fn a_pinned_handle_in_a_thread_local_keeps_the_shard_until_it_goes() {
    let registry = Registry::new();
    let counter = registry.counter("c_total", "").unwrap();
    for round in 1..=50 {
        thread::scope(|scope| {
            // Several at a time: an ended thread's shard is adopted by the next while this one's
            // destructors still run.
            for _ in 0..4 {
                scope.spawn(|| {
                    BEFORE.with_borrow_mut(|slot| *slot = Some(Keeps(counter.local())));
                    COUNT.set(Some((counter.local(), counter.clone())));
                    for _ in 0..100 {
                        let (local, handle) = COUNT.take().unwrap();
                        local.inc();
                        handle.inc();
                        COUNT.set(Some((local, handle)));
                    }
                });
            }
        });
        assert_eq!(counter.value(), round * 4 * 200);
    }
}

#[test]
fn forgetting_a_pinned_handle_harms_nobody() {
    let registry = Registry::new();
    let metrics = Metrics::new(&registry);
    for round in 1..=5 {
        thread::scope(|scope| {
            let handle = scope.spawn(|| {
                let (counter, sizes) = (metrics.counter.local(), metrics.sizes.local());
                metrics.record();
                std::mem::forget(counter);
                std::mem::forget(sizes);
                metrics.record();
                put(&FIRST, Late::new(&metrics, true));
            });
            handle.join().unwrap(); // the end of the scope alone does not wait for destructors
        });
        assert_eq!(metrics.recorded(), round * (2 + LATE));
    }
}

#[test]
fn handles_outlive_their_registry_and_record_on() {
    let registry = Registry::new();
    let metrics = Metrics::new(&registry);
    let family = registry.counter_family("many_total", "", ["l"]).unwrap();
    let (local, sizes) = (metrics.counter.local(), metrics.sizes.local());
    metrics.record();
    let snapshot = registry.snapshot();
    drop(registry);
    for _ in 0..10 {
        metrics.record();
        family.with(["new"]).inc();
    }
    local.inc();
    sizes.record(1);
    assert_eq!((metrics.counter.value(), metrics.sizes.count()), (12, 12));
    assert_eq!(family.with(["new"]).value(), 10);
    let then = snapshot.family("c_total").unwrap().get(&[]).unwrap().value().as_f64();
    assert_eq!(then, 1.0, "a snapshot outlives its registry, too");
}

#[test]
fn a_new_registry_on_the_same_pages_starts_at_zero() {
    // All series of a kind on several pages, recorded into by threads that come and go.
    let fill = |registry: &Registry, round: u64| {
        let spec = HistogramSpec::bytes(&[7.0, 500.0]);
        let counters = registry.counter_family("c_total", "", ["at"]).unwrap();
        let floats = registry.float_counter_family("f_total", "", ["at"]).unwrap();
        let gauges = registry.gauge_family("g", "", ["at"]).unwrap();
        let in_flight = registry.up_down_counter_family("u", "", ["at"]).unwrap();
        let sizes = registry.histogram_family("h", "", ["at"], &spec).unwrap();
        let names: Vec<_> = (0..200 + round % 3 * 50).map(|at| at.to_string()).collect();
        for name in &names {
            let labels = [name.as_str()];
            let all = [
                counters.with(labels).value() as f64,
                floats.with(labels).value(),
                gauges.with(labels).value(),
                in_flight.with(labels).value() as f64,
                sizes.with(labels).count() as f64 + sizes.with(labels).sum(),
            ];
            assert_eq!(all, [0.0; 5], "round {round}, series {name}");
        }
        for family in registry.snapshot().families() {
            for series in family.series() {
                assert_eq!(series.value().as_f64(), 0.0, "round {round}, {}", family.name());
            }
        }
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for (at, name) in (0_u64..).zip(&names) {
                        let labels = [name.as_str()];
                        counters.with(labels).inc();
                        counters.with(labels).local().inc();
                        floats.with(labels).inc_by(0.75);
                        gauges.with(labels).set(-1.0);
                        in_flight.with(labels).add(3);
                        in_flight.with(labels).dec();
                        sizes.with(labels).record(at << (round % 20));
                    }
                });
            }
        });
        (counters, sizes)
    };
    let mut kept = None;
    for round in 0..12 {
        let registry = Registry::new();
        let (counters, sizes) = fill(&registry, round);
        // Handles of every third registry live on while later ones come, and record on.
        if round % 3 == 0 {
            kept = Some((
                counters.with(["1"]),
                sizes.with(["199"]),
                registry.counter("x", "").unwrap(),
            ));
        }
        if let Some((counter, sizes, bare)) = &kept {
            counter.inc();
            sizes.record(u64::MAX >> 30);
            bare.inc();
            let n = round % 3 + 1;
            assert_eq!((counter.value(), sizes.count(), bare.value()), (6 + n, 3 + n, n));
        }
    }
}

#[test]
fn a_series_beyond_the_limit_leaks_into_no_other() {
    let registry = Registry::builder().series_limit(1).build().unwrap();
    let gauges = registry.gauge_family("g", "", ["l"]).unwrap();
    let in_flight = registry.up_down_counter_family("u", "", ["l"]).unwrap();
    let (kept, flying) = (gauges.with(["kept"]), in_flight.with(["kept"]));
    for _ in 0..100 {
        gauges.with(["beyond"]).set(5.0);
        in_flight.with(["beyond"]).inc();
    }
    assert_eq!((kept.value(), flying.value()), (0.0, 0));
    let later = Registry::new();
    assert_eq!(later.gauge("g", "").unwrap().value(), 0.0);
    assert_eq!(later.up_down_counter("u", "").unwrap().value(), 0);
}
