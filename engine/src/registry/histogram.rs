//! Cells of a histogram series: a head, and a page per octave that anybody has touched.
//! Upstream: record, which touches. Downstream: snapshot, which sums each touched page.

use super::space::{CellRef, CellSpace, PageKind};
use crate::bucket::{HEAD_INFINITE, HEAD_SUM, Layout, Scaled, to_units};
use crate::shard::PageNumbers;
use crate::shard::groups::Groups;
use crate::shard::owner::{self, CORE};
use crate::shard::page::{PAGE_BITS, PAGE_CELLS};
use crate::sync::{Arc, AtomicU64, Ordering::Relaxed};

/// The largest observations of a series. Any thread may write, but does only when it brings a new
/// largest one: to all others the line stays shared. Relaxed: each number is the whole message.
///
/// What lies below a known one takes the short way, on which it is compared to no other limit.
#[derive(Default)]
pub(crate) struct Largest {
    /// Bits of floats. At most the layout's `short`.
    floats: AtomicU64,
    /// Recorded in units. At most the layout's `short_units`.
    units: AtomicU64,
    /// All else, in units.
    rest: AtomicU64,
}

impl Largest {
    /// Of observed floats, as bits; at most the layout's `short`.
    #[inline(always)]
    pub(crate) fn float(&self) -> u64 {
        self.floats.load(Relaxed)
    }

    /// Of recorded units; at most the layout's `short_units`.
    #[inline(always)]
    pub(crate) fn units(&self) -> u64 {
        self.units.load(Relaxed)
    }

    /// Of all, in units; 0 without observations.
    pub(crate) fn of_all(&self, layout: &Layout) -> u64 {
        let float = to_units(f64::from_bits(self.float()), layout.scale);
        float.max(self.units()).max(self.rest.load(Relaxed))
    }

    /// Says whether the value is one for the short way.
    pub(crate) fn see(&self, value: f64, layout: &Layout) -> bool {
        let short = value.to_bits() <= layout.short;
        if short {
            self.floats.fetch_max(value.to_bits(), Relaxed);
        }
        short
    }

    pub(crate) fn see_units(&self, units: u64, layout: &Layout) {
        let short = units <= layout.short_units;
        let largest = if short { &self.units } else { &self.rest };
        largest.fetch_max(units, Relaxed);
    }
}

/// Where a histogram series counts.
pub(crate) struct HistogramCells {
    pub(crate) layout: Arc<Layout>,
    /// Sum of what no page counts, observations over range, infinite ones, then one cell per split
    /// boundary.
    pub(crate) head: CellRef,
    pub(crate) largest: Largest,
    /// The layout's, where an observation finds it a step earlier.
    scale: f64,
    /// The layout's, likewise.
    plain: u64,
    /// The pages of buckets.
    groups: Groups,
    /// Where they get their numbers: the process's, but for a test.
    numbers: &'static PageNumbers,
    /// Takes the head back, into pages of this kind. `None` for a series that is nowhere visible.
    space: Option<(Arc<CellSpace>, PageKind)>,
}

impl HistogramCells {
    pub(crate) fn new(layout: &Arc<Layout>, space: Arc<CellSpace>) -> Option<Self> {
        Self::in_pages(PageKind::Heads, layout, space)
    }

    /// With a head that is merged as this kind of page says.
    pub(super) fn in_pages(
        kind: PageKind,
        layout: &Arc<Layout>,
        space: Arc<CellSpace>,
    ) -> Option<Self> {
        let head = space.take(kind, layout.head_len())?;
        let groups = Groups::new(layout.groups());
        Some(Self::with(layout, head, groups, Some((space, kind))))
    }

    /// Every group is the void page.
    pub(crate) fn detached(layout: &Arc<Layout>) -> Self {
        let groups = Groups::nowhere(layout.groups());
        Self::with(layout, CellRef::VOID, groups, None)
    }

    fn with(
        layout: &Arc<Layout>,
        head: CellRef,
        groups: Groups,
        space: Option<(Arc<CellSpace>, PageKind)>,
    ) -> Self {
        let layout = Arc::clone(layout);
        let (largest, numbers) = (Largest::default(), &CORE.numbers);
        let (scale, plain) = (layout.scale, layout.plain());
        Self { layout, head, largest, scale, plain, groups, numbers, space }
    }

