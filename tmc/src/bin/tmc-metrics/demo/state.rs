//! What the mirror believes: its clusters, the files it left on them, its namespaces.
//! Upstream: mirror, which owns it on one thread. Downstream: reconcile, migrate, health, publish.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tmc_metrics::ErrorType;

use super::door::Stamp;
use super::health::{Link, Window};
use super::manifest::Manifest;
use super::migrate::Move;
use super::source::Rel;

/// A file that the mirror left on a cluster.
#[derive(Debug)]
pub(crate) struct Copy {
    /// What it was rendered from.
    pub(crate) manifest: Arc<Manifest>,
    /// Of the bytes on the cluster.
    pub(crate) hash: u64,
    pub(crate) stamp: Stamp,
    /// Whether the file was seen to differ from what was left.
    pub(crate) stale: bool,
}

/// A file that could not be written or removed, from the first failure to the recovery.
#[derive(Debug)]
pub(crate) struct Episode {
    pub(crate) error_type: ErrorType,
    pub(crate) attempts: u32,
    pub(crate) began: Instant,
    pub(crate) retry_at: Instant,
    /// Counted as failed; the next attempt begins another recovery.
    pub(crate) given_up: bool,
}

/// One cluster.
#[derive(Debug, Default)]
pub(crate) struct Cluster {
    pub(crate) link: Link,
    pub(crate) copies: BTreeMap<Rel, Copy>,
    /// Files with a task in the queue or at a worker.
    pub(crate) in_flight: BTreeSet<Rel>,
    pub(crate) episodes: BTreeMap<Rel, Episode>,
    /// Files whose content (by its hash) cannot be sent at all, so is not tried again.
    pub(crate) rejected: BTreeMap<Rel, u64>,
    pub(crate) window: Window,
}

impl Cluster {
    /// Whether the file on the cluster is what the manifest wants.
    pub(crate) fn holds(&self, rel: &str, manifest: &Manifest) -> bool {
        self.copies.get(rel).is_some_and(|copy| copy.manifest.hash == manifest.hash && !copy.stale)
    }

    pub(crate) fn is_connected(&self) -> bool {
        matches!(self.link, Link::Connected)
    }

    /// Work that is queued, under way, or waiting to be tried again.
    pub(crate) fn backlog(&self) -> u64 {
        let waiting = self.episodes.keys().filter(|rel| !self.in_flight.contains(*rel)).count();
        (self.in_flight.len() + waiting) as u64
    }
}

/// When to try again, longer each time.
#[derive(Debug)]
pub(crate) struct Backoff {
    pub(crate) failures: u32,
    pub(crate) at: Instant,
}

/// One namespace, that is one folder of the source.
#[derive(Debug)]
pub(crate) struct Namespace {
    /// The clusters that it is on, the first being the one that others are projections of.
    pub(crate) clusters: Vec<usize>,
    /// Of its manifests, counted anew at each look.
    pub(crate) objects: u64,
    /// How many clusters it should be on.
    pub(crate) wanted: usize,
    pub(crate) wanted_since: Instant,
    pub(crate) moving: Option<Move>,
    pub(crate) retry: Option<Backoff>,
    /// Clusters that a move to has failed lately, and until when they are left out.
    pub(crate) avoid: BTreeMap<usize, Instant>,
    /// Since when the view differs from the clusters.
    pub(crate) dirty: Option<Instant>,
    pub(crate) view: View,
}

/// The view of one namespace over its clusters.
#[derive(Debug, Default)]
pub(crate) struct View {
    pub(crate) written: bool,
    /// The first of the failures that have not been made up for, and when to try again.
    pub(crate) failing: Option<(Instant, Instant)>,
}

impl Namespace {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            clusters: Vec::new(),
            objects: 0,
            wanted: 1,
            wanted_since: now,
            moving: None,
            retry: None,
            avoid: BTreeMap::new(),
            dirty: None,
            view: View::default(),
        }
    }

    /// Whether its files belong on that cluster now.
    pub(crate) fn is_on(&self, cluster: usize) -> bool {
        self.clusters.contains(&cluster)
            || self.moving.as_ref().is_some_and(|moving| moving.to == cluster)
    }

    /// Whether a placement may be tried; counts as tried where it was delayed.
    pub(crate) fn may_try(&self, now: Instant) -> bool {
        self.retry.as_ref().is_none_or(|retry| retry.at <= now)
    }

    /// Puts the next try off.
    pub(crate) fn put_off(&mut self, now: Instant) {
        let failures = self.retry.as_ref().map_or(0, |retry| retry.failures).saturating_add(1);
        let at = now + backoff(Duration::from_millis(500), failures, Duration::from_secs(4));
        self.retry = Some(Backoff { failures, at });
    }

    pub(crate) fn mark_dirty(&mut self, now: Instant) {
        self.dirty.get_or_insert(now);
    }
}

/// `first` after one failure, twice that after two, and so on, but never more than `most`.
pub(crate) fn backoff(first: Duration, failures: u32, most: Duration) -> Duration {
    let factor = 1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    first.saturating_mul(factor).min(most)
}

/// The folder that a path is in.
pub(crate) fn namespace_of(rel: &str) -> &str {
    rel.split_once('/').map_or("", |(namespace, _)| namespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backoff_doubles_up_to_its_limit() {
        let [first, most] = [Duration::from_millis(50), Duration::from_secs(1)];
        let waits: Vec<_> =
            [1, 2, 3, 6, 40].map(|failures| backoff(first, failures, most).as_millis()).into();
        assert_eq!(waits, [50, 100, 200, 1000, 1000]);
    }

    #[test]
    fn a_namespace_is_the_first_folder() {
        assert_eq!(namespace_of("shop/deep/web.yaml"), "shop");
        assert_eq!(namespace_of("web.yaml"), "");
    }
}
