//! The catalogue is the published table, name by name, label by label, bucket by bucket; and what the
//! collector registers is the catalogue.

use std::collections::HashSet;

use tmc_metrics::catalogue::{Buckets, FamilyDef, find};
use tmc_metrics::engine::{Kind, Value};
use tmc_metrics::{FAMILIES, MetricsCollector, Registry, sysmon};

/// The table as users know it: name, type, labels in order, buckets.
const TABLE: &str = "
tmc_component_health                             | gauge     | component_type component_id cluster |
tmc_component_uptime_seconds                     | gauge     | component_type component_id cluster |
tmc_component_operations_total                   | counter   | component_type component_id operation status |
tmc_component_errors_total                       | counter   | component_type component_id error_type severity |
tmc_component_operation_duration_seconds         | histogram | component_type component_id operation | DefBuckets
tmc_placements_total                             | gauge     | logical_cluster namespace status |
tmc_placement_duration_seconds                   | histogram | logical_cluster operation status | .1 .25 .5 1 2.5 5 10 30 60 300
tmc_placement_errors_total                       | counter   | logical_cluster error_type cluster |
tmc_placement_retries_total                      | counter   | logical_cluster reason |
tmc_placement_clusters                           | gauge     | logical_cluster namespace placement |
tmc_sync_resources_total                         | gauge     | cluster namespace gvk status |
tmc_sync_duration_seconds                        | histogram | cluster gvk operation | .1 .25 .5 1 2.5 5 10 30
tmc_sync_errors_total                            | counter   | cluster gvk error_type |
tmc_sync_backlog_size                            | gauge     | cluster queue |
tmc_sync_lag_seconds                             | gauge     | cluster gvk |
tmc_migrations_total                             | gauge     | source_cluster target_cluster status |
tmc_migration_duration_seconds                   | histogram | source_cluster target_cluster strategy | 1 5 10 30 60 300 600 1800 3600
tmc_migration_errors_total                       | counter   | source_cluster target_cluster error_type phase |
tmc_migration_rollbacks_total                    | counter   | source_cluster target_cluster reason |
tmc_migration_data_size_bytes                    | histogram | source_cluster target_cluster resource_type | 1024 10240 102400 1048576 10485760 104857600 1073741824
tmc_cluster_health                               | gauge     | cluster logical_cluster |
tmc_cluster_connectivity                         | gauge     | cluster logical_cluster |
tmc_cluster_capacity_utilization                 | gauge     | cluster resource_type |
tmc_cluster_resources_total                      | gauge     | cluster gvk namespace |
tmc_resource_aggregations_total                  | counter   | gvk strategy status |
tmc_resource_projections_total                   | counter   | source_cluster target_cluster gvk status |
tmc_resource_conflicts_total                     | counter   | cluster gvk conflict_type resolution |
tmc_resource_transformations_total               | counter   | transformation_type gvk status |
tmc_virtual_workspaces_total                     | gauge     | logical_cluster status |
tmc_virtual_workspace_operation_duration_seconds | histogram | operation workspace | DefBuckets
tmc_virtual_workspace_errors_total               | counter   | workspace error_type component |
tmc_recovery_attempts_total                      | counter   | error_type strategy component |
tmc_recovery_successes_total                     | counter   | error_type strategy component |
tmc_recovery_failures_total                      | counter   | error_type strategy component |
tmc_recovery_duration_seconds                    | histogram | error_type strategy | 1 5 10 30 60 300 600
tmc_goroutines_total                             | gauge     |  |
tmc_memory_usage_bytes                           | gauge     |  |
tmc_cpu_usage_percent                            | gauge     |  |
tmc_api_request_duration_seconds                 | histogram | method endpoint status_code | DefBuckets
tmc_api_requests_total                           | counter   | method endpoint status_code |
tmc_health_checks_total                          | counter   | component_type result |
tmc_health_check_duration_seconds                | histogram | component_type | DefBuckets
tmc_health_check_errors_total                    | counter   | component_type |
tmc_queue_depth                                  | gauge     | queue |
tmc_queue_adds_total                             | counter   | queue |
tmc_queue_processing_duration_seconds            | histogram | queue | DefBuckets
tmc_queue_wait_duration_seconds                  | histogram | queue | DefBuckets
tmc_queue_retries_total                          | counter   | queue |
";

