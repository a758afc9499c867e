//! The reporter over a real socket: start, scrape, stop, start again.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use tmc_metrics::{
    ConfigError, MetricsCollector, MetricsConfig, MetricsReporter, Registry, ReporterError,
};

/// Generous: it only ends a test that has failed already.
const DEADLINE: Duration = Duration::from_secs(60);

fn loopback() -> MetricsConfig {
    MetricsConfig {
        listen_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        prometheus_port: 0,
        ..MetricsConfig::default()
    }
}

fn reporter(config: MetricsConfig) -> MetricsReporter {
    let registry = Registry::new();
    let collector = MetricsCollector::new(&registry).unwrap();
    MetricsReporter::new(collector, config)
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// Head and body of the answer.
fn get(address: SocketAddr, path: &str) -> (String, String) {
    let mut stream = connect(address);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("an empty line after the head");
    (head.to_owned(), body.to_owned())
}

/// Whether the other side has closed the connection (or does so before the deadline).
fn is_closed(stream: &mut TcpStream) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionReset};
    let read = stream.read(&mut [0; 1]);
    read.map_or_else(|e| matches!(e.kind(), ConnectionReset | ConnectionAborted), |n| n == 0)
}

#[test]
fn a_scrape_sees_what_was_recorded_and_what_was_sampled() {
    let reporter = reporter(loopback());
    assert!(!reporter.is_active());
    assert_eq!(reporter.local_addr(), None);
    reporter.collector().record_queue_depth("work", 7);

    reporter.start().unwrap();
    assert!(reporter.is_active());
    let address = reporter.local_addr().unwrap();
    assert!(address.ip().is_loopback() && address.port() != 0);

    let (head, body) = get(address, "/metrics");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(
        head.to_ascii_lowercase().contains("content-type: text/plain; version=0.0.4"),
        "{head}"
    );
    assert!(body.contains("\ntmc_queue_depth{queue=\"work\"} 7\n"), "{body}");
    assert!(body.contains("# TYPE tmc_queue_depth gauge\n"), "{body}");
    assert!(body.contains("\ntmc_sysmon_samples_total "), "{body}");
    if cfg!(target_os = "linux") {
        for sampled in ["tmc_memory_usage_bytes ", "tmc_goroutines_total "] {
            assert!(body.lines().any(|line| line.starts_with(sampled)), "{sampled}: {body}");
        }
    }
    assert!(get(address, "/healthz").0.starts_with("HTTP/1.1 200 "));
    assert!(get(address, "/readyz").0.starts_with("HTTP/1.1 200 "));
}

#[test]
fn stop_closes_connections_and_start_serves_again() {
    let reporter = reporter(loopback());
    reporter.collector().record_queue_add("work");
    reporter.start().unwrap();
    let mut open = connect(reporter.local_addr().unwrap());

    reporter.stop();
    assert!(!reporter.is_active());
    assert_eq!(reporter.local_addr(), None);
    assert!(is_closed(&mut open));
    reporter.stop();
    assert!(!reporter.is_active(), "a second stop changes nothing");

    reporter.collector().record_queue_add("work");
    reporter.start().unwrap();
    let (_, body) = get(reporter.local_addr().unwrap(), "/metrics");
    assert!(body.contains("\ntmc_queue_adds_total{queue=\"work\"} 2\n"), "{body}");
}

#[test]
fn a_second_start_changes_nothing() {
    let reporter = reporter(loopback());
    reporter.start().unwrap();
    let address = reporter.local_addr();
    reporter.start().unwrap();
    assert_eq!(reporter.local_addr(), address);
    assert!(get(address.unwrap(), "/metrics").0.starts_with("HTTP/1.1 200 "));
}

#[test]
fn threads_that_race_to_start_and_stop_leave_it_usable() {
    let reporter = reporter(loopback());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    reporter.start().unwrap();
                    reporter.stop();
                }
            });
        }
    });
    assert!(!reporter.is_active());
    reporter.start().unwrap();
    assert!(get(reporter.local_addr().unwrap(), "/metrics").0.starts_with("HTTP/1.1 200 "));
}

