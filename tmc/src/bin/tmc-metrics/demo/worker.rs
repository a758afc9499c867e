//! Does one task: renders, compares the target with what was left there, writes or removes.
//! Upstream: queue. Downstream: door; the outcome goes to the mirror, the numbers to the collector.
//!
//! What happens to a file happens to each object in it: sync, conflict, transformation and
//! projection are counted per object, under its gvk.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use tmc_metrics::queue::QueueItem;
use tmc_metrics::{ErrorType, MetricsCollector, TmcError};

use super::door::{Door, Found, Op, Root, Stamp, hash_of};
use super::manifest::{Manifest, Rendered};
use super::queue::{Action, Intake, Task};

/// The component that workers act for, once per cluster.
pub(crate) const SYNCER: &str = "SyncTargetController";
/// What happens to each object on its way to a cluster.
const TRANSFORMATION: &str = "label-injection";

/// The file as the worker left it.
#[derive(Clone, Debug)]
pub(crate) struct Left {
    pub(crate) hash: u64,
    pub(crate) stamp: Stamp,
    /// Bytes written for each object; empty where the file said already what it should.
    pub(crate) sizes: Vec<u64>,
}

/// What became of a task.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) task: Task,
    /// `Ok(None)`: the file is gone, as it should be.
    pub(crate) result: Result<Option<Left>, TmcError>,
    pub(crate) finished: Instant,
}

/// What a worker works with.
#[derive(Clone)]
pub(crate) struct Worker {
    pub(crate) collector: MetricsCollector,
    pub(crate) door: Arc<Door>,
    pub(crate) clusters: Arc<[Root]>,
}

/// Something that a file underwent, for the metrics: operation and conflict.
struct Effect {
    left: Option<Left>,
    operation: &'static str,
    /// Type and resolution.
    conflict: Option<(&'static str, &'static str)>,
}

/// The id of a cluster's syncer.
pub(crate) fn syncer_id(cluster: &str) -> String {
    format!("syncer-{cluster}")
}

impl Worker {
    /// Works until `stop` is closed. A task that is under way is ended first.
    pub(crate) fn run(&self, intake: &Intake, outcomes: &Sender<Outcome>, stop: &Receiver<()>) {
        while let Some(task) = intake.take(stop) {
            if outcomes.send(self.perform(task)).is_err() {
                return;
            }
        }
    }

    pub(crate) fn perform(&self, task: QueueItem<Task>) -> Outcome {
        let root = &self.clusters[task.cluster];
        let start = Instant::now();
        let operation = match task.action {
            Action::Put(_) => "sync-resource",
            Action::Delete(_) => "delete-resource",
        };
        let tracker = self.collector.operation_tracker(SYNCER, syncer_id(&root.name), operation);
        let result = match &task.action {
            Action::Put(manifest) => self.put(root, &task, manifest),
            Action::Delete(_) => self.delete(root, &task),
        };
        let taken = start.elapsed();
        let result = match result {
            Ok(effect) => {
                tracker.success();
                self.count_success(root, &task, &effect, taken);
                Ok(effect.left)
            }
            Err(error) => {
                tracker.error(&error);
                self.count_error(root, &task, error.error_type());
                Err(error)
            }
        };
        Outcome { task: task.into_inner(), result, finished: Instant::now() }
    }

    fn put(&self, root: &Root, task: &Task, manifest: &Manifest) -> Result<Effect, TmcError> {
        let Rendered { bytes, sizes } = self.transform(root, task, manifest)?;
        let hash = hash_of(&bytes);
        let found = self.find(Op::Write, root, task)?;
        if found == Found::File(hash) {
            let path = root.path(&task.rel);
            let stamp = self.door.stamp(&path).map_err(|error| failure(root, task, error))?;
            let left = Left { hash, stamp, sizes: Vec::new() };
            return Ok(Effect { left: Some(left), operation: "verify", conflict: None });
        }
        let stamp = self
            .door
            .write(root, &task.rel, &bytes, task.purpose)
            .map_err(|error| failure(root, task, error))?;
        let conflict = match (task.expected, found) {
            (Some(expected), Found::File(hash)) if expected == hash => None,
            (None, Found::Nothing) => None,
            (Some(_), Found::Nothing) => Some("deleted"),
            (Some(_), _) => Some("modified"),
            (None, _) => Some("exists"),
        };
        Ok(Effect {
            left: Some(Left { hash, stamp, sizes }),
            operation: if found == Found::Nothing { "create" } else { "update" },
            conflict: conflict.map(|conflict| (conflict, "source-wins")),
        })
    }

