//! The process itself, and the API that it serves.
//! Upstream: whoever has a better source than the sampler; API servers.
//! Downstream: three gauges without labels that the sampler also feeds, and `tmc_api_*`.

use std::time::Duration;

use super::{MetricsCollector, set_count};

impl MetricsCollector {
    /// Sets `tmc_goroutines_total`: live tasks, else threads. The sampler sets it too.
    pub fn record_go_routines(&self, count: u64) {
        set_count(&self.families().goroutines.at([]), count);
    }

    /// Sets `tmc_memory_usage_bytes`. The sampler sets it too.
    pub fn record_memory_usage(&self, bytes: u64) {
        set_count(&self.families().memory_usage.at([]), bytes);
    }

    /// Sets `tmc_cpu_usage_percent`; 100 is one core. The sampler sets it too.
    pub fn record_cpu_usage(&self, percent: f64) {
        self.families().cpu_usage.at([]).set(percent);
    }

    /// Counts a request in `tmc_api_requests_total` and observes `tmc_api_request_duration_seconds`.
    /// `endpoint` is a route (`/api/v1/placements/{name}`), not a path with names in it.
    pub fn record_api_request(
        &self,
        method: &str,
        endpoint: &str,
        status_code: &str,
        duration: Duration,
    ) {
        let families = self.families();
        families.api_requests.at([method, endpoint, status_code]).inc();
        families
            .api_request_duration
            .at([method, endpoint, status_code])
            .observe_duration(duration);
    }
}
