//! The components of the demo, as the health monitor knows them: the mirror tells how each does once a
//! round, and one that has told nothing for a while is not healthy any more.
//! Upstream: publish. Downstream: the health monitor, `/readyz`, `/summary`, `/components`.

use std::sync::Arc;
use std::time::Duration;

use tmc_metrics::{
    Clock, ComponentInfo, ComponentType, HealthMonitor, HealthRegistration, HealthStatus,
    StatusHolder,
};

use super::aggregate::{AGGREGATOR, AGGREGATOR_ID};
use super::health::{TRACKER, TRACKER_ID};
use super::migrate::{MOVER, MOVER_ID};
use super::mirror::{LOGICAL_CLUSTER, WATCHER, WATCHER_ID};
use super::schedule::{PLACER, PLACER_ID};
use super::worker::{SYNCER, syncer_id};

/// The label `cluster` of components that belong to none.
pub(crate) const CONTROL_PLANE: &str = "control-plane";
/// What a component said holds for so long; a round takes a fifth of a second.
const STALE: Duration = Duration::from_secs(5);

/// One component, and what was said of it last.
pub(crate) struct Component {
    pub(crate) kind: &'static str,
    pub(crate) id: String,
    pub(crate) cluster: String,
    status: Arc<StatusHolder>,
}

/// All components that the mirror speaks for.
pub(crate) struct Components {
    /// One for each cluster.
    pub(crate) syncers: Vec<Component>,
    pub(crate) placer: Component,
    pub(crate) mover: Component,
    pub(crate) tracker: Component,
    pub(crate) aggregator: Component,
    pub(crate) watcher: Component,
}

impl Components {
    pub(crate) fn new(clusters: &[String]) -> Self {
        let new = |kind, id: &str, cluster: &str| {
            let status = Arc::new(StatusHolder::new(Clock::system()).stale_after(STALE));
            Component { kind, id: id.to_owned(), cluster: cluster.to_owned(), status }
        };
        let central = |kind, id| new(kind, id, CONTROL_PLANE);
        Self {
            syncers: clusters.iter().map(|name| new(SYNCER, &syncer_id(name), name)).collect(),
            placer: central(PLACER, PLACER_ID),
            mover: central(MOVER, MOVER_ID),
            tracker: central(TRACKER, TRACKER_ID),
            aggregator: central(AGGREGATOR, AGGREGATOR_ID),
            watcher: central(WATCHER, WATCHER_ID),
        }
    }

    pub(crate) fn each(&self) -> impl Iterator<Item = &Component> {
        let central = [&self.placer, &self.mover, &self.tracker, &self.aggregator, &self.watcher];
        self.syncers.iter().chain(central)
    }

    /// Lets the monitor ask each of them, for as long as the registrations live.
    pub(crate) fn register(&self, monitor: &HealthMonitor) -> Vec<HealthRegistration> {
        let register = |component: &Component| {
            let info = ComponentInfo::new(ComponentType::from(component.kind), &component.id);
            let info = info.cluster(&component.cluster);
            let info = match component.kind {
                SYNCER => info.logical_cluster(LOGICAL_CLUSTER),
                _ => info,
            };
            monitor.register_shared(info, component.status.clone())
        };
        self.each().map(register).collect()
    }
}

impl Component {
    /// How it does, and the same for people.
    pub(crate) fn say(&self, status: HealthStatus, message: impl Into<String>) {
        self.status.set(status, message);
    }

    /// Degraded with this message while something is amiss.
    pub(crate) fn say_if(&self, amiss: bool, message: &str) {
        match amiss {
            true => self.say(HealthStatus::Degraded, message),
            false => self.say(HealthStatus::Healthy, "in order"),
        }
    }
}
