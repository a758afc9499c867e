//! Cells of a histogram series: a head, and a page per octave that anybody has touched.
//! Upstream: record, which touches. Downstream: snapshot, which sums each touched page.

use super::space::{CellRef, CellSpace, PageKind};
use crate::bucket::{HEAD_INFINITE, HEAD_SUM, Layout};
use crate::shard::groups::Groups;
use crate::shard::owner::{self, CORE};
use crate::shard::page::{PAGE_BITS, PAGE_CELLS};
use crate::sync::Arc;

/// Where a histogram series counts.
pub(crate) struct HistogramCells {
    pub(crate) layout: Arc<Layout>,
    /// Sum of what no page counts, observations over range, infinite ones, then one cell per split
    /// boundary.
    pub(crate) head: CellRef,
    /// The pages of buckets.
    groups: Groups,
    /// Takes the head back. `None` for a series that is nowhere visible.
    space: Option<Arc<CellSpace>>,
}

impl HistogramCells {
    pub(crate) fn new(layout: &Arc<Layout>, space: Arc<CellSpace>) -> Option<Self> {
        let head = space.take(PageKind::Heads, layout.head_len())?;
        let groups = Groups::new(layout.groups());
        Some(Self { layout: Arc::clone(layout), head, groups, space: Some(space) })
    }

    /// Every group is the void page.
    pub(crate) fn detached(layout: &Arc<Layout>) -> Self {
        let groups = Groups::nowhere(layout.groups());
        Self { layout: Arc::clone(layout), head: CellRef::VOID, groups, space: None }
    }

    /// The page number of a group, taken at the first touch of anybody. `None` if the process is
    /// out of page numbers: the observation is then lost.
    #[inline(always)]
    pub(crate) fn group(&self, group: usize) -> Option<usize> {
        self.groups.page(group, &CORE.numbers)
    }

    /// Groups that have a page: index and page number.
    pub(crate) fn touched(&self) -> impl Iterator<Item = (usize, u32)> {
        self.groups.taken()
    }

    pub(crate) fn count(&self) -> u64 {
        let buckets = self.touched().map(|(_, number)| number << PAGE_BITS);
        let buckets = buckets.flat_map(|first| first..first + PAGE_CELLS as u32);
        let head = self.head.id + HEAD_SUM + 1..self.head.id + self.layout.head_len();
        let head = head.filter(|cell| *cell != self.head.id + HEAD_INFINITE);
        buckets.chain(head).map(owner::sum).sum()
    }

    pub(crate) fn sum(&self) -> f64 {
        if owner::sum(self.head.id + HEAD_INFINITE) > 0 {
            return f64::INFINITY;
        }
        let pages = self.touched().map(|(_, number)| owner::sum_of_page(number as usize));
        let head = owner::sum_saturating(self.head.id + HEAD_SUM);
        pages.fold(head, u64::saturating_add) as f64 / self.layout.scale
    }
}

impl Drop for HistogramCells {
    fn drop(&mut self) {
        let Some(space) = &self.space else { return };
        space.give(PageKind::Heads, self.layout.head_len(), self.head);
        self.touched().for_each(|(_, number)| CORE.give_back(number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::series::{Hold, Series, Shared};
    use crate::{Histogram, HistogramSpec, Kind};

    /// Pages are taken from the system, where no test can count: so they are looked for instead.
    #[test]
    fn a_warm_histogram_brings_no_more_pages_up_to_its_last_boundary() {
        let space = Arc::new(CellSpace::default());
        for digits in 1..=3 {
            let spec = HistogramSpec::seconds(&[0.25, 10.0]).digits(digits);
            let layout = Arc::new(spec.layout("h").unwrap());
            let (kind, space) = (Kind::Histogram, Arc::clone(&space));
            let shared = Shared { kind, space, layout: Some(Arc::clone(&layout)), refusals: None };
            let (shared, now) = (Arc::new(shared), std::time::SystemTime::UNIX_EPOCH);
            let series = Series::new(&shared, Default::default(), 0, now).unwrap();
            let cells = Arc::clone(series.histogram().unwrap());
            let histogram = Histogram::of(Hold::new(Arc::new(series)));
            let pages = || -> usize {
                let numbers = cells.touched().map(|(_, number)| number);
                let numbers = numbers.chain([cells.head.id >> PAGE_BITS]);
                let has = |number| CORE.each().filter(move |s| s.page(number as usize).is_some());
                numbers.map(|number| has(number).count()).sum()
            };
            for _thread in 0..2 {
                let body = || {
                    histogram.warm();
                    let (warm, touched) = (pages(), cells.touched().count());
                    let local = histogram.local();
                    for shift in 0..64 {
                        let units = (10_000_000_000_u64 >> shift).saturating_sub(shift % 2);
                        histogram.record(units);
                        local.record(units);
                    }
                    assert_eq!((pages(), cells.touched().count()), (warm, touched), "{digits}");
                };
                std::thread::scope(|scope| scope.spawn(body).join().unwrap());
            }
            let before = cells.touched().count();
            histogram.record(layout.max);
            assert_eq!(cells.touched().count(), before + 1, "beyond it is a page of its own");
        }
    }
}
