//! Claims about shards that pass from thread to thread.

use super::{Model, cell, join, live_and_die, model, record, thread};
use crate::shard::change::{Add, AddDecrement};
use crate::sync::{Arc, AtomicUsize, Ordering, Ordering::Relaxed, order};

/// Guards: handover.
#[test]
fn the_next_owner_of_a_shard_continues_where_the_last_one_ended() {
    model(|| {
        let model = Model::new();
        let core = model.core();
        core.set_limit(1); // the second thread adopts the first one's shard, or shares
        let threads = [0, 1].map(|_| thread::spawn(move || live_and_die(core, cell(1))));
        threads.into_iter().for_each(join);
        assert_eq!(core.sum(cell(1), Relaxed), 2);
    });
}

/// Guards: shard_publish, shard_read.
#[test]
fn a_reader_walks_shards_that_are_being_made() {
    model(|| {
        let model = Model::new();
        let core = model.core();
        let reader = thread::spawn(move || {
            let first = core.sum(cell(1), Relaxed);
            let second = core.sum(cell(1), Relaxed);
            assert!(first <= second, "a counter went back from {first} to {second}");
        });
        // The first shard is in use, so that the other threads make their own.
        let shard = core.adopt().expect("below the limit");
        record(shard, cell(1), Add(1));
        let other = thread::spawn(move || live_and_die(core, cell(1)));
        join(reader);
        join(other);
        assert_eq!(core.sum(cell(1), Relaxed), 2);
    });
}

#[test]
fn many_threads_share_the_shared_shard_without_losing_a_record() {
    model(|| {
        let model = Model::new();
        let core = model.core();
        core.set_limit(0);
        let threads = [0, 1].map(|_| thread::spawn(move || live_and_die(core, cell(1))));
        threads.into_iter().for_each(join);
        assert_eq!(core.sum(cell(1), Relaxed), 2);
    });
}

/// Guards: dec_publish, dec_read.
#[test]
fn an_in_flight_count_is_never_negative() {
    model(|| {
        let model = Model::new();
        let core = model.core();
        let (up, down) = (cell(1), cell(1) + 1);
        let (starts, ends) = [(); 2].map(|()| core.adopt().expect("below the limit")).into();
        [up, down].into_iter().for_each(|cell| record(ends, cell, Add(0))); // pages there, shards known
        record(starts, up, Add(0));
        let handed = Arc::new(AtomicUsize::new(0));
        let other = {
            let handed = handed.clone();
            thread::spawn(move || {
                if handed.load(Ordering::Acquire) == 1 {
                    record(ends, down, AddDecrement(1));
                }
            })
        };
        let reader = thread::spawn(move || {
            let decrements = core.sum(down, order::DEC_READ);
            let increments = core.sum(up, Relaxed);
            assert!(decrements <= increments, "in flight: {increments} - {decrements}");
        });
        record(starts, up, Add(1));
        handed.store(1, Ordering::Release); // the operation goes to the other thread
        join(other);
        join(reader);
    });
}
