//! Sets every gauge to what the mirror believes now, and gauges of what is gone to zero; says of each
//! component how it does.
//! Upstream: the mirror's tick. Downstream: the collector, components, status.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use tmc_metrics::HealthStatus;

use super::components::Component;
use super::health::{Link, judge};
use super::mirror::{LOGICAL_CLUSTER, Mirror};
use super::source::Rel;
use super::state::{Cluster, Namespace, namespace_of};
use super::status::{ClusterStatus, PlacementStatus, Status};

/// The label `queue` of a cluster's backlog.
const BACKLOG: &str = "sync";

/// Counts by label values, and which label values were shown before.
#[derive(Debug)]
pub(crate) struct Board<const N: usize> {
    shown: BTreeSet<[String; N]>,
}

impl<const N: usize> Default for Board<N> {
    fn default() -> Self {
        Self { shown: BTreeSet::new() }
    }
}

impl<const N: usize> Board<N> {
    /// Calls `set` for each count, and with zero for what is no longer counted.
    fn show(&mut self, counts: BTreeMap<[String; N], u64>, set: impl Fn([&str; N], u64)) {
        for gone in self.shown.iter().filter(|labels| !counts.contains_key(*labels)) {
            set(gone.each_ref().map(String::as_str), 0);
        }
        for (labels, count) in counts {
            set(labels.each_ref().map(String::as_str), count);
            self.shown.insert(labels);
        }
    }
}

/// The boards of all counted gauges.
#[derive(Debug, Default)]
pub(crate) struct Boards {
    resources: Board<3>,
    syncs: Board<4>,
    placements: Board<2>,
    spreads: Board<1>,
}

impl Mirror {
    /// Sets all gauges, and says how the mirror stands.
    pub(crate) fn publish(&mut self, now: Instant) {
        self.publish_clusters();
        self.publish_syncs();
        self.publish_placements();
        self.publish_migrations();
        self.publish_components(now);
        let views = self.namespaces.values().filter(|space| space.view.written);
        let (failing, active): (Vec<_>, Vec<_>) =
            views.partition(|space| space.view.failing.is_some());
        let (failing, active) = (failing.len() as u64, active.len() as u64);
        self.collector.record_virtual_workspace_count(LOGICAL_CLUSTER, "active", active);
        self.collector.record_virtual_workspace_count(LOGICAL_CLUSTER, "failing", failing);
        self.status.set(self.status_now());
    }

    fn status_now(&self) -> Status {
        let clusters = self.roots.iter().zip(&self.clusters).zip(self.used());
        let clusters = clusters.map(|((root, cluster), promised)| ClusterStatus {
            name: root.name.clone(),
            connected: cluster.is_connected(),
            files: cluster.copies.len() as u64,
            backlog: cluster.backlog(),
            objects_promised: promised,
            objects_capacity: self.capacity,
        });
        let placements = self.namespaces.iter().filter(|(_, space)| space.wanted > 0);
        let placements = placements.map(|(name, space)| PlacementStatus {
            namespace: name.to_string(),
            status: placement_status(space),
            objects: space.objects,
            clusters: space.clusters.iter().map(|index| self.roots[*index].name.clone()).collect(),
        });
        Status { clusters: clusters.collect(), placements: placements.collect() }
    }

    fn publish_clusters(&mut self) {
        let used = self.used();
        let mut resources: BTreeMap<[String; 3], u64> = BTreeMap::new();
        for ((root, cluster), used) in self.roots.iter().zip(&self.clusters).zip(used) {
            let connected = cluster.is_connected();
            self.collector.record_cluster_connectivity(&root.name, LOGICAL_CLUSTER, connected);
            let share = used as f64 / self.capacity as f64;
            self.collector.record_cluster_capacity(&root.name, "objects", share.min(1.0));
            self.collector.record_sync_backlog_size(&root.name, BACKLOG, cluster.backlog());
            if !connected {
                continue;
            }
            for (rel, copy) in &cluster.copies {
                for object in &copy.manifest.objects {
                    let namespace = namespace_of(rel).to_owned();
                    let labels = [root.name.clone(), object.gvk.clone(), namespace];
                    *resources.entry(labels).or_default() += 1;
                }
            }
        }
        let collector = &self.collector;
        self.boards.resources.show(resources, |[cluster, gvk, namespace], count| {
            collector.record_cluster_resource_count(cluster, gvk, namespace, count);
        });
    }

