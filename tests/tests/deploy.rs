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

/// A copy of the rules and their unit tests, with one change to the alerts.
fn with_change(from: &str, to: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for folder in ["rules", "tests"] {
        fs::create_dir(dir.path().join(folder)).expect("a folder");
        for file in files(folder) {
            let text = fs::read_to_string(&file).expect("a file");
            let name = file.file_name().expect("a name");
            let is_alerts = name == "alerts.yml";
            assert!(!is_alerts || text.contains(from), "no {from} in {text}");
            let text = if is_alerts { text.replace(from, to) } else { text };
            fs::write(dir.path().join(folder).join(name), text).expect("a file");
        }
    }
    dir
}

/// Each line is a fault that the document has, or that somebody may make.
#[test]
fn a_changed_rule_fails_its_unit_tests() {
    let changes = [
        ("tmc_component_health == 0", "tmc_component_health < 0.5"),
        ("tmc_component_health == -1", "tmc_component_health <= 0"),
        ("for: 2m", "for: 1m"),
        ("> 0.1\n", "> 0.3\n"),
        ("> 0.1\n", "> 0.04\n"),
        (
            "sum by (component_type, component_id) (rate(tmc_component_errors_total[5m]))",
            "rate(tmc_component_errors_total[5m])",
        ),
        ("> 0.5", "> 0.1"),
        (" unless tmc_recovery_failures_total offset 30m", " and tmc_recovery_failures_total"),
        ("14.4 * 0.01", "24.4 * 0.01"),
        ("6 * 0.01", "14.4 * 0.01"),
        ("error_ratio_rate5m", "error_ratio_rate1h"),
        ("tmc_cluster_connectivity == 0", "tmc_cluster_connectivity == 1"),
        ("tmc_sync_lag_seconds > 300", "tmc_sync_lag_seconds >= 300"),
        ("tmc_sync_lag_seconds > 300", "tmc_sync_lag_seconds > 500"),
        ("tmc_sync_backlog_size > 1000", "tmc_sync_backlog_size >= 1000"),
        ("for: 15m", "for: 10m"),
        // As the document has it: the very first failure is missed.
        (
            "(tmc_migration_errors_total unless tmc_migration_errors_total offset 10m)\n      or ",
            "",
        ),
        ("and on (job, instance)", "or on (job, instance)"),
        ("increase(tmc_sysmon_samples_total[10m])", "increase(tmc_health_checks_total[10m])"),
        ("increase(tmc_health_checks_total[10m])", "increase(tmc_sysmon_samples_total[10m])"),
        ("increase(tmc_engine_overflow_total[15m]) > 0", "tmc_engine_overflow_total > 0"),
        ("(tmc_engine_refused_total unless tmc_engine_refused_total offset 15m)\n      or ", ""),
        ("$labels.phase", "$labels.error_type"),
    ];
    for (from, to) in changes {
        let dir = with_change(from, to);
        let names = files("tests").into_iter();
        let names =
            names.map(|file| dir.path().join("tests").join(file.file_name().expect("a name")));
        let said = promtool_run(&["test", "rules"], &names.collect::<Vec<_>>());
        assert!(said.is_err(), "nobody notices {to} instead of {from}");
    }
}
