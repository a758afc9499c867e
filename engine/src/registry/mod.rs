//! Registry: families by name. The cold side: it locks, allocates, and may refuse.
//! Upstream: the program, at start-up. Downstream: handles for record, layouts for snapshot.

mod builder;
mod cache;
mod family;
pub(crate) mod histogram;
pub(crate) mod labels;
mod lazy;
pub(crate) mod name;
pub(crate) mod series;
pub(crate) mod space;
mod spec;

pub use builder::{FamilyOverride, RegistryBuilder};
pub use cache::Found;
pub use family::{Family, OVERFLOW_LABEL};
pub(crate) use family::{FamilyCore, FamilyMeta};
pub use lazy::{Lazy, LazyFamily, LazyHistogramFamily, Plain};
pub use series::Instrument;
pub use spec::HistogramSpec;

use crate::error::RegisterError;
use crate::record::{Counter, FloatCounter, Gauge, Histogram, UpDownCounter};
use crate::snapshot::{Snapshot, SnapshotSource, next_id};
use crate::sync::{Arc, Mutex};
use builder::Settings;
use space::CellSpace;
use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

/// The type of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Integer counter.
    Counter,
    /// Floating-point counter.
    FloatCounter,
    /// Gauge.
    Gauge,
    /// In-flight count, exposed as a gauge.
    UpDownCounter,
    /// Histogram.
    Histogram,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Kind::Counter => "counter",
            Kind::FloatCounter => "floating-point counter",
            Kind::Gauge => "gauge",
            Kind::UpDownCounter => "up-down counter",
            Kind::Histogram => "histogram",
        })
    }
}

impl Kind {
    pub(crate) fn with_article(self) -> String {
        match self {
            Kind::UpDownCounter => format!("an {self}"),
            _ => format!("a {self}"),
        }
    }
}

/// A [`Family`] of counters.
pub type CounterFamily<const N: usize> = Family<Counter, N>;
/// A [`Family`] of floating-point counters.
pub type FloatCounterFamily<const N: usize> = Family<FloatCounter, N>;
/// A [`Family`] of gauges.
pub type GaugeFamily<const N: usize> = Family<Gauge, N>;
/// A [`Family`] of in-flight counts.
pub type UpDownCounterFamily<const N: usize> = Family<UpDownCounter, N>;
/// A [`Family`] of histograms.
pub type HistogramFamily<const N: usize> = Family<Histogram, N>;

/// Counts values that a family refused.
pub(crate) struct Refusals {
    pub(crate) nan: Counter,
    pub(crate) negative: Counter,
}

/// Families that the engine adds itself.
const REFUSED: (&str, &str) =
    ("tmc_engine_refused_total", "Values refused because they were NaN or negative");
const OVERFLOW: (&str, &str) =
    ("tmc_engine_overflow_total", "Look-ups beyond a family's limit of series");
/// Their labels: the family, and why it refused a value.
const OWN_LABELS: [&str; 2] = ["family", "reason"];

/// A set of families, exposed together. Cloning it counts a reference.
///
/// Dropping the last clone gives the memory of its cells back once the last handle is gone, too;
/// handles that outlive it are safe and record nowhere visible.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    settings: Settings,
    space: Arc<CellSpace>,
    families: Mutex<Families>,
    source: SnapshotSource,
}

#[derive(Default)]
struct Families {
    by_name: BTreeMap<Box<str>, Arc<FamilyCore>>,
    /// Every sample name that a family may expose, and that family.
    claims: HashMap<String, Box<str>>,
}

impl Families {
    /// The family of this name, if it is there; an error if it, or a sample it claims, is another's.
    fn find(
        &self,
        name: &str,
        request: &Request<'_>,
        spec: Option<&HistogramSpec>,
    ) -> Result<Option<Arc<FamilyCore>>, RegisterError> {
        if let Some(known) = self.by_name.get(name) {
            return same(known, request, spec).map(|()| Some(Arc::clone(known)));
        }
        for sample in name::claims(name, request.kind) {
            if let Some(owner) = self.claims.get(&sample) {
                let (family, existing) = (name.into(), owner.to_string());
                return Err(RegisterError::SampleClash { family, sample, existing });
            }
        }
        Ok(None)
    }
}

