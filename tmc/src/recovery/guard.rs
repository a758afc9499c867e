//! One recovery in the metrics: begun once, ended once, whatever happens in between.
//! Upstream: the retry strategy, the circuit breaker, strategies of the user's. Downstream: the
//! families `tmc_recovery_*`.

use std::fmt;
use std::time::Instant;

use tmc_engine::{Clock, Counter, Histogram};

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
    series: Series,
    error_type: ErrorType,
    start: Instant,
    outcome: Outcome,
}

/// What a recovery counts in. Held while it is under way: so long, none of it is retired.
#[derive(Clone)]
struct Series {
    attempts: Counter,
    successes: Counter,
    failures: Counter,
    duration: Histogram,
    clock: Clock,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    /// Not begun: counts nothing.
    Prepared,
    Succeeded,
    Failed,
}

impl Recovery {
    /// Begins to recover from an error. The outcomes' series start at zero, so that a query that
    /// subtracts them has something to subtract. Looks four series up; locks, and allocates where they
    /// are new.
    pub fn begin(
        collector: &MetricsCollector,
        error_type: ErrorType,
        strategy: &str,
        component: &str,
    ) -> Self {
        let mut recovery = Self::prepare(collector, error_type, strategy, component);
        recovery.start();
        recovery.attempt().count();
        recovery
    }

    /// Looks up what it takes, and counts nothing yet.
    pub(super) fn prepare(
        collector: &MetricsCollector,
        error_type: ErrorType,
        strategy: &str,
        component: &str,
    ) -> Self {
        let (families, labels) = (collector.families(), [error_type.as_str(), strategy, component]);
        let series = Series {
            attempts: families.recovery_attempts.with(labels),
            successes: families.recovery_successes.with(labels),
            failures: families.recovery_failures.with(labels),
            duration: families.recovery_duration.with([error_type.as_str(), strategy]),
            clock: collector.clock().clone(),
        };
        let start = series.clock.now();
        Self { series, error_type, start, outcome: Outcome::Prepared }
    }

    /// From here on it has an outcome, and [`attempt`](Self::attempt) is to be counted.
    pub(super) fn start(&mut self) {
        self.start = self.series.clock.now();
        self.outcome = Outcome::Failed;
    }

    /// The attempt, to be counted where no lock is held.
    pub(super) fn attempt(&self) -> Attempt {
        Attempt(self.series.attempts.clone())
    }

    /// What had failed works again.
    pub fn success(mut self) {
        self.outcome = Outcome::Succeeded;
    }

    /// It was given up; the same as to drop it.
    pub fn failure(self) {}

    /// The error that is recovered from.
    pub fn error_type(&self) -> ErrorType {
        self.error_type
    }
}

/// A recovery that has begun.
pub(super) struct Attempt(Counter);

impl Attempt {
    pub(super) fn count(self) {
        self.0.inc();
    }
}

impl Drop for Recovery {
    fn drop(&mut self) {
        let Series { attempts, successes, failures, duration, clock } = &self.series;
        if self.outcome == Outcome::Prepared {
            return;
        }
        duration.observe_duration(clock.since(self.start));
        if self.outcome == Outcome::Succeeded {
            successes.inc()
        } else {
            failures.inc()
        }
        // Idle from the same moment on, they are retired together.
        [attempts, successes, failures].into_iter().for_each(Counter::touch);
    }
}

impl fmt::Debug for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recovery")
            .field("error_type", &self.error_type)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}
