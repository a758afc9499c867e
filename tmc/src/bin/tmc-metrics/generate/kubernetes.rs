//! Objects for the Prometheus operator: what to scrape, and the rules.
//! Upstream: rules, the defaults of `MetricsConfig`. Downstream: YAML for `kubectl apply`.

use serde::Serialize;
use tmc_metrics::MetricsConfig;

use super::pace::Pace;
use super::rules::{self, Groups};
use super::{File, GenerateError};

const API: &str = "monitoring.coreos.com/v1";
/// Names the objects, and is the label that selects the pods and the rules.
const NAME: &str = "tmc-metrics";
/// What the pods call the port of `MetricsConfig::prometheus_port`.
const PORT: &str = "metrics";

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Object<S> {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata,
    spec: S,
}

#[derive(Debug, Serialize)]
struct Metadata {
    name: &'static str,
    labels: Labels,
}

#[derive(Debug, Serialize)]
struct Labels {
    #[serde(rename = "app.kubernetes.io/name")]
    name: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PodMonitorSpec {
    selector: Selector,
    pod_metrics_endpoints: [Endpoint; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Selector {
    match_labels: Labels,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    port: &'static str,
    path: String,
    interval: String,
    scrape_timeout: &'static str,
    /// The operator adds the pod's `namespace`; ours, that of an object, must win.
    honor_labels: bool,
}

const LABELS: Labels = Labels { name: NAME };

fn object<S>(kind: &'static str, spec: S) -> Object<S> {
    let metadata = Metadata { name: NAME, labels: LABELS };
    Object { api_version: API, kind, metadata, spec }
}

fn pod_monitor() -> Object<PodMonitorSpec> {
    let config = MetricsConfig::default();
    let endpoint = Endpoint {
        port: PORT,
        path: config.prometheus_path,
        interval: format!("{}s", config.collection_interval.as_secs()),
        scrape_timeout: "10s",
        honor_labels: true,
    };
    let selector = Selector { match_labels: LABELS };
    object("PodMonitor", PodMonitorSpec { selector, pod_metrics_endpoints: [endpoint] })
}

fn prometheus_rule(pace: Pace) -> Object<Groups> {
    object("PrometheusRule", rules::groups(pace))
}

/// Both objects in one stream.
pub(super) fn all(pace: Pace) -> Result<String, GenerateError> {
    let texts: Vec<String> = files(pace)?.into_iter().map(|file| file.text).collect();
    Ok(texts.join("---\n"))
}

/// A file for each object.
pub(super) fn files(pace: Pace) -> Result<Vec<File>, GenerateError> {
    let (monitor, rule) = (pod_monitor(), prometheus_rule(pace));
    Ok(vec![
        File { path: "kubernetes/podmonitor.yaml", text: rules::yaml("rules", &monitor)? },
        File { path: "kubernetes/prometheusrule.yaml", text: rules::yaml("rules", &rule)? },
    ])
}