    fn publish_syncs(&mut self) {
        let mut syncs: BTreeMap<[String; 4], u64> = BTreeMap::new();
        for (rel, seen) in self.source.files() {
            let Some(manifest) = &seen.manifest else { continue };
            let namespace = namespace_of(rel);
            let Some(space) = self.namespaces.get(namespace) else { continue };
            for (index, cluster) in self.clusters.iter().enumerate() {
                if !space.is_on(index) {
                    continue;
                }
                let status = if cluster.holds(rel, manifest) && cluster.is_connected() {
                    "synced"
                } else {
                    status_of_missing(cluster, rel)
                };
                for object in &manifest.objects {
                    let cluster = self.roots[index].name.clone();
                    let labels =
                        [cluster, namespace.to_owned(), object.gvk.clone(), status.to_owned()];
                    *syncs.entry(labels).or_default() += 1;
                }
            }
        }
        let collector = &self.collector;
        self.boards.syncs.show(syncs, |[cluster, namespace, gvk, status], count| {
            collector.record_sync_resource_count(cluster, namespace, gvk, status, count);
        });
    }

    fn publish_placements(&mut self) {
        let (mut placements, mut spreads) = (BTreeMap::new(), BTreeMap::new());
        for (name, space) in self.namespaces.iter().filter(|(_, space)| space.wanted > 0) {
            let status = placement_status(space);
            placements.insert([name.to_string(), status.to_owned()], 1);
            spreads.insert([name.to_string()], space.clusters.len() as u64);
        }
        let collector = &self.collector;
        self.boards.placements.show(placements, |[namespace, status], count| {
            collector.record_placement_count(LOGICAL_CLUSTER, namespace, status, count);
        });
        // One placement per namespace, and it is called like it.
        self.boards.spreads.show(spreads, |[name], count| {
            collector.record_placement_cluster_count(LOGICAL_CLUSTER, name, name, count);
        });
    }

    fn publish_migrations(&self) {
        for ((from, to), tally) in &self.tallies {
            let (source, target) = (&self.roots[*from].name, &self.roots[*to].name);
            for (status, count) in [
                ("in-progress", tally.in_progress),
                ("completed", tally.completed),
                ("rolled-back", tally.rolled_back),
            ] {
                self.collector.record_migration_count(source, target, status, count);
            }
        }
    }

    /// Says of each component how it does; the health monitor asks for it.
    fn publish_components(&mut self, now: Instant) {
        let Self { components, clusters, .. } = self;
        for (component, cluster) in components.syncers.iter().zip(clusters) {
            let (status, message) = judge(cluster.link, &mut cluster.window, now);
            component.say(status, message);
        }
        let components = &self.components;
        let spaces = || self.namespaces.values().filter(|space| space.wanted > 0);
        let unplaced = spaces().any(|space| space.clusters.len() < space.wanted);
        components.placer.say_if(unplaced, "a namespace has fewer clusters than it wants");
        let stranded = spaces().any(|space| {
            let mut clusters = space.clusters.iter();
            clusters.any(|index| self.clusters[*index].link == Link::Lost)
        });
        components.mover.say_if(stranded, "a namespace is on a cluster that is lost");
        let failing = spaces().any(|space| space.view.failing.is_some());
        components.aggregator.say_if(failing, "a view cannot be written");
        components.watcher.say_if(self.has_bad_source(), "a file of the source cannot be used");
        // A probe that fails leaves a cluster that is not connected.
        let (all, answering) = (self.clusters.len(), self.clusters.iter());
        let answering = answering.filter(|cluster| cluster.is_connected()).count();
        let status = match all - answering {
            0 => HealthStatus::Healthy,
            _ if answering > 0 => HealthStatus::Degraded,
            _ => HealthStatus::Unhealthy,
        };
        components.tracker.say(status, format!("{answering} of {all} clusters answer"));

        let uptime = now.saturating_duration_since(self.started);
        for Component { kind, id, cluster, .. } in components.each() {
            self.collector.record_component_uptime(kind, id, cluster, uptime);
        }
    }

    /// Whether a file of the source is no manifest, or cannot be read.
    fn has_bad_source(&self) -> bool {
        !self.unreadable.is_empty() || self.source.files().any(|(_, seen)| seen.invalid.is_some())
    }
}

fn placement_status(space: &Namespace) -> &'static str {
    if space.moving.is_some() {
        "migrating"
    } else if space.clusters.len() < space.wanted {
        "pending"
    } else {
        "scheduled"
    }
}

fn status_of_missing(cluster: &Cluster, rel: &Rel) -> &'static str {
    let gave_up = cluster.episodes.get(rel).is_some_and(|episode| episode.is_given_up());
    if gave_up || cluster.rejected.contains_key(rel) { "failed" } else { "pending" }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn what_is_gone_is_shown_as_zero() {
        let mut board: Board<1> = Board::default();
        let shown = RefCell::new(BTreeMap::new());
        let set = |[label]: [&str; 1], count| {
            shown.borrow_mut().insert(label.to_owned(), count);
        };
        board.show(BTreeMap::from([(["a".to_owned()], 1), (["b".to_owned()], 2)]), set);
        board.show(BTreeMap::from([(["b".to_owned()], 3)]), set);
        let expected = BTreeMap::from([("a".to_owned(), 0), ("b".to_owned(), 3)]);
        assert_eq!(*shown.borrow(), expected);
    }
}
