//! `promtool` takes the files of `deploy/`, and its unit tests of the alerts are worth something: they
//! fail when a rule is changed.

use std::fs;
use std::path::{Path, PathBuf};

use tmc_tests::judges::promtool_run;

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

/// Files of a folder of `deploy/`, sorted.
fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(deploy().join(folder)).expect("a folder");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} is empty");
    files
}

#[test]
fn promtool_takes_the_configuration_and_the_rules() {
    promtool_run(&["check", "config"], &[deploy().join("prometheus.yml")]).unwrap();
    promtool_run(&["check", "rules"], &files("rules")).unwrap();
}

#[test]
fn each_alert_fires_stays_silent_and_resolves_as_its_unit_tests_say() {
    promtool_run(&["test", "rules"], &files("tests")).unwrap();
}

/// A copy of the rules and their unit tests, with one change to the rules.
fn with_change(from: &str, to: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut is_changed = false;
    for folder in ["rules", "tests"] {
        fs::create_dir(dir.path().join(folder)).expect("a folder");
        for file in files(folder) {
            let text = fs::read_to_string(&file).expect("a file");
            let name = file.file_name().expect("a name");
            is_changed |= folder == "rules" && text.contains(from);
            let text = if folder == "rules" { text.replace(from, to) } else { text };
            fs::write(dir.path().join(folder).join(name), text).expect("a file");
        }
    }
    assert!(is_changed, "no rule has {from}");
    dir
}

/// Each line is a fault that the document has, or that somebody may make, and whose tests notice it.
#[test]
fn a_changed_rule_fails_its_unit_tests() {
    // As the document has them, increases miss the very first event; or old ones are taken for new.
    let first = |counter: &str, window: &str| format!("{counter} unless {counter} offset {window}");
    let migration = first("tmc_migration_errors_total", "10m");
    let refusal = first("tmc_engine_refused_total", "15m");
    let recovery = first("tmc_recovery_failures_total", "30m");
    let looked = |by: &str| format!("and on (job, instance) ({by})");
    let late = looked("up offset 10m == 1 or process_start_time_seconds > time() - 600");
    let late_recovery = looked("up offset 30m == 1 or process_start_time_seconds > time() - 1800");
    let changes = [
        ("components", "tmc_component_health == 0", "tmc_component_health < 0.5"),
        ("components", "tmc_component_health == -1", "tmc_component_health <= 0"),
        ("components", "for: 2m", "for: 1m"),
        ("components", "> 0.1\n", "> 0.3\n"),
        ("components", "> 0.1\n", "> 0.04\n"),
        (
            "components",
            "sum by (component_type, component_id) (rate(tmc_component_errors_total[5m]))",
            "rate(tmc_component_errors_total[5m])",
        ),
        ("components", "> 0.5", "> 0.1"),
        ("components", &recovery, "tmc_up"),
        ("components", &late_recovery, ""),
        ("budget", "14.4 * 0.01", "24.4 * 0.01"),
        ("budget", "6 * 0.01", "14.4 * 0.01"),
        ("budget", "error_ratio_rate5m", "error_ratio_rate1h"),
        ("clusters", "tmc_cluster_connectivity == 0", "tmc_cluster_connectivity == 1"),
        ("clusters", "tmc_sync_lag_seconds > 300", "tmc_sync_lag_seconds >= 300"),
        ("clusters", "tmc_sync_lag_seconds > 300", "tmc_sync_lag_seconds > 500"),
        ("clusters", "tmc_sync_backlog_size > 1000", "tmc_sync_backlog_size >= 1000"),
        ("clusters", "for: 15m", "for: 10m"),
        ("clusters", &migration, "tmc_up"),
        ("clusters", &late, ""),
        ("clusters", "up offset 10m == 1", "up offset 10m"),
        ("clusters", "up offset 10m == 1 or", ""),
        ("clusters", " or process_start_time_seconds > time() - 600", ""),
        ("clusters", "$labels.phase", "$labels.error_type"),
        ("monitoring", "and on (job, instance)", "or on (job, instance)"),
        ("monitoring", "increase(tmc_sysmon_samples", "increase(tmc_health_checks"),
        ("monitoring", "increase(tmc_health_checks", "increase(tmc_sysmon_samples"),
        ("monitoring", "increase(tmc_engine_overflow_total[15m])", "tmc_engine_overflow_total"),
        ("monitoring", &refusal, "tmc_up"),
    ];
    for (tests, from, to) in changes {
        let dir = with_change(from, to);
        let file = dir.path().join("tests").join(tests).with_extension("yml");
        let said = promtool_run(&["test", "rules"], &[file]);
        assert!(said.is_err(), "nobody notices {to} instead of {from}");
    }
}