    /// A value that is not above all that were observed before, and no negative number or NaN.
    #[inline(always)]
    pub(crate) fn below(&self, value: f64) -> Option<Scaled> {
        let short = value.to_bits() <= self.largest.float();
        // SAFETY: the bits are at most `short` (see the field `floats`).
        short.then(|| unsafe { Scaled::new(value, self.scale) })
    }

    /// The page of a value that is its own bucket, if it is in range; 0 where nobody has been.
    #[inline(always)]
    pub(crate) fn plain(&self, units: u64) -> Option<usize> {
        // SAFETY: there is always a first group.
        (units < self.plain).then(|| unsafe { self.groups.known(0) })
    }

    /// A value in units that is not above all that were recorded before.
    #[inline(always)]
    pub(crate) fn below_units(&self, units: u64) -> Option<Scaled> {
        let short = units <= self.largest.units();
        // SAFETY: at most `short_units` (see the field `units`).
        short.then(|| unsafe { self.layout.scaled_units(units) })
    }

    /// The page number of the value's bucket, and the bucket. 0 where nobody has been.
    #[inline(always)]
    pub(crate) fn bucket(&self, value: Scaled) -> Option<(usize, u32)> {
        let index = self.layout.unsplit(value)?;
        // SAFETY: at most the bucket of the layout's `max`; so many groups were made.
        Some((unsafe { self.groups.known(index as usize >> PAGE_BITS) }, index))
    }

    /// The page number of a group, taken at the first touch of anybody. `None` if the process is
    /// out of page numbers: the observation is then counted in the head.
    pub(crate) fn group(&self, group: usize) -> Option<usize> {
        self.groups.page(group, self.numbers)
    }

    /// Groups that have a page: index and page number.
    pub(crate) fn touched(&self) -> impl Iterator<Item = (usize, u32)> {
        self.groups.taken()
    }

    pub(crate) fn count(&self) -> u64 {
        self.count_by(owner::sum)
    }

    /// With the total of a cell as told.
    pub(crate) fn count_by(&self, sum: impl Fn(u32) -> u64) -> u64 {
        let buckets = self.touched().map(|(_, number)| number << PAGE_BITS);
        let buckets = buckets.flat_map(|first| first..first + PAGE_CELLS as u32);
        let head = self.head.id + HEAD_SUM + 1..self.head.id + self.layout.head_len();
        let head = head.filter(|cell| *cell != self.head.id + HEAD_INFINITE);
        buckets.chain(head).map(sum).sum()
    }

