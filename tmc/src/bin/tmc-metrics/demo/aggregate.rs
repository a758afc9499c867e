//! Writes, for each namespace, one index of the objects on all of its clusters: a virtual workspace.
//! Upstream: the mirror's tick. Downstream: door, manifest; the files `views/NAMESPACE.json`.
//!
//! It reads what lies on the clusters, not what the mirror believes to be there.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;
use tmc_metrics::{ErrorType, Recovery, TmcError};

use super::door::Purpose;
use super::manifest::{Format, Manifest};
use super::mirror::{LOGICAL_CLUSTER, Mirror};
use super::source::Rel;
use super::state::namespace_of;

/// The component that aggregates.
pub(crate) const AGGREGATOR: &str = "CrossClusterResourceAggregator";
/// Its id.
pub(crate) const AGGREGATOR_ID: &str = "resource-aggregator";
/// How the objects of several clusters become one list.
const UNION: &str = "union";
/// How a view that failed is recovered.
const REBUILD: &str = "rebuild";
/// A namespace that does not come to rest is shown all the same after this time.
const PATIENCE: Duration = Duration::from_secs(1);
/// The wait after a failure.
const WAIT: Duration = Duration::from_millis(300);

/// One object of a view.
#[derive(Debug, Serialize)]
struct Entry {
    gvk: String,
    name: String,
    clusters: BTreeSet<String>,
    /// Whether the copies differ in more than the cluster's label.
    conflict: bool,
    #[serde(skip)]
    value: Value,
}

/// A view, as it is written down.
#[derive(Debug, Serialize)]
struct View<'a> {
    workspace: &'a str,
    namespace: &'a str,
    objects: Vec<Entry>,
}

/// The path of the workspace that shows a namespace.
pub(crate) fn workspace(namespace: &str) -> String {
    format!("{LOGICAL_CLUSTER}:{namespace}")
}

impl Mirror {
    /// Writes the views of namespaces whose files changed and are at rest, and removes those of
    /// namespaces that are gone.
    pub(crate) fn aggregate(&mut self, now: Instant) {
        for name in self.namespaces.keys().cloned().collect::<Vec<_>>() {
            let Some(space) = self.namespaces.get(&name) else { continue };
            if space.view.failing.as_ref().is_some_and(|(_, retry_at)| *retry_at > now) {
                continue;
            }
            let Some(since) = space.dirty else { continue };
            if space.wanted == 0 && !space.view.written {
                continue; // it never had a view
            }
            let overdue = now.saturating_duration_since(since) >= PATIENCE;
            if overdue || self.is_at_rest(&name) {
                self.refresh(&name, now);
            }
        }
    }

    fn is_at_rest(&self, name: &Rel) -> bool {
        let here = |rel: &&Rel| namespace_of(rel) == &**name;
        let Some(space) = self.namespaces.get(name) else { return false };
        let clusters =
            self.clusters.iter().enumerate().filter(|(_, cluster)| cluster.is_connected());
        clusters.clone().all(|(_, cluster)| !cluster.in_flight.iter().any(|rel| here(&rel)))
            && space.moving.is_none()
            && clusters.filter(|(index, _)| space.is_on(*index)).all(|(_, cluster)| {
                let mut files = self.source.files().filter(|(rel, _)| here(rel));
                files.all(|(rel, seen)| {
                    seen.manifest.as_ref().is_none_or(|manifest| cluster.holds(rel, manifest))
                })
            })
    }

    fn refresh(&mut self, name: &Rel, now: Instant) {
        let workspace = workspace(name);
        let gone = self.namespaces.get(name).is_none_or(|space| space.wanted == 0);
        let operation = if gone { "remove" } else { "aggregate" };
        let tracked = format!("{operation}-view");
        let tracker = self.collector.operation_tracker(AGGREGATOR, AGGREGATOR_ID, tracked);
        let start = Instant::now();
        let result = if gone { self.remove_view(name) } else { self.write_view(name, &workspace) };
        let Some(space) = self.namespaces.get_mut(name) else { return };
        match result {
            Ok(()) => {
                tracker.success();
                self.collector.record_virtual_workspace_latency(
                    operation,
                    &workspace,
                    start.elapsed(),
                );
                if let Some((recovery, _)) = space.view.failing.take() {
                    recovery.success();
                }
                (space.dirty, space.view.written) = (None, !gone);
            }
            Err(error) => {
                tracker.error(&error);
                let error_type = error.error_type();
                self.collector.record_virtual_workspace_error(&workspace, error_type, AGGREGATOR);
                let new = || Recovery::begin(&self.collector, error_type, REBUILD, AGGREGATOR);
                let recovery = space.view.failing.take().map_or_else(new, |(recovery, _)| recovery);
                space.view.failing = Some((recovery, now + WAIT));
            }
        }
    }