const DEF_BUCKETS: &str = "0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10";

fn bounds(cell: &str) -> Vec<f64> {
    let cell = if cell == "DefBuckets" { DEF_BUCKETS } else { cell };
    cell.split_whitespace().map(|bound| bound.parse().expect("a boundary")).collect()
}

fn rows() -> Vec<Vec<&'static str>> {
    let lines = TABLE.lines().filter(|line| !line.is_empty());
    lines.map(|line| line.split('|').map(str::trim).collect()).collect()
}

#[test]
fn is_the_published_table() {
    let rows = rows();
    assert_eq!(rows.len(), 48);
    assert_eq!(FAMILIES.len(), rows.len());
    for (family, row) in FAMILIES.iter().zip(&rows) {
        let [name, kind, labels, buckets] = row[..] else { panic!("not four cells: {row:?}") };
        assert_eq!(family.name, name);
        let expected = match kind {
            "counter" => Kind::Counter,
            "gauge" => Kind::Gauge,
            "histogram" => Kind::Histogram,
            other => panic!("{other}"),
        };
        assert_eq!(family.kind, expected, "{name}");
        assert_eq!(family.labels, labels.split_whitespace().collect::<Vec<_>>(), "{name}");
        let expected = bounds(buckets);
        match family.buckets {
            Buckets::None => assert!(expected.is_empty() && kind != "histogram", "{name}"),
            Buckets::Seconds(bounds) => {
                assert_eq!(bounds, expected, "{name}");
                assert!(name.ends_with("_seconds"), "{name}");
            }
            Buckets::Bytes(bounds) => {
                assert_eq!(bounds, expected, "{name}");
                assert!(name.ends_with("_bytes"), "{name}");
            }
        }
    }
}

#[test]
fn names_are_unique_and_six_gauges_end_in_total() {
    let names: HashSet<&str> = FAMILIES.iter().map(|family| family.name).collect();
    assert_eq!(names.len(), FAMILIES.len());
    let total = |kind| {
        let ends = |family: &&FamilyDef| family.kind == kind && family.name.ends_with("_total");
        FAMILIES.iter().filter(ends).count()
    };
    assert_eq!(total(Kind::Gauge), 6);
    let counters = FAMILIES.iter().filter(|family| family.kind == Kind::Counter).count();
    assert_eq!(total(Kind::Counter), counters, "every counter ends in _total");
}

#[test]
fn help_is_one_plain_line() {
    let mut seen = HashSet::new();
    for FamilyDef { name, help, .. } in FAMILIES {
        assert!(help.len() > 5 && help.is_ascii(), "{name}: {help:?}");
        assert!(!help.contains(['\n', '\\', '"']) && help.trim() == *help, "{name}: {help:?}");
        assert!(seen.insert(help), "two families share the help {help:?}");
    }
}

#[test]
fn what_the_sampler_feeds_too_is_spelled_alike() {
    for spec in [sysmon::names::GOROUTINES, sysmon::names::MEMORY_USAGE, sysmon::names::CPU_USAGE] {
        let family = find(spec.name).expect("in the catalogue");
        assert_eq!((family.kind, family.help), (spec.kind, spec.help), "{}", spec.name);
        assert!(family.labels.is_empty());
    }
    let shared = sysmon::names::ALL.iter().filter(|spec| find(spec.name).is_some()).count();
    assert_eq!(shared, 3);
}

#[test]
fn find_knows_every_family_and_nothing_else() {
    assert!(FAMILIES.iter().all(|family| find(family.name) == Some(family)));
    assert_eq!(find("tmc_component_health_"), None);
    assert_eq!(find(""), None);
}

