//! The mirror on real directories, one round at a time, with workers and clock in the test's hand.
//! Upstream: nothing. Downstream: all of the demo but its threads.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tempfile::TempDir;
use tmc_metrics::{MetricsCollector, Registry};

use super::components::Components;
use super::door::{Door, Root};
use super::mirror::{Mirror, Parts};
use super::queue::{Intake, queues};
use super::status::{Shared, Status};
use super::worker::Worker;

/// A mirror that moves only when it is told to.
struct Rig {
    dir: TempDir,
    registry: Registry,
    mirror: Mirror,
    intake: Intake,
    worker: Worker,
    status: Shared,
    now: Instant,
}

impl Rig {
    fn new(clusters: usize, capacity: u64, fault_rate: f64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let registry = Registry::new();
        let collector = MetricsCollector::new(&registry).unwrap();
        let door = Arc::new(Door::new(fault_rate, None));
        let root = |name: String| {
            let root = Root { dir: dir.path().join(&name), name };
            fs::create_dir_all(&root.dir).unwrap();
            root
        };
        let roots: Arc<[Root]> =
            (1..=clusters).map(|number| root(format!("cluster-{number}"))).collect();
        let names: Vec<String> = roots.iter().map(|root| root.name.clone()).collect();
        let (queues, intake) = queues(&collector, &names);
        let status = Shared::default();
        let now = Instant::now();
        let parts = Parts {
            collector: collector.clone(),
            door: door.clone(),
            source: dir.path().join("source"),
            clusters: roots.clone(),
            views: root("views".to_owned()),
            capacity,
            status: status.clone(),
            components: Components::new(&names),
            queues,
        };
        fs::create_dir(dir.path().join("source")).unwrap();
        let worker = Worker { collector, door, clusters: roots };
        Self { dir, registry, mirror: Mirror::new(parts, now), intake, worker, status, now }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Writes a namespace of so many objects, in a file each.
    fn namespace(&self, name: &str, objects: usize) {
        for number in 0..objects {
            self.write(&format!("source/{name}/{number}.yaml"), &pod(number));
        }
    }

    /// Ends one round and the work that comes of it; a fifth of a second passes.
    fn round(&mut self) {
        self.now += Duration::from_millis(200);
        self.mirror.round(self.now, SystemTime::now());
        for task in self.intake.drain() {
            let outcome = self.worker.perform(task);
            self.mirror.settle(outcome, self.now);
        }
    }

    fn rounds(&mut self, rounds: usize) {
        for _ in 0..rounds {
            self.round();
        }
    }

    fn value(&self, family: &str, labels: &[&str]) -> f64 {
        let snapshot = self.registry.snapshot();
        let series = snapshot.family(family).and_then(|family| family.get(labels));
        series.map_or(0.0, |series| series.value().as_f64())
    }

    /// Over all series.
    fn total(&self, family: &str) -> f64 {
        let snapshot = self.registry.snapshot();
        let family = snapshot.family(family);
        family.map_or(0.0, |family| family.series().map(|series| series.value().as_f64()).sum())
    }

    fn status(&self) -> Status {
        self.status.get()
    }

    /// The cluster that a namespace with one cluster is on.
    fn home(&self, namespace: &str) -> String {
        let status = self.status();
        let placement =
            status.placements.iter().find(|placement| placement.namespace == namespace).unwrap();
        assert_eq!(placement.clusters.len(), 1, "{placement:?}");
        placement.clusters[0].clone()
    }

    fn files(&self, folder: &str) -> usize {
        fs::read_dir(self.path(folder)).map_or(0, Iterator::count)
    }
}

fn pod(number: usize) -> String {
    format!("{{apiVersion: v1, kind: Pod, metadata: {{name: pod-{number}}}}}\n")
}

#[test]
fn edits_additions_and_deletions_reach_the_cluster_and_the_view() {
    let mut rig = Rig::new(2, 10, 0.0);
    rig.namespace("a", 2);
    rig.rounds(3);
    let home = rig.home("a");
    assert_eq!(rig.files(&format!("{home}/a")), 2);
    rig.write("source/a/0.yaml", &pod(7));
    fs::remove_file(rig.path("source/a/1.yaml")).unwrap();
    rig.rounds(3);
    assert_eq!(rig.files(&format!("{home}/a")), 1);
    let copy = fs::read_to_string(rig.path(&format!("{home}/a/0.yaml"))).unwrap();
    assert!(copy.contains("pod-7") && copy.contains(&home));
    let view = fs::read_to_string(rig.path("views/a.json")).unwrap();
    assert!(view.contains("pod-7") && !view.contains("pod-0"));
    for (operation, count) in [("create", 2.0), ("update", 1.0), ("delete", 1.0)] {
        let labels = [home.as_str(), "v1/Pod", operation];
        assert_eq!(rig.value("tmc_sync_duration_seconds", &labels), count, "{operation}");
    }
    fs::remove_dir_all(rig.path("source/a")).unwrap();
    rig.rounds(4);
    assert_eq!(rig.files(&home), 0);
    assert!(!rig.path("views/a.json").exists());
    assert!(rig.status().placements.is_empty());
}

#[test]
fn a_namespace_too_large_for_any_cluster_waits_and_is_placed_when_it_fits() {
    let mut rig = Rig::new(2, 3, 0.0);
    rig.namespace("large", 4);
    rig.rounds(10);
    assert_eq!(rig.status().placements[0].status, "pending");
    assert!(rig.total("tmc_placement_errors_total") >= 2.0);
    let retries = rig.value("tmc_placement_retries_total", &["root:demo", "capacity"]);
    assert!(retries >= 1.0);
    fs::remove_file(rig.path("source/large/3.yaml")).unwrap();
    rig.rounds(30);
    let home = rig.home("large");
    assert_eq!(rig.files(&format!("{home}/large")), 3);
    assert_eq!(rig.value("tmc_cluster_capacity_utilization", &[&home, "objects"]), 1.0);
}

#[test]
fn a_cluster_that_grows_too_full_gives_a_namespace_away() {
    let mut rig = Rig::new(2, 6, 0.0);
    rig.namespace("a", 2);
    rig.namespace("b", 3);
    rig.namespace("c", 2);
    rig.rounds(2);
    let (home, other) = (rig.home("a"), rig.home("b"));
    assert_eq!(rig.home("c"), home);
    assert_ne!(home, other);
    rig.namespace("c", 5);
    rig.rounds(4);
    assert_eq!(rig.home("a"), other);
    assert_eq!(rig.home("c"), home);
    let labels = [home.as_str(), other.as_str(), "rebalance"];
    assert_eq!(rig.value("tmc_migration_duration_seconds", &labels), 1.0);
    rig.rounds(2);
    assert!(!rig.path(&format!("{home}/a")).exists(), "what moved away is cleaned up");
    assert_eq!(rig.files(&format!("{other}/a")), 2);
}

#[test]
fn a_target_that_somebody_changed_or_deleted_is_put_right_and_counted_once() {
    let mut rig = Rig::new(1, 10, 0.0);
    rig.namespace("a", 2);
    rig.rounds(3);
    let before = fs::read(rig.path("cluster-1/a/0.yaml")).unwrap();
    rig.write("cluster-1/a/0.yaml", "tampered");
    fs::remove_file(rig.path("cluster-1/a/1.yaml")).unwrap();
    rig.rounds(5);
    assert_eq!(fs::read(rig.path("cluster-1/a/0.yaml")).unwrap(), before);
    assert!(rig.path("cluster-1/a/1.yaml").exists());
    for conflict in ["modified", "deleted"] {
        let labels = ["cluster-1", "v1/Pod", conflict, "source-wins"];
        assert_eq!(rig.value("tmc_resource_conflicts_total", &labels), 1.0, "{conflict}");
    }
}

#[test]
fn namespaces_leave_a_cluster_that_turned_into_a_file_and_its_leftovers_go_when_it_is_back() {
    let mut rig = Rig::new(2, 10, 0.0);
    rig.namespace("a", 2);
    rig.rounds(3);
    let home = rig.home("a");
    fs::rename(rig.path(&home), rig.path("aside")).unwrap();
    rig.write(&home, "a file");
    rig.round();
    assert_eq!(rig.value("tmc_cluster_connectivity", &[&home, "root:demo"]), 0.0);
    // An edit while the namespace has nowhere to go must not get lost.
    rig.write("source/a/0.yaml", &pod(9));
    rig.rounds(8);
    let other = rig.home("a");
    assert_ne!(other, home);
    assert!(fs::read_to_string(rig.path(&format!("{other}/a/0.yaml"))).unwrap().contains("pod-9"));
    let sizes: u64 = ["0.yaml", "1.yaml"]
        .map(|name| fs::metadata(rig.path(&format!("{other}/a/{name}"))).unwrap().len())
        .iter()
        .sum();
    let snapshot = rig.registry.snapshot();
    let moved = snapshot.family("tmc_migration_data_size_bytes").unwrap();
    let moved = moved.get(&[&home, &other, "Pod"]).unwrap();
    assert_eq!(moved.value().histogram().unwrap().sum(), sizes as f64);
    fs::remove_file(rig.path(&home)).unwrap();
    fs::rename(rig.path("aside"), rig.path(&home)).unwrap();
    rig.rounds(4);
    assert_eq!(rig.value("tmc_cluster_connectivity", &[&home, "root:demo"]), 1.0);
    assert_eq!(rig.files(&home), 0, "old copies are removed");
    assert_eq!(rig.total("tmc_resource_conflicts_total"), 0.0, "nobody tampered");
}

#[test]
fn a_move_that_cannot_be_written_is_rolled_back_and_tried_elsewhere() {
    let mut rig = Rig::new(3, 10, 0.0);
    rig.namespace("a", 2);
    rig.rounds(3);
    let home = rig.home("a");
    let others: Vec<_> =
        ["cluster-1", "cluster-2", "cluster-3"].into_iter().filter(|name| **name != home).collect();
    rig.write(&format!("{}/a", others[0]), "in the way");
    fs::rename(rig.path(&home), rig.path("aside")).unwrap();
    rig.rounds(40);
    assert_eq!(rig.home("a"), others[1]);
    let rollback = [home.as_str(), others[0], "target-failed"];
    assert_eq!(rig.value("tmc_migration_rollbacks_total", &rollback), 1.0);
    let error = [home.as_str(), others[0], "MigrationFailure", "transfer"];
    assert_eq!(rig.value("tmc_migration_errors_total", &error), 1.0);
    let completed = [home.as_str(), others[1], "completed"];
    assert_eq!(rig.value("tmc_migrations_total", &completed), 1.0);
    assert_eq!(rig.files(&format!("{}/a", others[1])), 2);
}

#[test]
fn every_recovery_ends_and_every_fault_is_retried() {
    let mut rig = Rig::new(2, 50, 0.4);
    rig.namespace("a", 12);
    rig.namespace("b", 12);
    rig.rounds(60);
    let files = rig.files("cluster-1/a") + rig.files("cluster-2/a");
    assert_eq!(files, 12);
    assert!(rig.total("tmc_queue_retries_total") >= 10.0);
    let ended =
        rig.total("tmc_recovery_successes_total") + rig.total("tmc_recovery_failures_total");
    assert_eq!(rig.total("tmc_recovery_attempts_total"), ended);
    assert_eq!(rig.total("tmc_sync_backlog_size"), 0.0);
}

#[test]
fn a_recovery_that_is_moot_is_no_success() {
    let mut rig = Rig::new(1, 10, 1.0);
    rig.namespace("a", 1);
    rig.rounds(2);
    let retries = ["SyncTimeout", "retry-with-backoff", "SyncTargetController"];
    assert_eq!(rig.value("tmc_recovery_attempts_total", &retries), 1.0);
    assert_eq!(rig.value("tmc_recovery_failures_total", &retries), 0.0);
    fs::remove_file(rig.path("source/a/0.yaml")).unwrap();
    rig.rounds(2);
    assert_eq!(rig.value("tmc_recovery_failures_total", &retries), 1.0);
    assert_eq!(rig.value("tmc_recovery_successes_total", &retries), 0.0);
}

#[test]
fn a_recovery_that_ends_in_a_rejection_is_no_success() {
    let mut rig = Rig::new(1, 10, 1.0);
    rig.namespace("a", 1);
    rig.rounds(2);
    let bad = "{apiVersion: v1, kind: Pod, metadata: {name: bad, labels: [x]}}";
    rig.write("source/a/0.yaml", bad);
    rig.rounds(5);
    assert_eq!(
        rig.value("tmc_sync_errors_total", &["cluster-1", "v1/Pod", "ProjectionTransform"]),
        1.0
    );
    let retries = ["SyncTimeout", "retry-with-backoff", "SyncTargetController"];
    assert_eq!(rig.value("tmc_recovery_attempts_total", &retries), 1.0);
    assert_eq!(rig.value("tmc_recovery_failures_total", &retries), 1.0);
    assert_eq!(rig.total("tmc_recovery_successes_total"), 0.0);
}

#[test]
fn a_file_whose_labels_are_no_map_fails_alone_and_not_again_and_again() {
    let mut rig = Rig::new(1, 10, 0.0);
    rig.namespace("a", 1);
    let bad = "{apiVersion: v1, kind: Pod, metadata: {name: bad, labels: [x]}}";
    rig.write("source/a/bad.yaml", bad);
    rig.rounds(5);
    assert_eq!(rig.files("cluster-1/a"), 1);
    let error = ["cluster-1", "v1/Pod", "ProjectionTransform"];
    assert_eq!(rig.value("tmc_sync_errors_total", &error), 1.0);
    assert_eq!(rig.value("tmc_sync_resources_total", &["cluster-1", "a", "v1/Pod", "failed"]), 1.0);
    rig.write("source/a/bad.yaml", &pod(3));
    rig.rounds(3);
    assert_eq!(rig.files("cluster-1/a"), 2);
}
