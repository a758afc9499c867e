//! Tracks one operation of a component: its outcome, its latency, its error.
//! Upstream: components, [`track_operation`]. Downstream: the collector's component families.
//!
//! Each verdict looks its series up. Where the same operation runs again and again, `operation` keeps
//! the handles.

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
    collector: MetricsCollector,
    component_type: Cow<'a, str>,
    component_id: Cow<'a, str>,
    operation: Cow<'a, str>,
    start: Tick,
    /// Set by a verdict, so that the drop that follows it counts nothing.
    ended: bool,
}

impl<'a> OperationTracker<'a> {
    pub(crate) fn start(
        collector: MetricsCollector,
        component_type: Cow<'a, str>,
        component_id: Cow<'a, str>,
        operation: Cow<'a, str>,
    ) -> Self {
        let start = collector.clock().tick();
        Self { collector, component_type, component_id, operation, start, ended: false }
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
/// # Errors
/// Those of `work`.
pub fn track_operation_async<'a, T, E: Classify, C, I, O, F>(
    collector: &MetricsCollector,
    component_type: C,
    component_id: I,
    operation: O,
    work: F,
) -> impl Future<Output = Result<T, E>> + use<'a, T, E, C, I, O, F>
where
    C: Into<Cow<'a, str>>,
    I: Into<Cow<'a, str>>,
    O: Into<Cow<'a, str>>,
    F: Future<Output = Result<T, E>>,
{
    let tracker = collector.operation_tracker(component_type, component_id, operation);
    async move {
        let result = work.await;
        tracker.conclude(result)
    }
}
