//! The collector: one `record_*` method for each thing that the catalogue counts.
//! Upstream: the components of a control plane. Downstream: the engine's families, then a scrape.
//!
//! Every `record_*` method takes label values in the order of the catalogue and cannot fail. Each
//! looks its series up; a hot path keeps a handle instead, from [`MetricsCollector::families`].

mod cluster;
mod component;
mod custom;
mod health;
mod migration;
mod placement;
mod queue;
mod recovery;
mod sync;
mod system;
mod workspace;

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Once};
use std::thread;
use std::time::Duration;

use tmc_engine::{Clock, Gauge, RegisterError, Registry};

pub use custom::CustomMetricError;
pub use health::HealthCheckResult;

use crate::catalogue::Families;
use crate::operation::Operation;
use crate::tracker::OperationTracker;

/// Records into every family of the catalogue; a clone is cheap and records into the same families.
#[derive(Clone)]
pub struct MetricsCollector(Arc<Inner>);

struct Inner {
    registry: Registry,
    families: Families,
    custom: custom::CustomMetrics,
    clock: Clock,
}

impl MetricsCollector {
    /// Registers every family of the catalogue. A family that exists already with the same type,
    /// labels and buckets is shared.
    ///
    /// The first collector of a process starts a thread that measures the processor's counter for some
    /// milliseconds ([`Clock::calibrate`]), and then ends; from then on operations are timed by it.
    ///
    /// # Errors
    /// A family of the catalogue clashes with another that was registered before.
    pub fn new(registry: &Registry) -> Result<Self, RegisterError> {
        let collector = Self::with_clock(registry, Clock::system())?;
        calibrate();
        Ok(collector)
    }

    /// As [`new`](Self::new), with a clock that a test moves by hand, and without the thread.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_clock(registry: &Registry, clock: Clock) -> Result<Self, RegisterError> {
        Ok(Self(Arc::new(Inner {
            registry: registry.clone(),
            families: Families::register(registry)?,
            custom: custom::CustomMetrics::default(),
            clock,
        })))
    }

    /// The families, for handles that a hot path keeps.
    pub fn families(&self) -> &Families {
        &self.0.families
    }

    /// The registry that the families are in.
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// Starts to track an operation; see [`OperationTracker`].
    pub fn operation_tracker<'a>(
        &'a self,
        component_type: impl Into<Cow<'a, str>>,
        component_id: impl Into<Cow<'a, str>>,
        operation: impl Into<Cow<'a, str>>,
    ) -> OperationTracker<'a> {
        OperationTracker::start(
            self.into(),
            component_type.into(),
            component_id.into(),
            operation.into(),
        )
    }

    /// Looks the series of an operation up once, for a hot path that runs it again and again; see
    /// [`Operation`]. Locks and allocates.
    #[must_use]
    pub fn operation(
        &self,
        component_type: &str,
        component_id: &str,
        operation: &str,
    ) -> Operation {
        Operation::new(self.clone(), component_type, component_id, operation)
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }
}

/// On a thread of its own, for it takes milliseconds; without one, the system's clock does.
fn calibrate() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let thread = thread::Builder::new().name("tmc-clock".to_owned());
        if let Err(error) = thread.spawn(Clock::calibrate) {
            log::warn!("operations are timed by the system's clock: no thread to calibrate a faster one: {error}");
        }
    });
}

impl fmt::Debug for MetricsCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsCollector").finish_non_exhaustive()
    }
}

impl<'a> From<&'a MetricsCollector> for Cow<'a, MetricsCollector> {
    fn from(collector: &'a MetricsCollector) -> Self {
        Cow::Borrowed(collector)
    }
}

impl From<MetricsCollector> for Cow<'_, MetricsCollector> {
    fn from(collector: MetricsCollector) -> Self {
        Cow::Owned(collector)
    }
}

/// Sets a gauge to a count. Counts above 2^53 lose their last digits, as every Prometheus value does.
fn set_count(gauge: &Gauge, count: u64) {
    gauge.set(count as f64);
}

fn set_seconds(gauge: &Gauge, duration: Duration) {
    gauge.set(duration.as_secs_f64());
}
