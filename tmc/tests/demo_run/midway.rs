//! Takes things away from a demo that runs: a target, the source, every write.
//! Upstream: nothing. Downstream: process, scrape, journal.

use std::fs;
use std::path::Path;

use super::journal::{Journal, SOURCE, homes, write_all, write_source};
use super::process::{Demo, run_to_end, shell, wait_until};
use super::scrape::get;

/// Starts on the test's source with so many clusters.
fn start(dir: &Path, clusters: usize, more: &[&str]) -> Demo {
    let path = |name: &str| dir.join(name).display().to_string();
    let (source, targets, journal) = (path("source"), path("targets"), path("journal"));
    write_all(Path::new(&source));
    let options = ["--source", &source, "--targets", &targets, "--journal", &journal];
    Demo::start(clusters, &[&options, more].concat())
}

/// Waits until each file lies on as many clusters as it should, and nowhere else.
fn wait_for_all(clusters: &[std::path::PathBuf], twice: &str) {
    wait_until("every file is where it should be", || {
        SOURCE.iter().all(|(path, _)| {
            let wanted = if path.starts_with(twice) { 2 } else { 1 };
            homes(clusters, path).len() == wanted
        })
    });
}

#[test]
fn a_target_that_turns_into_a_file_loses_nothing_and_hangs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let demo = start(dir.path(), 3, &["--fault-rate", "0"]);
    let clusters = demo.directories[1..4].to_vec();
    wait_for_all(&clusters, "a/");
    // The namespace `b` is on one cluster only, so its objects must move.
    let victim = homes(&clusters, "b/one.yaml")[0].clone();
    let name = victim.file_name().unwrap().to_str().unwrap();
    let aside = dir.path().join("aside");
    fs::rename(&victim, &aside).unwrap();
    fs::write(&victim, "no directory any more").unwrap();
    demo.scrape_until("the cluster is not connected", |scrape| {
        scrape.sum("tmc_cluster_connectivity", &[("cluster", name)]) == 0.0
    });
    wait_for_all(&clusters, "a/");
    let moved = [("source_cluster", name), ("status", "completed")];
    let scrape = demo.scrape_until("the namespaces have moved", |scrape| {
        let stranded = scrape.sum("tmc_sync_resources_total", &[("cluster", name)]);
        scrape.sum("tmc_migrations_total", &moved) >= 1.0 && stranded == 0.0
    });
    let migrated = |line: &&super::journal::Line| line.is(&[("purpose", "migrate")]);
    let journal = Journal::read(&dir.path().join("journal"));
    let bytes: u64 = journal.lines.iter().filter(migrated).map(super::journal::Line::bytes).sum();
    assert_eq!(scrape.sum("tmc_migration_data_size_bytes_sum", &[]), bytes as f64);
    assert!(scrape.sum("tmc_recovery_successes_total", &[("strategy", "failover")]) >= 1.0);
    assert!(scrape.sum("tmc_recovery_failures_total", &[("strategy", "reconnect")]) == 1.0);
    demo.scrape_until("the monitor has asked: two of three answer", |scrape| {
        let tracker = [("component_id", "cluster-health-tracker")];
        scrape.shows("tmc_cluster_health")
            && scrape.sum("tmc_cluster_health", &[("cluster", name)]) == 0.0
            && scrape.sum("tmc_component_health", &tracker) == 0.5
    });
    let (_, components) = get(&demo.address, "/components");
    assert!(components.contains("the cluster is lost"), "{components}");
    let (_, summary) = get(&demo.address, "/summary");
    assert!(summary.contains("components unhealthy"), "{summary}");

    // It comes back with what it had, which is nobody's any more.
    fs::remove_file(&victim).unwrap();
    fs::rename(&aside, &victim).unwrap();
    demo.scrape_until("the cluster is connected again", |scrape| {
        scrape.sum("tmc_cluster_connectivity", &[("cluster", name)]) == 1.0
    });
    wait_for_all(&clusters, "a/");
    assert_eq!(demo.stop("TERM").0, Some(0));
}

#[test]
fn the_only_cluster_that_goes_away_and_returns_empty_is_filled_again() {
    let dir = tempfile::tempdir().unwrap();
    let demo = start(dir.path(), 1, &["--fault-rate", "0"]);
    let clusters = demo.directories[1..2].to_vec();
    wait_for_all(&clusters, "none");
    wait_until("it is ready", || get(&demo.address, "/readyz").0 == 200);
    // At one stroke: a folder that is emptied file by file would be filled meanwhile.
    fs::rename(&clusters[0], dir.path().join("aside")).unwrap();
    demo.scrape_until("placement finds no room", |scrape| {
        scrape.sum("tmc_placement_errors_total", &[("error_type", "PlacementCapacity")]) > 0.0
    });
    wait_until("it is not ready", || get(&demo.address, "/readyz").0 == 503);
    fs::create_dir(&clusters[0]).unwrap();
    wait_for_all(&clusters, "none");
    let scrape = demo.scrape_until("all is synced", |scrape| {
        let all = scrape.sum("tmc_sync_resources_total", &[]);
        all > 0.0 && scrape.sum("tmc_sync_resources_total", &[("status", "synced")]) == all
    });
    assert_eq!(scrape.sum("tmc_resource_conflicts_total", &[]), 0.0);
    assert_eq!(demo.stop("INT").0, Some(0));
}

