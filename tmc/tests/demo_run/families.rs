//! The demo as it is started without any options of its own: every family, from real events.
//! Upstream: nothing. Downstream: process, scrape.

use tmc_metrics::FAMILIES;

use super::process::{Demo, run_to_end};
use super::scrape::get;

#[test]
fn with_default_options_every_family_of_the_catalogue_is_shown_and_ctrl_c_leaves_nothing_behind() {
    let demo = Demo::start(3, &[]);
    let scrape = demo.scrape_until("every family of the catalogue is shown", |scrape| {
        FAMILIES.iter().all(|family| scrape.shows(family.name))
    });
    // A family that is there is not enough: each of these says that the event behind it happened.
    for (name, labels) in [
        ("tmc_component_operations_total", &[("operation", "sync-resource"), ("status", "error")]),
        ("tmc_recovery_successes_total", &[("strategy", "retry-with-backoff"); 2]),
        ("tmc_recovery_failures_total", &[("strategy", "reconnect"); 2]),
        ("tmc_migration_rollbacks_total", &[("reason", "target-failed"); 2]),
        ("tmc_migrations_total", &[("status", "completed"); 2]),
        ("tmc_resource_conflicts_total", &[("conflict_type", "modified"); 2]),
        ("tmc_resource_projections_total", &[("status", "active"); 2]),
        ("tmc_placement_errors_total", &[("error_type", "PlacementCapacity"); 2]),
        ("tmc_queue_retries_total", &[]),
        ("tmc_api_requests_total", &[("status_code", "200"); 2]),
        ("tmc_goroutines_total", &[]),
        ("tmc_memory_usage_bytes", &[]),
    ] as [(&str, &[(&str, &str)]); 12]
    {
        assert!(scrape.sum(name, labels) > 0.0, "{name} {labels:?}");
    }
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
