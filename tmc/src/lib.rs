//! Metrics and observability for transparent multi-cluster control planes.
//!
//! [`MetricsCollector`] records what the catalogue of families knows ([`catalogue`]);
//! [`OperationTracker`] and [`track_operation`] count operations with their latency and errors;
//! [`MetricsReporter`] samples the process and serves everything over HTTP, as [`MetricsConfig`] says.
//! [`TmcError`] says what failed, [`convert_kubernetes_error`] makes one of what a cluster answers (and,
//! with the feature `kube`, of a `kube::Error`); [`RetryStrategy`] and [`CircuitBreaker`] recover.
//! The engine below, its exposition and the sampler are re-exported as [`engine`], [`exposition`]
//! and [`sysmon`].
//!
//! ```
//! use std::time::Duration;
//! use tmc_metrics::{HealthStatus, MetricsCollector, Registry};
//!
//! # fn main() -> Result<(), tmc_metrics::RegisterError> {
//! let registry = Registry::new();
//! let collector = MetricsCollector::new(&registry)?;
//! collector.record_component_health("SyncTargetController", "syncer-1", "prod-cluster", HealthStatus::Healthy);
//! collector.record_sync_duration("prod-cluster", "apps/v1/Deployment", "sync", Duration::from_millis(1500));
//!
//! // A hot path keeps a handle.
//! let synced = collector.families().sync_duration.with(["prod-cluster", "v1/Service", "sync"]);
//! synced.observe_duration(Duration::from_millis(20));
//! # Ok(())
//! # }
//! ```

#[path = "instrumented.rs"]
#[doc(hidden)]
pub mod __private;
pub mod catalogue;
mod collector;
mod config;
mod error;
mod health;
mod operation;
pub mod queue;
mod recovery;
mod reporter;
mod summary;
mod tracker;

pub use tmc_engine as engine;
pub use tmc_exposition as exposition;
pub use tmc_metrics_macros::instrumented;
pub use tmc_sysmon as sysmon;

pub use catalogue::{FAMILIES, Families};
pub use collector::{CustomMetricError, HealthCheckResult, MetricsCollector};
pub use config::{ConfigError, FamilyConfig, MetricsConfig};
pub use engine::{
    Clock, Collector, Counter, CounterFamily, Family, FloatCounter, FloatCounterFamily, Gauge,
    GaugeFamily, GaugeHistogram, GaugeHistogramFamily, Histogram, HistogramFamily, HistogramSpec,
    InFlightAge, InFlightAgeFamily, Info, InfoFamily, LabelSet, LabelValue, ManualClock,
    RegisterError, Registry, RegistryBuilder, Scope, Snapshot, StateSet, StateSetFamily, Summary,
    SummaryFamily, SummarySpec, UpDownCounter, UpDownCounterFamily,
};
pub use error::{
    Classify, Condition, ConditionError, ConditionStatus, ErrorType, RecoveryAction, Severity,
    Status, StatusDetails, TmcError, TmcErrorBuilder, convert_kubernetes_error,
};
pub use health::{
    CheckCounts, ClusterActivity, ComponentHealth, ComponentInfo, ComponentType, HealthCounts,
    HealthError, HealthMonitor, HealthMonitorBuilder, HealthProvider, HealthRegistration,
    HealthReport, HealthStatus, OverallHealth, ProcessLimits, StatusHolder,
};
pub use operation::{Operation, Running};
pub use recovery::{
    BreakerError, CircuitBreaker, CircuitBreakerBuilder, CircuitOpen, CircuitState, Delays, Jitter,
    Permit, Recovery, RecoveryConfigError, RetryStrategy, RetryStrategyBuilder, StopSignal, Wait,
    Waited,
};
pub use reporter::{MetricsReporter, ReporterError};
pub use summary::{HealthMetrics, MetricsSummary};
pub use tracker::{OperationTracker, track_operation, track_operation_async};

/// Compiles and runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
