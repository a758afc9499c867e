//! Guards count out whatever they counted in, on any thread and through a panic; handles pinned to a
//! thread count as the others do.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use tmc_engine::{FloatCounter, Gauge, GaugeGuard, Registry, UpDownCounter, UpDownCounterGuard};

fn is_send<T: Send + 'static>() {}

fn gauge(registry: &Registry) -> Gauge {
    registry.gauge("open", "").unwrap()
}

fn up_down(registry: &Registry) -> UpDownCounter {
    registry.up_down_counter("running", "").unwrap()
}

fn float(registry: &Registry) -> FloatCounter {
    registry.float_counter("spent_total", "").unwrap()
}

fn value(registry: &Registry, family: &str) -> f64 {
    registry.snapshot().family(family).unwrap().get(&[]).unwrap().value().as_f64()
}

#[test]
fn what_a_guard_counts_in_it_counts_out() {
    let registry = Registry::new();
    let (open, running) = (gauge(&registry), up_down(&registry));
    let both = (open.track(), running.track());
    let more = (open.track(), running.track());
    assert_eq!((open.value(), running.value()), (2.0, 2));
    assert_eq!((value(&registry, "open"), value(&registry, "running")), (2.0, 2.0));
    drop(both);
    assert_eq!((open.value(), running.value()), (1.0, 1));
    drop(more);
    assert_eq!((open.value(), running.value()), (0.0, 0));
}

#[test]
fn guards_end_on_other_threads_and_outlive_handle_and_registry() {
    is_send::<GaugeGuard>();
    is_send::<UpDownCounterGuard>();
    let registry = Registry::new();
    let (open, running) = (gauge(&registry), up_down(&registry));
    let guards: Vec<_> = (0..10).map(|_| (open.track(), running.track())).collect();
    let last = (gauge(&registry).track(), up_down(&registry).track());
    thread::scope(|scope| {
        for guard in guards {
            scope.spawn(move || drop(guard));
        }
    });
    assert_eq!((open.value(), running.value()), (1.0, 1));
    drop((registry, open, running));
    drop(last);
}

#[test]
fn a_panic_counts_out_too() {
    let registry = Registry::new();
    let (open, running) = (gauge(&registry), up_down(&registry));
    let work = AssertUnwindSafe(|| {
        let _guards = (open.track(), running.track());
        assert_eq!(running.value(), 0, "one runs: this fails");
    });
    assert!(catch_unwind(work).is_err());
    assert_eq!((open.value(), running.value()), (0.0, 0));
}

#[test]
fn a_guard_keeps_its_series_but_not_in_the_family() {
    let registry = Registry::new();
    let open = registry.gauge_family("open", "", ["cluster"]).unwrap();
    let guard = open.with(["eu"]).track();
    assert!(open.remove(["eu"]));
    let new = open.with(["eu"]);
    drop(guard);
    assert_eq!(new.value(), 0.0, "the guard of a removed series counts nowhere visible");
}

#[test]
fn pinned_handles_count_with_the_others() {
    let registry = Registry::new();
    let (spent, running) = (float(&registry), up_down(&registry));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let (local_spent, local_running) = (spent.local(), running.local());
                for _ in 0..1000 {
                    local_spent.inc();
                    local_spent.inc_by(0.25);
                    spent.inc_by(0.25);
                    local_running.inc();
                    local_running.add(3);
                    running.dec();
                    local_running.dec();
                    local_running.sub(1);
                }
            });
        }
    });
    assert_eq!((spent.value(), running.value()), (6000.0, 4000));
    assert_eq!((value(&registry, "spent_total"), value(&registry, "running")), (6000.0, 4000.0));
}

#[test]
fn a_pinned_floating_point_counter_refuses_what_the_other_refuses() {
    let registry = Registry::new();
    let spent = float(&registry).local();
    spent.inc_by(f64::NAN);
    spent.inc_by(-1.0);
    spent.inc_by(-0.0);
    spent.inc_by(f64::INFINITY);
    assert_eq!(value(&registry, "spent_total"), f64::INFINITY);
    let snapshot = registry.snapshot();
    let refused = |reason| {
        let refused = snapshot.family("tmc_engine_refused_total").unwrap();
        refused.get(&["spent_total", reason]).unwrap().value().as_f64()
    };
    assert_eq!((refused("nan"), refused("negative")), (1.0, 1.0));
}
