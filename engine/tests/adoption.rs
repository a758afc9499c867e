//! Who may write to a shard, from a thread's first record to its last destructor: never two
//! threads at once, and never a shard too many. A process of its own with one test, for the number
//! of shards is the process's.

use std::cell::OnceCell;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::thread;
use tmc_engine::{Counter, LocalCounter, Registry, shards};

/// What a thread does in its last destructor, after the guard of its shard has run.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Late {
    /// Records through a plain handle: the shared shard.
    Plain,
    /// Records through a pinned handle from before, which keeps the shard until then.
    Kept,
    /// Records through a pinned handle made now, which brings a shard for its life.
    Made,
}

/// Meets another thread in the destructor, and records while that one records.
struct Meets {
    late: Late,
    counter: Counter,
    kept: Option<LocalCounter>,
    meeting: Arc<Meeting>,
}

struct Meeting {
    barrier: Barrier,
    /// Shards when both threads have one, or had one.
    shards: AtomicUsize,
}

/// Enough for two threads to run side by side for a while.
const RECORDS: u64 = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };

impl Drop for Meets {
    fn drop(&mut self) {
        let made = (self.late == Late::Made).then(|| self.counter.local());
        self.meeting.barrier.wait(); // the other may make its first touch
        self.meeting.barrier.wait(); // it has
        match made.as_ref().or(self.kept.as_ref()) {
            Some(local) => (0..RECORDS).for_each(|_| local.inc()),
            None => (0..RECORDS).for_each(|_| self.counter.inc()),
        }
    }
}

thread_local! {
    /// Touched before the first record, so that it is destroyed after the shard's guard.
    static MEETS: OnceCell<Meets> = const { OnceCell::new() };
}

/// Runs a thread that ends late beside one that begins then; returns the shards there were.
fn meet(counter: &Counter, late: Late) -> usize {
    let meeting = Arc::new(Meeting { barrier: Barrier::new(2), shards: AtomicUsize::new(0) });
    let (first, second) = (counter.clone(), counter.clone());
    let (to_first, to_second) = (Arc::clone(&meeting), Arc::clone(&meeting));
    let first = thread::spawn(move || {
        MEETS.with(|_| {}); // registers its destructor
        MEETS.with(|meets| {
            first.inc();
            let kept = (late == Late::Kept).then(|| first.local());
            let meets = meets.set(Meets { late, counter: first, kept, meeting: to_first });
            assert!(meets.is_ok());
        });
    });
    let second = thread::spawn(move || {
        to_second.barrier.wait();
        second.inc();
        to_second.shards.store(shards(), SeqCst);
        to_second.barrier.wait();
        (0..RECORDS).for_each(|_| second.inc());
    });
    first.join().unwrap();
    second.join().unwrap();
    meeting.shards.load(SeqCst)
}

#[test]
fn a_shard_has_one_writer_at_a_time_and_is_never_lost() {
    let registry = Registry::new();
    let counter = registry.counter("c_total", "").unwrap();
    let mut expected = 0;
    let mut meet = |late| {
        let shards = meet(&counter, late);
        expected += 2 * RECORDS + 2;
        assert_eq!(counter.value(), expected, "{late:?}");
        shards
    };
    assert_eq!(meet(Late::Plain), 1, "the guard has released the shard: the other adopts it");
    assert_eq!(meet(Late::Kept), 2, "the pinned handle keeps it");
    assert_eq!(meet(Late::Made), 2, "it brings one of the two, and the other adopts the other");
    for _ in 0..3 {
        for late in [Late::Kept, Late::Plain, Late::Made, Late::Kept] {
            assert_eq!(meet(late), 2, "{late:?}: whatever was released is adopted");
        }
    }
}