/// Read back from the engine, not from the catalogue: what a scrape will see.
#[test]
fn the_collector_registers_the_table() {
    let registry = Registry::new();
    let collector = MetricsCollector::new(&registry).unwrap();
    record_everything(&collector);
    let snapshot = registry.snapshot();
    for row in rows() {
        let [name, _, labels, buckets] = row[..] else { panic!("not four cells: {row:?}") };
        let family = snapshot.family(name).unwrap_or_else(|| panic!("{name} was not recorded"));
        let def = find(name).expect("in the catalogue");
        assert_eq!(family.kind(), def.kind, "{name}");
        assert_eq!(family.help(), def.help, "{name}");
        assert_eq!(
            family.label_names().collect::<Vec<_>>(),
            labels.split_whitespace().collect::<Vec<_>>(),
            "{name}"
        );
        for series in family.series() {
            let Value::Histogram(histogram) = series.value() else { continue };
            let mut expected = bounds(buckets);
            expected.push(f64::INFINITY);
            let read: Vec<f64> = histogram.cumulative().iter().map(|(le, _)| *le).collect();
            assert_eq!(read, expected, "{name}");
        }
    }
}

/// Touches one series of every family through its handle, by position of the labels.
fn record_everything(collector: &MetricsCollector) {
    let f = collector.families();
    f.component_health.with(["a"; 3]).set(1.0);
    f.component_uptime.with(["a"; 3]).set(1.0);
    f.component_operations.with(["a"; 4]).inc();
    f.component_errors.with(["a"; 4]).inc();
    f.component_latency.with(["a"; 3]).observe(1.0);
    f.placements.with(["a"; 3]).set(1.0);
    f.placement_duration.with(["a"; 3]).observe(1.0);
    f.placement_errors.with(["a"; 3]).inc();
    f.placement_retries.with(["a"; 2]).inc();
    f.placement_clusters.with(["a"; 3]).set(1.0);
    f.sync_resources.with(["a"; 4]).set(1.0);
    f.sync_duration.with(["a"; 3]).observe(1.0);
    f.sync_errors.with(["a"; 3]).inc();
    f.sync_backlog_size.with(["a"; 2]).set(1.0);
    f.sync_lag.with(["a"; 2]).set(1.0);
    f.migrations.with(["a"; 3]).set(1.0);
    f.migration_duration.with(["a"; 3]).observe(1.0);
    f.migration_errors.with(["a"; 4]).inc();
    f.migration_rollbacks.with(["a"; 3]).inc();
    f.migration_data_size.with(["a"; 3]).record(1);
    f.cluster_health.with(["a"; 2]).set(1.0);
    f.cluster_connectivity.with(["a"; 2]).set(1.0);
    f.cluster_capacity.with(["a"; 2]).set(1.0);
    f.cluster_resources.with(["a"; 3]).set(1.0);
    f.resource_aggregations.with(["a"; 3]).inc();
    f.resource_projections.with(["a"; 4]).inc();
    f.resource_conflicts.with(["a"; 4]).inc();
    f.resource_transformations.with(["a"; 3]).inc();
    f.virtual_workspaces.with(["a"; 2]).set(1.0);
    f.virtual_workspace_latency.with(["a"; 2]).observe(1.0);
    f.virtual_workspace_errors.with(["a"; 3]).inc();
    f.recovery_attempts.with(["a"; 3]).inc();
    f.recovery_successes.with(["a"; 3]).inc();
    f.recovery_failures.with(["a"; 3]).inc();
    f.recovery_duration.with(["a"; 2]).observe(1.0);
    f.goroutines.with([]).set(1.0);
    f.memory_usage.with([]).set(1.0);
    f.cpu_usage.with([]).set(1.0);
    f.api_request_duration.with(["a"; 3]).observe(1.0);
    f.api_requests.with(["a"; 3]).inc();
    f.health_checks.with(["a"; 2]).inc();
    f.health_check_duration.with(["a"]).observe(1.0);
    f.health_check_errors.with(["a"]).inc();
    f.queue_depth.with(["a"]).set(1.0);
    f.queue_adds.with(["a"]).inc();
    f.queue_processing.with(["a"]).observe(1.0);
    f.queue_wait.with(["a"]).observe(1.0);
    f.queue_retries.with(["a"]).inc();
}
