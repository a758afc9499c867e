//! Models of the protocols, each named for its claim. `ci/loom.sh` runs them in every interleaving,
//! and then builds the engine with each ordering weakened in turn and requires the model that guards
//! it to fail. `ci/shuttle.sh` runs them in random schedules, and those of `crowd`, which have more
//! threads than loom can afford; shuttle knows interleavings only, every ordering is the strongest.
//!
//! In each, the writer is the thread that spawned the readers: loom remembers one access per atomic,
//! and a writer that loads what it is about to store would hide a reader that came before.
//!
//! They run the code that the product runs: `shard` and `snapshot::publish`, on a core of their own.

#[cfg(shuttle)]
mod crowd;
mod handover;
mod lazy;
mod numbers;
mod pages;
#[cfg(shuttle)]
mod random;
mod series;
mod snapshots;
mod starts;

#[cfg(not(shuttle))]
use loom::{model, thread};
#[cfg(shuttle)]
use {random::model, shuttle::thread};

use crate::shard::change::{Add, Change};
use crate::shard::page::PAGE_BITS;
use crate::shard::{CellId, Core, Shard, page_of, place_of};

/// First cell of a page.
const fn cell(page: u32) -> CellId {
    page << PAGE_BITS
}

/// A core that outlives the threads of one execution of a model, and is freed with it.
struct Model(*const Core);

impl Model {
    fn new() -> Self {
        Self(Box::leak(Box::new(Core::new())))
    }

    fn core(&self) -> &'static Core {
        // SAFETY: freed by `drop`, after the model has joined its threads.
        unsafe { &*self.0 }
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: leaked in `new`; the threads that used it are joined.
        drop(unsafe { Box::from_raw(self.0.cast_mut()) });
    }
}

/// What `owner::apply` does, on a shard that this thread owns.
fn record(shard: &Shard, cell: CellId, change: impl Change) {
    // SAFETY: the caller owns the shard.
    let page = unsafe { shard.owned_page(page_of(cell)) };
    change.own(&page.expect("memory").cells()[place_of(cell)]);
}

/// A thread's whole life: adopt, add one, release; or add to the shared shard.
fn live_and_die(core: &'static Core, cell: CellId) {
    if let Some(shard) = core.adopt() {
        record(shard, cell, Add(1));
        // SAFETY: the shard is this thread's, which writes to it no more.
        unsafe { core.release(shard) };
    } else {
        let page = core.shared_page(page_of(cell)).expect("memory");
        Add(1).shared(&page.cells()[place_of(cell)]);
    }
}

fn join<T>(handle: thread::JoinHandle<T>) -> T {
    handle.join().expect("a modelled thread panicked")
}
