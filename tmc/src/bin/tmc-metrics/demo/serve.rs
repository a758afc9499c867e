//! Serves the metrics and a small API of the mirror's state, and checks that it answers.
//! Upstream: status. Downstream: the reporter, which serves; the health monitor, which checks.
//!
//! Requests to the API are what `tmc_api_*` counts: those of people, and those of the check.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde::Serialize;
use tmc_metrics::exposition::{Page, Request};
use tmc_metrics::{
    ComponentInfo, ErrorType, HealthError, HealthMonitor, HealthRegistration, HealthReport,
    HealthStatus, MetricsCollector, MetricsReporter, ReporterError, TmcError,
};

use super::components::CONTROL_PLANE;
use super::error::DemoError;
use super::status::{Shared, Status};

const CLUSTERS: &str = "/api/v1/clusters";
const PLACEMENTS: &str = "/api/v1/placements";
/// The component that serves.
const API: &str = "ApiServer";
const API_ID: &str = "api-server";
/// The longest that an answer may take.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Adds the API to what the reporter serves.
pub(crate) fn routes(reporter: MetricsReporter, status: &Shared) -> MetricsReporter {
    let collector = reporter.collector().clone();
    let clusters = page(&collector, status, CLUSTERS, |status| json(&status.clusters));
    let placements = page(&collector, status, PLACEMENTS, |status| json(&status.placements));
    reporter.route(CLUSTERS, clusters).route(PLACEMENTS, placements)
}

/// Starts to collect and to serve; gives the address with the port that was taken.
pub(crate) fn start(
    reporter: &MetricsReporter,
    address: SocketAddr,
) -> Result<SocketAddr, DemoError> {
    reporter.start().map_err(|error| match error {
        ReporterError::Server(error) => DemoError::Serve { address, error },
        error => DemoError::Collection(error),
    })?;
    Ok(reporter.local_addr().unwrap_or(address))
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

/// Has the monitor ask the API over its socket, again and again.
pub(crate) fn register(
    collector: &MetricsCollector,
    monitor: &HealthMonitor,
    address: SocketAddr,
) -> HealthRegistration {
    let (collector, started) = (collector.clone(), Instant::now());
    let info = ComponentInfo::new(API, API_ID).cluster(CONTROL_PLANE);
    monitor.register(info, move || {
        collector.record_component_uptime(API, API_ID, CONTROL_PLANE, started.elapsed());
        check(&collector, address)
    })
}

fn check(collector: &MetricsCollector, address: SocketAddr) -> Result<HealthReport, HealthError> {
    let tracker = collector.operation_tracker(API, API_ID, "check-api");
    let answer = ask(address, CLUSTERS).map_err(|error| TmcError::from_io(error, API, "check-api"));
    let code = tracker.conclude(answer.and_then(|code| match code {
        200 => Ok(code),
        code => {
            let error = TmcError::builder(ErrorType::InternalError, API, "check-api");
            Err(error.message(format!("{CLUSTERS} answers {code}")).build())
        }
    }))?;
    Ok(HealthReport::new(HealthStatus::Healthy, format!("{CLUSTERS} answers {code}")))
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
