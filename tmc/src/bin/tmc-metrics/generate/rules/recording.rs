//! Common queries, evaluated beforehand: rates, ratios, increases, quantiles, error budgets.
//! Upstream: the catalogue. Downstream: the groups of rules; alerts, which read error ratios and
//! increases.
//!
//! Names are `level:metric:operations`, as Prometheus recommends: the labels that are left, the family
//! without `_total`, and what was done to it, last first.

use super::{Group, Pace, QuantileLabel, Recording, Rule};

/// The share of component operations that may fail within a month.
pub(super) const BUDGET: f64 = 0.01;
const QUANTILES: [&str; 3] = ["0.5", "0.95", "0.99"];
/// Minutes of the windows over which error ratios are kept.
const RATIOS: [u64; 5] = [5, 30, 60, 360, 4320];
const MONTH: u64 = 43_200;
/// Minutes within which the recoveries that ended are compared.
pub(super) const RECOVERY: u64 = 30;
/// The labels by which one asks for recoveries.
const RECOVERIES: [&str; 3] = ["error_type", "strategy", "component"];
/// How a recovery ends.
pub(super) const ENDED: [&str; 2] = ["tmc_recovery_failures_total", "tmc_recovery_successes_total"];

/// Counters and the labels by which one asks for their rate.
const RATES: &[(&str, &[&str])] = &[
    ("tmc_component_operations_total", &["component_type", "component_id", "operation", "status"]),
    ("tmc_component_errors_total", &["component_type", "component_id", "error_type", "severity"]),
    ("tmc_placement_errors_total", &["logical_cluster", "error_type"]),
    ("tmc_placement_retries_total", &["logical_cluster", "reason"]),
    ("tmc_sync_errors_total", &["cluster", "gvk", "error_type"]),
    ("tmc_migration_errors_total", &["source_cluster", "target_cluster", "error_type", "phase"]),
    ("tmc_resource_conflicts_total", &["cluster", "gvk", "conflict_type"]),
    ("tmc_virtual_workspace_errors_total", &["workspace", "error_type"]),
    ("tmc_recovery_attempts_total", &["component", "strategy"]),
    ("tmc_api_requests_total", &["method", "endpoint", "status_code"]),
    ("tmc_health_checks_total", &["component_type", "result"]),
    ("tmc_queue_adds_total", &["queue"]),
    ("tmc_queue_retries_total", &["queue"]),
];

/// Histograms, the labels by which one asks for their quantiles, and the window in minutes: long where
/// little happens.
const LATENCIES: &[(&str, &[&str], u64)] = &[
    ("tmc_component_operation_duration_seconds", &["component_type", "operation"], 5),
    ("tmc_placement_duration_seconds", &["logical_cluster", "operation"], 5),
    ("tmc_sync_duration_seconds", &["cluster", "gvk"], 5),
    ("tmc_migration_duration_seconds", &["source_cluster", "target_cluster"], 60),
    ("tmc_virtual_workspace_operation_duration_seconds", &["workspace", "operation"], 5),
    ("tmc_recovery_duration_seconds", &["error_type", "strategy"], 60),
    ("tmc_api_request_duration_seconds", &["method", "endpoint"], 5),
    ("tmc_health_check_duration_seconds", &["component_type"], 5),
    ("tmc_queue_processing_duration_seconds", &["queue"], 5),
    ("tmc_queue_wait_duration_seconds", &["queue"], 5),
];

pub(super) fn groups(pace: Pace) -> Vec<Group> {
    let group = |name, rules| Group { name, interval: None, rules };
    vec![
        group("tmc.rates", rates(pace)),
        group("tmc.ratios", ratios(pace)),
        group("tmc.increases", increases(pace)),
        group("tmc.quantiles", quantiles(pace)),
        group("tmc.error_ratios", error_ratios(pace)),
        // A month is much to read each time.
        Group {
            name: "tmc.error_budgets",
            interval: Some(pace.minutes(5)),
            rules: vec![error_budget(pace)],
        },
    ]
}

fn rule(record: String, expr: String) -> Rule {
    Rule::Recording(Recording { record, expr, labels: None })
}

/// `level:metric:operations`, the window in its published length.
fn name(by: &[&str], metric: &str, operations: &str) -> String {
    let metric = metric.strip_suffix("_total").unwrap_or(metric);
    format!("{}:{metric}:{operations}", by.join("_"))
}

/// What the name of a rule says about its window, however short a trial makes it.
fn published(minutes: u64) -> String {
    Pace::FULL.minutes(minutes)
}

fn rates(pace: Pace) -> Vec<Rule> {
    let window = pace.minutes(5);
    let rate = |(counter, by): &(&str, &[&str])| {
        let labels = by.join(", ");
        let expr = format!("sum by ({labels}) (rate({counter}[{window}]))");
        rule(name(by, counter, "rate5m"), expr)
    };
    RATES.iter().map(rate).collect()
}

/// A part of a whole, zero where the part has never been.
fn share(part: &str, whole: &str) -> String {
    format!("({part}\nor 0 * {whole})\n/ {whole}")
}

