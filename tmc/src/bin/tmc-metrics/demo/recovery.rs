//! Recoveries: begun with the first failure, ended by success or by giving up.
//! Upstream: reconcile, health, migrate, aggregate. Downstream: the families `tmc_recovery_*`.
//!
//! One recovery is one attempt in the metrics, however many retries it takes; so attempts less
//! successes less failures are the recoveries under way.

use std::time::Instant;

use tmc_metrics::ErrorType;

use super::mirror::Mirror;

impl Mirror {
    pub(crate) fn recovery_attempt(&self, error: ErrorType, strategy: &str, component: &str) {
        self.collector.record_recovery_attempt(error, strategy, component);
    }

    pub(crate) fn recovery_success(
        &self,
        error: ErrorType,
        strategy: &str,
        component: &str,
        began: Instant,
        now: Instant,
    ) {
        self.collector.record_recovery_success(error, strategy, component);
        let taken = now.saturating_duration_since(began);
        self.collector.record_recovery_duration(error, strategy, taken);
    }

    pub(crate) fn recovery_failure(
        &self,
        error: ErrorType,
        strategy: &str,
        component: &str,
        began: Instant,
        now: Instant,
    ) {
        self.collector.record_recovery_failure(error, strategy, component);
        let taken = now.saturating_duration_since(began);
        self.collector.record_recovery_duration(error, strategy, taken);
    }
}
