//! Merge: sums every shard into one reading.
//! Upstream: shard. Downstream: encode, which never writes back.

use super::exemplar::ExemplarBuffer;
use super::publish::Publisher;
use super::{FamilyBlocks, IntervalHistogram, Snapshot, next_id};
use crate::clock::Clock;
use crate::registry::histogram::HistogramCells;
use crate::registry::space::{CellSpace, PageKind, PageRef};
use crate::registry::{FamilyCore, Kind};
use crate::shard::owner::CORE;
use crate::shard::page::{PAGE_CELLS, Page};
use crate::sync::{Arc, Ordering, Ordering::Relaxed, order};

/// Where a registry's snapshots come from.
#[derive(Default)]
pub(crate) struct SnapshotSource {
    publisher: Publisher<Snapshot>,
}

impl SnapshotSource {
    pub(crate) fn latest(&self) -> Arc<Snapshot> {
        self.publisher.latest()
    }

    pub(crate) fn read(
        &self,
        space: &CellSpace,
        clock: &Clock,
        families: impl FnOnce(&mut dyn FnMut(&FamilyCore)),
    ) -> Arc<Snapshot> {
        self.publisher.read(|snapshot, last| snapshot.fill(last, space, clock, families))
    }
}

/// Buffers of a merge, kept from one to the next.
#[derive(Default)]
pub(super) struct Merged {
    /// Value of each cell of the registry, by slot.
    pub(super) cells: Vec<u64>,
    /// Of each page of them, the number of the reading that saw it change last.
    pub(super) versions: Vec<u64>,
    pages: Vec<PageRef>,
    /// Pages of histogram buckets, one after the other.
    pub(super) buckets: Vec<u64>,
    /// Per histogram, in the order of families and series: group, and its page in `buckets`.
    pub(super) groups: Vec<(u32, u32)>,
    /// One more than there are histograms.
    pub(super) histograms: Vec<HistogramEntry>,
    /// Values of all quantiles of all summaries.
    pub(super) quantiles: Vec<f64>,
    /// What a summary observed within its window.
    pub(super) interval: IntervalHistogram,
    /// Groups that values were removed from, and where in `buckets` they are.
    pub(super) removed: Vec<(usize, usize)>,
}

/// How many pages before its turn a page is asked for: they are anywhere in memory.
const AHEAD: usize = 2;

/// What a merge knows of a histogram beside its cells.
#[derive(Clone, Copy)]
pub(super) struct HistogramEntry {
    /// Where its entries in `groups` begin.
    pub(super) first: u32,
    /// Sum of its pages, in units.
    pub(super) sum: u64,
    /// Its largest observation, in units; of a gauge histogram, nobody knows.
    pub(super) largest: Option<u64>,
    /// Where a summary's values in `quantiles` begin.
    pub(super) quantiles: u32,
}

impl Snapshot {
    fn fill(
        &mut self,
        last: &Self,
        space: &CellSpace,
        clock: &Clock,
        families: impl FnOnce(&mut dyn FnMut(&FamilyCore)),
    ) {
        self.number = next_id(); // one reading at a time: the numbers grow
        let mut at = 0;
        let list = &mut self.families;
        families(&mut |family| {
            let blocks = family.blocks();
            match list.get_mut(at) {
                Some(known) if Arc::ptr_eq(&known.meta, &family.meta) => known.list = blocks,
                _ => {
                    list.truncate(at);
                    list.push(FamilyBlocks {
                        meta: Arc::clone(&family.meta),
                        list: blocks,
                        first: 0,
                        exemplars: ExemplarBuffer::default(),
                        has_exemplars: false,
                    });
                }
            }
            list[at].has_exemplars = family.has_exemplars();
            at += 1;
        });
        list.truncate(at);
        self.merged.cells(&last.merged, space, self.number);
        self.merged.histograms(list);
        self.merged.windows(list, clock.now());
        self.merged.in_flight(list, self.number);
        for family in list.iter_mut().filter(|family| family.has_exemplars) {
            family.exemplars.fill(family.list.series());
        }
        self.taken_at = clock.wall();
        self.read_at = Some(clock.now());
    }
}

impl Merged {
    fn cells(&mut self, last: &Self, space: &CellSpace, reading: u64) {
        space.pages_into(&mut self.pages);
        self.cells.resize(self.pages.len() * PAGE_CELLS, 0);
        self.versions.resize(self.pages.len(), 0);
        let pages = std::mem::take(&mut self.pages);
        // Decrements first: the increments that they follow are then all seen.
        for decrements in [true, false] {
            let turn = |page: &PageRef| (page.kind == PageKind::Decrements) == decrements;
            for (index, page) in pages.iter().enumerate().filter(|(_, page)| turn(page)) {
                if let Some(soon) = pages.get(index + AHEAD) {
                    CORE.prefetch(soon.number as usize);
                }
                self.take(last, index, &sum_page(*page), reading);
            }
        }
        self.pages = pages;
    }

