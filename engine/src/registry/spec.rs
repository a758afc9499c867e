//! What a histogram family is made of: unit, boundaries, precision, range.
//! Upstream: whoever registers. Downstream: `bucket::Layout`.

use super::FamilyOverride;
use crate::bucket::{Layout, MAX_EXTRAS, NANOSECONDS, to_units};
use crate::error::RegisterError;

/// Bucket boundaries, precision and range of a histogram family.
///
/// ```
/// use tmc_engine::HistogramSpec;
/// let spec = HistogramSpec::seconds(&[0.1, 0.5, 1.0]).digits(3);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramSpec {
    bounds: Vec<f64>,
    digits: u8,
    scale: f64,
    max: f64,
}

/// Units that a range covers unless it is set: 2^47, 39 hours or 128 TiB.
const DEFAULT_RANGE: f64 = (1_u64 << 47) as f64;

/// Units that a range can cover: 2^62, 146 years or 4 EiB.
const MAX_RANGE: f64 = (1_u64 << 62) as f64;

impl HistogramSpec {
    /// The boundaries that Prometheus clients use for latencies, in seconds.
    pub const DEFAULT_SECONDS: &'static [f64] =
        &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

    /// `le` boundaries in seconds; recorded in nanoseconds. The `+Inf` bucket comes by itself.
    #[must_use]
    pub fn seconds(bounds: &[f64]) -> Self {
        Self::new(bounds, NANOSECONDS)
    }

    /// `le` boundaries in bytes; recorded in bytes. The `+Inf` bucket comes by itself.
    #[must_use]
    pub fn bytes(bounds: &[f64]) -> Self {
        Self::new(bounds, 1.0)
    }

    fn new(bounds: &[f64], scale: f64) -> Self {
        let mut bounds = bounds.to_vec();
        if bounds.last() == Some(&f64::INFINITY) {
            bounds.pop(); // as other clients take it
        }
        Self { bounds, digits: 2, scale, max: DEFAULT_RANGE / scale }
    }

    /// Significant decimal digits that quantiles keep, 1 to 3 (2 unless set). A series takes, per
    /// thread and octave of values, 144 bytes at 1 digit, 1,152 at 2 and 9,216 at 3 (in pages of 1,152).
    #[must_use]
    pub fn digits(mut self, digits: u8) -> Self {
        self.digits = digits;
        self
    }

    /// The largest value that has a bucket, in the family's unit (39 hours or 128 TiB unless set, and
    /// never less than the last boundary). Larger observations are counted in `+Inf` and the sum.
    #[must_use]
    pub fn max(mut self, max: f64) -> Self {
        self.max = max;
        self
    }

    /// The same with what configuration says.
    pub(crate) fn overridden(&self, by: &FamilyOverride) -> Self {
        let mut spec = self.clone();
        if let Some(bounds) = &by.buckets {
            spec.bounds = Self::new(bounds, self.scale).bounds;
        }
        if let Some(digits) = by.digits {
            spec.digits = digits;
        }
        spec
    }

    pub(crate) fn layout(&self, family: &str) -> Result<Layout, RegisterError> {
        self.checked()
            .map_err(|reason| RegisterError::InvalidBuckets { family: family.into(), reason })
    }

    fn checked(&self) -> Result<Layout, String> {
        if !(1..=3).contains(&self.digits) {
            return Err(format!("{} significant digits: use 1, 2 or 3", self.digits));
        }
        if !(self.max > 0.0 && self.max * self.scale <= MAX_RANGE) {
            let top = MAX_RANGE / self.scale;
            return Err(format!("a range up to {}: use more than 0, at most {top}", self.max));
        }
        let bounds = self.units()?;
        let split = bounds.len();
        if split > MAX_EXTRAS {
            return Err(format!("{split} boundaries: use at most {MAX_EXTRAS}"));
        }
        let top = bounds.last().map_or(0, |&(_, units)| units);
        let max = to_units(self.max, self.scale).max(top);
        if max == 0 {
            let unit = self.unit();
            return Err(format!("a range up to {}: use at least one of its {unit}", self.max));
        }
        Ok(Layout::new(self.digits, max, self.scale, &bounds))
    }

    fn unit(&self) -> &'static str {
        if self.scale == NANOSECONDS { "nanoseconds" } else { "bytes" }
    }

    /// Each boundary with its integer value.
    fn units(&self) -> Result<Vec<(f64, u64)>, String> {
        let mut bounds: Vec<(f64, u64)> = Vec::with_capacity(self.bounds.len());
        for &le in &self.bounds {
            if !(le >= 0.0 && le * self.scale <= MAX_RANGE) {
                return Err(format!(
                    "boundary {le}: use numbers from 0 to {}",
                    MAX_RANGE / self.scale
                ));
            }
            let units = to_units(le, self.scale);
            if (units as f64 - le * self.scale).abs() > le * self.scale * 1e-9 {
                return Err(format!("boundary {le}: use whole {}", self.unit()));
            }
            if bounds.last().is_some_and(|&(_, last)| units <= last) {
                return Err(format!(
                    "boundary {le} is not above the one before it: sort them, each once"
                ));
            }
            bounds.push((le + 0.0, units)); // zero without a sign
        }
        Ok(bounds)
    }
}
