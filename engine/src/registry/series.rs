//! A series: label values and cells. Handles own it, and give its cells back with the last of them.
//! Upstream: the family that made it. Downstream: record, snapshot.

use super::Kind;
use super::exemplar::{ExemplarTerms, Exemplars};
use super::gauge_histogram::GaugeHistogramCells;
use super::histogram::HistogramCells;
use super::in_flight::InFlightCells;
use super::refusals::{Reason, Refusals};
use super::space::{CellRef, CellSpace, PageKind};
use super::values::LabelValues;
use crate::bucket::Layout;
use crate::clock::Clock;
use crate::lazy_box::LazyBox;
use crate::shard::holds::Holds;
use crate::snapshot::Window;
use crate::sync::{Arc, AtomicBool, AtomicU8, Mutex, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

/// One series. Public in name only: the sealed half of [`super::Instrument`] takes it.
#[allow(unreachable_pub)]
pub struct Series {
    pub(crate) kind: Kind,
    state: AtomicU8,
    /// Whether a value was set since somebody last asked: setting a gauge to what it is shows in no
    /// cell.
    touched: AtomicBool,
    /// Its place among the family's series, in order of creation. May come round again.
    pub(crate) seq: u32,
    pub(crate) holds: Holds,
    /// Nanoseconds since the Unix epoch.
    created: u64,
    pub(crate) labels: LabelValues,
    /// The value; the increments of an up-down counter; the head of a histogram.
    pub(crate) cell: CellRef,
    /// The decrements of an up-down counter; how many operations run of an in-flight age.
    pub(crate) down: CellRef,
    /// Set from the beginning, or by a counter's first exemplar.
    pub(crate) body: LazyBox<Body>,
    /// `None` for a series that is nowhere visible.
    shared: Option<Arc<Shared>>,
}

/// What a series has beside the cell for its value.
pub(crate) enum Body {
    /// Of a histogram.
    Histogram(Arc<HistogramCells>, LazyBox<Exemplars>),
    /// Of a summary.
    Summary(Arc<HistogramCells>, Mutex<Window>),
    /// Of a gauge histogram.
    GaugeHistogram(Arc<GaugeHistogramCells>),
    /// Of a counter.
    Exemplars(Exemplars),
    /// Of an in-flight age. The merge puts what it reads there into the series' cells.
    InFlight(Arc<InFlightCells>),
}

/// What the series of a family need of it for as long as they live.
pub(crate) struct Shared {
    pub(crate) kind: Kind,
    pub(crate) space: Arc<CellSpace>,
    pub(crate) layout: Option<Arc<Layout>>,
    /// Names of a state set's states, in the order of its bits.
    pub(crate) states: Arc<[Box<str>]>,
    /// Counts refused records of the family.
    pub(crate) refusals: Option<Arc<Refusals>>,
    pub(crate) clock: Clock,
    pub(crate) exemplars: ExemplarTerms,
}

/// Where a series is in its life. Relaxed throughout: whoever must know of a removal learns of it
/// from the thread that removed, and then sees it here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum State {
    /// In its family.
    Live,
    /// In its family, about to be retired. Looking it up makes it live again.
    Fading,
    /// In no family any more.
    Removed,
}

impl Series {
    /// A series with cells of its own, all zero; `None` when there are none left.
    pub(crate) fn new(
        shared: &Arc<Shared>,
        labels: LabelValues,
        seq: u32,
        created: SystemTime,
    ) -> Option<Self> {
        let kind = shared.kind;
        let mut series = Self::detached(kind, LazyBox::empty());
        series.labels = labels;
        series.seq = seq;
        let created = created.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        series.created = u64::try_from(created.as_nanos()).unwrap_or(u64::MAX);
        series.shared = Some(Arc::clone(shared)); // from here on, dropping gives cells back
        if let Some(layout) = &shared.layout {
            series.body = LazyBox::new(Self::distribution(kind, layout, &shared.space)?);
        } else if kind != Kind::Info {
            series.cell = shared.space.take(Self::page_kind(kind), 1)?;
        }
        if kind == Kind::InFlightAge {
            let cells = InFlightCells::new(&shared.clock);
            series.body = LazyBox::new(Body::InFlight(Arc::new(cells)));
        }
        if matches!(kind, Kind::UpDownCounter | Kind::InFlightAge) {
            series.down = shared.space.take(PageKind::Decrements, 1)?;
        }
        Some(series)
    }

