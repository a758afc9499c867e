//! The series of a family in order of creation, in blocks that stay the same for as long as their
//! series do. Upstream: family, under its lock. Downstream: snapshot and encoders, which keep what
//! they made of a block.

use super::Kind;
use super::series::Series;
use crate::snapshot::{Block, BlockList};
use crate::sync::Arc;

pub(super) struct SeriesList {
    chunks: Vec<Chunk>,
    /// Most series of a chunk.
    most: usize,
    len: usize,
    /// Number of the next series.
    next: u32,
    /// What the chunks were when last asked.
    blocks: Arc<BlockList>,
    changed: bool,
}

/// Neighbouring series.
#[derive(Default)]
struct Chunk {
    series: Vec<Arc<Series>>,
    /// The same, unless it changed since.
    block: Option<Arc<Block>>,
}

impl SeriesList {
    /// An empty list for series of this type.
    pub(super) fn new(kind: Kind) -> Self {
        let most = Block::most(kind);
        let blocks = Arc::new(BlockList::new(std::iter::empty()));
        Self { chunks: Vec::new(), most, len: 0, next: 0, blocks, changed: false }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The number that the next series is to have.
    pub(super) fn next(&mut self) -> u32 {
        self.next = self.next.wrapping_add(1);
        self.next
    }

    pub(super) fn push(&mut self, series: Arc<Series>) {
        (self.changed, self.len) = (true, self.len + 1);
        match self.chunks.last_mut() {
            Some(last) if last.series.len() < self.most => {
                last.block = None;
                last.series.push(series);
            }
            _ => self.chunks.push(Chunk { series: vec![series], block: None }),
        }
    }

    pub(super) fn all(&self) -> Vec<Arc<Series>> {
        self.chunks.iter().flat_map(|chunk| &chunk.series).map(Arc::clone).collect()
    }

    /// Takes one series out.
    pub(super) fn remove(&mut self, series: &Series) {
        let is = |known: &Arc<Series>| std::ptr::eq(&raw const **known, series);
        // By number; one after the other once the numbers have come round.
        let near = self.chunks.partition_point(|chunk| chunk.first() <= series.seq);
        let found = |chunk: &Chunk| chunk.series.iter().position(is);
        let near = near.checked_sub(1).filter(|&at| found(&self.chunks[at]).is_some());
        let chunk = near.or_else(|| self.chunks.iter().position(|chunk| found(chunk).is_some()));
        let Some(at) = chunk else { return };
        let chunk = &mut self.chunks[at];
        chunk.series.retain(|known| !is(known));
        chunk.block = None;
        if chunk.series.is_empty() {
            self.chunks.remove(at);
        }
        (self.changed, self.len) = (true, self.len - 1);
    }

    /// Takes every series out that `keep` refuses.
    pub(super) fn retain(
        &mut self,
        mut keep: impl FnMut(&Arc<Series>) -> bool,
    ) -> Vec<Arc<Series>> {
        let mut gone = Vec::new();
        for chunk in &mut self.chunks {
            let before = gone.len();
            chunk.series.retain(|series| {
                let stays = keep(series);
                if !stays {
                    gone.push(Arc::clone(series));
                }
                stays
            });
            if gone.len() > before {
                chunk.block = None;
            }
        }
        if !gone.is_empty() {
            self.chunks.retain(|chunk| !chunk.series.is_empty());
            (self.changed, self.len) = (true, self.len - gone.len());
        }
        gone
    }

    /// All series in blocks of up to [`Block::most`]. Those without a change are the same as before.
    pub(super) fn blocks(&mut self) -> Arc<BlockList> {
        if std::mem::take(&mut self.changed) {
            self.join();
            let block = |chunk: &mut Chunk| {
                let Chunk { series, block } = chunk;
                Arc::clone(block.get_or_insert_with(|| Arc::new(Block::new(series))))
            };
            self.blocks = Arc::new(BlockList::new(self.chunks.iter_mut().map(block)));
        }
        Arc::clone(&self.blocks)
    }

    /// Joins neighbours that fit one block, where removals left few series.
    fn join(&mut self) {
        let most = self.most;
        self.chunks.dedup_by(|after, chunk| {
            let fits = chunk.series.len() + after.series.len() <= most;
            if fits {
                chunk.series.append(&mut after.series);
                chunk.block = None;
            }
            fits
        });
    }
}

impl Chunk {
    fn first(&self) -> u32 {
        self.series.first().map_or(0, |series| series.seq)
    }
}
