//! Blocks: neighbouring series that stay together, and what of them did not change.
//! Upstream: the family's list, and merge. Downstream: encoders, which keep what they made of a block.

use super::{FamilyBlocks, FamilySnapshot, SeriesSnapshot, Snapshot, next_id};
use crate::hint::prefetch;
use crate::registry::Kind;
use crate::registry::series::Series;
use crate::registry::space::CellRef;
use crate::shard::page::PAGE_BITS;
use crate::sync::Arc;

/// Up to [`Block::most`] neighbouring series. Never changes: an encoder may keep what it has
/// rendered for a block under the block's id.
pub(crate) struct Block {
    id: u64,
    pub(super) series: Box<[Arc<Series>]>,
    /// Where each series' value is (and, for in-flight counts, its decrements): so that reading the
    /// values need not visit the series.
    pub(super) slots: Box<[(u32, u32)]>,
}

impl Block {
    /// Series in a full block: what an encoder renders and compresses anew when one of them changes. Fewer
    /// make that cheaper, more let it compress better (docs/benchmarks.md); a distribution has many samples.
    pub(crate) fn most(kind: Kind) -> usize {
        match kind {
            Kind::Histogram | Kind::GaugeHistogram | Kind::Summary => 4,
            _ => 40,
        }
    }

    pub(crate) fn new(series: &[Arc<Series>]) -> Self {
        let id = next_id();
        let slots = series.iter().map(|series| (series.cell.slot, series.down.slot)).collect();
        Self { id, series: series.into(), slots }
    }

    pub(crate) fn series(&self) -> &[Arc<Series>] {
        &self.series
    }
}

/// Pages of merged cells that a block's values are on.
#[derive(Clone, Copy)]
struct Pages([u32; Self::MOST]);

impl Pages {
    const MOST: usize = 4;
    /// Instead of a page: there are more of them than places.
    const MORE: u32 = u32::MAX;
    /// Instead of a page: there are no values.
    const NONE: u32 = u32::MAX - 1;

    /// Those of a block; in a place that is left over, the first one once more.
    fn new(block: &Block) -> Self {
        let two = block
            .series
            .first()
            .is_some_and(|series| matches!(series.kind, Kind::UpDownCounter | Kind::InFlightAge));
        let down = block.slots.iter().map(|(_, down)| down).filter(|_| two);
        let slots = block.slots.iter().map(|(slot, _)| slot).chain(down);
        let slots = slots.filter(|slot| **slot != CellRef::VOID.slot);
        let mut pages: Vec<u32> = slots.map(|slot| slot >> PAGE_BITS).collect();
        pages.sort_unstable();
        pages.dedup();
        let mut places = [pages.first().copied().unwrap_or(Self::NONE); Self::MOST];
        match places.get_mut(..pages.len()) {
            Some(places) => places.copy_from_slice(&pages),
            None => places[0] = Self::MORE,
        }
        Self(places)
    }
}

/// The blocks of a family. A new list for any change of them.
pub(crate) struct BlockList {
    id: u64,
    blocks: Box<[Arc<Block>]>,
    /// Of each block. Side by side, so that asking for all of them is quick.
    pages: Box<[Pages]>,
}

impl BlockList {
    pub(crate) fn new(blocks: impl Iterator<Item = Arc<Block>>) -> Self {
        let blocks: Box<[_]> = blocks.collect();
        let pages = blocks.iter().map(|block| Pages::new(block)).collect();
        Self { id: next_id(), blocks, pages }
    }

    pub(crate) fn series(&self) -> impl Iterator<Item = &Arc<Series>> {
        self.blocks.iter().flat_map(|block| block.series())
    }
}

impl<'a> FamilySnapshot<'a> {
    /// The series in blocks, each of which is either the same as in an earlier snapshot or new.
    pub fn blocks(&self) -> impl ExactSizeIterator<Item = BlockSnapshot<'a>> + use<'a> {
        let Self { snapshot, family } = *self;
        let mut next = family.first;
        family.list.blocks.iter().map(move |block| {
            let first = next;
            next += block.series.len(); // not all are full: series go
            BlockSnapshot { snapshot, family, block, first }
        })
    }

    /// Stands for the blocks in this order, in this and in every other snapshot of the process.
    #[must_use]
    pub fn blocks_id(&self) -> u64 {
        self.family.list.id
    }

    /// For each block a number that changes whenever one of its values does, from reading to reading,
    /// and may change when none does. `None` for distributions, which have to be compared.
    ///
    /// An encoder that sees the same number again need not look at the block, nor even find it.
    pub fn versions(&self) -> Option<impl ExactSizeIterator<Item = u64> + use<'a>> {
        let Self { snapshot, family } = *self;
        let of_page = |page: u32| match (snapshot.merged.versions.get(page as usize), page) {
            (Some(version), _) => *version,
            (None, Pages::NONE) => 0,
            (None, _) => snapshot.number,
        };
        let newest = move |pages: &Pages| pages.0.into_iter().map(of_page).fold(0, u64::max);
        family.meta.layout.is_none().then(|| family.list.pages.iter().map(newest))
    }

    /// The block at this place of a family for which there are [`FamilySnapshot::versions`].
    #[must_use]
    pub fn block(&self, at: usize) -> Option<BlockSnapshot<'a>> {
        let Self { snapshot, family } = *self;
        // Only distributions count from `first`.
        let block = family.list.blocks.get(at).filter(|_| family.meta.layout.is_none())?;
        Some(BlockSnapshot { snapshot, family, block, first: 0 })
    }

    /// Asks the processor for what some of the next blocks to be looked at have: these places of them, in
    /// this order.
    #[doc(hidden)]
    #[inline]
    pub fn expect(&self, next: &[u32]) {
        let block = |turn: usize| self.family.list.blocks.get(*next.get(turn)? as usize);
        // First where its slots are, then the slots.
        if let Some(later) = block(4) {
            prefetch(&**later);
        }
        if let Some(soon) = block(2) {
            prefetch(&*soon.slots);
        }
    }
}

/// A block of series in a [`Snapshot`].
#[derive(Clone, Copy)]
pub struct BlockSnapshot<'a> {
    snapshot: &'a Snapshot,
    family: &'a FamilyBlocks,
    block: &'a Block,
    first: usize,
}

impl<'a> BlockSnapshot<'a> {
    /// Stands for these series in this order, in this and in every other snapshot of the process.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.block.id
    }

    /// How many series it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.block.series.len()
    }

    /// Whether it has none: never.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.block.series.is_empty()
    }

    /// The values of its counters, in the order of its series: quicker than one after the other.
    /// `None` for other types.
    pub fn counters(&self) -> Option<impl ExactSizeIterator<Item = u64> + use<'a>> {
        let Self { snapshot, family, block, .. } = *self;
        let values = block.slots.iter().map(move |&(slot, _)| snapshot.cell(slot));
        (family.meta.kind == Kind::Counter).then_some(values)
    }

    /// Its series.
    pub fn series(&self) -> impl ExactSizeIterator<Item = SeriesSnapshot<'a>> + use<'a> {
        let Self { snapshot, family, block, first } = *self;
        (0..block.series.len()).map(move |at| SeriesSnapshot {
            snapshot,
            family,
            block,
            at,
            histogram: first + at,
        })
    }
}
