//! Migrations: how many, how long, how much data, errors and rollbacks.
//! Upstream: the migration engine. Downstream: the families `tmc_migration*`.

use std::time::Duration;

use super::{MetricsCollector, set_count};
use crate::error::ErrorType;

impl MetricsCollector {
    /// Sets the gauge `tmc_migrations_total`.
    pub fn record_migration_count(
        &self,
        source_cluster: &str,
        target_cluster: &str,
        status: &str,
        count: u64,
    ) {
        let family = &self.families().migrations;
        set_count(&family.at([source_cluster, target_cluster, status]), count);
    }

    /// Observes `tmc_migration_duration_seconds`.
    pub fn record_migration_duration(
        &self,
        source_cluster: &str,
        target_cluster: &str,
        strategy: &str,
        duration: Duration,
    ) {
        let family = &self.families().migration_duration;
        family.at([source_cluster, target_cluster, strategy]).observe_duration(duration);
    }

    /// Adds one to `tmc_migration_errors_total`.
    pub fn record_migration_error(
        &self,
        source_cluster: &str,
        target_cluster: &str,
        error_type: ErrorType,
        phase: &str,
    ) {
        let family = &self.families().migration_errors;
        family.at([source_cluster, target_cluster, error_type.as_str(), phase]).inc();
    }

    /// Adds one to `tmc_migration_rollbacks_total`.
    pub fn record_migration_rollback(
        &self,
        source_cluster: &str,
        target_cluster: &str,
        reason: &str,
    ) {
        let family = &self.families().migration_rollbacks;
        family.at([source_cluster, target_cluster, reason]).inc();
    }

    /// Observes `tmc_migration_data_size_bytes`.
    pub fn record_migration_data_size(
        &self,
        source_cluster: &str,
        target_cluster: &str,
        resource_type: &str,
        bytes: u64,
    ) {
        let family = &self.families().migration_data_size;
        family.at([source_cluster, target_cluster, resource_type]).record(bytes);
    }
}
