//! A family: one name, one type, one series per combination of label values.
//! Upstream: registry. Downstream: handles.

use super::cache::{self, Found};
use super::core::FamilyCore;
use super::instrument::Instrument;
use super::labels::{Key, Names};
use crate::error::RegisterError;
use crate::sync::Arc;
use std::marker::PhantomData;

/// A family of series told apart by the values of their labels: of `N` strings, where `K` is
/// [`Names`], or of a type that derives [`super::LabelSet`].
///
/// A cheap owned handle: cloning it counts a reference.
pub struct Family<M, K> {
    pub(super) core: Arc<FamilyCore>,
    /// Of the arrays in which threads remember series by `K`.
    number: usize,
    _of: PhantomData<fn() -> (M, K)>,
}

impl<M, K> Clone for Family<M, K> {
    fn clone(&self) -> Self {
        Self { core: Arc::clone(&self.core), number: self.number, _of: PhantomData }
    }
}

impl<M, K> std::fmt::Debug for Family<M, K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let meta = &self.core.meta;
        f.debug_struct("Family").field("name", &meta.name).field("labels", &meta.labels).finish()
    }
}

impl<M: Instrument, K: Key> Family<M, K> {
    pub(super) fn new(core: Arc<FamilyCore>) -> Self
    where
        K: 'static,
    {
        let number = core.key.number_for::<K>();
        Self { core, number, _of: PhantomData }
    }

    /// Finds or creates the series, to record into it at once: `requests.at(["GET", "200"]).inc()`.
    ///
    /// For hot paths whose label values are only known in them. As [`Family::with`], but a thread
    /// remembers the last 2,000 series or so that it looked up, and all of a family whose labels have
    /// at most 512 combinations of values: finding one of them again neither locks, allocates, nor
    /// writes to memory that threads share. The thread's first look-up allocates 3 KiB, which grow to
    /// 96 KiB as it needs them, the first in a family of the second sort 32 bytes per combination. What
    /// an idle thread remembers of removed series is bounded likewise.
    ///
    /// Beyond the family's limit each look-up takes the slow way. Not for use inside a global
    /// allocator, where handles are.
    ///
    /// While the result lives, further look-ups on this thread take the slow way. A record that is
    /// in flight while its series is being removed goes with it.
    #[inline]
    #[must_use]
    pub fn at(&self, values: K::Of<'_>) -> Found<'_, M> {
        cache::find(&self.core.key, self.number, values, |values| self.core.with(values))
    }

    /// Finds or creates the series with these label values.
    ///
    /// Never fails. Beyond the family's limit, and only then, it gives the overflow series (all
    /// labels `__overflow__`; counters and histograms) or a handle that records nowhere visible
    /// (gauges), and `tmc_engine_overflow_total` counts it. Finding takes a read lock and counts
    /// references on memory that threads share; creating locks the family and allocates. Keep the
    /// handle where the path is hot, or use [`Family::at`].
    #[must_use]
    pub fn with(&self, values: K::Of<'_>) -> M {
        M::of(self.core.with(&values))
    }

    /// Creates these series now, so that they are exposed at zero before the first event.
    pub fn init<'a>(&self, series: impl IntoIterator<Item = K::Of<'a>>)
    where
        K: 'a,
    {
        series.into_iter().for_each(|values| drop(self.core.with(&values)));
    }

    /// The family's name, the registry's prefix included.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.core.meta.name
    }
}

impl<M: Instrument> Family<M, Names<0>> {
    /// The only series of a family without labels, or an error when there are no cells for it.
    pub(super) fn only(&self) -> Result<M, RegisterError> {
        self.core.only().map(M::of)
    }
}
