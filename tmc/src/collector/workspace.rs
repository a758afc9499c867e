//! Virtual workspaces, and the objects that are aggregated, projected and transformed for them.
//! Upstream: workspace managers, aggregators, projection controllers.
//! Downstream: the families `tmc_resource_*` and `tmc_virtual_workspace*`.

use std::time::Duration;

use super::{MetricsCollector, set_count};
use crate::error::ErrorType;

impl MetricsCollector {
    /// Adds one to `tmc_resource_aggregations_total`.
    pub fn record_resource_aggregation(&self, gvk: &str, strategy: &str, status: &str) {
        self.families().resource_aggregations.at([gvk, strategy, status]).inc();
    }

    /// Adds one to `tmc_resource_projections_total`.
    pub fn record_resource_projection(
        &self,
        source_cluster: &str,
        target_cluster: &str,
        gvk: &str,
        status: &str,
    ) {
        let family = &self.families().resource_projections;
        family.at([source_cluster, target_cluster, gvk, status]).inc();
    }

    /// Adds one to `tmc_resource_conflicts_total`.
    pub fn record_resource_conflict(
        &self,
        cluster: &str,
        gvk: &str,
        conflict_type: &str,
        resolution: &str,
    ) {
        let family = &self.families().resource_conflicts;
        family.at([cluster, gvk, conflict_type, resolution]).inc();
    }

    /// Adds one to `tmc_resource_transformations_total`.
    pub fn record_resource_transformation(
        &self,
        transformation_type: &str,
        gvk: &str,
        status: &str,
    ) {
        self.families().resource_transformations.at([transformation_type, gvk, status]).inc();
    }

    /// Sets the gauge `tmc_virtual_workspaces_total`.
    pub fn record_virtual_workspace_count(&self, logical_cluster: &str, status: &str, count: u64) {
        set_count(&self.families().virtual_workspaces.at([logical_cluster, status]), count);
    }

    /// Observes `tmc_virtual_workspace_operation_duration_seconds`.
    pub fn record_virtual_workspace_latency(
        &self,
        operation: &str,
        workspace: &str,
        duration: Duration,
    ) {
        let family = &self.families().virtual_workspace_latency;
        family.at([operation, workspace]).observe_duration(duration);
    }

    /// Adds one to `tmc_virtual_workspace_errors_total`.
    pub fn record_virtual_workspace_error(
        &self,
        workspace: &str,
        error_type: ErrorType,
        component: &str,
    ) {
        let family = &self.families().virtual_workspace_errors;
        family.at([workspace, error_type.as_str(), component]).inc();
    }
}
