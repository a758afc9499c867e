//! Recoveries: begun with the first failure, ended by success, by giving up, or because it is moot.
//! Upstream: reconcile, health, migrate, aggregate. Downstream: the families `tmc_recovery_*`.
//!
//! One recovery is one attempt in the metrics, however many retries it takes; so attempts less
//! successes less failures are the recoveries under way.

use std::time::Duration;

use tmc_metrics::ErrorType;

use super::mirror::Mirror;

/// How a recovery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// What had failed was done.
    Succeeded,
    /// It was given up, or what had failed is not wanted any more.
    Failed,
}

impl Mirror {
    pub(crate) fn recovery_attempt(&self, error: ErrorType, strategy: &str, component: &str) {
        self.collector.record_recovery_attempt(error, strategy, component);
    }

    /// Ends a recovery that was begun as an attempt.
    pub(crate) fn end_recovery(
        &self,
        outcome: Recovery,
        error: ErrorType,
        strategy: &str,
        component: &str,
        taken: Duration,
    ) {
        match outcome {
            Recovery::Succeeded => {
                self.collector.record_recovery_success(error, strategy, component);
            }
            Recovery::Failed => self.collector.record_recovery_failure(error, strategy, component),
        }
        self.collector.record_recovery_duration(error, strategy, taken);
    }
}
