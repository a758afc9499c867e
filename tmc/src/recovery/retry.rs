//! Tries an operation again, with growing delays, while that can help.
//! Upstream: `RetryStrategyBuilder`; the operation's errors by `Classify`. Downstream: `Recovery`.

use std::time::{Duration, Instant};

use super::delays::{Delays, Jitter};
use super::guard::Recovery;
use super::policy::RetryStrategyBuilder;
use super::wait::{Wait, Waited};
use crate::collector::MetricsCollector;
use crate::error::Classify;

/// The value of the label `strategy`.
const STRATEGY: &str = "retry";

/// Tries an operation again after errors that are retryable, with exponential backoff and jitter.
///
/// A run ends with the first success; or with an error that is not retryable, when the attempts or the
/// time are spent, or when it is interrupted: then with the error of the last try. Where the other
/// side says how long it wants to be left alone ([`Classify::retry_after`]), the delay comes on top of that:
/// those who were told the same do not come back all at once.
///
/// | event | in `tmc_recovery_*` (strategy `retry`) |
/// |---|---|
/// | the first try succeeds, or fails and is not tried again | nothing |
/// | the first try fails and is to be tried again, before the delay | an attempt, by the error's type |
/// | the run then ends with a success | a success and the duration, by the same type |
/// | the run then ends otherwise: by an error, an interruption, a panic, a future that is dropped | a failure and the duration, by the same type |
///
/// ```
/// use std::io::{Error, ErrorKind};
/// use std::time::Duration;
/// use tmc_metrics::{MetricsCollector, Registry, RetryStrategy, Waited};
///
/// let collector = MetricsCollector::new(&Registry::new())?;
/// let strategy = RetryStrategy::builder().max_attempts(3).base_delay(Duration::from_secs(1)).build()?;
/// // Outside of tests: `let stop = StopSignal::new();`
/// let stop = |_delay: Duration| Waited::Elapsed;
///
/// let mut tries = 0;
/// let answer = strategy.run(&collector, "syncer", &stop, || {
///     tries += 1;
///     if tries < 3 { Err(Error::from(ErrorKind::ConnectionRefused)) } else { Ok("synced") }
/// })?;
/// assert_eq!((answer, tries), ("synced", 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RetryStrategy {
    pub(super) max_attempts: u32,
    pub(super) base_delay: Duration,
    pub(super) factor: f64,
    pub(super) max_delay: Duration,
    pub(super) jitter: Jitter,
    pub(super) deadline: Option<Duration>,
    pub(super) seed: Option<u64>,
}

impl Default for RetryStrategy {
    /// 5 attempts, 100 ms doubled up to 30 s, full jitter, no deadline.
    fn default() -> Self {
        Self {
            max_attempts: 5,
            base_delay: Duration::from_millis(100),
            factor: 2.0,
            max_delay: Duration::from_secs(30),
            jitter: Jitter::Full,
            deadline: None,
            seed: None,
        }
    }
}

impl RetryStrategy {
    /// Starts from the settings of [`default`](Self::default).
    pub fn builder() -> RetryStrategyBuilder {
        RetryStrategyBuilder(Self::default())
    }

    /// The delays of one run, for a loop of your own.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tmc_metrics::{Jitter, RetryStrategy};
    ///
    /// let strategy = RetryStrategy::builder().max_attempts(4).jitter(Jitter::None).build()?;
    /// let delays: Vec<Duration> = strategy.delays().collect();
    /// assert_eq!(delays, [100, 200, 400].map(Duration::from_millis));
    /// # Ok::<(), tmc_metrics::RecoveryConfigError>(())
    /// ```
    pub fn delays(&self) -> Delays {
        Delays {
            left: self.max_attempts.saturating_sub(1),
            next: self.base_delay.as_secs_f64(),
            factor: self.factor,
            cap: self.max_delay,
            jitter: self.jitter,
            random: self.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed),
        }
    }

    /// Runs `operation` until it succeeds or there is no use in trying again; blocks the thread
    /// while it waits. `component` is the label of the metrics. Allocates only where it tries again.
    ///
    /// # Errors
    /// That of the last try.
    pub fn run<T, E: Classify>(
        &self,
        collector: &MetricsCollector,
        component: &str,
        wait: &(impl Wait + ?Sized),
        mut operation: impl FnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        let mut run = Run::begin(self, collector, component);
        loop {
            let result = operation();
            let Some(delay) = run.next_delay(&result) else { return result };
            if wait.wait(delay) == Waited::Interrupted {
                return result;
            }
        }
    }

    /// As [`run`](Self::run), on any runtime: `sleep` makes the future that ends after a delay, such
    /// as `tokio::time::sleep`. Dropping the future interrupts the run.
    ///
    /// ```
    /// use tmc_metrics::{MetricsCollector, RetryStrategy, TmcError};
    /// # async fn get() -> Result<u32, TmcError> { Ok(7) }
    /// # async fn sleep(_: std::time::Duration) {}
    ///
    /// async fn get_stubbornly(collector: &MetricsCollector) -> Result<u32, TmcError> {
    ///     RetryStrategy::default().run_async(collector, "syncer", sleep, get).await
    /// }
    /// # let collector = MetricsCollector::new(&tmc_metrics::Registry::new()).unwrap();
    /// # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    /// # let done = std::pin::pin!(get_stubbornly(&collector)).poll(&mut context);
    /// # assert!(matches!(done, std::task::Poll::Ready(Ok(7))));
    /// ```
    ///
    /// # Errors
    /// That of the last try.
    pub async fn run_async<T, E: Classify, F, S>(
        &self,
        collector: &MetricsCollector,
        component: &str,
        mut sleep: impl FnMut(Duration) -> S,
        mut operation: impl FnMut() -> F,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
        S: Future,
    {
        let mut run = Run::begin(self, collector, component);
        loop {
            let result = operation().await;
            let Some(delay) = run.next_delay(&result) else { return result };
            drop(result);
            sleep(delay).await;
        }
    }
}

/// One run: its time, its delays, and its recovery once there is one.
struct Run<'a> {
    strategy: &'a RetryStrategy,
    collector: &'a MetricsCollector,
    component: &'a str,
    start: Instant,
    delays: Delays,
    /// Dropped with the run, it counts as failed.
    recovery: Option<Recovery>,
}

impl<'a> Run<'a> {
    fn begin(
        strategy: &'a RetryStrategy,
        collector: &'a MetricsCollector,
        component: &'a str,
    ) -> Self {
        let start = collector.clock().now();
        Self { strategy, collector, component, start, delays: strategy.delays(), recovery: None }
    }

    /// How long to wait before the next try; `None` if `result` is the run's.
    fn next_delay<T, E: Classify>(&mut self, result: &Result<T, E>) -> Option<Duration> {
        let error = match result {
            Ok(_) => {
                if let Some(recovery) = self.recovery.take() {
                    recovery.success();
                }
                return None;
            }
            Err(error) => error,
        };
        if !error.is_retryable() {
            return None;
        }
        let delay = self.delays.next()?.saturating_add(error.retry_after().unwrap_or_default());
        if let Some(deadline) = self.strategy.deadline {
            let elapsed = self.collector.clock().since(self.start);
            if elapsed.saturating_add(delay) > deadline {
                return None;
            }
        }
        if self.recovery.is_none() {
            let (collector, component) = (self.collector, self.component);
            self.recovery =
                Some(Recovery::begin(collector, error.error_type(), STRATEGY, component));
        }
        Some(delay)
    }
}
