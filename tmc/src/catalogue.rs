//! Spells every metric family of the product: name, kind, labels, buckets and help, once.
//! Upstream: nothing. Downstream: the collector, configuration, and whatever checks documents and rules against the names.
//!
//! One row of the table below yields the descriptor in [`FAMILIES`], the field in [`Families`] with its
//! number of labels as a type, and the registration, so the three cannot drift apart.

use tmc_engine::{
    CounterFamily, GaugeFamily, HistogramFamily, HistogramSpec, Kind, RegisterError, Registry,
};

/// Placement latency, in seconds: a placement may wait for a human for minutes.
const PLACEMENT_SECONDS: &[f64] = &[0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];
/// Sync latency, in seconds.
const SYNC_SECONDS: &[f64] = &[0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Migration latency, in seconds, up to an hour.
const MIGRATION_SECONDS: &[f64] = &[1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0];
/// Recovery latency, in seconds.
const RECOVERY_SECONDS: &[f64] = &[1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0];
/// Migrated data, in bytes: 1, 10 and 100 Ki, 1, 10 and 100 Mi, 1 Gi.
const DATA_BYTES: &[f64] =
    &[1024.0, 10_240.0, 102_400.0, 1_048_576.0, 10_485_760.0, 104_857_600.0, 1_073_741_824.0];
/// What the catalogue calls DefBuckets.
const DEFAULT_SECONDS: &[f64] = HistogramSpec::DEFAULT_SECONDS;

/// The `le` boundaries of a family, in its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Buckets {
    /// Not a histogram.
    None,
    /// Boundaries in seconds.
    Seconds(&'static [f64]),
    /// Boundaries in bytes.
    Bytes(&'static [f64]),
}

/// What the catalogue says about one family.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct FamilyDef {
    /// The full name, without a registry's prefix.
    pub name: &'static str,
    /// Counter, gauge or histogram. Six gauges end in `_total`; that is part of the contract.
    pub kind: Kind,
    /// One line of help.
    pub help: &'static str,
    /// Label names, in the order in which values are given.
    pub labels: &'static [&'static str],
    /// Boundaries, for a histogram.
    pub buckets: Buckets,
}

/// The family of that name, without a registry's prefix.
pub fn find(name: &str) -> Option<&'static FamilyDef> {
    FAMILIES.iter().find(|family| family.name == name)
}

macro_rules! kind {
    (counter) => {
        Kind::Counter
    };
    (gauge) => {
        Kind::Gauge
    };
    (histogram) => {
        Kind::Histogram
    };
}

macro_rules! buckets {
    () => {
        Buckets::None
    };
    (seconds $bounds:ident) => {
        Buckets::Seconds($bounds)
    };
    (bytes $bounds:ident) => {
        Buckets::Bytes($bounds)
    };
}

macro_rules! family_type {
    (counter, $n:expr) => { CounterFamily<{ $n }> };
    (gauge, $n:expr) => { GaugeFamily<{ $n }> };
    (histogram, $n:expr) => { HistogramFamily<{ $n }> };
}

macro_rules! register {
    ($registry:ident counter $name:literal $help:literal $labels:expr) => {
        $registry.counter_family($name, $help, $labels)?
    };
    ($registry:ident gauge $name:literal $help:literal $labels:expr) => {
        $registry.gauge_family($name, $help, $labels)?
    };
    ($registry:ident histogram $unit:ident $bounds:ident $name:literal $help:literal $labels:expr) => {
        $registry.histogram_family($name, $help, $labels, &HistogramSpec::$unit($bounds))?
    };
}

