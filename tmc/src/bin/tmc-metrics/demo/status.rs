//! How the mirror stands, for those who ask: the API, the progress line, the summary.
//! Upstream: publish, once a round. Downstream: serve, progress.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

/// One cluster, as the API tells it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ClusterStatus {
    pub(crate) name: String,
    pub(crate) connected: bool,
    pub(crate) files: u64,
    pub(crate) backlog: u64,
    pub(crate) objects_promised: u64,
    pub(crate) objects_capacity: u64,
}

/// One namespace's placement, as the API tells it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PlacementStatus {
    pub(crate) namespace: String,
    pub(crate) status: &'static str,
    pub(crate) objects: u64,
    pub(crate) clusters: Vec<String>,
}

/// Everything, as it was after one round.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Status {
    pub(crate) clusters: Vec<ClusterStatus>,
    pub(crate) placements: Vec<PlacementStatus>,
}

/// The latest status; empty before the first round. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared(Arc<Mutex<Status>>);

impl Shared {
    pub(crate) fn set(&self, status: Status) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }

    pub(crate) fn get(&self) -> Status {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
