//! Gives each namespace as many clusters as it wants, while there is room.
//! Upstream: the mirror's tick. Downstream: placement, which chooses; reconcile, which fills.

use std::collections::BTreeMap;
use std::time::Instant;

use tmc_metrics::{ErrorType, TmcError};

use super::mirror::{LOGICAL_CLUSTER, Mirror};
use super::placement::{NoRoom, Room, choose};
use super::source::Rel;
use super::state::{Namespace, namespace_of};

/// The component that places namespaces.
pub(crate) const PLACER: &str = "PlacementController";
/// Its id.
pub(crate) const PLACER_ID: &str = "placement-controller";
/// The label where no cluster can be named.
const NO_CLUSTER: &str = "none";

impl Mirror {
    /// Counts anew what each namespace holds and wants, then places those that lack clusters.
    pub(crate) fn schedule(&mut self, now: Instant) {
        self.take_stock(now);
        for name in self.namespaces.keys().cloned().collect::<Vec<_>>() {
            self.place(&name, now);
        }
    }

    fn take_stock(&mut self, now: Instant) {
        let mut stock: BTreeMap<Rel, (u64, usize)> = BTreeMap::new();
        for (rel, seen) in self.source.files() {
            let Some(manifest) = &seen.manifest else { continue };
            let (objects, wanted) = stock.entry(namespace_of(rel).into()).or_insert((0, 1));
            *objects += manifest.objects.len() as u64;
            *wanted = manifest.wanted_clusters().unwrap_or(*wanted);
        }
        let most = self.clusters.len();
        for (name, (objects, wanted)) in &stock {
            let space = self.namespaces.entry(name.clone()).or_insert_with(|| Namespace::new(now));
            space.objects = *objects;
            space.wanted = (*wanted).min(most);
        }
        for (name, space) in &mut self.namespaces {
            if !stock.contains_key(name) {
                (space.objects, space.wanted) = (0, 0);
            }
            // Fewer than before: the last to come are the first to go.
            if space.clusters.len() > space.wanted && space.moving.is_none() {
                space.clusters.truncate(space.wanted);
                space.mark_dirty(now);
            }
            if space.clusters.len() >= space.wanted {
                space.wanted_since = now;
            }
        }
        // A namespace is forgotten when nothing of it is left anywhere, its view included.
        let clusters = &self.clusters;
        self.namespaces.retain(|name, space| {
            space.wanted > 0
                || space.view.written
                || space.moving.is_some()
                || clusters.iter().any(|cluster| {
                    let mut rels = cluster.copies.keys().chain(&cluster.in_flight);
                    rels.any(|rel| namespace_of(rel) == &**name)
                })
        });
    }

    fn place(&mut self, name: &str, now: Instant) {
        loop {
            let Some(space) = self.namespaces.get(name) else { return };
            if space.clusters.len() >= space.wanted || space.moving.is_some() || !space.may_try(now)
            {
                return;
            }
            if space.retry.is_some() {
                self.collector.record_placement_retry(LOGICAL_CLUSTER, "capacity");
            }
            let tracker = self.collector.operation_tracker(PLACER, PLACER_ID, "schedule-namespace");
            let start = Instant::now();
            let (since, objects) = (space.wanted_since, space.objects);
            let chosen = choose(&self.rooms(name, now), objects);
            let Some(space) = self.namespaces.get_mut(name) else { return };
            match chosen {
                Ok(cluster) => {
                    tracker.success();
                    space.clusters.push(cluster);
                    space.retry = None;
                    space.mark_dirty(now);
                    let waited = now.saturating_duration_since(since) + start.elapsed();
                    let collector = &self.collector;
                    collector.record_placement_duration(
                        LOGICAL_CLUSTER,
                        "schedule",
                        "success",
                        waited,
                    );
                }
                Err(reason) => {
                    tracker.error(&no_room(name, reason));
                    space.put_off(now);
                    self.count_no_room(reason);
                    let taken = start.elapsed();
                    self.collector.record_placement_duration(
                        LOGICAL_CLUSTER,
                        "schedule",
                        "error",
                        taken,
                    );
                }
            }
        }
    }

    /// The room on each cluster for the namespace.
    pub(crate) fn rooms(&self, name: &str, now: Instant) -> Vec<Room> {
        let used = self.used();
        let space = self.namespaces.get(name);
        let is_open = |index: usize| {
            self.clusters[index].is_connected()
                && space.is_none_or(|space| {
                    !space.is_on(index) && space.avoid.get(&index).is_none_or(|until| *until <= now)
                })
        };
        let rooms = used.into_iter().enumerate();
        rooms
            .map(|(index, used)| Room { capacity: self.capacity, used, open: is_open(index) })
            .collect()
    }

    /// Objects promised to each cluster; a namespace on the move counts on both.
    pub(crate) fn used(&self) -> Vec<u64> {
        let promised = |index| {
            let here = self.namespaces.values().filter(|space| space.is_on(index));
            here.map(|space| space.objects).sum()
        };
        (0..self.clusters.len()).map(promised).collect()
    }

    pub(crate) fn count_no_room(&self, reason: NoRoom) {
        let cluster = match reason {
            NoRoom::TooSmall { best, .. } => self.roots[best].name.as_str(),
            NoRoom::NoneOpen => NO_CLUSTER,
        };
        let error_type = ErrorType::PlacementCapacity;
        self.collector.record_placement_error(LOGICAL_CLUSTER, error_type, cluster);
    }
}

/// The error of a namespace that fits nowhere.
pub(crate) fn no_room(namespace: &str, reason: NoRoom) -> TmcError {
    TmcError::builder(ErrorType::PlacementCapacity, PLACER, "schedule-namespace")
        .message(format!("namespace {namespace}: {reason}"))
        .namespace(namespace)
        .logical_cluster(LOGICAL_CLUSTER)
        .retryable(true)
        .recovery_hint("raise --capacity or --clusters")
        .build()
}
