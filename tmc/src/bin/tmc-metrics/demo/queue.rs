//! One work queue per cluster, on crossbeam channels, and what is measured about it.
//! Upstream: reconcile, which pushes. Downstream: workers, which take from whichever has work.

use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::{Receiver, Select, Sender, unbounded};
use tmc_metrics::MetricsCollector;

use super::door::Purpose;
use super::manifest::Manifest;
use super::source::Rel;

/// What is to be done to one file of one cluster.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// The file is to say what the manifest says.
    Put(Arc<Manifest>),
    /// The file, which holds the manifest, is to go.
    Delete(Arc<Manifest>),
}

impl Action {
    pub(crate) fn manifest(&self) -> &Arc<Manifest> {
        let (Self::Put(manifest) | Self::Delete(manifest)) = self;
        manifest
    }
}

/// One item of a queue. There is never more than one for the same file of the same cluster.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) cluster: usize,
    pub(crate) rel: Rel,
    pub(crate) action: Action,
    pub(crate) purpose: Purpose,
    /// Hash of what the mirror last left in the file; `None` where it left none.
    pub(crate) expected: Option<u64>,
    /// The namespace's first cluster, where this is another one.
    pub(crate) projected_from: Option<usize>,
    pub(crate) queued: Instant,
}

/// The sending ends. A queue is as long as its cluster has files, at most.
pub(crate) struct Queues {
    collector: MetricsCollector,
    names: Vec<String>,
    senders: Vec<Sender<Task>>,
}

/// The receiving ends; each worker has its own clone.
#[derive(Clone)]
pub(crate) struct Intake {
    collector: MetricsCollector,
    names: Vec<String>,
    receivers: Vec<Receiver<Task>>,
}

/// Makes a queue for each name.
pub(crate) fn queues(collector: &MetricsCollector, names: &[String]) -> (Queues, Intake) {
    let (senders, receivers) = names.iter().map(|_| unbounded()).unzip();
    let (collector, names) = (collector.clone(), names.to_vec());
    let queues = Queues { collector: collector.clone(), names: names.clone(), senders };
    (queues, Intake { collector, names, receivers })
}

impl Queues {
    /// Adds a task to its cluster's queue; false where nobody takes from it any more.
    pub(crate) fn push(&self, task: Task) -> bool {
        let (sender, name) = (&self.senders[task.cluster], &self.names[task.cluster]);
        if sender.send(task).is_err() {
            return false;
        }
        self.collector.record_queue_add(name);
        self.collector.record_queue_depth(name, sender.len() as u64);
        true
    }

    /// Sets the depth of every queue to what it is now.
    pub(crate) fn publish(&self) {
        for (sender, name) in self.senders.iter().zip(&self.names) {
            self.collector.record_queue_depth(name, sender.len() as u64);
        }
    }

    /// Counts a task that is pushed again because it failed before.
    pub(crate) fn count_retry(&self, cluster: usize) {
        self.collector.record_queue_retry(&self.names[cluster]);
    }
}

impl Intake {
    /// The next task of any queue; `None` once `stop` is closed.
    pub(crate) fn take(&self, stop: &Receiver<()>) -> Option<Task> {
        let mut select = Select::new();
        let stop_index = select.recv(stop);
        for receiver in &self.receivers {
            select.recv(receiver);
        }
        let ready = select.select();
        let index = ready.index();
        if index == stop_index {
            let _closed = ready.recv(stop);
            return None;
        }
        // The queues were added after the stop channel.
        let queue = index - 1;
        let task = ready.recv(&self.receivers[queue]).ok()?;
        let (receiver, name) = (&self.receivers[queue], &self.names[queue]);
        self.collector.record_queue_depth(name, receiver.len() as u64);
        self.collector.record_queue_wait(name, task.queued.elapsed());
        Some(task)
    }

    /// Takes what is queued now, without waiting; for tests that have no workers.
    #[cfg(test)]
    pub(crate) fn drain(&self) -> Vec<Task> {
        self.receivers.iter().flat_map(Receiver::try_iter).collect()
    }
}
