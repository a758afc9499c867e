//! Leaves alone what is down: lets calls through, refuses them, or probes with a few.
//! Upstream: whoever calls a cluster. Downstream: `circuit`, which decides, under a lock of a few
//! instructions that no operation ever runs in, and where nothing is counted or logged.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::circuit::{Circuit, CircuitState, Epoch, Left, Refusal, Settings, Verdict};
use super::guard::{Attempt, Recovery};
use super::policy::CircuitBreakerBuilder;
use crate::collector::MetricsCollector;
use crate::error::{Classify, ErrorType, Severity, TmcError};

/// The value of the label `strategy`.
const STRATEGY: &str = "circuit-breaker";

/// Refuses calls to what has failed several times in a row, until it has had time to come back.
///
/// | state | a call | becomes |
/// |---|---|---|
/// | closed | goes through | open, after as many failures in a row as the threshold |
/// | open | is refused | half-open, when its time has passed and somebody calls |
/// | half-open | goes through while there is a probe left, else is refused | closed, when all probes have succeeded; open, when one fails |
///
/// A call without a verdict (a panic, a future or [`Permit`] that is dropped) gives its place as a
/// probe back; those that hang lose theirs when the time that the circuit stays open has passed since the
/// last one was let in. A verdict from
/// before the circuit last changed state says nothing of now, and does not count.
///
/// | event | in `tmc_recovery_*` (strategy `circuit-breaker`) |
/// |---|---|
/// | the circuit opens | an attempt, by the type of the error that opened it |
/// | it closes | a success and the duration since it opened, by the same type |
/// | a probe fails | a failure and the duration, by the same type; then another attempt, by the probe's |
/// | the last clone and [`Permit`] are dropped while it is not closed | a failure and the duration |
///
/// Clones are the same circuit. A call that is let in locks twice, never while the operation runs, and
/// allocates only where the circuit opens.
///
/// ```
/// use std::io::{Error, ErrorKind};
/// use tmc_metrics::{BreakerError, CircuitBreaker, CircuitState, MetricsCollector, Registry};
///
/// let collector = MetricsCollector::new(&Registry::new())?;
/// let breaker = CircuitBreaker::builder("syncer").failure_threshold(2).build(&collector)?;
/// let down = || Err::<(), _>(Error::from(ErrorKind::ConnectionRefused));
/// for _ in 0..2 {
///     assert!(matches!(breaker.call(down), Err(BreakerError::Failed(_))));
/// }
/// assert_eq!(breaker.state(), CircuitState::Open);
/// let Err(BreakerError::Refused(refused)) = breaker.call(down) else { panic!("let through") };
/// assert!(refused.retry_after().as_secs() < 30);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct CircuitBreaker(Arc<Mutex<Circuit>>);

impl CircuitBreaker {
    /// Starts from the usual settings. `component` is the label of the metrics, and is named where a
    /// call is refused.
    pub fn builder(component: impl Into<Cow<'static, str>>) -> CircuitBreakerBuilder {
        CircuitBreakerBuilder { component: component.into(), settings: Settings::default() }
    }

    pub(super) fn closed(
        collector: MetricsCollector,
        component: Cow<'static, str>,
        settings: Settings,
    ) -> Self {
        Self(Arc::new(Mutex::new(Circuit::closed(collector, component, settings))))
    }

    /// Runs `operation`, or refuses to. A panic of the operation goes on to the caller.
    ///
    /// # Errors
    /// The operation's, or that it was refused.
    pub fn call<T, E: Classify>(
        &self,
        operation: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, BreakerError<E>> {
        let permit = self.acquire().map_err(BreakerError::Refused)?;
        permit.conclude(operation())
    }

    /// As [`call`](Self::call), on any runtime. Begins with the first poll.
    ///
    /// # Errors
    /// The operation's, or that it was refused.
    pub async fn call_async<T, E: Classify>(
        &self,
        operation: impl Future<Output = Result<T, E>>,
    ) -> Result<T, BreakerError<E>> {
        let permit = self.acquire().map_err(BreakerError::Refused)?;
        permit.conclude(operation.await)
    }

    /// Lets a call in, which tells its verdict to the permit: for calls that are no closure and no
    /// future.
    ///
    /// ```
    /// # use tmc_metrics::{CircuitBreaker, MetricsCollector, Registry, TmcError};
    /// # fn answer() -> Result<u32, std::io::Error> { Ok(7) }
    /// # let collector = MetricsCollector::new(&Registry::new()).unwrap();
    /// # let breaker = CircuitBreaker::builder("syncer").build(&collector).unwrap();
    /// # || -> Result<(), TmcError> {
    /// let permit = breaker.acquire()?;
    /// match answer() {
    ///     Ok(_) => permit.success(),
    ///     Err(error) => permit.failure(&error),
    /// }
    /// # Ok(()) };
    /// ```
    ///
    /// # Errors
    /// The call is refused.
    pub fn acquire(&self) -> Result<Permit, CircuitOpen> {
        let mut circuit = self.lock();
        match circuit.enter() {
            Ok(epoch) => {
                let (breaker, counts) = (self.clone(), circuit.counts());
                Ok(Permit { breaker, epoch, counts, verdict: Verdict::Unknown })
            }
            Err(Refusal { after: retry_after, probing }) => {
                let component = circuit.component().clone();
                Err(CircuitOpen { component, retry_after, probing })
            }
        }
    }

    /// Where the circuit stands now.
    pub fn state(&self) -> CircuitState {
        self.lock().state()
    }

    /// A recovery to begin if the circuit opens.
    fn prepare(&self, error_type: ErrorType) -> Recovery {
        let circuit = self.lock();
        let (collector, component) = (circuit.collector().clone(), circuit.component().clone());
        drop(circuit);
        Recovery::prepare(&collector, error_type, STRATEGY, &component)
    }

    /// Nothing of the user's runs under the lock, so a poisoned one still guards a whole circuit.
    fn lock(&self) -> MutexGuard<'_, Circuit> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let circuit = self.lock();
        f.debug_struct("CircuitBreaker")
            .field("component", circuit.component())
            .field("state", &circuit.state())
            .finish_non_exhaustive()
    }
}

