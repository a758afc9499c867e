//! Collectors and callbacks: when they run, what they may do, and what becomes of one that panics.
//! Upstream: `Registry::register_collector` and the callbacks.

mod counting;

use counting::allocations;
use log::{Level, Log, Metadata, Record};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Barrier, Mutex, Once};
use std::time::Duration;
use tmc_engine::{Collector, ManualClock, Registry, Value};

/// Errors that were logged, of all tests.
static LOGGED: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Errors;

impl Log for Errors {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() == Level::Error
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            LOGGED.lock().unwrap().push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

fn logged(what: &str) -> Vec<String> {
    let logged = LOGGED.lock().unwrap();
    logged.iter().filter(|line| line.contains(what)).cloned().collect()
}

fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Errors).unwrap();
        log::set_max_level(log::LevelFilter::Error);
    });
}

fn value_of(registry: &Registry, family: &str, labels: &[&str]) -> Option<f64> {
    let snapshot = registry.snapshot();
    snapshot.family(family)?.get(labels).map(|series| series.value().as_f64())
}

fn panics(registry: &Registry) -> Option<f64> {
    value_of(registry, "tmc_engine_collector_panics_total", &[])
}

#[test]
fn a_collector_runs_before_each_snapshot_and_may_do_anything() {
    let registry = Registry::new();
    let runs = Arc::new(AtomicU64::new(0));
    let (seen, kept) = (Arc::clone(&runs), Mutex::new(Vec::new()));
    let collector = registry.register_collector(move |registry| {
        let run = seen.fetch_add(1, Relaxed) + 1;
        registry.counter("runs_total", "").unwrap().inc();
        let sizes = registry.gauge_family("size", "", ["run"]).unwrap();
        sizes.replace_all([([run.to_string().as_str()], run as f64)]);
        registry.histogram("h", "", &tmc_engine::HistogramSpec::bytes(&[])).unwrap().record(run);
        // A reading within a run runs nothing, and sees what was just recorded.
        assert_eq!(value_of(registry, "runs_total", &[]), Some(run as f64));
        let mut kept = kept.lock().unwrap();
        kept.push(registry.register_collector(|registry| {
            registry.counter("others_total", "").unwrap().inc();
        }));
        if run == 3 {
            kept.clear(); // their own guards, in the midst of a run that they are in
        }
    });
    for run in 1..=4_u64 {
        let snapshot = registry.snapshot();
        let value = |name, labels: &[&str]| {
            let series = snapshot.family(name).unwrap().get(labels);
            series.map(|series| series.value().as_f64())
        };
        assert_eq!(value("runs_total", &[]), Some(run as f64));
        assert_eq!(value("size", &[&run.to_string()]), Some(run as f64));
        assert_eq!(snapshot.family("size").unwrap().series().count(), 1, "swapped");
        assert_eq!(value("h", &[]), Some(run as f64));
    }
    drop(collector);
    // One in the second run, two in the third (which were taken out in its midst), none later.
    assert_eq!(value_of(&registry, "others_total", &[]), Some(3.0));
    assert_eq!(value_of(&registry, "runs_total", &[]), Some(4.0));
    assert_eq!(runs.load(Relaxed), 4, "it is gone");
    assert_eq!(panics(&registry), Some(0.0));
}

#[test]
fn a_scrape_joins_no_run_that_began_before_it_came() {
    let registry = Registry::new();
    let truth = Arc::new(AtomicU64::new(0));
    let (source, gauge) = (Arc::clone(&truth), registry.gauge("g", "").unwrap());
    let _collector = registry.register_collector(move |_| gauge.set(source.load(Relaxed) as f64));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    let mine = truth.fetch_add(1, Relaxed) + 1;
                    assert!(value_of(&registry, "g", &[]) >= Some(mine as f64));
                }
            });
        }
    });
    assert_eq!(value_of(&registry, "g", &[]), Some(2000.0));
}

#[test]
fn collectors_that_read_each_others_registries_do_not_wait_for_each_other() {
    let registries = [Registry::new(), Registry::new()];
    let both_run = Arc::new(Barrier::new(2));
    let collectors = [0, 1].map(|at| {
        let (other, both_run) = (registries[1 - at].clone(), Arc::clone(&both_run));
        let (once, counter) = (AtomicBool::new(true), registries[at].counter("c", "").unwrap());
        registries[at].register_collector(move |_| {
            if once.swap(false, Relaxed) {
                both_run.wait();
            }
            assert!(value_of(&other, "c", &[]).is_some());
            counter.inc();
        })
    });
    std::thread::scope(|scope| {
        for registry in &registries {
            scope.spawn(|| assert_eq!(value_of(registry, "c", &[]), Some(1.0)));
        }
    });
    drop(collectors); // or the registries would keep each other
    assert_eq!(registries.each_ref().map(panics), [Some(0.0); 2]);
}

