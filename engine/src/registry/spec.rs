//! What a histogram family is made of: unit, boundaries, precision, range, and how it is exported.
//! Upstream: whoever registers. Downstream: `bucket::Layout`, and encode.

use super::FamilyOverride;
use crate::bucket::{Hdr, Layout, MAX_EXTRAS, NANOSECONDS, to_units};
use crate::error::RegisterError;

/// Bucket boundaries, precision and range of a histogram family.
///
/// ```
/// use tmc_engine::HistogramSpec;
/// let latency = HistogramSpec::seconds(&[0.1, 0.5, 1.0]).digits(3);
/// let sizes = HistogramSpec::bytes(&[]).exponential(256.0, 4.0, 8).max(1e9);
/// assert_eq!(sizes.bounds()[..3], [256.0, 1024.0, 4096.0]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramSpec {
    bounds: Vec<f64>,
    digits: u8,
    unit: Unit,
    max: f64,
    classic: bool,
    native: Option<i8>,
    /// What a generator of boundaries was asked in vain; told when the family is registered.
    wrong: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Unit {
    Seconds,
    Bytes,
    Plain,
}

impl Unit {
    /// Recorded integers in one of it.
    fn scale(self) -> f64 {
        match self {
            Self::Seconds => NANOSECONDS,
            Self::Bytes | Self::Plain => 1.0,
        }
    }

