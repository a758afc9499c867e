//! Metrics in statics, registered in the global registry at their first use.
//! Upstream: the program's statics. Downstream: [`Registry::global`].

use super::{
    Family, FamilyCore, HistogramSpec, Instrument, Key, Kind, LabelSet, Names, Registry, Request,
    name, names_of, state_set,
};
use crate::record::{
    Counter, FloatCounter, Gauge, Histogram, InFlightAge, Info, StateSet, UpDownCounter,
};
use crate::sync::Arc;
use std::ops::Deref;
use std::sync::OnceLock;

/// Stops the build, in a static, if the name is bad.
const fn checked(name: &'static str) -> &'static str {
    assert!(name::metric_name_fault(name).is_none(), "invalid metric name");
    name
}

/// Stops the build, in a static, if a label is bad.
const fn checked_labels<const N: usize>(
    labels: [&'static str; N],
    kind: Option<Kind>,
) -> [&'static str; N] {
    let mut at = 0;
    while at < N {
        assert!(name::label_name_fault(labels[at], kind).is_none(), "invalid label name");
        at += 1;
    }
    labels
}

/// What is in `cell`, registered now if it is empty; after a clash, a family that nobody exposes.
///
/// Nothing is registered or logged while `cell` is being filled: a logger may use the same static.
fn settle<'a, T, M: Instrument, K: Key + 'static>(
    cell: &'a OnceLock<T>,
    request: &Request<'_>,
    make: impl Fn(Family<M, K>) -> T,
) -> &'a T {
    if let Some(settled) = cell.get() {
        return settled;
    }
    match Registry::global().family(request) {
        Ok(family) => {
            let made = make(family);
            cell.get_or_init(|| made)
        }
        Err(error) => {
            let hidden = make(Family::new(Arc::new(FamilyCore::hidden(request))));
            let settled = cell.get_or_init(|| hidden);
            log::error!("a static metric is not exposed: {error}");
            settled
        }
    }
}

/// An instrument that needs no specification.
pub trait Plain: Instrument {}
impl Plain for Counter {}
impl Plain for FloatCounter {}
impl Plain for Gauge {}
impl Plain for UpDownCounter {}
impl Plain for InFlightAge {}
impl Plain for Info {}

/// An instrument without labels in a static.
///
/// A bad name stops the build. At first use it registers (locks, allocates); if the name clashes
/// with another family, an error is logged and records go nowhere visible.
///
/// ```
/// use tmc_engine::{Counter, Lazy};
/// static HITS: Lazy<Counter> = Lazy::new("hits_total", "Cache hits");
/// HITS.inc();
/// ```
#[derive(Debug)]
pub struct Lazy<M> {
    name: &'static str,
    help: &'static str,
    handle: OnceLock<M>,
}

impl<M> Lazy<M> {
    /// To be registered at first use.
    ///
    /// # Panics
    /// If the name is invalid: in a static, at build time.
    #[must_use]
    pub const fn new(name: &'static str, help: &'static str) -> Self {
        Self { name: checked(name), help, handle: OnceLock::new() }
    }
}

impl<M: Plain> Deref for Lazy<M> {
    type Target = M;

    fn deref(&self) -> &M {
        let Self { name, help, handle } = self;
        let request = Request::of(M::KIND, (name, help), &[], None);
        settle(handle, &request, |family: Family<M, Names<0>>| family.with([]))
    }
}

/// A family of instruments in a static; as [`Lazy`].
///
/// ```
/// use tmc_engine::{Counter, LazyFamily};
/// static REQUESTS: LazyFamily<Counter, 1> = LazyFamily::new("requests_total", "Requests", ["code"]);
/// REQUESTS.with(["200"]).inc();
/// ```
#[derive(Debug)]
pub struct LazyFamily<M, const N: usize> {
    name: &'static str,
    help: &'static str,
    labels: [&'static str; N],
    family: OnceLock<Family<M, Names<N>>>,
}

impl<M, const N: usize> LazyFamily<M, N> {
    /// To be registered at first use.
    ///
    /// # Panics
    /// If a name is invalid: in a static, at build time.
    #[must_use]
    pub const fn new(name: &'static str, help: &'static str, labels: [&'static str; N]) -> Self {
        let labels = checked_labels(labels, None);
        Self { name: checked(name), help, labels, family: OnceLock::new() }
    }
}

impl<M: Plain, const N: usize> Deref for LazyFamily<M, N> {
    type Target = Family<M, Names<N>>;

    fn deref(&self) -> &Family<M, Names<N>> {
        let Self { name, help, labels, family } = self;
        let request = Request::of(M::KIND, (name, help), labels, None);
        settle(family, &request, |family| family)
    }
}

/// A family with a derived set of labels in a static; as [`Lazy`].
///
/// ```
/// use tmc_engine::{Counter, LabelSet, LabelValue, LazyFamilyOf};
/// #[derive(LabelValue)]
/// enum Route { Get, Put }
/// #[derive(LabelSet)]
/// struct Request { route: Route, ok: bool }
///
/// static REQUESTS: LazyFamilyOf<Counter, Request> = LazyFamilyOf::new("requests_total", "Requests");
/// REQUESTS.at(Request { route: Route::Get, ok: true }).inc();
/// ```
#[derive(Debug)]
pub struct LazyFamilyOf<M, S> {
    name: &'static str,
    help: &'static str,
    family: OnceLock<Family<M, S>>,
}

impl<M, S> LazyFamilyOf<M, S> {
    /// To be registered at first use.
    ///
    /// # Panics
    /// If the name is invalid: in a static, at build time.
    #[must_use]
    pub const fn new(name: &'static str, help: &'static str) -> Self {
        Self { name: checked(name), help, family: OnceLock::new() }
    }
}

impl<M: Plain, S: LabelSet + 'static> Deref for LazyFamilyOf<M, S> {
    type Target = Family<M, S>;

    fn deref(&self) -> &Family<M, S> {
        let Self { name, help, family } = self;
        if let Some(settled) = family.get() {
            return settled; // without a list of names
        }
        let names = names_of::<S>();
        settle(family, &Request::of(M::KIND, (name, help), &names, None), |family| family)
    }
}

/// A state set without labels in a static; as [`Lazy`].
///
/// ```
/// use tmc_engine::LazyStateSet;
/// static PHASE: LazyStateSet = LazyStateSet::new("phase", "Phase", &["starting", "running"]);
/// PHASE.only("running");
/// ```
#[derive(Debug)]
pub struct LazyStateSet {
    name: &'static str,
    help: &'static str,
    states: &'static [&'static str],
    handle: OnceLock<StateSet>,
}

impl LazyStateSet {
    /// To be registered at first use. The states of an enum are [`super::LabelValue::VALUES`].
    ///
    /// # Panics
    /// If the name is invalid, or if there are no states, too many, or one without a name: in a
    /// static, at build time.
    #[must_use]
    pub const fn new(
        name: &'static str,
        help: &'static str,
        states: &'static [&'static str],
    ) -> Self {
        let most = state_set::MAX_STATES;
        assert!(!states.is_empty() && states.len() <= most, "invalid number of states");
        let mut at = 0;
        while at < states.len() {
            assert!(!states[at].is_empty(), "a state without a name");
            at += 1;
        }
        Self { name: checked(name), help, states, handle: OnceLock::new() }
    }
}

