//! Which shard the running thread writes to, from its first record to its last destructor.
//! Upstream: record. Downstream: the process-wide [`Core`].
//!
//! A thread adopts a shard at its first touch and puts it up for adoption when it ends, or, when a
//! pinned handle outlives the thread's own guard, when that handle goes. From then on, and beyond
//! the shard limit, records go to the shared shard.

use super::change::{At, Change, PageChange};
use super::page::Page;
use super::{CellId, Core, Shard, page_of};
use crate::sync::{AtomicPtr, Ordering::Relaxed, order};
use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr::NonNull;

/// The process-wide core.
pub(crate) static CORE: Core = Core::new();

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    /// No shard yet, or none to be had so far.
    Fresh,
    /// Owns a shard, and the guard will release it.
    Live,
    /// The guard has run; the last pinned handle will release the shard.
    Leaving,
    /// The guard has run and the shard is released: only the shared shard is left.
    Gone,
}

/// What the recording path needs of the thread's shard. Has no destructor, so that it can be read
/// while the thread's other locals are being destroyed.
struct Local {
    /// The entries of the shard's root; none without a shard.
    entries: Cell<*const AtomicPtr<Page>>,
    len: Cell<usize>,
    shard: Cell<Option<&'static Shard>>,
    stage: Cell<Stage>,
    /// Pinned handles alive on this thread.
    pins: Cell<usize>,
}

/// Releases the shard when the thread ends.
struct Guard;

thread_local! {
    static LOCAL: Local = const {
        Local {
            entries: Cell::new(std::ptr::null()),
            len: Cell::new(0),
            shard: Cell::new(None),
            stage: Cell::new(Stage::Fresh),
            pins: Cell::new(0),
        }
    };
    static GUARD: Guard = const { Guard };
}

impl Drop for Guard {
    fn drop(&mut self) {
        LOCAL.with(Local::leave);
    }
}

impl Local {
    /// The thread's own page, if it has it already.
    #[inline(always)]
    fn page(&self, number: usize) -> Option<&'static Page> {
        if number >= self.len.get() {
            return None;
        }
        // SAFETY: `entries` has `len` entries (see `cache`), and `number` is below that.
        let entry = unsafe { self.entries.get().add(number) };
        // SAFETY: they are those of this thread's shard, whose roots live for ever.
        let entry = unsafe { &*entry };
        // Relaxed: this thread stored the entry itself, or took the shard over under a lock.
        let page = NonNull::new(entry.load(Relaxed))?;
        // SAFETY: a published page lives as long as its shard, and CORE's shards live for ever.
        Some(unsafe { page.as_ref() })
    }

    /// The thread's own page, brought, or `None` where only the shared shard is left.
    #[cold]
    #[inline(never)]
    fn claim(&self, number: usize) -> Option<&'static Page> {
        if self.stage.get() == Stage::Fresh {
            self.enter();
        }
        let shard = self.shard.get()?;
        // SAFETY: this thread owns the shard.
        let page = unsafe { shard.owned_page(number) };
        self.cache(shard);
        page
    }

    /// Adopts a shard, once the guard that will release it stands.
    fn enter(&self) {
        if GUARD.try_with(|_| ()).is_err() {
            self.stage.set(Stage::Gone);
        } else if let Some(shard) = CORE.adopt() {
            self.adopted(shard, Stage::Live);
        }
    }

    fn adopted(&self, shard: &'static Shard, stage: Stage) {
        self.shard.set(Some(shard));
        self.stage.set(stage);
        self.cache(shard);
    }

    fn cache(&self, shard: &'static Shard) {
        let entries = shard.entries();
        self.entries.set(entries.as_ptr());
        self.len.set(entries.len());
    }

    /// The thread ends.
    fn leave(&self) {
        self.stage.set(Stage::Leaving);
        if self.pins.get() == 0 {
            self.release();
        }
    }

    fn release(&self) {
        self.len.set(0);
        self.stage.set(Stage::Gone);
        if let Some(shard) = self.shard.take() {
            // SAFETY: `len` is 0 and `shard` is gone, so this thread writes to it no more.
            unsafe { CORE.release(shard) };
        }
    }

    /// Counts a pinned handle in; says whether it has a shard of its own to be pinned to.
    fn pin(&self) -> bool {
        match self.stage.get() {
            Stage::Fresh => self.enter(),
            // A destructor makes a pinned handle: it brings a shard of its own.
            Stage::Gone => {
                if let Some(shard) = CORE.adopt() {
                    self.adopted(shard, Stage::Leaving);
                }
            }
            Stage::Live | Stage::Leaving => {}
        }
        if self.shard.get().is_none() {
            return false;
        }
        self.pins.set(self.pins.get() + 1);
        true
    }

    fn unpin(&self) {
        self.pins.set(self.pins.get() - 1);
        if self.pins.get() == 0 && self.stage.get() == Stage::Leaving {
            self.release();
        }
    }
}

