//! Who holds a series: the handles of the program, and the memories of threads, which do not count
//! when an idle series is to be retired.
//! Upstream: handles and caches. Downstream: retirement.

use crate::sync::{AtomicU64, Ordering::Relaxed, order};

/// All holders in the low half, those among them that threads merely remember in the high half: one
/// word, so that one load tells whether they are the same.
pub(crate) struct Holds(AtomicU64);

const REMEMBERED: u64 = 1 << 32;

impl Holds {
    crate::const_fn! {
        pub(crate) fn new() -> Self {
            Self(AtomicU64::new(0))
        }
    }

    /// A handle more.
    pub(crate) fn hold(&self) {
        self.0.fetch_add(1, Relaxed); // Relaxed: who could retire is shut out by the map's lock
    }

    /// A handle less. Its records come before.
    pub(crate) fn release(&self) {
        // Partner HOLD_READ: whoever finds the series without holders sees all their records.
        self.0.fetch_sub(1, order::HOLD_RELEASE);
    }

    /// One of the handles is a thread's memory only.
    pub(crate) fn remember(&self) {
        self.0.fetch_add(REMEMBERED, Relaxed);
    }

    /// It no longer is: about to be released.
    pub(crate) fn forget(&self) {
        self.0.fetch_sub(REMEMBERED, Relaxed);
    }

    /// Whether no handle is left but those that threads remember.
    pub(crate) fn idle(&self) -> bool {
        let holds = self.0.load(order::HOLD_READ); // partner HOLD_RELEASE
        holds & (REMEMBERED - 1) == holds >> 32
    }
}
