//! Compares what each cluster should hold with what it holds, queues the difference, and takes in
//! what became of it: retries, recoveries, lag.
//! Upstream: the mirror's tick, workers' outcomes. Downstream: queue.
//!
//! Nothing is remembered about how a difference came about, so nothing can be forgotten: an edit
//! during a move, a cluster that comes back, and a repair are all the same difference.

use std::time::{Duration, Instant, SystemTime};

use tmc_metrics::{ErrorType, MetricsCollector, Recovery};

use super::door::{Purpose, hash_of};
use super::health::Link;
use super::mirror::Mirror;
use super::queue::{Action, Task};
use super::source::Rel;
use super::state::{Copy, Episode, namespace_of, retries};
use super::worker::{Left, Outcome, SYNCER};

/// How a file that could not be written or removed is recovered.
const RETRY: &str = "retry-with-backoff";
/// Attempts of one recovery, the first failure included.
const ATTEMPTS: u32 = 4;
/// The wait after the first failure.
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// The longest wait between two attempts, and the wait after giving up.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// A file modified this recently may have changed again without showing it.
const RACY: Duration = Duration::from_secs(2);

impl Mirror {
    /// Looks at what lies on the clusters, and marks what is not as it was left.
    pub(crate) fn notice_drift(&mut self) {
        let wall = SystemTime::now();
        for (root, cluster) in self.roots.iter().zip(&mut self.clusters) {
            if !cluster.is_connected() {
                continue;
            }
            for (rel, copy) in &mut cluster.copies {
                if copy.stale || cluster.in_flight.contains(rel) {
                    continue;
                }
                let path = root.path(rel);
                match self.door.stamp(&path) {
                    Ok(stamp)
                        if stamp == copy.stamp
                            && wall.duration_since(stamp.modified).is_ok_and(|age| age > RACY) => {}
                    Ok(stamp) => match self.door.read(&path) {
                        Ok(bytes) if hash_of(&bytes) == copy.hash => copy.stamp = stamp,
                        Ok(_) => copy.stale = true,
                        // What is in the way shows when the file is written again.
                        Err(_) => copy.stale = true,
                    },
                    // Gone, or something is in the way; whether it is the cluster, the probe tells.
                    Err(_) => copy.stale = true,
                }
            }
        }
    }

    /// Queues every difference that may be worked on now.
    pub(crate) fn reconcile(&mut self, now: Instant) {
        for index in 0..self.clusters.len() {
            if !self.clusters[index].is_connected() {
                continue;
            }
            let mut tasks: Vec<Task> = Vec::new();
            for (rel, seen) in self.source.files() {
                let Some(manifest) = &seen.manifest else { continue };
                let rejected = self.clusters[index].rejected.get(rel) == Some(&manifest.hash);
                if self.is_wanted(rel, index) && !rejected && self.needs_work(rel, index) {
                    tasks.push(self.task(index, rel, Action::Put(manifest.clone())));
                }
            }
            for (rel, copy) in &self.clusters[index].copies {
                if !self.is_wanted(rel, index) {
                    tasks.push(self.task(index, rel, Action::Delete(copy.manifest.clone())));
                }
            }
            tasks.retain(|task| self.may_queue(task, now));
            for task in tasks {
                self.queue(task, now);
            }
            self.end_idle_episodes(index);
        }
    }

    /// Whether the file belongs on the cluster.
    fn is_wanted(&self, rel: &str, cluster: usize) -> bool {
        self.source.manifest(rel).is_some()
            && self.namespaces.get(namespace_of(rel)).is_some_and(|space| space.is_on(cluster))
    }

    /// Whether the file on the cluster differs from what is wanted.
    fn needs_work(&self, rel: &str, index: usize) -> bool {
        let cluster = &self.clusters[index];
        match self.source.manifest(rel).filter(|_| self.is_wanted(rel, index)) {
            Some(manifest) => !cluster.holds(rel, manifest),
            None => cluster.copies.contains_key(rel),
        }
    }

    fn task(&self, cluster: usize, rel: &Rel, action: Action) -> Task {
        let copy = self.clusters[cluster].copies.get(rel);
        let space = self.namespaces.get(namespace_of(rel));
        let moving_here = space
            .and_then(|space| space.moving.as_ref())
            .is_some_and(|moving| moving.to == cluster);
        let purpose = match &action {
            Action::Delete(_) if self.source.manifest(rel).is_some() => Purpose::Cleanup,
            Action::Put(_) if moving_here => Purpose::Migrate,
            Action::Put(manifest)
                if copy.is_some_and(|copy| copy.stale && copy.manifest.hash == manifest.hash) =>
            {
                Purpose::Repair
            }
            _ => Purpose::Sync,
        };
        let first = space.and_then(|space| space.clusters.first().copied());
        Task {
            cluster,
            rel: rel.clone(),
            expected: copy.map(|copy| copy.hash),
            // A namespace that moves its first cluster is no projection of what it leaves.
            projected_from: first.filter(|first| *first != cluster && !moving_here),
            action,
            purpose,
        }
    }

