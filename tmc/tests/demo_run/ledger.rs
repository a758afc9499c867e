//! Compares the metrics with a ledger of what happened to the files on disk.
//! Upstream: nothing. Downstream: process, scrape, journal.
//!
//! The ledger has two sources, and neither knows of metrics: the journal that the lowest layer
//! keeps of each file operation, and the directories themselves, which the test reads.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::journal::{CLUSTERS, Journal, SOURCE, gvks, homes, write_all, write_source};
use super::process::{Demo, wait_until};
use super::scrape::Scrape;

/// Probes of three clusters without any other operation between them that mean that all is done;
/// longer than any wait before a retry.
const REST: usize = 3 * 15;
/// Failures in a row after which a recovery counts as failed, as the documentation has it.
const GIVEN_UP_AFTER: usize = 4;

struct Run {
    demo: Demo,
    dir: tempfile::TempDir,
    clusters: Vec<PathBuf>,
}

impl Run {
    fn start(fault_rate: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        let (source, targets, journal) = (path("source"), path("targets"), path("journal"));
        write_all(Path::new(&source));
        let options = ["--source", &source, "--targets", &targets, "--journal", &journal];
        let more = ["--fault-rate", fault_rate, "--capacity", "20", "--workers", "3"];
        let demo = Demo::start(3, &[&options[..], &more].concat());
        let clusters = demo.directories[1..4].to_vec();
        Self { demo, dir, clusters }
    }

    fn source(&self) -> PathBuf {
        self.dir.path().join("source")
    }

    fn journal(&self) -> Journal {
        Journal::read(&self.dir.path().join("journal"))
    }

    /// Waits until every file of the source lies where it should, with `text` in it.
    fn wait_for(&self, path: &str, text: &str, copies: usize) {
        wait_until(&format!("{path} says {text} on {copies} clusters"), || {
            let homes = homes(&self.clusters, path);
            homes.len() == copies
                && homes.iter().all(|cluster| {
                    fs::read_to_string(cluster.join(path)).is_ok_and(|found| found.contains(text))
                })
        });
    }

    fn wait_for_all(&self) {
        for (path, _) in SOURCE {
            self.wait_for(path, "first", copies(path));
        }
    }

    /// Waits until many probes in a row found nothing else going on.
    fn rest(&self) {
        wait_until("the mirror rests", || {
            let journal = self.journal();
            let probes = journal.lines.iter().rev();
            probes.take_while(|line| line.is(&[("purpose", "probe")])).count() >= 2 * REST
        });
    }
}

/// The clusters that a path's namespace asks for.
fn copies(path: &str) -> usize {
    let namespace = path.split('/').next().unwrap();
    CLUSTERS.iter().find(|(name, _)| *name == namespace).unwrap().1
}

/// Objects by cluster and gvk, summed over journal lines.
fn objects<'a>(
    lines: impl Iterator<Item = &'a super::journal::Line>,
) -> BTreeMap<(String, String), f64> {
    let mut sums = BTreeMap::new();
    for line in lines {
        for gvk in gvks(line.text("path")) {
            let key = (line.text("root").to_owned(), (*gvk).to_owned());
            *sums.entry(key).or_default() += 1.0;
        }
    }
    sums
}

/// The metrics' sums by cluster and gvk, over series with one of the label's values.
fn shown(
    scrape: &Scrape,
    name: &str,
    label: &str,
    values: &[&str],
) -> BTreeMap<(String, String), f64> {
    let mut sums = BTreeMap::new();
    for value in values {
        for (labels, count) in scrape.series(name, &[(label, value)]).filter(|(_, n)| *n > 0.0) {
            *sums.entry((labels["cluster"].clone(), labels["gvk"].clone())).or_default() += count;
        }
    }
    sums
}

