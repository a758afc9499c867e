//! Many threads alive at once over many series: what their cells take, and whether all they recorded
//! is there.
//! Upstream: tmc-engine. Downstream: the crowd bench.

use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use tmc_engine::{Counter, Registry};

use crate::memory;

/// Stack of a thread, which does next to nothing with it.
const STACK: usize = 64 << 10;

/// Bytes of a page of cells, with what its alignment costs at the most.
const PAGE: u64 = 1152 + 1152 / 8;
/// Cells in a page.
const CELLS: u64 = 128;
/// Bytes of everything else that a shard has: itself, its roots, allocator's headers.
const SHARD: u64 = 2048;

/// What came out.
#[derive(Clone, Copy, Debug)]
pub struct Crowd {
    /// Bytes that the cells took: with all threads alive and every series recorded into by each,
    /// beyond those with all threads alive. `None` where the platform does not tell.
    pub bytes: Option<u64>,
    /// Threads with cells of their own.
    pub shards: u64,
    /// What the series add up to, beyond what they did before.
    pub recorded: u64,
}

/// The most that the cells of any number of threads take, over so many counters: the pages and the
/// roots of as many shards as there may be, and of the one that all further threads share.
#[must_use]
pub fn bound(shard_limit: u64, series: u64) -> u64 {
    // One page more, because the first series need not be the first of its page.
    (shard_limit + 1) * ((series.div_ceil(CELLS) + 1) * PAGE + SHARD)
}

/// Counters of a registry of their own.
#[must_use]
pub fn counters(series: usize) -> Vec<Counter> {
    let registry =
        Registry::builder().series_limit(series).build().expect("nothing that could be refused");
    let family =
        registry.counter_family("crowd_total", "Records", ["series"]).expect("a valid family");
    (0..series).map(|number| family.with([&*number.to_string()])).collect()
}

/// Lets so many threads live at once; each records once into every counter.
///
/// # Errors
/// When the system refuses to start so many threads; those that had started have ended.
pub fn gather(counters: &[Counter], threads: usize) -> io::Result<Crowd> {
    let sum = || counters.iter().map(Counter::value).sum::<u64>();
    let before = sum();
    let (start, end) = (Gate::default(), Gate::default());
    let bytes = std::thread::scope(|scope| {
        let body = || {
            start.pass();
            counters.iter().for_each(Counter::inc);
            end.pass();
        };
        for _ in 0..threads {
            let spawned = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, body);
            if let Err(refused) = spawned {
                start.open();
                end.open();
                return Err(refused);
            }
        }
        start.gathered(threads);
        let idle = memory::live();
        start.open();
        end.gathered(threads);
        let recorded = memory::live();
        end.open();
        Ok(recorded.zip(idle).map(|(recorded, idle)| recorded.saturating_sub(idle)))
    })?;
    Ok(Crowd { bytes, shards: tmc_engine::shards() as u64, recorded: sum() - before })
}

/// Where threads wait until it opens, for good.
#[derive(Default)]
struct Gate {
    /// Threads that have come, and whether they may go on.
    state: Mutex<(usize, bool)>,
    came: Condvar,
    opened: Condvar,
}

impl Gate {
    fn pass(&self) {
        let mut state = self.lock();
        state.0 += 1;
        self.came.notify_one();
        while !state.1 {
            state = self.opened.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn gathered(&self, threads: usize) {
        let mut state = self.lock();
        while state.0 < threads {
            state = self.came.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn open(&self) {
        self.lock().1 = true;
        self.opened.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, (usize, bool)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_of_every_thread_is_there() {
        let counters = counters(300);
        for _ in 0..2 {
            let crowd = gather(&counters, 20).unwrap();
            assert_eq!(crowd.recorded, 300 * 20);
            assert!(crowd.shards >= 20);
        }
    }

    #[test]
    fn the_bound_grows_with_shards_and_pages() {
        assert_eq!(bound(0, 1), 2 * PAGE + SHARD);
        assert_eq!(bound(4096, 1000), 4097 * (9 * PAGE + SHARD));
    }
}
