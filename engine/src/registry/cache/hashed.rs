//! Series that a thread remembers by the hash of their labels, of all families together.
//! Upstream: `cache`. Downstream: nothing.

use super::super::labels::LabelTexts;
use super::Remembered;
use foldhash::fast::FixedState;
use std::hash::{BuildHasher, Hasher};
use std::ops::Range;

/// Slots of a thread that looked up little.
const FIRST_SLOTS: usize = 64;

/// Series that a thread remembers at most: what an idle thread can keep alive is bounded by it.
const MOST_SLOTS: usize = 2048;

/// Slots that a key may be in: so many keys whose hashes collide are all remembered.
const WAYS: usize = 4;

/// Keys that collide cost look-ups in the map, nothing else.
const HASHER: FixedState = FixedState::with_seed(0x746d_635f_6d65_7472);

#[inline(always)]
pub(super) fn hash(family: u64, texts: &impl LabelTexts) -> u64 {
    let mut hasher = HASHER.build_hasher();
    hasher.write_u64(family);
    texts.all(&mut |text| {
        hasher.write(text.as_bytes()); // mixes the length in, too
        true
    });
    hasher.finish()
}

/// A power of two of slots, the ways of a key beside each other.
pub(super) struct Slots(Box<[Option<Slot>]>);

struct Slot {
    family: u64,
    hash: u64,
    remembered: Remembered,
}

const _: () = assert!(size_of::<Option<Slot>>() * FIRST_SLOTS <= 3 << 10);
const _: () = assert!(size_of::<Option<Slot>>() * MOST_SLOTS <= 96 << 10);

impl Default for Slots {
    fn default() -> Self {
        Self::empty(FIRST_SLOTS)
    }
}

impl Slots {
    fn empty(slots: usize) -> Self {
        Self((0..slots).map(|_| None).collect())
    }

    /// The slots that a key may be in.
    #[inline(always)]
    fn ways(&self, hash: u64) -> Range<usize> {
        let first = (hash as usize).wrapping_mul(WAYS) & (self.0.len() - 1);
        first..first + WAYS
    }

    /// The series with these labels, if it is remembered and still in its family.
    #[inline(always)]
    pub(super) fn find(
        &self,
        family: u64,
        hash: u64,
        texts: &impl LabelTexts,
    ) -> Option<&Remembered> {
        let mut ways = self.0.get(self.ways(hash))?.iter().flatten();
        let slot = ways.find(|slot| slot.hash == hash && slot.family == family)?;
        (slot.is_live() && slot.remembered.series.labels.is(texts)).then_some(&slot.remembered)
    }

    /// Remembers a series. Where it would take the place of another one, there are twice as many slots from
    /// now on; at the most of them, it does take that place.
    pub(super) fn put(&mut self, family: u64, hash: u64, remembered: Remembered) {
        let same = |slot: &Option<Slot>| match slot {
            Some(slot) => slot.hash == hash && slot.family == family,
            None => false,
        };
        let gone = |slot: &Option<Slot>| slot.as_ref().is_none_or(|slot| !slot.is_live());
        let place = loop {
            let ways = self.ways(hash);
            let slots = &self.0[ways.clone()];
            match slots.iter().position(same).or_else(|| slots.iter().position(gone)) {
                Some(way) => break ways.start + way,
                None if self.0.len() < MOST_SLOTS => self.grow(),
                None => break ways.start + (hash >> 32) as usize % WAYS,
            }
        };
        self.0[place] = Some(Slot { family, hash, remembered });
    }

    /// Twice as many slots: those that shared their ways have as many each.
    fn grow(&mut self) {
        let more = Self::empty(self.0.len() * 2);
        for slot in std::mem::replace(self, more).0.into_iter().flatten().filter(Slot::is_live) {
            let ways = self.ways(slot.hash);
            if let Some(free) = self.0[ways].iter_mut().find(|free| free.is_none()) {
                *free = Some(slot);
            }
        }
    }
}

impl Slot {
    /// Its series is still in its family.
    fn is_live(&self) -> bool {
        self.remembered.series.is_live()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::LOCAL;
    use super::{MOST_SLOTS, Slots};
    use crate::Registry;

    /// How many slots a fresh thread has, and how many it uses, once it looked up so many series.
    fn slots_after(series: usize) -> (usize, usize) {
        let look_up = || {
            let registry = Registry::builder().series_limit(series).build().unwrap();
            let family = registry.counter_family("looked_up_total", "", ["number"]).unwrap();
            for number in (0..series).chain(0..series) {
                family.at([&number.to_string()]).inc();
            }
            LOCAL.with(|local| {
                // SAFETY: of this thread, which borrows nothing else from it.
                let Slots(slots) = unsafe { &local.memory.get().unwrap().as_ref().slots };
                (slots.len(), slots.iter().flatten().count())
            })
        };
        std::thread::scope(|scope| scope.spawn(look_up).join().unwrap())
    }

    #[test]
    fn what_is_looked_up_again_and_again_is_remembered_within_bounds() {
        // A few may have five keys to a set of four, by the chance of their hashes.
        for (series, remembered) in [(1, 1), (60, 59), (300, 295), (1_000, 900)] {
            let (slots, used) = slots_after(series);
            assert!((remembered..=series).contains(&used), "{used} of {series} in {slots} slots");
        }
        assert!(slots_after(5).0 < MOST_SLOTS / 4, "memory for what nobody looks up");
        let (slots, used) = slots_after(10_000);
        assert!(slots == MOST_SLOTS && used > MOST_SLOTS * 9 / 10, "{used} of {slots}");
    }
}
