//! Clusters: health, connectivity, capacity, objects.
//! Upstream: cluster health trackers. Downstream: the families `tmc_cluster_*`.

use super::{MetricsCollector, set_count};
use crate::health::HealthStatus;

impl MetricsCollector {
    /// Sets `tmc_cluster_health`: 1 healthy, 0.5 degraded, 0 unhealthy, -1 unknown.
    pub fn record_cluster_health(
        &self,
        cluster: &str,
        logical_cluster: &str,
        status: HealthStatus,
    ) {
        self.families().cluster_health.at([cluster, logical_cluster]).set(status.gauge_value());
    }

    /// Sets `tmc_cluster_connectivity`: 1 connected, 0 not.
    pub fn record_cluster_connectivity(
        &self,
        cluster: &str,
        logical_cluster: &str,
        connected: bool,
    ) {
        let value = if connected { 1.0 } else { 0.0 };
        self.families().cluster_connectivity.at([cluster, logical_cluster]).set(value);
    }

    /// Sets `tmc_cluster_capacity_utilization`: the share in use, 0 to 1 (more where a cluster is
    /// overcommitted).
    pub fn record_cluster_capacity(&self, cluster: &str, resource_type: &str, utilization: f64) {
        self.families().cluster_capacity.at([cluster, resource_type]).set(utilization);
    }

    /// Sets the gauge `tmc_cluster_resources_total`.
    pub fn record_cluster_resource_count(
        &self,
        cluster: &str,
        gvk: &str,
        namespace: &str,
        count: u64,
    ) {
        set_count(&self.families().cluster_resources.at([cluster, gvk, namespace]), count);
    }
}