fn ratios(pace: Pace) -> Vec<Rule> {
    let (window, long) = (pace.minutes(5), pace.minutes(60));
    let rate_share = |by: &[&str], counter: &str, matcher: &str, window: &str, operations: &str| {
        let sum =
            |matcher| format!("sum by ({}) (rate({counter}{matcher}[{window}]))", by.join(", "));
        rule(name(by, counter, operations), share(&sum(matcher), &sum("")))
    };
    let success = r#"{status="success"}"#;
    let operations = "tmc_component_operations_total";
    let errors = |counter: &str| {
        format!("sum by (component_type, component_id) (rate({counter}[{window}]))")
    };
    let recovered =
        |counter: &str| format!("sum by ({}) (increase({counter}[{long}]))", RECOVERIES.join(", "));
    let states = |matcher| {
        format!("sum by (source_cluster, target_cluster) (tmc_migrations_total{matcher})")
    };
    vec![
        rate_share(
            &["component_type", "component_id", "operation"],
            operations,
            success,
            &window,
            "success_ratio_rate5m",
        ),
        rate_share(
            &["gvk", "strategy"],
            "tmc_resource_aggregations_total",
            success,
            &window,
            "success_ratio_rate5m",
        ),
        rate_share(
            &["transformation_type", "gvk"],
            "tmc_resource_transformations_total",
            success,
            &window,
            "success_ratio_rate5m",
        ),
        rate_share(
            &["method", "endpoint"],
            "tmc_api_requests_total",
            r#"{status_code=~"5.."}"#,
            &window,
            "server_error_ratio_rate5m",
        ),
        rate_share(
            &["component_type"],
            "tmc_health_checks_total",
            r#"{result="healthy"}"#,
            &window,
            "healthy_ratio_rate5m",
        ),
        rule(
            "component_type_component_id:tmc_component_errors_per_operation:ratio_rate5m"
                .to_owned(),
            share(&errors("tmc_component_errors_total"), &errors(operations)),
        ),
        rule(
            name(&RECOVERIES, "tmc_recovery_successes_total", "ratio_increase1h"),
            share(
                &recovered("tmc_recovery_successes_total"),
                &recovered("tmc_recovery_attempts_total"),
            ),
        ),
        // The family is a gauge: a share of what there is now, no rate.
        rule(
            "source_cluster_target_cluster:tmc_migrations_completed:ratio".to_owned(),
            share(&states(r#"{status="completed"}"#), &states("")),
        ),
    ]
}

/// By how much a counter grew within so many minutes, also from nothing to its first value, which
/// `increase` leaves out.
///
/// A series that is there and was not when the window began is taken for new where its process was scraped
/// then, or has begun since. Elsewhere nobody looked, and what it shows may be old.
pub(super) fn fresh_increase(counter: &str, pace: Pace, minutes: u64) -> String {
    let (window, seconds) = (pace.minutes(minutes), pace.seconds(minutes));
    format!(
        "({counter} unless {counter} offset {window}\n\
         and on (job, instance) (up offset {window} == 1 or process_start_time_seconds > time() - {seconds}))\n\
         or increase({counter}[{window}])"
    )
}

/// The name under which the recoveries that ended so within [`RECOVERY`] are kept.
pub(super) fn recoveries(ended: &str) -> String {
    name(&RECOVERIES, ended, &format!("increase{}", published(RECOVERY)))
}

fn increases(pace: Pace) -> Vec<Rule> {
    let increase = |ended| {
        let (by, grown) = (RECOVERIES.join(", "), fresh_increase(ended, pace, RECOVERY));
        rule(recoveries(ended), format!("sum by ({by}) ({grown})"))
    };
    ENDED.map(increase).into()
}

fn quantiles(pace: Pace) -> Vec<Rule> {
    let all = LATENCIES.iter().flat_map(|latency| QUANTILES.map(|quantile| (latency, quantile)));
    all.map(|((histogram, by, minutes), quantile)| {
        let (window, labels) = (pace.minutes(*minutes), by.join(", "));
        let buckets = format!("sum by ({labels}, le) (rate({histogram}_bucket[{window}]))");
        Rule::Recording(Recording {
            record: name(by, histogram, &format!("quantile_rate{}", published(*minutes))),
            expr: format!("histogram_quantile({quantile}, {buckets})"),
            labels: Some(QuantileLabel { quantile }),
        })
    })
    .collect()
}

/// The name under which the error ratio over a window is kept.
pub(super) fn error_ratio(minutes: u64) -> String {
    let operations = format!("error_ratio_rate{}", published(minutes));
    name(&["component_type"], "tmc_component_operations_total", &operations)
}

/// Who cancels an operation spends no budget.
fn failed_share(window: &str) -> String {
    let sum = |matcher| {
        let counter = "tmc_component_operations_total";
        format!("sum by (component_type) (rate({counter}{{{matcher}}}[{window}]))")
    };
    share(&sum(r#"status=~"error|timeout""#), &sum(r#"status!="cancelled""#))
}

fn error_ratios(pace: Pace) -> Vec<Rule> {
    let ratio = |minutes| rule(error_ratio(minutes), failed_share(&pace.minutes(minutes)));
    RATIOS.map(ratio).into()
}

fn error_budget(pace: Pace) -> Rule {
    let (by, counter) = (["component_type"], "tmc_component_operations_total");
    let failed = failed_share(&pace.minutes(MONTH));
    rule(name(&by, counter, "error_budget_remaining30d"), format!("1 - {failed} / {BUDGET}"))
}
