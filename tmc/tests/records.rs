//! Every `record_*` method yields the line that the documentation prints for it.

mod common;

use std::time::Duration;

use common::{assert_line, value};
use tmc_metrics::{
    ErrorType, HealthCheckResult, HealthStatus, MetricsCollector, Registry, Severity,
};

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;

/// Records, and asserts that exactly these lines are what a scrape then sees.
fn check(record: impl FnOnce(&MetricsCollector), lines: &[&str]) {
    let registry = Registry::new();
    let collector = MetricsCollector::new(&registry).unwrap();
    record(&collector);
    let snapshot = registry.snapshot();
    for line in lines {
        assert_line(&snapshot, line);
    }
    let catalogued = |name: &str| tmc_metrics::catalogue::find(name).is_some();
    let families = snapshot.families().filter(|family| catalogued(family.name()));
    let series: usize = families.map(|family| family.series().count()).sum();
    assert_eq!(series, lines.len(), "a method touched a series that {lines:?} does not name");
}

#[test]
fn component_methods_match_the_document() {
    check(
        |c| {
            c.record_component_health(
                "SyncTargetController",
                "syncer-prod-cluster",
                "prod-cluster",
                HealthStatus::Healthy,
            );
            c.record_component_uptime(
                "SyncTargetController",
                "syncer-prod-cluster",
                "prod-cluster",
                Duration::from_millis(90_500),
            );
            for _ in 0..125 {
                c.record_component_operation(
                    "SyncTargetController",
                    "syncer-prod-cluster",
                    "sync-resource",
                    "success",
                );
            }
            for _ in 0..3 {
                c.record_component_error(
                    "PlacementController",
                    "placement-controller-1",
                    ErrorType::ClusterUnreachable,
                    Severity::High,
                );
            }
            c.record_component_latency(
                "VirtualWorkspaceManager",
                "workspace-manager",
                "aggregate-resources",
                Duration::from_millis(245),
            );
        },
        &[
            r#"tmc_component_health{component_type="SyncTargetController", component_id="syncer-prod-cluster", cluster="prod-cluster"} 1.0"#,
            r#"tmc_component_uptime_seconds{component_type="SyncTargetController", component_id="syncer-prod-cluster", cluster="prod-cluster"} 90.5"#,
            r#"tmc_component_operations_total{component_type="SyncTargetController", component_id="syncer-prod-cluster", operation="sync-resource", status="success"} 125"#,
            r#"tmc_component_errors_total{component_type="PlacementController", component_id="placement-controller-1", error_type="ClusterUnreachable", severity="High"} 3"#,
            r#"tmc_component_operation_duration_seconds{component_type="VirtualWorkspaceManager", component_id="workspace-manager", operation="aggregate-resources"} 0.245"#,
        ],
    );
}

#[test]
fn placement_methods_match_the_document() {
    check(
        |c| {
            c.record_placement_count("root:production", "default", "scheduled", 15);
            let two = Duration::from_secs(2);
            c.record_placement_duration("root:production", "schedule", "success", two);
            c.record_placement_error("root:production", ErrorType::PlacementCapacity, "cluster-1");
            c.record_placement_cluster_count("root:production", "default", "web-app", 3);
            c.record_placement_retry("root:production", "capacity");
        },
        &[
            r#"tmc_placements_total{logical_cluster="root:production", namespace="default", status="scheduled"} 15"#,
            r#"tmc_placement_duration_seconds{logical_cluster="root:production", operation="schedule", status="success"} 2.0"#,
            r#"tmc_placement_errors_total{logical_cluster="root:production", error_type="PlacementCapacity", cluster="cluster-1"} 1"#,
            r#"tmc_placement_clusters{logical_cluster="root:production", namespace="default", placement="web-app"} 3"#,
            r#"tmc_placement_retries_total{logical_cluster="root:production", reason="capacity"} 1"#,
        ],
    );
}

#[test]
fn sync_methods_match_the_document() {
    check(
        |c| {
            let deployment = "apps/v1/Deployment";
            c.record_sync_resource_count("prod-cluster", "default", deployment, "synced", 50);
            let duration = Duration::from_millis(1500);
            c.record_sync_duration("prod-cluster", deployment, "sync", duration);
            c.record_sync_error("prod-cluster", "apps/v1/Service", ErrorType::SyncFailure);
            c.record_sync_backlog_size("prod-cluster", "deployment-queue", 25);
            c.record_sync_lag("prod-cluster", deployment, Duration::from_secs(30));
        },
        &[
            r#"tmc_sync_resources_total{cluster="prod-cluster", namespace="default", gvk="apps/v1/Deployment", status="synced"} 50"#,
            r#"tmc_sync_duration_seconds{cluster="prod-cluster", gvk="apps/v1/Deployment", operation="sync"} 1.5"#,
            r#"tmc_sync_errors_total{cluster="prod-cluster", gvk="apps/v1/Service", error_type="SyncFailure"} 1"#,
            r#"tmc_sync_backlog_size{cluster="prod-cluster", queue="deployment-queue"} 25"#,
            r#"tmc_sync_lag_seconds{cluster="prod-cluster", gvk="apps/v1/Deployment"} 30"#,
        ],
    );
}

