//! A family behind its typed handles: which series it has.
//! Upstream: registry, and look-ups that miss every cache. Downstream: snapshot.

use super::builder::DEFAULT_SERIES_LIMIT;
use super::cache::CacheKey;
use super::exemplar::ExemplarTerms;
use super::histogram::HistogramCells;
use super::labels::{LabelTexts, Repeated};
use super::list::SeriesList;
use super::refusals::Refusals;
use super::retire::Retirement;
use super::series::{Body, Hold, Series, Shared};
use super::space::CellSpace;
use super::values::{self, LabelValues, decode};
use super::{HistogramSpec, Inner, Kind, Request, SummarySpec};
use crate::bucket::Layout;
use crate::clock::Clock;
use crate::error::RegisterError;
use crate::lazy_box::LazyBox;
use crate::record::Counter;
use crate::snapshot::{BlockList, next_id};
use crate::sync::{Arc, AtomicBool, Mutex, Ordering::Relaxed};
use dashmap::DashMap;
use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::sync::OnceLock;
use std::sync::Weak;
use std::time::Duration;

/// Value of every label of the series that takes what is beyond a family's limit.
pub const OVERFLOW_LABEL: &str = "__overflow__";

/// Locks of a family's map. Look-ups that miss every cache take one for reading.
const MAP_SHARDS: usize = 16;

/// What a family is called and made of.
pub(crate) struct FamilyMeta {
    pub(crate) id: u64,
    pub(crate) name: Box<str>,
    pub(crate) help: Box<str>,
    pub(crate) kind: Kind,
    /// What the values are in; the name, less `_total`, ends in it.
    pub(crate) unit: Option<Box<str>>,
    pub(crate) labels: Box<[Box<str>]>,
    pub(crate) constant_labels: Arc<[(Box<str>, Box<str>)]>,
    pub(crate) spec: Option<HistogramSpec>,
    pub(crate) summary: Option<SummarySpec>,
    pub(crate) layout: Option<Arc<Layout>>,
    /// Names of a state set's states, in the order of its bits.
    pub(crate) states: Arc<[Box<str>]>,
}

/// How a family lives.
#[derive(Default)]
pub(super) struct Terms {
    /// One of the engine's own: removed by nobody but itself.
    pub(super) own: bool,
    pub(super) limit: usize,
    pub(super) retention: Option<Duration>,
    pub(super) refusals: Option<Arc<Refusals>>,
    /// Counts look-ups beyond the limit.
    pub(super) overflowed: Option<Counter>,
    pub(super) clock: Clock,
    pub(super) exemplar_interval: Duration,
    /// Where callbacks for the family's series are registered.
    pub(super) registry: Weak<Inner>,
}

/// A family behind its typed handle.
pub(crate) struct FamilyCore {
    pub(crate) meta: Arc<FamilyMeta>,
    pub(super) key: CacheKey,
    pub(super) terms: Terms,
    pub(super) shared: Arc<Shared>,
    pub(super) map: DashMap<SeriesKey, (), foldhash::quality::RandomState>,
    /// Locked for every change of the map.
    pub(super) members: Mutex<Members>,
    pub(super) retirement: Option<Mutex<Retirement>>,
    /// Whether the limit is reached: what is beyond it then needs no lock.
    full: AtomicBool,
    /// Stands in for series that cannot be.
    nowhere: OnceLock<Arc<Series>>,
    /// Whether the log knows that the limit is reached, and that cells have run out.
    told_of_limit: AtomicBool,
    told_of_cells: AtomicBool,
}

pub(super) struct Members {
    pub(super) list: SeriesList,
    /// The series that takes what is beyond the limit, which does not count itself.
    pub(super) overflow: Option<Arc<Series>>,
}

impl Members {
    /// How many there are, as the limit counts.
    fn count(&self) -> usize {
        self.list.len() - usize::from(self.overflow.is_some())
    }

    pub(super) fn is_overflow(&self, series: &Arc<Series>) -> bool {
        self.overflow.as_ref().is_some_and(|overflow| Arc::ptr_eq(overflow, series))
    }
}

/// A series as its family's map compares it: by label values.
pub(super) struct SeriesKey(pub(super) Arc<Series>);

