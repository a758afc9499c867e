//! Tracks one operation of a component: its outcome, its latency, its error.
//! Upstream: components, [`track_operation`]. Downstream: the collector's component families.
//!
//! Each verdict looks its series up. Where the same operation runs again and again, `operation` keeps
//! the handles. A tracker borrows the collector: a clone would write a count that threads share, twice an
//! operation, and two threads would be no faster than one.

use std::borrow::Cow;
use std::fmt;

use tmc_engine::Tick;

use crate::collector::MetricsCollector;
use crate::error::{Classify, ErrorType};

/// One operation in progress; the verdict consumes it.
///
/// | verdict | `status` | latency | error |
/// |---|---|---|---|
/// | [`success`](Self::success) | `success` | observed | none |
/// | [`error`](Self::error) | `error` | observed | the error's type and severity |
/// | [`timeout`](Self::timeout) | `timeout` | observed | SyncTimeout with its default severity |
/// | [`conclude`](Self::conclude) | as `success` or `error` | observed | as `success` or `error` |
/// | dropped without one, by a panic too | `cancelled` | not observed | none |
///
/// A cancelled operation's time says when somebody gave up, not how long the operation takes, so it
/// stays out of the latency. A time-out is an error of the component, for alerts on the error rate.
///
/// It borrows the collector and the texts that are not owned; [`into_owned`](Self::into_owned) makes one
/// that borrows nothing.
///
/// ```
/// # fn sync() -> Result<u32, std::io::Error> { Ok(3) }
/// # let collector = tmc_metrics::MetricsCollector::new(&tmc_metrics::Registry::new()).unwrap();
/// let tracker = collector.operation_tracker("SyncTargetController", "syncer-1", "sync-deployment");
/// let synced = tracker.conclude(sync())?;
/// # assert_eq!(synced, 3);
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "a tracker that is dropped counts its operation as cancelled"]
pub struct OperationTracker<'a> {
    collector: Cow<'a, MetricsCollector>,
    component_type: Cow<'a, str>,
    component_id: Cow<'a, str>,
    operation: Cow<'a, str>,
    start: Tick,
    /// Set by a verdict, so that the drop that follows it counts nothing.
    ended: bool,
}

impl<'a> OperationTracker<'a> {
    pub(crate) fn start(
        collector: Cow<'a, MetricsCollector>,
        component_type: Cow<'a, str>,
        component_id: Cow<'a, str>,
        operation: Cow<'a, str>,
    ) -> Self {
        let start = collector.clock().tick();
        Self { collector, component_type, component_id, operation, start, ended: false }
    }

    /// The same operation, for a struct that holds it or a thread that ends it. Clones the collector and
    /// copies what texts it borrowed: may allocate.
    ///
    /// ```
    /// # let collector = tmc_metrics::MetricsCollector::new(&tmc_metrics::Registry::new()).unwrap();
    /// let tracker = collector.operation_tracker("Syncer", "syncer-1", "sync").into_owned();
    /// std::thread::spawn(move || tracker.success()).join().unwrap();
    /// ```
    pub fn into_owned(mut self) -> OperationTracker<'static> {
        self.ended = true; // the other one ends it
        let text = |text: &mut Cow<'a, str>| Cow::Owned(std::mem::take(text).into_owned());
        OperationTracker {
            collector: Cow::Owned(MetricsCollector::clone(&self.collector)),
            component_type: text(&mut self.component_type),
            component_id: text(&mut self.component_id),
            operation: text(&mut self.operation),
            start: self.start,
            ended: false,
        }
    }

    /// The operation did what it should.
    pub fn success(self) {
        self.end("success");
    }

    /// The operation failed. A [`TmcError`](crate::TmcError) carries its class; so does any error
    /// that is [`Classify`].
    pub fn error<E: Classify + ?Sized>(self, error: &E) {
        self.collector.record_component_error(
            &self.component_type,
            &self.component_id,
            error.error_type(),
            error.severity(),
        );
        self.end("error");
    }

    /// The operation took too long and was given up.
    pub fn timeout(self) {
        self.collector.record_component_error(
            &self.component_type,
            &self.component_id,
            ErrorType::SyncTimeout,
            ErrorType::SyncTimeout.default_severity(),
        );
        self.end("timeout");
    }

    /// Success or error, as the result says, which comes back untouched:
    /// `let synced = tracker.conclude(sync())?`.
    ///
    /// # Errors
    /// That of `result`.
    pub fn conclude<T, E: Classify>(self, result: Result<T, E>) -> Result<T, E> {
        match &result {
            Ok(_) => self.success(),
            Err(error) => self.error(error),
        }
        result
    }

    fn end(mut self, status: &str) {
        self.ended = true;
        let elapsed = self.collector.clock().elapsed(self.start);
        self.collector.record_component_latency(
            &self.component_type,
            &self.component_id,
            &self.operation,
            elapsed,
        );
        self.count(status);
    }

    fn count(&self, status: &str) {
        self.collector.record_component_operation(
            &self.component_type,
            &self.component_id,
            &self.operation,
            status,
        );
    }
}

impl Drop for OperationTracker<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.count("cancelled");
        }
    }
}

impl fmt::Debug for OperationTracker<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperationTracker")
            .field("component_type", &self.component_type)
            .field("component_id", &self.component_id)
            .field("operation", &self.operation)
            .finish_non_exhaustive()
    }
}

/// Runs `work` as a tracked operation and returns its result untouched.
///
/// A panic goes on to the caller, and the operation counts as cancelled.
///
/// # Errors
/// Those of `work`.
pub fn track_operation<T, E: Classify>(
    collector: &MetricsCollector,
    component_type: &str,
    component_id: &str,
    operation: &str,
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    let tracker = collector.operation_tracker(component_type, component_id, operation);
    let result = work();
    tracker.conclude(result)
}

/// Runs `work` as a tracked operation, on any runtime; its result comes back untouched.
///
/// The operation begins with this call, not with the first poll. A future that is dropped before
/// it is ready, or never polled, counts as cancelled.
///
/// Takes a reference to the collector, or a clone of it for a future that has to borrow nothing.
///
/// # Errors
/// Those of `work`.
pub fn track_operation_async<'a, T, E: Classify, M, C, I, O, F>(
    collector: M,
    component_type: C,
    component_id: I,
    operation: O,
    work: F,
) -> impl Future<Output = Result<T, E>> + use<'a, T, E, M, C, I, O, F>
where
    M: Into<Cow<'a, MetricsCollector>>,
    C: Into<Cow<'a, str>>,
    I: Into<Cow<'a, str>>,
    O: Into<Cow<'a, str>>,
    F: Future<Output = Result<T, E>>,
{
    let [component_type, component_id, operation] =
        [component_type.into(), component_id.into(), operation.into()];
    let tracker =
        OperationTracker::start(collector.into(), component_type, component_id, operation);
    async move {
        let result = work.await;
        tracker.conclude(result)
    }
}