macro_rules! families {
    ($($field:ident: $kind:ident $(($unit:ident $bounds:ident))? $name:literal
        [$($label:literal)*] $help:literal;)*) => {
        /// Every family of the catalogue, grouped as in the documentation.
        pub const FAMILIES: &[FamilyDef] = &[$(FamilyDef {
            name: $name,
            kind: kind!($kind),
            help: $help,
            labels: &[$($label),*],
            buckets: buckets!($($unit $bounds)?),
        }),*];

        /// The registered families, for callers who keep handles: `families.sync_duration.with([..])`.
        #[derive(Clone)]
        pub struct Families {
            $(
                #[doc = concat!("`", $name, "`: ", $help)]
                pub $field: family_type!($kind, <[&str]>::len(&[$($label),*])),
            )*
        }

        impl Families {
            /// Registers every family; an equal family that exists already is shared.
            pub(crate) fn register(registry: &Registry) -> Result<Self, RegisterError> {
                Ok(Self {
                    $($field: register!(registry $kind $($unit $bounds)? $name $help [$($label),*]),)*
                })
            }
        }
    };
}

families! {
    component_health: gauge "tmc_component_health" ["component_type" "component_id" "cluster"]
        "Health of a component: 1 healthy, 0.5 degraded, 0 unhealthy, -1 unknown";
    component_uptime: gauge "tmc_component_uptime_seconds" ["component_type" "component_id" "cluster"]
        "Time since a component started, in seconds";
    component_operations: counter "tmc_component_operations_total" ["component_type" "component_id" "operation" "status"]
        "Operations that a component performed, by outcome: success, error, timeout or cancelled";
    component_errors: counter "tmc_component_errors_total" ["component_type" "component_id" "error_type" "severity"]
        "Errors of a component";
    component_latency: histogram (seconds DEFAULT_SECONDS) "tmc_component_operation_duration_seconds" ["component_type" "component_id" "operation"]
        "Latency of a component's operations, in seconds";

    placements: gauge "tmc_placements_total" ["logical_cluster" "namespace" "status"]
        "Active placements";
    placement_duration: histogram (seconds PLACEMENT_SECONDS) "tmc_placement_duration_seconds" ["logical_cluster" "operation" "status"]
        "Latency of placement operations, in seconds";
    placement_errors: counter "tmc_placement_errors_total" ["logical_cluster" "error_type" "cluster"]
        "Errors of placement operations";
    placement_retries: counter "tmc_placement_retries_total" ["logical_cluster" "reason"]
        "Placement operations that were tried again";
    placement_clusters: gauge "tmc_placement_clusters" ["logical_cluster" "namespace" "placement"]
        "Clusters in a placement";

    sync_resources: gauge "tmc_sync_resources_total" ["cluster" "namespace" "gvk" "status"]
        "Objects being synced";
    sync_duration: histogram (seconds SYNC_SECONDS) "tmc_sync_duration_seconds" ["cluster" "gvk" "operation"]
        "Latency of sync operations, in seconds";
    sync_errors: counter "tmc_sync_errors_total" ["cluster" "gvk" "error_type"]
        "Errors of sync operations";
    sync_backlog_size: gauge "tmc_sync_backlog_size" ["cluster" "queue"]
        "Pending sync operations";
    sync_lag: gauge "tmc_sync_lag_seconds" ["cluster" "gvk"]
        "Delay between a change and its sync, in seconds";

    migrations: gauge "tmc_migrations_total" ["source_cluster" "target_cluster" "status"]
        "Active migrations";
    migration_duration: histogram (seconds MIGRATION_SECONDS) "tmc_migration_duration_seconds" ["source_cluster" "target_cluster" "strategy"]
        "Latency of migrations, in seconds";
    migration_errors: counter "tmc_migration_errors_total" ["source_cluster" "target_cluster" "error_type" "phase"]
        "Errors of migrations";
    migration_rollbacks: counter "tmc_migration_rollbacks_total" ["source_cluster" "target_cluster" "reason"]
        "Migrations that were rolled back";
    migration_data_size: histogram (bytes DATA_BYTES) "tmc_migration_data_size_bytes" ["source_cluster" "target_cluster" "resource_type"]
        "Data moved by migrations, in bytes";

    cluster_health: gauge "tmc_cluster_health" ["cluster" "logical_cluster"]
        "Health of a cluster: 1 healthy, 0.5 degraded, 0 unhealthy, -1 unknown";
    cluster_connectivity: gauge "tmc_cluster_connectivity" ["cluster" "logical_cluster"]
        "Whether a cluster is connected: 1 connected, 0 not";
    cluster_capacity: gauge "tmc_cluster_capacity_utilization" ["cluster" "resource_type"]
        "Share of a cluster's capacity in use, 0 to 1";
    cluster_resources: gauge "tmc_cluster_resources_total" ["cluster" "gvk" "namespace"]
        "Objects in a cluster";

    resource_aggregations: counter "tmc_resource_aggregations_total" ["gvk" "strategy" "status"]
        "Aggregations of objects of several clusters";
    resource_projections: counter "tmc_resource_projections_total" ["source_cluster" "target_cluster" "gvk" "status"]
        "Projections of objects from one cluster to another";
    resource_conflicts: counter "tmc_resource_conflicts_total" ["cluster" "gvk" "conflict_type" "resolution"]
        "Conflicts between versions of an object";
    resource_transformations: counter "tmc_resource_transformations_total" ["transformation_type" "gvk" "status"]
        "Transformations of objects";

    virtual_workspaces: gauge "tmc_virtual_workspaces_total" ["logical_cluster" "status"]
        "Active virtual workspaces";
    virtual_workspace_latency: histogram (seconds DEFAULT_SECONDS) "tmc_virtual_workspace_operation_duration_seconds" ["operation" "workspace"]
        "Latency of operations on a virtual workspace, in seconds";
    virtual_workspace_errors: counter "tmc_virtual_workspace_errors_total" ["workspace" "error_type" "component"]
        "Errors of virtual workspaces";

    recovery_attempts: counter "tmc_recovery_attempts_total" ["error_type" "strategy" "component"]
        "Recoveries that were attempted";
    recovery_successes: counter "tmc_recovery_successes_total" ["error_type" "strategy" "component"]
        "Recoveries that succeeded";
    recovery_failures: counter "tmc_recovery_failures_total" ["error_type" "strategy" "component"]
        "Recoveries that failed";
    recovery_duration: histogram (seconds RECOVERY_SECONDS) "tmc_recovery_duration_seconds" ["error_type" "strategy"]
        "Latency of recoveries, in seconds";

    goroutines: gauge "tmc_goroutines_total" []
        "Live tasks: async tasks where a runtime is attached, else OS threads";
    memory_usage: gauge "tmc_memory_usage_bytes" []
        "Resident memory of the process in bytes";
    cpu_usage: gauge "tmc_cpu_usage_percent" []
        "CPU of the process, 100 = one core";

    api_request_duration: histogram (seconds DEFAULT_SECONDS) "tmc_api_request_duration_seconds" ["method" "endpoint" "status_code"]
        "Latency of API requests, in seconds";
    api_requests: counter "tmc_api_requests_total" ["method" "endpoint" "status_code"]
        "API requests";

    health_checks: counter "tmc_health_checks_total" ["component_type" "result"]
        "Health checks, by result: healthy, degraded, unhealthy or error";
    health_check_duration: histogram (seconds DEFAULT_SECONDS) "tmc_health_check_duration_seconds" ["component_type"]
        "Latency of health checks, in seconds";
    health_check_errors: counter "tmc_health_check_errors_total" ["component_type"]
        "Health checks that failed to run";

    queue_depth: gauge "tmc_queue_depth" ["queue"]
        "Items that wait in a work queue";
    queue_adds: counter "tmc_queue_adds_total" ["queue"]
        "Items that were put into a work queue";
    queue_processing: histogram (seconds DEFAULT_SECONDS) "tmc_queue_processing_duration_seconds" ["queue"]
        "Time that processing an item of a work queue took, in seconds";
    queue_wait: histogram (seconds DEFAULT_SECONDS) "tmc_queue_wait_duration_seconds" ["queue"]
        "Time that an item waited in a work queue, in seconds";
    queue_retries: counter "tmc_queue_retries_total" ["queue"]
        "Items of a work queue that were tried again";
}
