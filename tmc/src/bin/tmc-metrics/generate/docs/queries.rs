//! Which part of the documentation a family stands in, and what one would ask of it.
//! Upstream: the catalogue. Downstream: the documentation.

use tmc_metrics::catalogue::FamilyDef;
use tmc_metrics::engine::Kind;

/// Titles by how names begin; the first that fits.
const SECTIONS: &[(&str, &str)] = &[
    ("tmc_component_", "Components"),
    ("tmc_placement", "Placement"),
    ("tmc_sync_", "Sync"),
    ("tmc_migration", "Migration"),
    ("tmc_cluster_", "Clusters"),
    ("tmc_resource_", "Aggregation, projection, transformation"),
    ("tmc_virtual_workspace", "Virtual workspaces"),
    ("tmc_recovery_", "Recovery"),
    ("tmc_api_", "API"),
    ("tmc_health_check", "Health checks"),
    ("tmc_queue_", "Work queues"),
    ("tmc_", "Process"),
];

/// Questions that its type alone does not suggest.
const QUESTIONS: &[(&str, &str)] = &[
    ("tmc_component_health", "# not healthy; -1, unknown, among them\ntmc_component_health < 1"),
    (
        "tmc_component_uptime_seconds",
        "# restarted within an hour\ntmc_component_uptime_seconds < 3600",
    ),
    (
        "tmc_component_operations_total",
        "# success ratio\nsum by (component_type, operation) (rate(tmc_component_operations_total{status=\"success\"}[5m]))\n\
         / sum by (component_type, operation) (rate(tmc_component_operations_total[5m]))",
    ),
    (
        "tmc_component_errors_total",
        "# errors per operation\nsum by (component_type, component_id) (rate(tmc_component_errors_total[5m]))\n\
         / sum by (component_type, component_id) (rate(tmc_component_operations_total[5m]))",
    ),
    ("tmc_placements_total", "sum by (logical_cluster, status) (tmc_placements_total)"),
    (
        "tmc_sync_resources_total",
        "# share that is not synced\nsum by (cluster) (tmc_sync_resources_total{status!=\"synced\"})\n\
         / sum by (cluster) (tmc_sync_resources_total)",
    ),
    ("tmc_sync_backlog_size", "sum by (cluster) (tmc_sync_backlog_size)"),
    ("tmc_sync_lag_seconds", "max by (cluster, gvk) (tmc_sync_lag_seconds)"),
    (
        "tmc_migrations_total",
        "# share of completed ones: a gauge has no rate\nsum(tmc_migrations_total{status=\"completed\"}) / sum(tmc_migrations_total)",
    ),
    (
        "tmc_migration_errors_total",
        "# within 10 minutes, the very first of a series too; after a gap in scraping, old ones as well\n\
         (tmc_migration_errors_total unless tmc_migration_errors_total offset 10m)\n\
         or increase(tmc_migration_errors_total[10m]) > 0",
    ),
    (
        "tmc_migration_data_size_bytes",
        "# bytes per second\nsum by (source_cluster, target_cluster) (rate(tmc_migration_data_size_bytes_sum[1h]))",
    ),
    ("tmc_cluster_health", "# not healthy; -1, unknown, among them\ntmc_cluster_health < 1"),
    ("tmc_cluster_connectivity", "tmc_cluster_connectivity == 0"),
    ("tmc_cluster_capacity_utilization", "topk(5, tmc_cluster_capacity_utilization)"),
    ("tmc_cluster_resources_total", "sum by (cluster) (tmc_cluster_resources_total)"),
    (
        "tmc_recovery_attempts_total",
        "# active ones\nsum by (error_type, strategy, component) (tmc_recovery_attempts_total)\n\
         - (sum by (error_type, strategy, component) (tmc_recovery_successes_total) or 0 * sum by (error_type, strategy, component) (tmc_recovery_attempts_total))\n\
         - (sum by (error_type, strategy, component) (tmc_recovery_failures_total) or 0 * sum by (error_type, strategy, component) (tmc_recovery_attempts_total))",
    ),
    (
        "tmc_api_requests_total",
        "# server errors per second\nsum by (endpoint) (rate(tmc_api_requests_total{status_code=~\"5..\"}[5m]))",
    ),
];

/// The title over a family.
pub(super) fn section(name: &str) -> &'static str {
    let fits = SECTIONS.iter().find(|(start, _)| name.starts_with(start));
    fits.map_or("Others", |(_, title)| title)
}

/// The query that one would ask.
pub(super) fn query(family: &FamilyDef) -> String {
    let FamilyDef { name, kind, labels, .. } = family;
    if let Some((_, query)) = QUESTIONS.iter().find(|(asked, _)| asked == name) {
        return (*query).to_owned();
    }
    let labels = labels.join(", ");
    match kind {
        Kind::Counter if labels.is_empty() => format!("rate({name}[5m])"),
        Kind::Counter => format!("sum by ({labels}) (rate({name}[5m]))"),
        Kind::Histogram => {
            format!("histogram_quantile(0.95, sum by ({labels}, le) (rate({name}_bucket[5m])))")
        }
        _ => (*name).to_owned(),
    }
}