    fn remove_view(&self, name: &Rel) -> Result<(), TmcError> {
        match self.door.remove(&self.views, &file_of(name), Purpose::View) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failure(name, &error.to_string()))
            }
            _ => Ok(()),
        }
    }

    fn write_view(&self, name: &Rel, workspace: &str) -> Result<(), TmcError> {
        let objects = self.union(name);
        let gvks = |objects: &[Entry], conflict: bool| -> BTreeSet<String> {
            let chosen = objects.iter().filter(|entry| entry.conflict == conflict);
            chosen.map(|entry| entry.gvk.clone()).collect()
        };
        let count = |gvks: &BTreeSet<String>, status: &str| {
            for gvk in gvks {
                self.collector.record_resource_aggregation(gvk, UNION, status);
            }
        };
        let written = objects.and_then(|objects| {
            let (agreed, disputed) = (gvks(&objects, false), gvks(&objects, true));
            let view = View { workspace, namespace: name, objects };
            let mut bytes = serde_json::to_vec_pretty(&view)
                .map_err(|error| failure(name, &error.to_string()))?;
            bytes.push(b'\n');
            self.door
                .write(&self.views, &file_of(name), &bytes, Purpose::View)
                .map_err(|error| failure(name, &error.to_string()))?;
            Ok((agreed, disputed))
        });
        match written {
            Ok((agreed, disputed)) => {
                count(&agreed, "success");
                count(&disputed, "conflict");
                if !disputed.is_empty() {
                    let error = ErrorType::AggregationConflict;
                    self.collector.record_virtual_workspace_error(workspace, error, AGGREGATOR);
                }
                Ok(())
            }
            Err(error) => {
                let files = self.source.files().filter(|(rel, _)| namespace_of(rel) == &**name);
                let manifests = files.filter_map(|(_, seen)| seen.manifest.as_ref());
                let objects = manifests.flat_map(|manifest| &manifest.objects);
                count(&objects.map(|object| object.gvk.clone()).collect(), "error");
                Err(error)
            }
        }
    }

    /// The objects of the namespace on every cluster that can be read.
    fn union(&self, name: &Rel) -> Result<Vec<Entry>, TmcError> {
        let mut union: BTreeMap<(String, String), Entry> = BTreeMap::new();
        let Some(space) = self.namespaces.get(name) else { return Ok(Vec::new()) };
        for index in &space.clusters {
            let (cluster, root) = (&self.clusters[*index], &self.roots[*index]);
            if !cluster.is_connected() {
                continue;
            }
            for rel in cluster.copies.keys().filter(|rel| namespace_of(rel) == &**name) {
                let Some(format) = Format::of(rel) else { continue };
                let path = root.path(rel);
                let read = match self.door.read(&path) {
                    // A worker is removing it, or about to write it anew.
                    Err(error)
                        if error.kind() == io::ErrorKind::NotFound
                            && cluster.in_flight.contains(rel) =>
                    {
                        continue;
                    }
                    read => read.map_err(|error| error.to_string()),
                };
                let manifest = read
                    .and_then(|bytes| Manifest::parse(&bytes, format))
                    .map_err(|error| failure(name, &format!("{}: {error}", path.display())))?;
                for object in manifest.objects {
                    let value = object.unlabelled();
                    let entry = union
                        .entry((object.gvk.clone(), object.name.clone()))
                        .or_insert_with(|| Entry {
                            gvk: object.gvk,
                            name: object.name,
                            clusters: BTreeSet::new(),
                            conflict: false,
                            value: value.clone(),
                        });
                    entry.conflict |= entry.value != value;
                    entry.clusters.insert(root.name.clone());
                }
            }
        }
        Ok(union.into_values().collect())
    }
}

fn file_of(namespace: &str) -> String {
    format!("{namespace}.json")
}

fn failure(namespace: &str, message: &str) -> TmcError {
    TmcError::builder(ErrorType::AggregationFailure, AGGREGATOR, "aggregate-view")
        .message(message)
        .namespace(namespace)
        .recovery_hint("it is built again when the files can be read")
        .build()
}
