//! Memory of a shard: pages of cells, and the root that finds a page by number.
//! Upstream: record, through `shard::owner`. Downstream: snapshot, which only reads.
//!
//! Pages come from [`std::alloc::System`], never from the program's global allocator: a counter
//! inside a global allocator records without recursing into itself.

#[cfg(not(loom))]
use crate::hint::prefetch;
use crate::sync::{AtomicPtr, AtomicU64, Ordering::Relaxed, order};
use crossbeam_utils::CachePadded;
use std::ptr::NonNull;

/// Numbered cells in a page: one octave of a histogram at two significant digits.
pub(crate) const PAGE_CELLS: usize = if cfg!(loom) { 2 } else { 128 };
/// `log2(PAGE_CELLS)`: a cell number is its page's number, then its place in the page.
pub(crate) const PAGE_BITS: u32 = PAGE_CELLS.trailing_zeros();

/// Entries of a shard's first root.
const MIN_PAGES: usize = if cfg!(loom) { 1 } else { 8 };

struct Cells {
    numbered: [AtomicU64; PAGE_CELLS],
    sum: AtomicU64,
    /// Not 0 once the page of the shared shard was given out to be written to.
    shared: AtomicU64,
}

/// A block of cells. Once published it never moves and is freed only with its shard.
pub(crate) struct Page {
    /// Padded, so that no other thread's page shares a cache line, or a pair that is fetched as one.
    cells: CachePadded<Cells>,
    /// Written before publication, read after acquisition: loom fails if neither orders the two.
    #[cfg(all(loom, not(shuttle)))]
    witness: loom::cell::UnsafeCell<bool>,
}

impl Page {
    /// A zeroed page, or `None` when the system has no memory.
    pub(crate) fn alloc() -> Option<NonNull<Page>> {
        #[cfg(not(loom))]
        // SAFETY: all-zero bytes are a valid `Page`: an array of integers behind atomics.
        let page = unsafe { zeroed(std::alloc::Layout::new::<Page>()) }.map(NonNull::cast);
        #[cfg(loom)]
        let page = {
            let page = Page {
                cells: CachePadded::new(Cells {
                    numbered: std::array::from_fn(|_| AtomicU64::new(0)),
                    sum: AtomicU64::new(0),
                    shared: AtomicU64::new(0),
                }),
                #[cfg(not(shuttle))]
                witness: loom::cell::UnsafeCell::new(false),
            };
            #[cfg(not(shuttle))]
            // SAFETY: nobody else knows this page yet.
            page.witness.with_mut(|w| unsafe { *w = true });
            Some(NonNull::from(Box::leak(Box::new(page))))
        };
        page
    }

    /// Gives a page back.
    ///
    /// # Safety
    /// - `page` came from [`Page::alloc`] and is not freed twice;
    /// - nobody holds a reference into it.
    pub(crate) unsafe fn free(page: NonNull<Page>) {
        #[cfg(not(loom))]
        // SAFETY: allocated in `alloc` from System with this layout; the caller gives it up.
        unsafe {
            std::alloc::GlobalAlloc::dealloc(
                &std::alloc::System,
                page.as_ptr().cast(),
                std::alloc::Layout::new::<Page>(),
            );
        }
        #[cfg(loom)]
        // SAFETY: leaked from a box in `alloc`; the caller gives it up.
        drop(unsafe { Box::from_raw(page.as_ptr()) });
    }

    /// The numbered cells.
    #[inline(always)]
    pub(crate) fn cells(&self) -> &[AtomicU64; PAGE_CELLS] {
        #[cfg(all(loom, not(shuttle)))]
        // SAFETY: written only before publication.
        self.witness.with(|w| assert!(unsafe { *w }));
        &self.cells.numbered
    }

    /// One more cell, for the sum of what the numbered ones count, where they are a histogram's: an
    /// observation then needs one page only.
    #[inline(always)]
    pub(crate) fn sum(&self) -> &AtomicU64 {
        &self.cells.sum
    }

    /// Says that many writers will record into it. Relaxed: it comes before the record, so who has to
    /// see that sees this, too.
    pub(super) fn give_out(&self) {
        if !self.is_given_out() {
            self.cells.shared.store(1, Relaxed);
        }
    }

    pub(super) fn is_given_out(&self) -> bool {
        self.cells.shared.load(Relaxed) != 0
    }

    /// Asks for the numbered cells, or for whether they were given out.
    #[cfg(not(loom))]
    pub(super) fn prefetch(&self, numbered: bool) {
        if numbered {
            prefetch(&self.cells.numbered);
        } else {
            prefetch(&self.cells.shared);
        }
    }
}

/// The table from page number to page. A larger one replaces it when the shard grows; the old one
/// stays until the shard is dropped, because a reader may still walk it.
pub(crate) struct Root {
    entries: NonNull<[AtomicPtr<Page>]>,
    /// The smaller root that this one replaced.
    prev: Option<NonNull<Root>>,
}

