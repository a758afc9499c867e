//! Page numbers, process-wide: a bitmap, because the recording path takes a number at the first
//! touch of an octave and may neither lock nor allocate for it.
//! Upstream: registry and record, which need cells. Downstream: shard, where a number is a page.

use super::VOID_PAGE;
use crate::sync::{AtomicU64, AtomicUsize, Ordering::Relaxed, order};

/// 2^20 page numbers, 2^27 cells.
const WORDS: usize = if cfg!(loom) { 1 } else { 1 << 14 };

/// Bits of page 0, which is no page, and of the void page.
const RESERVED: u64 = 1 | 1 << VOID_PAGE;

/// Which page numbers are taken. The lowest free one goes first, so that roots stay short.
pub(crate) struct PageNumbers {
    taken: [AtomicU64; WORDS],
    /// No word before this one has a free bit, unless a `free` is just lowering it.
    hint: AtomicUsize,
}

impl PageNumbers {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Self { taken: [const { AtomicU64::new(0) }; WORDS], hint: AtomicUsize::new(0) }
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Self { taken: std::array::from_fn(|_| AtomicU64::new(0)), hint: AtomicUsize::new(0) }
    }

    /// Takes the lowest free number; never [`super::VOID_PAGE`]. `None` when all are taken.
    pub(crate) fn take(&self) -> Option<u32> {
        let start = self.hint.load(Relaxed); // Relaxed: only where to begin
        (start..WORDS).chain(0..start).find_map(|word| self.take_in(word))
    }

    fn take_in(&self, word: usize) -> Option<u32> {
        let reserved = if word == 0 { RESERVED } else { 0 };
        let mut seen = self.taken[word].load(Relaxed) | reserved;
        while seen != u64::MAX {
            let bit = 1 << seen.trailing_ones();
            // Partner NUMBER_FREE: the cells that were zeroed before the number came back.
            seen = self.taken[word].fetch_or(bit, order::NUMBER_TAKE) | reserved;
            if seen & bit == 0 {
                self.hint.store(word, Relaxed);
                return Some(word as u32 * 64 + bit.trailing_zeros());
            }
        }
        None
    }

    /// Returns a number whose cells are zero in every shard.
    pub(crate) fn free(&self, number: u32) {
        let (word, bit) = (number as usize / 64, 1 << (number % 64));
        // Partner NUMBER_TAKE: whoever takes it next finds the zeros.
        self.taken[word].fetch_and(!bit, order::NUMBER_FREE);
        self.hint.fetch_min(word, Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_free_number_goes_first_and_the_void_page_never() {
        let numbers = Box::new(PageNumbers::new());
        let first: Vec<_> = (0..130).filter_map(|_| numbers.take()).collect();
        assert_eq!(first, (2..=131).collect::<Vec<_>>());
        numbers.free(7);
        numbers.free(99);
        assert_eq!(
            (numbers.take(), numbers.take(), numbers.take()),
            (Some(7), Some(99), Some(132))
        );
    }

    #[test]
    fn when_all_are_taken_there_is_none() {
        let numbers = Box::new(PageNumbers::new());
        let all = WORDS * 64;
        assert_eq!((2..all).filter_map(|_| numbers.take()).count(), all - 2);
        assert_eq!(numbers.take(), None);
    }
}
