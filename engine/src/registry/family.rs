//! A family: one name, one type, one series per combination of label values.
//! Upstream: registry. Downstream: handles, and snapshot, which takes the series in blocks.

use super::cache::{self, Found};
use super::histogram::HistogramCells;
use super::labels::LabelKey;
use super::series::{Instrument, Series};
use super::space::CellSpace;
use super::{HistogramSpec, Kind, Refusals, Request};
use crate::bucket::Layout;
use crate::error::RegisterError;
use crate::record::Counter;
use crate::snapshot::{Block, next_id};
use crate::sync::{Arc, AtomicBool, Mutex, Ordering::Relaxed};
use dashmap::DashMap;
use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

/// Value of every label of the series that takes what is beyond a family's limit.
pub const OVERFLOW_LABEL: &str = "__overflow__";

/// Locks of a family's map. Look-ups that miss every cache take one for reading.
const MAP_SHARDS: usize = 16;

/// What all series of a family share.
pub(crate) struct FamilyMeta {
    pub(crate) id: u64,
    pub(crate) name: Box<str>,
    pub(crate) help: Box<str>,
    pub(crate) kind: Kind,
    pub(crate) labels: Box<[Box<str>]>,
    pub(crate) constant_labels: Arc<[(Box<str>, Box<str>)]>,
    pub(crate) spec: Option<HistogramSpec>,
    pub(crate) layout: Option<Arc<Layout>>,
}

/// A family behind its typed handle.
pub(crate) struct FamilyCore {
    pub(crate) meta: Arc<FamilyMeta>,
    pub(crate) space: Arc<CellSpace>,
    pub(crate) limit: usize,
    pub(crate) refusals: Option<Arc<Refusals>>,
    /// Counts look-ups beyond the limit.
    pub(crate) overflowed: Option<Counter>,
    map: DashMap<SeriesKey, ()>,
    list: Mutex<SeriesList>,
    /// Whether the log knows that the limit is reached, and that cells have run out.
    told_of_limit: AtomicBool,
    told_of_cells: AtomicBool,
}

#[derive(Default)]
struct SeriesList {
    /// In order of creation.
    series: Vec<Arc<Series>>,
    /// The same in blocks, as of the last snapshot.
    blocks: Arc<[Arc<Block>]>,
}

/// A series as its family's map compares it: by label values.
struct SeriesKey(Arc<Series>);

impl<'a> Borrow<dyn LabelKey + 'a> for SeriesKey {
    fn borrow(&self) -> &(dyn LabelKey + 'a) {
        self.0.labels.borrow()
    }
}

impl Hash for SeriesKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let key: &dyn LabelKey = self.borrow();
        key.hash(state);
    }
}

impl PartialEq for SeriesKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.labels == other.0.labels
    }
}

impl Eq for SeriesKey {}

impl FamilyCore {
    pub(crate) fn new(
        meta: FamilyMeta,
        space: Arc<CellSpace>,
        limit: usize,
        refusals: Option<Arc<Refusals>>,
        overflowed: Option<Counter>,
    ) -> Self {
        // A family without labels has one series whatever the limit.
        let limit = if meta.labels.is_empty() { 1 } else { limit };
        Self {
            meta: Arc::new(meta),
            space,
            limit,
            refusals,
            overflowed,
            map: DashMap::with_shard_amount(MAP_SHARDS),
            list: Mutex::default(),
            told_of_limit: AtomicBool::new(false),
            told_of_cells: AtomicBool::new(false),
        }
    }

    /// A family in no registry, for a static whose registration failed: records go nowhere visible.
    pub(crate) fn hidden(request: &Request<'_>) -> Self {
        let meta = FamilyMeta {
            id: next_id(),
            name: request.name.into(),
            help: request.help.into(),
            kind: request.kind,
            labels: request.labels.iter().map(|&label| label.into()).collect(),
            constant_labels: Arc::from([]),
            spec: None,
            layout: request.spec.map(|_| Arc::new(Layout::nowhere())),
        };
        Self::new(meta, Arc::default(), usize::MAX, None, None)
    }

    fn find(&self, labels: &dyn LabelKey) -> Option<Arc<Series>> {
        self.map.get(labels).map(|entry| Arc::clone(&entry.key().0))
    }

    /// The series, created if need be; beyond the limit or the memory, what stands in for it.
    pub(crate) fn with(&self, labels: &dyn LabelKey) -> Arc<Series> {
        self.find(labels).unwrap_or_else(|| match self.create(labels) {
            Ok(series) => series,
            Err(Refused::Limit) => self.beyond_limit(labels),
            Err(Refused::OutOfCells) => {
                // First things first: a logger may look up series, too.
                if !self.told_of_cells.swap(true, Relaxed) {
                    let name = &self.meta.name;
                    log::error!("no cells left for a series of {name}: such are not recorded");
                }
                self.detached()
            }
        })
    }

    /// The only series of a family without labels.
    fn only(&self) -> Result<Arc<Series>, RegisterError> {
        let none: &dyn LabelKey = &[];
        let series = self.find(none).ok_or(()).or_else(|()| self.create(none));
        series.map_err(|_| RegisterError::OutOfCells { family: self.meta.name.to_string() })
    }

    #[cold]
    fn create(&self, labels: &dyn LabelKey) -> Result<Arc<Series>, Refused> {
        let mut list = self.list.lock();
        if let Some(series) = self.find(labels) {
            return Ok(series); // another thread was faster
        }
        if list.series.len() >= self.limit {
            return Err(Refused::Limit);
        }
        self.push(&mut list, labels)
    }

