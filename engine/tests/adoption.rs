//! Who may write to a shard, from a thread's first record to its last destructor: never two
//! threads at once, and never a shard too many. A process of its own with one test, for the number
//! of shards is the process's.

use std::cell::OnceCell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
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
    /// Chunks of records that each has done.
    done: [AtomicU64; 2],
}

impl Meeting {
    /// Records in chunks, until both threads have done enough: so they do it at the same time.
    fn record(&self, who: usize, record: impl Fn()) {
        while self.done.iter().any(|done| done.load(SeqCst) < CHUNKS) {
            (0..CHUNK).for_each(|_| record());
            self.done[who].fetch_add(1, SeqCst);
        }
    }
}

const CHUNKS: u64 = 300;
const CHUNK: u64 = 5_000;

impl Drop for Meets {
    fn drop(&mut self) {
        let made = (self.late == Late::Made).then(|| self.counter.local());
        self.meeting.barrier.wait(); // the other may make its first touch
        self.meeting.barrier.wait(); // it has
        match made.as_ref().or(self.kept.as_ref()) {
            Some(local) => self.meeting.record(0, || local.inc()),
            None => self.meeting.record(0, || self.counter.inc()),
        }
    }
}

thread_local! {
    /// Touched before the first record, so that it is destroyed after the shard's guard.
    static MEETS: OnceCell<Meets> = const { OnceCell::new() };
}

/// Runs a thread that ends late beside one that begins then; returns what they recorded, and the
/// shards there were.
fn meet(counter: &Counter, late: Late) -> (u64, usize) {
    let meeting = Arc::new(Meeting {
        barrier: Barrier::new(2),
        shards: AtomicUsize::new(0),
        done: Default::default(),
    });
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
        to_second.record(1, || second.inc());
    });
    first.join().unwrap();
    second.join().unwrap();
    let chunks: u64 = meeting.done.iter().map(|done| done.load(SeqCst)).sum();
    (chunks * CHUNK + 2, meeting.shards.load(SeqCst))
}

#[test]
fn a_shard_has_one_writer_at_a_time_and_is_never_lost() {
    let registry = Registry::new();
    let counter = registry.counter("c_total", "").unwrap();
    let mut expected = 0;
    let mut meet = |late| {
        let (recorded, shards) = meet(&counter, late);
        expected += recorded;
        assert_eq!(counter.value(), expected, "{late:?}");
        shards
    };
    assert_eq!(meet(Late::Plain), 1, "the guard has released the shard: the other adopts it");
    assert_eq!(meet(Late::Made), 2, "the new handle adopts it: the other makes one");
    assert_eq!(meet(Late::Kept), 2, "the pinned handle keeps one: the other adopts the other");
    for _ in 0..2 {
        for late in [Late::Kept, Late::Plain, Late::Made, Late::Kept] {
            assert_eq!(meet(late), 2, "{late:?}: whatever was released is adopted");
        }
    }
}
