//! What the mirror believes: its clusters, the files it left on them, its namespaces.
//! Upstream: mirror, which owns it on one thread. Downstream: reconcile, migrate, health, publish.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tmc_metrics::{Delays, ErrorType, Jitter, Recovery, RetryStrategy};

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
    /// Before each further try; when they are spent, it is given up.
    pub(crate) delays: Delays,
    pub(crate) retry_at: Instant,
    /// `None` once it was given up; the next try begins another recovery.
    pub(crate) recovery: Option<Recovery>,
}

impl Episode {
    pub(crate) fn is_given_up(&self) -> bool {
        self.recovery.is_none()
    }
}

/// One cluster.
#[derive(Debug, Default)]
pub(crate) struct Cluster {
    pub(crate) link: Link,
    /// While it is suspect.
    pub(crate) reconnect: Option<Recovery>,
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
    delays: Delays,
    at: Instant,
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
    /// Since the first of the failures that have not been made up for; and when to try again.
    pub(crate) failing: Option<(Recovery, Instant)>,
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
        let first = || Backoff { delays: placement_retries().delays(), at: now };
        let retry = self.retry.get_or_insert_with(first);
        retry.at = now + retry.delays.next().unwrap_or_default();
    }

    pub(crate) fn mark_dirty(&mut self, now: Instant) {
        self.dirty.get_or_insert(now);
    }
}

/// How a placement is tried again: for ever, since room may come at any time.
fn placement_retries() -> RetryStrategy {
    retries(u32::MAX, Duration::from_millis(500), Duration::from_secs(4))
}

/// From `first` to `most`, doubled each time and spread a little.
pub(crate) fn retries(attempts: u32, first: Duration, most: Duration) -> RetryStrategy {
    let builder = RetryStrategy::builder().max_attempts(attempts).base_delay(first);
    // What the demo asks for makes sense.
    builder.max_delay(most).jitter(Jitter::Equal).build().unwrap_or_default()
}

/// The folder that a path is in.
pub(crate) fn namespace_of(rel: &str) -> &str {
    rel.split_once('/').map_or("", |(namespace, _)| namespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placement_is_put_off_for_longer_each_time() {
        let (now, mut space) = (Instant::now(), Namespace::new(Instant::now()));
        for most in [500, 1000, 2000, 4000, 4000, 4000] {
            space.put_off(now);
            let (most, waits) = (Duration::from_millis(most), |wait| !space.may_try(now + wait));
            assert!(waits(most * 49 / 100) && !waits(most), "{most:?}");
        }
    }

    #[test]
    fn a_namespace_is_the_first_folder() {
        assert_eq!(namespace_of("shop/deep/web.yaml"), "shop");
        assert_eq!(namespace_of("web.yaml"), "");
    }
}