    fn push(&self, list: &mut SeriesList, labels: &dyn LabelKey) -> Result<Arc<Series>, Refused> {
        let meta = &self.meta;
        let refusals = self.refusals.clone();
        let series = Series::new(meta.kind, labels, &self.space, meta.layout.as_ref(), refusals);
        let series = Arc::new(series.ok_or(Refused::OutOfCells)?);
        list.series.push(Arc::clone(&series));
        self.map.insert(SeriesKey(Arc::clone(&series)), ());
        Ok(series)
    }

    #[cold]
    fn beyond_limit(&self, labels: &dyn LabelKey) -> Arc<Series> {
        if let Some(overflowed) = &self.overflowed {
            overflowed.inc();
            if !self.told_of_limit.swap(true, Relaxed) {
                let values: Vec<_> = (0..labels.len()).map(|at| labels.value(at)).collect();
                let (name, limit) = (&self.meta.name, self.limit);
                log::warn!(
                    "{name} has reached its limit of {limit} series; first beyond: {values:?}"
                );
            }
        }
        // The sum of what overflowed means something for counts only.
        match self.meta.kind {
            Kind::Counter | Kind::FloatCounter | Kind::Histogram => {
                self.overflow().unwrap_or_else(|_| self.detached())
            }
            Kind::Gauge | Kind::UpDownCounter => self.detached(),
        }
    }

    /// The series that takes what is beyond the limit.
    fn overflow(&self) -> Result<Arc<Series>, Refused> {
        struct Overflow(usize);
        impl LabelKey for Overflow {
            fn len(&self) -> usize {
                self.0
            }
            fn value(&self, _: usize) -> &str {
                OVERFLOW_LABEL
            }
        }
        let labels = Overflow(self.meta.labels.len());
        if let Some(series) = self.find(&labels) {
            return Ok(series);
        }
        let mut list = self.list.lock();
        match self.find(&labels) {
            Some(series) => Ok(series), // another thread was faster
            None => self.push(&mut list, &labels),
        }
    }

    fn detached(&self) -> Arc<Series> {
        let histogram = |layout| Arc::new(HistogramCells::detached(layout));
        let layout = self.meta.layout.as_ref();
        Arc::new(Series::detached(self.meta.kind, layout.map(histogram)))
    }

    /// All series in blocks of [`Block::SERIES`]; unchanged blocks are the same ones as before.
    pub(crate) fn blocks(&self) -> Arc<[Arc<Block>]> {
        let mut list = self.list.lock();
        let known = list
            .blocks
            .last()
            .map_or(0, |last| (list.blocks.len() - 1) * Block::SERIES + last.series().len());
        if known < list.series.len() {
            let whole = known / Block::SERIES;
            let kept = list.blocks[..whole].iter().map(Arc::clone);
            let fresh = list.series[whole * Block::SERIES..].chunks(Block::SERIES);
            list.blocks = kept.chain(fresh.map(|series| Arc::new(Block::new(series)))).collect();
        }
        Arc::clone(&list.blocks)
    }
}

enum Refused {
    Limit,
    OutOfCells,
}

/// A family of series told apart by the values of `N` labels.
///
/// A cheap owned handle: cloning it counts a reference.
pub struct Family<M, const N: usize> {
    core: Arc<FamilyCore>,
    _instrument: PhantomData<fn() -> M>,
}

impl<M, const N: usize> Clone for Family<M, N> {
    fn clone(&self) -> Self {
        Self { core: Arc::clone(&self.core), _instrument: PhantomData }
    }
}

impl<M, const N: usize> std::fmt::Debug for Family<M, N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let meta = &self.core.meta;
        f.debug_struct("Family").field("name", &meta.name).field("labels", &meta.labels).finish()
    }
}

impl<M: Instrument + 'static, const N: usize> Family<M, N> {
    /// Finds or creates the series, to record into it at once: `requests.at(["GET", "200"]).inc()`.
    ///
    /// For hot paths whose label values are only known in them. As [`Family::with`], but a thread
    /// remembers the last 256 series or so that it looked up: finding one of them again neither
    /// locks, allocates, nor writes to memory that threads share. The thread's first look-up
    /// allocates 10 KiB.
    #[inline]
    #[must_use]
    pub fn at(&self, values: [&str; N]) -> Found<M> {
        cache::find(self.core.meta.id, &values, || self.core.with(&values))
    }
}

impl<M: Instrument, const N: usize> Family<M, N> {
    pub(crate) fn new(core: Arc<FamilyCore>) -> Self {
        Self { core, _instrument: PhantomData }
    }

    /// Finds or creates the series with these label values.
    ///
    /// Never fails. Beyond the family's limit, and only then, it gives the overflow series (all
    /// labels `__overflow__`; counters and histograms) or a handle that records nowhere visible
    /// (gauges), and `tmc_engine_overflow_total` counts it. Finding takes a read lock and counts a
    /// reference on memory that threads share; creating locks the family and allocates. Keep the
    /// handle where the path is hot, or use [`Family::at`].
    #[must_use]
    pub fn with(&self, values: [&str; N]) -> M {
        M::of(self.core.with(&values))
    }

    /// The only series of a family without labels, or an error when there are no cells for it.
    pub(crate) fn only(&self) -> Result<M, RegisterError> {
        self.core.only().map(M::of)
    }

    /// Creates these series now, so that they are exposed at zero before the first event.
    pub fn init<'a>(&self, series: impl IntoIterator<Item = [&'a str; N]>) {
        series.into_iter().for_each(|values| drop(self.core.with(&values)));
    }

    /// The family's name, the registry's prefix included.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.core.meta.name
    }
}
