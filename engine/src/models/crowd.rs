//! Claims about more threads than loom can afford, and about the checker: what must fail does.
//! Upstream: `ci/shuttle.sh`. Downstream: `shard`, `snapshot::publish`.

use super::series::{Free, Owned};
use super::{Model, cell, join, live_and_die, model, record, thread};
use crate::publish::Publisher;
use crate::shard::change::{Add, AddDecrement, AddSaturating, Change};
use crate::shard::groups::Groups;
use crate::shard::holds::Holds;
use crate::shard::starts::{ChunkPool, Starts};
use crate::shard::{Core, page_of, place_of};
use crate::sync::{Arc, AtomicU64, Mutex, Ordering::Relaxed, order};

/// Spawns so many threads; each is told its number.
fn spawn<T: Send + 'static>(
    threads: u64,
    body: impl Fn(u64) -> T + Clone + Send + 'static,
) -> Vec<thread::JoinHandle<T>> {
    let with = |at| {
        let body = body.clone();
        thread::spawn(move || body(at))
    };
    (0..threads).map(with).collect()
}

fn join_all<T>(threads: Vec<thread::JoinHandle<T>>) -> Vec<T> {
    threads.into_iter().map(join).collect()
}

/// Reads a counter again and again: it never falls.
fn watch(core: &'static Core, page: u32) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let readings = [(); 4].map(|()| core.sum(cell(page), Relaxed));
        assert!(readings.is_sorted(), "a counter went back: {readings:?}");
    })
}

/// Guards: handover.
#[test]
fn threads_come_and_go_on_fewer_shards_than_threads() {
    model(|| {
        let model = Model::new();
        let core = model.core();
        core.set_limit(2);
        let reader = watch(core, 1);
        let threads = spawn(6, move |_| (0..2).for_each(|_| live_and_die(core, cell(1))));
        join_all(threads);
        join(reader);
        assert_eq!(core.sum(cell(1), Relaxed), 12);
        assert!(core.shards() <= 2);
    });
}

#[test]
fn everybody_brings_pages_while_everybody_reads() {
    model(|| {
        let model = Model::new();
        let core = model.core();
        let readers = [0, 3].map(|page| watch(core, page));
        let threads = spawn(4, move |at| {
            let shard = core.adopt().expect("below the limit");
            for step in 0..8 {
                record(shard, cell((at as u32 + step) % 4), Add(1));
            }
            // SAFETY: this thread's own, and written to no more.
            unsafe { core.release(shard) };
        });
        join_all(threads);
        readers.into_iter().for_each(join);
        let sums = [0, 1, 2, 3].map(|page| core.sum(cell(page), Relaxed));
        assert_eq!(sums, [8; 4]);
    });
}

#[test]
fn a_shared_shard_that_grows_loses_nothing() {
    model(|| {
        let model = Model::new();
        let core = model.core();
        let reader = watch(core, 3);
        let threads = spawn(5, move |at| {
            for step in 0..4 {
                let cell = cell((at as u32 + step) % 4);
                let page = core.shared_page(page_of(cell)).expect("memory");
                Add(1).shared(&page.cells()[place_of(cell)]);
                AddSaturating(2).shared(page.sum());
            }
        });
        join_all(threads);
        join(reader);
        for page in 0..4 {
            assert_eq!(core.sum(cell(page), Relaxed), 5);
            let sum = core.shared_page(page as usize).expect("brought").sum().load(Relaxed);
            assert_eq!(sum, 10);
        }
    });
}

/// Operations that begin on one thread and end on another; `read` says what is in flight.
fn in_flight(read: fn(&Core) -> (u64, u64)) {
    let model = Model::new();
    let core = model.core();
    let handed = Arc::new(Mutex::new(0));
    let threads = spawn(4, move |at| {
        let shard = core.adopt().expect("below the limit");
        for _ in 0..3 {
            if at % 2 == 0 {
                record(shard, cell(0), Add(1));
                *handed.lock() += 1;
            } else {
                let mut handed = handed.lock();
                let taken = std::mem::take(&mut *handed);
                drop(handed);
                record(shard, cell(1), AddDecrement(taken));
            }
        }
    });
    let reader = thread::spawn(move || {
        for _ in 0..4 {
            let (up, down) = read(core);
            assert!(down <= up, "in flight: {up} - {down}");
        }
    });
    join_all(threads);
    join(reader);
    assert!(core.sum(cell(1), Relaxed) <= 6 && core.sum(cell(0), Relaxed) == 6);
}