/// A call that was let in. Dropped without a verdict, it says nothing of the other side.
#[derive(Debug)]
#[must_use = "a call that was let in has a verdict"]
pub struct Permit {
    breaker: CircuitBreaker,
    epoch: Epoch,
    counts: fn(ErrorType) -> bool,
    verdict: Verdict,
}

impl Permit {
    /// The other side works.
    pub fn success(mut self) {
        self.verdict = Verdict::Works;
    }

    /// The call came to this error, which may yet show that the other side works; see
    /// [`CircuitBreakerBuilder::counts`].
    pub fn failure<E: Classify + ?Sized>(mut self, error: &E) {
        // The user's code runs outside of the lock, with no verdict so far should it panic.
        let error_type = error.error_type();
        self.verdict =
            if (self.counts)(error_type) { Verdict::Fails(error_type) } else { Verdict::Works };
    }

    fn conclude<T, E: Classify>(self, result: Result<T, E>) -> Result<T, BreakerError<E>> {
        match result {
            Ok(value) => {
                self.success();
                Ok(value)
            }
            Err(error) => {
                self.failure(&error);
                Err(BreakerError::Failed(error))
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let (mut recovery, mut attempt) = (None, None);
        loop {
            let left = self.breaker.lock().leave(self.epoch, self.verdict, &mut recovery);
            // From here on nothing is locked: what is counted may create series, and log.
            match (left, self.verdict) {
                (Left::Opens, Verdict::Fails(error_type)) => {
                    let prepared = self.breaker.prepare(error_type);
                    attempt = Some(prepared.attempt());
                    recovery = Some(prepared);
                }
                (Left::Opened(before), _) => {
                    drop(before);
                    return attempt.into_iter().for_each(Attempt::count);
                }
                (Left::Closed(recovery), _) => {
                    return recovery.into_iter().for_each(Recovery::success);
                }
                (Left::Unchanged | Left::Opens, _) => return,
            }
        }
    }
}

/// A call was refused: the circuit is open, or its probes are under way.
///
/// Counts as ClusterUnavailable and is retryable. A [`RetryStrategy`](crate::RetryStrategy) around a breaker
/// waits as long as the circuit is open, and its own delay on top; while probes are under way, its own delay
/// only, since they may soon be done.
///
/// ```
/// use tmc_metrics::{
///     CircuitBreaker, MetricsCollector, Registry, RetryStrategy, StopSignal, TmcError,
/// };
///
/// # fn sync() -> Result<u32, TmcError> { Ok(7) }
/// let collector = MetricsCollector::new(&Registry::new())?;
/// let breaker = CircuitBreaker::builder("syncer").build(&collector)?;
/// let (strategy, stop) = (RetryStrategy::default(), StopSignal::new());
/// let synced = strategy.run(&collector, "syncer", &stop, || breaker.call(sync));
/// assert_eq!(synced.map_err(TmcError::from)?, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("calls of {component} are refused after too many failures; try again in {retry_after:?}")]
pub struct CircuitOpen {
    component: Cow<'static, str>,
    retry_after: Duration,
    probing: bool,
}

impl CircuitOpen {
    /// The breaker's component.
    pub fn component(&self) -> &str {
        &self.component
    }

    /// After what time a call can be let through: when the circuit's time has passed, or, while
    /// probes are under way, at the latest.
    pub fn retry_after(&self) -> Duration {
        self.retry_after
    }
}

impl Classify for CircuitOpen {
    fn error_type(&self) -> ErrorType {
        ErrorType::ClusterUnavailable
    }

    fn retry_after(&self) -> Option<Duration> {
        (!self.probing).then_some(self.retry_after)
    }
}

impl From<CircuitOpen> for TmcError {
    /// Of the breaker's component, operation `call`;
    /// [`convert_kubernetes_error`](crate::convert_kubernetes_error) names both.
    fn from(refused: CircuitOpen) -> Self {
        let component = refused.component.clone();
        crate::error::convert_kubernetes_error(refused, component, "call")
    }
}

/// Why a call through a breaker has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BreakerError<E> {
    /// It was refused; the operation did not run.
    #[error("{0}")]
    Refused(#[source] CircuitOpen),
    /// The operation ran and failed.
    #[error("{0}")]
    Failed(#[source] E),
}

impl<E: Classify> Classify for BreakerError<E> {
    fn error_type(&self) -> ErrorType {
        match self {
            Self::Refused(error) => error.error_type(),
            Self::Failed(error) => error.error_type(),
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::Refused(error) => error.severity(),
            Self::Failed(error) => error.severity(),
        }
    }

    fn is_retryable(&self) -> bool {
        match self {
            Self::Refused(error) => error.is_retryable(),
            Self::Failed(error) => error.is_retryable(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(error) => Classify::retry_after(error),
            Self::Failed(error) => error.retry_after(),
        }
    }
}

impl<E: Into<TmcError>> From<BreakerError<E>> for TmcError {
    fn from(error: BreakerError<E>) -> Self {
        match error {
            BreakerError::Refused(refused) => refused.into(),
            BreakerError::Failed(error) => error.into(),
        }
    }
}
