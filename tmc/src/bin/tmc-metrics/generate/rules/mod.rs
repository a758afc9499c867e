//! Rule groups as Prometheus reads them, and their files.
//! Upstream: alerts, recording. Downstream: YAML; kubernetes, which wraps the same groups.

mod alerts;
mod recording;

use serde::Serialize;

use super::pace::Pace;
use super::{File, GENERATED, GenerateError};

/// A file of rules; also the `spec` of a PrometheusRule.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Groups {
    groups: Vec<Group>,
}

/// Rules that are evaluated one after the other.
#[derive(Clone, Debug, Serialize)]
struct Group {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<String>,
    rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum Rule {
    Alert(Alert),
    Recording(Recording),
}

#[derive(Clone, Debug, Serialize)]
struct Alert {
    alert: &'static str,
    expr: String,
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    lasting: Option<String>,
    labels: AlertLabels,
    annotations: Annotations,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct AlertLabels {
    severity: &'static str,
}

/// What whoever is woken reads: which thing, what is the matter, and what to do about it.
#[derive(Clone, Debug, Serialize)]
struct Annotations {
    summary: &'static str,
    description: String,
    action: &'static str,
}

#[derive(Clone, Debug, Serialize)]
struct Recording {
    record: String,
    expr: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<QuantileLabel>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct QuantileLabel {
    quantile: &'static str,
}

/// Alerts and recording rules together.
pub(super) fn groups(pace: Pace) -> Groups {
    let mut groups = recording::groups(pace);
    groups.extend(alerts::groups(pace));
    Groups { groups }
}

/// All groups in one file.
pub(super) fn all(pace: Pace) -> Result<String, GenerateError> {
    yaml("rules", &groups(pace))
}

/// A file for alerts, and one for recording rules.
pub(super) fn files(pace: Pace) -> Result<Vec<File>, GenerateError> {
    let alerts = Groups { groups: alerts::groups(pace) };
    let recording = Groups { groups: recording::groups(pace) };
    Ok(vec![
        File { path: "rules/alerts.yml", text: yaml("rules", &alerts)? },
        File { path: "rules/recording.yml", text: yaml("rules", &recording)? },
    ])
}

/// A YAML document under a line that says where it comes from.
pub(super) fn yaml(command: &str, value: &impl Serialize) -> Result<String, GenerateError> {
    let text = serde_saphyr::to_string(value)?;
    Ok(format!("# {GENERATED} {command}`; change the generator instead.\n{text}"))
}