    /// Takes the values of a page, and its version from the last reading if they are the same.
    fn take(&mut self, last: &Self, index: usize, values: &[u64; PAGE_CELLS], reading: u64) {
        let cells = index * PAGE_CELLS..(index + 1) * PAGE_CELLS;
        let same = last.cells.get(cells.clone()).is_some_and(|last| last == values);
        let version = if same { last.versions[index] } else { reading };
        // This memory may still have them from a reading before.
        if self.versions[index] != version {
            self.versions[index] = version;
            self.cells[cells].copy_from_slice(values);
        }
    }

    fn histograms(&mut self, families: &mut [FamilyBlocks]) {
        self.buckets.clear();
        self.groups.clear();
        self.histograms.clear();
        for family in families.iter_mut().filter(|family| family.meta.layout.is_some()) {
            family.first = self.histograms.len();
            for series in family.list.series() {
                let first = self.groups.len() as u32;
                let (sum, largest) = match (series.histogram(), series.gauge_histogram()) {
                    (Some(cells), _) => self.histogram(cells),
                    (_, Some(cells)) => (self.gauge_histogram(cells), None),
                    _ => (0, None),
                };
                self.histograms.push(HistogramEntry { first, sum, largest, quantiles: 0 });
            }
        }
        let first = self.groups.len() as u32;
        self.histograms.push(HistogramEntry { first, sum: 0, largest: None, quantiles: 0 });
    }

    /// Sums the buckets; gives the sum of what they count, and the largest.
    fn histogram(&mut self, cells: &HistogramCells) -> (u64, Option<u64>) {
        let mut touched = cells.touched().peekable();
        let mut sum: u64 = 0;
        while let Some((group, number)) = touched.next() {
            if let Some(&(_, soon)) = touched.peek() {
                CORE.prefetch(soon as usize);
            }
            sum = sum.saturating_add(self.group(group, number));
        }
        (sum, Some(cells.largest())) // after the buckets: at least what they count
    }

    /// Puts ages and numbers of operations into the cells of in-flight ages.
    fn in_flight(&mut self, families: &[FamilyBlocks], reading: u64) {
        let ages = families.iter().filter(|family| family.meta.kind == Kind::InFlightAge);
        for series in ages.flat_map(|family| family.list.series()) {
            let Some(cells) = series.in_flight() else { continue };
            let (running, age) = cells.read();
            let values = [age.as_secs_f64().to_bits(), running];
            for (at, value) in [series.cell, series.down].into_iter().zip(values) {
                let at = at.slot as usize;
                // The pages were listed after the series, so both are there.
                let Some(cell) = self.cells.get_mut(at) else { continue };
                if *cell != value {
                    *cell = value;
                    self.versions[at / PAGE_CELLS] = reading;
                }
            }
        }
    }

    /// Sums the buckets of a group; gives the sum of what they count.
    fn group(&mut self, group: usize, number: u32) -> u64 {
        let start = self.buckets.len();
        self.groups.push((group as u32, (start / PAGE_CELLS) as u32));
        let mut total: u64 = 0;
        for source in CORE.pages(number as usize) {
            match self.buckets.get_mut(start..) {
                // Most pages have one source, which is a copy.
                None | Some([]) => {
                    self.buckets.extend(source.cells().iter().map(|cell| cell.load(Relaxed)));
                }
                Some(sums) => sum(sums, source, Relaxed),
            }
            total = total.saturating_add(source.sum().load(Relaxed));
        }
        self.buckets.resize(start + PAGE_CELLS, 0); // nobody has been there yet
        total
    }
}

/// The values of a page, summed over all shards.
fn sum_page(page: PageRef) -> [u64; PAGE_CELLS] {
    let ordering = if page.kind == PageKind::Decrements { order::DEC_READ } else { Relaxed };
    let mut sources = CORE.pages(page.number as usize);
    // Most pages have one source, which is a copy.
    let Some(first) = sources.next() else { return [0; PAGE_CELLS] };
    let mut cells = std::array::from_fn(|at| first.cells()[at].load(ordering));
    for source in sources {
        match page.kind {
            // The shared shard has the only page of a shared cell.
            PageKind::Sums | PageKind::Shared | PageKind::Decrements => {
                sum(&mut cells, source, ordering);
            }
            PageKind::Heads => sum_saturating(&mut cells, source),
            PageKind::Floats => sum_floats(&mut cells, source),
        }
    }
    cells
}

pub(super) fn sum(into: &mut [u64], page: &Page, ordering: Ordering) {
    for (sum, cell) in into.iter_mut().zip(page.cells()) {
        *sum = sum.wrapping_add(cell.load(ordering));
    }
}

fn sum_saturating(into: &mut [u64], page: &Page) {
    for (sum, cell) in into.iter_mut().zip(page.cells()) {
        *sum = sum.saturating_add(cell.load(Relaxed));
    }
}

fn sum_floats(into: &mut [u64], page: &Page) {
    for (sum, cell) in into.iter_mut().zip(page.cells()) {
        *sum = (f64::from_bits(*sum) + f64::from_bits(cell.load(Relaxed))).to_bits();
    }
}
