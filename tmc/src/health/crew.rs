//! The threads behind a monitor. One waits for what is due; it never runs a check. Checks run on
//! threads that come when they are needed and go when they have been idle or the monitor stops: one that
//! hangs holds up its own thread and nobody else.
//!
//! Upstream: monitor. Downstream: the board, which decides; providers; the collector.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, after, never, select, unbounded};

use super::OverallHealth;
use super::board::{Board, Checked, Pace, Start};
use super::provider::{ComponentInfo, HealthError, HealthProvider, HealthReport};
use crate::collector::MetricsCollector;

/// A thread for checks goes after so long without one.
const IDLE: Duration = Duration::from_secs(60);
/// So many threads come at once. Where checks are quick, they do for hundreds of components.
const FEW: usize = 8;
/// Checks that wait for so long get twice the threads: those that there are seem to hang.
const GRACE: Duration = Duration::from_millis(50);

/// How a component is asked.
#[derive(Clone)]
pub(super) enum Asked {
    /// On a thread of ours.
    Blocking(Arc<dyn HealthProvider>),
    /// On a runtime: begins the check.
    #[cfg(feature = "tokio")]
    Async(Arc<dyn Fn() -> Task + Send + Sync>),
}

/// A check that runs on a runtime.
#[cfg(feature = "tokio")]
type Task = (tokio::runtime::Handle, tokio::task::JoinHandle<Result<HealthReport, HealthError>>);

/// What a monitor and its threads share.
pub(super) struct Shared {
    collector: MetricsCollector,
    /// Held for moments only, never during a check.
    state: Mutex<State>,
    /// Every check of a round has ended, or the monitor has.
    settled: Condvar,
    /// Held while starting or stopping; taken before `state`.
    pub(super) transition: Mutex<()>,
}

pub(super) struct State {
    pub(super) board: Board,
    pub(super) running: Option<Loop>,
    components: HashMap<u64, Asked>,
    jobs: (Sender<Job>, Receiver<Job>),
    /// Threads for checks.
    threads: usize,
    /// No more of them than this.
    most: usize,
    /// Checks that wait for one or run on one.
    in_flight: usize,
    #[cfg(feature = "tokio")]
    tasks: HashMap<u64, (Start, tokio::task::AbortHandle)>,
}

/// The thread that waits, and how to reach it.
pub(super) struct Loop {
    pub(super) thread: JoinHandle<()>,
    /// Dropped to stop it.
    pub(super) stop: Sender<()>,
    /// Something is due earlier than it thinks.
    pub(super) poke: Sender<()>,
}

struct Job {
    start: Start,
    provider: Arc<dyn HealthProvider>,
}