#[test]
fn a_panic_costs_only_the_collector_itself() {
    listen();
    let registry = Registry::new();
    let ran = registry.counter("ran_total", "").unwrap();
    let loud = registry.register_collector(|_| panic!("the disk is {}", "full"));
    let line = line!() - 1;
    let quiet = registry.register_collector(|_| std::panic::panic_any(7_u8));
    let after = registry.register_collector(move |_| ran.inc());
    for run in 1..=3 {
        let snapshot = registry.snapshot();
        let value = |name| snapshot.family(name).unwrap().get(&[]).unwrap().value().as_f64();
        assert_eq!(value("ran_total"), f64::from(run));
        assert_eq!(value("tmc_engine_collector_panics_total"), f64::from(run * 2));
    }
    let lines = logged("the disk is full");
    assert_eq!(lines.len(), 1, "{lines:?}");
    let what = format!("the collector registered at engine/tests/collectors.rs:{line}:25 panicked");
    assert!(lines[0].starts_with(&what), "{lines:?}");
    assert_eq!(logged("it did not say why").len(), 1);
    drop((loud, quiet, after));
    assert_eq!(panics(&registry), Some(6.0));
}

#[test]
fn the_registry_goes_with_detached_collectors_inside() {
    let registry = Registry::new();
    let alive = Arc::new(());
    let hold = || Arc::clone(&alive);
    let held = hold();
    registry.register_collector(move |_| drop(Arc::clone(&held))).detach();
    let held = hold();
    registry.gauge_callback("g", "", move || Arc::strong_count(&held) as f64).unwrap().detach();
    let (held, family) = (hold(), registry.counter_family("c", "", ["l"]).unwrap());
    family.callback(["x"], move || Arc::strong_count(&held) as u64).detach();
    let (held, left) = (hold(), registry.register_collector(|_| ()));
    let dropped_early = registry.register_collector(move |_| drop(Arc::clone(&held)));
    assert_eq!(value_of(&registry, "g", &[]), Some(5.0));
    drop(dropped_early);
    assert_eq!(Arc::strong_count(&alive), 4, "not only at the next snapshot");
    drop(registry);
    assert_eq!(Arc::strong_count(&alive), 1);
    let orphan: Collector = family.callback(["y"], || 1);
    drop((left, orphan));
}

#[test]
fn callbacks_are_exposed_as_they_are_now_and_go_with_their_guard() {
    let registry = Registry::new();
    let total = Arc::new(AtomicU64::new(5));
    let source = Arc::clone(&total);
    let count = registry.counter_callback("c_total", "", move || source.load(Relaxed)).unwrap();
    let source = Arc::clone(&total);
    let load = registry.gauge_callback("g", "", move || -0.5 * source.load(Relaxed) as f64);
    let load = load.unwrap();
    for now in [5, 7, u64::MAX] {
        total.store(now, Relaxed);
        let snapshot = registry.snapshot();
        let value = |name| snapshot.family(name).unwrap().get(&[]).unwrap().value();
        assert!(matches!(value("c_total"), Value::Counter(value) if value == now));
        assert!(matches!(value("g"), Value::Gauge(value) if value == -0.5 * now as f64));
    }
    assert!(registry.gauge_callback("c_total", "", || 0.0).is_err());
    drop(count);
    let gone = registry.latest(); // an old reading stays as it was
    assert!(gone.family("c_total").unwrap().get(&[]).is_some());
    assert_eq!(value_of(&registry, "c_total", &[]), None);
    drop(load);
    assert_eq!(value_of(&registry, "g", &[]), None);
}

#[test]
fn a_floating_point_total_comes_from_a_callback_too() {
    let registry = Registry::new();
    let total = Arc::new(AtomicU64::new(0));
    let source = Arc::clone(&total);
    let read = move || f64::from_bits(source.load(Relaxed));
    let spent = registry.float_counter_callback("spent_seconds_total", "", read).unwrap();
    for (now, shown) in [(0.25, 0.25), (1.5, 1.5), (f64::NAN, 1.5), (-1.0, 1.5), (2.0, 2.0)] {
        total.store(now.to_bits(), Relaxed);
        assert_eq!(value_of(&registry, "spent_seconds_total", &[]), Some(shown));
    }
    let refused =
        |reason| value_of(&registry, "tmc_engine_refused_total", &["spent_seconds_total", reason]);
    assert!(refused("nan") >= Some(1.0) && refused("negative") >= Some(1.0));
    drop(spent);
    assert_eq!(value_of(&registry, "spent_seconds_total", &[]), None);
}

