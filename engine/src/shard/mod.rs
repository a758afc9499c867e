//! Shards: one set of cells per thread, one writer per cell.
//! Upstream: record, which adds. Downstream: snapshot, which sums over all shards.
//!
//! A [`Core`] holds every shard there ever was, the free list of those whose thread is gone, and
//! the one shared shard for records that have no thread of their own. Programs use the process-wide
//! core behind [`owner`]; models and tests make their own.

pub(crate) mod change;
pub(crate) mod groups;
pub(crate) mod holds;
mod numbers;
#[cfg(not(loom))]
pub(crate) mod owner;
pub(crate) mod page;
pub(crate) mod starts;

pub(crate) use numbers::PageNumbers;

use crate::sync::{AtomicPtr, AtomicUsize, Cell, Mutex, Ordering, Ordering::Relaxed, order};
use page::{PAGE_BITS, PAGE_CELLS, Page, Root};
use std::ptr::{NonNull, null_mut};

/// Number of a cell: `page << PAGE_BITS | place`. The same number means the same cell in each shard.
pub(crate) type CellId = u32;

/// The page that is never merged: handles that record nowhere visible write here.
/// Page 0 is no page: a histogram's table says 0 where nobody has been yet.
pub(crate) const VOID_PAGE: u32 = 1;
/// A cell of the page that is never merged.
pub(crate) const VOID_CELL: CellId = VOID_PAGE << PAGE_BITS;

/// Page number of a cell.
#[inline(always)]
pub(crate) const fn page_of(cell: CellId) -> usize {
    (cell >> PAGE_BITS) as usize
}

/// Place of a cell in its page.
#[inline(always)]
pub(crate) const fn place_of(cell: CellId) -> usize {
    cell as usize & (PAGE_CELLS - 1)
}

/// The cells of one thread, or, for [`Core::shared`], of nobody in particular.
pub(crate) struct Shard {
    /// Replaced by the owner only (for the shared shard: under the growth lock); read by any.
    root: AtomicPtr<Root>,
    /// Next of all shards. Written before the shard is published, never again.
    next: Cell<*const Shard>,
    /// Next of the free shards. Touched under the free list's lock only.
    next_free: Cell<*const Shard>,
}

// SAFETY: `next` is written before publication only and `next_free` under a lock only (see the
// fields); the rest is atomic.
unsafe impl Sync for Shard {}
// SAFETY: as above; a shard is tied to no thread's data.
unsafe impl Send for Shard {}

impl Shard {
    crate::const_fn! {
        fn new() -> Self {
            Self {
                root: AtomicPtr::new(null_mut()),
                next: Cell::new(std::ptr::null()),
                next_free: Cell::new(std::ptr::null()),
            }
        }
    }

    /// The entries of the owner's root: what `owner` caches per thread.
    pub(crate) fn entries(&self) -> &[AtomicPtr<Page>] {
        self.root().map_or(&[], Root::entries)
    }

    fn root(&self) -> Option<&Root> {
        // SAFETY: a published root lives as long as its shard; ROOT_READ saw its entries.
        NonNull::new(self.root.load(order::ROOT_READ)).map(|r| unsafe { r.as_ref() })
    }

    /// The page, if this shard has it. For readers.
    pub(crate) fn page(&self, number: usize) -> Option<&Page> {
        self.root()?.page(number)
    }

    /// Finds the owner's page, bringing it at first touch; `None` when memory is out.
    ///
    /// # Safety
    /// - the caller is the shard's owner, or holds the growth lock: only one thread at a time.
    pub(crate) unsafe fn owned_page(&self, number: usize) -> Option<&Page> {
        let root = match self.root() {
            Some(root) if number < root.entries().len() => root,
            // SAFETY: the caller's duty, passed on.
            _ => unsafe { self.grow(number + 1) }?,
        };
        if let Some(page) = root.page(number) {
            return Some(page);
        }
        let page = Page::alloc()?;
        root.entries()[number].store(page.as_ptr(), order::PAGE_PUBLISH);
        // SAFETY: just allocated, freed with the shard only.
        Some(unsafe { page.as_ref() })
    }

    /// # Safety
    /// - as for [`Shard::owned_page`].
    unsafe fn grow(&self, len: usize) -> Option<&Root> {
        let old = NonNull::new(self.root.load(Relaxed)); // Relaxed: written by this caller alone
        let root = Root::grow(old, len)?;
        self.root.store(root.as_ptr(), order::ROOT_PUBLISH);
        // SAFETY: just allocated, freed with the shard only.
        Some(unsafe { root.as_ref() })
    }
}

impl Drop for Shard {
    fn drop(&mut self) {
        if let Some(root) = NonNull::new(self.root.load(Relaxed)) {
            // SAFETY: the newest root, and `&mut self` says that nobody uses the shard.
            unsafe { Root::free_all(root) };
        }
    }
}

