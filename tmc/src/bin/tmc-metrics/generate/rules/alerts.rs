//! What somebody should be woken for, or should see the next morning.
//! Upstream: the catalogue; recording, for error budgets and increases. Downstream: the groups of rules.
//!
//! Thresholds are the published ones. Where a series may be born at one, `increase` alone misses the
//! first event: [`fresh_increase`] counts it.

use super::recording::{self, BUDGET, fresh_increase};
use super::{Alert, AlertLabels, Annotations, Group, Pace, Rule};

const CRITICAL: &str = "critical";
const WARNING: &str = "warning";

/// An alert before its place among the rules.
struct Draft {
    name: &'static str,
    expr: String,
    /// For how many minutes it must hold, if for longer than an evaluation.
    minutes: Option<u64>,
    severity: &'static str,
    summary: &'static str,
    description: String,
    action: &'static str,
}

impl Draft {
    fn rule(self, pace: Pace) -> Rule {
        let Self { name, expr, minutes, severity, summary, description, action } = self;
        Rule::Alert(Alert {
            alert: name,
            expr,
            lasting: minutes.map(|minutes| pace.minutes(minutes)),
            labels: AlertLabels { severity },
            annotations: Annotations { summary, description, action },
        })
    }
}

pub(super) fn groups(pace: Pace) -> Vec<Group> {
    let group = |name, drafts: Vec<Draft>| {
        let rules = drafts.into_iter().map(|draft| draft.rule(pace)).collect();
        Group { name, interval: None, rules }
    };
    vec![
        group("tmc.alerts.components", components(pace)),
        group("tmc.alerts.clusters", clusters(pace)),
        group("tmc.alerts.monitoring", monitoring(pace)),
    ]
}

fn components(pace: Pace) -> Vec<Draft> {
    let (window, recovery) = (pace.minutes(5), pace.minutes(recording::RECOVERY));
    let by = "sum by (component_type, component_id)";
    // Of those that ended: an attempt may have begun before the window. Perhaps none ever succeeded.
    let [failed, succeeded] = recording::ENDED.map(recording::recoveries);
    let mut drafts = vec![
        Draft {
            name: "TMCComponentUnhealthy",
            expr: "tmc_component_health == 0".to_owned(),
            minutes: Some(2),
            severity: CRITICAL,
            summary: "TMC component {{ $labels.component_type }} is unhealthy",
            description: "Component {{ $labels.component_id }} in cluster {{ $labels.cluster }} has been \
                          unhealthy for more than 2 minutes."
                .to_owned(),
            action: "Read the component's message at /components and its log; look at its errors by type on \
                     the dashboard TMC / Overview. A component that cannot reach its cluster recovers with \
                     it; restart one that is stuck.",
        },
        Draft {
            name: "TMCComponentHealthUnknown",
            expr: "tmc_component_health == -1".to_owned(),
            minutes: Some(10),
            severity: WARNING,
            summary: "Health of TMC component {{ $labels.component_type }} is unknown",
            description: "Nobody has known for 10 minutes whether component {{ $labels.component_id }} in \
                          cluster {{ $labels.cluster }} is healthy."
                .to_owned(),
            action: "Check that its health provider is registered and that its checks end: \
                     tmc_health_checks_total and tmc_health_check_errors_total tell. Until then treat \
                     the component as if it were down.",
        },
        Draft {
            name: "TMCHighErrorRate",
            expr: format!(
                "{by} (rate(tmc_component_errors_total[{window}]))\n\
                 / {by} (rate(tmc_component_operations_total[{window}]))\n> 0.1"
            ),
            minutes: Some(5),
            severity: WARNING,
            summary: "High error rate in TMC component {{ $labels.component_type }}",
            description: "{{ $value | humanizePercentage }} of the operations of component \
                          {{ $labels.component_id }} have ended in an error, for more than 5 minutes."
                .to_owned(),
            action: "See on the dashboard TMC / Overview which error_type leads. ClusterUnreachable and \
                     SyncTimeout point at a cluster or the network, ResourcePermission and \
                     ClusterAuthentication at credentials, the rest at the objects.",
        },
        Draft {
            name: "TMCRecoveryFailing",
            expr: format!("{failed}\n/ ({failed}\n+ ({succeeded}\nor 0 * {failed}))\n> 0.5"),
            minutes: None,
            severity: WARNING,
            summary: "Recoveries of {{ $labels.component }} fail",
            description: format!(
                "{{{{ $value | humanizePercentage }}}} of the recoveries from {{{{ $labels.error_type }}}} \
                 by {{{{ $labels.strategy }}}} have failed in {recovery}."
            ),
            action: "What fails does not heal by itself now. Repair the cause that error_type names by \
                     hand; see the recoveries on the dashboard TMC / Placement, migration, recovery.",
        },
    ];
    drafts.extend([burn(pace, 60, 5, 14.4, CRITICAL), burn(pace, 360, 30, 6.0, WARNING)]);
    drafts
}

/// The budget of a month burns so many times faster than it may, over a long window and still over a
/// short one: the short one ends the alert soon after the errors end.
fn burn(pace: Pace, long: u64, short: u64, factor: f64, severity: &'static str) -> Draft {
    let [long_name, short_name] = [long, short].map(recording::error_ratio);
    let limit = format!("{factor} * {BUDGET}");
    let window = pace.minutes(long);
    Draft {
        name: "TMCErrorBudgetBurn",
        expr: format!("{long_name} > {limit}\nand {short_name} > {limit}"),
        minutes: Some(2),
        severity,
        summary: "{{ $labels.component_type }} spends its error budget too fast",
        description: format!(
            "Within {window}, {factor} times as many operations of {{{{ $labels.component_type }}}} failed as \
             its objective allows, or more, and they go on failing."
        ),
        action: "See on the dashboard TMC / Overview which component and which error_type leads, and stop \
                 rolling out changes to it until the rate falls.",
    }
}