/// Applies `change` to the calling thread's cell.
///
/// Wait-free and without allocation once the thread has touched the cell's page.
#[inline(always)]
pub(crate) fn apply(cell: CellId, change: impl Change) {
    // Cells of a registry have a page in the shared shard, so that this never fails.
    let _always_true = apply_page(page_of(cell), At(cell, change));
}

/// Applies `change` to the calling thread's page; as [`apply`]. Says whether there was a page or
/// the memory for one.
#[inline(always)]
pub(crate) fn apply_page(number: usize, change: impl PageChange) -> bool {
    apply_known(number, change) || LOCAL.with(|local| apply_cold(local, number, change))
}

/// Applies `change` to the calling thread's page if it has it, and says so.
#[inline(always)]
pub(crate) fn apply_known(number: usize, change: impl PageChange) -> bool {
    LOCAL.with(|local| local.page(number).map(|page| change.own(page)).is_some())
}

#[cold]
#[inline(never)]
fn apply_cold(local: &Local, number: usize, change: impl PageChange) -> bool {
    if let Some(own) = local.claim(number) {
        change.own(own);
        return true;
    }
    CORE.shared_page(number).map(|shared| change.shared(shared)).is_some()
}

/// Brings a page, so that the next record on this thread finds it.
pub(crate) fn warm(number: usize) {
    LOCAL.with(|local| {
        if local.page(number).is_none() {
            local.claim(number);
        }
    });
}

/// Whether the thread has this page of its own.
#[cfg(test)]
pub(crate) fn has(number: usize) -> bool {
    LOCAL.with(|local| local.page(number).is_some())
}

/// Sums the pages' own sums over every shard, saturating.
pub(crate) fn sum_of_page(number: usize) -> u64 {
    let pages = CORE.pages(number);
    pages.fold(0, |sum, page| sum.saturating_add(page.sum().load(Relaxed)))
}

/// Sums a cell over every shard, saturating.
pub(crate) fn sum_saturating(cell: CellId) -> u64 {
    CORE.each_value(cell, Relaxed).fold(0, u64::saturating_add)
}

/// Sums a cell over every shard.
pub(crate) fn sum(cell: CellId) -> u64 {
    CORE.sum(cell, Relaxed)
}

/// Sums a cell of decrements: whoever reads the increments afterwards finds each one's partner.
pub(crate) fn sum_decrements(cell: CellId) -> u64 {
    CORE.sum(cell, order::DEC_READ)
}

/// Sums a cell of floating-point bits over every shard.
pub(crate) fn sum_floats(cell: CellId) -> f64 {
    CORE.each_value(cell, Relaxed).map(f64::from_bits).fold(0.0, |sum, x| sum + x)
}

/// Keeps the thread's shard from being adopted by another thread. Bound to its thread: not `Send`.
pub(crate) struct Pin {
    own: bool,
    _not_send: PhantomData<*const ()>,
}

impl Pin {
    pub(crate) fn new() -> Self {
        Self { own: LOCAL.with(Local::pin), _not_send: PhantomData }
    }

    /// The page of the thread's own shard, brought; good for as long as the pin. `None` without such
    /// a shard, and when memory is out.
    pub(crate) fn own_page(&self, number: usize) -> Option<&'static Page> {
        if self.own { LOCAL.with(|local| local.claim(number)) } else { None }
    }

    /// The pinned shard's page, brought; good for as long as the pin. `None` when memory is out.
    pub(crate) fn page(&self, number: usize) -> Option<&'static Page> {
        if self.own { LOCAL.with(|local| local.claim(number)) } else { CORE.shared_page(number) }
    }

    /// Applies `change` to a page that came from [`Pin::page`].
    #[inline(always)]
    pub(crate) fn apply(&self, page: &Page, change: impl PageChange) {
        if self.own { change.own(page) } else { change.shared(page) }
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        if self.own {
            LOCAL.with(Local::unpin);
        }
    }
}
