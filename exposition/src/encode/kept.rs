//! What is kept of a family from scrape to scrape: the text of each block, and what it was made from.
//! Upstream: snapshots. Downstream: bodies, and compressors, which ask what changed.

use std::collections::HashMap;
use std::iter;

use tmc_engine::FamilySnapshot;

use super::Part;
use super::sheet::{Draft, Page, Sheet};
use crate::strip::Strip;

/// A family, or a part of one under a header of its own.
#[derive(Debug)]
pub(super) struct Kept {
    part: Part,
    /// Stands for the blocks; `None` before there were any.
    blocks: Option<u64>,
    /// What the snapshot said of each block when it was last looked at.
    seen: Vec<u64>,
    /// Blocks that are to be looked at.
    changed: Vec<u32>,
    header: Sheet,
    /// Of the blocks, in order; all but the last are full.
    sheets: Vec<Sheet>,
    /// Key and version of the header, then of each block. Side by side, so that a walk over all that stands
    /// is quick.
    stamps: Vec<(u64, u64)>,
}

/// What `seen` has of a block that has to be looked at.
const UNSEEN: u64 = u64::MAX;

/// A piece of the exposition, as compressors see it.
#[derive(Clone, Copy)]
pub(crate) struct Piece<'a> {
    /// Stands for its place: no other piece of the exposition has the same.
    pub(crate) key: u64,
    /// Changes with its text.
    pub(crate) version: u64,
    pub(crate) text: &'a [u8],
}

impl Kept {
    /// Nothing rendered yet. `key` stands for the part, and is that of no block.
    pub(super) fn new(part: Part, key: u64) -> Self {
        let (header, sheets) = (Sheet::single(), Vec::new());
        let (seen, stamps) = (Vec::new(), vec![(key, 0)]);
        Self { part, blocks: None, seen, changed: Vec::new(), header, sheets, stamps }
    }

    /// Takes what is new, with `version`. Whether other blocks are there than before.
    pub(super) fn update(
        &mut self,
        family: &FamilySnapshot<'_>,
        draft: &mut Draft,
        version: u64,
    ) -> bool {
        let rearranged = self.blocks != Some(family.blocks_id());
        if rearranged {
            self.rearrange(family);
        }
        match family.versions().filter(|_| !self.part.looks_always(family)) {
            Some(versions) => {
                self.note_changes(versions);
                for turn in 0..self.changed.len() {
                    self.expect(family, turn);
                    let at = self.changed[turn] as usize;
                    let Some(block) = family.block(at) else { continue };
                    self.page(at, |part, page| part.update(family, &block, page, draft, version));
                }
            }
            None => {
                for (at, block) in family.blocks().enumerate() {
                    self.page(at, |part, page| part.update(family, &block, page, draft, version));
                }
            }
        }
        let bytes = self.sheets.iter().map(Sheet::len).sum();
        self.part.header(bytes, &mut self.header.page(0), draft, version);
        self.stamps[0].1 = self.header.version(0);
        rearranged
    }

    /// Finds the blocks that are to be looked at.
    fn note_changes(&mut self, versions: impl Iterator<Item = u64>) {
        self.changed.clear();
        for (at, (seen, now)) in (0..).zip(iter::zip(&mut self.seen, versions)) {
            if *seen != now {
                *seen = now;
                self.changed.push(at);
            }
        }
    }

    /// Asks the processor for what the next of them will need: they are anywhere in memory.
    fn expect(&self, family: &FamilySnapshot<'_>, turn: usize) {
        let next = &self.changed[turn..];
        family.expect(next);
        if let Some(&soon) = next.get(2) {
            let soon = soon as usize;
            if let Some(sheet) = self.sheets.get(soon / Sheet::PAGES) {
                sheet.expect(soon % Sheet::PAGES);
            }
        }
    }

    fn page(&mut self, at: usize, update: impl FnOnce(&Part, &mut Page<'_>)) {
        let Some(sheet) = self.sheets.get_mut(at / Sheet::PAGES) else { return };
        let mut page = sheet.page(at % Sheet::PAGES);
        update(&self.part, &mut page);
        self.stamps[at + 1].1 = page.version();
    }

    /// Makes room for other blocks than before. Those that stay keep what they have; the sheets before the
    /// first one that is new or gone are left alone.
    #[cold]
    fn rearrange(&mut self, family: &FamilySnapshot<'_>) {
        let Self { sheets, stamps, seen, .. } = self;
        let part = stamps[0].0 & !super::IDS;
        let key = |id: u64| id | part;
        let stand = iter::zip(family.blocks(), &stamps[1..])
            .take_while(|(block, (known, _))| key(block.id()) == *known)
            .count();
        let gone = stand < seen.len();
        let stand = if gone { stand / Sheet::PAGES * Sheet::PAGES } else { stand };
        let old = sheets.split_off(stand.div_ceil(Sheet::PAGES));
        let moved = stamps.drain(stand + 1..).enumerate();
        let moved: HashMap<u64, usize> = moved.map(|(at, (key, _))| (key, at)).collect();
        for block in family.blocks().skip(stand) {
            if sheets.last().is_none_or(Sheet::is_full) {
                sheets.push(Sheet::default());
            }
            let Some(sheet) = sheets.last_mut() else { continue };
            let version = match moved.get(&key(block.id())) {
                Some(at) => sheet.adopt(&old[at / Sheet::PAGES], at % Sheet::PAGES),
                None => sheet.add(),
            };
            stamps.push((key(block.id()), version));
        }
        seen.truncate(stand);
        seen.resize(stamps.len() - 1, UNSEEN);
        self.blocks = Some(family.blocks_id());
    }

    /// All text, as it is now.
    pub(super) fn share(&self) -> impl Iterator<Item = Strip> {
        self.all().map(Sheet::share)
    }

    /// Key and version of each piece.
    pub(super) fn stamps(&self) -> &[(u64, u64)] {
        &self.stamps
    }

    /// The header, then every block.
    pub(super) fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let pieces = self.stamps.iter().zip(self.all().flat_map(Sheet::texts));
        pieces.map(|(&(key, version), text)| Piece { key, version, text })
    }

    /// The text of one of them, if there are so many.
    pub(super) fn text(&self, at: usize) -> Option<&[u8]> {
        match at.checked_sub(1) {
            None => self.header.text(0),
            Some(block) => self.sheets.get(block / Sheet::PAGES)?.text(block % Sheet::PAGES),
        }
    }

    fn all(&self) -> impl Iterator<Item = &Sheet> {
        iter::once(&self.header).chain(&self.sheets)
    }
}
