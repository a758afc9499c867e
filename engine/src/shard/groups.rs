//! Pages that somebody needs by and by: the octaves of a histogram.
//! Upstream: record, which takes a page number at the first touch of anybody, without a lock and
//! without memory. Downstream: snapshot, which sums each page taken.

use super::{PageNumbers, VOID_PAGE};
use crate::sync::{AtomicU32, order};

/// The page number of each group of buckets; 0 until somebody observes a value there.
pub(crate) struct Groups(Box<[AtomicU32]>);

impl Groups {
    /// So many groups, no page taken.
    pub(crate) fn new(len: usize) -> Self {
        Self((0..len).map(|_| AtomicU32::new(0)).collect())
    }

    /// Every group is the void page.
    pub(crate) fn nowhere(len: usize) -> Self {
        Self((0..len).map(|_| AtomicU32::new(VOID_PAGE)).collect())
    }

    /// The page number of a group; 0 if nobody has been there.
    ///
    /// # Safety
    /// - `group` is less than the length that this was made with.
    #[inline(always)]
    pub(crate) unsafe fn known(&self, group: usize) -> usize {
        debug_assert!(group < self.0.len());
        // SAFETY: the caller's duty.
        let entry = unsafe { self.0.get_unchecked(group) };
        // Partner GROUP_PUBLISH: this thread may have written to the page in an earlier life of the
        // number; whoever took it has seen the zeros since, and now this thread has.
        entry.load(order::GROUP_READ) as usize
    }

    /// The page number of a group, taken if need be. `None` if there is none left.
    pub(crate) fn page(&self, group: usize, numbers: &PageNumbers) -> Option<usize> {
        if group >= self.0.len() {
            return None;
        }
        // SAFETY: just checked.
        match unsafe { self.known(group) } {
            0 => self.take(group, numbers),
            number => Some(number),
        }
    }

    #[cold]
    #[inline(never)]
    fn take(&self, group: usize, numbers: &PageNumbers) -> Option<usize> {
        let entry = self.0.get(group)?;
        let number = numbers.take()?;
        // Partner GROUP_READ.
        match entry.compare_exchange(0, number, order::GROUP_PUBLISH, order::GROUP_READ) {
            Ok(_) => Some(number as usize),
            Err(winner) => {
                numbers.free(number); // nobody has written to it: still zero
                Some(winner as usize)
            }
        }
    }

    /// Groups that have a page: index and page number.
    pub(crate) fn taken(&self) -> impl Iterator<Item = (usize, u32)> {
        // Partner GROUP_PUBLISH, as in `known`: a reader must not see an earlier life's values.
        let numbers = self.0.iter().map(|entry| entry.load(order::GROUP_READ)).enumerate();
        numbers.filter(|&(_, number)| number != 0)
    }
}
