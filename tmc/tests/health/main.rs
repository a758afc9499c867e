//! The health monitor with its threads, and its gauges and counters. What is served of it: `served`.

use std::sync::Arc;
use std::time::Duration;

use tmc_metrics::HealthStatus::{Degraded, Healthy, Unhealthy, Unknown};
use tmc_metrics::{
    Clock, ClusterActivity, ComponentInfo, HealthMonitor, HealthProvider, HealthReport,
    HealthStatus, ManualClock, MetricsCollector, ProcessLimits, Registry,
};

#[cfg(feature = "tokio")]
mod on_tokio;
mod served;

/// Longer than any test runs.
const NEVER: Duration = Duration::from_secs(3600);
/// What a monitor of `by_hand` waits for a check.
const TIMEOUT: Duration = Duration::from_secs(10);

fn collector() -> MetricsCollector {
    MetricsCollector::new(&Registry::new()).unwrap()
}

fn monitor(collector: &MetricsCollector) -> HealthMonitor {
    HealthMonitor::builder(collector).interval(NEVER).timeout(NEVER).build()
}

/// A monitor whose checks time out when the clock is moved.
fn by_hand(threads: usize) -> (ManualClock, MetricsCollector, HealthMonitor) {
    let clock = ManualClock::new();
    let by_hand = Clock::from(clock.clone());
    let collector = MetricsCollector::with_clock(&Registry::new(), by_hand).unwrap();
    let builder = HealthMonitor::builder(&collector).interval(NEVER).timeout(TIMEOUT);
    (clock, collector, builder.threads(threads).build())
}

fn syncer(id: &str) -> ComponentInfo {
    ComponentInfo::new("SyncTargetController", id).cluster("prod").logical_cluster("root:a")
}

fn says(status: HealthStatus) -> impl HealthProvider + 'static {
    move || Ok(HealthReport::new(status, "as told"))
}

/// The value of a series; `None` where there is none.
fn value(collector: &MetricsCollector, family: &str, labels: &[&str]) -> Option<f64> {
    let snapshot = collector.registry().snapshot();
    snapshot.family(family)?.get(labels).map(|series| series.value().as_f64())
}

fn health_of(collector: &MetricsCollector, id: &str) -> Option<f64> {
    value(collector, "tmc_component_health", &["SyncTargetController", id, "prod"])
}

fn checks(collector: &MetricsCollector, result: &str) -> f64 {
    let labels = ["SyncTargetController", result];
    value(collector, "tmc_health_checks_total", &labels).unwrap_or_default()
}

