//! The health monitor with its threads, and what shows of it: gauges, counters, summary, `/readyz`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use tmc_metrics::HealthStatus::{Degraded, Healthy, Unhealthy, Unknown};
use tmc_metrics::{
    Clock, ClusterActivity, ComponentInfo, HealthMonitor, HealthProvider, HealthReport,
    HealthStatus, ManualClock, MetricsCollector, MetricsConfig, MetricsReporter, ProcessLimits,
    Registry,
};

/// Longer than any test runs.
const NEVER: Duration = Duration::from_secs(3600);
/// Soon over, and nothing depends on how soon.
const SOON: Duration = Duration::from_millis(30);

fn collector() -> MetricsCollector {
    MetricsCollector::new(&Registry::new()).unwrap()
}

fn monitor(collector: &MetricsCollector) -> HealthMonitor {
    HealthMonitor::builder(collector).interval(NEVER).timeout(NEVER).build()
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
    let collector = collector();
    let monitor = HealthMonitor::builder(&collector).interval(NEVER).timeout(SOON).build();
    let (release, released) = crossbeam_channel::unbounded::<()>();
    let hangs = monitor.register(syncer("hangs"), move || {
        let _ended = released.recv();
        Ok(HealthReport::new(Healthy, "at last"))
    });
    let fine = monitor.register(syncer("fine"), says(Healthy));
    monitor.start().unwrap();
    // It waits for the timeout, and not for the check.
    assert_eq!(monitor.check_now().status, Unhealthy);
    assert_eq!(hangs.status(), (Unhealthy, "the check did not end within 0.03 s".to_owned()));
    assert_eq!(fine.status().0, Healthy);
    let errors = checks(&collector, "error");
    // It is not begun a second time, and is an error all the same.
    monitor.check_now();
    assert!(checks(&collector, "error") > errors);
    assert_eq!(fine.status().0, Healthy);
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
    for _ in 0..3 {
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
}

#[test]
fn a_process_is_judged_by_its_limits() {
    let collector = collector();
    let limits = ProcessLimits::new(&collector, 100.0, 50.0);
    for (memory, cpu, expected) in [
        (50, 40.0, Healthy),
        (101, 0.0, Degraded),
        (0, 51.0, Degraded),
        (151, 0.0, Unhealthy),
        (0, 76.0, Unhealthy),
    ] {
        collector.record_memory_usage(memory);
        collector.record_cpu_usage(cpu);
        assert_eq!(limits.check().unwrap().status, expected, "{memory} bytes, {cpu} %");
    }
}

fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[test]
fn readiness_follows_overall_health_and_the_process_lives_on() {
    let cases: [(&[HealthStatus], u16, &str); 6] = [
        (&[], 200, "Unknown: No components registered"),
        (&[Healthy], 200, "Healthy: All 1 components healthy"),
        (&[Healthy, Degraded], 200, "Degraded: 1/2 components degraded"),
        (&[Degraded, Unhealthy], 503, "not ready: Unhealthy: 1/2 components unhealthy"),
        (&[Healthy, Unknown], 503, "not ready: Unknown: 1/2 components unknown"),
        (&[Unknown], 503, "not ready: Unknown: 1/1 components unknown"),
    ];
    let yaml = "{ listen_address: 127.0.0.1, prometheus_port: 0 }";
    for (statuses, code, body) in cases {
        let collector = collector();
        let monitor = monitor(&collector);
        let registrations: Vec<_> = (0..)
            .zip(statuses)
            .map(|(id, status)| monitor.register(syncer(&format!("{id}")), says(*status)))
            .collect();
        let config = MetricsConfig::from_yaml(yaml).unwrap();
        let reporter = MetricsReporter::new(collector, config).health(monitor.clone());
        assert!(!monitor.is_running());
        reporter.start().unwrap();
        monitor.check_now();
        let address = reporter.local_addr().unwrap();
        let (status, said) = get(address, "/readyz");
        assert_eq!((status, said.trim_end()), (code, body));
        assert_eq!(get(address, "/healthz").0, 200);

        let (status, json) = get(address, "/summary");
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((status, &json["collection_active"]), (200, &true.into()));
        let details = &json["overall_health"]["details"];
        assert_eq!(details["totalComponents"], statuses.len());
        let count = |of| statuses.iter().filter(|status| **status == of).count();
        assert_eq!(details["healthyComponents"], count(Healthy));
        assert_eq!(details["degradedComponents"], count(Degraded));
        assert_eq!(details["unhealthyComponents"], count(Unhealthy));
        assert_eq!(details["unknownComponents"], count(Unknown));
        assert_eq!(json["health_metrics"]["registeredComponents"], statuses.len());
        assert!(json["timestamp"].as_u64().unwrap() > 1_700_000_000);

        reporter.stop();
        assert!(!monitor.is_running() && !reporter.metrics_summary().collection_active);
        drop(registrations);
    }
}

/// The document's example, key for key, and what the domain adds.
#[test]
fn the_summary_has_the_keys_of_the_document() {
    let summary = MetricsReporter::new(collector(), MetricsConfig::default()).metrics_summary();
    let json = serde_json::to_value(summary).unwrap();
    let keys = |value: &serde_json::Value| -> Vec<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    let sorted = |mut keys: Vec<String>| {
        keys.sort();
        keys
    };
    let expected = ["collection_active", "health_metrics", "overall_health", "timestamp"];
    assert_eq!(sorted(keys(&json)), expected);
    assert_eq!(sorted(keys(&json["overall_health"])), ["details", "message", "status"]);
    let details = [
        "degradedComponents",
        "healthyComponents",
        "totalComponents",
        "unhealthyComponents",
        "unknownComponents",
    ];
    assert_eq!(sorted(keys(&json["overall_health"]["details"])), details);
    let checks = [
        "activeComponents",
        "degradedChecks",
        "errorChecks",
        "healthyChecks",
        "registeredComponents",
        "totalChecks",
        "unhealthyChecks",
    ];
    assert_eq!(sorted(keys(&json["health_metrics"])), checks);
}

#[cfg(feature = "tokio")]
mod on_tokio {
    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).build().unwrap()
    }

    #[test]
    fn futures_are_checked_and_their_panics_contained() {
        let (collector, runtime) = (collector(), runtime());
        let monitor = monitor(&collector);
        let fine = async || Ok(HealthReport::new(Healthy, "polled"));
        let fine = monitor.register_async(syncer("fine"), runtime.handle(), fine);
        let check = || async { panic!("on purpose") };
        let panics = monitor.register_async(syncer("panics"), runtime.handle(), check);
        monitor.start().unwrap();
        assert_eq!(monitor.check_now().message, "1/2 components unhealthy");
        assert_eq!(fine.status(), (Healthy, "polled".to_owned()));
        assert_eq!(panics.status().1, "the check failed: it panicked");
    }

    #[test]
    fn a_future_that_takes_too_long_is_dropped_and_begun_again() {
        let (collector, runtime) = (collector(), runtime());
        let monitor = HealthMonitor::builder(&collector).interval(NEVER).timeout(SOON).build();
        let (dropped, drops) = crossbeam_channel::unbounded();
        let hangs = monitor.register_async(syncer("hangs"), runtime.handle(), move || {
            let dropped = SendOnDrop(dropped.clone());
            async move {
                let _dropped = dropped;
                std::future::pending().await
            }
        });
        monitor.start().unwrap();
        assert_eq!(monitor.check_now().status, Unhealthy);
        drops.recv().unwrap();
        assert_eq!(hangs.status().0, Unhealthy);
        monitor.stop();
    }

    struct SendOnDrop(crossbeam_channel::Sender<()>);

    impl Drop for SendOnDrop {
        fn drop(&mut self) {
            let _gone = self.0.send(());
        }
    }
}
