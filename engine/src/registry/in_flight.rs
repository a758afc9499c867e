//! Cells of an in-flight age: when each operation that is still running began.
//! Upstream: record, which starts and ends operations. Downstream: snapshot.

use crate::clock::Clock;
use crate::shard::starts::{ChunkPool, Claim, Starts};
use crate::sync::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::cell::Cell;
use std::time::{Duration, Instant};

static POOL: ChunkPool = ChunkPool::new();

thread_local! {
    /// Where the thread's next search for a free slot begins. `None` before its first.
    static PLACE: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Where a thread begins to search: eight slots, a cache line, from where the next thread does.
fn first_place() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    let thread = THREADS.fetch_add(1, Relaxed) % 64;
    thread * 8 % 64 + thread / 8
}

/// The operations of one series.
pub(crate) struct InFlightCells {
    starts: Starts,
    clock: Clock,
    /// Start times are counted from here.
    base: Instant,
}

impl InFlightCells {
    pub(crate) fn new(clock: &Clock) -> Self {
        Self { starts: Starts::new(&POOL), clock: clock.clone(), base: clock.now() }
    }

    /// Nanoseconds since the base, but never 0, which marks a free slot.
    fn now(&self) -> u64 {
        let since = self.clock.since(self.base);
        let whole = since.as_secs().saturating_mul(1_000_000_000);
        whole.saturating_add(u64::from(since.subsec_nanos()) + 1)
    }

    /// The slot of an operation that begins now; `None` if too many run.
    pub(crate) fn start(&self) -> Option<&'static AtomicU64> {
        let place = PLACE.get().unwrap_or_else(first_place);
        let Claim { slot, place } = self.starts.claim(place, self.now())?;
        PLACE.set(Some(place));
        Some(slot)
    }

    /// How many operations run, and for how long the oldest has; zero without any.
    pub(crate) fn read(&self) -> (u64, Duration) {
        let running = self.starts.running().fold((0, None), |(count, oldest), start| {
            (count + 1, Some(oldest.map_or(start, |oldest: u64| oldest.min(start))))
        });
        let age = running.1.map_or(0, |oldest| self.now().saturating_sub(oldest));
        (running.0, Duration::from_nanos(age))
    }

    /// Whether any operation runs.
    pub(crate) fn is_running(&self) -> bool {
        self.starts.running().next().is_some()
    }
}
