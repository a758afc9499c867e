//! Runs collection: the sampler of the process, and the server that Prometheus scrapes.
//! Upstream: the application's start and stop. Downstream: `tmc-sysmon`, `tmc-exposition`.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tmc_engine::Registry;
use tmc_sysmon::{Sampler, SamplerError};

use crate::collector::MetricsCollector;
use crate::config::{ConfigError, MetricsConfig};

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
}

/// Starts and stops collection as a [`MetricsConfig`] says. Dropping it stops it.
pub struct MetricsReporter {
    collector: MetricsCollector,
    registry: Registry,
    config: MetricsConfig,
    running: Mutex<Option<Running>>,
}

/// What runs between start and stop.
struct Running {
    sampler: Sampler,
}

impl MetricsReporter {
    /// A reporter that does not run yet. `registry` is the one that is sampled into and served: the
    /// one that `collector` was made with.
    pub fn new(collector: MetricsCollector, registry: Registry, config: MetricsConfig) -> Self {
        Self { collector, registry, config, running: Mutex::new(None) }
    }

    /// Starts the sampler, and the server if `prometheus_enabled`. Does nothing if it runs already,
    /// or if the configuration says that it is not `enabled`.
    ///
    /// # Errors
    /// The configuration is invalid, the sampler cannot start, or the address cannot be listened on.
    /// Nothing runs then.
    pub fn start(&self) -> Result<(), ReporterError> {
        self.config.validate()?;
        let mut running = self.running();
        if !self.config.enabled || running.is_some() {
            return Ok(());
        }
        let sampler =
            Sampler::builder(&self.registry).interval(self.config.collection_interval).start()?;
        *running = Some(Running { sampler });
        Ok(())
    }

    /// Stops the server and the sampler and waits for both. Does nothing if nothing runs; `start`
    /// may follow. What was recorded stays.
    pub fn stop(&self) {
        let running = self.running().take();
        if let Some(Running { sampler }) = running {
            sampler.stop();
        }
    }

    /// Whether collection runs.
    pub fn is_active(&self) -> bool {
        self.running().is_some()
    }

    /// Where metrics are served, with the port that was taken; `None` where nothing is served.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.running().as_ref().map(|_| self.config.socket_address())
    }

    /// The collector that it reports for.
    pub fn collector(&self) -> &MetricsCollector {
        &self.collector
    }

    /// The configuration it runs with.
    pub fn config(&self) -> &MetricsConfig {
        &self.config
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