#[test]
fn operations_of_many_threads_in_flight_are_never_negative() {
    model(|| {
        in_flight(|core| {
            let down = core.sum(cell(1), order::DEC_READ);
            (core.sum(cell(0), Relaxed), down)
        });
    });
}

#[test]
fn scrapes_of_many_threads_each_see_what_came_before_them() {
    model(|| {
        let cells: Arc<[AtomicU64; 5]> = Arc::new(std::array::from_fn(|_| AtomicU64::new(0)));
        let publisher = Arc::new(Publisher::<[u64; 5]>::default());
        let threads = spawn(5, move |at| {
            for round in 1..=2 {
                cells[at as usize].store(round, Relaxed);
                let read = |to: &mut [u64; 5], _: &[u64; 5]| {
                    *to = cells.each_ref().map(|cell| cell.load(Relaxed))
                };
                let reading = publisher.read(read);
                let held = *reading;
                assert_eq!(held[at as usize], round, "a scrape missed its own record");
                publisher.latest();
                assert_eq!(*reading, held, "a reading changed under its reader");
            }
        });
        join_all(threads);
    });
}

#[test]
fn a_number_is_one_users_and_comes_with_zeroed_cells() {
    model(|| {
        let model = Model::new();
        let core = model.core();
        let threads = spawn(5, move |at| {
            let shard = core.adopt().expect("below the limit");
            for _ in 0..3 {
                let number = core.numbers.take().expect("a free number");
                for n in 1..=2 {
                    record(shard, cell(number), Add(at + 1));
                    let sum = core.sum(cell(number), Relaxed);
                    assert_eq!(sum, n * (at + 1), "another user's value on page {number}");
                }
                core.give_back(number);
            }
        });
        join_all(threads);
        assert_eq!(core.numbers.take(), Some(2), "each number came back");
    });
}

#[test]
fn groups_that_all_threads_take_at_once_have_one_page_each() {
    model(|| {
        let model = Model::new();
        let core = model.core();
        let groups = Arc::new(Groups::new(3));
        let theirs = Arc::clone(&groups);
        let threads = spawn(5, move |at| {
            let shard = core.adopt().expect("below the limit");
            for step in 0..3 {
                let group = (at as usize + step) % 3;
                let page = theirs.page(group, &core.numbers).expect("a free number");
                record(shard, cell(page as u32), Add(1));
            }
        });
        join_all(threads);
        let taken: Vec<_> = groups.taken().collect();
        assert_eq!(taken.len(), 3);
        for (_, number) in taken {
            assert_eq!(core.sum(cell(number), Relaxed), 5);
        }
        // Whoever lost the race gave the number back.
        let next = [(); 3].map(|()| core.numbers.take().expect("a free number"));
        assert!(next.into_iter().all(|number| (2..8).contains(&number)), "{next:?}");
    });
}

/// Guards: reuse.
#[test]
fn series_that_come_and_go_never_show_the_records_of_others() {
    /// What the lives of the series add multiples of, one after the other.
    const PRIMES: [u64; 13] = [11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59];
    model(|| {
        let model = Model::new();
        let core = model.core();
        let free = Free::default();
        let family = Arc::new(Mutex::new((0, None::<(u64, Arc<Owned>)>)));
        let threads = spawn(4, move |at| {
            let shard = core.adopt().expect("below the limit");
            for _ in 0..3 {
                let mut members = family.lock();
                let life = members.0;
                if members.1.is_none() {
                    let cell = free.lock().take().unwrap_or_else(|| cell(life));
                    assert_eq!(core.sum(cell, Relaxed), 0, "a new series began with a value");
                    let series = Owned { core, cell, free: Arc::clone(&free) };
                    *members = (life + 1, Some((PRIMES[life as usize], Arc::new(series))));
                }
                let (prime, series) = members.1.clone().expect("found or made");
                drop(members);
                record(shard, series.cell, Add(prime));
                let sum = core.sum(series.cell, Relaxed);
                assert!(sum > 0 && sum % prime == 0, "{sum} in the series of {prime}");
                if at % 2 == 0 {
                    let gone = family.lock().1.take();
                    gone.into_iter().for_each(|(_, series)| Owned::remove(series));
                }
            }
        });
        join_all(threads);
    });
}

