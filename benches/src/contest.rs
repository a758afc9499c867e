//! Runs contenders against each other: same threads, same moment, turn by turn, best round counts.
//! Upstream: contenders. Downstream: report, which prints the outcomes.
//!
//! Contenders take turns within one run, so that a slow minute of the machine hits all of them, and
//! the order rotates from round to round. Threads live as long as the contest, start each turn at a
//! barrier, and record until the same span has passed; so no thread is left alone at the end of a
//! turn, where a contended contender would suddenly look fast. For the same reason a turn in which
//! a thread was without a core for a while does not count, as long as there is one for each thread.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a contender is compared as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A lower limit of the machine, not a library.
    Baseline,
    /// This project.
    Engine,
    /// Another library.
    Peer,
    /// Another library at an easier job: shown, not judged.
    Aside,
}

/// One way to do the work.
pub trait Contender: Sync {
    /// Its row in the table.
    fn name(&self) -> &'static str;

    /// What it is compared as.
    fn role(&self) -> Role;

    /// Called by one thread before each turn, outside of the time that counts.
    fn prepare(&self) {}

    /// Sets up what a thread needs, then calls [`Lap::race`] once with the work.
    fn run(&self, lap: &Lap<'_>);

    /// Checks the result, given all operations of all threads since the contender was made.
    ///
    /// # Errors
    /// Says what is wrong: an increment that was lost, a line that is missing.
    fn verify(&self, operations: u64) -> Result<(), String>;
}

impl<C: Contender + ?Sized> Contender for Box<C> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn role(&self) -> Role {
        (**self).role()
    }

    fn prepare(&self) {
        (**self).prepare();
    }

    fn run(&self, lap: &Lap<'_>) {
        (**self).run(lap);
    }

    fn verify(&self, operations: u64) -> Result<(), String> {
        (**self).verify(operations)
    }
}

/// How long a thread goes on within a turn.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// Batches until this much time has passed; at least one.
    Elapsed(Duration),
    /// This many batches.
    Batches(u64),
}

/// One thread's part of one turn.
pub struct Lap<'a> {
    barrier: &'a Barrier,
    until: Until,
    result: Cell<Option<Stint>>,
}

/// What one thread did in one turn.
#[derive(Clone, Copy, Debug)]
struct Stint {
    start: Instant,
    end: Instant,
    operations: u64,
    /// Time spent ready to run but without a core, where the platform tells.
    waited: Option<Duration>,
    /// The longest batch beyond four times the mean one: the core was taken away meanwhile, which
    /// under a hypervisor no statistics tell.
    stalled: Duration,
}

impl<'a> Lap<'a> {
    /// A turn that starts when all threads of `barrier` have arrived.
    fn new(barrier: &'a Barrier, until: Until) -> Self {
        Self { barrier, until, result: Cell::new(None) }
    }

    /// Waits for the other threads, then repeats `batch`, worth `operations` each time.
    pub fn race(&self, operations: u64, mut batch: impl FnMut()) {
        let waited_before = run_queue_wait();
        self.barrier.wait();
        let start = Instant::now();
        let mut batches = 0;
        let mut passed = Duration::ZERO;
        let mut longest = Duration::ZERO;
        loop {
            batch();
            batches += 1;
            let now = start.elapsed();
            longest = longest.max(now - passed);
            passed = now;
            let done = match self.until {
                Until::Elapsed(span) => passed >= span,
                Until::Batches(count) => batches >= count,
            };
            if done {
                break;
            }
        }
        let end = start + passed;
        let waited = run_queue_wait().zip(waited_before).map(|(after, before)| after - before);
        let mean = passed.div_f64(batches as f64);
        let stalled = longest.saturating_sub(mean * 4);
        let operations = batches * operations;
        self.result.set(Some(Stint { start, end, operations, waited, stalled }));
    }
}

/// How a contest is run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Threads that record at once.
    pub threads: usize,
    /// Turns per contender that count; one more is run first to touch everything.
    pub rounds: u32,
    /// On a busy machine, go on until every contender had some turns without disturbance, but only
    /// up to this many.
    pub most_rounds: u32,
    /// Length of a turn.
    pub until: Until,
}

/// What came out for one contender.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// The contender's name.
    pub name: &'static str,
    /// The contender's role.
    pub role: Role,
    /// Operations per second over all threads, in the best turn.
    pub best: f64,
    /// Every turn was disturbed by something else on the machine; `best` is of those.
    pub disturbed: bool,
}

