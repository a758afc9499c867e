//! Settings of the recovery strategies, checked once, when a strategy is built.
//! Upstream: the program's configuration. Downstream: `RetryStrategy`, `CircuitBreaker`.

use std::borrow::Cow;
use std::time::Duration;

use super::breaker::CircuitBreaker;
use super::circuit::Settings;
use super::delays::Jitter;
use super::retry::RetryStrategy;
use crate::collector::MetricsCollector;
use crate::error::ErrorType;

/// A setting of a recovery strategy that makes no sense.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RecoveryConfigError {
    /// Not even one try.
    #[error("max_attempts is 0: the first try counts, so use 1 or more")]
    NoAttempts,
    /// Delays must not shrink.
    #[error("factor is {0}: use a finite number of at least 1, such as 2.0")]
    Factor(f64),
    /// The cap is below the first delay.
    #[error(
        "max_delay {max_delay:?} is below base_delay {base_delay:?}: raise it, or lower base_delay"
    )]
    DelaysCrossed {
        /// The first delay.
        base_delay: Duration,
        /// The cap.
        max_delay: Duration,
    },
    /// A breaker that is never closed.
    #[error(
        "failure_threshold is 0: use the number of failures in a row that open the circuit, 1 or more"
    )]
    NoFailures,
    /// A breaker that never refuses.
    #[error("open_for is 0: use the time that the other side is left alone, such as 30 s")]
    NoRest,
    /// A breaker that never closes again.
    #[error(
        "probes is 0: use the number of calls that must succeed to close the circuit, 1 or more"
    )]
    NoProbes,
}

/// Settings of a [`RetryStrategy`].
///
/// ```
/// use std::time::Duration;
/// use tmc_metrics::{Jitter, RetryStrategy};
///
/// let patient = RetryStrategy::builder()
///     .max_attempts(8)
///     .base_delay(Duration::from_secs(1))
///     .max_delay(Duration::from_secs(60))
///     .jitter(Jitter::Equal)
///     .deadline(Duration::from_secs(300))
///     .build()?;
/// assert_eq!(patient.delays().count(), 7);
/// let refused = RetryStrategy::builder().factor(0.5).build().unwrap_err();
/// assert_eq!(refused.to_string(), "factor is 0.5: use a finite number of at least 1, such as 2.0");
/// # Ok::<(), tmc_metrics::RecoveryConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a strategy comes of it only by `build`"]
pub struct RetryStrategyBuilder(pub(super) RetryStrategy);

impl RetryStrategyBuilder {
    /// How often an operation is tried at most, the first try included; 5 unless set.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.0.max_attempts = attempts;
        self
    }

    /// The delay before the second try, before jitter; 100 ms unless set.
    pub fn base_delay(mut self, delay: Duration) -> Self {
        self.0.base_delay = delay;
        self
    }

    /// What each delay is multiplied with to give the next, from 1; 2 unless set.
    pub fn factor(mut self, factor: f64) -> Self {
        self.0.factor = factor;
        self
    }

    /// The longest delay of our own; 30 s unless set. What a server asks for comes on top.
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.0.max_delay = delay;
        self
    }

    /// What of each delay is left to chance; [`Jitter::Full`] unless set.
    pub fn jitter(mut self, jitter: Jitter) -> Self {
        self.0.jitter = jitter;
        self
    }

    /// How long after its begin a run may still begin a try; no limit unless set. A try under way is
    /// not interrupted, and a delay that would end later is not begun.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.0.deadline = Some(deadline);
        self
    }

    /// Makes jitter the same in every run, for tests.
    pub fn seed(mut self, seed: u64) -> Self {
        self.0.seed = Some(seed);
        self
    }

    /// Ends the builder.
    ///
    /// # Errors
    /// A setting makes no sense; the error says which, and what would.
    pub fn build(self) -> Result<RetryStrategy, RecoveryConfigError> {
        let RetryStrategy { max_attempts, base_delay, factor, max_delay, .. } = self.0;
        if max_attempts == 0 {
            return Err(RecoveryConfigError::NoAttempts);
        }
        if !(factor.is_finite() && factor >= 1.0) {
            return Err(RecoveryConfigError::Factor(factor));
        }
        if max_delay < base_delay {
            return Err(RecoveryConfigError::DelaysCrossed { base_delay, max_delay });
        }
        Ok(self.0)
    }
}

/// Settings of a [`CircuitBreaker`].
///
/// ```
/// use std::time::Duration;
/// use tmc_metrics::{CircuitBreaker, ErrorType, MetricsCollector, Registry};
///
/// let collector = MetricsCollector::new(&Registry::new())?;
/// let breaker = CircuitBreaker::builder("syncer")
///     .failure_threshold(3)
///     .open_for(Duration::from_secs(10))
///     .probes(2)
///     .counts(|error_type| error_type == ErrorType::ClusterUnreachable)
///     .build(&collector)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a breaker comes of it only by `build`"]
pub struct CircuitBreakerBuilder {
    pub(super) component: Cow<'static, str>,
    pub(super) settings: Settings,
}

impl CircuitBreakerBuilder {
    /// How many failures in a row open the circuit; 5 unless set.
    pub fn failure_threshold(mut self, failures: u32) -> Self {
        self.settings.failure_threshold = failures;
        self
    }

    /// How long the circuit then stays open; 30 s unless set. Probes that have no verdict when the same
    /// time has passed since the last one was let in give their places to others.
    pub fn open_for(mut self, time: Duration) -> Self {
        self.settings.open_for = time;
        self
    }

    /// How many calls are let through when that time has passed, and must all succeed to close the
    /// circuit; 1 unless set.
    pub fn probes(mut self, probes: u32) -> Self {
        self.settings.probes = probes;
        self
    }

    /// Which errors are failures of the other side. Those that are not are answers, and count as
    /// successes. Unless set, all are failures but those that speak of what was asked for: a cluster works
    /// that says that an object does not exist, clashes, is invalid or forbidden, and so does one that a
    /// placement does not fit on. These are the types `Resource*`, `Placement*` and `*Conflict`,
    /// ProjectionTransform, MigrationRollback and ConfigurationError.
    pub fn counts(mut self, counts: fn(ErrorType) -> bool) -> Self {
        self.settings.counts = counts;
        self
    }

    /// A closed circuit. Its time is the collector's clock. Allocates.
    ///
    /// # Errors
    /// A setting makes no sense; the error says which, and what would.
    pub fn build(
        self,
        collector: &MetricsCollector,
    ) -> Result<CircuitBreaker, RecoveryConfigError> {
        let Settings { failure_threshold, open_for, probes, .. } = self.settings;
        if failure_threshold == 0 {
            return Err(RecoveryConfigError::NoFailures);
        }
        if open_for.is_zero() {
            return Err(RecoveryConfigError::NoRest);
        }
        if probes == 0 {
            return Err(RecoveryConfigError::NoProbes);
        }
        Ok(CircuitBreaker::closed(collector.clone(), self.component, self.settings))
    }
}
