//! Runs collection: the sampler of the process, and the server that Prometheus scrapes.
//! Upstream: the application's start and stop. Downstream: `tmc-sysmon`, `tmc-exposition`.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tmc_exposition::{Page, Readiness, Request, ServeError, Server};
use tmc_sysmon::{Sampler, SamplerError};

use crate::collector::MetricsCollector;
use crate::config::{ConfigError, MetricsConfig};
use crate::health::{HealthMonitor, HealthStatus};
use crate::summary::MetricsSummary;

/// Where the summary is served.
const SUMMARY: &str = "/summary";
/// Where every component is served.
const COMPONENTS: &str = "/components";

/// Why collection did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReporterError {
    /// The configuration is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The sampler did not start.
    #[error(transparent)]
    Sampler(#[from] SamplerError),
    /// The server did not start: its address is taken, or is none of this machine.
    #[error(transparent)]
    Server(#[from] ServeError),
    /// The system has no thread for health checks.
    #[error("no thread for health checks: {0}")]
    Health(#[source] std::io::Error),
}

/// Starts and stops collection as a [`MetricsConfig`] says. Dropping it stops it.
///
/// It serves the metrics; as JSON, the summary at `/summary`, and at `/components` how each component does
/// and why; whether the process lives at `/healthz`; and at `/readyz` whether its components do: 503 while
/// one is unhealthy, and until each was checked once.
///
/// ```
/// use tmc_metrics::{MetricsCollector, MetricsConfig, MetricsReporter};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config = MetricsConfig::from_yaml("{ listen_address: 127.0.0.1, prometheus_port: 0 }")?;
/// let registry = config.build_registry()?;
/// let collector = MetricsCollector::new(&registry)?;
/// let reporter = MetricsReporter::new(collector, config);
/// reporter.start()?;
/// let address = reporter.local_addr().expect("prometheus_enabled is the default");
/// // `http://{address}/metrics` is served until
/// reporter.stop();
/// # assert!(address.port() != 0);
/// # Ok(())
/// # }
/// ```
pub struct MetricsReporter {
    collector: MetricsCollector,
    config: MetricsConfig,
    /// Counts the tasks of the runtime that is attached.
    tasks: Option<Arc<dyn Fn() -> u64 + Send + Sync>>,
    health: Option<HealthMonitor>,
    routes: Vec<(String, Handler)>,
    /// Held while starting or stopping, so that the two never overlap; taken before `running`.
    transition: Mutex<()>,
    /// Held for a moment only, so that the questions about the state never wait for a stop.
    running: Arc<Mutex<Option<Running>>>,
}

/// Makes a page.
type Handler = Arc<dyn Fn(&Request<'_>) -> Page + Send + Sync>;

/// What runs between start and stop.
struct Running {
    /// Stopped first: what is served to the end is what the sampler feeds.
    server: Option<Server>,
    sampler: Sampler,
}

impl MetricsReporter {
    /// A reporter that does not run yet. What is sampled and served is the collector's registry.
    pub fn new(collector: MetricsCollector, config: MetricsConfig) -> Self {
        let (transition, running) = (Mutex::new(()), Arc::default());
        let routes = Vec::new();
        Self { collector, config, tasks: None, health: None, routes, transition, running }
    }

    /// Attaches an async runtime: `tasks` says how many tasks are alive, and `tmc_goroutines_total`
    /// then counts them instead of threads. It is called when a sample is taken, from the next start
    /// on.
    #[must_use]
    pub fn tasks(mut self, tasks: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        self.tasks = Some(Arc::new(tasks));
        self
    }

    /// Attaches a monitor of health, which from now on runs while the reporter does. The summary and
    /// `/readyz` follow it.
    #[must_use]
    pub fn health(mut self, monitor: HealthMonitor) -> Self {
        self.health = Some(monitor);
        self
    }

    /// Adds a page of the application's own to what is served. Pages are made one at a time, on a thread
    /// for pages; see [`ServerBuilder::route`](tmc_exposition::ServerBuilder::route) for what
    /// [`start`](Self::start) refuses.
    #[must_use]
    pub fn route(
        mut self,
        path: impl Into<String>,
        page: impl Fn(&Request<'_>) -> Page + Send + Sync + 'static,
    ) -> Self {
        self.routes.push((path.into(), Arc::new(page)));
        self
    }

    /// Starts the sampler, the health monitor, then the server if `prometheus_enabled`. Does nothing if they
    /// run already, or if the configuration says that it is not `enabled`.
    ///
    /// # Errors
    /// The configuration is invalid, the sampler cannot start, or the address cannot be listened on.
    /// Nothing runs then.
    pub fn start(&self) -> Result<(), ReporterError> {
        let _transition = lock(&self.transition);
        self.config.validate()?;
        if !self.config.enabled || self.is_active() {
            return Ok(());
        }
        let mut sampler =
            Sampler::builder(self.collector.registry()).interval(self.config.collection_interval);
        if let Some(tasks) = self.tasks.clone() {
            sampler = sampler.tasks(move || tasks());
        }
        let sampler = sampler.start()?;
        if let Some(health) = &self.health {
            health.start().map_err(ReporterError::Health)?;
        }
        let server = self.config.prometheus_enabled.then(|| self.serve()).transpose();
        let server = server.inspect_err(|_| self.stop_health())?;
        *lock(&self.running) = Some(Running { server, sampler });
        Ok(())
    }

    fn stop_health(&self) {
        if let Some(health) = &self.health {
            health.stop();
        }
    }

    fn serve(&self) -> Result<Server, ServeError> {
        let address = self.config.socket_address();
        let mut server = Server::builder(self.collector.registry().clone())
            .listen(address.to_string())
            .metrics_path(&self.config.prometheus_path)
            .open_probes(self.config.open_probes)
            .route(SUMMARY, self.summary_page())
            .route(COMPONENTS, self.components_page());
        for (path, page) in &self.routes {
            let page = Arc::clone(page);
            server = server.route(path, move |request| page(request));
        }
        if let Some(health) = self.health.clone() {
            server = server.readiness(move || readiness(&health));
        }
        if let Some(file) = &self.config.web_config_file {
            server = server.web_config_file(file);
        }
        server.start()
    }

    fn summary_page(&self) -> impl Fn(&Request<'_>) -> Page + Send + Sync + 'static {
        let (health, clock) = (self.health.clone(), self.collector.clock().clone());
        let running = Arc::clone(&self.running);
        move |_| {
            let active = lock(&running).is_some();
            json(&MetricsSummary::new(health.as_ref(), clock.wall(), active))
        }
    }

    fn components_page(&self) -> impl Fn(&Request<'_>) -> Page + Send + Sync + 'static {
        let health = self.health.clone();
        move |_| json(&health.as_ref().map_or_else(Vec::new, HealthMonitor::components))
    }

    /// How everything does now.
    #[must_use]
    pub fn metrics_summary(&self) -> MetricsSummary {
        let now = self.collector.clock().wall();
        MetricsSummary::new(self.health.as_ref(), now, self.is_active())
    }

    /// Stops the server, the health monitor and the sampler and waits for all. Does nothing if nothing runs; `start`
    /// may follow. What was recorded stays.
    pub fn stop(&self) {
        let _transition = lock(&self.transition);
        let running = lock(&self.running).take();
        if let Some(Running { server, sampler }) = running {
            if let Some(server) = server {
                server.shutdown();
            }
            self.stop_health();
            sampler.stop();
        }
    }

    /// Whether collection runs.
    pub fn is_active(&self) -> bool {
        lock(&self.running).is_some()
    }

    /// Where metrics are served, with the port that was taken; `None` where nothing is served.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        lock(&self.running).as_ref()?.server.as_ref().map(Server::local_addr)
    }

    /// The collector that it reports for.
    pub fn collector(&self) -> &MetricsCollector {
        &self.collector
    }

    /// The configuration it runs with.
    pub fn config(&self) -> &MetricsConfig {
        &self.config
    }
}

fn json(value: &impl Serialize) -> Page {
    match serde_json::to_vec_pretty(value) {
        Ok(mut body) => {
            body.push(b'\n');
            Page::new("application/json", body)
        }
        Err(error) => Page::new("text/plain", error.to_string()).status(500),
    }
}

/// What a process is worth whose components do like that.
fn readiness(health: &HealthMonitor) -> Readiness {
    let overall = health.overall();
    let says = format!("{}: {}", overall.status, overall.message);
    match overall.status {
        HealthStatus::Healthy | HealthStatus::Degraded => Readiness::ReadyWith(says),
        HealthStatus::Unknown if overall.details.total_components == 0 => {
            Readiness::ReadyWith(says)
        }
        HealthStatus::Unknown | HealthStatus::Unhealthy => Readiness::NotReady(says),
    }
}

/// Both locks guard values that are valid whatever panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for MetricsReporter {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for MetricsReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsReporter")
            .field("config", &self.config)
            .field("active", &self.is_active())
            .finish_non_exhaustive()
    }
}