/// Shards whose threads are gone, newest first, with their values in place.
struct FreeList {
    head: *const Shard,
}

// SAFETY: the list points to shards that live as long as their core and are `Sync`.
unsafe impl Send for FreeList {}

/// All shards, and who may have one.
pub(crate) struct Core {
    /// Every shard ever made, newest first. Only grows.
    all: AtomicPtr<Shard>,
    made: AtomicUsize,
    limit: AtomicUsize,
    /// The lock is the happens-before edge between a shard's last owner and its next.
    free: Mutex<FreeList>,
    /// The list without its lock; the models must then lose an increment.
    #[cfg(weaken = "handover")]
    weak_free: AtomicPtr<Shard>,
    /// How many are on the free list, for callers that must not lock to find out.
    free_len: AtomicUsize,
    /// Written by many threads, with read-modify-write.
    shared: Shard,
    shared_growth: Mutex<()>,
    /// Which page numbers are taken.
    pub(crate) numbers: PageNumbers,
}

/// Shards made before further threads record into the shared one.
pub(crate) const DEFAULT_SHARD_LIMIT: usize = 4096;

impl Core {
    crate::const_fn! {
        pub(crate) fn new() -> Self {
            Self {
                all: AtomicPtr::new(null_mut()),
                made: AtomicUsize::new(0),
                limit: AtomicUsize::new(DEFAULT_SHARD_LIMIT),
                free: Mutex::new(FreeList { head: std::ptr::null() }),
                #[cfg(weaken = "handover")]
                weak_free: AtomicPtr::new(null_mut()),
                free_len: AtomicUsize::new(0),
                shared: Shard::new(),
                shared_growth: Mutex::new(()),
                numbers: PageNumbers::new(),
            }
        }
    }

