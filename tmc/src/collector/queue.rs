//! Work queues: depth, adds, waiting, processing, retries.
//! Upstream: whoever owns a queue. Downstream: the families `tmc_queue_*`.

use std::time::Duration;

use super::{MetricsCollector, set_count};

impl MetricsCollector {
    /// Sets `tmc_queue_depth`.
    pub fn record_queue_depth(&self, queue: &str, depth: u64) {
        set_count(&self.families().queue_depth.at([queue]), depth);
    }

    /// Adds one to `tmc_queue_adds_total`.
    pub fn record_queue_add(&self, queue: &str) {
        self.families().queue_adds.at([queue]).inc();
    }

    /// Observes `tmc_queue_processing_duration_seconds`: the work on one item.
    pub fn record_queue_processing(&self, queue: &str, duration: Duration) {
        self.families().queue_processing.at([queue]).observe_duration(duration);
    }

    /// Observes `tmc_queue_wait_duration_seconds`: from an item's add to its work.
    pub fn record_queue_wait(&self, queue: &str, duration: Duration) {
        self.families().queue_wait.at([queue]).observe_duration(duration);
    }

    /// Adds one to `tmc_queue_retries_total`.
    pub fn record_queue_retry(&self, queue: &str) {
        self.families().queue_retries.at([queue]).inc();
    }
}