fn check_against_journal(scrape: &Scrape, journal: &Journal) {
    let done = |op: &'static str| {
        journal.syncs().filter(move |line| line.is(&[("op", op), ("result", "done")]))
    };
    let syncs = "tmc_sync_duration_seconds_count";
    let written = shown(scrape, syncs, "operation", &["create", "update"]);
    assert_eq!(written, objects(done("write")), "objects written");
    let removed = shown(scrape, syncs, "operation", &["delete"]);
    assert_eq!(removed, objects(done("remove")), "objects removed");

    let failed: Vec<_> = journal.syncs().filter(|line| !line.is(&[("result", "done")])).collect();
    assert_eq!(scrape.sum("tmc_queue_retries_total", &[]), failed.len() as f64, "retries");
    let tries = journal.syncs().count() as f64;
    assert_eq!(scrape.sum("tmc_queue_adds_total", &[]), tries, "tasks");
    assert_eq!(scrape.sum("tmc_queue_processing_duration_seconds_count", &[]), tries);
    assert_eq!(scrape.sum("tmc_queue_wait_duration_seconds_count", &[]), tries);
    let mut errors: BTreeMap<(String, String), f64> = BTreeMap::new();
    for (labels, count) in scrape.series("tmc_sync_errors_total", &[]) {
        *errors.entry((labels["cluster"].clone(), labels["gvk"].clone())).or_default() += count;
    }
    assert_eq!(errors, objects(failed.into_iter()), "errors");

    // Each attempt to write transforms, whether the write then works or not.
    let attempts = journal.syncs().filter(|line| line.is(&[("op", "write")]));
    let transformed: f64 = objects(attempts).values().sum();
    let labels = [("status", "success")];
    assert_eq!(scrape.sum("tmc_resource_transformations_total", &labels), transformed);

    for (operation, op) in [("sync-resource", "write"), ("delete-resource", "remove")] {
        let lines = || journal.syncs().filter(|line| line.is(&[("op", op)]));
        let worked = lines().filter(|line| line.is(&[("result", "done")])).count();
        for (status, count) in [("success", worked), ("error", lines().count() - worked)] {
            let labels = [("operation", operation), ("status", status)];
            let shown = scrape.sum("tmc_component_operations_total", &labels);
            assert_eq!(shown, count as f64, "{operation}, {status}");
        }
    }

    for (namespace, _) in CLUSTERS {
        let (path, workspace) = (format!("{namespace}.json"), format!("root:demo:{namespace}"));
        let views = |result| {
            journal.count(&[("purpose", "view"), ("path", &path), ("result", result)]) as f64
        };
        let labels = [("operation", "aggregate"), ("workspace", workspace.as_str())];
        let name = "tmc_virtual_workspace_operation_duration_seconds_count";
        assert_eq!(scrape.sum(name, &labels), views("done"), "views of {namespace}");
        // Copies that differ while they are being written are a conflict, not a failure.
        let labels = [("workspace", workspace.as_str()), ("error_type", "AggregationFailure")];
        assert_eq!(scrape.sum("tmc_virtual_workspace_errors_total", &labels), views("fault"));
    }

    let attempts = scrape.sum("tmc_recovery_attempts_total", &[]);
    let ended = scrape.sum("tmc_recovery_successes_total", &[])
        + scrape.sum("tmc_recovery_failures_total", &[]);
    assert_eq!(attempts, ended, "no recovery is under way");
    assert_eq!(scrape.sum("tmc_recovery_duration_seconds_count", &[]), ended);
}

/// Every file's failures in a row are one recovery, which ends well when the file is done; but it
/// is given up after some failures, and the next failure or success belongs to another.
fn check_recoveries(scrape: &Scrape, journal: &Journal) {
    let mut in_a_row: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let (mut successes, mut failures) = (0, 0);
    for line in journal.syncs() {
        let run = in_a_row.entry((line.text("root"), line.text("path"))).or_default();
        if !line.is(&[("result", "done")]) {
            *run += 1;
            failures += usize::from(run.is_multiple_of(GIVEN_UP_AFTER));
        } else if std::mem::take(run) > 0 {
            successes += 1;
        }
    }
    let of = |name: &str| scrape.sum(name, &[("strategy", "retry-with-backoff")]);
    assert_eq!(of("tmc_recovery_successes_total"), successes as f64, "recoveries that worked");
    assert_eq!(of("tmc_recovery_failures_total"), failures as f64, "recoveries given up");
    assert!(in_a_row.values().all(|run| *run == 0), "a file is not done");
    assert_eq!(of("tmc_recovery_attempts_total"), (successes + failures) as f64, "recoveries");
}

fn check_against_disk(scrape: &Scrape, run: &Run, present: &[&str]) {
    let mut on_disk: BTreeMap<(String, String), f64> = BTreeMap::new();
    for cluster in &run.clusters {
        let name = cluster.file_name().unwrap().to_str().unwrap();
        let mut held = 0.0;
        for path in present.iter().filter(|path| cluster.join(path).is_file()) {
            let text = fs::read_to_string(cluster.join(path)).unwrap();
            let labels = text.matches("tmc.io/cluster").count();
            assert_eq!(labels - text.matches("tmc.io/clusters").count(), gvks(path).len());
            for gvk in gvks(path) {
                *on_disk.entry((name.to_owned(), (*gvk).to_owned())).or_default() += 1.0;
                held += 1.0;
            }
        }
        let labels = [("cluster", name), ("resource_type", "objects")];
        assert_eq!(scrape.sum("tmc_cluster_capacity_utilization", &labels), held / 20.0);
        assert_eq!(scrape.sum("tmc_sync_backlog_size", &[("cluster", name)]), 0.0);
        assert_eq!(scrape.sum("tmc_queue_depth", &[("queue", name)]), 0.0);
    }
    assert_eq!(shown(scrape, "tmc_sync_resources_total", "status", &["synced"]), on_disk);
    for status in ["pending", "failed"] {
        assert_eq!(scrape.sum("tmc_sync_resources_total", &[("status", status)]), 0.0);
    }
    let mut held: BTreeMap<(String, String), f64> = BTreeMap::new();
    for (labels, count) in scrape.series("tmc_cluster_resources_total", &[]) {
        if count > 0.0 {
            *held.entry((labels["cluster"].clone(), labels["gvk"].clone())).or_default() += count;
        }
    }
    assert_eq!(held, on_disk);
    for (namespace, wanted) in CLUSTERS {
        let labels = [("namespace", *namespace)];
        assert_eq!(scrape.sum("tmc_placement_clusters", &labels), *wanted as f64);
        assert!(run.demo.directories[4].join(format!("{namespace}.json")).is_file());
    }
}