fn clusters(pace: Pace) -> Vec<Draft> {
    let failures = fresh_increase("tmc_migration_errors_total", pace, 10);
    vec![
        Draft {
            name: "TMCClusterDisconnected",
            expr: "tmc_cluster_connectivity == 0".to_owned(),
            minutes: Some(1),
            severity: CRITICAL,
            summary: "TMC cluster {{ $labels.cluster }} is disconnected",
            description: "Cluster {{ $labels.cluster }} of {{ $labels.logical_cluster }} has been \
                          disconnected for more than 1 minute."
                .to_owned(),
            action: "Check the cluster's API server, the network to it and the credentials. Its workloads \
                     move elsewhere if placements allow it; see that the others have room.",
        },
        Draft {
            name: "TMCSyncLagHigh",
            expr: "tmc_sync_lag_seconds > 300".to_owned(),
            minutes: Some(10),
            severity: WARNING,
            summary: "High sync lag in cluster {{ $labels.cluster }}",
            description: "Changes of {{ $labels.gvk }} reach cluster {{ $labels.cluster }} \
                          {{ $value | humanizeDuration }} late."
                .to_owned(),
            action: "Look at backlog, errors and latency of the cluster on the dashboard TMC / Sync \
                     operations: a backlog wants more workers, errors want their cause repaired.",
        },
        Draft {
            name: "TMCSyncBacklogHigh",
            expr: "tmc_sync_backlog_size > 1000".to_owned(),
            minutes: Some(15),
            severity: WARNING,
            summary: "High sync backlog in cluster {{ $labels.cluster }}",
            description:
                "Sync queue {{ $labels.queue }} of cluster {{ $labels.cluster }} has had more than \
                          1000 operations waiting for 15 minutes; now {{ $value }}."
                    .to_owned(),
            action: "Compare adds and processing time of the queue on the dashboard TMC / Sync operations. \
                     Add workers, or find who changes so many objects.",
        },
        Draft {
            name: "TMCMigrationFailed",
            expr: format!("({failures}) > 0"),
            minutes: None,
            severity: WARNING,
            summary: "TMC migration failure detected",
            description:
                "A migration from {{ $labels.source_cluster }} to {{ $labels.target_cluster }} \
                          failed in phase {{ $labels.phase }}: {{ $labels.error_type }}."
                    .to_owned(),
            action: "See whether it was rolled back (tmc_migration_rollbacks_total). If not, check that \
                     the workload runs on one cluster only, then repair what the phase names and migrate \
                     again.",
        },
    ]
}

fn monitoring(pace: Pace) -> Vec<Draft> {
    let (window, stall, day) = (pace.minutes(15), pace.minutes(10), pace.minutes(1440));
    vec![
        Draft {
            name: "TMCTargetDown",
            // Whatever the job is called: who served a family of ours within a day.
            expr: format!(
                "up == 0\nand on (job, instance) last_over_time(tmc_sysmon_samples_total[{day}])"
            ),
            minutes: Some(5),
            severity: CRITICAL,
            summary: "TMC target {{ $labels.instance }} cannot be scraped",
            description: "Prometheus has had no metrics from {{ $labels.instance }} ({{ $labels.job }}) for \
                          more than 5 minutes; no other alert sees what happens there."
                .to_owned(),
            action: "See why on the page Status / Targets of Prometheus. Check that the process runs and \
                     that its port can be reached.",
        },
        Draft {
            name: "TMCCollectionStalled",
            expr: format!(
                "sum by (job, instance) (increase(tmc_health_checks_total[{stall}])) == 0\n\
                 or sum by (job, instance) (increase(tmc_sysmon_samples_total[{stall}])) == 0"
            ),
            minutes: Some(5),
            severity: WARNING,
            summary: "Collection has stalled in {{ $labels.instance }}",
            description: "{{ $labels.instance }} ({{ $labels.job }}) answers scrapes, but its health checks \
                          or its samples of CPU and memory no longer move: what it shows is old."
                .to_owned(),
            action: "Read its log for a check that hangs, and collection_active in /summary. Restart the \
                     process if collection does not go on.",
        },
        Draft {
            name: "TMCFamilyOverflow",
            expr: format!("increase(tmc_engine_overflow_total[{window}]) > 0"),
            minutes: None,
            severity: WARNING,
            summary: "{{ $labels.family }} has reached its limit of series",
            description: "{{ $labels.instance }} wanted series of {{ $labels.family }} beyond the limit, \
                          {{ $value | humanize }} times in 15 minutes. They count in one series whose \
                          labels say __overflow__."
                .to_owned(),
            action: "Find the label with too many values: count by (label) (family). Bound it, or raise \
                     the family's limit in the configuration if so many series are meant.",
        },
        Draft {
            name: "TMCRecordsRefused",
            // Not every reason is exposed before it has a first record.
            expr: format!("({}) > 0", fresh_increase("tmc_engine_refused_total", pace, 15)),
            minutes: None,
            severity: WARNING,
            summary: "{{ $labels.family }} refuses what is recorded",
            description: "{{ $labels.instance }} records values into {{ $labels.family }} that no series can \
                          take ({{ $labels.reason }})."
                .to_owned(),
            action: "A mistake in the code that records: find where the value is NaN, negative or \
                     unknown.",
        },
    ]
}
