//! TMC / Sync operations: how fast objects reach their clusters, and what is in the way.
//! Upstream: the catalogue. Downstream: dashboards.

use super::panel::{GREEN, ORANGE, Panel, RED};
use super::query::{CLUSTER, COMPONENT, quantile, rate, share};
use super::{Dashboard, Row, cluster, component_id, component_type, datasource};

pub(super) const NAME: &str = "sync-operations";
/// The operation that the published queries ask for.
const SYNC: &str = r#"operation="sync-resource""#;

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: NAME,
        path: "dashboards/sync-operations.json",
        title: "TMC / Sync operations",
        uid: "tmc-sync-operations",
        description: "Sync of objects to clusters: success, latency, lag, backlog, queues, conflicts, and \
                      what is aggregated, projected and transformed",
        variables: vec![datasource(), cluster(), component_type(), component_id()],
        rows: vec![
            Row { title: "At a glance", panels: glance() },
            Row { title: "Sync", panels: sync() },
            Row { title: "Work queues", panels: queues() },
            Row { title: "Aggregation, projection, transformation", panels: resources() },
        ],
    }
}

fn glance() -> Vec<Panel> {
    let of = format!("{COMPONENT}, {SYNC}");
    let success = share("tmc_component_operations_total", r#"status="success""#, &of, "operation");
    vec![
        Panel::stat("Sync success ratio", "percentunit")
            .thresholds(RED, &[(0.9, ORANGE), (0.99, GREEN)])
            .between(0.0, 1.0)
            .query(success, "{{operation}}"),
        Panel::stat("Largest lag", "s")
            .thresholds(GREEN, &[(60.0, ORANGE), (300.0, RED)])
            .query(format!("max(tmc_sync_lag_seconds{{{CLUSTER}}})"), "lag"),
        Panel::stat("Backlog", "short")
            .thresholds(GREEN, &[(500.0, ORANGE), (1000.0, RED)])
            .query(format!("sum(tmc_sync_backlog_size{{{CLUSTER}}})"), "pending"),
        Panel::stat("Objects by status", "short").thresholds("text", &[]).query(
            format!("sum by (status) (tmc_sync_resources_total{{{CLUSTER}}})"),
            "{{status}}",
        ),
    ]
}

fn sync() -> Vec<Panel> {
    let latency = |q| quantile(q, "tmc_sync_duration_seconds", CLUSTER, "");
    vec![
        Panel::timeseries("Sync duration", "s")
            .query(latency("0.99"), "99th percentile")
            .query(latency("0.95"), "95th percentile")
            .query(latency("0.5"), "50th percentile"),
        Panel::timeseries("Sync duration by cluster, 95th percentile", "s").query(
            quantile("0.95", "tmc_sync_duration_seconds", CLUSTER, "cluster, operation"),
            "{{cluster}} - {{operation}}",
        ),
        Panel::timeseries("Sync rate", "ops").query(
            rate("tmc_sync_duration_seconds_count", CLUSTER, "cluster, operation"),
            "{{cluster}} - {{operation}}",
        ),
        Panel::timeseries("Sync errors", "cps").query(
            rate("tmc_sync_errors_total", CLUSTER, "cluster, error_type"),
            "{{cluster}} - {{error_type}}",
        ),
        Panel::timeseries("Sync backlog", "short")
            .thresholds(GREEN, &[(1000.0, RED)])
            .query(format!("tmc_sync_backlog_size{{{CLUSTER}}}"), "{{cluster}} - {{queue}}"),
        Panel::timeseries("Sync lag", "s").thresholds(GREEN, &[(300.0, RED)]).query(
            format!("avg by (cluster, gvk) (tmc_sync_lag_seconds{{{CLUSTER}}})"),
            "{{cluster}} - {{gvk}}",
        ),
        Panel::timeseries("Objects by cluster and status", "short").query(
            format!("sum by (cluster, status) (tmc_sync_resources_total{{{CLUSTER}}})"),
            "{{cluster}} - {{status}}",
        ),
        Panel::timeseries("Conflicts", "cps").query(
            rate("tmc_resource_conflicts_total", CLUSTER, "cluster, conflict_type, resolution"),
            "{{cluster}} - {{conflict_type}}, {{resolution}}",
        ),
    ]
}

fn queues() -> Vec<Panel> {
    vec![
        Panel::timeseries("Depth", "short").query("tmc_queue_depth", "{{queue}}"),
        Panel::timeseries("Adds and retries", "ops")
            .query(rate("tmc_queue_adds_total", "", "queue"), "{{queue}} - adds")
            .query(rate("tmc_queue_retries_total", "", "queue"), "{{queue}} - retries"),
        Panel::timeseries("Wait, 95th percentile", "s")
            .query(quantile("0.95", "tmc_queue_wait_duration_seconds", "", "queue"), "{{queue}}"),
        Panel::timeseries("Processing, 95th percentile", "s").query(
            quantile("0.95", "tmc_queue_processing_duration_seconds", "", "queue"),
            "{{queue}}",
        ),
    ]
}

fn resources() -> Vec<Panel> {
    let projections = super::query::rate_of_moves(
        "tmc_resource_projections_total",
        "source_cluster, target_cluster, status",
    );
    vec![
        Panel::timeseries("Aggregations", "ops").size(8, 8).query(
            rate("tmc_resource_aggregations_total", "", "strategy, status"),
            "{{strategy}} - {{status}}",
        ),
        Panel::timeseries("Projections", "ops")
            .size(8, 8)
            .query(projections, "{{source_cluster}} to {{target_cluster}} - {{status}}"),
        Panel::timeseries("Transformations", "ops").size(8, 8).query(
            rate("tmc_resource_transformations_total", "", "transformation_type, status"),
            "{{transformation_type}} - {{status}}",
        ),
    ]
}
