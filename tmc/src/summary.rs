//! The summary of everything: health, checks, and whether collection runs.
//! Upstream: the reporter. Downstream: `/summary`, whoever asks for it.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::health::{CheckCounts, HealthMonitor, OverallHealth};

/// How everything does. As JSON, it has the keys of the documentation:
///
/// ```
/// use tmc_metrics::{MetricsCollector, MetricsConfig, MetricsReporter, Registry};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let collector = MetricsCollector::new(&Registry::new())?;
/// let summary = MetricsReporter::new(collector, MetricsConfig::default()).metrics_summary();
/// let json = serde_json::to_value(&summary)?;
/// assert_eq!(json["overall_health"]["status"], "Unknown");
/// assert_eq!(json["overall_health"]["message"], "No components registered");
/// assert_eq!(json["overall_health"]["details"]["totalComponents"], 0);
/// assert_eq!(json["health_metrics"]["totalChecks"], 0);
/// assert_eq!(json["collection_active"], false);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MetricsSummary {
    /// All components, taken together.
    pub overall_health: OverallHealth,
    /// The checks that led to it.
    pub health_metrics: HealthMetrics,
    /// When the summary was made, in seconds since 1970.
    pub timestamp: u64,
    /// Whether collection runs.
    pub collection_active: bool,
}

/// Health checks since the monitor was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthMetrics {
    /// How many, and how they ended.
    #[serde(flatten)]
    pub checks: CheckCounts,
    /// Components that are checked.
    pub registered_components: u64,
    /// Those of them whose last check ran to its end.
    pub active_components: u64,
}

impl MetricsSummary {
    pub(crate) fn new(
        monitor: Option<&HealthMonitor>,
        now: SystemTime,
        collection_active: bool,
    ) -> Self {
        let nothing = || (OverallHealth::of(std::iter::empty()), CheckCounts::default(), (0, 0));
        let (overall_health, checks, (registered_components, active_components)) =
            monitor.map_or_else(nothing, HealthMonitor::at_once);
        let health_metrics = HealthMetrics { checks, registered_components, active_components };
        let timestamp = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self { overall_health, health_metrics, timestamp, collection_active }
    }
}
