//! Threads for answers that may take long: scrapes run collectors, pages run handlers, `/readyz` runs
//! the application's check, and none of them may keep the others or idle clients waiting.
//!
//! Upstream: `connection` hands a request over; `event_loop` takes what is done. Downstream:
//! `respond`.
//!
//! One lane is one thread with a bounded queue. Scrapes that wait together are answered from one
//! reading, which begins after all of them have come. A lane that hangs costs what waits in it.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Instant;

use super::job::Job;
use crate::respond::Responder;

/// What a lane answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// All that wait at once.
    Scrapes,
    /// One after the other.
    Pages,
    /// One after the other.
    Readiness,
}

/// The queue of a thread, as the event loop sees it.
pub(crate) struct Lane {
    shared: Arc<Shared>,
    /// Most jobs that may wait.
    room: usize,
}

struct Shared {
    state: Mutex<State>,
    /// Something is queued, the lane is to end, or it has ended.
    changed: Condvar,
    /// Called when there is something done.
    wake: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct State {
    /// There is, or was, a thread.
    started: bool,
    queue: VecDeque<Job>,
    done: Vec<Job>,
    /// The thread is to end.
    stopped: bool,
    /// It has ended, and owns nothing any more.
    ended: bool,
}

impl Lane {
    /// A lane with an empty queue and no thread.
    pub(crate) fn new(room: usize, wake: impl Fn() + Send + Sync + 'static) -> Self {
        let state = State {
            queue: VecDeque::with_capacity(room),
            done: Vec::with_capacity(room),
            ..State::default()
        };
        let shared =
            Shared { state: Mutex::new(state), changed: Condvar::new(), wake: Box::new(wake) };
        Self { shared: Arc::new(shared), room }
    }

    /// Starts the thread, which answers until [`end`](Self::end).
    pub(crate) fn start(
        &self,
        name: &str,
        work: Work,
        responder: Responder,
    ) -> io::Result<ThreadId> {
        let shared = Arc::clone(&self.shared);
        self.shared.lock().started = true;
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            // Dropped last: who waits for the end finds all of it gone.
            let _ending = Ending(&shared);
            let mut lane = Worker { shared: &shared, work, responder, jobs: VecDeque::new() };
            while lane.step(&Instant::now) {}
        })?;
        Ok(thread.thread().id())
    }

    /// Queues a job, or gives it back where there is no room or nobody to do it.
    pub(crate) fn push(&self, job: Job) -> Option<Job> {
        let mut state = self.shared.lock();
        if state.queue.len() >= self.room || state.ended {
            return Some(job);
        }
        state.queue.push_back(job);
        drop(state);
        self.shared.changed.notify_all();
        None
    }

    /// Takes a job out of the queue again, if it is there still.
    pub(crate) fn withdraw(&self, serial: u64) -> Option<Job> {
        let mut state = self.shared.lock();
        let at = state.queue.iter().position(|job| job.serial == serial)?;
        state.queue.remove(at)
    }

    /// Moves what is done to `out`.
    pub(crate) fn take(&self, out: &mut Vec<Job>) {
        out.append(&mut self.shared.lock().done);
    }

    /// Tells the thread to end after the job that it is at. What waits is dropped.
    pub(crate) fn end(&self) {
        let mut state = self.shared.lock();
        state.stopped = true;
        let dropped = std::mem::take(&mut state.queue);
        drop(state);
        drop(dropped);
        self.shared.changed.notify_all();
    }

    /// Waits until the thread, if there is one, has ended, at most until `until`. False where it has not.
    pub(crate) fn wait_ended(&self, until: Instant) -> bool {
        let mut state = self.shared.lock();
        while state.started && !state.ended {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Does on this thread what the lane's own would do with what waits.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn do_now(&self, work: Work, responder: &Responder, clock: &dyn Fn() -> Instant) {
        let mut worker = Worker {
            shared: &self.shared,
            work,
            responder: responder.clone(),
            jobs: VecDeque::new(),
        };
        while !self.shared.lock().queue.is_empty() {
            worker.step(clock);
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane").field("room", &self.room).finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is whole before the lock is let go.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finish(&self, job: Job) {
        self.lock().done.push(job);
        (self.wake)();
    }
}

/// Says that the thread has ended, also where it panicked.
struct Ending<'a>(&'a Shared);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.changed.notify_all();
    }
}

/// The thread's side of a lane.
struct Worker<'a> {
    shared: &'a Shared,
    work: Work,
    responder: Responder,
    /// Taken together.
    jobs: VecDeque<Job>,
}

impl Worker<'_> {
    /// Waits for something to do and does it. False at the end.
    fn step(&mut self, clock: &dyn Fn() -> Instant) -> bool {
        let mut state = self.shared.lock();
        while state.queue.is_empty() && !state.stopped {
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.stopped {
            return false;
        }
        let most = if self.work == Work::Scrapes { state.queue.len() } else { 1 };
        self.jobs.extend(state.queue.drain(..most));
        drop(state);

        // A job whose time is up is not begun.
        let now = clock();
        if self.jobs.iter().all(|job| job.deadline <= now) {
            self.jobs.drain(..).for_each(|job| self.shared.finish(job));
            return true;
        }
        match self.work {
            Work::Scrapes => self.scrape(clock),
            Work::Pages | Work::Readiness => self.one_by_one(clock),
        }
        true
    }

    fn scrape(&mut self, clock: &dyn Fn() -> Instant) {
        // Begun after they have all come; collectors are the application's and may panic.
        let registry = self.responder.registry();
        let reading = catch_unwind(AssertUnwindSafe(|| registry.snapshot()));
        let Ok(reading) = reading else {
            log::error!("reading the registry panicked; the server goes on");
            self.jobs.drain(..).for_each(|mut job| {
                job.fail();
                self.shared.finish(job);
            });
            return;
        };
        while let Some(mut job) = self.jobs.pop_front() {
            let begun = clock();
            if job.deadline > begun {
                job.answer(|request, body| self.responder.scrape(&reading, request, body));
                job.rendering = clock().saturating_duration_since(begun);
            }
            self.shared.finish(job);
        }
    }

    fn one_by_one(&mut self, clock: &dyn Fn() -> Instant) {
        while let Some(mut job) = self.jobs.pop_front() {
            let begun = clock();
            job.answer(|request, body| self.responder.respond(request, body));
            job.rendering = clock().saturating_duration_since(begun);
            self.shared.finish(job);
        }
    }
}

#[cfg(test)]
mod tests;
