//! What the attribute `#[instrumented]` calls, and nobody else.
//! Upstream: the code that it writes. Downstream: the operation tracker.

use crate::error::Classify;
use crate::tracker::OperationTracker;

/// Calls a body whose type is known before it is, so that its `?` knows what to convert to.
pub fn call<R, F: FnOnce() -> R>(body: F) -> R {
    body()
}

/// The same for the body of an `async fn`.
pub fn future<R, F: Future<Output = R>>(body: F) -> F {
    body
}

/// What a function gave back. The compiler finds the method of results first, then that of
/// [`Untracked`], last that of [`Anything`], so that a result is one under whatever name.
#[derive(Debug)]
pub struct Returned<'a, R>(pub &'a R);

impl<T, E> Returned<'_, Result<T, E>> {
    /// Success or error.
    pub fn conclude(&self, tracker: OperationTracker<'_>)
    where
        E: Classify,
    {
        match self.0 {
            Ok(_) => tracker.success(),
            Err(error) => tracker.error(error),
        }
    }
}

/// What is a future, which has not even begun.
pub trait Untracked {
    /// Does not compile.
    fn conclude(&self, tracker: OperationTracker<'_>)
    where
        Self: Tracked;
}

impl<F: Future> Untracked for Returned<'_, F> {
    fn conclude(&self, _: OperationTracker<'_>)
    where
        Self: Tracked,
    {
    }
}

/// Nothing is.
#[diagnostic::on_unimplemented(
    message = "the future that this function returns would not be tracked, only its making",
    note = "write an `async fn`, return a `Pin<Box<dyn Future<..>>>`, or give the future to `Operation::track`"
)]
pub trait Tracked {}

/// What is neither.
pub trait Anything {
    /// Success: it came back.
    fn conclude(&self, tracker: OperationTracker<'_>);
}

impl<R> Anything for &Returned<'_, R> {
    fn conclude(&self, tracker: OperationTracker<'_>) {
        tracker.success();
    }
}
