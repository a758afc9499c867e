//! What may be configured about one family.
//! Upstream: the configuration. Downstream: the engine's overrides.

use std::time::Duration;

use serde::Deserialize;
use tmc_engine::{FamilyOverride, Kind};

use super::ConfigError;
use super::duration::family_retention;
use crate::catalogue;

/// What differs for one family; what is left out stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FamilyConfig {
    /// The `le` boundaries of a histogram, in its unit (seconds or bytes), without +Inf.
    pub buckets: Option<Vec<f64>>,
    /// The significant digits of a histogram's quantiles, 1 to 3.
    pub digits: Option<u8>,
    /// The most series of the family.
    #[serde(alias = "series-limit")]
    pub series_limit: Option<usize>,
    /// How long an idle series stays exposed.
    #[serde(alias = "retention-period", deserialize_with = "family_retention")]
    pub retention_period: Option<Duration>,
}

impl FamilyConfig {
    pub(super) fn to_override(&self) -> FamilyOverride {
        FamilyOverride {
            buckets: self.buckets.clone(),
            digits: self.digits,
            series_limit: self.series_limit,
            retention_period: self.retention_period,
        }
    }

    pub(super) fn validate(&self, family: &str) -> Result<(), ConfigError> {
        if family.is_empty() {
            return Err(ConfigError::EmptyFamilyName);
        }
        let family = || family.to_owned();
        if self.series_limit == Some(0) {
            let field = format!("families.{}.series_limit", family());
            return Err(ConfigError::ZeroSeriesLimit { field });
        }
        if self.retention_period.is_some_and(|period| period.is_zero()) {
            let field = format!("families.{}.retention_period", family());
            return Err(ConfigError::ZeroDuration { field, example: "24h" });
        }
        if let Some(digits) = self.digits.filter(|digits| !(1..=3).contains(digits)) {
            return Err(ConfigError::Digits { family: family(), digits });
        }
        if let Some(bounds) = &self.buckets {
            validate_bounds(bounds, family)?;
        }
        self.validate_kind(&family())
    }

    /// Buckets and digits mean nothing for a counter or gauge. Families that the catalogue does not
    /// know (custom ones) are registered later; nothing can be said about them here.
    fn validate_kind(&self, family: &str) -> Result<(), ConfigError> {
        let kind = match catalogue::find(family).map(|def| def.kind) {
            None | Some(Kind::Histogram) => return Ok(()),
            Some(Kind::Counter | Kind::FloatCounter) => "counter",
            Some(_) => "gauge",
        };
        let field = match self {
            Self { buckets: Some(_), .. } => "buckets",
            Self { digits: Some(_), .. } => "digits",
            _ => return Ok(()),
        };
        Err(ConfigError::NotAHistogram { family: family.to_owned(), field, kind })
    }
}

fn validate_bounds(bounds: &[f64], family: impl Fn() -> String) -> Result<(), ConfigError> {
    if bounds.is_empty() {
        return Err(ConfigError::NoBuckets { family: family() });
    }
    if let Some(&bound) = bounds.iter().find(|bound| !(bound.is_finite() && **bound > 0.0)) {
        return Err(ConfigError::BucketBound { family: family(), bound });
    }
    match bounds.windows(2).find(|pair| pair[1] <= pair[0]) {
        Some(pair) => {
            Err(ConfigError::BucketOrder { family: family(), bound: pair[0], next: pair[1] })
        }
        None => Ok(()),
    }
}
