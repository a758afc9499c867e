//! What is checked in is what the command writes; what it prints; what it refuses.

use std::fs;

use crate::files::{below, list, path, printed, read, run, text, yaml};

#[test]
fn what_is_checked_in_is_what_is_generated() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().to_str().unwrap();
    for command in ["rules", "dashboards", "docs"] {
        printed(&[command, "--out", out]);
    }
    let generated = below(dir.path());
    assert!(generated.len() >= 8, "{generated:?}");
    for name in &generated {
        let place = if name == "metrics.md" { "docs/" } else { "deploy/" };
        let new = fs::read_to_string(dir.path().join(name)).unwrap();
        // Not assert_eq!: nobody wants to read both.
        assert!(
            read(&format!("{place}{name}")) == new,
            "{place}{name} is out of date: run `cargo run --bin tmc-metrics -- rules --out deploy`, \
             `dashboards --out deploy` and `docs --out docs`"
        );
    }
    let by_hand = |name: &&String| *name == "prometheus.yml" || name.starts_with("tests/");
    let left_over = below(&path("deploy"));
    let left_over: Vec<_> =
        left_over.iter().filter(|name| !by_hand(name) && !generated.contains(name)).collect();
    assert!(left_over.is_empty(), "no longer generated: {left_over:?}");
}

#[test]
fn what_is_printed_is_what_is_written() {
    let groups = |text: &str| list(&yaml(text)["groups"]).to_vec();
    let files =
        ["recording", "alerts"].map(|name| groups(&read(&format!("deploy/rules/{name}.yml"))));
    assert_eq!(groups(&printed(&["rules"])), files.concat());
    let objects = printed(&["rules", "--format", "kubernetes"]);
    let files = ["podmonitor", "prometheusrule"]
        .map(|name| read(&format!("deploy/kubernetes/{name}.yaml")));
    assert_eq!(objects, files.join("---\n"));
    for name in ["overview", "sync-operations", "placement-migration-recovery"] {
        let file = read(&format!("deploy/dashboards/{name}.json"));
        assert_eq!(printed(&["dashboards", "--name", name]), file);
    }
    assert_eq!(printed(&["docs"]), read("docs/metrics.md"));
}

#[test]
fn windows_are_shortened_for_a_trial_and_names_stay() {
    let rules = printed(&["rules", "--shorten", "60"]);
    let found = |name: &str| {
        let groups = yaml(&rules);
        let rules = list(&groups["groups"]).iter().flat_map(|group| list(&group["rules"]).to_vec());
        let mut rules = rules.filter(|rule| rule["alert"] == name || rule["record"] == name);
        rules.next().unwrap_or_else(|| panic!("no {name}"))
    };
    let errors = found("TMCHighErrorRate");
    assert_eq!(errors["for"], "5s");
    assert!(text(&errors["expr"]).contains("_total[5s]"), "{errors}");
    let ratio = found("component_type:tmc_component_operations:error_ratio_rate1h");
    assert!(text(&ratio["expr"]).contains("[1m]"), "{ratio}");
    let failed = found("TMCMigrationFailed");
    let shortened = ["offset 10s\n", "up offset 10s", "time() - 10)", "_total[10s]"];
    assert!(shortened.iter().all(|part| text(&failed["expr"]).contains(part)), "{failed}");
}

#[test]
fn a_command_line_that_cannot_be_done_is_refused_with_the_way_out() {
    let refused = |arguments: &[&str], code, word: &str| {
        let output = run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(word), "{arguments:?}: {said}");
    };
    refused(&["dashboards"], 2, "--out");
    refused(&["dashboards", "--name", "overveiw"], 2, "sync-operations");
    refused(&["rules", "--shorten", "0"], 2, "whole number from 1");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    refused(&["docs", "--out", file.to_str().unwrap()], 1, "give --out a directory");
}