#[test]
fn a_source_that_vanishes_deletes_nothing_and_a_broken_manifest_is_no_crash() {
    let dir = tempfile::tempdir().unwrap();
    let demo = start(dir.path(), 2, &["--fault-rate", "0"]);
    let clusters = demo.directories[1..3].to_vec();
    wait_for_all(&clusters, "a/");
    let source = dir.path().join("source");
    fs::write(source.join("c/one.yaml"), "kind: [unfinished").unwrap();
    demo.scrape_until("the broken manifest is counted", |scrape| {
        scrape.sum("tmc_sync_errors_total", &[("error_type", "ResourceValidation")]) >= 1.0
    });
    fs::rename(&source, dir.path().join("aside")).unwrap();
    demo.scrape_until("the missing source is counted", |scrape| {
        let labels = [("cluster", "source"), ("error_type", "SyncFailure")];
        scrape.sum("tmc_sync_errors_total", &labels) >= 1.0
    });
    wait_for_all(&clusters, "a/");
    fs::rename(dir.path().join("aside"), &source).unwrap();
    write_source(&source, "c/one.yaml", "mended");
    wait_until("the mended manifest arrives", || {
        homes(&clusters, "c/one.yaml").iter().any(|cluster| {
            fs::read_to_string(cluster.join("c/one.yaml")).is_ok_and(|text| text.contains("mended"))
        })
    });
    let journal = Journal::read(&dir.path().join("journal"));
    assert_eq!(journal.count(&[("op", "remove"), ("purpose", "sync")]), 0);
    assert_eq!(demo.stop("TERM").0, Some(0));
}

#[test]
fn where_every_write_fails_nothing_hangs_and_the_source_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let demo = start(dir.path(), 2, &["--fault-rate", "1"]);
    let scrape = demo.scrape_until("recoveries are given up", |scrape| {
        scrape.sum("tmc_recovery_failures_total", &[]) >= 5.0
    });
    let retried = [("strategy", "retry-with-backoff")];
    assert_eq!(scrape.sum("tmc_recovery_successes_total", &retried), 0.0);
    assert_eq!(scrape.sum("tmc_sync_resources_total", &[("status", "synced")]), 0.0);
    let clusters = demo.directories[1..3].to_vec();
    assert_eq!(demo.stop("TERM").0, Some(0));
    for (path, gvks) in SOURCE {
        assert!(homes(&clusters, path).is_empty());
        let text = fs::read_to_string(dir.path().join("source").join(path)).unwrap();
        assert_eq!(text.matches("apiVersion").count(), gvks.len());
    }
}

#[test]
fn a_pipe_or_a_device_in_place_of_a_file_hangs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let demo = start(dir.path(), 2, &["--fault-rate", "0"]);
    let clusters = demo.directories[1..3].to_vec();
    wait_for_all(&clusters, "a/");
    // Nobody ever writes into the pipe, and the device never ends. Each takes the place of a file
    // at one stroke.
    let put = |make: &str, place: &Path| {
        let made = dir.path().join("made");
        shell(&format!("{make} '{}'", made.display()));
        fs::rename(&made, place).unwrap();
    };
    let pipe = homes(&clusters, "b/one.yaml")[0].join("b/one.yaml");
    put("mkfifo", &pipe);
    let device = homes(&clusters, "c/one.yaml")[0].join("c/one.yaml");
    put("ln -s /dev/zero", &device);
    for path in [&pipe, &device] {
        wait_until("a file is there again", || {
            fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file())
        });
        assert!(fs::read_to_string(path).unwrap().contains("first"));
    }
    demo.scrape_until("each is counted as changed by somebody else", |scrape| {
        scrape.sum("tmc_resource_conflicts_total", &[("conflict_type", "modified")]) == 2.0
    });

    // In the source they are no manifests; what was mirrored stays.
    let source = dir.path().join("source");
    put("mkfifo", &source.join("c/two.json"));
    demo.scrape_until("the pipe in the source is counted", |scrape| {
        let labels = [("cluster", "source"), ("error_type", "SyncFailure")];
        scrape.sum("tmc_sync_errors_total", &labels) >= 1.0
    });
    write_source(&source, "b/two.yml", "later");
    wait_until("edits still arrive", || {
        homes(&clusters, "b/two.yml").iter().any(|cluster| {
            fs::read_to_string(cluster.join("b/two.yml")).is_ok_and(|text| text.contains("later"))
        })
    });
    assert_eq!(homes(&clusters, "c/two.json").len(), 1);
    assert_eq!(demo.stop("INT").0, Some(0));
}

#[test]
fn what_is_wrong_with_a_manifest_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("source");
    write_all(&source);
    fs::write(source.join("c/broken.yaml"), "kind: [unfinished").unwrap();
    shell(&format!("mkfifo '{}'", source.join("c/pipe.yaml").display()));
    let source = source.display().to_string();
    let options = ["--listen", "127.0.0.1:0", "--duration", "2", "--source", &source];
    let output = run_to_end(&options);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    for (file, times) in [("c/broken.yaml: ", 1), ("c/pipe.yaml: ", 1)] {
        assert_eq!(said.matches(file).count(), times, "{said}");
    }
    assert!(said.starts_with("warning: ") && said.contains("unclosed"), "{said}");
}
