//! Probes clusters, notices when one goes away or comes back, and judges their syncers.
//! Upstream: the mirror's tick. Downstream: door (probes are real writes), the collector.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use tmc_metrics::{ErrorType, HealthStatus, Recovery, TmcError};

use super::door::Purpose;
use super::mirror::Mirror;

/// The component that probes clusters.
pub(crate) const TRACKER: &str = "ClusterHealthTracker";
/// Its id.
pub(crate) const TRACKER_ID: &str = "cluster-health-tracker";
/// How a cluster that does not answer is given time to come back.
const RECONNECT: &str = "reconnect";
/// How long that time is. After it, the cluster is lost and its namespaces move.
pub(crate) const GRACE: Duration = Duration::from_millis(600);
/// The file that a probe writes and removes.
const PROBE: &str = ".probe";
/// How long an operation counts towards a component's health.
const WINDOW: Duration = Duration::from_secs(10);
/// Fewer operations than this say nothing about an error rate.
const FEW: usize = 5;

/// Whether a cluster can be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Link {
    #[default]
    Connected,
    /// Probes fail since then; it may still come back by itself.
    Suspect { since: Instant },
    /// It stayed away.
    Lost,
}

impl Link {
    /// What a probe makes of it.
    fn after(self, reached: bool, now: Instant) -> Self {
        match (self, reached) {
            (_, true) => Self::Connected,
            (Self::Connected, false) => Self::Suspect { since: now },
            (Self::Suspect { since }, false) if now.saturating_duration_since(since) >= GRACE => {
                Self::Lost
            }
            (link, false) => link,
        }
    }
}

/// The outcomes of a component's latest operations.
#[derive(Debug, Default)]
pub(crate) struct Window(VecDeque<(Instant, bool)>);

impl Window {
    pub(crate) fn note(&mut self, now: Instant, ok: bool) {
        self.forget(now);
        self.0.push_back((now, ok));
    }

    fn forget(&mut self, now: Instant) {
        while self.0.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > WINDOW) {
            self.0.pop_front();
        }
    }

    /// More than a tenth of errors degrades, more than half makes unhealthy; none or few are fine.
    pub(crate) fn status(&mut self, now: Instant) -> (HealthStatus, String) {
        self.forget(now);
        let (all, errors) = (self.0.len(), self.0.iter().filter(|(_, ok)| !ok).count());
        let status = if all < FEW || errors * 10 <= all {
            HealthStatus::Healthy
        } else if errors * 2 <= all {
            HealthStatus::Degraded
        } else {
            HealthStatus::Unhealthy
        };
        let message = match all {
            0 => "nothing to do lately".to_owned(),
            _ => format!("{errors} of {all} operations failed lately"),
        };
        (status, message)
    }
}

/// How the syncer of a cluster does whose operations went as `window` says, and the same for people.
pub(crate) fn judge(link: Link, window: &mut Window, now: Instant) -> (HealthStatus, String) {
    match link {
        Link::Connected => window.status(now),
        Link::Suspect { .. } => {
            (HealthStatus::Degraded, "the cluster does not answer; it may come back".to_owned())
        }
        Link::Lost => (HealthStatus::Unhealthy, "the cluster is lost".to_owned()),
    }
}

impl Mirror {
    /// Probes every cluster and acts on those that went away or came back.
    pub(crate) fn probe(&mut self, now: Instant) {
        for index in 0..self.clusters.len() {
            let reached = self.probe_one(index);
            let before = self.clusters[index].link;
            let after = before.after(reached, now);
            self.clusters[index].link = after;
            self.act_on(index, before, after);
        }
    }

    fn act_on(&mut self, index: usize, before: Link, after: Link) {
        let cluster = &mut self.clusters[index];
        match (before, after) {
            (Link::Connected, Link::Suspect { .. }) => {
                let error = ErrorType::ClusterUnreachable;
                let recovery = Recovery::begin(&self.collector, error, RECONNECT, TRACKER);
                cluster.reconnect = Some(recovery);
            }
            (Link::Suspect { .. }, Link::Lost) => {
                // Given up, and with it all that is under way there. What that was for is found again when
                // the cluster comes back.
                cluster.reconnect = None;
                cluster.episodes.clear();
            }
            (Link::Suspect { .. } | Link::Lost, Link::Connected) => {
                if let Some(recovery) = cluster.reconnect.take() {
                    recovery.success();
                }
                self.rejoin(index);
            }
            _ => {}
        }
    }

    /// Whether the cluster can be written to.
    fn probe_one(&self, index: usize) -> bool {
        let root = &self.roots[index];
        let tracker = self.collector.operation_tracker(TRACKER, TRACKER_ID, "probe-cluster");
        let probed = self
            .door
            .write(root, PROBE, b"", Purpose::Probe)
            .and_then(|_| self.door.remove(root, PROBE, Purpose::Probe))
            .map_err(|error| unreachable(&root.name, error));
        tracker.conclude(probed).is_ok()
    }

    /// A cluster that came back may lack files that it had: they count as never sent, not as
    /// deleted by somebody.
    fn rejoin(&mut self, index: usize) {
        let (root, cluster) = (&self.roots[index], &mut self.clusters[index]);
        let in_flight = &cluster.in_flight;
        cluster.copies.retain(|rel, _| {
            let gone = self.door.stamp(&root.path(rel));
            in_flight.contains(rel)
                || !gone.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        });
    }
}

fn unreachable(cluster: &str, error: io::Error) -> TmcError {
    TmcError::builder(ErrorType::ClusterUnreachable, TRACKER, "probe-cluster")
        .message(format!("{cluster} cannot be written to: {error}"))
        .cause(error)
        .cluster_name(cluster)
        .recovery_hint("bring the cluster's directory back, writable")
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_suspect_first_and_lost_after_the_grace() {
        let now = Instant::now();
        let suspect = Link::Connected.after(false, now);
        assert_eq!(suspect, Link::Suspect { since: now });
        assert_eq!(suspect.after(false, now + GRACE / 2), suspect);
        assert_eq!(suspect.after(true, now + GRACE), Link::Connected);
        assert_eq!(suspect.after(false, now + GRACE), Link::Lost);
        assert_eq!(Link::Lost.after(false, now), Link::Lost);
        assert_eq!(Link::Lost.after(true, now), Link::Connected);
    }

    #[test]
    fn errors_lower_the_health_until_they_are_forgotten() {
        let now = Instant::now();
        let mut window = Window::default();
        window.note(now, false);
        assert_eq!(window.status(now).0, HealthStatus::Healthy, "one operation says nothing");
        for _ in 0..9 {
            window.note(now, true);
        }
        assert_eq!(window.status(now).0, HealthStatus::Healthy, "a tenth is not more than a tenth");
        window.note(now, false);
        assert_eq!(window.status(now).0, HealthStatus::Degraded);
        for _ in 0..20 {
            window.note(now, false);
        }
        assert_eq!(window.status(now).0, HealthStatus::Unhealthy);
        assert_eq!(window.status(now + WINDOW * 2).0, HealthStatus::Healthy);
    }
}
