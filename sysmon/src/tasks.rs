//! Counts live tasks: those of an async runtime where one is attached, else OS threads.
//!
//! Upstream: the user's closure, or the thread count of a reading. Downstream: feed.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Where the number of live tasks comes from.
pub(crate) enum TaskCount {
    /// No runtime is attached: a task is an OS thread.
    Threads,
    /// Asks the attached runtime.
    Runtime(Box<dyn Fn() -> u64 + Send>),
}

/// The attached runtime's closure panicked.
#[derive(Debug)]
pub(crate) struct TaskCountPanicked;

impl TaskCount {
    /// The live tasks, or `None` where nobody can tell.
    pub(crate) fn read(&self, threads: Option<u64>) -> Result<Option<u64>, TaskCountPanicked> {
        match self {
            TaskCount::Threads => Ok(threads),
            TaskCount::Runtime(count) => {
                catch_unwind(AssertUnwindSafe(count)).map(Some).map_err(|_| TaskCountPanicked)
            }
        }
    }
}
