//! Health checks: how many, how they ended, how long they took.
//! Upstream: whoever checks. Downstream: the families `tmc_health_check*`.

use std::fmt;
use std::time::Duration;

use super::MetricsCollector;

/// How a health check ended; the value of the label `result`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HealthCheckResult {
    /// The component is healthy.
    Healthy,
    /// The component is degraded.
    Degraded,
    /// The component is unhealthy.
    Unhealthy,
    /// The check itself failed to run, so nothing is known.
    Error,
}

impl HealthCheckResult {
    /// Every result.
    pub const ALL: [Self; 4] = [Self::Healthy, Self::Degraded, Self::Unhealthy, Self::Error];

    /// The label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for HealthCheckResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl MetricsCollector {
    /// Counts a check in `tmc_health_checks_total`, observes `tmc_health_check_duration_seconds`,
    /// and for [`HealthCheckResult::Error`] counts it in `tmc_health_check_errors_total` too.
    pub fn record_health_check(
        &self,
        component_type: &str,
        result: HealthCheckResult,
        duration: Duration,
    ) {
        let families = self.families();
        families.health_checks.at([component_type, result.as_str()]).inc();
        families.health_check_duration.at([component_type]).observe_duration(duration);
        if result == HealthCheckResult::Error {
            families.health_check_errors.at([component_type]).inc();
        }
    }
}