impl Borrow<[u8]> for SeriesKey {
    fn borrow(&self) -> &[u8] {
        self.0.labels.bytes()
    }
}

impl Hash for SeriesKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.labels.bytes().hash(state);
    }
}

impl PartialEq for SeriesKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.labels == other.0.labels
    }
}

impl Eq for SeriesKey {}

enum Refused {
    Limit,
    OutOfCells,
}

impl FamilyCore {
    pub(super) fn new(meta: FamilyMeta, space: Arc<CellSpace>, mut terms: Terms) -> Self {
        if meta.labels.is_empty() {
            terms.limit = 1; // whatever the limit is
        }
        let (kind, layout) = (meta.kind, meta.layout.clone());
        let (refusals, clock) = (terms.refusals.clone(), terms.clock.clone());
        let exemplars = ExemplarTerms::new(&clock, terms.exemplar_interval);
        let states = Arc::clone(&meta.states);
        let shared = Shared { kind, space, layout, states, refusals, clock, exemplars };
        Self {
            key: CacheKey::new(meta.id),
            meta: Arc::new(meta),
            shared: Arc::new(shared),
            map: DashMap::with_hasher_and_shard_amount(Default::default(), MAP_SHARDS),
            members: Mutex::new(Members { list: SeriesList::new(kind), overflow: None }),
            retirement: terms.retention.map(|period| Mutex::new(Retirement::new(period))),
            full: AtomicBool::new(false),
            nowhere: OnceLock::new(),
            told_of_limit: AtomicBool::new(false),
            told_of_cells: AtomicBool::new(false),
            terms,
        }
    }

    /// A family in no registry, for a static whose registration failed: records go nowhere visible.
    pub(crate) fn hidden(request: &Request<'_>) -> Self {
        let meta = FamilyMeta {
            id: next_id(),
            name: request.name.into(),
            help: request.help.into(),
            kind: request.kind,
            unit: None,
            labels: request.labels.iter().map(|&label| label.into()).collect(),
            constant_labels: Arc::from([]),
            spec: None,
            summary: request.summary.cloned(),
            layout: request.spec.map(|_| Arc::new(Layout::nowhere())),
            states: request.states.iter().map(|&state| state.into()).collect(),
        };
        let terms = Terms { limit: DEFAULT_SERIES_LIMIT, ..Terms::default() };
        Self::new(meta, Arc::default(), terms)
    }

    /// Held under the map's lock, so that nobody retires the series at the same time.
    fn find(&self, labels: &[u8]) -> Option<Hold> {
        self.map.get(labels).map(|entry| {
            let series = &entry.key().0;
            series.revive();
            Hold::new(Arc::clone(series))
        })
    }

    /// The series, created if need be; beyond the limit or the memory, what stands in for it.
    pub(super) fn with(&self, texts: &impl LabelTexts) -> Hold {
        let labels = values::encode(texts);
        self.find(&labels).unwrap_or_else(|| self.with_new(&labels))
    }

    #[cold]
    fn with_new(&self, labels: &[u8]) -> Hold {
        match self.create(labels) {
            Ok(series) => series,
            Err(Refused::Limit) => self.beyond_limit(labels),
            Err(Refused::OutOfCells) => self.out_of_cells(),
        }
    }

    #[cold]
    fn out_of_cells(&self) -> Hold {
        // First things first: a logger may look up series, too.
        if !self.told_of_cells.swap(true, Relaxed) {
            let name = &self.meta.name;
            log::error!("no cells left for a series of {name}: such are not recorded");
        }
        self.detached()
    }

    /// A new series in the place of the one with these labels; beyond the limit or the memory, one
    /// that is nowhere visible.
    pub(super) fn with_anew(&self, texts: &impl LabelTexts) -> Hold {
        let labels = values::encode(texts);
        self.remove(&labels, |_| true);
        match self.create(&labels) {
            Ok(series) => series,
            Err(Refused::Limit) => {
                self.refuse_beyond_limit(&labels);
                self.detached()
            }
            Err(Refused::OutOfCells) => self.out_of_cells(),
        }
    }

