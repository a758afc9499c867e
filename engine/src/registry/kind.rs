//! The types that a family can have, and a name for the families of each.
//! Upstream: registry. Downstream: every match on a type.

use super::{Family, Names};
use crate::record::{
    Counter, FloatCounter, Gauge, GaugeHistogram, Histogram, InFlightAge, Info, StateSet, Summary,
    UpDownCounter,
};

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
    /// Quantiles over a sliding window, which cannot be aggregated: see [`super::SummarySpec`].
    Summary,
    /// Distribution of what exists now: exposed as a histogram where the format has no such type.
    GaugeHistogram,
    /// Age of the oldest operation that is still running, exposed as a gauge.
    InFlightAge,
    /// Facts in labels, with the value 1: exposed as a gauge where the format has no such type.
    Info,
    /// States that are on or off: exposed as gauges where the format has no such type.
    StateSet,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Kind::Counter => "counter",
            Kind::FloatCounter => "floating-point counter",
            Kind::Gauge => "gauge",
            Kind::UpDownCounter => "up-down counter",
            Kind::Histogram => "histogram",
            Kind::Summary => "summary",
            Kind::GaugeHistogram => "gauge histogram",
            Kind::InFlightAge => "in-flight age",
            Kind::Info => "info",
            Kind::StateSet => "state set",
        })
    }
}

impl Kind {
    pub(crate) fn with_article(self) -> String {
        match self {
            Kind::UpDownCounter | Kind::InFlightAge | Kind::Info => format!("an {self}"),
            _ => format!("a {self}"),
        }
    }
}

/// A [`Family`] of counters.
pub type CounterFamily<const N: usize> = Family<Counter, Names<N>>;
/// A [`Family`] of floating-point counters.
pub type FloatCounterFamily<const N: usize> = Family<FloatCounter, Names<N>>;
/// A [`Family`] of gauges.
pub type GaugeFamily<const N: usize> = Family<Gauge, Names<N>>;
/// A [`Family`] of in-flight counts.
pub type UpDownCounterFamily<const N: usize> = Family<UpDownCounter, Names<N>>;
/// A [`Family`] of in-flight ages.
pub type InFlightAgeFamily<const N: usize> = Family<InFlightAge, Names<N>>;
/// A [`Family`] of histograms.
pub type HistogramFamily<const N: usize> = Family<Histogram, Names<N>>;
/// A [`Family`] of summaries.
pub type SummaryFamily<const N: usize> = Family<Summary, Names<N>>;
/// A [`Family`] of gauge histograms.
pub type GaugeHistogramFamily<const N: usize> = Family<GaugeHistogram, Names<N>>;
/// A [`Family`] of infos.
pub type InfoFamily<const N: usize> = Family<Info, Names<N>>;
/// A [`Family`] of state sets.
pub type StateSetFamily<const N: usize> = Family<StateSet, Names<N>>;