/// Turns of one contender so far.
#[derive(Clone, Copy, Debug, Default)]
struct Score {
    operations: u64,
    clean: Option<f64>,
    clean_turns: u32,
    any: f64,
}

/// Turns without disturbance that a contender should have had when the contest ends.
const CLEAN_TURNS: u32 = 5;

/// Runs the contest and checks every contender's result.
///
/// # Panics
/// When a contender's result is wrong, or it did not race.
#[must_use]
pub fn run<C: Contender>(contenders: &[C], plan: Plan) -> Vec<Outcome> {
    let barrier = Barrier::new(plan.threads);
    let stints = Mutex::new(Vec::with_capacity(plan.threads));
    let scores = Mutex::new(vec![Score::default(); contenders.len()]);
    let finished = AtomicBool::new(false);
    // Asked here, because a pinned thread sees one core.
    let cores = cores();
    std::thread::scope(|scope| {
        for thread in 0..plan.threads {
            let (barrier, stints, scores, finished) = (&barrier, &stints, &scores, &finished);
            scope.spawn(move || {
                pin(thread);
                for round in 0.. {
                    for turn in 0..contenders.len() {
                        let index = (turn + round as usize) % contenders.len();
                        let contender = &contenders[index];
                        if thread == 0 {
                            contender.prepare();
                        }
                        let lap = Lap::new(barrier, plan.until);
                        contender.run(&lap);
                        let stint = lap.result.get().expect("a contender races in each turn");
                        lock(stints).push(stint);
                        if barrier.wait().is_leader() {
                            let all = std::mem::take(&mut *lock(stints));
                            let mut scores = lock(scores);
                            scores[index].add(&all, cores, round > 0);
                            let clean = scores.iter().all(|s| s.clean_turns >= CLEAN_TURNS);
                            let enough = if clean { plan.rounds } else { plan.most_rounds };
                            // Relaxed: the barrier that follows orders it.
                            finished.store(round >= enough, Ordering::Relaxed);
                        }
                        barrier.wait();
                    }
                    if finished.load(Ordering::Relaxed) {
                        break;
                    }
                }
            });
        }
    });
    let scores = scores.into_inner().unwrap_or_else(PoisonError::into_inner);
    contenders.iter().zip(scores).map(|(contender, score)| outcome(contender, score)).collect()
}

/// Runs one contender alone for about `operations`, and returns the time for exactly that many.
/// For criterion, which asks for a number of operations and does its own statistics.
///
/// # Panics
/// When the contender did not race.
#[must_use]
pub fn solo(contender: &dyn Contender, operations: u64, batch: u64) -> Duration {
    let barrier = Barrier::new(1);
    contender.prepare();
    let lap = Lap::new(&barrier, Until::Batches(operations.div_ceil(batch)));
    contender.run(&lap);
    let stint = lap.result.get().expect("a contender races in each turn");
    (stint.end - stint.start).mul_f64(operations as f64 / stint.operations as f64)
}

fn outcome(contender: &impl Contender, score: Score) -> Outcome {
    if let Err(wrong) = contender.verify(score.operations) {
        panic!("{}: {wrong}", contender.name());
    }
    Outcome {
        name: contender.name(),
        role: contender.role(),
        best: score.clean.unwrap_or(score.any),
        disturbed: score.clean.is_none(),
    }
}

impl Score {
    fn add(&mut self, stints: &[Stint], cores: usize, counts: bool) {
        let operations: u64 = stints.iter().map(|stint| stint.operations).sum();
        self.operations += operations;
        let (Some(start), Some(end)) =
            (stints.iter().map(|s| s.start).min(), stints.iter().map(|s| s.end).max())
        else {
            return;
        };
        if !counts {
            return;
        }
        let rate = operations as f64 / (end - start).as_secs_f64();
        self.any = self.any.max(rate);
        if is_clean(stints, cores, end - start) {
            self.clean_turns += 1;
            self.clean = Some(self.clean.map_or(rate, |best| best.max(rate)));
        }
    }
}

/// All threads ran side by side for nearly the whole turn. With more threads than cores they
/// cannot, and every turn is as good as another.
fn is_clean(stints: &[Stint], cores: usize, turn: Duration) -> bool {
    if stints.len() > cores {
        return true;
    }
    let tolerated = turn / 50;
    let together = |stint: &Stint| (stint.end - stint.start) + tolerated >= turn;
    let on_core = |stint: &Stint| stint.waited.is_none_or(|waited| waited <= tolerated);
    stints.iter().all(|stint| together(stint) && on_core(stint) && stint.stalled <= tolerated)
}

