//! The one door to atomics and locks: std's in a build, loom's or shuttle's in a model.
//! Downstream: every other module. Nothing else in the engine names `std::sync::atomic`.
//!
//! `--cfg loom` builds the models; with `--cfg shuttle` beside it, they run under shuttle.
//!
//! Each ordering stronger than Relaxed has a name in [`order`], so that `ci/loom.sh` can build the
//! engine with one of them weakened (`--cfg weaken="name"`) and require the model to fail.

#[cfg(not(loom))]
pub(crate) use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering},
};

#[cfg(not(loom))]
pub(crate) use std::cell::Cell;

/// Fails a model of loom's when two threads reach it with nothing to order them.
#[cfg(all(loom, not(shuttle)))]
pub(crate) use loom::cell::Cell;

#[cfg(all(loom, not(shuttle)))]
pub(crate) use loom::sync::{
    Arc,
    atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering},
};

#[cfg(shuttle)]
pub(crate) use std::cell::Cell;

#[cfg(shuttle)]
pub(crate) use shuttle::sync::{
    Arc,
    atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering},
};

/// A lock that ignores poisoning: every critical section here leaves its data valid at each step.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(Inner<T>);

#[cfg(not(loom))]
use std::sync::{Mutex as Inner, MutexGuard};

#[cfg(all(loom, not(shuttle)))]
use loom::sync::{Mutex as Inner, MutexGuard};

#[cfg(shuttle)]
use shuttle::sync::{Mutex as Inner, MutexGuard};

use std::sync::TryLockError;

impl<T> Mutex<T> {
    #[cfg(not(loom))]
    pub(crate) const fn new(value: T) -> Self {
        Self(Inner::new(value))
    }

    #[cfg(loom)]
    pub(crate) fn new(value: T) -> Self {
        Self(Inner::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// `None` while another thread has it; does not wait.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// Every ordering stronger than Relaxed, by the name of what it protects. DESIGN.md has the table
/// of sites, partners and models; a pair is named `X_PUBLISH` and `X_READ`.
pub(crate) mod order {
    use super::Ordering::{self, Acquire, Relaxed, Release};

    macro_rules! orders {
        ($($(#[$doc:meta])* $name:ident = $strong:ident unless $weaken:literal;)*) => {
            $($(#[$doc])*
            pub(crate) const $name: Ordering =
                if cfg!(weaken = $weaken) { Relaxed } else { $strong };)*
        };
    }

    orders! {
        /// A page's zeroed cells, before its address. Partner: `PAGE_READ`.
        PAGE_PUBLISH = Release unless "page_publish";
        /// Partner: `PAGE_PUBLISH`.
        PAGE_READ = Acquire unless "page_read";
        /// A grown root's copied entries, before its address. Partner: `ROOT_READ`.
        ROOT_PUBLISH = Release unless "root_publish";
        /// Partner: `ROOT_PUBLISH`.
        ROOT_READ = Acquire unless "root_read";
        /// A new shard's fields, before it joins the list. Partner: `SHARD_READ`.
        SHARD_PUBLISH = Release unless "shard_publish";
        /// Partner: `SHARD_PUBLISH`.
        SHARD_READ = Acquire unless "shard_read";
        /// What happened before a decrement (its increment), before the decrement. Partner: `DEC_READ`.
        DEC_PUBLISH = Release unless "dec_publish";
        /// Partner: `DEC_PUBLISH`; the merge reads every decrement first.
        DEC_READ = Acquire unless "dec_read";
        /// What a scraper saw before it asked, before its ticket. Partner: `TICKET_COVER`.
        TICKET_TAKE = Release unless "ticket_take";
        /// Partner: `TICKET_TAKE`; read once, before a merge begins.
        TICKET_COVER = Acquire unless "ticket_cover";
        /// A page number taken for a group, and the zeros that its taker has seen. Partner:
        /// `GROUP_READ`.
        GROUP_PUBLISH = Release unless "group_publish";
        /// Partner: `GROUP_PUBLISH`.
        GROUP_READ = Acquire unless "group_read";
        /// A returned page number's zeroed cells, before its bit clears. Partner: `NUMBER_TAKE`.
        NUMBER_FREE = Release unless "number_free";
        /// Partner: `NUMBER_FREE`.
        NUMBER_TAKE = Acquire unless "number_take";
        /// What was recorded through a handle, before the handle goes. Partner: `HOLD_READ`.
        HOLD_RELEASE = Release unless "hold_release";
        /// Partner: `HOLD_RELEASE`; an idle series is read once more after it.
        HOLD_READ = Acquire unless "hold_read";
        /// A chunk of start times, all free, before its address. Partner: `CHUNK_READ`.
        CHUNK_PUBLISH = Release unless "chunk_publish";
        /// Partner: `CHUNK_PUBLISH`.
        CHUNK_READ = Acquire unless "chunk_read";
        /// A value made when it was first needed, before its address. Partner: `LAZY_READ`.
        LAZY_PUBLISH = Release unless "lazy_publish";
        /// Partner: `LAZY_PUBLISH`.
        LAZY_READ = Acquire unless "lazy_read";
    }
}
