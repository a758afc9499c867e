//! Settings of a registry. Upstream: the program and its configuration. Downstream: registry.

use super::name::NameRules;
use super::{OWN_LABELS, Registry};
use crate::clock::Clock;
use crate::error::RegisterError;
use crate::sync::Arc;
use std::collections::HashMap;
use std::time::Duration;

/// Series that a family may have unless it is set.
pub(super) const DEFAULT_SERIES_LIMIT: usize = 2000;
/// Time between the exemplars that a series, or a bucket, keeps, unless it is set.
const DEFAULT_EXEMPLAR_INTERVAL: Duration = Duration::from_secs(1);

/// What configuration may change about one family.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FamilyOverride {
    /// `le` boundaries of a histogram, in its unit.
    pub buckets: Option<Vec<f64>>,
    /// Significant digits of a histogram, 1 to 3.
    pub digits: Option<u8>,
    /// Most series, the overflow series not counted.
    pub series_limit: Option<usize>,
    /// How long a series may be idle before it is retired.
    pub retention_period: Option<Duration>,
}

pub(super) struct Settings {
    pub(super) names: NameRules,
    pub(super) prefix: Option<Box<str>>,
    pub(super) constant_labels: Arc<[(Box<str>, Box<str>)]>,
    pub(super) series_limit: usize,
    pub(super) retention: Option<Duration>,
    pub(super) clock: Clock,
    pub(super) exemplar_interval: Duration,
    pub(super) overrides: HashMap<Box<str>, FamilyOverride>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            names: NameRules::default(),
            prefix: None,
            constant_labels: Arc::from([]),
            series_limit: DEFAULT_SERIES_LIMIT,
            retention: None,
            clock: Clock::default(),
            exemplar_interval: DEFAULT_EXEMPLAR_INTERVAL,
            overrides: HashMap::new(),
        }
    }
}

impl Settings {
    /// Whether any family may have to retire series.
    pub(super) fn retires(&self) -> bool {
        let mut overrides = self.overrides.values();
        self.retention.is_some() || overrides.any(|family| family.retention_period.is_some())
    }
}

/// Makes a [`Registry`].
///
/// ```
/// let registry = tmc_engine::Registry::builder()
///     .prefix("shop")
///     .constant_label("region", "eu")
///     .build()?;
/// registry.counter("orders_total", "Orders taken")?.inc(); // shop_orders_total{region="eu"}
/// # Ok::<(), tmc_engine::RegisterError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct RegistryBuilder {
    names: NameRules,
    prefix: Option<String>,
    constant_labels: Vec<(String, String)>,
    series_limit: Option<usize>,
    retention: Option<Duration>,
    clock: Clock,
    exemplar_interval: Option<Duration>,
    overrides: HashMap<Box<str>, FamilyOverride>,
}

impl RegistryBuilder {
    /// Takes names with characters beyond ASCII letters, digits and underscores (not taken unless set),
    /// as Prometheus does from version 3 on: `http.server.duration`. They begin with an ASCII letter
    /// and have neither blanks nor control characters. Statics and derived labels stay as they are.
    ///
    /// Older scrapers get them escaped: see [`super::Escaping`]. So that nothing vanishes there, names
    /// that a scheme makes equal, such as `a.b` and `a_b`, are refused together, of families (suffixes
    /// included) and of the labels of a family.
    ///
    /// ```
    /// use tmc_engine::Registry;
    /// let registry = Registry::builder().utf8_names(true).build()?;
    /// registry.counter_family("http.requests", "Served", ["http.method"])?.with(["GET"]).inc();
    /// assert!(registry.gauge("http_requests", "Running").is_err());
    /// # Ok::<(), tmc_engine::RegisterError>(())
    /// ```
    #[must_use]
    pub fn utf8_names(mut self, allowed: bool) -> Self {
        self.names.utf8 = allowed;
        self
    }

    /// Puts `prefix_` before every family name.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Puts a label on every series.
    #[must_use]
    pub fn constant_label(mut self, name: &str, value: &str) -> Self {
        self.constant_labels.push((name.into(), value.into()));
        self
    }

    /// Most series per family (2,000 unless set).
    #[must_use]
    pub fn series_limit(mut self, limit: usize) -> Self {
        self.series_limit = Some(limit);
        self
    }

    /// Retires series that nobody has recorded into for `period` and that nobody holds a handle to
    /// (what a thread remembers of [`super::Family::at`] is no handle). Never, unless set.
    ///
    /// Readings tell: a series goes with the second reading at which it has been idle for the period.
    /// Adding nothing to a counter is no record; setting a gauge to what it is is one. A series that
    /// comes back starts from zero with a new start timestamp.
    #[must_use]
    pub fn retention_period(mut self, period: Duration) -> Self {
        self.retention = Some(period);
        self
    }

    /// Keeps at most one exemplar per interval (1 s unless set) and series, or bucket of a histogram.
    #[must_use]
    pub fn exemplar_interval(mut self, interval: Duration) -> Self {
        self.exemplar_interval = Some(interval);
        self
    }

    /// Tells the time by this clock: for tests.
    #[must_use]
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// Changes one family, named without the prefix. A name that nobody registers has no effect.
    #[must_use]
    pub fn family_override(mut self, family: &str, to: FamilyOverride) -> Self {
        self.overrides.insert(family.into(), to);
        self
    }

    /// The registry.
    ///
    /// # Errors
    /// An invalid prefix, or an invalid or repeated constant label.
    pub fn build(self) -> Result<Registry, RegisterError> {
        if let Some(prefix) = &self.prefix {
            self.names.check_metric(prefix)?;
        }
        let labels = || self.constant_labels.iter().map(|(label, _)| label.as_str());
        self.names.check_labels("the registry", None, labels())?;
        if let Some(label) = labels().find(|label| OWN_LABELS.contains(label)) {
            return Err(RegisterError::InvalidLabel {
                family: "the registry".into(),
                label: label.into(),
                reason: "the engine's own metrics have it: rename it",
            });
        }
        let constant = self.constant_labels.into_iter().map(|(n, v)| (n.into(), v.into()));
        Ok(Registry::with_settings(Settings {
            names: self.names,
            prefix: self.prefix.map(Into::into),
            constant_labels: constant.collect(),
            series_limit: self.series_limit.unwrap_or(DEFAULT_SERIES_LIMIT),
            retention: self.retention,
            clock: self.clock,
            exemplar_interval: self.exemplar_interval.unwrap_or(DEFAULT_EXEMPLAR_INTERVAL),
            overrides: self.overrides,
        }))
    }
}