#[test]
fn migration_methods_match_the_document() {
    check(
        |c| {
            c.record_migration_count("cluster-a", "cluster-b", "in-progress", 2);
            let ten_minutes = Duration::from_secs(600);
            c.record_migration_duration("cluster-a", "cluster-b", "live-migration", ten_minutes);
            let failure = ErrorType::MigrationFailure;
            c.record_migration_error("cluster-a", "cluster-b", failure, "data-transfer");
            c.record_migration_data_size("cluster-a", "cluster-b", "PersistentVolume", 5 * GIB);
            c.record_migration_rollback("cluster-a", "cluster-b", "verification-failed");
        },
        &[
            r#"tmc_migrations_total{source_cluster="cluster-a", target_cluster="cluster-b", status="in-progress"} 2"#,
            r#"tmc_migration_duration_seconds{source_cluster="cluster-a", target_cluster="cluster-b", strategy="live-migration"} 600"#,
            r#"tmc_migration_errors_total{source_cluster="cluster-a", target_cluster="cluster-b", error_type="MigrationFailure", phase="data-transfer"} 1"#,
            r#"tmc_migration_data_size_bytes{source_cluster="cluster-a", target_cluster="cluster-b", resource_type="PersistentVolume"} 5368709120"#,
            r#"tmc_migration_rollbacks_total{source_cluster="cluster-a", target_cluster="cluster-b", reason="verification-failed"} 1"#,
        ],
    );
}

#[test]
fn workspace_methods_match_the_document() {
    check(
        |c| {
            c.record_resource_aggregation("apps/v1/Deployment", "union", "success");
            c.record_resource_projection("cluster-1", "cluster-2", "v1/Service", "active");
            let stateful_set = "apps/v1/StatefulSet";
            c.record_resource_conflict(
                "cluster-1",
                stateful_set,
                "version-conflict",
                "last-writer-wins",
            );
            c.record_resource_transformation("strip-status", "v1/Service", "success");
            c.record_virtual_workspace_count("root:production", "active", 15);
            let half = Duration::from_millis(500);
            c.record_virtual_workspace_latency("aggregate", "prod-workspace", half);
            let failure = ErrorType::AggregationFailure;
            c.record_virtual_workspace_error("prod-workspace", failure, "aggregator");
        },
        &[
            r#"tmc_resource_aggregations_total{gvk="apps/v1/Deployment", strategy="union", status="success"} 1"#,
            r#"tmc_resource_projections_total{source_cluster="cluster-1", target_cluster="cluster-2", gvk="v1/Service", status="active"} 1"#,
            r#"tmc_resource_conflicts_total{cluster="cluster-1", gvk="apps/v1/StatefulSet", conflict_type="version-conflict", resolution="last-writer-wins"} 1"#,
            r#"tmc_resource_transformations_total{transformation_type="strip-status", gvk="v1/Service", status="success"} 1"#,
            r#"tmc_virtual_workspaces_total{logical_cluster="root:production", status="active"} 15"#,
            r#"tmc_virtual_workspace_operation_duration_seconds{operation="aggregate", workspace="prod-workspace"} 0.5"#,
            r#"tmc_virtual_workspace_errors_total{workspace="prod-workspace", error_type="AggregationFailure", component="aggregator"} 1"#,
        ],
    );
}

#[test]
fn cluster_methods_match_the_document() {
    check(
        |c| {
            c.record_cluster_health("prod-cluster-1", "root:production", HealthStatus::Healthy);
            c.record_cluster_connectivity("prod-cluster-1", "root:production", true);
            c.record_cluster_capacity("prod-cluster-1", "cpu", 0.75);
            c.record_cluster_resource_count("prod-cluster-1", "apps/v1/Deployment", "default", 25);
        },
        &[
            r#"tmc_cluster_health{cluster="prod-cluster-1", logical_cluster="root:production"} 1.0"#,
            r#"tmc_cluster_connectivity{cluster="prod-cluster-1", logical_cluster="root:production"} 1.0"#,
            r#"tmc_cluster_capacity_utilization{cluster="prod-cluster-1", resource_type="cpu"} 0.75"#,
            r#"tmc_cluster_resources_total{cluster="prod-cluster-1", gvk="apps/v1/Deployment", namespace="default"} 25"#,
        ],
    );
}

#[test]
fn system_methods_match_the_document() {
    check(
        |c| {
            c.record_go_routines(150);
            c.record_memory_usage(256 * MIB);
            c.record_cpu_usage(25.5);
            let duration = Duration::from_millis(150);
            c.record_api_request("GET", "/api/v1/placements", "200", duration);
        },
        &[
            "tmc_goroutines_total 150",
            "tmc_memory_usage_bytes 268435456",
            "tmc_cpu_usage_percent 25.5",
            r#"tmc_api_requests_total{method="GET", endpoint="/api/v1/placements", status_code="200"} 1"#,
            r#"tmc_api_request_duration_seconds{method="GET", endpoint="/api/v1/placements", status_code="200"} 0.15"#,
        ],
    );
}

