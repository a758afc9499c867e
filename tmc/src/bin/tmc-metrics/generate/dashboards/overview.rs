//! TMC / Overview: is anything wrong, and where. Upstream: the catalogue. Downstream: dashboards.

use super::panel::{GREEN, ORANGE, Panel, RED};
use super::query::{CLUSTER, COMPONENT, quantile, rate, share};
use super::{Dashboard, Row, cluster, component_id, component_type, datasource};

pub(super) const NAME: &str = "overview";
const OPERATIONS: &str = "tmc_component_operations_total";

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: NAME,
        path: "dashboards/overview.json",
        title: "TMC / Overview",
        uid: "tmc-overview",
        description: "Health of components and clusters, operations and their errors, and the processes \
                      themselves",
        variables: vec![datasource(), cluster(), component_type(), component_id()],
        rows: vec![
            Row { title: "Health", panels: health() },
            Row { title: "Operations", panels: operations() },
            Row { title: "Clusters", panels: clusters() },
            Row { title: "API and health checks", panels: requests() },
            Row { title: "Process", panels: process() },
            Row { title: "Monitoring itself", panels: monitoring() },
        ],
    }
}

fn health() -> Vec<Panel> {
    let of = format!("tmc_component_health{{{COMPONENT}, {CLUSTER}}}");
    let count = |value: &str| format!("count({of} == {value}) or vector(0)");
    vec![
        Panel::stat("System health", "none")
            .describe("The worst that is known of any component; unknown only where nothing is worse")
            .health()
            .query(format!("min({of} >= 0) < 1 or min({of})"), "Overall health"),
        Panel::stat("Components", "short")
            .size(12, 4)
            .thresholds("text", &[])
            .query(count("1"), "healthy")
            .query(count("0.5"), "degraded")
            .query(count("0"), "unhealthy")
            .query(count("-1"), "unknown"),
        Panel::stat("Alerts", "short")
            .describe("Firing alerts of these rules; they must be loaded into the same Prometheus")
            .thresholds(GREEN, &[(1.0, RED)])
            .query(r#"count(ALERTS{alertname=~"TMC.+", alertstate="firing"}) or vector(0)"#, "firing"),
        Panel::bar_gauge("Component health by type", "percentunit")
            .describe("1 when all are healthy. Unknown ones are left out: the panel Components counts them")
            .between(0.0, 1.0)
            .thresholds(RED, &[(0.5, ORANGE), (1.0, GREEN)])
            .query(format!("avg by (component_type) ({of} >= 0)"), "{{component_type}}"),
        Panel::stat("Cluster health", "none")
            .size(12, 8)
            .health()
            .query(
                format!("min by (cluster) (tmc_cluster_health{{{CLUSTER}}})"),
                "{{cluster}}",
            ),
    ]
}

fn operations() -> Vec<Panel> {
    let success = share(
        OPERATIONS,
        r#"status="success""#,
        &format!(r#"{COMPONENT}, status!="cancelled""#),
        "component_type",
    );
    let grown = |matcher: &str| {
        format!(
            "sum by (component_type) (increase({OPERATIONS}{{{COMPONENT}, {matcher}}}[$__range]))"
        )
    };
    let (failed, ended) = (grown(r#"status=~"error|timeout""#), grown(r#"status!="cancelled""#));
    let errors = rate("tmc_component_errors_total", COMPONENT, "component_type, component_id");
    let all = rate(OPERATIONS, COMPONENT, "component_type, component_id");
    vec![
        Panel::timeseries("Operation rate", "ops").query(
            rate(OPERATIONS, COMPONENT, "component_type, operation"),
            "{{component_type}} - {{operation}}",
        ),
        Panel::timeseries("Error rate by component", "cps").query(
            rate("tmc_component_errors_total", COMPONENT, "component_type, error_type"),
            "{{component_type}} - {{error_type}}",
        ),
        Panel::timeseries("Errors per operation", "percentunit")
            .describe("What the alert TMCHighErrorRate looks at")
            .thresholds(GREEN, &[(0.1, RED)])
            .query(format!("{errors} / {all}"), "{{component_type}} - {{component_id}}"),
        Panel::timeseries("Operation latency, 95th percentile", "s").query(
            quantile(
                "0.95",
                "tmc_component_operation_duration_seconds",
                COMPONENT,
                "component_type, operation",
            ),
            "{{component_type}} - {{operation}}",
        ),
        Panel::bar_gauge("Success ratio", "percentunit")
            .between(0.0, 1.0)
            .thresholds(RED, &[(0.9, ORANGE), (0.99, GREEN)])
            .query(success, "{{component_type}}"),
        Panel::bar_gauge("Error budget left", "percentunit")
            .describe(
                "Of 1 % of the operations in the time range shown; below zero it is overspent",
            )
            .between(-1.0, 1.0)
            .thresholds(RED, &[(0.0, ORANGE), (0.5, GREEN)])
            .query(format!("1 - ({failed} or 0 * {ended}) / {ended} / 0.01"), "{{component_type}}"),
    ]
}

fn clusters() -> Vec<Panel> {
    vec![
        Panel::stat("Cluster connectivity", "none")
            .size(12, 8)
            .words(&[("1", "Connected", GREEN), ("0", "Disconnected", RED)])
            .thresholds(RED, &[(1.0, GREEN)])
            .query(
                format!("min by (cluster) (tmc_cluster_connectivity{{{CLUSTER}}})"),
                "{{cluster}}",
            ),
        Panel::bar_gauge("Capacity in use", "percentunit")
            .between(0.0, 1.0)
            .thresholds(GREEN, &[(0.8, ORANGE), (0.95, RED)])
            .query(
                format!(
                    "max by (cluster, resource_type) (tmc_cluster_capacity_utilization{{{CLUSTER}}})"
                ),
                "{{cluster}} - {{resource_type}}",
            ),
        Panel::timeseries("Objects by cluster", "short").query(
            format!("sum by (cluster) (tmc_cluster_resources_total{{{CLUSTER}}})"),
            "{{cluster}}",
        ),
        Panel::timeseries("Objects by kind", "short").query(
            format!("sum by (gvk) (tmc_cluster_resources_total{{{CLUSTER}}})"),
            "{{gvk}}",
        ),
    ]
}

fn requests() -> Vec<Panel> {
    let of_type = r#"component_type=~"$component_type""#;
    vec![
        Panel::timeseries("API requests by status", "reqps").query(
            rate("tmc_api_requests_total", "", "endpoint, status_code"),
            "{{endpoint}} - {{status_code}}",
        ),
        Panel::timeseries("API latency, 95th percentile", "s").query(
            quantile("0.95", "tmc_api_request_duration_seconds", "", "method, endpoint"),
            "{{method}} {{endpoint}}",
        ),
        Panel::timeseries("Health checks by result", "cps")
            .query(
                rate("tmc_health_checks_total", of_type, "component_type, result"),
                "{{component_type}} - {{result}}",
            )
            .query(
                rate("tmc_health_check_errors_total", of_type, "component_type"),
                "{{component_type}} - failed to run",
            ),
        Panel::timeseries("Health check latency, 95th percentile", "s").query(
            quantile("0.95", "tmc_health_check_duration_seconds", of_type, "component_type"),
            "{{component_type}}",
        ),
    ]
}

fn process() -> Vec<Panel> {
    vec![
        Panel::timeseries("CPU", "percent")
            .size(8, 8)
            .describe("100 is one core")
            .query("tmc_cpu_usage_percent", "{{instance}}"),
        Panel::timeseries("Resident memory", "bytes")
            .size(8, 8)
            .query("tmc_memory_usage_bytes", "{{instance}}"),
        Panel::timeseries("Live tasks", "short")
            .size(8, 8)
            .describe("Async tasks where a runtime is attached, else threads")
            .query("tmc_goroutines_total", "{{instance}}"),
        Panel::bar_gauge("Uptime", "s").size(24, 8).query(
            format!(
                "max by (component_type, component_id) \
                 (tmc_component_uptime_seconds{{{COMPONENT}, {CLUSTER}}})"
            ),
            "{{component_type}} - {{component_id}}",
        ),
    ]
}

fn monitoring() -> Vec<Panel> {
    vec![
        Panel::timeseries("Series beyond a family's limit", "short")
            .describe(
                "Look-ups beyond the limit; each counts in a series whose labels say __overflow__",
            )
            .size(8, 8)
            .query(
                "topk(5, sum by (family) (increase(tmc_engine_overflow_total[$__rate_interval])))",
                "{{family}}",
            ),
        Panel::timeseries("Refused records", "short").size(8, 8).query(
            "topk(5, sum by (family, reason) (increase(tmc_engine_refused_total[$__rate_interval])))",
            "{{family}} - {{reason}}",
        ),
        Panel::timeseries("Scrape latency", "s")
            .describe("As the server sees it, to the last byte")
            .size(8, 8)
            .query(
                quantile("0.95", "tmc_http_scrape_duration_seconds", "", "instance"),
                "{{instance}} - p95",
            )
            .query(
                quantile("0.5", "tmc_http_scrape_duration_seconds", "", "instance"),
                "{{instance}} - p50",
            ),
    ]
}
