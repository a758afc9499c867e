//! Placements: how many, how long, on how many clusters, errors and retries.
//! Upstream: placement controllers. Downstream: the families `tmc_placement*`.

use std::time::Duration;

use super::{MetricsCollector, set_count};
use crate::error::ErrorType;

impl MetricsCollector {
    /// Sets the gauge `tmc_placements_total`.
    pub fn record_placement_count(
        &self,
        logical_cluster: &str,
        namespace: &str,
        status: &str,
        count: u64,
    ) {
        let family = &self.families().placements;
        set_count(&family.at([logical_cluster, namespace, status]), count);
    }

    /// Observes `tmc_placement_duration_seconds`.
    pub fn record_placement_duration(
        &self,
        logical_cluster: &str,
        operation: &str,
        status: &str,
        duration: Duration,
    ) {
        let family = &self.families().placement_duration;
        family.at([logical_cluster, operation, status]).observe_duration(duration);
    }

    /// Adds one to `tmc_placement_errors_total`.
    pub fn record_placement_error(
        &self,
        logical_cluster: &str,
        error_type: ErrorType,
        cluster: &str,
    ) {
        let family = &self.families().placement_errors;
        family.at([logical_cluster, error_type.as_str(), cluster]).inc();
    }

    /// Adds one to `tmc_placement_retries_total`.
    pub fn record_placement_retry(&self, logical_cluster: &str, reason: &str) {
        self.families().placement_retries.at([logical_cluster, reason]).inc();
    }

    /// Sets `tmc_placement_clusters`: the clusters in one placement.
    pub fn record_placement_cluster_count(
        &self,
        logical_cluster: &str,
        namespace: &str,
        placement: &str,
        count: u64,
    ) {
        let family = &self.families().placement_clusters;
        set_count(&family.at([logical_cluster, namespace, placement]), count);
    }
}
