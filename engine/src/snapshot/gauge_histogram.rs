//! Merge of gauge histograms: what was added, less what was removed.
//! Upstream: merge. Downstream: histogram, whose readings look the same.

use super::HistogramSnapshot;
use super::merge::{Merged, sum};
use crate::bucket::HEAD_SUM;
use crate::registry::gauge_histogram::GaugeHistogramCells;
use crate::shard::owner::CORE;
use crate::shard::page::PAGE_CELLS;
use crate::sync::{Ordering, Ordering::Relaxed, order};

impl Merged {
    /// Puts what is left of each bucket where a histogram's are; gives their sum, in units.
    ///
    /// The heads are there already: read like all decrements, before any increment.
    pub(super) fn gauge_histogram(&mut self, cells: &GaugeHistogramCells) -> u64 {
        let mut removed = std::mem::take(&mut self.removed);
        removed.clear();
        let (mut gone, mut came): (u64, u64) = (0, 0);
        // Removals first: the additions that they follow are then all seen.
        for (group, number) in cells.removed.touched() {
            let (start, units) = self.page_of_buckets(number, order::DEC_READ);
            removed.push((group, start));
            gone = gone.wrapping_add(units);
        }
        for (group, number) in cells.added.touched() {
            let (start, units) = self.page_of_buckets(number, Relaxed);
            self.groups.push((group as u32, (start / PAGE_CELLS) as u32));
            came = came.wrapping_add(units);
            if let Ok(at) = removed.binary_search_by_key(&group, |&(group, _)| group) {
                let from = removed[at].1;
                let (before, page) = self.buckets.split_at_mut(start);
                subtract(page, &before[from..from + PAGE_CELLS]);
            }
        }
        self.removed = removed;
        self.subtract_head(cells);
        left(came, gone)
    }

    fn subtract_head(&mut self, cells: &GaugeHistogramCells) {
        let (to, from) = (cells.added.head.slot as usize, cells.removed.head.slot as usize);
        for at in 0..cells.added.layout.head_len() as usize {
            let Some(&gone) = self.cells.get(from + at) else { return };
            let Some(came) = self.cells.get_mut(to + at) else { return };
            let sums = at == HEAD_SUM as usize;
            *came = if sums { left(*came, gone) } else { came.saturating_sub(gone) };
        }
    }

    /// Sums a page over every shard; gives where it is, and the sum of what it counts.
    fn page_of_buckets(&mut self, number: u32, ordering: Ordering) -> (usize, u64) {
        let start = self.buckets.len();
        self.buckets.resize(start + PAGE_CELLS, 0);
        let mut units: u64 = 0;
        for source in CORE.pages(number as usize) {
            sum(&mut self.buckets[start..], source, ordering);
            units = units.wrapping_add(source.sum().load(ordering));
        }
        (start, units)
    }
}

fn subtract(from: &mut [u64], what: &[u64]) {
    for (from, what) in from.iter_mut().zip(what) {
        *from = from.saturating_sub(*what);
    }
}

impl HistogramSnapshot<'_> {
    /// Whether other values are there than in another reading of the same series.
    pub(super) fn differs(&self, other: &Self) -> bool {
        let same_sums = self.sum == other.sum && self.head.iter().eq(other.head);
        !(same_sums && self.counted().eq(other.counted()))
    }

    /// The buckets of its pages that count something.
    fn counted(&self) -> impl Iterator<Item = (usize, u64)> {
        let cells = self.pages().flat_map(|(first, page)| (first..).zip(page.iter().copied()));
        cells.filter(|&(_, n)| n > 0)
    }
}

/// The difference of two sums that may have wrapped: below 2^63 units, unless more was removed than
/// ever added.
fn left(came: u64, gone: u64) -> u64 {
    let left = came.wrapping_sub(gone);
    if left > i64::MAX as u64 { 0 } else { left }
}
