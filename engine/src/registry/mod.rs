//! Registry: families by name. The cold side: it locks, allocates, and may refuse.
//! Upstream: the program, at start-up. Downstream: handles for record, layouts for snapshot.

mod builder;
mod cache;
mod callback;
mod collect;
mod core;
mod escaping;
mod exemplar;
mod families;
mod family;
pub(crate) mod gauge_histogram;
pub(crate) mod histogram;
pub(crate) mod in_flight;
mod info;
mod instrument;
mod kind;
mod labels;
mod lazy;
mod list;
pub(crate) mod name;
pub(crate) mod refusals;
mod removal;
mod retire;
pub(crate) mod series;
pub(crate) mod space;
mod spec;
mod state_set;
mod summary;
mod unit;
mod values;

pub use self::core::OVERFLOW_LABEL;
pub(crate) use self::core::{FamilyCore, FamilyMeta};
pub use builder::{FamilyOverride, RegistryBuilder};
pub use cache::Found;
pub use collect::Collector;
pub use escaping::Escaping;
pub use family::Family;
pub use instrument::Instrument;
pub use kind::*;
pub use labels::{Key, LabelSet, LabelTexts, LabelValue, Names};
pub use lazy::{Lazy, LazyFamily, LazyFamilyOf, LazyHistogramFamily, LazyStateSet, Plain};
pub use removal::{Scope, SeriesLabels};
pub use spec::HistogramSpec;
pub use summary::SummarySpec;

use self::core::Terms;
use crate::error::RegisterError;
use crate::record::{Counter, FloatCounter, Gauge, Histogram, InFlightAge, UpDownCounter};
use crate::snapshot::{Snapshot, SnapshotSource, next_id};
use crate::sync::{Arc, Mutex};
use builder::Settings;
use collect::Collectors;
use families::{Draft, Families};
use refusals::Refusals;
use space::CellSpace;
use std::sync::LazyLock;

/// Families that the engine adds itself.
const OVERFLOW: (&str, &str) =
    ("tmc_engine_overflow_total", "Look-ups beyond a family's limit of series");
/// Their labels: the family, and why it refused a value.
const OWN_LABELS: [&str; 2] = ["family", "reason"];

/// A set of families, exposed together. Cloning it counts a reference.
///
/// Dropping the last clone gives the memory of its cells back once the last handle is gone, too;
/// handles that outlive it are safe and record nowhere visible.
// Second, the unit of what is registered through this handle.
#[derive(Clone)]
pub struct Registry(Arc<Inner>, Option<Arc<str>>);

struct Inner {
    settings: Settings,
    space: Arc<CellSpace>,
    families: Mutex<Families>,
    source: SnapshotSource,
    collectors: Collectors,
}

/// What is registered, before it is.
pub(crate) struct Request<'a> {
    name: &'a str,
    help: &'a str,
    kind: Kind,
    labels: &'a [&'a str],
    spec: Option<&'a HistogramSpec>,
    /// Of a summary, beside the specification of its values.
    summary: Option<&'a SummarySpec>,
    /// Names of a state set's states.
    states: &'a [&'a str],
    /// One of the engine's own: no prefix, no limit, no metrics about it.
    own: bool,
}

impl<'a> Request<'a> {
    fn of(
        kind: Kind,
        (name, help): (&'a str, &'a str),
        labels: &'a [&'a str],
        spec: Option<&'a HistogramSpec>,
    ) -> Self {
        Self { name, help, kind, labels, spec, summary: None, states: &[], own: false }
    }
}

impl<'a> Request<'a> {
    /// For a family that the engine adds itself.
    fn own((name, help): (&'a str, &'a str), labels: &'a [&'a str]) -> Self {
        let kind = Kind::Counter;
        Self { own: true, ..Self::of(kind, (name, help), labels, None) }
    }
}

/// The names of a derived set of labels.
fn names_of<S: LabelSet>() -> Vec<&'static str> {
    let mut names = Vec::new();
    S::names(&mut |name| names.push(name));
    names
}

static GLOBAL: LazyLock<Registry> = LazyLock::new(Registry::new);

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let families = self.0.families.lock();
        f.debug_tuple("Registry").field(&families.by_name.keys()).finish()
    }
}