    fn distribution(kind: Kind, layout: &Arc<Layout>, space: &Arc<CellSpace>) -> Option<Body> {
        if kind == Kind::GaugeHistogram {
            return Some(Body::GaugeHistogram(Arc::new(GaugeHistogramCells::new(layout, space)?)));
        }
        let cells = Arc::new(HistogramCells::new(layout, Arc::clone(space))?);
        Some(match kind {
            Kind::Summary => Body::Summary(cells, Mutex::default()),
            _ => Body::Histogram(cells, LazyBox::empty()),
        })
    }

    /// A series that records nowhere visible.
    pub(crate) fn detached(kind: Kind, body: LazyBox<Body>) -> Self {
        Self {
            kind,
            state: AtomicU8::new(State::Live as u8),
            touched: AtomicBool::new(false),
            seq: 0,
            holds: Holds::new(),
            created: 0,
            labels: LabelValues::default(),
            cell: CellRef::VOID,
            down: CellRef::VOID,
            body,
            shared: None,
        }
    }

    fn page_kind(kind: Kind) -> PageKind {
        match kind {
            Kind::FloatCounter => PageKind::Floats,
            Kind::Gauge | Kind::StateSet | Kind::Info => PageKind::Shared, // an info has no cell
            _ => PageKind::Sums,
        }
    }

    /// The cells of a histogram or a summary.
    pub(crate) fn histogram(&self) -> Option<&Arc<HistogramCells>> {
        match self.body.get()? {
            Body::Histogram(cells, _) | Body::Summary(cells, _) => Some(cells),
            _ => None,
        }
    }

    /// Earlier readings of a summary.
    pub(crate) fn window(&self) -> Option<&Mutex<Window>> {
        match self.body.get()? {
            Body::Summary(_, window) => Some(window),
            _ => None,
        }
    }

    /// The cells of a gauge histogram.
    pub(crate) fn gauge_histogram(&self) -> Option<&Arc<GaugeHistogramCells>> {
        match self.body.get()? {
            Body::GaugeHistogram(cells) => Some(cells),
            _ => None,
        }
    }

    /// The operations of an in-flight age.
    pub(crate) fn in_flight(&self) -> Option<&Arc<InFlightCells>> {
        match self.body.get()? {
            Body::InFlight(cells) => Some(cells),
            _ => None,
        }
    }

    /// The exemplars, if there ever were any.
    pub(crate) fn exemplars(&self) -> Option<&Exemplars> {
        match self.body.get()? {
            Body::Histogram(_, exemplars) => exemplars.get(),
            Body::Exemplars(exemplars) => Some(exemplars),
            Body::Summary(..) | Body::GaugeHistogram(_) | Body::InFlight(_) => None,
        }
    }

    /// Keeps the exemplar of a record in this bucket, a counter's only one being 0, if it is time for
    /// one. An invalid one is counted.
    pub(crate) fn exemplify(&self, bucket: usize, value: f64, labels: &[(&str, &str)]) {
        let Some(Shared { exemplars: terms, .. }) = self.shared.as_deref() else { return };
        let exemplars = match self.body.get() {
            Some(Body::Histogram(cells, exemplars)) => {
                exemplars.get_or_make(|| Exemplars::new(terms, cells.layout.bounds.len() + 1))
            }
            _ => match self.body.get_or_make(|| Body::Exemplars(Exemplars::new(terms, 1))) {
                Body::Exemplars(exemplars) => exemplars,
                _ => return, // never: only counters and histograms have exemplars
            },
        };
        if exemplars.keep(terms, bucket, value, labels).is_err() {
            self.refuse_for(Reason::Exemplar);
        }
    }

