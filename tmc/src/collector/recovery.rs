//! Recoveries from errors: attempts, outcomes, latency.
//! Upstream: recovery managers. Downstream: the families `tmc_recovery_*`.
//!
//! Attempts less outcomes are the recoveries under way, so the three counters of a set of labels are made
//! together and retired together.

use std::time::Duration;

use super::MetricsCollector;
use crate::error::ErrorType;

impl MetricsCollector {
    /// Adds one to `tmc_recovery_attempts_total`. The successes and failures of the same labels exist
    /// from then on, at zero, so that the query for active recoveries finds all three.
    pub fn record_recovery_attempt(&self, error_type: ErrorType, strategy: &str, component: &str) {
        self.keep_recoveries_together(error_type, strategy, component);
        let family = &self.families().recovery_attempts;
        family.at([error_type.as_str(), strategy, component]).inc();
    }

    /// Adds one to `tmc_recovery_successes_total`.
    pub fn record_recovery_success(&self, error_type: ErrorType, strategy: &str, component: &str) {
        self.keep_recoveries_together(error_type, strategy, component);
        let family = &self.families().recovery_successes;
        family.at([error_type.as_str(), strategy, component]).inc();
    }

    /// Adds one to `tmc_recovery_failures_total`.
    pub fn record_recovery_failure(&self, error_type: ErrorType, strategy: &str, component: &str) {
        self.keep_recoveries_together(error_type, strategy, component);
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

    fn keep_recoveries_together(&self, error_type: ErrorType, strategy: &str, component: &str) {
        let families = self.families();
        let labels = [error_type.as_str(), strategy, component];
        families.recovery_attempts.at(labels).touch();
        families.recovery_successes.at(labels).touch();
        families.recovery_failures.at(labels).touch();
    }
}
