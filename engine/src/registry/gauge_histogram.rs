//! Gauge histograms: what came and what went, in cells of their own, and how they are registered.
//! Upstream: record. Downstream: snapshot, which subtracts one from the other.

use super::histogram::HistogramCells;
use super::space::{CellSpace, PageKind};
use super::{
    Family, GaugeHistogramFamily, HistogramSpec, Kind, LabelSet, Names, Registry, Request, names_of,
};
use crate::bucket::Layout;
use crate::error::RegisterError;
use crate::record::GaugeHistogram;
use crate::sync::Arc;

/// Cells of a gauge histogram. What is removed is read first, so that no reading shows a removal
/// without its addition; all sums wrap, for their difference is what counts.
pub(crate) struct GaugeHistogramCells {
    pub(crate) added: HistogramCells,
    pub(crate) removed: HistogramCells,
}

impl GaugeHistogramCells {
    pub(crate) fn new(layout: &Arc<Layout>, space: &Arc<CellSpace>) -> Option<Self> {
        let cells = |kind| HistogramCells::in_pages(kind, layout, Arc::clone(space));
        Some(Self { added: cells(PageKind::Sums)?, removed: cells(PageKind::Decrements)? })
    }

    pub(crate) fn detached(layout: &Arc<Layout>) -> Self {
        let cells = || HistogramCells::detached(layout);
        Self { added: cells(), removed: cells() }
    }
}

impl Registry {
    /// Registers a gauge histogram without labels, or finds it.
    ///
    /// # Errors
    /// An invalid name, help or specification, or a clash with another family.
    pub fn gauge_histogram(
        &self,
        name: &str,
        help: &str,
        spec: &HistogramSpec,
    ) -> Result<GaugeHistogram, RegisterError> {
        self.gauge_histogram_family(name, help, [], spec)?.only()
    }

    /// Registers a family of gauge histograms, or finds it.
    ///
    /// # Errors
    /// An invalid name, help, label or specification, or a clash with another family.
    pub fn gauge_histogram_family<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: [&str; N],
        spec: &HistogramSpec,
    ) -> Result<GaugeHistogramFamily<N>, RegisterError> {
        let kind = Kind::GaugeHistogram;
        self.family::<GaugeHistogram, Names<N>>(&Request::of(
            kind,
            (name, help),
            &labels,
            Some(spec),
        ))
    }

    /// Registers a family of gauge histograms with a derived set of labels, or finds it.
    ///
    /// # Errors
    /// An invalid name, help or specification, or a clash with another family.
    pub fn gauge_histogram_family_of<S: LabelSet + 'static>(
        &self,
        name: &str,
        help: &str,
        spec: &HistogramSpec,
    ) -> Result<Family<GaugeHistogram, S>, RegisterError> {
        let kind = Kind::GaugeHistogram;
        self.family(&Request::of(kind, (name, help), &names_of::<S>(), Some(spec)))
    }
}
