//! Claims about the start times of running operations. A chunk has one slot here.

use super::{join, model, thread};
use crate::shard::starts::{ChunkPool, Starts};
use crate::sync::{Arc, Ordering::Relaxed};

fn pool() -> &'static ChunkPool {
    Box::leak(Box::new(ChunkPool::new()))
}

/// Guards: chunk_publish, chunk_read.
#[test]
fn a_chunk_that_comes_back_shows_nothing_of_its_last_series() {
    model(|| {
        let pool = pool();
        let first = Starts::new(pool);
        let old = first.claim(0, 5).expect("a free slot").slot;
        drop(first); // while its operation runs
        let second = Arc::new(Starts::new(pool));
        let reads = {
            let second = second.clone();
            thread::spawn(move || second.running().for_each(|start| assert_eq!(start, 9)))
        };
        old.store(0, Relaxed);
        let new = second.claim(0, 9).expect("a free slot").slot;
        assert!(std::ptr::eq(old, new), "the chunk comes back");
        join(reads);
    });
}

#[test]
fn no_slot_is_claimed_twice_and_none_is_lost() {
    model(|| {
        let starts = Arc::new(Starts::new(pool()));
        let threads = [7, 8].map(|start| {
            let starts = starts.clone();
            thread::spawn(move || {
                let slot = starts.claim(0, start).expect("as many slots as threads").slot;
                assert_eq!(slot.load(Relaxed), start);
                assert!(starts.running().any(|seen| seen == start));
                slot.store(0, Relaxed);
            })
        });
        threads.map(join);
        assert_eq!(starts.running().count(), 0);
    });
}