#[test]
fn recovery_methods_record_their_line() {
    check(
        |c| {
            let error = ErrorType::ClusterUnreachable;
            c.record_recovery_attempt(error, "retry", "syncer");
            c.record_recovery_attempt(error, "retry", "syncer");
            c.record_recovery_success(error, "retry", "syncer");
            c.record_recovery_failure(error, "retry", "syncer");
            c.record_recovery_duration(error, "retry", Duration::from_secs(7));
        },
        &[
            r#"tmc_recovery_attempts_total{error_type="ClusterUnreachable", strategy="retry", component="syncer"} 2"#,
            r#"tmc_recovery_successes_total{error_type="ClusterUnreachable", strategy="retry", component="syncer"} 1"#,
            r#"tmc_recovery_failures_total{error_type="ClusterUnreachable", strategy="retry", component="syncer"} 1"#,
            r#"tmc_recovery_duration_seconds{error_type="ClusterUnreachable", strategy="retry"} 7"#,
        ],
    );
}

#[test]
fn queue_methods_record_their_line() {
    check(
        |c| {
            c.record_queue_add("work");
            c.record_queue_add("work");
            c.record_queue_depth("work", 2);
            c.record_queue_wait("work", Duration::from_millis(40));
            c.record_queue_processing("work", Duration::from_millis(3));
            c.record_queue_retry("work");
        },
        &[
            r#"tmc_queue_adds_total{queue="work"} 2"#,
            r#"tmc_queue_depth{queue="work"} 2"#,
            r#"tmc_queue_wait_duration_seconds{queue="work"} 0.04"#,
            r#"tmc_queue_processing_duration_seconds{queue="work"} 0.003"#,
            r#"tmc_queue_retries_total{queue="work"} 1"#,
        ],
    );
}

#[test]
fn a_health_check_counts_by_result_and_an_error_counts_twice() {
    check(
        |c| {
            let duration = Duration::from_millis(20);
            c.record_health_check("RecoveryManager", HealthCheckResult::Degraded, duration);
        },
        &[
            r#"tmc_health_checks_total{component_type="RecoveryManager", result="degraded"} 1"#,
            r#"tmc_health_check_duration_seconds{component_type="RecoveryManager"} 0.02"#,
        ],
    );
    check(
        |c| {
            let timeout = Duration::from_secs(10);
            c.record_health_check("RecoveryManager", HealthCheckResult::Error, timeout);
        },
        &[
            r#"tmc_health_checks_total{component_type="RecoveryManager", result="error"} 1"#,
            r#"tmc_health_check_duration_seconds{component_type="RecoveryManager"} 10"#,
            r#"tmc_health_check_errors_total{component_type="RecoveryManager"} 1"#,
        ],
    );
    let words = HealthCheckResult::ALL.map(|result| result.to_string());
    assert_eq!(words, ["healthy", "degraded", "unhealthy", "error"]);
}

#[test]
fn gauges_take_the_last_value() {
    let registry = Registry::new();
    let collector = MetricsCollector::new(&registry).unwrap();
    let health = r#"tmc_cluster_health{cluster="c", logical_cluster="l"} 0"#;
    for (status, expected) in [
        (HealthStatus::Healthy, 1.0),
        (HealthStatus::Degraded, 0.5),
        (HealthStatus::Unhealthy, 0.0),
        (HealthStatus::Unknown, -1.0),
    ] {
        collector.record_cluster_health("c", "l", status);
        assert_eq!(value(&registry.snapshot(), health), Some(expected));
    }
    collector.record_cluster_connectivity("c", "l", true);
    collector.record_cluster_connectivity("c", "l", false);
    let connectivity = r#"tmc_cluster_connectivity{cluster="c", logical_cluster="l"} 0"#;
    assert_eq!(value(&registry.snapshot(), connectivity), Some(0.0));
}

#[test]
fn a_collector_of_the_same_registry_records_into_the_same_families() {
    let registry = Registry::new();
    let first = MetricsCollector::new(&registry).unwrap();
    let second = MetricsCollector::new(&registry).unwrap();
    first.record_queue_add("work");
    second.clone().record_queue_add("work");
    assert_line(&registry.snapshot(), r#"tmc_queue_adds_total{queue="work"} 2"#);
}

#[test]
fn without_a_recording_no_system_gauge_shows_a_false_zero() {
    let registry = Registry::new();
    let _collector = MetricsCollector::new(&registry).unwrap();
    let snapshot = registry.snapshot();
    for name in ["tmc_goroutines_total", "tmc_memory_usage_bytes", "tmc_cpu_usage_percent"] {
        let series = snapshot.family(name).map_or(0, |family| family.series().count());
        assert_eq!(series, 0, "{name}");
    }
}

#[test]
fn a_clash_with_a_family_of_another_kind_is_refused() {
    let registry = Registry::new();
    registry.counter("tmc_queue_depth", "Not a gauge").unwrap();
    let error = MetricsCollector::new(&registry).unwrap_err().to_string();
    assert!(error.contains("tmc_queue_depth"), "{error}");
}
