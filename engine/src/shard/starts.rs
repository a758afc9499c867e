//! Start times of operations that are still running, in slots that threads claim without waiting.
//! Upstream: record, which claims and ends. Downstream: snapshot, which looks for the oldest.
//!
//! The word in a slot is the whole message: 0, or when its operation began. So claiming, ending and
//! reading are Relaxed; only the address of a chunk of slots needs more. Chunks are never freed, for
//! an operation may outlive its series: they wait in a pool until all their operations have ended.

use crate::sync::{AtomicPtr, AtomicU64, AtomicUsize, Mutex, Ordering::Relaxed, order};
use std::ptr::{self, NonNull};

/// Slots in a chunk.
const SLOTS: usize = if cfg!(loom) { 1 } else { 64 };
/// Chunks that one series may have: 4,096 operations at once. In a model one more than threads, for
/// who finds a slot taken need not know yet of the chunk that its taker has brought.
const CHUNKS: usize = if cfg!(loom) { 3 } else { 64 };

/// Aligned so that no two chunks share a line that is fetched as one.
#[repr(align(128))]
struct Chunk([AtomicU64; SLOTS]);

impl Chunk {
    /// Slots that are all free; `None` when the system has no memory.
    fn alloc() -> Option<&'static Self> {
        #[cfg(not(loom))]
        let chunk = {
            let layout = std::alloc::Layout::new::<Self>();
            // SAFETY: a chunk is not of size zero.
            let chunk =
                unsafe { std::alloc::GlobalAlloc::alloc_zeroed(&std::alloc::System, layout) };
            let chunk = NonNull::new(chunk.cast::<Self>())?;
            // SAFETY: freshly allocated for a chunk, of which zero bytes are a valid one; never freed.
            unsafe { chunk.as_ref() }
        };
        #[cfg(loom)]
        let chunk = Box::leak(Box::new(Self(std::array::from_fn(|_| AtomicU64::new(0)))));
        Some(chunk)
    }

    fn is_free(&self) -> bool {
        self.0.iter().all(|slot| slot.load(Relaxed) == 0)
    }
}

/// Chunks that no series has.
#[derive(Default)]
pub(crate) struct ChunkPool(Mutex<Vec<&'static Chunk>>);

impl ChunkPool {
    crate::const_fn! {
        pub(crate) fn new() -> Self {
            Self(Mutex::new(Vec::new()))
        }
    }

    /// A chunk without operations. Does not wait: while another thread uses the pool, it allocates.
    fn take(&self) -> Option<&'static Chunk> {
        let again = self.0.try_lock().and_then(|mut chunks| {
            let free = chunks.iter().position(|chunk| chunk.is_free())?;
            Some(chunks.swap_remove(free))
        });
        again.or_else(Chunk::alloc)
    }

    fn give(&self, chunk: &'static Chunk) {
        self.0.lock().push(chunk);
    }
}

/// The operations of one series.
pub(crate) struct Starts {
    pool: &'static ChunkPool,
    /// Entries of `chunks` that are set or about to be.
    used: AtomicUsize,
    /// Null until somebody found all slots before it taken. Set once.
    chunks: [AtomicPtr<Chunk>; CHUNKS],
}

/// The slot of an operation, and where it lies, to begin the next search.
pub(crate) struct Claim {
    pub(crate) slot: &'static AtomicU64,
    pub(crate) place: usize,
}

impl Starts {
    pub(crate) fn new(pool: &'static ChunkPool) -> Self {
        let chunks = std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut()));
        Self { pool, used: AtomicUsize::new(0), chunks }
    }

    /// Puts `start`, which is not 0, into a free slot, the first one from `place` on. Lock-free;
    /// allocates when more operations run than ever before. `None` when all chunks are full.
    pub(crate) fn claim(&self, place: usize, start: u64) -> Option<Claim> {
        loop {
            let used = self.used.load(Relaxed);
            if let Some(claim) = self.search(used, place, start) {
                return Some(claim);
            }
            if used == CHUNKS {
                return None;
            }
            self.grow()?;
        }
    }

    fn search(&self, used: usize, place: usize, start: u64) -> Option<Claim> {
        let len = used * SLOTS;
        let place = if place < len { place } else { place % SLOTS };
        (place..len).chain(0..place.min(len)).find_map(|place| {
            let slot = &self.chunk(place / SLOTS)?.0[place % SLOTS];
            let free = slot.load(Relaxed) == 0;
            let claimed = free && slot.compare_exchange(0, start, Relaxed, Relaxed).is_ok();
            claimed.then_some(Claim { slot, place })
        })
    }

    #[cold]
    #[inline(never)]
    fn grow(&self) -> Option<()> {
        let next = |used| (used < CHUNKS).then_some(used + 1);
        let Ok(entry) = self.used.fetch_update(Relaxed, Relaxed, next) else {
            return Some(()); // others have
        };
        let chunk = self.pool.take()?; // without memory, the entry stays empty
        // Partner CHUNK_READ: whoever finds the chunk has seen its slots free, as this thread has.
        self.chunks[entry].store(ptr::from_ref(chunk).cast_mut(), order::CHUNK_PUBLISH);
        Some(())
    }

    fn chunk(&self, entry: usize) -> Option<&'static Chunk> {
        let chunk = NonNull::new(self.chunks[entry].load(order::CHUNK_READ))?; // partner CHUNK_PUBLISH
        // SAFETY: stored by `grow`, from a reference that lives for ever.
        Some(unsafe { chunk.as_ref() })
    }

    /// The start times, in no order.
    pub(crate) fn running(&self) -> impl Iterator<Item = u64> {
        let chunks = (0..self.used.load(Relaxed)).filter_map(|entry| self.chunk(entry));
        let starts = chunks.flat_map(|chunk| chunk.0.iter().map(|slot| slot.load(Relaxed)));
        starts.filter(|&start| start != 0)
    }
}

impl Drop for Starts {
    fn drop(&mut self) {
        (0..CHUNKS).filter_map(|entry| self.chunk(entry)).for_each(|chunk| self.pool.give(chunk));
    }
}