#[test]
fn what_providers_say_shows_in_every_family() {
    let collector = collector();
    let monitor = monitor(&collector);
    let a = monitor.register(syncer("a"), says(Healthy));
    let _b = monitor.register(syncer("b"), says(Degraded));
    assert_eq!(health_of(&collector, "a"), Some(-1.0), "nobody has asked it yet");
    assert_eq!(monitor.overall().message, "2/2 components unknown");
    monitor.start().unwrap();
    assert_eq!(monitor.check_now().message, "1/2 components degraded");
    assert_eq!((health_of(&collector, "a"), health_of(&collector, "b")), (Some(1.0), Some(0.5)));
    let cluster = ["prod", "root:a"];
    assert_eq!(value(&collector, "tmc_cluster_health", &cluster), Some(0.5));
    assert!(checks(&collector, "healthy") >= 1.0 && checks(&collector, "degraded") >= 1.0);
    let took = value(&collector, "tmc_health_check_duration_seconds", &["SyncTargetController"]);
    assert!(took.unwrap() >= 2.0);
    assert_eq!(monitor.cluster("prod").status, Degraded);
    assert_eq!(monitor.cluster("elsewhere").status, Unknown);
    assert_eq!(a.status(), (Healthy, "as told".to_owned()));
    let shown = format!("{a:?} {monitor:?}");
    assert!(shown.contains(r#"(Healthy, "as told")"#) && shown.contains("Degraded"), "{shown}");
}

#[test]
fn a_component_that_goes_takes_its_series_with_it() {
    let collector = collector();
    let monitor = monitor(&collector);
    let a = monitor.register(syncer("a"), says(Healthy));
    let b = monitor.register(syncer("b"), says(Unhealthy));
    monitor.start().unwrap();
    monitor.check_now();
    drop(b);
    assert_eq!((health_of(&collector, "a"), health_of(&collector, "b")), (Some(1.0), None));
    assert_eq!(value(&collector, "tmc_cluster_health", &["prod", "root:a"]), Some(1.0));
    drop(a);
    assert_eq!(value(&collector, "tmc_cluster_health", &["prod", "root:a"]), None);
    assert_eq!(monitor.overall().message, "No components registered");
}

#[test]
fn errors_and_panics_are_unhealthy_and_end_nothing() {
    let collector = collector();
    let monitor = monitor(&collector);
    let broken = monitor.register(syncer("broken"), || Err("no connection".into()));
    let panics = monitor.register(syncer("panics"), || panic!("on purpose"));
    let fine = monitor.register(syncer("fine"), says(Healthy));
    monitor.start().unwrap();
    assert_eq!(monitor.check_now().message, "2/3 components unhealthy");
    assert_eq!(broken.status(), (Unhealthy, "the check failed: no connection".to_owned()));
    assert_eq!(panics.status(), (Unhealthy, "the check failed: it panicked".to_owned()));
    assert_eq!(fine.status().0, Healthy);
    let before = checks(&collector, "error");
    monitor.check_now();
    assert_eq!(checks(&collector, "error"), before + 2.0);
    let errors = value(&collector, "tmc_health_check_errors_total", &["SyncTargetController"]);
    assert_eq!(errors, Some(before + 2.0));
}

#[test]
fn a_check_that_hangs_holds_up_nobody_and_counts_as_an_error() {
    let (clock, collector, monitor) = by_hand(512);
    let (provider, begun, release) = hangs();
    let hangs = monitor.register(syncer("hangs"), provider);
    let fine = monitor.register(syncer("fine"), says(Healthy));
    monitor.start().unwrap();
    begun.recv().unwrap();
    while fine.status().0 != Healthy {
        std::thread::yield_now();
    }
    clock.advance(TIMEOUT);
    // It waits for the timeout, and not for the check.
    assert_eq!(monitor.check_now().status, Unhealthy);
    assert_eq!(hangs.status(), (Unhealthy, "the check did not end within 10 s".to_owned()));
    let errors = checks(&collector, "error");
    // It is not begun a second time, and is an error all the same.
    monitor.check_now();
    assert_eq!(checks(&collector, "error"), errors + 1.0);
    assert_eq!(fine.status().0, Healthy);
    assert!(begun.try_recv().is_err());
    monitor.stop();
    drop(release);
}

#[test]
fn stopped_it_asks_nobody_and_started_again_it_does() {
    let collector = collector();
    let monitor = monitor(&collector);
    let (asked, asks) = crossbeam_channel::unbounded();
    let _counts = monitor.register(syncer("a"), move || {
        asked.send(()).unwrap();
        Ok(HealthReport::new(Healthy, ""))
    });
    assert_eq!(monitor.check_now().status, Unknown, "it does not run");
    assert_eq!(asks.try_iter().count(), 0);
    for _ in 0..100 {
        monitor.start().unwrap();
        monitor.start().unwrap();
        assert!(monitor.is_running());
        assert_eq!(monitor.check_now().status, Healthy);
        monitor.stop();
        monitor.stop();
        assert!(!monitor.is_running() && asks.try_iter().count() >= 1);
        monitor.check_now();
        assert_eq!(asks.try_iter().count(), 0);
    }
    let counts = monitor.checks();
    assert!(
        counts.total_checks >= 100 && counts.healthy_checks == counts.total_checks,
        "{counts:?}"
    );
}

#[test]
fn its_threads_end_with_the_last_handle() {
    let (held, released) = crossbeam_channel::bounded::<()>(0);
    {
        let registry = Registry::new();
        let held_by_registry = move || held.len() as f64;
        registry.gauge_callback("held", "", held_by_registry).unwrap().detach();
        let collector = MetricsCollector::new(&registry).unwrap();
        let monitor = monitor(&collector);
        let _counts = monitor.register(syncer("a"), says(Healthy));
        monitor.start().unwrap();
        drop(monitor.clone());
        assert!(monitor.is_running());
        assert_eq!(monitor.check_now().status, Healthy);
    }
    // A thread of the monitor would hold the collector, and that the registry.
    assert!(released.recv().is_err());
}

/// A check that says that it was begun, then waits until it is released.
fn hangs() -> (
    impl HealthProvider + Clone + 'static,
    crossbeam_channel::Receiver<()>,
    crossbeam_channel::Sender<()>,
) {
    let (begin, begun) = crossbeam_channel::unbounded();
    let (release, released) = crossbeam_channel::unbounded::<()>();
    let provider = move || {
        begin.send(()).unwrap();
        let _ended = released.recv();
        Ok(HealthReport::new(Healthy, "at last"))
    };
    (provider, begun, release)
}

#[test]
fn a_stop_waits_for_no_check_and_a_start_begins_none_that_still_runs() {
    let (clock, _collector, monitor) = by_hand(512);
    let (provider, begun, release) = hangs();
    let registration = monitor.register(syncer("hangs"), provider);
    monitor.start().unwrap();
    begun.recv().unwrap();
    for _ in 0..3 {
        monitor.stop();
        monitor.start().unwrap();
        clock.advance(TIMEOUT);
        assert_eq!(monitor.check_now().status, Unhealthy);
    }
    assert!(begun.try_recv().is_err(), "it was asked again before it had returned");
    assert_eq!(registration.status().0, Unhealthy);
    drop(release);
}

#[test]
fn as_many_checks_hang_as_there_may_be_threads_and_the_others_are_errors() {
    let (clock, _collector, monitor) = by_hand(2);
    let (provider, begun, release) = hangs();
    let _all: Vec<_> =
        (0..6).map(|id| monitor.register(syncer(&format!("{id}")), provider.clone())).collect();
    monitor.start().unwrap();
    (0..2).for_each(|_| begun.recv().unwrap());
    clock.advance(TIMEOUT);
    assert_eq!(monitor.check_now().message, "6/6 components unhealthy");
    assert!(begun.try_recv().is_err(), "there are two threads");
    monitor.stop();
    drop(release);
}

#[test]
fn checks_that_wait_for_each_other_all_get_a_thread() {
    const MANY: usize = 40;
    let collector = collector();
    let monitor = monitor(&collector);
    let barrier = Arc::new(std::sync::Barrier::new(MANY));
    let _all: Vec<_> = (0..MANY)
        .map(|id| {
            let (barrier, first) = (Arc::clone(&barrier), std::sync::Once::new());
            monitor.register(syncer(&format!("{id}")), move || {
                first.call_once(|| {
                    barrier.wait();
                });
                Ok(HealthReport::new(Healthy, ""))
            })
        })
        .collect();
    monitor.start().unwrap();
    assert_eq!(monitor.check_now().message, "All 40 components healthy");
}

#[test]
fn of_two_with_the_same_labels_the_worse_one_shows() {
    for (first, second) in [(Healthy, Unhealthy), (Unhealthy, Healthy)] {
        let collector = collector();
        let monitor = monitor(&collector);
        let first = (first, monitor.register(syncer("a"), says(first)));
        let second = (second, monitor.register(syncer("a"), says(second)));
        monitor.start().unwrap();
        monitor.check_now();
        assert_eq!(health_of(&collector, "a"), Some(0.0));
        let (worse, better) = if first.0 == Unhealthy { (first, second) } else { (second, first) };
        drop(worse);
        assert_eq!(health_of(&collector, "a"), Some(1.0));
        drop(better);
        assert_eq!(health_of(&collector, "a"), None);
    }
}

#[test]
fn no_interval_is_too_short_or_too_long() {
    for pace in [Duration::ZERO, Duration::MAX] {
        let monitor = HealthMonitor::builder(&collector()).interval(pace).timeout(Duration::MAX);
        let monitor = monitor.build();
        let _a = monitor.register(syncer("a"), says(Healthy));
        monitor.start().unwrap();
        assert_eq!(monitor.check_now().status, Healthy);
    }
}

#[test]
fn a_cluster_is_judged_by_activity_and_errors() {
    let clock = ManualClock::new();
    let activity = Arc::new(ClusterActivity::new(Clock::from(clock.clone())));
    let status = || activity.check().unwrap().status;
    assert_eq!(status(), Healthy);
    (0..9).for_each(|_| activity.succeeded());
    activity.failed();
    assert_eq!(status(), Healthy, "a tenth is not more than a tenth");
    activity.failed();
    assert_eq!(status(), Degraded);
    (0..7).for_each(|_| activity.failed());
    assert_eq!(status(), Degraded, "a half is not more than a half");
    activity.failed();
    assert_eq!(status(), Unhealthy);
    clock.advance(Duration::from_secs(120));
    assert_eq!(status(), Healthy, "they no longer count");
    clock.advance(Duration::from_secs(180));
    assert_eq!(status(), Degraded, "it is quiet");
    activity.succeeded();
    assert_eq!(status(), Healthy);
    activity.failed();
    clock.advance(Duration::from_secs(60));
    assert_eq!(status(), Degraded, "a minute ago counts");
    (0..7).for_each(|_| activity.succeeded());
    activity.failed();
    let report = activity.check().unwrap();
    assert_eq!((report.status, &*report.message), (Degraded, "2 of 10 operations failed"));
}

#[test]
fn a_process_is_judged_by_its_limits() {
    let collector = collector();
    let limits = ProcessLimits::new(&collector, 100.0, 50.0);
    assert!(limits.check().is_err(), "nothing was sampled yet, so it is not healthy");
    for (memory, cpu, expected) in [
        (50, 40.0, Healthy),
        (100, 50.0, Healthy),
        (101, 0.0, Degraded),
        (1, 51.0, Degraded),
        (150, 75.0, Degraded),
        (151, 0.0, Unhealthy),
        (1, 76.0, Unhealthy),
    ] {
        collector.record_memory_usage(memory);
        collector.record_cpu_usage(cpu);
        assert_eq!(limits.check().unwrap().status, expected, "{memory} bytes, {cpu} %");
    }
    let unlimited = ProcessLimits::new(&collector, f64::INFINITY, 100.0);
    assert_eq!(unlimited.check().unwrap().status, Healthy);
    for wrong in [0.0, -1.0, f64::NAN] {
        for (memory, cpu, what) in [(wrong, 50.0, "memory"), (100.0, wrong, "CPU")] {
            let error = ProcessLimits::new(&collector, memory, cpu).check().unwrap_err();
            assert!(error.to_string().starts_with(&format!("the limit of {what} is ")), "{error}");
        }
    }
}