fn all_but<'a>(gone: &str) -> Vec<&'a str> {
    SOURCE.iter().map(|(path, _)| *path).filter(|path| *path != gone).collect()
}

#[test]
fn without_faults_the_counts_are_those_of_the_files() {
    let run = Run::start("0");
    run.wait_for_all();
    run.rest();
    let scrape = run.demo.scrape();
    check_against_journal(&scrape, &run.journal());
    check_against_disk(&scrape, &run, &all_but(""));
    assert_eq!(scrape.sum("tmc_queue_retries_total", &[]), 0.0);
    assert_eq!(scrape.sum("tmc_queue_adds_total", &[]), (SOURCE.len() + 3) as f64);
    assert_eq!(scrape.sum("tmc_resource_projections_total", &[("status", "active")]), 4.0);
    let (code, summary) = run.demo.stop("TERM");
    assert_eq!(code, Some(0));
    assert!(summary.contains("namespaces      3 (0 without room)"), "{summary}");
}

#[test]
fn with_faults_edits_deletions_and_tampering_every_count_agrees_with_journal_and_disk() {
    let run = Run::start("0.3");
    run.wait_for_all();
    write_source(&run.source(), "a/web.yaml", "second");
    write_source(&run.source(), "c/two.json", "second");
    fs::remove_file(run.source().join("b/two.yml")).unwrap();
    run.wait_for("a/web.yaml", "second", 2);
    run.wait_for("c/two.json", "second", 1);
    run.wait_for("b/two.yml", "", 0);
    run.rest();
    // Somebody changes one target, and deletes another. Each holds one object.
    let changed = homes(&run.clusters, "b/one.yaml")[0].join("b/one.yaml");
    let deleted = homes(&run.clusters, "c/one.yaml")[0].join("c/one.yaml");
    fs::write(&changed, "somebody else was here").unwrap();
    fs::remove_file(&deleted).unwrap();
    run.wait_for("b/one.yaml", "first", 1);
    run.wait_for("c/one.yaml", "first", 1);
    run.rest();
    // A folder in place of a file is a real failure, until it is gone. As a link it can take the
    // place at one stroke.
    let blocked = homes(&run.clusters, "c/two.json")[0].join("c/two.json");
    let link = run.dir.path().join("link");
    std::os::unix::fs::symlink(run.dir.path(), &link).unwrap();
    fs::rename(&link, &blocked).unwrap();
    run.demo.scrape_until("a recovery is given up", |scrape| {
        scrape.sum("tmc_recovery_failures_total", &[("strategy", "retry-with-backoff")]) >= 1.0
    });
    fs::remove_file(&blocked).unwrap();
    run.wait_for("c/two.json", "second", 1);
    run.rest();

    let (before, scrape, after) = (run.journal(), run.demo.scrape(), run.journal());
    assert_eq!(before.work().count(), after.work().count(), "it was not at rest");
    check_against_journal(&scrape, &before);
    check_recoveries(&scrape, &before);
    check_against_disk(&scrape, &run, &all_but("b/two.yml"));
    assert!(before.count(&[("result", "fault"), ("purpose", "sync")]) > 3);
    assert!(before.count(&[("result", "error")]) >= GIVEN_UP_AFTER, "the folder was in the way");
    for (conflict, gvk) in [
        ("modified", "v1/ConfigMap"),
        ("deleted", "networking.k8s.io/v1/Ingress"),
        ("deleted", "apps/v1/StatefulSet"),
    ] {
        let labels = [("conflict_type", conflict), ("gvk", gvk), ("resolution", "source-wins")];
        assert_eq!(scrape.sum("tmc_resource_conflicts_total", &labels), 1.0, "{conflict}");
    }
    assert_eq!(scrape.sum("tmc_resource_conflicts_total", &[]), 3.0);
    // Probes go on all the time: the count lies between the journals before and after.
    let probed = [("operation", "probe-cluster"), ("status", "success")];
    let counted = scrape.sum("tmc_component_operations_total", &probed);
    let probes =
        |journal: &Journal| journal.count(&[("purpose", "probe"), ("op", "remove")]) as f64;
    assert!(probes(&before) - 3.0 <= counted && counted <= probes(&after), "{counted} probes");
    assert_eq!(run.demo.stop("TERM").0, Some(0));
}
