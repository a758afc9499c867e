//! Moves namespaces off clusters that are lost or too full: transfer, verify, cut over; or back.
//! Upstream: the mirror's tick. Downstream: placement; reconcile, which copies and cleans up.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tmc_metrics::{ErrorType, OperationTracker, Recovery, TmcError};

use super::door::hash_of;
use super::health::Link;
use super::manifest::Manifest;
use super::mirror::{LOGICAL_CLUSTER, Mirror};
use super::placement::choose;
use super::schedule::no_room;
use super::source::Rel;
use super::state::namespace_of;

/// The component that moves namespaces.
pub(crate) const MOVER: &str = "MigrationEngine";
/// Its id.
pub(crate) const MOVER_ID: &str = "migration-engine";
/// The strategy and recovery of a namespace whose cluster is lost.
const FAILOVER: &str = "failover";
/// The strategy of a namespace whose cluster is too full.
const REBALANCE: &str = "rebalance";
/// How long a cluster that a move failed on is left out.
const AVOID: Duration = Duration::from_secs(2);

/// A move under way. From its start the namespace belongs on both clusters.
#[derive(Debug)]
pub(crate) struct Move {
    pub(crate) from: usize,
    pub(crate) to: usize,
    strategy: &'static str,
    began: Instant,
    /// Bytes written so far, by kind.
    bytes: BTreeMap<String, u64>,
    tracker: OperationTracker<'static>,
    /// Of a failover; dropped when it is rolled back.
    recovery: Option<Recovery>,
}

impl Move {
    /// Takes in a file that was written on the target.
    pub(crate) fn count(&mut self, manifest: &Manifest, sizes: &[u64]) {
        for (object, size) in manifest.objects.iter().zip(sizes) {
            *self.bytes.entry(object.kind.clone()).or_default() += size;
        }
    }
}

/// Migrations since the start, between one pair of clusters.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) in_progress: u64,
    pub(crate) completed: u64,
    pub(crate) rolled_back: u64,
}

impl Mirror {
    /// Advances every move, then begins those that are due.
    pub(crate) fn migrate(&mut self, now: Instant) {
        for name in self.namespaces.keys().cloned().collect::<Vec<_>>() {
            self.advance(&name, now);
            self.begin_where_due(&name, now);
        }
    }

    fn begin_where_due(&mut self, name: &Rel, now: Instant) {
        let Some(space) = self.namespaces.get(name) else { return };
        if space.moving.is_some() || space.wanted == 0 || !space.may_try(now) {
            return;
        }
        let lost = |index: &usize| self.clusters[*index].link == Link::Lost;
        let (from, strategy) = match space.clusters.iter().copied().find(lost) {
            Some(from) => (from, FAILOVER),
            None => match self.overfull(name) {
                Some(from) => (from, REBALANCE),
                None => return,
            },
        };
        if space.retry.is_some() {
            self.collector.record_placement_retry(LOGICAL_CLUSTER, strategy);
        }
        let need = space.objects;
        let chosen = choose(&self.rooms(name, now), need);
        let Some(space) = self.namespaces.get_mut(name) else { return };
        match chosen {
            Ok(to) => {
                let tracker =
                    self.collector.operation_tracker(MOVER, MOVER_ID, "migrate-namespace");
                let tracker = tracker.into_owned(); // the move goes on from round to round
                let bytes = BTreeMap::new();
                let error = ErrorType::ClusterUnreachable;
                let recovery = (strategy == FAILOVER)
                    .then(|| Recovery::begin(&self.collector, error, FAILOVER, MOVER));
                let moving = Move { from, to, strategy, began: now, bytes, tracker, recovery };
                space.moving = Some(moving);
                self.tallies.entry((from, to)).or_default().in_progress += 1;
            }
            Err(reason) => {
                space.put_off(now);
                self.count_no_room(reason);
                let error = no_room(name, reason);
                let (error_type, severity) = (error.error_type(), error.severity());
                self.collector.record_component_error(MOVER, MOVER_ID, error_type, severity);
            }
        }
    }

    /// A cluster of the namespace that holds more than it can, if moving this one would help and
    /// no smaller one does.
    fn overfull(&self, name: &str) -> Option<usize> {
        let used = self.used();
        let space = self.namespaces.get(name)?;
        space.clusters.iter().copied().find(|index| {
            let excess = used[*index].saturating_sub(self.capacity);
            let helps = |objects: u64| excess > 0 && objects >= excess;
            let others = self.namespaces.iter().filter(|(_, other)| other.is_on(*index));
            helps(space.objects)
                && others.clone().all(|(_, other)| other.moving.is_none())
                && others
                    .filter(|(_, other)| helps(other.objects))
                    .min_by_key(|(other, held)| (held.objects, (*other).clone()))
                    .is_some_and(|(smallest, _)| &**smallest == name)
        })
    }