impl Deref for LazyStateSet {
    type Target = StateSet;

    fn deref(&self) -> &StateSet {
        let Self { name, help, states, handle } = self;
        let request = Request::states((name, help), &[], states);
        settle(handle, &request, |family: Family<StateSet, Names<0>>| family.with([]))
    }
}

/// A family of histograms in a static; as [`Lazy`]. `N` may be 0.
///
/// ```
/// use tmc_engine::{HistogramSpec, LazyHistogramFamily};
/// static LATENCY: LazyHistogramFamily<1> = LazyHistogramFamily::seconds(
///     "latency_seconds", "Latency", ["route"], HistogramSpec::DEFAULT_SECONDS,
/// );
/// LATENCY.with(["/"]).observe(0.012);
/// ```
#[derive(Debug)]
pub struct LazyHistogramFamily<const N: usize> {
    name: &'static str,
    help: &'static str,
    labels: [&'static str; N],
    spec: Spec,
    family: OnceLock<Family<Histogram, Names<N>>>,
}

/// A specification, which cannot be in a static itself.
#[derive(Debug)]
enum Spec {
    Bounds(&'static [f64], fn(&[f64]) -> HistogramSpec),
    Made(fn() -> HistogramSpec),
}

impl Spec {
    fn make(&self) -> HistogramSpec {
        match self {
            Self::Bounds(bounds, unit) => unit(bounds),
            Self::Made(make) => make(),
        }
    }
}

impl<const N: usize> LazyHistogramFamily<N> {
    /// To be registered at first use, with boundaries in seconds.
    ///
    /// # Panics
    /// If a name is invalid: in a static, at build time.
    #[must_use]
    pub const fn seconds(
        name: &'static str,
        help: &'static str,
        labels: [&'static str; N],
        seconds: &'static [f64],
    ) -> Self {
        Self::new(name, help, labels, Spec::Bounds(seconds, HistogramSpec::seconds))
    }

    /// To be registered at first use, with boundaries in bytes.
    ///
    /// # Panics
    /// If a name is invalid: in a static, at build time.
    #[must_use]
    pub const fn bytes(
        name: &'static str,
        help: &'static str,
        labels: [&'static str; N],
        bytes: &'static [f64],
    ) -> Self {
        Self::new(name, help, labels, Spec::Bounds(bytes, HistogramSpec::bytes))
    }

    /// To be registered at first use, with what `spec` makes then.
    ///
    /// ```
    /// use tmc_engine::{HistogramSpec, LazyHistogramFamily};
    /// static RETRIES: LazyHistogramFamily<0> = LazyHistogramFamily::made_by(
    ///     "retries", "Retries of a call", [], || HistogramSpec::plain(&[]).linear(0.0, 1.0, 5),
    /// );
    /// RETRIES.with([]).record(2);
    /// ```
    ///
    /// # Panics
    /// If a name is invalid: in a static, at build time.
    #[must_use]
    pub const fn made_by(
        name: &'static str,
        help: &'static str,
        labels: [&'static str; N],
        spec: fn() -> HistogramSpec,
    ) -> Self {
        Self::new(name, help, labels, Spec::Made(spec))
    }

    const fn new(
        name: &'static str,
        help: &'static str,
        labels: [&'static str; N],
        spec: Spec,
    ) -> Self {
        let labels = checked_labels(labels, Some(Kind::Histogram));
        Self { name: checked(name), help, labels, spec, family: OnceLock::new() }
    }
}

impl<const N: usize> Deref for LazyHistogramFamily<N> {
    type Target = Family<Histogram, Names<N>>;

    fn deref(&self) -> &Family<Histogram, Names<N>> {
        let Self { name, help, labels, spec, family } = self;
        if let Some(settled) = family.get() {
            return settled; // without a specification
        }
        let spec = spec.make();
        let request = Request::of(Kind::Histogram, (name, help), labels, Some(&spec));
        settle(family, &request, |family| family)
    }
}
