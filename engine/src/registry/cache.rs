//! A thread's own memory of the series it looked up by label values.
//! Upstream: `Family::at`. Downstream: the family's map, on a miss.
//!
//! A hit neither allocates, locks, nor writes to memory that threads share. Sets of labels with few
//! values index an array per family; the others are hashed, and the full key is compared. What a
//! look-up gives is borrowed from the memory, which it keeps busy: while one is alive, further ones
//! go to the map.

mod dense;
mod hashed;

use super::instrument::{AnyHandle, Instrument};
use super::labels::{Key, LabelTexts};
use super::series::{Hold, Series};
use crate::snapshot::next_id;
use crate::sync::{Arc, AtomicU64, Mutex, Ordering::Relaxed};
use dense::{DenseNumber, Table, Tables};
use hashed::Slots;
use std::any::TypeId;
use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::NonNull;

/// What a thread remembers.
#[derive(Default)]
struct Memory {
    slots: Slots,
    tables: Tables,
}

/// The way to it. Has no destructor, so that it can be reached while the thread's other locals are
/// being destroyed.
struct Local {
    /// None before the thread's first look-up, and once the guard has run.
    memory: Cell<Option<NonNull<Memory>>>,
    /// The memory's tables: none where there is no memory.
    tables: Cell<*const [Table]>,
    /// Somebody borrows from the memory, or changes it.
    busy: Cell<bool>,
}

/// Keeps the memory busy until it is dropped.
struct Busy<'a>(&'a Cell<bool>);

impl<'a> Busy<'a> {
    #[inline(always)]
    fn begin(busy: &'a Cell<bool>) -> Option<Self> {
        (!busy.replace(true)).then(|| Self(busy)) // lazily: dropping one ends it
    }
}

impl Drop for Busy<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// Forgets what the thread remembers when it ends.
struct Guard;

thread_local! {
    static LOCAL: Local = const {
        Local { memory: Cell::new(None), tables: Cell::new(&[]), busy: Cell::new(false) }
    };
    static GUARD: Guard = const { Guard };
}

impl Drop for Guard {
    fn drop(&mut self) {
        LOCAL.with(|local| {
            let memory = local.memory.take();
            local.tables.set(&[]);
            // Whoever still borrows from the memory, in a thread-local that is destroyed later,
            // keeps it for ever.
            if let Some(memory) = memory.filter(|_| !local.busy.get()) {
                // SAFETY: from `Box::leak` in `Local::memory`, nobody borrows from it, and nobody
                // finds it any more.
                drop(unsafe { Box::from_raw(memory.as_ptr()) });
            }
        });
    }
}

/// A series that a thread remembers.
struct Remembered {
    series: Arc<Series>,
    handle: AnyHandle,
}

impl Remembered {
    fn new<M: Instrument>(series: Arc<Series>) -> Self {
        let handle = M::of(Hold::new(Arc::clone(&series))).into_any();
        series.holds.remember();
        Self { series, handle }
    }
}

impl Drop for Remembered {
    fn drop(&mut self) {
        self.series.holds.forget(); // before the handle goes
    }
}

/// An instrument that was looked up by label values, to be used at once and on this thread.
///
/// Holds no lock. While it lives, further look-ups on this thread take the slow way. To keep a
/// handle, take it from [`super::Family::with`]: one that is cloned from here may be of a series that
/// is being retired just then, and record nowhere visible from then on.
pub struct Found<'a, M> {
    handle: Handle<M>,
    _family: PhantomData<&'a ()>,
    /// It belongs to its thread.
    _not_send: PhantomData<*const ()>,
}

enum Handle<M> {
    /// In the thread's memory, which is busy until this is dropped.
    Borrowed(NonNull<M>),
    Owned(M),
}

impl<M> Found<'_, M> {
    fn new(handle: Handle<M>) -> Self {
        Self { handle, _family: PhantomData, _not_send: PhantomData }
    }
}

impl<M> Deref for Found<'_, M> {
    type Target = M;

    #[inline(always)]
    fn deref(&self) -> &M {
        match &self.handle {
            // SAFETY: the memory is busy, so nobody changes or frees it.
            Handle::Borrowed(handle) => unsafe { handle.as_ref() },
            Handle::Owned(handle) => handle,
        }
    }
}

impl<M> Drop for Found<'_, M> {
    #[inline(always)]
    fn drop(&mut self) {
        if let Handle::Borrowed(_) = self.handle {
            LOCAL.with(|local| local.busy.set(false));
        }
    }
}

impl<M: std::fmt::Debug> std::fmt::Debug for Found<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        M::fmt(self, f)
    }
}

