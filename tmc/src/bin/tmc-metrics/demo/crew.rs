//! The demo's threads: started one by one, joined together.
//! Upstream: wiring. Downstream: the operating system.

use std::thread::{Builder, Scope, ScopedJoinHandle};

use super::error::DemoError;

/// Threads that are joined before what they borrow is gone.
pub(crate) struct Crew<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    threads: Vec<(&'static str, ScopedJoinHandle<'scope, ()>)>,
}

impl<'scope, 'env> Crew<'scope, 'env> {
    pub(crate) fn new(scope: &'scope Scope<'scope, 'env>) -> Self {
        Self { scope, threads: Vec::new() }
    }

    pub(crate) fn spawn(
        &mut self,
        name: &'static str,
        work: impl FnOnce() + Send + 'scope,
    ) -> Result<(), DemoError> {
        let builder = Builder::new().name(format!("demo-{name}"));
        let thread = builder.spawn_scoped(self.scope, work).map_err(DemoError::Thread)?;
        self.threads.push((name, thread));
        Ok(())
    }

    /// Waits for all of them.
    pub(crate) fn join(self) -> Result<(), DemoError> {
        let mut result = Ok(());
        for (name, thread) in self.threads {
            if thread.join().is_err() {
                result = Err(DemoError::Panicked(name));
            }
        }
        result
    }
}