    fn advance(&mut self, name: &Rel, now: Instant) {
        let Some(space) = self.namespaces.get(name) else { return };
        let Some(moving) = &space.moving else { return };
        let target = &self.clusters[moving.to];
        if !target.is_connected() {
            return self.roll_back(name, "target-unreachable", now);
        }
        let here = |rel: &&Rel| namespace_of(rel) == &**name;
        let failed =
            target.episodes.iter().any(|(rel, episode)| here(&rel) && episode.is_given_up())
                || target.rejected.keys().any(|rel| here(&rel));
        if failed {
            return self.roll_back(name, "target-failed", now);
        }
        let transferred = self.source.files().filter(|(rel, _)| here(rel)).all(|(rel, seen)| {
            seen.manifest.as_ref().is_none_or(|manifest| target.holds(rel, manifest))
        });
        if transferred && self.verify(name) {
            self.cut_over(name, now);
        }
    }

    /// Reads back what was sent. A file that differs is sent again.
    fn verify(&mut self, name: &Rel) -> bool {
        let Some(moving) = self.namespaces.get(name).and_then(|space| space.moving.as_ref()) else {
            return false;
        };
        let (from, to) = (moving.from, moving.to);
        let (root, door) = (&self.roots[to], &self.door);
        let mut intact = true;
        for (rel, copy) in &mut self.clusters[to].copies {
            if namespace_of(rel) != &**name {
                continue;
            }
            let read = door.read(&root.path(rel));
            if !read.is_ok_and(|bytes| hash_of(&bytes) == copy.hash) {
                copy.stale = true;
                intact = false;
            }
        }
        if !intact {
            self.count_migration_error(from, to, ErrorType::SyncConflict, "verify");
        }
        intact
    }

    fn cut_over(&mut self, name: &Rel, now: Instant) {
        let Some(space) = self.namespaces.get_mut(name) else { return };
        let Some(moving) = space.moving.take() else { return };
        let Move { from, to, strategy, began, bytes, tracker, recovery } = moving;
        match space.clusters.iter_mut().find(|index| **index == from) {
            Some(place) => *place = to,
            None => space.clusters.push(to),
        }
        space.retry = None;
        space.mark_dirty(now);
        tracker.success();
        let (source, target) = (&self.roots[from].name, &self.roots[to].name);
        let taken = now.saturating_duration_since(began);
        self.collector.record_migration_duration(source, target, strategy, taken);
        for (kind, size) in &bytes {
            self.collector.record_migration_data_size(source, target, kind, *size);
        }
        let tally = self.tallies.entry((from, to)).or_default();
        tally.in_progress = tally.in_progress.saturating_sub(1);
        tally.completed += 1;
        if let Some(recovery) = recovery {
            recovery.success();
        }
    }

    /// Leaves the namespace where it was; what lies on the target already is cleaned up as any file
    /// that does not belong.
    fn roll_back(&mut self, name: &Rel, reason: &'static str, now: Instant) {
        let Some(space) = self.namespaces.get_mut(name) else { return };
        // With it goes its recovery, as failed.
        let Some(Move { from, to, tracker, .. }) = space.moving.take() else { return };
        space.avoid.insert(to, now + AVOID);
        space.put_off(now);
        let (source, target) = (&self.roots[from].name, &self.roots[to].name);
        let error = TmcError::builder(ErrorType::MigrationFailure, MOVER, "migrate-namespace")
            .message(format!("namespace {name} cannot move from {source} to {target}: {reason}"))
            .namespace(name.to_string())
            .recovery_hint("see what is in the way on the target")
            .build();
        tracker.error(&error);
        self.collector.record_migration_rollback(source, target, reason);
        self.count_migration_error(from, to, error.error_type(), "transfer");
        let tally = self.tallies.entry((from, to)).or_default();
        tally.in_progress = tally.in_progress.saturating_sub(1);
        tally.rolled_back += 1;
    }

    fn count_migration_error(&self, from: usize, to: usize, error: ErrorType, phase: &str) {
        let (source, target) = (&self.roots[from].name, &self.roots[to].name);
        self.collector.record_migration_error(source, target, error, phase);
    }
}
