//! What is served of health: the summary and `/readyz`, over HTTP.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;

use proptest::prelude::*;
use tmc_metrics::exposition::Page;
use tmc_metrics::{MetricsConfig, MetricsReporter};

use super::*;

fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[test]
fn a_reporter_stops_and_starts_again_while_a_check_hangs() {
    let collector = collector();
    let monitor = monitor(&collector);
    let (provider, begun, release) = hangs();
    let registration = monitor.register(syncer("hangs"), provider);
    let yaml = "{ listen_address: 127.0.0.1, prometheus_port: 0 }";
    let config = MetricsConfig::from_yaml(yaml).unwrap();
    let reporter = MetricsReporter::new(collector, config).health(monitor.clone());
    reporter.start().unwrap();
    begun.recv().unwrap();
    reporter.stop();
    reporter.start().unwrap();
    assert_eq!(get(reporter.local_addr().unwrap(), "/readyz").0, 503, "it is still unknown");
    release.send(()).unwrap();
    drop(release);
    assert_eq!(monitor.check_now().status, Healthy);
    assert_eq!(registration.status().0, Healthy);
    drop(reporter);
    assert!(!monitor.is_running());
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

/// What an operator reads at night: which component, and why; beside the application's own pages.
#[test]
fn every_component_is_served_with_its_reason_and_so_are_pages_of_the_application() {
    let collector = collector();
    let monitor = monitor(&collector);
    let lagging = || Ok(HealthReport::new(Degraded, "lags behind").detail("lag_seconds", 42));
    let _lagging = monitor.register(syncer("a").cluster("edge"), lagging);
    let _broken = monitor.register(ComponentInfo::new("Importer", "b"), || Err("no disk".into()));
    let config = MetricsConfig::from_yaml("{ listen_address: 127.0.0.1, prometheus_port: 0 }");
    let reporter = MetricsReporter::new(collector.clone(), config.unwrap())
        .health(monitor.clone())
        .route("/jobs", |request| Page::new("text/plain", request.method));
    reporter.start().unwrap();
    monitor.check_now();
    let address = reporter.local_addr().unwrap();
    let (code, json) = get(address, "/components");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let expected = serde_json::json!([
        {
            "component_type": "SyncTargetController", "component_id": "a", "cluster": "edge",
            "logical_cluster": "root:a", "status": "Degraded", "message": "lags behind",
            "details": { "lag_seconds": "42" },
        },
        {
            "component_type": "Importer", "component_id": "b", "cluster": "",
            "status": "Unhealthy", "message": "the check failed: no disk", "details": {},
        },
    ]);
    assert_eq!((code, json), (200, expected));
    assert_eq!(get(address, "/jobs"), (200, "GET".to_owned()));
    reporter.stop();

    let twice = MetricsReporter::new(collector, reporter.config().clone())
        .route("/summary", |_| Page::new("text/plain", "another"));
    let error = twice.start().unwrap_err().to_string();
    assert!(error.contains("/summary"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Five components on two clusters are told what to say, round for round; `None` is an error.
    #[test]
    fn what_is_not_healthy_reads_as_healthy_nowhere(
        rounds in prop::collection::vec(
            prop::array::uniform5(prop::sample::select(
                &[Some(Healthy), Some(Healthy), Some(Degraded), Some(Unhealthy), Some(Unknown), None][..],
            )),
            1..5,
        ),
    ) {
        let collector = collector();
        let monitor = monitor(&collector);
        let told = Arc::new(Mutex::new([Some(Unknown); 5]));
        let cluster = |index: usize| ["prod", "edge"][index % 2];
        let _all: Vec<_> = (0..5).map(|index| {
            let told = Arc::clone(&told);
            let info = syncer(&format!("{index}")).cluster(cluster(index));
            monitor.register(info, move || match told.lock().unwrap()[index] {
                Some(status) => Ok(HealthReport::new(status, "as told")),
                None => Err("as told".into()),
            })
        }).collect();
        let config = MetricsConfig::from_yaml("{ listen_address: 127.0.0.1, prometheus_port: 0 }");
        let reporter = MetricsReporter::new(collector.clone(), config.unwrap()).health(monitor.clone());
        reporter.start().unwrap();
        // Ends the round that the start began: whatever is asked from here on is told anew.
        monitor.check_now();
        let mut before = reporter.metrics_summary().health_metrics.checks.total_checks;
        for round in rounds {
            *told.lock().unwrap() = round;
            monitor.check_now();
            let truth = round.map(|status| status.unwrap_or(Unhealthy));
            for (index, status) in truth.into_iter().enumerate() {
                let labels = ["SyncTargetController", &index.to_string(), cluster(index)];
                let shown = value(&collector, "tmc_component_health", &labels);
                prop_assert_eq!(shown, Some(status.gauge_value()));
            }
            for (first, name) in ["prod", "edge"].into_iter().enumerate() {
                let shown = value(&collector, "tmc_cluster_health", &[name, "root:a"]);
                let worst = worst(truth.into_iter().skip(first).step_by(2));
                prop_assert_eq!(shown, Some(worst.gauge_value()));
            }
            let summary = reporter.metrics_summary();
            let (overall, checks) = (&summary.overall_health, &summary.health_metrics.checks);
            prop_assert_eq!(overall.status, worst(truth.into_iter()));
            let of = &overall.details;
            prop_assert_eq!(
                of.total_components,
                of.healthy_components + of.degraded_components + of.unhealthy_components + of.unknown_components
            );
            prop_assert_eq!(
                checks.total_checks,
                checks.healthy_checks + checks.degraded_checks + checks.unhealthy_checks + checks.error_checks
            );
            prop_assert_eq!(checks.total_checks, before + 5);
            before += 5;
            let ready = matches!(overall.status, Healthy | Degraded);
            let (code, body) = get(reporter.local_addr().unwrap(), "/readyz");
            prop_assert_eq!(code, if ready { 200 } else { 503 });
            prop_assert!(body.contains(overall.status.as_str()), "{}", body);
        }
    }
}

/// The table of the domain, one question after the other.
fn worst(statuses: impl Iterator<Item = HealthStatus> + Clone) -> HealthStatus {
    let has = |wanted| statuses.clone().any(|status| status == wanted);
    [Unhealthy, Degraded, Unknown].into_iter().find(|status| has(*status)).unwrap_or(Healthy)
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