/// A series is retired under the lock that look-ups take, when it has no holders and shows what the
/// last reading showed.
fn retirement(idle: fn(&Holds) -> bool) {
    let model = Model::new();
    let core = model.core();
    // Cells of lives so far, the last one's holders, and the sum of the retired.
    let family = Arc::new(Mutex::new((0, Arc::new(Holds::new()), 0)));
    let ours = Arc::clone(&family);
    let threads = spawn(3, move |_| {
        let shard = core.adopt().expect("below the limit");
        for _ in 0..2 {
            let members = ours.lock();
            let (life, holds) = (members.0, Arc::clone(&members.1));
            holds.hold();
            drop(members);
            record(shard, cell(life), Add(1));
            holds.release();
        }
    });
    let theirs = Arc::clone(&family);
    let retires = thread::spawn(move || {
        for _ in 0..4 {
            let life = theirs.lock().0;
            let reading = core.sum(cell(life), Relaxed);
            let mut members = theirs.lock();
            if idle(&members.1) && core.sum(cell(life), Relaxed) == reading {
                *members = (life + 1, Arc::new(Holds::new()), members.2 + reading);
            }
        }
    });
    join_all(threads);
    join(retires);
    let (life, _, retired) = *family.lock();
    assert_eq!(retired + core.sum(cell(life), Relaxed), 6, "a record went with a retired series");
}

#[test]
fn no_record_through_a_handle_goes_with_a_retired_series() {
    model(|| retirement(Holds::idle));
}

/// The checker: a series that is retired in spite of its holders is found.
#[test]
#[should_panic(expected = "a record went with a retired series")]
fn retiring_what_is_held_is_found() {
    model(|| retirement(|_| true));
}

#[test]
fn chunks_of_start_times_go_round_with_nothing_of_who_had_them_before() {
    model(|| {
        let pool: &'static ChunkPool = Box::leak(Box::new(ChunkPool::new()));
        let threads = spawn(4, move |at| {
            let mut late = None;
            for round in 0..3 {
                let start = 10 * at + round + 1;
                let starts = Starts::new(pool);
                let slot = starts.claim(0, start).expect("a free slot").slot;
                assert_eq!(starts.running().collect::<Vec<_>>(), [start], "another's operation");
                if let Some(slot) = late.replace(slot) {
                    slot.store(0, Relaxed); // its series is gone
                }
                assert_eq!(starts.running().collect::<Vec<_>>(), [start], "another's end");
            }
        });
        join_all(threads);
    });
}

/// The checker: a lost update is found.
#[test]
#[should_panic(expected = "an update was lost")]
fn two_writers_of_one_cell_are_found() {
    model(|| {
        let model = Model::new();
        let core = model.core();
        let threads = spawn(3, move |_| {
            let page = core.shared_page(1).expect("memory");
            Add(1).own(&page.cells()[0]);
        });
        join_all(threads);
        assert_eq!(core.sum(cell(1), Relaxed), 3, "an update was lost");
    });
}

/// The checker: a reader that looks at the increments first is found.
#[test]
#[should_panic(expected = "in flight: ")]
fn reading_increments_before_decrements_is_found() {
    model(|| {
        in_flight(|core| {
            let up = core.sum(cell(0), Relaxed);
            (up, core.sum(cell(1), order::DEC_READ))
        });
    });
}