    fn may_queue(&self, task: &Task, now: Instant) -> bool {
        let cluster = &self.clusters[task.cluster];
        !cluster.in_flight.contains(&task.rel)
            && cluster.episodes.get(&task.rel).is_none_or(|episode| episode.retry_at <= now)
    }

    fn queue(&mut self, task: Task, now: Instant) {
        let (index, rel) = (task.cluster, task.rel.clone());
        let episode = self.clusters[index].episodes.get_mut(&rel);
        let again = episode.is_some();
        if let Some(episode) = episode.filter(|episode| episode.is_given_up()) {
            *episode = begin_episode(&self.collector, episode.error_type, now);
        }
        if self.queues.push(task, again) {
            self.clusters[index].in_flight.insert(rel);
        }
    }

    /// Ends recoveries of files that need no work any more: dropped, since nothing was recovered.
    fn end_idle_episodes(&mut self, index: usize) {
        let cluster = &self.clusters[index];
        let idle: Vec<Rel> = cluster
            .episodes
            .keys()
            .filter(|rel| !cluster.in_flight.contains(*rel) && !self.needs_work(rel, index))
            .cloned()
            .collect();
        for rel in idle {
            self.clusters[index].episodes.remove(&rel);
        }
    }

    /// Takes in what became of a task.
    pub(crate) fn settle(&mut self, outcome: Outcome, now: Instant) {
        let Outcome { task, result, finished } = outcome;
        self.clusters[task.cluster].in_flight.remove(&task.rel);
        self.clusters[task.cluster].window.note(now, result.is_ok());
        match result {
            Ok(left) => {
                let episode = self.clusters[task.cluster].episodes.remove(&task.rel);
                if let Some(recovery) = episode.and_then(|episode| episode.recovery) {
                    recovery.success();
                }
                self.record_lag(&task, finished);
                if let Some(space) = self.namespaces.get_mut(namespace_of(&task.rel)) {
                    space.mark_dirty(now);
                }
                self.keep(task, left);
            }
            Err(error) if error.is_retryable() => {
                self.fail(task.cluster, &task.rel, error.error_type(), now);
            }
            Err(_) => {
                let hash = task.action.manifest().hash;
                self.clusters[task.cluster].rejected.insert(task.rel.clone(), hash);
                self.clusters[task.cluster].episodes.remove(&task.rel);
            }
        }
    }

    fn keep(&mut self, task: Task, left: Option<Left>) {
        let cluster = &mut self.clusters[task.cluster];
        match (left, task.action) {
            (Some(Left { hash, stamp, sizes }), Action::Put(manifest)) => {
                let space = self.namespaces.get_mut(namespace_of(&task.rel));
                if let Some(moving) = space.and_then(|space| space.moving.as_mut())
                    && task.purpose == Purpose::Migrate
                    && moving.to == task.cluster
                {
                    moving.count(&manifest, &sizes);
                }
                cluster.rejected.remove(&task.rel);
                cluster.copies.insert(task.rel, Copy { manifest, hash, stamp, stale: false });
            }
            _ => {
                cluster.copies.remove(&task.rel);
            }
        }
    }

    /// The time from a change to its sync; a repair or a move is not about a change.
    fn record_lag(&self, task: &Task, finished: Instant) {
        let Some(seen) = self.source.get(&task.rel) else { return };
        let Action::Put(manifest) = &task.action else { return };
        let is_new = self.clusters[task.cluster]
            .copies
            .get(&task.rel)
            .is_none_or(|copy| copy.manifest.hash != manifest.hash);
        if task.purpose != Purpose::Sync || !is_new {
            return;
        }
        let lag = finished.saturating_duration_since(seen.changed);
        for object in &manifest.objects {
            let cluster = &self.roots[task.cluster].name;
            self.collector.record_sync_lag(cluster, &object.gvk, lag);
        }
    }

    fn fail(&mut self, index: usize, rel: &Rel, error_type: ErrorType, now: Instant) {
        let cluster = &mut self.clusters[index];
        if cluster.link == Link::Lost {
            return; // nothing is tried there until it comes back
        }
        let new = || begin_episode(&self.collector, error_type, now);
        let episode = cluster.episodes.entry(rel.clone()).or_insert_with(new);
        match episode.delays.next() {
            Some(delay) => episode.retry_at = now + delay,
            None => {
                episode.recovery = None;
                episode.retry_at = now + LONGEST_WAIT;
            }
        }
    }
}

/// Begins to recover from the failure of a file.
fn begin_episode(collector: &MetricsCollector, error_type: ErrorType, now: Instant) -> Episode {
    let delays = retries(ATTEMPTS, FIRST_WAIT, LONGEST_WAIT).delays();
    let recovery = Some(Recovery::begin(collector, error_type, RETRY, SYNCER));
    Episode { error_type, delays, retry_at: now, recovery }
}
