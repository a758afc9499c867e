//! Serves the metrics and a small API of the mirror's state, and checks that it answers.
//! Upstream: status, the registry. Downstream: the HTTP server of `tmc-exposition`.
//!
//! Requests to the API are what `tmc_api_*` counts: those of people, and those of the check.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use serde::Serialize;
use tmc_metrics::exposition::{Page, Readiness, Request, ServeError, Server};
use tmc_metrics::{ErrorType, HealthCheckResult, HealthStatus, MetricsCollector, TmcError};

use super::status::{Shared, Status};

const CLUSTERS: &str = "/api/v1/clusters";
const PLACEMENTS: &str = "/api/v1/placements";
/// The component that serves.
pub(crate) const API: &str = "ApiServer";
const API_ID: &str = "api-server";
const CONTROL_PLANE: &str = "control-plane";
/// The time from one check to the next.
const EVERY: Duration = Duration::from_secs(2);
/// The longest that an answer may take.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Starts the server.
pub(crate) fn start(
    collector: &MetricsCollector,
    status: &Shared,
    address: SocketAddr,
) -> Result<Server, ServeError> {
    let ready = status.clone();
    Server::builder(collector.registry().clone())
        .listen(address.to_string())
        .readiness(move || readiness(&ready.get()))
        .route(CLUSTERS, page(collector, status, CLUSTERS, |status| json(&status.clusters)))
        .route(PLACEMENTS, page(collector, status, PLACEMENTS, |status| json(&status.placements)))
        .start()
}

fn readiness(status: &Status) -> Readiness {
    if status.clusters.is_empty() {
        Readiness::NotReady("the first round has not ended".to_owned())
    } else if status.clusters.iter().all(|cluster| !cluster.connected) {
        Readiness::NotReady("no cluster is connected".to_owned())
    } else {
        Readiness::Ready
    }
}

fn page(
    collector: &MetricsCollector,
    status: &Shared,
    endpoint: &'static str,
    body: fn(&Status) -> Result<Vec<u8>, serde_json::Error>,
) -> impl Fn(&Request<'_>) -> Page + Send + Sync + 'static {
    let (collector, status) = (collector.clone(), status.clone());
    move |request| {
        let start = Instant::now();
        let (code, page) = match body(&status.get()) {
            Ok(body) => ("200", Page::new("application/json", body)),
            Err(error) => ("500", Page::new("text/plain", error.to_string()).status(500)),
        };
        collector.record_api_request(request.method, endpoint, code, start.elapsed());
        page
    }
}

fn json<T: Serialize>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut body = serde_json::to_vec_pretty(value)?;
    body.push(b'\n');
    Ok(body)
}

/// Asks the API over its socket, again and again, until `stop` is closed.
pub(crate) fn check(collector: &MetricsCollector, address: SocketAddr, stop: &Receiver<()>) {
    let started = Instant::now();
    loop {
        let tracker = collector.operation_tracker(API, API_ID, "check-api");
        let start = Instant::now();
        let answer = ask(address, CLUSTERS);
        let result = match &answer {
            Ok(200) => HealthCheckResult::Healthy,
            Ok(_) => HealthCheckResult::Unhealthy,
            Err(_) => HealthCheckResult::Error,
        };
        collector.record_health_check(API, result, start.elapsed());
        let status = match answer {
            Ok(200) => {
                tracker.success();
                HealthStatus::Healthy
            }
            Ok(code) => {
                let error = TmcError::builder(ErrorType::InternalError, API, "check-api");
                tracker.error(&error.message(format!("{CLUSTERS} answers {code}")).build());
                HealthStatus::Unhealthy
            }
            Err(error) => {
                tracker.error(&error);
                HealthStatus::Unhealthy
            }
        };
        collector.record_component_health(API, API_ID, CONTROL_PLANE, status);
        collector.record_component_uptime(API, API_ID, CONTROL_PLANE, started.elapsed());
        match stop.recv_timeout(EVERY) {
            Err(RecvTimeoutError::Timeout) => {}
            _ => return,
        }
    }
}

/// The status code of a GET.
fn ask(address: SocketAddr, path: &str) -> io::Result<u16> {
    let mut stream = TcpStream::connect_timeout(&reachable(address), TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    // The rest is read too, so that closing does not cut the answer off.
    io::copy(&mut stream, &mut io::sink())?;
    std::str::from_utf8(&head)
        .ok()
        .and_then(|head| head.strip_prefix("HTTP/1.1 "))
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP/1.1"))
}

/// An address to connect to: who listens on all interfaces is reached on loopback.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
