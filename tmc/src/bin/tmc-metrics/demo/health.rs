//! Probes clusters, notices when one goes away or comes back, and judges components.
//! Upstream: the mirror's tick. Downstream: door (probes are real writes), the collector.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use tmc_metrics::{ErrorType, HealthCheckResult, HealthStatus, TmcError};

use super::door::Purpose;
use super::mirror::Mirror;
use super::recovery::Recovery;

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
    pub(crate) fn status(&mut self, now: Instant) -> HealthStatus {
        self.forget(now);
        let errors = self.0.iter().filter(|(_, ok)| !ok).count();
        if self.0.len() < FEW || errors * 10 <= self.0.len() {
            HealthStatus::Healthy
        } else if errors * 2 <= self.0.len() {
            HealthStatus::Degraded
        } else {
            HealthStatus::Unhealthy
        }
    }
}

/// The health of a cluster whose operations went as `window` says.
pub(crate) fn judge(link: Link, window: &mut Window, now: Instant) -> HealthStatus {
    match link {
        Link::Connected => window.status(now),
        Link::Suspect { .. } => HealthStatus::Degraded,
        Link::Lost => HealthStatus::Unhealthy,
    }
}

impl Mirror {
    /// Probes every cluster and acts on those that went away or came back.
    pub(crate) fn probe(&mut self, now: Instant) {
        for index in 0..self.clusters.len() {
            let reached = self.probe_one(index, now);
            let before = self.clusters[index].link;
            let after = before.after(reached, now);
            self.clusters[index].link = after;
            match (before, after) {
                (Link::Connected, Link::Suspect { .. }) => {
                    self.recovery_attempt(ErrorType::ClusterUnreachable, RECONNECT, TRACKER);
                }
                (Link::Suspect { since }, Link::Connected) => {
                    let error = ErrorType::ClusterUnreachable;
                    self.end_recovery(
                        Recovery::Succeeded,
                        error,
                        RECONNECT,
                        TRACKER,
                        now.saturating_duration_since(since),
                    );
                    self.rejoin(index);
                }
                (Link::Suspect { since }, Link::Lost) => {
                    let error = ErrorType::ClusterUnreachable;
                    self.end_recovery(
                        Recovery::Failed,
                        error,
                        RECONNECT,
                        TRACKER,
                        now.saturating_duration_since(since),
                    );
                    self.give_up_all(index, now);
                }
                (Link::Lost, Link::Connected) => self.rejoin(index),
                _ => {}
            }
        }
    }

    fn probe_one(&mut self, index: usize, now: Instant) -> bool {
        let root = &self.roots[index];
        let tracker = self.collector.operation_tracker(TRACKER, TRACKER_ID, "probe-cluster");
        let start = Instant::now();
        let probed = self
            .door
            .write(root, PROBE, b"", Purpose::Probe)
            .and_then(|_| self.door.remove(root, PROBE, Purpose::Probe));
        let taken = start.elapsed();
        let result = match &probed {
            Err(_) => HealthCheckResult::Unhealthy,
            Ok(()) => match self.clusters[index].window.status(now) {
                HealthStatus::Healthy => HealthCheckResult::Healthy,
                _ => HealthCheckResult::Degraded,
            },
        };
        self.collector.record_health_check(TRACKER, result, taken);
        match probed {
            Ok(()) => tracker.success(),
            Err(error) => tracker.error(&unreachable(&root.name, error)),
        }
        result != HealthCheckResult::Unhealthy
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
        assert_eq!(window.status(now), HealthStatus::Healthy, "one operation says nothing");
        for _ in 0..9 {
            window.note(now, true);
        }
        assert_eq!(window.status(now), HealthStatus::Healthy, "a tenth is not more than a tenth");
        window.note(now, false);
        assert_eq!(window.status(now), HealthStatus::Degraded);
        for _ in 0..20 {
            window.note(now, false);
        }
        assert_eq!(window.status(now), HealthStatus::Unhealthy);
        assert_eq!(window.status(now + WINDOW * 2), HealthStatus::Healthy);
    }
}
