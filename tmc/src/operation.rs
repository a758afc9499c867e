//! An operation that runs again and again: its series are looked up once, and its handles kept.
//! Upstream: hot paths of components. Downstream: the collector's component families.

use std::fmt;
use std::sync::Arc;

use tmc_engine::{Clock, Counter, Histogram, Tick};

use crate::collector::MetricsCollector;
use crate::error::{Classify, ErrorType};

/// One kind of operation of one component, ready to be started; a clone counts a reference.
///
/// What it counts is what [`OperationTracker`](crate::OperationTracker) counts. Starting and ending an
/// operation reads the clock twice and records through handles: it looks nothing up, does not lock
/// and does not allocate (as far as its thread has recorded before). An error is looked up by its
/// type and severity.
///
/// From its making on, the counters of all four statuses and the latency exist, at zero, and none of
/// them is retired while it or a clone lives. Where a family is at its limit, it counts into the
/// overflow series for all its life.
///
/// ```
/// # fn sync(name: &str) -> Result<usize, std::io::Error> { Ok(name.len()) }
/// # let collector = tmc_metrics::MetricsCollector::new(&tmc_metrics::Registry::new()).unwrap();
/// let operation = collector.operation("SyncTargetController", "syncer-1", "sync-deployment");
/// let mut synced = 0;
/// for name in ["web", "db"] {
///     synced += operation.run(|| sync(name))?;
/// }
/// # assert_eq!(synced, 5);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Operation(Arc<Bound>);

struct Bound {
    /// The collector's.
    clock: Clock,
    success: Counter,
    error: Counter,
    timeout: Counter,
    cancelled: Counter,
    /// Of seconds, so it records nanoseconds.
    latency: Histogram,
    /// For errors, whose types are not known beforehand.
    collector: MetricsCollector,
    component_type: Box<str>,
    component_id: Box<str>,
    name: Box<str>,
}

impl Operation {
    pub(crate) fn new(
        collector: MetricsCollector,
        component_type: &str,
        component_id: &str,
        name: &str,
    ) -> Self {
        let families = collector.families();
        let counter = |status| {
            families.component_operations.with([component_type, component_id, name, status])
        };
        Self(Arc::new(Bound {
            clock: collector.clock().clone(),
            success: counter("success"),
            error: counter("error"),
            timeout: counter("timeout"),
            cancelled: counter("cancelled"),
            latency: families.component_latency.with([component_type, component_id, name]),
            component_type: component_type.into(),
            component_id: component_id.into(),
            name: name.into(),
            collector,
        }))
    }

    /// Starts one.
    #[inline]
    pub fn start(&self) -> Running<'_> {
        Running { operation: &self.0, start: self.0.clock.tick(), ended: false }
    }

    /// Runs `work` as one and returns its result untouched: `let synced = operation.run(sync)?`.
    ///
    /// Any error is counted as `error`, one that speaks of a timeout, too: only [`Running::timeout`] says
    /// that the operation was given up.
    ///
    /// A panic goes on to the caller, and the operation counts as cancelled.
    ///
    /// # Errors
    /// Those of `work`.
    #[inline]
    pub fn run<T, E: Classify>(&self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let running = self.start();
        running.conclude(work())
    }

    /// Runs `work` as one, on any runtime; its result comes back untouched.
    ///
    /// The operation begins with this call, not with the first poll. A future that is dropped before
    /// it is ready, or never polled, counts as cancelled. A task of its own takes a clone along:
    ///
    /// ```
    /// # async fn sync() -> Result<(), std::io::Error> { Ok(()) }
    /// # fn spawn(_: impl Future + Send + 'static) {}
    /// # let collector = tmc_metrics::MetricsCollector::new(&tmc_metrics::Registry::new()).unwrap();
    /// # let operation = collector.operation("SyncTargetController", "syncer-1", "sync-deployment");
    /// let operation = operation.clone();
    /// spawn(async move { operation.track(sync()).await });
    /// ```
    ///
    /// # Errors
    /// Those of `work`.
    pub fn track<'a, T, E: Classify, F>(
        &'a self,
        work: F,
    ) -> impl Future<Output = Result<T, E>> + use<'a, T, E, F>
    where
        F: Future<Output = Result<T, E>>,
    {
        let running = self.start();
        async move { running.conclude(work.await) }
    }
}

impl Bound {
    /// Out of line: an error may format, log and look up, so it is not what a hot path is made of.
    #[cold]
    fn record_error(&self, error: &(impl Classify + ?Sized)) {
        self.collector.record_component_error(
            &self.component_type,
            &self.component_id,
            error.error_type(),
            error.severity(),
        );
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation")
            .field("component_type", &self.0.component_type)
            .field("component_id", &self.0.component_id)
            .field("operation", &self.0.name)
            .finish_non_exhaustive()
    }
}

/// An [`Operation`] in progress; the verdict consumes it. Dropped without one, by a panic too, it
/// counts as cancelled, and its latency is not observed.
///
/// ```
/// # fn sync() -> Result<u32, std::io::Error> { Ok(3) }
/// # let collector = tmc_metrics::MetricsCollector::new(&tmc_metrics::Registry::new()).unwrap();
/// # let operation = collector.operation("SyncTargetController", "syncer-1", "sync-deployment");
/// let running = operation.start();
/// match sync() {
///     Ok(_) => running.success(),
///     Err(error) => running.error(&error),
/// }
/// ```
#[must_use = "an operation that is dropped without a verdict counts as cancelled"]
pub struct Running<'a> {
    operation: &'a Bound,
    start: Tick,
    /// Set by a verdict, so that the drop that follows it counts nothing.
    ended: bool,
}

impl Running<'_> {
    /// The operation did what it should.
    #[inline]
    pub fn success(self) {
        let counter = &self.operation.success;
        self.end(counter);
    }

    /// The operation failed; counts the error by its type and severity, too.
    pub fn error<E: Classify + ?Sized>(self, error: &E) {
        self.operation.record_error(error);
        let counter = &self.operation.error;
        self.end(counter);
    }

    /// The operation took too long and was given up; counts a SyncTimeout, too.
    pub fn timeout(self) {
        self.operation.record_error(&ErrorType::SyncTimeout);
        let counter = &self.operation.timeout;
        self.end(counter);
    }

    /// Success or error, as the result says, which comes back untouched:
    /// `let synced = running.conclude(sync())?`.
    ///
    /// # Errors
    /// That of `result`.
    #[inline]
    pub fn conclude<T, E: Classify>(self, result: Result<T, E>) -> Result<T, E> {
        match &result {
            Ok(_) => self.success(),
            Err(error) => self.error(error),
        }
        result
    }

    #[inline]
    fn end(mut self, status: &Counter) {
        self.ended = true;
        self.operation.latency.record(self.operation.clock.elapsed_nanos(self.start));
        status.inc();
    }
}

impl Drop for Running<'_> {
    #[inline]
    fn drop(&mut self) {
        if !self.ended {
            self.operation.cancelled.inc();
        }
    }
}

impl fmt::Debug for Running<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("operation", &self.operation.name).finish_non_exhaustive()
    }
}
