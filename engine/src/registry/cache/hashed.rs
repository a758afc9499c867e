//! Series that a thread remembers by the hash of their labels, of all families together.
//! Upstream: `cache`. Downstream: nothing.

use super::super::labels::LabelTexts;
use super::Remembered;
use foldhash::fast::FixedState;
use std::hash::{BuildHasher, Hasher};
use std::ops::Range;

/// Series that a thread remembers: what an idle thread can keep alive is bounded by it.
const SLOTS: usize = 256;

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

pub(super) struct Slots(Box<[Option<Slot>]>);

struct Slot {
    family: u64,
    hash: u64,
    remembered: Remembered,
}

const _: () = assert!(size_of::<Option<Slot>>() * SLOTS <= 12 << 10);

impl Default for Slots {
    fn default() -> Self {
        Self((0..SLOTS).map(|_| None).collect())
    }
}

impl Slots {
    /// The series with these labels, if it is remembered and still in its family.
    #[inline(always)]
    pub(super) fn find(
        &self,
        family: u64,
        hash: u64,
        texts: &impl LabelTexts,
    ) -> Option<&Remembered> {
        let mut ways = self.0.get(ways(hash))?.iter().flatten();
        let slot = ways.find(|slot| slot.hash == hash && slot.family == family)?;
        let series = &slot.remembered.series;
        (series.is_live() && series.labels.is(texts)).then_some(&slot.remembered)
    }

    /// Remembers a series, and forgets another one if need be.
    pub(super) fn put(&mut self, family: u64, hash: u64, remembered: Remembered) {
        let ways = &mut self.0[ways(hash)];
        let same = |slot: &Option<Slot>| match slot {
            Some(slot) => slot.hash == hash && slot.family == family,
            None => false,
        };
        let gone = |slot: &Option<Slot>| match slot {
            Some(slot) => !slot.remembered.series.is_live(),
            None => true,
        };
        let place = ways.iter().position(same).or_else(|| ways.iter().position(gone));
        let slot = &mut ways[place.unwrap_or((hash >> 32) as usize % WAYS)];
        *slot = Some(Slot { family, hash, remembered });
    }
}

/// The slots that a key may be in.
#[inline(always)]
const fn ways(hash: u64) -> Range<usize> {
    let first = hash as usize % (SLOTS / WAYS) * WAYS;
    first..first + WAYS
}
