//! What is kept of a family from scrape to scrape: the text of each block, and what it was made from.
//! Upstream: snapshots. Downstream: bodies, and compressors, which ask what changed.

use tmc_engine::FamilySnapshot;

use super::Part;
use super::in_order::InOrder;
use super::sheet::{Draft, Page, Sheet};
use crate::strip::{OwnStrip, Segment, Strip};

/// A family, or a part of one under a header of its own.
#[derive(Debug)]
pub(super) struct Kept {
    part: Part,
    /// Stands for the blocks; `None` before there were any.
    blocks: Option<u64>,
    /// What the snapshot said of each block when it was last looked at.
    seen: Vec<u64>,
    header: Sheet,
    sheets: InOrder<Sheet>,
    /// The text: of the header, then of each block.
    strip: OwnStrip,
    /// Key and version of each of them. Side by side, so that a walk over all that stands is quick.
    stamps: Vec<(u64, u64)>,
}

/// What `seen` has of a block that has to be looked at.
const UNSEEN: u64 = u64::MAX;

/// A segment of the exposition, as compressors see it.
#[derive(Clone, Copy)]
pub(crate) struct Piece<'a> {
    /// Stands for its place: no other piece of the exposition has the same.
    pub(crate) key: u64,
    /// Changes with its text.
    pub(crate) version: u64,
    pub(crate) text: &'a Segment,
}

impl Kept {
    /// Nothing rendered yet. `key` stands for the part, and is that of no block.
    pub(super) fn new(part: Part, key: u64) -> Self {
        let mut strip = OwnStrip::default();
        strip.rearrange(|segments| segments.push(Segment::default()));
        let (header, sheets) = (Sheet::default(), InOrder::default());
        let (seen, stamps) = (Vec::new(), vec![(key, 0)]);
        Self { part, blocks: None, seen, header, sheets, strip, stamps }
    }

    /// Takes what is new, with `version`. Whether other blocks are there than before.
    pub(super) fn update(
        &mut self,
        family: &FamilySnapshot<'_>,
        draft: &mut Draft,
        version: u64,
    ) -> bool {
        self.strip.settle();
        let rearranged = self.blocks != Some(family.blocks_id());
        if rearranged {
            self.rearrange(family);
        }
        match family.versions().filter(|_| !self.part.looks_always(family)) {
            Some(versions) => {
                for (at, seen) in versions.enumerate() {
                    if self.seen[at] != seen {
                        self.seen[at] = seen;
                        let Some(block) = family.block(at) else { continue };
                        self.page(at, |part, page| {
                            part.update(family, &block, page, draft, version)
                        });
                    }
                }
            }
            None => {
                for (at, block) in family.blocks().enumerate() {
                    self.page(at, |part, page| part.update(family, &block, page, draft, version));
                }
            }
        }
        let bytes = self.strip.len() - self.strip.segments()[0].len();
        let header = &mut Page { sheet: &mut self.header, strip: &mut self.strip, at: 0 };
        self.part.header(bytes, header, draft, version);
        self.stamps[0].1 = self.header.version();
        rearranged
    }

    fn page(&mut self, at: usize, update: impl FnOnce(&Part, &mut Page<'_>)) {
        let Some(sheet) = self.sheets.at(at) else { return };
        let strip = &mut self.strip;
        update(&self.part, &mut Page { sheet, strip, at: at + 1 });
        self.stamps[at + 1].1 = sheet.version();
    }

    /// Makes room for other blocks than before. Those that stay keep what they have.
    #[cold]
    fn rearrange(&mut self, family: &FamilySnapshot<'_>) {
        let Self { sheets, strip, stamps, seen, .. } = self;
        strip.rearrange(|segments| {
            for (sheet, text) in sheets.values().zip(segments.drain(1..)) {
                sheet.parked = Some(text);
            }
            sheets.begin();
            for block in family.blocks() {
                let sheet = sheets.next(block.id(), Sheet::default);
                segments.push(sheet.parked.take().unwrap_or_default());
            }
            sheets.end();
        });
        stamps.truncate(1);
        let part = stamps[0].0 & !super::IDS;
        stamps.extend(sheets.iter().map(|(id, sheet)| (id | part, sheet.version())));
        seen.clear();
        seen.resize(stamps.len() - 1, UNSEEN);
        self.blocks = Some(family.blocks_id());
    }

    /// All text, as it is now.
    pub(super) fn share(&self) -> Strip {
        self.strip.share()
    }

    /// Key and version of each piece.
    pub(super) fn stamps(&self) -> &[(u64, u64)] {
        &self.stamps
    }

    /// The header, then every block.
    pub(super) fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let pieces = self.stamps.iter().zip(self.strip.segments());
        pieces.map(|(&(key, version), text)| Piece { key, version, text })
    }
}