/// The locks guard values that are valid whatever panicked.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(collector: MetricsCollector, pace: Pace, most: usize) -> Arc<Self> {
        Arc::new(Self {
            collector,
            state: Mutex::new(State {
                board: Board::new(pace),
                running: None,
                components: HashMap::new(),
                jobs: unbounded(),
                threads: 0,
                most,
                in_flight: 0,
                #[cfg(feature = "tokio")]
                tasks: HashMap::new(),
            }),
            settled: Condvar::new(),
            transition: Mutex::new(()),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(super) fn add(&self, component: ComponentInfo, asked: Asked) -> u64 {
        let mut state = self.lock();
        // A series that is born at its first error would show no increase.
        let errors = &self.collector.families().health_check_errors;
        errors.init([[component.component_type.as_str()]]);
        let id = state.board.add(component, self.collector.clock().now());
        state.components.insert(id, asked);
        if let Some(info) = state.board.info(id) {
            self.show(&state.board, info);
        }
        state.poke();
        id
    }

    pub(super) fn remove(&self, id: u64) {
        let mut state = self.lock();
        let asked = state.components.remove(&id);
        if let Some(info) = state.board.remove(id) {
            self.show(&state.board, &info);
        }
        #[cfg(feature = "tokio")]
        if let Some((_, task)) = state.tasks.remove(&id) {
            task.abort();
        }
        drop(state);
        drop(asked); // a provider's own end may take as long as it likes
        self.settled.notify_all();
    }

    /// Waits for what is due until `stop` is closed.
    pub(super) fn run(self: &Arc<Self>, stop: &Receiver<()>, poke: &Receiver<()>) {
        loop {
            let (wake, more) = {
                let mut state = self.lock();
                self.begin_due(&mut state);
                (state.board.wake(), !state.jobs.1.is_empty() && state.threads < state.most)
            };
            let now = self.collector.clock().now();
            let wake = wake.map(|at| at.saturating_duration_since(now));
            let wake = wake.into_iter().chain(more.then_some(GRACE)).min();
            let due = wake.map_or_else(never, after);
            select! {
                recv(stop) -> _ => return,
                recv(poke) -> _ => {}
                recv(due) -> _ => {
                    let mut state = self.lock();
                    if !state.jobs.1.is_empty() {
                        let twice = state.threads * 2;
                        self.grow(&mut state, twice);
                    }
                }
            }
        }
    }

    pub(super) fn stop(&self) {
        let _transition = lock(&self.transition);
        let Some(Loop { thread, stop, .. }) = self.lock().running.take() else { return };
        drop(stop);
        if thread.join().is_err() {
            log::error!("the thread of health checks panicked");
        }
        let mut state = self.lock();
        let State { board, jobs, in_flight, .. } = &mut *state;
        // Who listens to these gets no more of them, and ends.
        let (_, waiting) = std::mem::replace(jobs, unbounded());
        let waiting: Vec<Job> = waiting.try_iter().collect();
        *in_flight -= waiting.len();
        waiting.iter().for_each(|job| board.forget(job.start));
        #[cfg(feature = "tokio")]
        for (start, task) in std::mem::take(&mut state.tasks).into_values() {
            task.abort();
            state.board.forget(start);
        }
        drop(state);
        drop(waiting); // the last holders of providers, maybe
        self.settled.notify_all();
    }

    pub(super) fn check_now(self: &Arc<Self>) -> OverallHealth {
        let mut state = self.lock();
        if state.running.is_some() {
            state.board.all_due(self.collector.clock().now());
            // Here, so that nobody finds the round settled before it has begun.
            self.begin_due(&mut state);
            state.poke();
        }
        while state.running.is_some() && !state.board.is_settled() {
            state = self.settled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.board.overall()
    }

    /// Begins what is due, and gives up what has taken too long.
    fn begin_due(self: &Arc<Self>, state: &mut State) {
        let (starts, checked) = state.board.advance(self.collector.clock().now());
        for checked in &checked {
            self.record(&state.board, checked);
            #[cfg(feature = "tokio")]
            if let Some((_, task)) = state.tasks.remove(&checked.id) {
                task.abort();
            }
        }
        for start in starts {
            match state.components.get(&start.id).cloned() {
                Some(Asked::Blocking(provider)) => {
                    state.in_flight += 1;
                    // The receiving end is beside it.
                    let _sent = state.jobs.0.send(Job { start, provider });
                }
                #[cfg(feature = "tokio")]
                Some(Asked::Async(begin)) => self.spawn(state, start, &*begin),
                None => {}
            }
        }
        self.grow(state, FEW);
        if !checked.is_empty() {
            self.settled.notify_all();
        }
    }

    /// Threads for the checks that have none, `most` in all.
    fn grow(self: &Arc<Self>, state: &mut State, most: usize) {
        while state.threads < state.in_flight.min(most).min(state.most) {
            let (shared, jobs) = (Arc::clone(self), state.jobs.1.clone());
            let thread = thread::Builder::new().name("tmc-check".to_owned());
            match thread.spawn(move || shared.work(&jobs)) {
                Ok(_) => state.threads += 1,
                // Those that there are will find the checks.
                Err(_) if state.threads > 0 => return,
                Err(error) => {
                    let waiting: Vec<Job> = state.jobs.1.try_iter().collect();
                    state.in_flight -= waiting.len();
                    for job in waiting {
                        self.end(state, job.start, Err(format!("no thread for it: {error}")));
                    }
                    return;
                }
            }
        }
    }

    #[cfg(feature = "tokio")]
    fn spawn(
        self: &Arc<Self>,
        state: &mut State,
        start: Start,
        begin: &(dyn Fn() -> Task + Send + Sync),
    ) {
        let (handle, task) = begin();
        state.tasks.insert(start.id, (start, task.abort_handle()));
        let shared = Arc::clone(self);
        handle.spawn(async move {
            let outcome = match task.await {
                Ok(checked) => checked.map_err(why),
                Err(error) if error.is_panic() => Err("it panicked".to_owned()),
                Err(_) => Err("it was given up".to_owned()),
            };
            shared.end(&mut shared.lock(), start, outcome);
        });
    }

    /// Runs checks until there are none for a while, or the monitor stopped.
    fn work(self: &Arc<Self>, jobs: &Receiver<Job>) {
        loop {
            let Ok(Job { start, provider }) = jobs.recv_timeout(IDLE) else {
                let mut state = self.lock();
                if jobs.is_empty() {
                    state.threads -= 1;
                    self.grow(&mut state, FEW); // it may have been started again meanwhile
                    return;
                }
                continue;
            };
            // The provider may end here, and may panic at that, too.
            let checked = catch_unwind(AssertUnwindSafe(move || provider.check()));
            let outcome = match checked {
                Ok(checked) => checked.map_err(why),
                Err(_) => Err("it panicked".to_owned()),
            };
            let mut state = self.lock();
            state.in_flight -= 1;
            self.end(&mut state, start, outcome);
        }
    }

    fn end(&self, state: &mut State, start: Start, outcome: Result<HealthReport, String>) {
        if state.running.is_none() {
            // It was left to itself.
            state.board.forget(start);
            return;
        }
        let now = self.collector.clock().now();
        if let Some(checked) = state.board.end(start, outcome, now) {
            #[cfg(feature = "tokio")]
            state.tasks.remove(&start.id);
            self.record(&state.board, &checked);
        }
        self.settled.notify_all();
    }

    fn record(&self, board: &Board, checked: &Checked) {
        let Some(info) = board.info(checked.id) else { return };
        let kind = info.component_type.as_str();
        self.collector.record_health_check(kind, checked.result, checked.took);
        self.show(board, info);
    }

    /// Sets the gauges of a component and of its cluster; removes those that are nobody's any more.
    fn show(&self, board: &Board, info: &ComponentInfo) {
        let [kind, id, of] = info.labels();
        match board.of_series(info) {
            Some(status) => self.collector.record_component_health(kind, id, of, status),
            None => drop(self.collector.families().component_health.remove([kind, id, of])),
        }
        let (cluster, Some(logical)) = (&info.cluster, &info.logical_cluster) else { return };
        let health = board.of_cluster(cluster, Some(logical));
        if health.details.total_components > 0 {
            self.collector.record_cluster_health(cluster, logical, health.status);
        } else {
            self.collector.families().cluster_health.remove([cluster, logical]);
        }
    }
}

impl State {
    fn poke(&self) {
        if let Some(running) = &self.running {
            // One poke that waits is enough.
            let _full = running.poke.try_send(());
        }
    }
}

/// The message of an error, as it is shown.
fn why(error: HealthError) -> String {
    error.to_string()
}
