//! What a summary family is made of, and how it is registered.
//! Upstream: the program. Downstream: registry; the merge, which cuts the window.

use super::{
    Family, HistogramSpec, Kind, LabelSet, Names, Registry, Request, SummaryFamily, names_of,
};
use crate::error::RegisterError;
use crate::record::Summary;
use std::time::Duration;

/// Slices that a window can have at most: each keeps a reading of every series.
const MAX_SLICES: u32 = 60;

/// Which quantiles a summary family exposes, over which window, and how precisely.
///
/// Quantiles of summaries cannot be aggregated: the 0.99 quantile of ten instances is not the
/// average, nor the maximum, of their ten. Prefer a histogram wherever more than one instance is
/// looked at; its quantiles can be had from a [`crate::HistogramSnapshot`], too.
///
/// The window is cut at readings (snapshots, scrapes), so that recording costs what a histogram's
/// does and no clock is read. It begins at the newest reading that is at least the window's length
/// ago, of those that are kept: one per slice. So it reaches back its length, and up to a slice and
/// the time between two readings more; where readings are rarer than that, to the reading before;
/// at first, to the creation of the series.
///
/// Memory beside the histogram's cells: each series keeps up to `slices` + 1 readings, each 1,032
/// bytes for every 128 neighbouring buckets that were ever touched (an octave, at 2 digits).
///
/// ```
/// use std::time::Duration;
/// use tmc_engine::{Registry, SummarySpec};
/// let spec = SummarySpec::seconds(&[0.5, 0.99]).window(Duration::from_secs(300)).slices(10);
/// let wait = Registry::new().summary("wait_seconds", "Time spent waiting", &spec)?;
/// wait.observe(0.25);
/// # Ok::<(), tmc_engine::RegisterError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SummarySpec {
    /// Ascending.
    pub(crate) quantiles: Vec<f64>,
    pub(crate) window: Duration,
    slices: u32,
    /// Without boundaries.
    values: HistogramSpec,
}

impl SummarySpec {
    /// Quantiles from 0 to 1 of values in seconds, recorded in nanoseconds.
    #[must_use]
    pub fn seconds(quantiles: &[f64]) -> Self {
        Self::new(quantiles, HistogramSpec::seconds(&[]))
    }

    /// Quantiles from 0 to 1 of values in bytes.
    #[must_use]
    pub fn bytes(quantiles: &[f64]) -> Self {
        Self::new(quantiles, HistogramSpec::bytes(&[]))
    }

    /// Quantiles from 0 to 1 of whole numbers without a unit.
    #[must_use]
    pub fn plain(quantiles: &[f64]) -> Self {
        Self::new(quantiles, HistogramSpec::plain(&[]))
    }

    fn new(quantiles: &[f64], values: HistogramSpec) -> Self {
        let mut quantiles: Vec<_> = quantiles.iter().map(|q| q + 0.0).collect(); // zero without a sign
        quantiles.sort_by(f64::total_cmp);
        Self { quantiles, window: Duration::from_secs(60), slices: 5, values }
    }

    /// How far back the quantiles look, at least: 60 s unless set.
    #[must_use]
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// In how many steps the window moves, 1 to 60: 5 unless set.
    #[must_use]
    pub fn slices(mut self, slices: u32) -> Self {
        self.slices = slices;
        self
    }

    /// Significant decimal digits that quantiles keep; as [`HistogramSpec::digits`].
    #[must_use]
    pub fn digits(mut self, digits: u8) -> Self {
        self.values = self.values.digits(digits);
        self
    }

    /// The largest value that quantiles tell from larger ones; as [`HistogramSpec::max`].
    #[must_use]
    pub fn max(mut self, max: f64) -> Self {
        self.values = self.values.max(max);
        self
    }

    /// Time between two kept readings, at least.
    pub(crate) fn slice(&self) -> Duration {
        self.window / self.slices.max(1)
    }

    /// What is wrong with it, if anything; the values are checked with the histograms'.
    fn fault(&self) -> Option<String> {
        if let Some(q) = self.quantiles.iter().find(|q| !(0.0..=1.0).contains(*q)) {
            return Some(format!("quantile {q}: use numbers from 0 to 1"));
        }
        if let Some(pair) = self.quantiles.windows(2).find(|pair| pair[0] == pair[1]) {
            return Some(format!("quantile {} is there twice: leave one out", pair[0]));
        }
        if self.window.is_zero() {
            return Some("a window of no time: use more".into());
        }
        (!(1..=MAX_SLICES).contains(&self.slices))
            .then(|| format!("{} slices: use 1 to {MAX_SLICES}", self.slices))
    }
}

/// Whether what is requested is no summary, or one that can be.
pub(super) fn check(family: &str, request: &Request<'_>) -> Result<(), RegisterError> {
    match request.summary.and_then(SummarySpec::fault) {
        Some(reason) => Err(RegisterError::InvalidSummary { family: family.into(), reason }),
        None => Ok(()),
    }
}

impl<'a> Request<'a> {
    fn summary(names: (&'a str, &'a str), labels: &'a [&'a str], spec: &'a SummarySpec) -> Self {
        let request = Self::of(Kind::Summary, names, labels, Some(&spec.values));
        Self { summary: Some(spec), ..request }
    }
}

impl Registry {
    /// Registers a summary without labels, or finds it. See [`SummarySpec`] for why a histogram is
    /// often the better choice.
    ///
    /// # Errors
    /// An invalid name, help or specification, or a clash with another family.
    pub fn summary(
        &self,
        name: &str,
        help: &str,
        spec: &SummarySpec,
    ) -> Result<Summary, RegisterError> {
        self.summary_family(name, help, [], spec)?.only()
    }

    /// Registers a family of summaries, or finds it; as [`Registry::summary`].
    ///
    /// # Errors
    /// An invalid name, help, label or specification, or a clash with another family.
    pub fn summary_family<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: [&str; N],
        spec: &SummarySpec,
    ) -> Result<SummaryFamily<N>, RegisterError> {
        self.family::<Summary, Names<N>>(&Request::summary((name, help), &labels, spec))
    }

    /// Registers a family of summaries with a derived set of labels, or finds it; as
    /// [`Registry::summary`].
    ///
    /// # Errors
    /// An invalid name, help or specification, or a clash with another family.
    pub fn summary_family_of<S: LabelSet + 'static>(
        &self,
        name: &str,
        help: &str,
        spec: &SummarySpec,
    ) -> Result<Family<Summary, S>, RegisterError> {
        self.family(&Request::summary((name, help), &names_of::<S>(), spec))
    }
}
