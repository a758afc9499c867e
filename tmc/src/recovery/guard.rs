//! One recovery in the metrics: begun once, ended once, whatever happens in between.
//! Upstream: the retry strategy, the circuit breaker, strategies of the user's. Downstream: the
//! families `tmc_recovery_*`.

use std::borrow::Cow;
use std::fmt;
use std::time::Instant;

use crate::collector::MetricsCollector;
use crate::error::ErrorType;

/// A recovery under way.
///
/// | event | counted |
/// |---|---|
/// | [`begin`](Self::begin) | an attempt |
/// | [`success`](Self::success) | a success, and the duration since the beginning |
/// | dropped without that (given up, a panic, a future that is dropped) | a failure, and the duration |
///
/// All with the labels of the beginning, and each recovery ends exactly once; so attempts less
/// successes less failures are the recoveries under way, for every set of labels. One recovery is
/// one attempt, however many tries it takes.
///
/// ```
/// use tmc_metrics::{ErrorType, MetricsCollector, Recovery};
/// # fn fail_over() -> Result<(), ()> { Ok(()) }
/// # let collector = MetricsCollector::new(&tmc_metrics::Registry::new()).unwrap();
/// let recovery =
///     Recovery::begin(&collector, ErrorType::ClusterUnreachable, "failover", "MigrationEngine");
/// if fail_over().is_ok() {
///     recovery.success();
/// }
/// ```
#[must_use = "a recovery that is dropped counts as failed"]
pub struct Recovery {
    collector: MetricsCollector,
    error_type: ErrorType,
    strategy: Cow<'static, str>,
    component: Cow<'static, str>,
    start: Instant,
    succeeded: bool,
}

impl Recovery {
    /// Begins to recover from an error. The outcomes' series start at zero, so that a query that
    /// subtracts them has something to subtract. Allocates only for owned names.
    pub fn begin(
        collector: &MetricsCollector,
        error_type: ErrorType,
        strategy: impl Into<Cow<'static, str>>,
        component: impl Into<Cow<'static, str>>,
    ) -> Self {
        let (strategy, component) = (strategy.into(), component.into());
        collector.record_recovery_attempt(error_type, &strategy, &component);
        let start = collector.clock().now();
        Self {
            collector: collector.clone(),
            error_type,
            strategy,
            component,
            start,
            succeeded: false,
        }
    }

    /// What had failed works again.
    pub fn success(mut self) {
        self.succeeded = true;
    }

    /// It was given up; the same as to drop it.
    pub fn failure(self) {}

    /// The error that is recovered from.
    pub fn error_type(&self) -> ErrorType {
        self.error_type
    }
}

impl Drop for Recovery {
    fn drop(&mut self) {
        let Self { collector, error_type, strategy, component, start, succeeded } = self;
        collector.record_recovery_duration(*error_type, strategy, collector.clock().since(*start));
        if *succeeded {
            collector.record_recovery_success(*error_type, strategy, component);
        } else {
            collector.record_recovery_failure(*error_type, strategy, component);
        }
    }
}

impl fmt::Debug for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recovery")
            .field("error_type", &self.error_type)
            .field("strategy", &self.strategy)
            .field("component", &self.component)
            .finish_non_exhaustive()
    }
}