/// How a family appears in the memories of threads.
pub(super) struct CacheKey {
    family: u64,
    /// Of arrays, for sets of labels with few values: one for each type of set, because two types
    /// may number the same values differently.
    numbers: Mutex<Vec<(TypeId, DenseNumber)>>,
    /// Changes whenever a series leaves the family, or is about to; no two families share one.
    /// Relaxed: whoever must know of a removal learns of it from the thread that removed.
    stamp: AtomicU64,
}

impl CacheKey {
    pub(super) fn new(family: u64) -> Self {
        Self { family, numbers: Mutex::default(), stamp: AtomicU64::new(next_id()) }
    }

    /// The number of the array for this type of set, the family's for good. Locks.
    pub(super) fn number_for<K: Key + 'static>(&self) -> usize {
        if !dense::is_dense(<K::Of<'static> as LabelTexts>::COMBINATIONS) {
            return usize::MAX; // asked by nobody
        }
        let mut numbers = self.numbers.lock();
        let set = TypeId::of::<K>();
        let known = numbers.iter().position(|(known, _)| *known == set).unwrap_or_else(|| {
            numbers.push((set, DenseNumber::take()));
            numbers.len() - 1
        });
        numbers[known].1.0
    }

    /// Arrays of the family are to be filled anew. Call it after removals.
    pub(super) fn outdate(&self) {
        self.stamp.store(next_id(), Relaxed);
    }
}

/// The instrument of a family's series, from the thread's memory or else from `look_up`.
/// `number` is that of the type of set.
///
/// A series that stands in for the one asked for is not remembered, and nothing is while the
/// thread's locals are being destroyed.
#[inline]
pub(super) fn find<'a, M: Instrument, T: LabelTexts>(
    key: &'a CacheKey,
    number: usize,
    texts: T,
    look_up: impl FnOnce(&T) -> Hold,
) -> Found<'a, M> {
    // Before the map is asked: what is remembered under it is as old at least.
    let stamp = key.stamp.load(Relaxed);
    let known = LOCAL.with(|local| {
        let busy = Busy::begin(&local.busy)?; // before the labels' own code runs: it may look up, too
        let remembered = if const { dense::is_dense(T::COMBINATIONS) } {
            // SAFETY: the memory's, as `Local::change` left them, or none; nobody changes them, for
            // only this thread could and it keeps the memory busy.
            let tables = unsafe { &*local.tables.get() };
            let found = dense::find(tables, stamp, number, texts.index())?;
            debug_assert!(found.series.labels.is(&texts), "two values of a label have one index");
            found
        } else {
            // SAFETY: made in `Local::memory`; as above.
            let memory = unsafe { local.memory.get()?.as_ref() };
            memory.slots.find(key.family, hashed::hash(key.family, &texts), &texts)?
        };
        let handle = NonNull::from(M::from_any(&remembered.handle)?);
        std::mem::forget(busy); // ends with what is found
        Some(handle)
    });
    match known {
        Some(handle) => Found::new(Handle::Borrowed(handle)),
        None => find_slowly(key, number, stamp, texts, look_up),
    }
}

#[cold]
#[inline(never)]
fn find_slowly<'a, M: Instrument, T: LabelTexts>(
    key: &'a CacheKey,
    number: usize,
    stamp: u64,
    texts: T,
    look_up: impl FnOnce(&T) -> Hold,
) -> Found<'a, M> {
    let series = look_up(&texts);
    if series.labels.is(&texts) {
        LOCAL.with(|local| {
            let remembered = Remembered::new::<M>(series.series());
            local.change(|memory| {
                if dense::is_dense(T::COMBINATIONS) {
                    let place = (texts.index(), T::COMBINATIONS);
                    memory.tables.put(stamp, number, place, remembered);
                } else {
                    let hash = hashed::hash(key.family, &texts);
                    memory.slots.put(key.family, hash, remembered);
                }
            });
        });
    }
    Found::new(Handle::Owned(M::of(series)))
}

impl Local {
    /// Changes the memory, made now if need be, unless somebody borrows from it.
    fn change(&self, change: impl FnOnce(&mut Memory)) {
        let Some(mut memory) = self.memory().filter(|_| !self.busy.get()) else { return };
        self.busy.set(true);
        // SAFETY: made in `memory`, freed by the guard only; nobody borrows from it, and look-ups
        // that the change itself makes find it busy.
        let memory = unsafe { memory.as_mut() };
        change(memory);
        self.tables.set(memory.tables.all());
        self.busy.set(false);
    }

    fn memory(&self) -> Option<NonNull<Memory>> {
        self.memory.get().or_else(|| {
            GUARD.try_with(|_| ()).ok()?; // or else nobody would free it
            let made = NonNull::from(Box::leak(Box::default()));
            self.memory.set(Some(made));
            Some(made)
        })
    }
}
