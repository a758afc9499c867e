//! One work queue per cluster, which measures itself.
//! Upstream: reconcile, which pushes. Downstream: workers, which take from whichever has work.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Select};
use tmc_metrics::MetricsCollector;
use tmc_metrics::queue::{QueueItem, QueueReceiver, QueueSender, unbounded};

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
}

/// The sending ends. A queue is as long as its cluster has files, at most.
pub(crate) struct Queues(Vec<QueueSender<Task>>);

/// The receiving ends; each worker has its own clone.
#[derive(Clone)]
pub(crate) struct Intake(Vec<QueueReceiver<Task>>);

/// Makes a queue for each name.
pub(crate) fn queues(collector: &MetricsCollector, names: &[String]) -> (Queues, Intake) {
    let (senders, receivers) = names.iter().map(|name| unbounded(collector, name)).unzip();
    (Queues(senders), Intake(receivers))
}

impl Queues {
    /// Adds a task to its cluster's queue, `again` if it failed before; false where nobody takes from it
    /// any more.
    pub(crate) fn push(&self, task: Task, again: bool) -> bool {
        let sender = &self.0[task.cluster];
        if again { sender.retry(task).is_ok() } else { sender.send(task).is_ok() }
    }
}

impl Intake {
    /// The next task of any queue; `None` once `stop` is closed.
    pub(crate) fn take(&self, stop: &Receiver<()>) -> Option<QueueItem<Task>> {
        let mut select = Select::new();
        let stop_index = select.recv(stop);
        for receiver in &self.0 {
            receiver.select_in(&mut select);
        }
        let ready = select.select();
        let index = ready.index();
        if index == stop_index {
            let _closed = ready.recv(stop);
            return None;
        }
        // The queues were added after the stop channel.
        self.0[index - 1].complete(ready).ok()
    }

    /// Takes what is queued now, without waiting; for tests that have no workers.
    #[cfg(test)]
    pub(crate) fn drain(&self) -> Vec<QueueItem<Task>> {
        let queued = |receiver: &QueueReceiver<Task>| {
            (0..receiver.len()).map_while(|_| receiver.try_recv().ok()).collect::<Vec<_>>()
        };
        self.0.iter().flat_map(queued).collect()
    }
}
