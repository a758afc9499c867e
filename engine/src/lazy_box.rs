//! A value that is made when it is first needed, behind one word. Nobody waits for who makes it.
//! Upstream: series, for what most of them never need.

use crate::sync::{AtomicPtr, order};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

/// An empty place, or a value that stays. Two threads that make it at once both do; one is dropped.
pub(crate) struct LazyBox<T> {
    /// Null, or from `Box::into_raw`; set once.
    value: AtomicPtr<T>,
    owns: PhantomData<T>,
}

impl<T: Send + Sync> LazyBox<T> {
    pub(crate) fn empty() -> Self {
        Self { value: AtomicPtr::new(ptr::null_mut()), owns: PhantomData }
    }

    pub(crate) fn new(value: T) -> Self {
        Self { value: AtomicPtr::new(Box::into_raw(Box::new(value))), owns: PhantomData }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        let value = NonNull::new(self.value.load(order::LAZY_READ))?; // partner LAZY_PUBLISH
        // SAFETY: from a box, whole since LAZY_READ, freed by `drop` only.
        Some(unsafe { value.as_ref() })
    }

    /// As [`LazyBox::get`].
    #[cfg(all(test, not(loom)))]
    pub(crate) fn get_mut(&mut self) -> Option<&mut T> {
        let mut value = NonNull::new(*self.value.get_mut())?;
        // SAFETY: from a box, freed by `drop` only, and `&mut self` is the only way to it.
        Some(unsafe { value.as_mut() })
    }

    /// The value; made by `make` if there is none. Allocates then.
    pub(crate) fn get_or_make(&self, make: impl FnOnce() -> T) -> &T {
        self.get().unwrap_or_else(|| self.put(make()))
    }

    #[cold]
    fn put(&self, value: T) -> &T {
        let made = Box::into_raw(Box::new(value));
        // Partner LAZY_READ.
        let (publish, read) = (order::LAZY_PUBLISH, order::LAZY_READ);
        match self.value.compare_exchange(ptr::null_mut(), made, publish, read) {
            // SAFETY: from the box above, freed by `drop` only.
            Ok(_) => unsafe { &*made },
            Err(known) => {
                // SAFETY: from the box above, and nobody else has seen it.
                drop(unsafe { Box::from_raw(made) });
                // SAFETY: not null, else the exchange had not failed; as in `get`.
                unsafe { &*known }
            }
        }
    }
}

impl<T> Drop for LazyBox<T> {
    fn drop(&mut self) {
        if let Some(value) = NonNull::new(self.value.load(order::LAZY_READ)) {
            // SAFETY: from a box, and this is the only reference that is left.
            drop(unsafe { Box::from_raw(value.as_ptr()) });
        }
    }
}