/// Cores that this process may use.
#[must_use]
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Keeps this thread on one core, so that the threads of a contest do not share one while another
/// is free. Where the platform refuses, turns that suffer from it are told by their waiting.
pub(crate) fn pin(thread: usize) {
    if let Some(ids) = core_affinity::get_core_ids().filter(|ids| !ids.is_empty()) {
        core_affinity::set_for_current(ids[thread % ids.len()]);
    }
}

/// How long this thread has waited for a core so far; Linux only.
fn run_queue_wait() -> Option<Duration> {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = statistics.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    fn stint(origin: Instant, from: u64, to: u64, operations: u64, waited: u64) -> Stint {
        Stint {
            start: origin + Duration::from_millis(from),
            end: origin + Duration::from_millis(to),
            operations,
            waited: Some(Duration::from_millis(waited)),
            stalled: Duration::ZERO,
        }
    }

    #[test]
    fn a_rate_is_over_all_threads_and_the_longest_span() {
        let origin = Instant::now();
        let mut score = Score::default();
        score.add(&[stint(origin, 0, 900, 600, 0), stint(origin, 100, 1000, 400, 0)], 2, true);
        assert_eq!(score.operations, 1000);
        assert_eq!(score.any, 1000.0);
        assert_eq!(score.clean, None, "the threads did not run side by side");
    }

    #[test]
    fn a_turn_that_waited_for_a_core_does_not_beat_a_clean_one() {
        let origin = Instant::now();
        let mut score = Score::default();
        score.add(&[stint(origin, 0, 1000, 500, 0)], 1, true);
        score.add(&[stint(origin, 0, 1000, 900, 300)], 1, true);
        assert_eq!(score.clean, Some(500.0));
        assert_eq!(score.any, 900.0);
        score.add(&[stint(origin, 0, 1000, 400, 300), stint(origin, 0, 1000, 400, 0)], 1, true);
        assert_eq!(score.clean, Some(800.0), "with too few cores, waiting is part of it");
    }

    #[test]
    fn a_turn_in_which_a_thread_stood_still_does_not_count() {
        let mut stalled = stint(Instant::now(), 0, 1000, 900, 0);
        stalled.stalled = Duration::from_millis(30);
        let mut score = Score::default();
        score.add(&[stalled], 1, true);
        assert_eq!((score.clean, score.any), (None, 900.0));
    }

    #[test]
    fn the_first_round_counts_operations_but_no_time() {
        let mut score = Score::default();
        score.add(&[stint(Instant::now(), 0, 1000, 500, 0)], 1, false);
        assert_eq!((score.operations, score.any), (500, 0.0));
    }

    #[test]
    fn a_contest_ends_after_its_rounds() {
        struct Counts(AtomicU32);
        impl Contender for Counts {
            fn name(&self) -> &'static str {
                "counts"
            }
            fn role(&self) -> Role {
                Role::Peer
            }
            fn run(&self, lap: &Lap<'_>) {
                lap.race(1, || {
                    self.0.fetch_add(1, Ordering::Relaxed);
                });
            }
            fn verify(&self, operations: u64) -> Result<(), String> {
                let batches = u64::from(self.0.load(Ordering::Relaxed));
                (batches == operations).then_some(()).ok_or_else(|| format!("{batches}"))
            }
        }
        let counts = [Counts(AtomicU32::new(0)), Counts(AtomicU32::new(0))];
        // More threads than cores: no turn can be disturbed, so none is run again.
        let threads = cores() + 1;
        let plan = Plan { threads, rounds: 6, most_rounds: 9, until: Until::Batches(2) };
        let _ = run(&counts, plan);
        for counted in &counts {
            assert_eq!(counted.0.load(Ordering::Relaxed) as usize, threads * 2 * 7);
        }
    }

    #[test]
    #[should_panic(expected = "lost: 1")]
    fn a_wrong_result_stops_the_contest() {
        struct Loses;
        impl Contender for Loses {
            fn name(&self) -> &'static str {
                "loses"
            }
            fn role(&self) -> Role {
                Role::Peer
            }
            fn run(&self, lap: &Lap<'_>) {
                lap.race(1, || {});
            }
            fn verify(&self, operations: u64) -> Result<(), String> {
                Err(format!("lost: {}", operations.min(1)))
            }
        }
        let plan = Plan { threads: 1, rounds: 1, most_rounds: 1, until: Until::Batches(1) };
        let _ = run(&[Loses], plan);
    }
}
