//! A series: label values and cells. Handles own it, and give its cells back with the last of them.
//! Upstream: the family that made it. Downstream: record, snapshot.

use super::histogram::HistogramCells;
use super::labels::{LabelKey, LabelValues};
use super::space::{CellRef, CellSpace, PageKind};
use super::{Kind, Refusals};
use crate::bucket::Layout;
use crate::record::{Counter, FloatCounter, Gauge, Histogram, UpDownCounter};
use crate::sync::Arc;

/// One series. Public in name only: the sealed half of [`Instrument`] takes it.
#[allow(unreachable_pub)]
pub struct Series {
    pub(crate) kind: Kind,
    pub(crate) labels: LabelValues,
    /// The value; the increments of an up-down counter; the head of a histogram.
    pub(crate) cell: CellRef,
    /// The decrements of an up-down counter.
    pub(crate) down: CellRef,
    pub(crate) histogram: Option<Arc<HistogramCells>>,
    /// Counts refused records of the family.
    refusals: Option<Arc<Refusals>>,
    /// Takes the cells back. `None` for a series that is nowhere visible.
    space: Option<Arc<CellSpace>>,
}

impl Series {
    /// A series with cells of its own, all zero; `None` when there are none left.
    pub(crate) fn new(
        kind: Kind,
        labels: &dyn LabelKey,
        space: &Arc<CellSpace>,
        layout: Option<&Arc<Layout>>,
        refusals: Option<Arc<Refusals>>,
    ) -> Option<Self> {
        let mut series = Self {
            kind,
            labels: LabelValues::new(labels),
            cell: CellRef::VOID,
            down: CellRef::VOID,
            histogram: None,
            refusals,
            space: None,
        };
        if let Some(layout) = layout {
            series.histogram = Some(Arc::new(HistogramCells::new(layout, Arc::clone(space))?));
            return Some(series);
        }
        series.cell = space.take(Self::page_kind(kind), 1)?;
        series.space = Some(Arc::clone(space));
        if kind == Kind::UpDownCounter {
            series.down = space.take(PageKind::Decrements, 1)?;
        }
        Some(series)
    }

    /// A series that records nowhere visible.
    pub(crate) fn detached(kind: Kind, histogram: Option<Arc<HistogramCells>>) -> Self {
        Self {
            kind,
            labels: LabelValues::default(),
            cell: CellRef::VOID,
            down: CellRef::VOID,
            histogram,
            refusals: None,
            space: None,
        }
    }

    fn page_kind(kind: Kind) -> PageKind {
        match kind {
            Kind::FloatCounter => PageKind::Floats,
            Kind::Gauge => PageKind::Shared,
            Kind::Counter | Kind::UpDownCounter | Kind::Histogram => PageKind::Sums,
        }
    }

    /// Counts a value that was NaN or negative.
    #[cold]
    #[inline(never)]
    pub(crate) fn refuse(&self, value: f64) {
        if let Some(refusals) = &self.refusals {
            if value.is_nan() { refusals.nan.inc() } else { refusals.negative.inc() }
        }
    }
}

impl Drop for Series {
    fn drop(&mut self) {
        let Some(space) = &self.space else { return };
        space.give(Self::page_kind(self.kind), 1, self.cell);
        if self.down.id != CellRef::VOID.id {
            space.give(PageKind::Decrements, 1, self.down);
        }
    }
}

impl std::fmt::Debug for Series {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.labels.fmt(f)
    }
}

/// An instrument that a family can have: sealed, for the set of kinds is the engine's.
pub trait Instrument: Clone + sealed::Sealed {
    /// What the family is exposed as.
    const KIND: Kind;
}

pub(crate) mod sealed {
    use super::{Arc, Series};

    pub trait Sealed {
        fn of(series: Arc<Series>) -> Self;
    }
}

macro_rules! instruments {
    ($($name:ident),*) => {$(
        impl Instrument for $name {
            const KIND: Kind = Kind::$name;
        }
        impl sealed::Sealed for $name {
            fn of(series: Arc<Series>) -> Self {
                $name::of(series)
            }
        }
    )*};
}
instruments!(Counter, FloatCounter, Gauge, UpDownCounter, Histogram);
