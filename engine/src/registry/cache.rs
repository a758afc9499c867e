//! A thread's own memory of the series it looked up by label values.
//! Upstream: `Family::at`. Downstream: the family's map, on a miss.
//!
//! A hit neither allocates, locks, nor writes to memory that threads share: not even a reference
//! count of a handle. So what it gives stays on its thread.

use super::labels::LabelKey;
use super::series::{Instrument, Series};
use crate::sync::Arc;
use foldhash::fast::FixedState;
use std::any::Any;
use std::cell::RefCell;
use std::hash::BuildHasher;
use std::ops::{Deref, Range};
use std::rc::Rc;

/// Series that a thread remembers, of all families together: what an idle thread can keep alive of
/// dropped registries is bounded by it.
const SLOTS: usize = 256;

/// Slots that a key may be in: so many keys whose hashes collide are all remembered.
const WAYS: usize = 4;

/// Keys that collide cost look-ups in the map, nothing else.
const HASHER: FixedState = FixedState::with_seed(0x746d_635f_6d65_7472);

/// What a thread remembers of one series.
struct Slot {
    family: u64,
    hash: u64,
    series: Arc<Series>,
    /// An [`Rc`] of the family's instrument.
    handle: Rc<dyn Any>,
}

const _: () = assert!(size_of::<Option<Slot>>() * SLOTS <= 10 << 10);

thread_local! {
    /// Empty until the thread's first look-up, which makes room for all slots.
    static CACHE: RefCell<Vec<Option<Slot>>> = const { RefCell::new(Vec::new()) };
}

/// An instrument that was looked up by label values, to be used on this thread and at once.
///
/// Holds no lock. To keep a handle, or to send one to another thread, clone the instrument.
#[derive(Clone, Debug)]
pub struct Found<M>(Rc<M>);

impl<M> Deref for Found<M> {
    type Target = M;

    #[inline]
    fn deref(&self) -> &M {
        &self.0
    }
}

/// The instrument of a family's series, from the thread's cache or else from `look_up`.
///
/// The whole key is compared. A series that stands in for the one asked for is not remembered, and
/// nothing is while the thread's locals are being destroyed.
#[inline]
pub(super) fn find<M: Instrument + 'static>(
    family: u64,
    labels: &dyn LabelKey,
    look_up: impl FnOnce() -> Arc<Series>,
) -> Found<M> {
    let hash = HASHER.hash_one((family, labels));
    let known = CACHE.try_with(|cache| {
        let cache = cache.try_borrow().ok()?;
        let mut ways = cache.get(ways(hash))?.iter().flatten();
        let same = |slot: &&Slot| slot.hash == hash && slot.family == family;
        let slot = ways.find(|slot| same(slot) && slot.series.labels.is(labels))?;
        Rc::clone(&slot.handle).downcast().ok()
    });
    match known {
        Ok(Some(handle)) => Found(handle),
        _ => remember(family, hash, labels, look_up()),
    }
}

/// The slots that a key may be in.
#[inline]
const fn ways(hash: u64) -> Range<usize> {
    let first = hash as usize % (SLOTS / WAYS) * WAYS;
    first..first + WAYS
}

#[cold]
#[inline(never)]
fn remember<M: Instrument + 'static>(
    family: u64,
    hash: u64,
    labels: &dyn LabelKey,
    series: Arc<Series>,
) -> Found<M> {
    let handle = Rc::new(M::of(Arc::clone(&series)));
    if series.labels.is(labels) {
        let slot = Slot { family, hash, series, handle: handle.clone() };
        // Dropped after the borrow: it may give cells back.
        let _replaced = CACHE.try_with(|cache| {
            let mut cache = cache.try_borrow_mut().ok()?;
            if cache.is_empty() {
                cache.resize_with(SLOTS, || None);
            }
            let ways = &mut cache[ways(hash)];
            let free = ways.iter().position(Option::is_none);
            ways[free.unwrap_or((hash >> 32) as usize % WAYS)].replace(slot)
        });
    }
    Found(handle)
}