/// The registering methods of one type of instrument.
macro_rules! register {
    ($($one:ident $many:ident $of:ident $instrument:ident $what:literal;)*) => {$(
        #[doc = concat!("Registers ", $what, " without labels, or finds it.")]
        ///
        /// # Errors
        /// An invalid name or help, or a clash with another family: see [`RegisterError`].
        pub fn $one(&self, name: &str, help: &str) -> Result<$instrument, RegisterError> {
            self.$many(name, help, [])?.only()
        }

        #[doc = concat!("Registers a family of ", $what, "s, or finds it.")]
        ///
        /// # Errors
        /// An invalid name, help or label, or a clash with another family: see [`RegisterError`].
        pub fn $many<const N: usize>(
            &self,
            name: &str,
            help: &str,
            labels: [&str; N],
        ) -> Result<Family<$instrument, Names<N>>, RegisterError> {
            let kind = Kind::$instrument;
            self.family(&Request::of(kind, (name, help), &labels, None))
        }

        #[doc = concat!("Registers a family of ", $what, "s with a derived set of labels, or finds it.")]
        ///
        /// # Errors
        /// An invalid name or help, or a clash with another family: see [`RegisterError`].
        pub fn $of<S: LabelSet + 'static>(
            &self,
            name: &str,
            help: &str,
        ) -> Result<Family<$instrument, S>, RegisterError> {
            let kind = Kind::$instrument;
            self.family(&Request::of(kind, (name, help), &names_of::<S>(), None))
        }
    )*};
}

impl Registry {
    /// An empty registry with the default settings.
    #[must_use]
    pub fn new() -> Self {
        Self::with_settings(Settings::default())
    }

    /// An empty registry with a prefix, constant labels, limits and overrides.
    #[must_use]
    pub fn builder() -> RegistryBuilder {
        RegistryBuilder::default()
    }

