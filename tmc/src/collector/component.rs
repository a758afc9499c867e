//! Components: health, uptime, operations, errors, latency.
//! Upstream: components and the operation tracker. Downstream: the families `tmc_component_*`.

use std::time::Duration;

use super::{MetricsCollector, set_seconds};
use crate::error::{ErrorType, Severity};
use crate::health::HealthStatus;

impl MetricsCollector {
    /// Sets `tmc_component_health`: 1 healthy, 0.5 degraded, 0 unhealthy, -1 unknown.
    pub fn record_component_health(
        &self,
        component_type: &str,
        component_id: &str,
        cluster: &str,
        status: HealthStatus,
    ) {
        let family = &self.families().component_health;
        family.at([component_type, component_id, cluster]).set(status.gauge_value());
    }

    /// Sets `tmc_component_uptime_seconds`.
    pub fn record_component_uptime(
        &self,
        component_type: &str,
        component_id: &str,
        cluster: &str,
        uptime: Duration,
    ) {
        let family = &self.families().component_uptime;
        set_seconds(&family.at([component_type, component_id, cluster]), uptime);
    }

    /// Adds one to `tmc_component_operations_total`. The statuses of the catalogue are `success`,
    /// `error`, `timeout` and `cancelled`; [`operation_tracker`](Self::operation_tracker) keeps to them.
    pub fn record_component_operation(
        &self,
        component_type: &str,
        component_id: &str,
        operation: &str,
        status: &str,
    ) {
        let family = &self.families().component_operations;
        family.at([component_type, component_id, operation, status]).inc();
    }

    /// Adds one to `tmc_component_errors_total`.
    pub fn record_component_error(
        &self,
        component_type: &str,
        component_id: &str,
        error_type: ErrorType,
        severity: Severity,
    ) {
        let family = &self.families().component_errors;
        family.at([component_type, component_id, error_type.as_str(), severity.as_str()]).inc();
    }

    /// Observes `tmc_component_operation_duration_seconds`.
    pub fn record_component_latency(
        &self,
        component_type: &str,
        component_id: &str,
        operation: &str,
        duration: Duration,
    ) {
        let family = &self.families().component_latency;
        family.at([component_type, component_id, operation]).observe_duration(duration);
    }
}