#[test]
fn dropping_it_stops_it() {
    let reporter = reporter(loopback());
    reporter.start().unwrap();
    let mut open = connect(reporter.local_addr().unwrap());
    drop(reporter);
    assert!(is_closed(&mut open));
}

#[test]
fn the_configured_path_is_served_and_the_default_is_not() {
    let reporter = reporter(MetricsConfig { prometheus_path: "/tmc".to_owned(), ..loopback() });
    reporter.start().unwrap();
    let address = reporter.local_addr().unwrap();
    assert!(get(address, "/tmc").0.starts_with("HTTP/1.1 200 "));
    assert!(get(address, "/metrics").0.starts_with("HTTP/1.1 404 "));
}

#[test]
fn without_prometheus_it_samples_and_serves_nothing() {
    let reporter = reporter(MetricsConfig { prometheus_enabled: false, ..loopback() });
    reporter.start().unwrap();
    assert!(reporter.is_active());
    assert_eq!(reporter.local_addr(), None);
    let snapshot = reporter.collector().registry().snapshot();
    assert!(snapshot.family("tmc_sysmon_samples_total").is_some());
    reporter.stop();
    assert!(!reporter.is_active());
}

#[test]
fn disabled_it_starts_nothing() {
    let reporter = reporter(MetricsConfig { enabled: false, ..loopback() });
    reporter.start().unwrap();
    assert!(!reporter.is_active());
    assert_eq!(reporter.local_addr(), None);
    let snapshot = reporter.collector().registry().snapshot();
    assert!(snapshot.family("tmc_sysmon_samples_total").is_none());
}

#[test]
fn a_port_in_use_is_an_error_that_names_it_and_starts_nothing() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let reporter = reporter(MetricsConfig { prometheus_port: address.port(), ..loopback() });
    let error = reporter.start().unwrap_err();
    assert!(matches!(error, ReporterError::Server(_)), "{error:?}");
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    assert!(!reporter.is_active());
    assert_eq!(reporter.local_addr(), None);
}

#[test]
fn an_invalid_configuration_starts_nothing() {
    let reporter = reporter(MetricsConfig { collection_interval: Duration::ZERO, ..loopback() });
    let error = reporter.start().unwrap_err();
    assert!(matches!(error, ReporterError::Config(ConfigError::ZeroDuration { .. })), "{error:?}");
    assert!(error.to_string().contains("collection_interval is zero"), "{error}");
    assert!(!reporter.is_active());
}

#[test]
fn an_attached_runtime_says_how_many_tasks_there_are_after_a_restart_too() {
    let reporter = reporter(loopback()).tasks(|| 12_345);
    for _ in 0..2 {
        reporter.start().unwrap();
        let (_, body) = get(reporter.local_addr().unwrap(), "/metrics");
        assert!(body.contains("\ntmc_goroutines_total 12345\n"), "{body}");
        reporter.stop();
    }
}

/// One token: `let-me-in`.
const WEB_CONFIG: &str =
    "bearer_tokens: {test: a3ee786b5707c27d42570785081ec17f5c7db9262a01366af362a1aa61a420b9}\n";

#[test]
fn a_web_configuration_asks_for_a_token_and_lets_probes_in_on_request() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), WEB_CONFIG).unwrap();
    let config = MetricsConfig { web_config_file: Some(file.path().into()), ..loopback() };
    for open_probes in [false, true] {
        let reporter = reporter(MetricsConfig { open_probes, ..config.clone() });
        assert_eq!(reporter.config().open_probes, open_probes);
        reporter.start().unwrap();
        let address = reporter.local_addr().unwrap();
        assert!(get(address, "/metrics").0.starts_with("HTTP/1.1 401 "));
        assert_eq!(get(address, "/healthz").0.starts_with("HTTP/1.1 200 "), open_probes);
        let mut stream = connect(address);
        let request = "GET /metrics HTTP/1.1\r\nHost: test\r\nConnection: close\r\n";
        write!(stream, "{request}Authorization: Bearer let-me-in\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    let missing = MetricsConfig { web_config_file: Some("no/such.yml".into()), ..loopback() };
    let error = reporter(missing).start().unwrap_err().to_string();
    assert!(error.contains("no/such.yml"), "{error}");
}
