//! A state set's reading. Upstream: merge. Downstream: encode.

use crate::sync::Arc;

/// One state set in a [`super::Snapshot`].
#[derive(Clone, Copy)]
pub struct StateSetSnapshot<'a> {
    names: &'a [Box<str>],
    bits: u64,
}

impl<'a> StateSetSnapshot<'a> {
    pub(super) fn new(names: &'a Arc<[Box<str>]>, bits: u64) -> Self {
        Self { names, bits }
    }

    /// Every state in the order of registration, and whether it is on.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'a str, bool)> + use<'a> {
        let bits = self.bits;
        self.names.iter().enumerate().map(move |(at, name)| (&**name, bits >> at & 1 != 0))
    }

    /// Whether the state of this name is on.
    #[must_use]
    pub fn is_on(&self, state: &str) -> bool {
        self.iter().any(|(name, on)| on && name == state)
    }

    /// How many states are on.
    #[must_use]
    pub fn on(&self) -> u32 {
        self.bits.count_ones()
    }

    pub(super) fn differing(&self, other: Self) -> u32 {
        (self.bits ^ other.bits).count_ones()
    }
}

impl std::fmt::Debug for StateSetSnapshot<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
