//! Alerts and recording rules fit what is exposed, and say what to do.

use std::collections::BTreeSet;

use serde_json::Value;
use tmc_metrics::MetricsConfig;

use crate::families::{Labels, labels};
use crate::files::{list, printed, read, text, yaml};
use crate::labels::{Known, named_in};

/// The rules of all groups, in order: those that record come first.
fn rules() -> Vec<Value> {
    let groups = yaml(&printed(&["rules"]));
    list(&groups["groups"]).iter().flat_map(|group| list(&group["rules"]).to_vec()).collect()
}

/// What is exposed, and what the rules record, each checked on the way.
fn known() -> Known {
    let mut known = Known::families();
    for rule in rules().iter().filter(|rule| rule["record"].is_string()) {
        let result = known.labels_of(text(&rule["expr"]));
        let mut result = result.unwrap_or_else(|problem| panic!("{}: {problem}", rule["record"]));
        if let Some(added) = rule["labels"].as_object() {
            result.extend(added.keys().cloned());
        }
        known.add(text(&rule["record"]), result);
    }
    known
}

#[test]
fn recording_rules_are_named_after_their_labels_their_family_and_what_was_done() {
    let known = known();
    for rule in rules().iter().filter(|rule| rule["record"].is_string()) {
        let name = text(&rule["record"]);
        let [level, metric, operations] = name.split(':').collect::<Vec<_>>()[..] else {
            panic!("{name} is no level:metric:operations");
        };
        let of = known.get(name).expect("added");
        let mut joined: usize = 0;
        for label in of.iter().filter(|label| *label != "quantile") {
            assert!(level.contains(label.as_str()), "{name} hides {label}");
            joined += label.len() + 1;
        }
        assert_eq!(joined - 1, level.len(), "{name}: {of:?}");
        assert!(metric.starts_with("tmc_") && !metric.ends_with("_total"), "{name}");
        assert!(!operations.is_empty(), "{name}");
    }
}

#[test]
fn alerts_fit_what_is_exposed_and_say_what_to_do() {
    let known = known();
    let mut names = BTreeSet::new();
    for rule in rules().iter().filter(|rule| rule["alert"].is_string()) {
        let name = text(&rule["alert"]);
        names.insert(name.to_owned());
        let result = known.labels_of(text(&rule["expr"]));
        let result = result.unwrap_or_else(|problem| panic!("{name}: {problem}"));
        assert!(["critical", "warning"].contains(&text(&rule["labels"]["severity"])), "{name}");
        for field in ["summary", "description", "action"] {
            let annotation = text(&rule["annotations"][field]);
            assert!(annotation.len() > 10, "{name}: {field}");
            let named = named_in(annotation, "$labels.");
            assert!(named.is_subset(&result), "{name}: {field} names {named:?}, it has {result:?}");
        }
    }
    let document = [
        "TMCComponentUnhealthy",
        "TMCHighErrorRate",
        "TMCSyncLagHigh",
        "TMCClusterDisconnected",
        "TMCMigrationFailed",
        "TMCSyncBacklogHigh",
    ];
    assert!(labels(document).is_subset(&names), "{names:?}");
}

/// Without the braces and values, of one of our unit tests.
fn series_labels(series: &str) -> (&str, Labels) {
    let (name, rest) = series.split_once('{').expect("braces");
    let pairs = rest.trim_end_matches('}').split(", ").filter(|pair| !pair.is_empty());
    (name, labels(pairs.map(|pair| pair.split_once('=').expect("label=value").0)))
}

#[test]
fn each_alert_is_tested_firing_and_silent_with_series_as_they_are_exposed() {
    let (mut fires, mut silent) = (BTreeSet::new(), BTreeSet::new());
    let known = Known::families();
    for file in crate::files::below(&crate::files::path("deploy/tests")) {
        let tests = yaml(&read(&format!("deploy/tests/{file}")));
        for test in list(&tests["tests"]) {
            for series in list(&test["input_series"]) {
                let (name, mut found) = series_labels(text(&series["series"]));
                // The scrape configuration adds it.
                found.remove("deployment");
                assert_eq!(known.get(name), Some(&found), "{file}: {name}");
            }
            for check in test["alert_rule_test"].as_array().into_iter().flatten() {
                let seen =
                    if list(&check["exp_alerts"]).is_empty() { &mut silent } else { &mut fires };
                seen.insert(text(&check["alertname"]).to_owned());
            }
        }
    }
    let rules = rules();
    let alerts = rules.iter().filter_map(|rule| rule["alert"].as_str());
    let alerts = labels(alerts);
    assert_eq!(fires, alerts);
    assert_eq!(silent, alerts);
}

#[test]
fn the_operators_objects_have_the_same_groups_and_the_defaults_of_the_configuration() {
    let rule = yaml(&read("deploy/kubernetes/prometheusrule.yaml"));
    assert_eq!(rule["spec"], yaml(&printed(&["rules"])));
    assert_eq!(rule["kind"], "PrometheusRule");
    let monitor = yaml(&read("deploy/kubernetes/podmonitor.yaml"));
    assert_eq!(monitor["kind"], "PodMonitor");
    let endpoint = &monitor["spec"]["podMetricsEndpoints"][0];
    let config = MetricsConfig::default();
    assert_eq!(endpoint["path"], config.prometheus_path);
    assert_eq!(endpoint["interval"], format!("{}s", config.collection_interval.as_secs()));
    // Else the pod's namespace would take the place of an object's.
    assert_eq!(endpoint["honorLabels"], true);
    let prometheus = yaml(&read("deploy/prometheus.yml"));
    let files: Vec<&str> = list(&prometheus["rule_files"]).iter().map(text).collect();
    assert_eq!(files, ["rules/alerts.yml", "rules/recording.yml"]);
}
