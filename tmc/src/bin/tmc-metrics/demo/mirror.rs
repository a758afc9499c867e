//! The mirror: owns what is believed, and runs one round after another on one thread.
//! Upstream: wiring, which gives it directories and workers. Downstream: the modules beside it,
//! each of which is one step of a round.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::{Receiver, after, never, select};
use tmc_metrics::{ErrorType, MetricsCollector, TmcError};

use super::components::Components;
use super::door::{Door, Root};
use super::migrate::Tally;
use super::publish::Boards;
use super::queue::Queues;
use super::source::{Changes, Rel, Source};
use super::state::{Cluster, Namespace};
use super::status::Shared;
use super::worker::Outcome;

/// The workspace path that everything here belongs to.
pub(crate) const LOGICAL_CLUSTER: &str = "root:demo";
/// The component that looks for changes.
pub(crate) const WATCHER: &str = "SourceWatcher";
/// Its id.
pub(crate) const WATCHER_ID: &str = "source-watcher";
/// The label `cluster` of errors that happened before a cluster was involved.
const SOURCE: &str = "source";
/// The label `gvk` of what is no object.
const UNKNOWN: &str = "unknown";
/// The time from one round to the next.
const ROUND: Duration = Duration::from_millis(200);

/// What a mirror is made of.
pub(crate) struct Parts {
    pub(crate) collector: MetricsCollector,
    pub(crate) door: Arc<Door>,
    pub(crate) source: PathBuf,
    pub(crate) clusters: Arc<[Root]>,
    /// Where views are written.
    pub(crate) views: Root,
    /// Objects that fit into one cluster.
    pub(crate) capacity: u64,
    /// Where the mirror says how it stands after each round.
    pub(crate) status: Shared,
    /// Whom it speaks for.
    pub(crate) components: Components,
    pub(crate) queues: Queues,
}

/// Mirrors a source tree to clusters.
pub(crate) struct Mirror {
    pub(super) collector: MetricsCollector,
    pub(super) door: Arc<Door>,
    pub(super) source: Source,
    pub(super) roots: Arc<[Root]>,
    /// In the order of `roots`.
    pub(super) clusters: Vec<Cluster>,
    pub(super) views: Root,
    pub(super) capacity: u64,
    pub(super) status: Shared,
    pub(super) components: Components,
    pub(super) queues: Queues,
    pub(super) namespaces: BTreeMap<Rel, Namespace>,
    /// By source and target cluster.
    pub(super) tallies: BTreeMap<(usize, usize), Tally>,
    pub(super) boards: Boards,
    /// What could not be read at the last look, so that it is counted once.
    pub(super) unreadable: BTreeSet<PathBuf>,
    pub(super) started: Instant,
}

impl Mirror {
    pub(crate) fn new(parts: Parts, now: Instant) -> Self {
        let Parts { collector, door, source, clusters: roots, views, capacity, .. } = parts;
        let (status, components, queues) = (parts.status, parts.components, parts.queues);
        let clusters = roots.iter().map(|_| Cluster::default()).collect();
        Self {
            collector,
            door,
            source: Source::new(source),
            roots,
            clusters,
            views,
            capacity,
            status,
            components,
            queues,
            namespaces: BTreeMap::new(),
            tallies: BTreeMap::new(),
            boards: Boards::default(),
            unreadable: BTreeSet::new(),
            started: now,
        }
    }

    /// Runs rounds until `stop` is closed, then takes in what the workers still hand over.
    pub(crate) fn run(mut self, outcomes: &Receiver<Outcome>, stop: &Receiver<()>) {
        let mut next = after(Duration::ZERO);
        let mut stop = stop.clone();
        loop {
            select! {
                recv(outcomes) -> outcome => match outcome {
                    Ok(outcome) => self.settle(outcome, Instant::now()),
                    Err(_) => break, // every worker has ended
                },
                recv(next) -> _ => {
                    self.round(Instant::now(), SystemTime::now());
                    next = after(ROUND);
                }
                recv(stop) -> _ => {
                    next = never();
                    stop = never();
                }
            }
        }
        self.publish(Instant::now());
    }

    /// One round: every step sees what the step before it found.
    pub(crate) fn round(&mut self, now: Instant, wall: SystemTime) {
        self.probe(now);
        self.look(now, wall);
        self.schedule(now);
        self.migrate(now);
        self.notice_drift();
        self.reconcile(now);
        self.aggregate(now);
        self.publish(now);
    }

    /// Takes in what changed in the source.
    fn look(&mut self, now: Instant, wall: SystemTime) {
        let tracker = self.collector.operation_tracker(WATCHER, WATCHER_ID, "scan-source");
        let changes = self.source.scan(&self.door, now, wall);
        let Changes { changed, removed, invalid, unreadable } = changes;
        log::debug!("changed: {changed:?}, removed: {removed:?}");
        let root_gone = unreadable.first().map(|(path, error)| scan_error(path, error));
        match root_gone {
            Some(error) => tracker.error(&error),
            None => tracker.success(),
        }
        for (rel, reason) in &invalid {
            log::warn!("{rel}: {reason}");
            let error = ErrorType::ResourceValidation;
            self.collector.record_sync_error(SOURCE, UNKNOWN, error);
            let severity = error.default_severity();
            self.collector.record_component_error(WATCHER, WATCHER_ID, error, severity);
        }
        let new = |(path, _): &&(PathBuf, _)| !self.unreadable.contains(path);
        if let Some((path, error)) = unreadable.iter().find(new) {
            // One is enough to find the cause; a whole tree may have become unreadable.
            log::warn!("{}: {error}; what was mirrored from it stays", path.display());
        }
        let unreadable: BTreeSet<PathBuf> = unreadable.into_iter().map(|(path, _)| path).collect();
        for _new in unreadable.difference(&self.unreadable) {
            self.collector.record_sync_error(SOURCE, UNKNOWN, ErrorType::SyncFailure);
        }
        self.unreadable = unreadable;
    }
}

fn scan_error(path: &std::path::Path, error: &std::io::Error) -> TmcError {
    TmcError::builder(ErrorType::SyncFailure, WATCHER, "scan-source")
        .message(format!("{}: {error}", path.display()))
        .recovery_hint("make the source readable; until then nothing is deleted")
        .build()
}