impl Root {
    /// A root for at least `len` pages that begins with the entries of `prev`.
    pub(crate) fn grow(prev: Option<NonNull<Root>>, len: usize) -> Option<NonNull<Root>> {
        // SAFETY: a published root lives as long as its shard, and `prev` is the shard's own.
        let old = prev.map_or(&[][..], |p| unsafe { p.as_ref() }.entries());
        let len = len.next_power_of_two().max(old.len() * 2).max(MIN_PAGES);
        let entries = alloc_entries(len)?;
        // SAFETY: just allocated with `len` valid entries, shared with nobody.
        for (new, old) in unsafe { entries.as_ref() }.iter().zip(old) {
            // Relaxed: the caller wrote these entries itself, or holds the growth lock.
            new.store(old.load(Relaxed), Relaxed);
        }
        alloc_root(Root { entries, prev })
    }

    pub(crate) fn entries(&self) -> &[AtomicPtr<Page>] {
        // SAFETY: allocated in `grow`, freed in `free_all`, which nobody outlives.
        unsafe { self.entries.as_ref() }
    }

    pub(crate) fn page(&self, number: usize) -> Option<&Page> {
        let page = self.entries().get(number)?.load(order::PAGE_READ);
        // SAFETY: a published page lives as long as its shard; PAGE_READ saw its zeroed cells.
        NonNull::new(page).map(|p| unsafe { p.as_ref() })
    }

    /// Frees the newest root's pages, and every root of the chain.
    ///
    /// # Safety
    /// - `root` is the newest of its chain, and its shard is not used afterwards.
    pub(crate) unsafe fn free_all(root: NonNull<Root>) {
        // SAFETY: the caller has the chain for itself.
        for entry in unsafe { root.as_ref() }.entries() {
            if let Some(page) = NonNull::new(entry.load(Relaxed)) {
                // SAFETY: each page stands once in the newest root, and nobody uses it any more.
                unsafe { Page::free(page) };
            }
        }
        let mut next = Some(root);
        while let Some(root) = next {
            // SAFETY: as above; roots of a chain are distinct.
            next = unsafe { free_root(root) };
        }
    }
}

#[cfg(not(loom))]
mod memory {
    use super::{AtomicPtr, NonNull, Page, Root};
    use std::alloc::{GlobalAlloc, Layout, System};

    /// # Safety
    /// - `layout` is not of size zero.
    pub(super) unsafe fn zeroed(layout: Layout) -> Option<NonNull<u8>> {
        // SAFETY: the caller's duty.
        NonNull::new(unsafe { System.alloc_zeroed(layout) })
    }

    fn entries_layout(len: usize) -> Option<Layout> {
        Layout::array::<AtomicPtr<Page>>(len).ok()
    }

    pub(super) fn alloc_entries(len: usize) -> Option<NonNull<[AtomicPtr<Page>]>> {
        let layout = entries_layout(len)?;
        // SAFETY: `grow` asks for at least eight entries; zero bytes are null pointers.
        let first = unsafe { zeroed(layout) }?.cast();
        Some(NonNull::slice_from_raw_parts(first, len))
    }

    pub(super) fn alloc_root(root: Root) -> Option<NonNull<Root>> {
        // SAFETY: `Root` is not of size zero.
        let place = unsafe { zeroed(Layout::new::<Root>()) }?.cast::<Root>();
        // SAFETY: freshly allocated for a `Root`.
        unsafe { place.write(root) };
        Some(place)
    }

    /// # Safety
    /// - `root` came from `alloc_root` and nobody uses it any more.
    pub(super) unsafe fn free_root(root: NonNull<Root>) -> Option<NonNull<Root>> {
        // SAFETY: the caller has it for itself.
        let Root { entries, prev } = unsafe { root.read() };
        if let Some(layout) = entries_layout(entries.len()) {
            // SAFETY: allocated in `alloc_entries` with this layout.
            unsafe { System.dealloc(entries.as_ptr().cast(), layout) };
        }
        // SAFETY: allocated in `alloc_root` with this layout.
        unsafe { System.dealloc(root.as_ptr().cast(), Layout::new::<Root>()) };
        prev
    }
}

#[cfg(loom)]
mod memory {
    use super::{AtomicPtr, NonNull, Page, Root};

    pub(super) fn alloc_entries(len: usize) -> Option<NonNull<[AtomicPtr<Page>]>> {
        let entries: Box<[_]> = (0..len).map(|_| AtomicPtr::new(std::ptr::null_mut())).collect();
        Some(NonNull::from(Box::leak(entries)))
    }

    pub(super) fn alloc_root(root: Root) -> Option<NonNull<Root>> {
        Some(NonNull::from(Box::leak(Box::new(root))))
    }

    /// # Safety
    /// - `root` came from `alloc_root` and nobody uses it any more.
    pub(super) unsafe fn free_root(root: NonNull<Root>) -> Option<NonNull<Root>> {
        // SAFETY: leaked from a box in `alloc_root`.
        let root = unsafe { Box::from_raw(root.as_ptr()) };
        // SAFETY: leaked from a box in `alloc_entries`.
        drop(unsafe { Box::from_raw(root.entries.as_ptr()) });
        root.prev
    }
}

#[cfg(not(loom))]
use memory::zeroed;
use memory::{alloc_entries, alloc_root, free_root};

#[cfg(not(loom))]
const _: () = assert!(std::mem::size_of::<Page>() == 1152);