    fn delete(&self, root: &Root, task: &Task) -> Result<Effect, TmcError> {
        let found = self.find(Op::Remove, root, task)?;
        if found == Found::Nothing {
            let conflict = Some(("deleted", "accepted"));
            return Ok(Effect { left: None, operation: "verify", conflict });
        }
        self.door
            .remove(root, &task.rel, task.purpose)
            .map_err(|error| failure(root, task, error))?;
        let is_ours = task.expected.map(Found::File) == Some(found);
        let conflict = (!is_ours).then_some(("modified", "source-wins"));
        Ok(Effect { left: None, operation: "delete", conflict })
    }

    fn transform(
        &self,
        root: &Root,
        task: &Task,
        manifest: &Manifest,
    ) -> Result<Rendered, TmcError> {
        let rendered = manifest.render(&root.name);
        let status = if rendered.is_ok() { "success" } else { "error" };
        for object in &manifest.objects {
            self.collector.record_resource_transformation(TRANSFORMATION, &object.gvk, status);
        }
        rendered.map_err(|reason| {
            TmcError::builder(ErrorType::ProjectionTransform, SYNCER, TRANSFORMATION)
                .message(format!("{}: {reason}", task.rel))
                .cluster_name(root.name.clone())
                .recovery_hint("make metadata.labels a map of texts")
                .build()
        })
    }

    fn find(&self, op: Op, root: &Root, task: &Task) -> Result<Found, TmcError> {
        let found = self.door.find(op, root, &task.rel, task.purpose);
        found.map_err(|error| failure(root, task, error))
    }

    fn count_success(&self, root: &Root, task: &Task, effect: &Effect, taken: Duration) {
        for object in &task.action.manifest().objects {
            let gvk = &object.gvk;
            self.collector.record_sync_duration(&root.name, gvk, effect.operation, taken);
            if let Some((kind, resolution)) = effect.conflict {
                self.collector.record_resource_conflict(&root.name, gvk, kind, resolution);
            }
        }
        self.count_projection(root, task, "active");
    }

    fn count_error(&self, root: &Root, task: &Task, error_type: ErrorType) {
        for object in &task.action.manifest().objects {
            self.collector.record_sync_error(&root.name, &object.gvk, error_type);
        }
        self.count_projection(root, task, "failed");
    }

    fn count_projection(&self, root: &Root, task: &Task, status: &str) {
        let (Action::Put(manifest), Some(first)) = (&task.action, task.projected_from) else {
            return;
        };
        let first = &self.clusters[first].name;
        for object in &manifest.objects {
            self.collector.record_resource_projection(first, &root.name, &object.gvk, status);
        }
    }
}

/// What an error of the file system means for a sync. All of these may pass, so all are tried again.
fn failure(root: &Root, task: &Task, error: io::Error) -> TmcError {
    let (error_type, hint) = match error.kind() {
        _ if !root.dir.is_dir() => {
            (ErrorType::ClusterUnreachable, "bring the cluster's directory back")
        }
        io::ErrorKind::TimedOut => (ErrorType::SyncTimeout, "see whether the disk answers"),
        io::ErrorKind::PermissionDenied => {
            (ErrorType::ResourcePermission, "make the cluster's directory writable")
        }
        _ => (ErrorType::SyncFailure, "see what is in the way of the file"),
    };
    TmcError::builder(error_type, SYNCER, "sync-resource")
        .message(format!("{}: {error}", root.path(&task.rel).display()))
        .cause(error)
        .cluster_name(root.name.clone())
        .retryable(true)
        .recovery_hint(hint)
        .build()
}
