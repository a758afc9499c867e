//! Checks passwords on a thread of its own: one at a time, a few waiting.
//!
//! Upstream: `guard`, on the event loop's thread. Downstream: bcrypt. A flood of wrong passwords
//! costs half a core and fills the queue; whoever finds it full is told to come back, and those who
//! are known already never queue.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{Authenticator, Denial, Login};

/// Logins that may wait.
const QUEUE: usize = 32;

/// Whether name and password are right, by the users that there were when the login was queued.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(super) by: Arc<Authenticator>,
    pub(super) result: Result<(), Denial>,
}

impl Checked {
    /// The result, if it was checked against the users that there are now.
    pub(crate) fn by(self, current: &Arc<Authenticator>) -> Option<Result<(), Denial>> {
        Arc::ptr_eq(&self.by, current).then_some(self.result)
    }
}

/// What came of a login.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Index of the connection that waits for it.
    pub(crate) place: usize,
    /// As [`Logins::push`] gave it.
    pub(crate) serial: u64,
    /// The decision.
    pub(crate) checked: Checked,
}

/// A login in the queue.
#[derive(Debug)]
struct Queued {
    place: usize,
    serial: u64,
    login: Login,
}

/// The queue and its thread, which ends after the login it is at when this is dropped.
#[derive(Debug)]
pub(crate) struct Logins {
    shared: Arc<Shared>,
    /// Whether the thread was started: who has no users needs none.
    started: bool,
    /// Of the last login.
    serial: u64,
}

struct Shared {
    state: Mutex<State>,
    /// Something is queued, or the end has come.
    changed: Condvar,
    /// Called by the thread when there is an outcome.
    wake: Box<dyn Fn() + Send + Sync>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Queued>,
    outcomes: Vec<Outcome>,
    ended: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut state = self.state();
        while !state.ended {
            let Some(Queued { place, serial, login }) = state.queue.pop_front() else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(state);
            let begun = Instant::now();
            let by = login.authenticator();
            let result = check(login);
            let took = begun.elapsed();
            let refused = result.is_err();
            let checked = Checked { by, result };
            self.state().outcomes.push(Outcome { place, serial, checked });
            (self.wake)();
            state = self.state();
            if refused {
                state = self.rest(state, took);
            }
        }
    }
}

impl Shared {
    /// Lets `time` pass, unless the end comes before: whoever guesses passwords gets half a core at the
    /// most, and the process the rest.
    fn rest<'a>(&self, state: MutexGuard<'a, State>, time: Duration) -> MutexGuard<'a, State> {
        let rested = self.changed.wait_timeout_while(state, time, |state| !state.ended);
        rested.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// A check that panics refuses, and does not end the thread.
fn check(login: Login) -> Result<(), Denial> {
    catch_unwind(AssertUnwindSafe(|| login.check())).unwrap_or_else(|_| {
        log::error!("the check of a password panicked; it was refused");
        Err(Denial::Malformed)
    })
}

impl Logins {
    /// Nothing queued. `wake` is called when [`take`](Self::take) has something to give.
    pub(crate) fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        let (state, changed) = Default::default();
        let shared = Arc::new(Shared { state, changed, wake: Box::new(wake) });
        Self { shared, started: false, serial: 0 }
    }

    /// Queues `login`, if there is room, and gives it a number that no other has.
    pub(crate) fn push(&mut self, place: usize, login: Login) -> Option<u64> {
        if !self.started {
            if let Err(error) = self.start() {
                log::error!("no thread can be started to check passwords: {error}");
                return None;
            }
            self.started = true;
        }
        let mut state = self.shared.state();
        if state.queue.len() >= QUEUE {
            return None;
        }
        self.serial += 1;
        state.queue.push_back(Queued { place, serial: self.serial, login });
        self.shared.changed.notify_one();
        Some(self.serial)
    }

    /// Takes a login out of the queue for which nobody waits any more, if it is there still.
    pub(crate) fn withdraw(&self, serial: u64) {
        self.shared.state().queue.retain(|queued| queued.serial != serial);
    }

    /// Moves all outcomes to `out`.
    pub(crate) fn take(&self, out: &mut Vec<Outcome>) {
        out.append(&mut self.shared.state().outcomes);
    }

    fn start(&self) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        thread::Builder::new().name("tmc-http-login".to_owned()).spawn(move || shared.work())?;
        Ok(())
    }
}

impl Drop for Logins {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.ended = true;
        let queued = mem::take(&mut state.queue);
        drop(state);
        drop(queued);
        // Not joined: bcrypt cannot be interrupted, and a shutdown should not wait for it.
        self.shared.changed.notify_one();
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "logins_tests.rs"]
mod tests;