    /// The largest observation in units; 0 without any.
    pub(crate) fn largest(&self) -> u64 {
        self.largest.of_all(&self.layout)
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
        let Some((space, kind)) = &self.space else { return };
        space.give(*kind, self.layout.head_len(), self.head);
        self.touched().for_each(|(_, number)| CORE.give_back(number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bucket::HEAD_OVER;
    use crate::registry::exemplar::ExemplarTerms;
    use crate::registry::series::{Body, Hold, Series, Shared};
    use crate::shard::page::Page;
    use crate::{Clock, Histogram, HistogramSpec, Kind};
    use std::time::Duration;

    fn series(spec: &HistogramSpec, space: &Arc<CellSpace>) -> (Arc<HistogramCells>, Histogram) {
        series_of(spec, space, &CORE.numbers)
    }

    fn series_of(
        spec: &HistogramSpec,
        space: &Arc<CellSpace>,
        numbers: &'static PageNumbers,
    ) -> (Arc<HistogramCells>, Histogram) {
        let layout = Some(Arc::new(spec.layout("h").unwrap()));
        let (kind, space) = (Kind::Histogram, Arc::clone(space));
        let clock = Clock::system();
        let exemplars = ExemplarTerms::new(&clock, Duration::ZERO);
        let (states, refusals) = (Arc::from([]), None);
        let shared = Shared { kind, space, layout, states, refusals, clock, exemplars };
        let shared = Arc::new(shared);
        let now = std::time::SystemTime::UNIX_EPOCH;
        let mut series = Series::new(&shared, Default::default(), 0, now).unwrap();
        let Some(Body::Histogram(cells, _)) = series.body.get_mut() else { unreachable!() };
        Arc::get_mut(cells).unwrap().numbers = numbers;
        let cells = Arc::clone(series.histogram().unwrap());
        (cells, Histogram::of(Hold::new(Arc::new(series))))
    }

    /// Pages are taken from the system, where no test can count: so they are looked for instead.
    fn pages_of(cells: &HistogramCells) -> usize {
        let has = |number| CORE.each().filter(move |s| s.page(number as usize).is_some());
        cells.touched().map(|(_, number)| has(number).count()).sum()
    }

    #[test]
    fn without_page_numbers_observations_are_over_the_range_but_counted() {
        static NUMBERS: PageNumbers = PageNumbers::new();
        let mut last = None;
        while let Some(number) = NUMBERS.take() {
            last = Some(number);
        }
        let space = Arc::new(CellSpace::default());
        let spec = HistogramSpec::bytes(&[100.0]); // the edge of a bucket
        let (cells, histogram) = series_of(&spec, &space, &NUMBERS);
        let local = histogram.local();
        for _ in 0..3 {
            histogram.observe(50.0);
            histogram.record(500);
            local.observe(50.0);
            local.record(500);
        }
        histogram.warm();
        assert_eq!((histogram.count(), histogram.sum()), (12, 3300.0));
        assert_eq!(histogram.max(), Some(500.0));
        assert_eq!(cells.touched().count(), 0);
        assert_eq!(owner::sum(cells.head.id + HEAD_OVER), 12);
        // As soon as there is a number again, there is a bucket.
        NUMBERS.free(last.unwrap());
        local.record(500);
        histogram.record(500);
        local.record(500);
        histogram.record(50); // of another page, which there is not
        assert_eq!(owner::sum(cells.head.id + HEAD_OVER), 13);
        assert_eq!((histogram.count(), histogram.sum()), (16, 4850.0));
    }

    #[test]
    fn the_documented_table_says_what_a_thread_takes() {
        let rows = include_str!("spec.rs").lines().filter_map(|line| line.split_once("/// | "));
        let rows = rows.map(|(_, row)| row.split(" | ").map(|cell| cell.trim_end_matches(" |")));
        let rows: Vec<Vec<_>> =
            rows.map(Iterator::collect).filter(|r: &Vec<_>| r[0] != "digits").collect();
        assert_eq!(rows.len(), 3);
        let number = |cell: &str| -> usize {
            let first = cell.split(", ").next().unwrap();
            first.replace(',', "").parse().unwrap()
        };
        let space = Arc::new(CellSpace::default());
        for row in rows {
            let digits = number(row[0]) as u8;
            let spec = HistogramSpec::seconds(&[]).digits(digits);
            let taken = |from: u64, to: u64| {
                let (cells, histogram) = series(&spec, &space);
                let hdr = cells.layout.hdr;
                let buckets = hdr.index(from)..=hdr.index(to);
                let body = || {
                    buckets.for_each(|bucket| histogram.record(hdr.low(bucket)));
                    cells.touched().filter(|&(_, number)| owner::has(number as usize)).count()
                };
                let pages = std::thread::scope(|scope| scope.spawn(body).join().unwrap());
                assert_eq!(pages, cells.touched().count());
                pages * size_of::<Page>()
            };
            let (cells, _) = series(&spec, &space);
            let top = cells.layout.max;
            assert_eq!(
                cells.layout.hdr.index(1 << 31) - cells.layout.hdr.index(1 << 30),
                number(row[1])
            );
            assert_eq!(taken(1 << 30, (1 << 31) - 1), number(row[2]), "{digits} digits: an octave");
            assert_eq!(taken(1_000_000, 10_000_000_000), number(row[3]), "{digits} digits");
            assert_eq!(taken(0, top), number(row[4]), "{digits} digits: all");
            assert_eq!(
                cells.layout.groups() * size_of::<u32>(),
                number(row[5]),
                "{digits} digits: once"
            );
        }
    }

    #[test]
    fn a_warm_histogram_brings_no_more_pages_up_to_its_last_boundary() {
        let space = Arc::new(CellSpace::default());
        for digits in 1..=3 {
            let spec = HistogramSpec::seconds(&[0.25, 10.0]).digits(digits);
            let (cells, histogram) = series(&spec, &space);
            let head = cells.head.id >> PAGE_BITS;
            let pages = || {
                let heads = CORE.each().filter(|s| s.page(head as usize).is_some()).count();
                pages_of(&cells) + heads
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
            histogram.record(cells.layout.max);
            assert_eq!(cells.touched().count(), before + 1, "beyond it is a page of its own");
        }
    }
}