    /// What the integers count.
    fn base(self) -> &'static str {
        match self {
            Self::Seconds => "nanoseconds",
            Self::Bytes => "bytes",
            Self::Plain => "numbers",
        }
    }
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
        Self::new(bounds, Unit::Seconds)
    }

    /// `le` boundaries in bytes; recorded in bytes. The `+Inf` bucket comes by itself.
    #[must_use]
    pub fn bytes(bounds: &[f64]) -> Self {
        Self::new(bounds, Unit::Bytes)
    }

    /// `le` boundaries of whole numbers without a unit: retries, rows, sizes of batches.
    #[must_use]
    pub fn plain(bounds: &[f64]) -> Self {
        Self::new(bounds, Unit::Plain)
    }

    fn new(bounds: &[f64], unit: Unit) -> Self {
        let mut bounds = bounds.to_vec();
        if bounds.last() == Some(&f64::INFINITY) {
            bounds.pop(); // as other clients take it
        }
        let (digits, max) = (2, DEFAULT_RANGE / unit.scale());
        Self { bounds, digits, unit, max, classic: true, native: None, wrong: None }
    }

    /// `count` boundaries from `start` up, `width` apart, instead of those given before.
    ///
    /// Generated boundaries are rounded to whole nanoseconds or bytes; those that come out the same
    /// are one. What cannot be generated is an error when the family is registered.
    #[must_use]
    pub fn linear(self, start: f64, width: f64, count: usize) -> Self {
        let wrong = (width.is_nan() || width <= 0.0).then_some("a width above 0");
        let name = || format!("linear({start}, {width}, {count})");
        self.generated(wrong, name, count, |at| start + width * at as f64)
    }

    /// `count` boundaries from `start` up, each `factor` times the one before; as
    /// [`HistogramSpec::linear`].
    #[must_use]
    pub fn exponential(self, start: f64, factor: f64, count: usize) -> Self {
        let wrong = if start.is_nan() || start <= 0.0 {
            Some("a start above 0")
        } else {
            (factor.is_nan() || factor <= 1.0).then_some("a factor above 1")
        };
        let name = || format!("exponential({start}, {factor}, {count})");
        self.generated(wrong, name, count, |at| start * factor.powi(at as i32))
    }

    /// `count` boundaries from `min` to `max`, each the same factor times the one before; as
    /// [`HistogramSpec::linear`].
    #[must_use]
    pub fn exponential_range(self, min: f64, max: f64, count: usize) -> Self {
        let wrong = if min.is_nan() || min <= 0.0 {
            Some("a minimum above 0")
        } else if max.is_nan() || max <= min {
            Some("a maximum above the minimum")
        } else {
            (count < 2).then_some("at least 2 boundaries")
        };
        let name = || format!("exponential_range({min}, {max}, {count})");
        let share = move |at| at as f64 / (count - 1) as f64;
        self.generated(wrong, name, count, |at| min * (max / min).powf(share(at)))
    }

    fn generated(
        mut self,
        wrong: Option<&str>,
        name: impl Fn() -> String,
        count: usize,
        bound: impl Fn(usize) -> f64,
    ) -> Self {
        let most = format!("at most {MAX_EXTRAS} boundaries");
        let wrong = wrong.or((count > MAX_EXTRAS).then_some(&most));
        self.wrong = wrong.map(|instead| format!("{}: use {instead}", name()));
        self.bounds.clear();
        if self.wrong.is_none() {
            let scale = self.unit.scale();
            let whole = |value: f64| match (value * scale).round() / scale {
                rounded if rounded * scale <= MAX_RANGE => rounded,
                _ => value, // refused with the others
            };
            self.bounds.extend((0..count).map(|at| whole(bound(at))));
            self.bounds.dedup();
        }
        self
    }

    /// Significant decimal digits that quantiles keep, 1 to 3 (2 unless set).
    ///
    /// Bytes that a series takes for its buckets, at the first touch, until it is removed:
    ///
    /// | digits | buckets in an octave | per thread: an octave | 1 ms to 10 s | the whole default range | once |
    /// |---|---|---|---|---|---|
    /// | 1 | 16 | 1,152, for up to 8 octaves | 2,304 | 6,912 | 24 |
    /// | 2 | 128 | 1,152 | 17,280 | 48,384 | 168 |
    /// | 3 | 1,024 | 9,216 | 123,264 | 351,360 | 1,220 |
    ///
    /// An octave is the values with the same highest bit: a factor of two. Buckets come in pages of
    /// 1,152 bytes. Beside them a series takes, per thread, a cell of 8 bytes for three totals and for
    /// each boundary that does not happen to be the edge of a bucket, in a page shared with others.
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

    /// Exports native buckets, too, where the format has them: each `2^(2^-schema)` times as wide as
    /// the one before, with a schema from -4 (a factor of 65,536) to 8 (0.3 %).
    ///
    /// The recorded digits cap it: buckets finer than those recorded would be empty in between. At 1
    /// digit a bucket is up to 1/16 wide, so that schema 3 (a factor of 1.09) is the finest; at 2
    /// digits 1/128, schema 6 (1.011); at 3 digits 1/1,024, schema 8 (1.003).
    #[must_use]
    pub fn native(mut self, schema: i8) -> Self {
        self.native = Some(schema);
        self
    }

    /// Whether the `le` boundaries are exported (they are unless set), where the format leaves the
    /// choice: in protobuf. Without them there must be native buckets.
    ///
    /// The text formats have no native buckets, so they have the boundaries all the same: whoever scrapes
    /// text would else have no distribution. Register none, and text has `+Inf` alone.
    #[must_use]
    pub fn classic(mut self, classic: bool) -> Self {
        self.classic = classic;
        self
    }

    /// The `le` boundaries in the family's unit, without `+Inf`.
    #[must_use]
    pub fn bounds(&self) -> &[f64] {
        &self.bounds
    }

    /// The significant decimal digits that quantiles keep.
    #[must_use]
    pub fn significant_digits(&self) -> u8 {
        self.digits
    }

    /// The unit that values are observed in, as metric names end: `seconds`, `bytes`, or none.
    #[must_use]
    pub fn unit(&self) -> Option<&'static str> {
        match self.unit {
            Unit::Seconds => Some("seconds"),
            Unit::Bytes => Some("bytes"),
            Unit::Plain => None,
        }
    }

    /// Whether the `le` boundaries are exported.
    #[must_use]
    pub fn is_classic(&self) -> bool {
        self.classic
    }

    /// The schema of the native buckets, if they are exported: the chosen one, capped by the digits.
    #[must_use]
    pub fn native_schema(&self) -> Option<i8> {
        Some(self.native?.min(Hdr::new(self.digits).finest_schema()))
    }

    /// The same with what configuration says.
    pub(crate) fn overridden(&self, by: &FamilyOverride) -> Self {
        let mut spec = self.clone();
        if let Some(bounds) = &by.buckets {
            spec.bounds = Self::new(bounds, self.unit).bounds;
            spec.wrong = None;
        }
        if let Some(digits) = by.digits {
            spec.digits = digits;
        }
        spec
    }

    /// The same, without boundaries.
    pub(super) fn without_bounds(mut self) -> Self {
        self.bounds.clear();
        self
    }

    pub(crate) fn layout(&self, family: &str) -> Result<Layout, RegisterError> {
        self.checked()
            .map_err(|reason| RegisterError::InvalidBuckets { family: family.into(), reason })
    }

    fn checked(&self) -> Result<Layout, String> {
        if let Some(wrong) = &self.wrong {
            return Err(wrong.clone());
        }
        if !(1..=3).contains(&self.digits) {
            return Err(format!("{} significant digits: use 1, 2 or 3", self.digits));
        }
        if self.native.is_some_and(|schema| !(-4..=8).contains(&schema)) {
            return Err(format!("native schema {}: use -4 to 8", self.native.unwrap_or(0)));
        }
        if !self.classic && self.native.is_none() {
            return Err("neither classic nor native buckets: use at least one of them".into());
        }
        let scale = self.unit.scale();
        if !(self.max > 0.0 && self.max * scale <= MAX_RANGE) {
            let top = MAX_RANGE / scale;
            return Err(format!("a range up to {}: use more than 0, at most {top}", self.max));
        }
        let bounds = self.units()?;
        let split = bounds.len();
        if split > MAX_EXTRAS {
            return Err(format!("{split} boundaries: use at most {MAX_EXTRAS}"));
        }
        let top = bounds.last().map_or(0, |&(_, units)| units);
        let max = to_units(self.max, scale).max(top);
        if max == 0 {
            let unit = self.unit.base();
            return Err(format!("a range up to {}: use at least one of its {unit}", self.max));
        }
        Ok(Layout::new(self.digits, max, scale, &bounds))
    }

    /// Each boundary with its integer value.
    fn units(&self) -> Result<Vec<(f64, u64)>, String> {
        let scale = self.unit.scale();
        let mut bounds: Vec<(f64, u64)> = Vec::with_capacity(self.bounds.len());
        for &le in &self.bounds {
            if !(le >= 0.0 && le * scale <= MAX_RANGE) {
                return Err(format!("boundary {le}: use numbers from 0 to {}", MAX_RANGE / scale));
            }
            let units = to_units(le, scale);
            if (units as f64 - le * scale).abs() > le * scale * 1e-9 {
                return Err(format!("boundary {le}: use whole {}", self.unit.base()));
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
