//! Native buckets: a histogram's HDR buckets sorted into exponential ones, as Prometheus has them.
//! Upstream: a histogram's reading. Downstream: protobuf exposition, and whoever wants few buckets.

use super::HistogramSnapshot;
use crate::bucket::{HEAD_INFINITE, HEAD_OVER, Layout};

/// The finest schema of the format.
const FINEST: i8 = 8;
/// The coarsest.
const COARSEST: i8 = -4;

/// A histogram in buckets that grow by the factor `2^(2^-schema)`.
///
/// Bucket `i` counts observations above `2^((i-1) / 2^schema)` and up to `2^(i / 2^schema)`, in the
/// family's unit (seconds, not nanoseconds). Each HDR bucket is counted where its upper edge lies,
/// so a value is at most one HDR bucket (one part in `10^digits`) below its bucket's lower
/// boundary, and never above the upper one: an estimate `e` of a quantile `v` from these buckets
/// keeps `v / base < e <= v * base * (1 + 1 / 10^digits)`, to half a nanosecond or byte.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct NativeHistogram {
    /// Resolution, -4 to 8.
    pub schema: i8,
    /// Observations at or below this are counted as zeros: half a nanosecond, half a byte.
    pub zero_threshold: f64,
    /// Observations that are zero, or round to it.
    pub zero_count: u64,
    /// Index and count of every bucket that has observations, ascending. Those over the range are
    /// at its top, those that make the sum infinite in the bucket above every number.
    pub buckets: Vec<(i32, u64)>,
}

impl HistogramSnapshot<'_> {
    /// The finest native schema that the recorded digits allow: 3, 6 and 8 at 1, 2 and 3 digits.
    /// Finer buckets would be narrower than HDR's, and look empty where they are not.
    #[must_use]
    pub fn finest_schema(&self) -> i8 {
        self.layout.map_or(FINEST, |layout| layout.hdr.finest_schema())
    }

    /// In native buckets of a schema from -4 to 8; a finer one than the recorded digits allow is
    /// replaced by the finest that they do. Allocates.
    ///
    /// ```
    /// use tmc_engine::{HistogramSpec, Registry};
    /// let registry = Registry::new();
    /// let size = registry.histogram("size_bytes", "", &HistogramSpec::bytes(&[]))?;
    /// [0, 3, 4, 100].map(|bytes| size.record(bytes));
    /// let snapshot = registry.snapshot();
    /// let value = snapshot.family("size_bytes").and_then(|f| f.get(&[])).ok_or("there")?.value();
    /// let native = value.histogram().ok_or("a histogram")?.native(0);
    /// assert_eq!(native.zero_count, 1);
    /// assert_eq!(native.buckets, [(2, 2), (7, 1)]); // above 2 to 4; above 64 to 128
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn native(&self, schema: i8) -> NativeHistogram {
        let schema = schema.clamp(COARSEST, self.finest_schema());
        let mut native = NativeHistogram {
            schema,
            zero_threshold: self.zero_threshold(),
            zero_count: 0,
            buckets: Vec::new(),
        };
        self.for_each_native(schema, |bucket, count| match bucket {
            Some(index) => native.buckets.push((index, count)),
            None => native.zero_count = count,
        });
        native
    }

    /// Native buckets count observations at or below this as zeros: half a nanosecond, half a byte,
    /// in the family's unit.
    #[must_use]
    pub fn zero_threshold(&self) -> f64 {
        0.5 / self.layout.map_or(1.0, |layout| layout.scale)
    }

    /// Calls `each` with the count of zeros (`None`) if there are any, then with the index and
    /// count of every native bucket that has observations, ascending, of the schema that
    /// [`HistogramSnapshot::native`] would take. Does not allocate.
    pub fn for_each_native(&self, schema: i8, mut each: impl FnMut(Option<i32>, u64)) {
        let Some(layout) = self.layout else { return };
        let schema = schema.clamp(COARSEST, self.finest_schema());
        let (mut open, mut sum) = (None, 0);
        let mut add = |bucket, n| {
            if bucket != open && sum > 0 {
                each(open, sum);
                sum = 0;
            }
            open = bucket;
            sum += n;
        };
        self.for_each_hdr(|index, n| {
            add(bucket(layout, layout.hdr.high(index).min(layout.max), schema), n);
        });
        let infinite = self.head(HEAD_INFINITE).min(self.head(HEAD_OVER));
        add(bucket(layout, layout.max, schema), self.head(HEAD_OVER) - infinite);
        add(Some(overflow(schema)), infinite);
        if sum > 0 {
            each(open, sum);
        }
    }
}

/// The native bucket of a value in units; `None` for zero.
fn bucket(layout: &Layout, units: u64, schema: i8) -> Option<i32> {
    let log2 = (units as f64 / layout.scale).log2();
    (units > 0).then(|| (log2 * f64::from(schema).exp2()).ceil() as i32)
}

/// The native bucket above every number: the one after the largest number's.
fn overflow(schema: i8) -> i32 {
    (f64::from(f64::MAX_EXP) * f64::from(schema).exp2()) as i32 + 1
}
