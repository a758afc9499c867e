//! TMC / Placement, migration, recovery: where workloads are, how they move, and what heals itself.
//! Upstream: the catalogue. Downstream: dashboards.

use super::panel::{GREEN, ORANGE, Panel, RED};
use super::query::{LOGICAL_CLUSTER, moves, quantile, rate, rate_of_moves};
use super::{Dashboard, Row, cluster, component_id, component_type, datasource, logical_cluster};

pub(super) const NAME: &str = "placement-migration-recovery";
const COMPONENT: &str = r#"component=~"$component_type""#;
/// A cluster may be either end of a migration.
const MIGRATIONS: &str = "Of the chosen clusters, as source or as target";

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: NAME,
        path: "dashboards/placement-migration-recovery.json",
        title: "TMC / Placement, migration, recovery",
        uid: "tmc-placement-migration-recovery",
        description: "Placements on clusters, migrations between them, recoveries from errors, and virtual \
                      workspaces",
        variables: vec![
            datasource(),
            cluster(),
            logical_cluster(),
            component_type(),
            component_id(),
        ],
        rows: vec![
            Row { title: "Placement", panels: placements() },
            Row { title: "Migration", panels: migrations() },
            Row { title: "Recovery", panels: recoveries() },
            Row { title: "Virtual workspaces", panels: workspaces() },
        ],
    }
}

