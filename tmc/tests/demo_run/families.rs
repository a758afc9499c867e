//! The demo as it is started without any options of its own: every family, from real events.
//! Upstream: nothing. Downstream: process, scrape.

use tmc_metrics::FAMILIES;

use super::process::{Demo, run_to_end, run_unheard};
use super::scrape::get;

/// Events that happen in each run. A family that is there is not enough: each of these series says
/// that what is behind it happened.
const EVENTS: &[(&str, &[(&str, &str)])] = &[
    ("tmc_component_operations_total", &[("operation", "sync-resource"), ("status", "error")]),
    ("tmc_component_operations_total", &[("operation", "migrate-namespace")]),
    ("tmc_recovery_successes_total", &[("strategy", "retry-with-backoff")]),
    ("tmc_recovery_failures_total", &[("strategy", "reconnect")]),
    ("tmc_migration_rollbacks_total", &[("reason", "target-failed")]),
    ("tmc_migrations_total", &[("status", "completed")]),
    ("tmc_resource_conflicts_total", &[("conflict_type", "modified")]),
    ("tmc_resource_projections_total", &[("status", "active")]),
    ("tmc_placement_errors_total", &[("error_type", "PlacementCapacity")]),
    ("tmc_sync_errors_total", &[("error_type", "ResourceValidation")]),
    ("tmc_queue_retries_total", &[]),
    ("tmc_api_requests_total", &[("status_code", "200")]),
    ("tmc_goroutines_total", &[]),
    ("tmc_memory_usage_bytes", &[]),
];

#[test]
fn with_default_options_every_family_of_the_catalogue_is_shown_and_ctrl_c_leaves_nothing_behind() {
    let demo = Demo::start(3, &[]);
    demo.scrape_until("every family of the catalogue is shown, and every event", |scrape| {
        FAMILIES.iter().all(|family| scrape.shows(family.name))
            && EVENTS.iter().all(|(name, labels)| scrape.sum(name, labels) > 0.0)
    });
    let (code, clusters) = get(&demo.address, "/api/v1/clusters");
    assert_eq!(code, 200);
    assert!(clusters.contains("\"cluster-3\""), "{clusters}");
    let (_, placements) = get(&demo.address, "/api/v1/placements");
    assert!(placements.contains("\"shop\""), "{placements}");

    let directories = demo.directories.clone();
    assert!(directories[0].is_dir());
    let (code, summary) = demo.stop("INT");
    assert_eq!(code, Some(0));
    assert!(summary.contains("recoveries"), "{summary}");
    for directory in &directories {
        assert!(!directory.exists(), "{} is left", directory.display());
    }
    assert!(!directories[0].parent().unwrap().exists());
}

#[test]
fn a_duration_ends_it_with_a_summary() {
    let output = run_to_end(&["--listen", "127.0.0.1:0", "--duration", "0.5"]);
    assert_eq!(output.status.code(), Some(0));
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.starts_with("serving http://127.0.0.1:"), "{stdout}");
    assert!(stdout.contains("ran for "), "{stdout}");
    assert!(output.stderr.is_empty(), "no terminal, no progress line");
}

#[test]
fn whoever_reads_only_the_first_line_ends_nothing() {
    let output = run_unheard(&["--listen", "127.0.0.1:0", "--duration", "0.5"]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{message}");
    assert!(message.is_empty(), "{message}");
}