    /// The registry that lazily registered statics go to.
    #[must_use]
    pub fn global() -> &'static Registry {
        &GLOBAL
    }

    fn with_settings(settings: Settings) -> Self {
        let inner = Inner {
            settings,
            space: Arc::default(),
            families: Mutex::default(),
            source: SnapshotSource::default(),
            collectors: Collectors::default(),
        };
        Self(Arc::new(inner), None)
    }

    register! {
        counter counter_family counter_family_of Counter "a counter";
        float_counter float_counter_family float_counter_family_of FloatCounter "a floating-point counter";
        gauge gauge_family gauge_family_of Gauge "a gauge";
        up_down_counter up_down_counter_family up_down_counter_family_of UpDownCounter "an up-down counter";
        in_flight_age in_flight_age_family in_flight_age_family_of InFlightAge "an in-flight age";
    }

    /// Registers a histogram without labels, or finds it.
    ///
    /// # Errors
    /// An invalid name, help or specification, or a clash with another family.
    pub fn histogram(
        &self,
        name: &str,
        help: &str,
        spec: &HistogramSpec,
    ) -> Result<Histogram, RegisterError> {
        self.histogram_family(name, help, [], spec)?.only()
    }

    /// Registers a family of histograms, or finds it.
    ///
    /// # Errors
    /// An invalid name, help, label or specification, or a clash with another family.
    pub fn histogram_family<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: [&str; N],
        spec: &HistogramSpec,
    ) -> Result<HistogramFamily<N>, RegisterError> {
        let kind = Kind::Histogram;
        self.family(&Request::of(kind, (name, help), &labels, Some(spec)))
    }

    /// Registers a family of histograms with a derived set of labels, or finds it.
    ///
    /// # Errors
    /// An invalid name, help or specification, or a clash with another family.
    pub fn histogram_family_of<S: LabelSet + 'static>(
        &self,
        name: &str,
        help: &str,
        spec: &HistogramSpec,
    ) -> Result<Family<Histogram, S>, RegisterError> {
        let kind = Kind::Histogram;
        self.family(&Request::of(kind, (name, help), &names_of::<S>(), Some(spec)))
    }

    /// Reads every series now and publishes the reading.
    ///
    /// Callers that come together share a reading, but never one that began before they came.
    /// Writers are not held up. Allocates only when the registry has grown, or when more than two
    /// earlier readings are still in use. Collectors run first, and callers that come together share
    /// their run, too: see [`Registry::register_collector`].
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.collect();
        let inner = &*self.0;
        let snapshot = inner.source.read(&inner.space, &inner.settings.clock, |each| {
            inner.families.lock().by_name.values().for_each(|family| each(family));
        });
        if inner.settings.retires() {
            self.retire(&snapshot);
        }
        snapshot
    }

    /// Retires what this reading shows to have been idle for long.
    fn retire(&self, reading: &Snapshot) {
        let now = self.0.settings.clock.now();
        let families = self.0.families.lock();
        for family in reading.families() {
            if let Some(core) = families.by_name.get(family.name()) {
                core.retire(now, &family);
            }
        }
    }

    /// The last published reading, without a new one. Wait-free.
    #[must_use]
    pub fn latest(&self) -> Arc<Snapshot> {
        self.0.source.latest()
    }

    fn family<M: Instrument, K: Key + 'static>(
        &self,
        request: &Request<'_>,
    ) -> Result<Family<M, K>, RegisterError> {
        let mut name = match (&self.0.settings.prefix, request.own) {
            (Some(prefix), false) => format!("{prefix}_{}", request.name),
            _ => request.name.to_owned(),
        };
        if request.kind == Kind::Info && !request.name.is_empty() {
            info::add_suffix(&mut name);
        }
        let names = self.0.settings.names;
        names.check_metric(if request.name.is_empty() { "" } else { &name })?;
        if request.help.contains('\r') {
            return Err(RegisterError::InvalidHelp { family: name });
        }
        let constant = self.0.settings.constant_labels.iter().map(|(label, _)| &**label);
        let labels = constant.chain(request.labels.iter().copied());
        // First, for what it says of a label named like the family.
        state_set::check(&name, request, labels.clone())?;
        names.check_labels(&name, Some(request.kind), labels)?;
        summary::check(&name, request)?;
        let unit = unit::of(&name, request, self.1.as_deref())?;
        let overridden = self.0.settings.overrides.get(request.name).cloned().unwrap_or_default();
        let mut spec = request.spec.map(|spec| spec.overridden(&overridden));
        if request.summary.is_some() {
            spec = spec.map(HistogramSpec::without_bounds);
        }
        let claims = names.claims(&name, request.kind);
        self.find_or_insert(Draft { name, spec, unit, claims }, request, &overridden)
            .map(Family::new)
    }

    fn find_or_insert(
        &self,
        draft: Draft,
        request: &Request<'_>,
        overridden: &FamilyOverride,
    ) -> Result<Arc<FamilyCore>, RegisterError> {
        let layout = draft.spec.as_ref().map(|spec| spec.layout(&draft.name)).transpose()?;
        // Before the engine's own metrics about it come: a refused family leaves nothing behind.
        if let Some(known) = self.0.families.lock().find(&draft, request)? {
            return Ok(known);
        }
        let terms = self.terms(&draft.name, request, overridden)?;
        let meta = FamilyMeta {
            id: next_id(),
            name: draft.name.as_str().into(),
            help: request.help.into(),
            kind: request.kind,
            unit: draft.unit.clone(),
            labels: request.labels.iter().map(|&label| label.into()).collect(),
            constant_labels: Arc::clone(&self.0.settings.constant_labels),
            spec: draft.spec.clone(),
            summary: request.summary.cloned(),
            layout: layout.map(Arc::new),
            states: request.states.iter().map(|&state| state.into()).collect(),
        };
        let mut families = self.0.families.lock();
        if let Some(known) = families.find(&draft, request)? {
            return Ok(known); // another thread was faster
        }
        let space = Arc::clone(&self.0.space);
        let core = Arc::new(FamilyCore::new(meta, space, terms));
        families.insert(draft, Arc::clone(&core));
        drop(families); // a logger may register metrics of its own
        log::debug!("registered the {} family {}", request.kind, core.meta.name);
        Ok(core)
    }

    fn terms(
        &self,
        family: &str,
        request: &Request<'_>,
        overridden: &FamilyOverride,
    ) -> Result<Terms, RegisterError> {
        let (settings, own) = (&self.0.settings, request.own);
        let (refusals, overflowed) = self.own_metrics(family, request)?;
        let retires = !own && request.kind != Kind::Info;
        let limit = overridden.series_limit.unwrap_or(settings.series_limit);
        Ok(Terms {
            own,
            limit: if own { usize::MAX } else { limit },
            retention: overridden.retention_period.or(settings.retention).filter(|_| retires),
            refusals,
            overflowed,
            clock: settings.clock.clone(),
            exemplar_interval: settings.exemplar_interval,
            registry: Arc::downgrade(&self.0),
        })
    }

    /// The engine's counters about a family.
    fn own_metrics(
        &self,
        family: &str,
        request: &Request<'_>,
    ) -> Result<(Option<Arc<Refusals>>, Option<Counter>), RegisterError> {
        let refusals = if request.own {
            None
        } else {
            Some(Arc::new(Refusals::new(self, family, request.kind)?))
        };
        let overflowed = if request.labels.is_empty() || request.own {
            None
        } else {
            let own = Request::own(OVERFLOW, &OWN_LABELS[..1]);
            Some(self.family::<Counter, Names<1>>(&own)?.with([family]))
        };
        Ok((refusals, overflowed))
    }
}