fn placements() -> Vec<Panel> {
    let placer = &format!(r#"{}, component_type="PlacementController""#, super::query::COMPONENT);
    vec![
        Panel::stat("Placements by status", "short").size(12, 4).thresholds("text", &[]).query(
            format!("sum by (status) (tmc_placements_total{{{LOGICAL_CLUSTER}}})"),
            "{{status}}",
        ),
        Panel::stat("Clusters per placement, mean", "short")
            .size(12, 4)
            .thresholds("text", &[])
            .query(
                format!("avg by (logical_cluster) (tmc_placement_clusters{{{LOGICAL_CLUSTER}}})"),
                "{{logical_cluster}}",
            ),
        Panel::timeseries("Placements by namespace", "short").query(
            format!("sum by (namespace, status) (tmc_placements_total{{{LOGICAL_CLUSTER}}})"),
            "{{namespace}} - {{status}}",
        ),
        Panel::timeseries("Placement latency, 95th percentile", "s").query(
            quantile(
                "0.95",
                "tmc_placement_duration_seconds",
                LOGICAL_CLUSTER,
                "operation, status",
            ),
            "{{operation}} - {{status}}",
        ),
        Panel::timeseries("Placement errors", "cps").query(
            rate("tmc_placement_errors_total", LOGICAL_CLUSTER, "cluster, error_type"),
            "{{cluster}} - {{error_type}}",
        ),
        Panel::timeseries("Placement retries", "cps").query(
            rate("tmc_placement_retries_total", LOGICAL_CLUSTER, "logical_cluster, reason"),
            "{{logical_cluster}} - {{reason}}",
        ),
        Panel::timeseries("Placement operations", "ops").size(24, 8).query(
            rate("tmc_component_operations_total", placer, "component_id, operation, status"),
            "{{component_id}} - {{operation}} - {{status}}",
        ),
    ]
}

fn migrations() -> Vec<Panel> {
    let all = moves("tmc_migrations_total", "");
    let completed = moves("tmc_migrations_total", r#", status="completed""#);
    let ends = "source_cluster, target_cluster";
    let latency = |q| {
        let buckets =
            rate_of_moves("tmc_migration_duration_seconds_bucket", &format!("{ends}, le"));
        format!("histogram_quantile({q}, {buckets})")
    };
    vec![
        Panel::stat("Migrations by status", "short")
            .describe(MIGRATIONS)
            .size(12, 4)
            .thresholds("text", &[])
            .query(format!("sum by (status) ({all})"), "{{status}}"),
        Panel::stat("Completed share", "percentunit")
            .describe("Of the migrations that are counted now: the family is a gauge")
            .size(12, 4)
            .between(0.0, 1.0)
            .thresholds(RED, &[(0.5, ORANGE), (0.9, GREEN)])
            .query(format!("sum({completed}) / sum({all})"), "completed"),
        Panel::timeseries("Migrations by clusters", "short").describe(MIGRATIONS).query(
            format!("sum by ({ends}, status) ({all})"),
            "{{source_cluster}} to {{target_cluster}} - {{status}}",
        ),
        Panel::timeseries("Migration duration", "s")
            .describe(MIGRATIONS)
            .query(latency("0.95"), "{{source_cluster}} to {{target_cluster}} - p95")
            .query(latency("0.5"), "{{source_cluster}} to {{target_cluster}} - p50"),
        Panel::timeseries("Migration errors", "cps").describe(MIGRATIONS).query(
            rate_of_moves("tmc_migration_errors_total", &format!("{ends}, phase, error_type")),
            "{{source_cluster}} to {{target_cluster}} - {{phase}}: {{error_type}}",
        ),
        Panel::timeseries("Rollbacks", "cps").describe(MIGRATIONS).query(
            rate_of_moves("tmc_migration_rollbacks_total", &format!("{ends}, reason")),
            "{{source_cluster}} to {{target_cluster}} - {{reason}}",
        ),
        Panel::timeseries("Data moved", "Bps").size(24, 8).describe(MIGRATIONS).query(
            rate_of_moves("tmc_migration_data_size_bytes_sum", &format!("{ends}, resource_type")),
            "{{source_cluster}} to {{target_cluster}} - {{resource_type}}",
        ),
    ]
}

fn recoveries() -> Vec<Panel> {
    let by = "error_type, strategy, component";
    let total = |counter: &str| format!("sum by ({by}) ({counter}{{{COMPONENT}}})");
    let [attempts, successes, failures] = [
        "tmc_recovery_attempts_total",
        "tmc_recovery_successes_total",
        "tmc_recovery_failures_total",
    ];
    let grown =
        |counter| format!("sum by (component) (increase({counter}{{{COMPONENT}}}[$__range]))");
    let (won, tried) = (grown(successes), grown(attempts));
    vec![
        Panel::stat("Active recoveries", "short")
            .describe("Attempted, and neither succeeded nor failed yet")
            .size(12, 4)
            .thresholds(GREEN, &[(1.0, ORANGE)])
            .query(
                format!(
                    "sum({all} - ({won} or 0 * {all}) - ({lost} or 0 * {all}))",
                    all = total(attempts),
                    won = total(successes),
                    lost = total(failures),
                ),
                "active",
            ),
        Panel::stat("Recovered", "percentunit")
            .describe("Share of the attempts in the time range shown")
            .size(12, 4)
            .between(0.0, 1.0)
            .thresholds(RED, &[(0.5, ORANGE), (0.9, GREEN)])
            .query(format!("({won} or 0 * {tried}) / {tried}"), "{{component}}"),
        Panel::timeseries("Recovery attempts", "cps").query(
            rate(attempts, COMPONENT, "component, strategy, error_type"),
            "{{component}} - {{strategy}}: {{error_type}}",
        ),
        Panel::timeseries("Recoveries by outcome", "cps")
            .query(
                rate(successes, COMPONENT, "component, strategy"),
                "{{component}} - {{strategy}} succeeded",
            )
            .query(
                rate(failures, COMPONENT, "component, strategy"),
                "{{component}} - {{strategy}} failed",
            ),
        Panel::timeseries("Recovery duration, 95th percentile", "s").size(24, 8).query(
            quantile("0.95", "tmc_recovery_duration_seconds", "", "error_type, strategy"),
            "{{strategy}}: {{error_type}}",
        ),
    ]
}

fn workspaces() -> Vec<Panel> {
    vec![
        Panel::stat("Virtual workspaces by status", "short")
            .size(24, 4)
            .thresholds("text", &[])
            .query(
                format!("sum by (status) (tmc_virtual_workspaces_total{{{LOGICAL_CLUSTER}}})"),
                "{{status}}",
            ),
        Panel::timeseries("Workspace latency, 95th percentile", "s").query(
            quantile(
                "0.95",
                "tmc_virtual_workspace_operation_duration_seconds",
                "",
                "workspace, operation",
            ),
            "{{workspace}} - {{operation}}",
        ),
        Panel::timeseries("Workspace errors", "cps").query(
            rate(
                "tmc_virtual_workspace_errors_total",
                COMPONENT,
                "workspace, component, error_type",
            ),
            "{{workspace}} - {{component}}: {{error_type}}",
        ),
    ]
}