    /// The only series of a family without labels.
    pub(super) fn only(&self) -> Result<Hold, RegisterError> {
        let series = self.find(&[]).ok_or(()).or_else(|()| self.create(&[]));
        series.map_err(|_| RegisterError::OutOfCells { family: self.meta.name.to_string() })
    }

    fn create(&self, labels: &[u8]) -> Result<Hold, Refused> {
        if self.full.load(Relaxed) {
            return Err(Refused::Limit); // Relaxed: who made room knows, others learn of it soon
        }
        let mut members = self.members.lock();
        if let Some(series) = self.find(labels) {
            return Ok(series); // another thread was faster
        }
        if members.count() >= self.terms.limit {
            self.full.store(true, Relaxed);
            return Err(Refused::Limit);
        }
        self.push(&mut members, labels).map(Hold::new)
    }

    /// A new series, not in the family yet.
    pub(super) fn make(&self, members: &mut Members, labels: &[u8]) -> Option<Arc<Series>> {
        let (labels, seq) = (LabelValues::new(labels), members.list.next());
        Series::new(&self.shared, labels, seq, self.terms.clock.wall()).map(Arc::new)
    }

    fn push(&self, members: &mut Members, labels: &[u8]) -> Result<Arc<Series>, Refused> {
        let series = self.make(members, labels).ok_or(Refused::OutOfCells)?;
        members.list.push(Arc::clone(&series));
        self.map.insert(SeriesKey(Arc::clone(&series)), ());
        Ok(series)
    }

    /// Counts a series that the family refused, and says so once until there is room again.
    pub(super) fn refuse_beyond_limit(&self, labels: &[u8]) {
        let Some(overflowed) = &self.terms.overflowed else { return };
        overflowed.inc();
        if !self.told_of_limit.swap(true, Relaxed) {
            let values: Vec<_> = decode(labels).collect();
            let (name, limit) = (&self.meta.name, self.terms.limit);
            log::warn!("{name} has reached its limit of {limit} series; first beyond: {values:?}");
        }
    }

    #[cold]
    fn beyond_limit(&self, labels: &[u8]) -> Hold {
        self.refuse_beyond_limit(labels);
        // The sum of what overflowed means something for counts only.
        match self.meta.kind {
            Kind::Counter | Kind::FloatCounter | Kind::Histogram | Kind::Summary => {
                self.overflow().unwrap_or_else(|_| self.detached())
            }
            _ => self.detached(),
        }
    }

    /// The series that takes what is beyond the limit, or the one that the program made under its
    /// labels.
    fn overflow(&self) -> Result<Hold, Refused> {
        let labels = values::encode(&Repeated(OVERFLOW_LABEL, self.meta.labels.len()));
        if let Some(series) = self.find(&labels) {
            return Ok(series);
        }
        let mut members = self.members.lock();
        let series = match self.find(&labels) {
            Some(series) => series,
            None => Hold::new(self.push(&mut members, &labels)?),
        };
        members.overflow = Some(series.series());
        Ok(series)
    }

    /// After removals: threads are to look again, and there may be room again.
    pub(super) fn removed(&self, members: &Members) {
        self.key.outdate();
        if members.count() < self.terms.limit {
            self.full.store(false, Relaxed);
        }
        if members.count() <= self.terms.limit / 2 {
            self.told_of_limit.store(false, Relaxed); // not for each series that comes and goes
        }
    }

    /// A series that is nowhere visible, the same for all that cannot be.
    fn detached(&self) -> Hold {
        let series = self.nowhere.get_or_init(|| {
            let layout = self.meta.layout.as_ref();
            let histogram = layout.map(|layout| Arc::new(HistogramCells::detached(layout)));
            let body = histogram.map(|cells| Body::Histogram(cells, LazyBox::empty()));
            let body = body.map_or_else(LazyBox::empty, LazyBox::new);
            Arc::new(Series::detached(self.meta.kind, body))
        });
        Hold::new(Arc::clone(series))
    }

    /// Whether any series ever had exemplars.
    pub(crate) fn has_exemplars(&self) -> bool {
        self.shared.exemplars.are_used()
    }

    /// The series in blocks, for a snapshot.
    pub(crate) fn blocks(&self) -> Arc<BlockList> {
        self.members.lock().list.blocks()
    }
}
