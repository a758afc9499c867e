//! Records with an exemplar: the labels, a trace id above all, that lead to one of those counted.
//! Upstream: the program. Downstream: the series, which keeps a few of them.
//!
//! An exemplar is any labels, `&[("trace_id", "4bf9..")]`: their names as those of other labels, their
//! values without backslash, quote and line feed, all together of at most 128 Unicode code points. One
//! that is not is counted in `tmc_engine_refused_total` as `exemplar`; the record counts all the same.
//!
//! Each series, and each `le` bucket of a histogram, keeps its last one, and takes at most one per
//! interval (a second, see [`crate::RegistryBuilder::exemplar_interval`]): before it is over, an exemplar
//! costs a reading of the clock and a load, and is not even looked at. It never waits: while another
//! thread keeps one in the same place, or a snapshot copies it, it is let go. The first exemplar of a
//! series allocates, and so does the first one of a bucket: 512 bytes, which it keeps.

use super::{Counter, FloatCounter, Histogram, LocalCounter, LocalFloatCounter, LocalHistogram};
use crate::bucket::to_units;
use std::time::Duration;

/// The labels of an exemplar: names and values.
pub type Exemplar<'a> = &'a [(&'a str, &'a str)];

macro_rules! counters {
    ($($counter:ty)*) => {$(
        impl $counter {
            /// Adds one, and perhaps keeps the exemplar; as [`Counter::inc_by_with`].
            #[inline]
            pub fn inc_with(&self, exemplar: Exemplar<'_>) {
                self.inc_by_with(1, exemplar);
            }

            /// Adds `n`, and keeps the exemplar if it is valid and the last one was a moment ago.
            ///
            /// The record costs what it costs without one; the exemplar a reading of the clock more.
            /// The first one of the series allocates.
            #[inline]
            pub fn inc_by_with(&self, n: u64, exemplar: Exemplar<'_>) {
                self.inc_by(n);
                self.series.exemplify(0, n as f64, exemplar);
            }
        }
    )*};
}
counters!(Counter LocalCounter);

macro_rules! float_counters {
    ($($counter:ty)*) => {$(
        impl $counter {
            /// Adds `amount`, and perhaps keeps the exemplar; as [`Counter::inc_by_with`]. A refused
            /// amount has none.
            #[inline]
            pub fn inc_by_with(&self, amount: f64, exemplar: Exemplar<'_>) {
                self.inc_by(amount);
                if amount >= 0.0 {
                    self.series.exemplify(0, amount, exemplar);
                }
            }
        }
    )*};
}
float_counters!(FloatCounter LocalFloatCounter);

impl Histogram {
    /// Observes a value, and keeps the exemplar in the value's `le` bucket, if it is valid and the
    /// bucket's last one was a moment ago. A refused value has none.
    ///
    /// The observation costs what it costs without one; the exemplar a reading of the clock and a
    /// search for the bucket more. The first one of a bucket allocates.
    ///
    /// ```
    /// use tmc_engine::{HistogramSpec, Registry};
    /// let registry = Registry::new();
    /// let latency = registry.histogram("latency_seconds", "", &HistogramSpec::seconds(&[0.1]))?;
    /// latency.observe_with(0.25, &[("trace_id", "4bf92f3577b34da6")]);
    ///
    /// let snapshot = registry.snapshot();
    /// let series = snapshot.family("latency_seconds").and_then(|f| f.get(&[])).ok_or("there")?;
    /// let read = series.value();
    /// let read = read.histogram().ok_or("a histogram")?;
    /// let (le, exemplar) = read.exemplars().next().ok_or("kept")?;
    /// assert_eq!((le, exemplar.value()), (f64::INFINITY, 0.25));
    /// assert_eq!(exemplar.labels().next(), Some(("trace_id", "4bf92f3577b34da6")));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn observe_with(&self, value: f64, exemplar: Exemplar<'_>) {
        self.observe(value);
        self.exemplify_value(value, exemplar);
    }

    /// Observes a duration; as [`Histogram::observe_with`].
    #[inline]
    pub fn observe_duration_with(&self, duration: Duration, exemplar: Exemplar<'_>) {
        self.observe_duration(duration);
        self.exemplify_duration(duration, exemplar);
    }

    /// Observes a value in the integer base unit; as [`Histogram::observe_with`].
    #[inline]
    pub fn record_with(&self, units: u64, exemplar: Exemplar<'_>) {
        self.record(units);
        self.exemplify(units, exemplar);
    }

    fn exemplify_value(&self, value: f64, exemplar: Exemplar<'_>) {
        if value >= 0.0 {
            let units = to_units(value, self.cells.layout.scale);
            if units < u64::MAX {
                self.exemplify(units, exemplar);
            } else {
                self.series.exemplify(self.cells.layout.bounds.len(), value, exemplar);
            }
        }
    }

    fn exemplify_duration(&self, duration: Duration, exemplar: Exemplar<'_>) {
        if self.cells.layout.takes_durations() {
            self.exemplify(super::histogram::nanoseconds(duration), exemplar);
        }
    }

    /// As it was counted, rounded to whole units, so that it lies in its bucket (R56).
    fn exemplify(&self, units: u64, exemplar: Exemplar<'_>) {
        let layout = &*self.cells.layout;
        let bucket = layout.bounds.partition_point(|bound| bound.units < units);
        let le = layout.bounds.get(bucket).map_or(f64::INFINITY, |bound| bound.le);
        self.series.exemplify(bucket, (units as f64 / layout.scale).min(le), exemplar);
    }
}

impl LocalHistogram {
    /// Observes a value; as [`Histogram::observe_with`].
    #[inline]
    pub fn observe_with(&self, value: f64, exemplar: Exemplar<'_>) {
        self.observe(value);
        self.shared.exemplify_value(value, exemplar);
    }

    /// Observes a duration; as [`Histogram::observe_with`].
    #[inline]
    pub fn observe_duration_with(&self, duration: Duration, exemplar: Exemplar<'_>) {
        self.observe_duration(duration);
        self.shared.exemplify_duration(duration, exemplar);
    }

    /// Observes a value in the integer base unit; as [`Histogram::observe_with`].
    #[inline]
    pub fn record_with(&self, units: u64, exemplar: Exemplar<'_>) {
        self.record(units);
        self.shared.exemplify(units, exemplar);
    }
}
