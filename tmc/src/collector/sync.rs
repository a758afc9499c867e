//! Sync: objects, latency, errors, backlog and lag.
//! Upstream: sync targets. Downstream: the families `tmc_sync_*`.

use std::time::Duration;

use super::{MetricsCollector, set_count, set_seconds};
use crate::error::ErrorType;

impl MetricsCollector {
    /// Sets the gauge `tmc_sync_resources_total`.
    pub fn record_sync_resource_count(
        &self,
        cluster: &str,
        namespace: &str,
        gvk: &str,
        status: &str,
        count: u64,
    ) {
        let family = &self.families().sync_resources;
        set_count(&family.at([cluster, namespace, gvk, status]), count);
    }

    /// Observes `tmc_sync_duration_seconds`.
    pub fn record_sync_duration(
        &self,
        cluster: &str,
        gvk: &str,
        operation: &str,
        duration: Duration,
    ) {
        let family = &self.families().sync_duration;
        family.at([cluster, gvk, operation]).observe_duration(duration);
    }

    /// Adds one to `tmc_sync_errors_total`.
    pub fn record_sync_error(&self, cluster: &str, gvk: &str, error_type: ErrorType) {
        self.families().sync_errors.at([cluster, gvk, error_type.as_str()]).inc();
    }

    /// Sets `tmc_sync_backlog_size`.
    pub fn record_sync_backlog_size(&self, cluster: &str, queue: &str, size: u64) {
        set_count(&self.families().sync_backlog_size.at([cluster, queue]), size);
    }

    /// Sets `tmc_sync_lag_seconds`: the time between a change and its sync.
    pub fn record_sync_lag(&self, cluster: &str, gvk: &str, lag: Duration) {
        set_seconds(&self.families().sync_lag.at([cluster, gvk]), lag);
    }
}