/// What is registered, before it is.
pub(crate) struct Request<'a> {
    name: &'a str,
    help: &'a str,
    kind: Kind,
    labels: &'a [&'a str],
    spec: Option<&'a HistogramSpec>,
    /// One of the engine's own: no prefix, no limit, no metrics about it.
    own: bool,
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
    ($($one:ident $many:ident $instrument:ident $what:literal;)*) => {$(
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
        ) -> Result<Family<$instrument, N>, RegisterError> {
            let (kind, labels) = (Kind::$instrument, &labels);
            self.family(&Request { name, help, kind, labels, spec: None, own: false })
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
        Self(Arc::new(Inner {
            settings,
            space: Arc::default(),
            families: Mutex::default(),
            source: SnapshotSource::default(),
        }))
    }

    register! {
        counter counter_family Counter "a counter";
        float_counter float_counter_family FloatCounter "a floating-point counter";
        gauge gauge_family Gauge "a gauge";
        up_down_counter up_down_counter_family UpDownCounter "an up-down counter";
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
        let (kind, labels) = (Kind::Histogram, &labels);
        self.family(&Request { name, help, kind, labels, spec: Some(spec), own: false })
    }

    /// Reads every series now and publishes the reading.
    ///
    /// Callers that come together share a reading, but never one that began before they came.
    /// Writers are not held up. Allocates only when the registry has grown, or when more than two
    /// earlier readings are still in use.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        let inner = &*self.0;
        inner.source.read(&inner.space, |each| {
            inner.families.lock().by_name.values().for_each(|family| each(family));
        })
    }

    /// The last published reading, without a new one. Wait-free.
    #[must_use]
    pub fn latest(&self) -> Arc<Snapshot> {
        self.0.source.latest()
    }

    fn family<M: Instrument, const N: usize>(
        &self,
        request: &Request<'_>,
    ) -> Result<Family<M, N>, RegisterError> {
        let name = match (&self.0.settings.prefix, request.own) {
            (Some(prefix), false) => format!("{prefix}_{}", request.name),
            _ => request.name.to_owned(),
        };
        name::check_metric(if request.name.is_empty() { "" } else { &name })?;
        if request.help.contains('\r') {
            return Err(RegisterError::InvalidHelp { family: name });
        }
        let constant = self.0.settings.constant_labels.iter().map(|(label, _)| &**label);
        let labels = constant.chain(request.labels.iter().copied());
        name::check_labels(&name, Some(request.kind), labels)?;
        let overridden = self.0.settings.overrides.get(request.name).cloned().unwrap_or_default();
        let spec = request.spec.map(|spec| spec.overridden(&overridden));
        self.find_or_insert(name, request, spec, overridden.series_limit).map(Family::new)
    }

    fn find_or_insert(
        &self,
        name: String,
        request: &Request<'_>,
        spec: Option<HistogramSpec>,
        limit: Option<usize>,
    ) -> Result<Arc<FamilyCore>, RegisterError> {
        let layout = spec.as_ref().map(|spec| spec.layout(&name)).transpose()?.map(Arc::new);
        // Before the engine's own metrics about it come: a refused family leaves nothing behind.
        if let Some(known) = self.0.families.lock().find(&name, request, spec.as_ref())? {
            return Ok(known);
        }
        let (refusals, overflowed) = self.own_metrics(&name, request)?;
        let limit =
            if request.own { usize::MAX } else { limit.unwrap_or(self.0.settings.series_limit) };
        let meta = FamilyMeta {
            id: next_id(),
            name: name.as_str().into(),
            help: request.help.into(),
            kind: request.kind,
            labels: request.labels.iter().map(|&label| label.into()).collect(),
            constant_labels: Arc::clone(&self.0.settings.constant_labels),
            spec,
            layout,
        };
        let mut families = self.0.families.lock();
        if let Some(known) = families.find(&name, request, meta.spec.as_ref())? {
            return Ok(known); // another thread was faster
        }
        let claims = name::claims(&name, request.kind);
        families.claims.extend(claims.into_iter().map(|sample| (sample, name.as_str().into())));
        let space = Arc::clone(&self.0.space);
        let core = Arc::new(FamilyCore::new(meta, space, limit, refusals, overflowed));
        families.by_name.insert(name.into(), Arc::clone(&core));
        drop(families); // a logger may register metrics of its own
        log::debug!("registered the {} family {}", request.kind, core.meta.name);
        Ok(core)
    }

    /// The engine's counters about a family.
    fn own_metrics(
        &self,
        family: &str,
        request: &Request<'_>,
    ) -> Result<(Option<Arc<Refusals>>, Option<Counter>), RegisterError> {
        let own = |(name, help), labels| Request {
            name,
            help,
            kind: Kind::Counter,
            labels,
            spec: None,
            own: true,
        };
        let refuses = matches!(request.kind, Kind::FloatCounter | Kind::Histogram);
        let refusals = if refuses && !request.own {
            let refused = self.family::<Counter, 2>(&own(REFUSED, &OWN_LABELS))?;
            let counter = |reason| refused.with([family, reason]);
            Some(Arc::new(Refusals { nan: counter("nan"), negative: counter("negative") }))
        } else {
            None
        };
        let overflowed = if request.labels.is_empty() || request.own {
            None
        } else {
            Some(self.family::<Counter, 1>(&own(OVERFLOW, &OWN_LABELS[..1]))?.with([family]))
        };
        Ok((refusals, overflowed))
    }
}

/// Whether a family that is asked for again is the one that is there.
fn same(
    known: &FamilyCore,
    request: &Request<'_>,
    spec: Option<&HistogramSpec>,
) -> Result<(), RegisterError> {
    let meta = &known.meta;
    let family = meta.name.to_string();
    if meta.kind != request.kind {
        let (existing, requested) = (meta.kind, request.kind);
        return Err(RegisterError::TypeClash { family, existing, requested });
    }
    if !meta.labels.iter().map(|label| &**label).eq(request.labels.iter().copied()) {
        let existing = meta.labels.iter().map(|label| label.to_string()).collect();
        let requested = request.labels.iter().map(|&label| label.to_owned()).collect();
        return Err(RegisterError::LabelClash { family, existing, requested });
    }
    if meta.spec.as_ref() != spec {
        return Err(RegisterError::BucketClash { family });
    }
    Ok(())
}
