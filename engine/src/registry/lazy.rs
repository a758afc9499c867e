//! Metrics in statics, registered in the global registry at their first use.
//! Upstream: the program's statics. Downstream: [`Registry::global`].

use super::{
    Family, FamilyCore, HistogramSpec, Instrument, Key, Kind, Names, Registry, Request, name,
};
use crate::record::{Counter, FloatCounter, Gauge, Histogram, InFlightAge, UpDownCounter};
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

/// A family of latency histograms in a static; as [`Lazy`]. `N` may be 0.
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
    seconds: &'static [f64],
    family: OnceLock<Family<Histogram, Names<N>>>,
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
        let labels = checked_labels(labels, Some(Kind::Histogram));
        Self { name: checked(name), help, labels, seconds, family: OnceLock::new() }
    }
}

impl<const N: usize> Deref for LazyHistogramFamily<N> {
    type Target = Family<Histogram, Names<N>>;

    fn deref(&self) -> &Family<Histogram, Names<N>> {
        let Self { name, help, labels, seconds, family } = self;
        if let Some(settled) = family.get() {
            return settled; // without a specification
        }
        let spec = Some(&HistogramSpec::seconds(seconds));
        let request = Request::of(Kind::Histogram, (name, help), labels, spec);
        settle(family, &request, |family| family)
    }
}