    /// Names of a state set's states; none for a series that is nowhere visible.
    pub(crate) fn states(&self) -> &[Box<str>] {
        self.shared.as_ref().map_or(&[], |shared| &shared.states)
    }

    /// When it was created.
    pub(crate) fn created(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_nanos(self.created)
    }

    /// Whether a thread that remembers the series may go on with it, unasked.
    #[inline(always)]
    pub(crate) fn is_live(&self) -> bool {
        self.state.load(Relaxed) == State::Live as u8
    }

    /// Somebody wants it: it is not to be retired.
    pub(crate) fn revive(&self) {
        if !self.is_live() {
            let _removed = self.pass(State::Fading, State::Live);
        }
    }

    /// It is about to be retired, unless somebody looks it up. Says whether it was already.
    pub(crate) fn fade(&self) -> bool {
        self.pass(State::Live, State::Fading) == Err(State::Fading as u8)
    }

    /// Whether it is about to be retired.
    pub(crate) fn is_fading(&self) -> bool {
        self.state.load(Relaxed) == State::Fading as u8
    }

    fn pass(&self, from: State, to: State) -> Result<u8, u8> {
        self.state.compare_exchange(from as u8, to as u8, Relaxed, Relaxed)
    }

    /// It is in no family any more.
    pub(crate) fn remove(&self) {
        self.state.store(State::Removed as u8, Relaxed);
    }

    /// A value was set, perhaps the same as before.
    #[inline(always)]
    pub(crate) fn touch(&self) {
        // The load keeps the line shared, where many threads set one gauge.
        if !self.touched.load(Relaxed) {
            self.touched.store(true, Relaxed);
        }
    }

    /// Whether a value was set since this was last asked, or an operation runs.
    pub(crate) fn take_touched(&self) -> bool {
        self.touched.swap(false, Relaxed) || self.is_touched()
    }

    /// The same, without taking note of it.
    pub(crate) fn is_touched(&self) -> bool {
        self.touched.load(Relaxed) || self.in_flight().is_some_and(|cells| cells.is_running())
    }

    /// Counts a value that was NaN or negative.
    #[cold]
    #[inline(never)]
    pub(crate) fn refuse(&self, value: f64) {
        self.refuse_for(if value.is_nan() { Reason::Nan } else { Reason::Negative });
    }

    /// Counts what was refused.
    #[cold]
    pub(crate) fn refuse_for(&self, reason: Reason) {
        let refusals = self.shared.as_ref().and_then(|shared| shared.refusals.as_ref());
        if let Some(refusals) = refusals {
            refusals.count(reason);
        }
    }
}

impl Drop for Series {
    fn drop(&mut self) {
        let Some(Shared { space, .. }) = self.shared.as_deref() else { return };
        if self.cell.id != CellRef::VOID.id {
            space.give(Self::page_kind(self.kind), 1, self.cell);
        }
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

/// A handle's part in a series: keeps its cells from being reused, and the series from being
/// retired. Public in name only, as [`Series`].
#[allow(unreachable_pub)]
pub struct Hold(Arc<Series>);

impl Hold {
    pub(crate) fn new(series: Arc<Series>) -> Self {
        series.holds.hold();
        Self(series)
    }

    /// The series, without a part in it.
    pub(crate) fn series(&self) -> Arc<Series> {
        Arc::clone(&self.0)
    }
}

impl Clone for Hold {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.0))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.holds.release();
    }
}

impl std::ops::Deref for Hold {
    type Target = Series;

    #[inline(always)]
    fn deref(&self) -> &Series {
        &self.0
    }
}

impl std::fmt::Debug for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
