//! Cells of one registry: which pages it has, and which of their cells are free.
//! Upstream: registry, which asks for cells when a series is created. Downstream: snapshot, which
//! sums just these pages.

use crate::shard::owner::CORE;
use crate::shard::page::{PAGE_BITS, PAGE_CELLS};
use crate::shard::{CellId, VOID_CELL};
use crate::sync::Mutex;
use std::collections::HashMap;

/// How the cells of a page are merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PageKind {
    /// Summed as integers, before any other kind: decrements.
    Decrements,
    /// Summed as integers.
    Sums,
    /// Summed as integers that stay at the top: heads of histograms, for their sums must not fall.
    Heads,
    /// Summed as floating-point numbers.
    Floats,
    /// One cell for all threads, in the shared shard.
    Shared,
}

const KINDS: usize = 5;

/// Where a value lives: in each shard, and in a snapshot of its registry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CellRef {
    /// Number of the (first) cell in every shard.
    pub(crate) id: CellId,
    /// Index of the (first) cell in a snapshot's merged cells.
    pub(crate) slot: u32,
}

impl CellRef {
    /// Records into it are never merged.
    pub(crate) const VOID: Self = Self { id: VOID_CELL, slot: u32::MAX };
}

/// A page of the registry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageRef {
    pub(crate) number: u32,
    pub(crate) kind: PageKind,
}

#[derive(Debug, Default)]
struct Pages {
    all: Vec<PageRef>,
    /// Per kind: the page being filled, as an index into `all`, and how much of it is used.
    open: [Option<(usize, usize)>; KINDS],
    /// Runs of cells given back, by kind and length. All zero.
    free: HashMap<(PageKind, u32), Vec<CellRef>>,
}

/// The cells of one registry. Gives its pages back when the registry and all its series are gone.
#[derive(Debug, Default)]
pub(crate) struct CellSpace {
    pages: Mutex<Pages>,
}

impl CellSpace {
    /// A run of `len` neighbouring cells, all zero, `len <= PAGE_CELLS`; `None` when the process has
    /// no page numbers or no memory left.
    pub(crate) fn take(&self, kind: PageKind, len: u32) -> Option<CellRef> {
        let mut pages = self.pages.lock();
        if let Some(again) = pages.free.get_mut(&(kind, len)).and_then(Vec::pop) {
            return Some(again);
        }
        let (index, used) = match pages.open[kind as usize] {
            Some((index, used)) if used + len as usize <= PAGE_CELLS => (index, used),
            _ => (pages.open_page(kind)?, 0),
        };
        pages.open[kind as usize] = Some((index, used + len as usize));
        let id = (pages.all[index].number << PAGE_BITS) + used as u32;
        Some(CellRef { id, slot: (index * PAGE_CELLS + used) as u32 })
    }

    /// Takes a run back. No handle to it is left.
    pub(crate) fn give(&self, kind: PageKind, len: u32, cell: CellRef) {
        (cell.id..cell.id + len).for_each(|id| CORE.clear(id));
        self.pages.lock().free.entry((kind, len)).or_default().push(cell);
    }

    /// Copies the list of pages into `out`.
    pub(crate) fn pages_into(&self, out: &mut Vec<PageRef>) {
        out.clear();
        out.extend_from_slice(&self.pages.lock().all);
    }
}

impl Pages {
    fn open_page(&mut self, kind: PageKind) -> Option<usize> {
        let number = CORE.numbers.take()?;
        // The shared shard's page comes now, so that a record can fall back on it without memory.
        if CORE.reserve_shared(number as usize).is_none() {
            CORE.numbers.free(number);
            return None;
        }
        self.all.push(PageRef { number, kind });
        Some(self.all.len() - 1)
    }
}

impl Drop for CellSpace {
    fn drop(&mut self) {
        self.pages.lock().all.iter().for_each(|page| CORE.give_back(page.number));
    }
}