    /// Changes how many shards may be made; those that exist stay.
    pub(crate) fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Relaxed);
    }

    /// How many shards there are, the shared one left out.
    pub(crate) fn shards(&self) -> usize {
        self.made.load(Relaxed)
    }

    /// A shard for the calling thread: a dead thread's, else a new one; `None` beyond the limit
    /// and when memory is out. Locks, and so never runs after a thread's first touch.
    pub(crate) fn adopt(&self) -> Option<&Shard> {
        // Relaxed: a hint that spares the lock; the list itself is read under the lock.
        let adopted = if self.free_len.load(Relaxed) > 0 { self.pop_free() } else { None };
        adopted.or_else(|| self.make())
    }

    fn pop_free(&self) -> Option<&Shard> {
        #[cfg(weaken = "handover")]
        {
            let shard = self.weak_free.load(Relaxed);
            self.weak_free.store(null_mut(), Relaxed);
            // SAFETY: shards live as long as their core.
            return unsafe { shard.as_ref() };
        }
        #[cfg(not(weaken = "handover"))]
        self.pop_free_locked()
    }

    #[cfg(not(weaken = "handover"))]
    fn pop_free_locked(&self) -> Option<&Shard> {
        let mut free = self.free.lock();
        // SAFETY: shards live as long as their core.
        let shard = unsafe { free.head.as_ref() }?;
        free.head = shard.next_free.get();
        self.free_len.fetch_sub(1, Relaxed);
        Some(shard)
    }

    fn make(&self) -> Option<&Shard> {
        // Relaxed: counting only; the limit may be passed by nobody, as the update is atomic.
        let limit = self.limit.load(Relaxed);
        self.made.fetch_update(Relaxed, Relaxed, |n| (n < limit).then_some(n + 1)).ok()?;
        let shard = alloc_shard()?;
        let mut head = self.all.load(Relaxed);
        loop {
            shard.next.set(head);
            let new = std::ptr::from_ref(shard).cast_mut();
            // Publishes `next` and the null root; partner SHARD_READ in `each`.
            match self.all.compare_exchange_weak(head, new, order::SHARD_PUBLISH, Relaxed) {
                Ok(_) => return Some(shard),
                Err(now) => head = now,
            }
        }
    }

    /// Puts a shard up for adoption, values in place.
    ///
    /// # Safety
    /// - the caller is the owner, and writes to the shard no more.
    pub(crate) unsafe fn release(&self, shard: &Shard) {
        #[cfg(weaken = "handover")]
        self.weak_free.store(std::ptr::from_ref(shard).cast_mut(), Relaxed);
        let mut free = self.free.lock();
        shard.next_free.set(free.head);
        free.head = shard;
        self.free_len.fetch_add(1, Relaxed);
    }

    /// The shared shard's page, brought at first touch; `None` when memory is out.
    /// Callers write to it with read-modify-write operations only.
    pub(crate) fn shared_page(&self, number: usize) -> Option<&Page> {
        let page = self.reserve_shared(number)?;
        page.give_out();
        Some(page)
    }

    /// Brings the shared shard's page, so that a record finds it without memory.
    pub(crate) fn reserve_shared(&self, number: usize) -> Option<&Page> {
        if let Some(page) = self.shared.page(number) {
            return Some(page);
        }
        let _growth = self.shared_growth.lock();
        // SAFETY: the growth lock is held.
        unsafe { self.shared.owned_page(number) }
    }

    /// The page in every shard that was ever written to there. For readers.
    pub(crate) fn pages(&self, number: usize) -> impl Iterator<Item = &Page> {
        self.each().filter_map(move |shard| {
            let page = shard.page(number)?;
            (page.is_given_out() || !std::ptr::eq(shard, &self.shared)).then_some(page)
        })
    }

    /// Asks for what [`Core::pages`] will look at.
    #[cfg(not(loom))]
    pub(crate) fn prefetch(&self, number: usize) {
        for shard in self.each() {
            if let Some(page) = shard.page(number) {
                page.prefetch(!std::ptr::eq(shard, &self.shared));
            }
        }
    }

    /// Every shard, the shared one last. For readers.
    pub(crate) fn each(&self) -> impl Iterator<Item = &Shard> {
        // Partner SHARD_PUBLISH in `make`: sees `next` of this shard and of all behind it.
        let mut at = self.all.load(order::SHARD_READ).cast_const();
        let owned = std::iter::from_fn(move || {
            // SAFETY: shards live as long as their core.
            let shard = unsafe { at.as_ref() }?;
            at = shard.next.get();
            Some(shard)
        });
        owned.chain(std::iter::once(&self.shared))
    }

    /// The cell's value in each shard that has its page.
    pub(crate) fn each_value(&self, cell: CellId, ordering: Ordering) -> impl Iterator<Item = u64> {
        self.pages(page_of(cell)).map(move |page| page.cells()[place_of(cell)].load(ordering))
    }

    /// Sums a cell over every shard.
    pub(crate) fn sum(&self, cell: CellId, ordering: Ordering) -> u64 {
        self.each_value(cell, ordering).fold(0, u64::wrapping_add)
    }

    /// Sets a cell to zero in every shard.
    /// The caller has been told that no handle can write to it any more (the last one is dropped).
    pub(crate) fn clear(&self, cell: CellId) {
        for page in self.each().filter_map(|shard| shard.page(page_of(cell))) {
            page.cells()[place_of(cell)].store(0, Relaxed); // Relaxed: no writer is left to race
        }
    }

    /// Sets a whole page to zero in every shard and gives its number back; as [`Core::clear`].
    pub(crate) fn give_back(&self, number: u32) {
        for page in self.each().filter_map(|shard| shard.page(number as usize)) {
            page.cells().iter().for_each(|cell| cell.store(0, Relaxed));
            page.sum().store(0, Relaxed);
        }
        self.numbers.free(number);
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        let mut at = self.all.load(Relaxed);
        while let Some(shard) = NonNull::new(at) {
            // SAFETY: `&mut self` says that nobody uses the shard; each stands once in the list.
            let next = unsafe { shard.as_ref() }.next.get();
            // SAFETY: as above.
            unsafe { free_shard(shard) };
            at = next.cast_mut();
        }
    }
}

#[cfg(not(loom))]
fn alloc_shard<'a>() -> Option<&'a Shard> {
    // System, like pages: see `page`.
    // SAFETY: `Shard` is not of size zero.
    let place = unsafe {
        std::alloc::GlobalAlloc::alloc(&std::alloc::System, std::alloc::Layout::new::<Shard>())
    };
    let place = NonNull::new(place.cast::<Shard>())?;
    // SAFETY: freshly allocated for a `Shard`.
    unsafe { place.write(Shard::new()) };
    // SAFETY: just written; freed with the core only.
    Some(unsafe { place.as_ref() })
}

#[cfg(loom)]
fn alloc_shard<'a>() -> Option<&'a Shard> {
    Some(Box::leak(Box::new(Shard::new())))
}

/// # Safety
/// - `shard` came from `alloc_shard` and nobody uses it any more.
unsafe fn free_shard(shard: NonNull<Shard>) {
    #[cfg(not(loom))]
    {
        // SAFETY: the caller has it for itself.
        drop(unsafe { shard.read() });
        let layout = std::alloc::Layout::new::<Shard>();
        // SAFETY: allocated in `alloc_shard` with this layout.
        unsafe {
            std::alloc::GlobalAlloc::dealloc(&std::alloc::System, shard.as_ptr().cast(), layout);
        }
    }
    #[cfg(loom)]
    // SAFETY: leaked from a box in `alloc_shard`.
    drop(unsafe { Box::from_raw(shard.as_ptr()) });
}