#[test]
fn a_callback_takes_the_place_of_a_series_and_of_an_earlier_callback() {
    let registry = Registry::new();
    let gauges = registry.gauge_family("g", "", ["l"]).unwrap();
    let plain = gauges.with(["x"]);
    plain.set(1.0);
    let first = gauges.callback(["x"], || 2.0);
    plain.set(3.0);
    assert_eq!(value_of(&registry, "g", &["x"]), Some(2.0));
    let second = gauges.callback(["x"], || 4.0);
    assert_eq!(value_of(&registry, "g", &["x"]), Some(4.0));
    drop(first);
    assert_eq!(value_of(&registry, "g", &["x"]), Some(4.0), "the second's is another");
    assert_eq!(registry.snapshot().family("g").unwrap().series().count(), 1);
    drop(second);
    assert_eq!(registry.snapshot().family("g").unwrap().series().count(), 0);
}

#[test]
fn after_a_panic_a_gauge_is_nan_and_a_counter_what_it_was() {
    listen();
    let registry = Registry::new();
    let fails = Arc::new(AtomicBool::new(false));
    let source = Arc::clone(&fails);
    let gauges = registry.gauge_family("g", "", ["l"]).unwrap();
    let gauge = gauges.callback(["callback-label"], move || {
        assert!(!source.load(Relaxed), "no reading");
        1.5
    });
    let source = Arc::clone(&fails);
    let total = registry.counter_callback("c_total", "", move || {
        assert!(!source.load(Relaxed), "no reading");
        9
    });
    let read =
        || (value_of(&registry, "g", &["callback-label"]), value_of(&registry, "c_total", &[]));
    assert_eq!(read(), (Some(1.5), Some(9.0)));
    fails.store(true, Relaxed);
    let (gauge_value, total_value) = read();
    assert!(gauge_value.is_some_and(f64::is_nan));
    assert_eq!(total_value, Some(9.0));
    assert_eq!(panics(&registry), Some(6.0), "two in each of three readings");
    fails.store(false, Relaxed);
    assert_eq!(read(), (Some(1.5), Some(9.0)));
    let lines = logged(r#"the callback of g ["callback-label"] panicked"#);
    assert_eq!(lines.len(), 1, "{lines:?}");
    drop((gauge, total));
}

#[test]
fn beyond_the_limit_a_callback_is_refused_and_leaves_the_overflow_series_alone() {
    let registry = Registry::builder().series_limit(1).build().unwrap();
    let counts = registry.counter_family("c_total", "", ["l"]).unwrap();
    let first = counts.callback(["a"], || 1);
    counts.with(["b"]).inc_by(20);
    let beyond = counts.callback(["c"], || 300);
    let snapshot = registry.snapshot();
    let family = snapshot.family("c_total").unwrap();
    let values: Vec<_> = family.series().map(|series| series.value().as_f64()).collect();
    assert_eq!(values, [1.0, 20.0]);
    assert_eq!(value_of(&registry, "tmc_engine_overflow_total", &["c_total"]), Some(2.0));
    drop(beyond);
    drop(first);
    assert_eq!(registry.snapshot().family("c_total").unwrap().series().count(), 1);
}

#[test]
fn a_callback_that_never_changes_is_not_retired() {
    let (clock, period) = (ManualClock::new(), Duration::from_secs(60));
    let builder = Registry::builder().retention_period(period).clock(clock.clone());
    let registry = builder.build().unwrap();
    let counts = registry.counter_family("c_total", "", ["l"]).unwrap();
    let kept = counts.callback(["kept"], || 1);
    counts.with(["idle"]).inc();
    for _ in 0..4 {
        let _reading = registry.snapshot();
        clock.advance(period * 2);
    }
    let snapshot = registry.snapshot();
    let labels = snapshot.family("c_total").unwrap().series().flat_map(|s| s.label_values());
    assert!(labels.eq(["kept"]));
    drop(kept);
}

#[test]
fn a_steady_state_with_collectors_allocates_nothing() {
    let registry = Registry::new();
    let counter = registry.counter("c", "").unwrap();
    let collectors = [
        registry.register_collector(move |_| counter.inc()),
        registry.gauge_callback("g", "", || 1.0).unwrap(),
        registry.counter_callback("d", "", || 1).unwrap(),
    ];
    let mut counted = [0; 10];
    for count in &mut counted {
        *count = allocations(|| drop(registry.snapshot()));
    }
    // The buffers that rotate come first.
    assert_eq!(counted[4..], [0; 6], "all: {counted:?}");
    assert_eq!(value_of(&registry, "c", &[]), Some(11.0));
    drop(collectors);
}
