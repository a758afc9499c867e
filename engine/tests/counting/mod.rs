//! A global allocator that counts, for tests that must not allocate. Included where it is needed:
//! a program has one global allocator.

#![allow(unreachable_pub, dead_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts what each thread asks for.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// Of all threads.
static TOTAL: AtomicU64 = AtomicU64::new(0);

fn count() {
    // Relaxed: a count, which orders nothing.
    TOTAL.fetch_add(1, Relaxed);
    ALLOCATIONS.with(|n| n.set(n.get() + 1));
}

// SAFETY: passes everything on to `System`; the count is a thread-local without destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's duty, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's duty, passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's duty, passed on.
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's duty, passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of this thread so far.
pub fn so_far() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

/// Allocations of all other threads so far.
pub fn of_others() -> u64 {
    TOTAL.load(Relaxed) - so_far()
}

/// Allocations of this thread while `work` runs.
pub fn allocations(work: impl FnOnce()) -> u64 {
    let before = so_far();
    work();
    so_far() - before
}
