//! Recoveries from errors: attempts, outcomes, latency.
//! Upstream: recovery managers. Downstream: the families `tmc_recovery_*`.

use std::time::Duration;

use super::MetricsCollector;
use crate::error::ErrorType;

impl MetricsCollector {
    /// Adds one to `tmc_recovery_attempts_total`.
    pub fn record_recovery_attempt(&self, error_type: ErrorType, strategy: &str, component: &str) {
        let family = &self.families().recovery_attempts;
        family.at([error_type.as_str(), strategy, component]).inc();
    }

    /// Adds one to `tmc_recovery_successes_total`.
    pub fn record_recovery_success(&self, error_type: ErrorType, strategy: &str, component: &str) {
        let family = &self.families().recovery_successes;
        family.at([error_type.as_str(), strategy, component]).inc();
    }

    /// Adds one to `tmc_recovery_failures_total`.
    pub fn record_recovery_failure(&self, error_type: ErrorType, strategy: &str, component: &str) {
        let family = &self.families().recovery_failures;
        family.at([error_type.as_str(), strategy, component]).inc();
    }

    /// Observes `tmc_recovery_duration_seconds`.
    pub fn record_recovery_duration(
        &self,
        error_type: ErrorType,
        strategy: &str,
        duration: Duration,
    ) {
        let family = &self.families().recovery_duration;
        family.at([error_type.as_str(), strategy]).observe_duration(duration);
    }
}
