//! Exemplars in a reading: copied under the lock of each, into buffers that are used again.
//! Upstream: series that have any. Downstream: exposition, and whoever wants no text.

use crate::registry::series::Series;
use crate::sync::Arc;
use std::time::SystemTime;

/// An exemplar in a [`super::Snapshot`]: the labels of one record among those counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExemplarSnapshot<'a> {
    text: &'a str,
    value: f64,
    at: SystemTime,
}

impl<'a> ExemplarSnapshot<'a> {
    /// Names and values, in the order of the record.
    pub fn labels(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let mut parts = self.text.split_terminator('\n');
        std::iter::from_fn(move || Some((parts.next()?, parts.next()?)))
    }

    /// The value observed, in the family's unit, rounded as it was counted; the amount added to a
    /// counter.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.value
    }

    /// When it was recorded.
    #[must_use]
    pub fn timestamp(&self) -> SystemTime {
        self.at
    }
}

/// The exemplars of a family.
#[derive(Default)]
pub(super) struct ExemplarBuffer {
    /// Ascending by series and bucket.
    entries: Vec<Entry>,
    text: String,
}

#[derive(Clone, Copy)]
struct Entry {
    /// Its place among the family's.
    series: usize,
    bucket: usize,
    value: f64,
    at: SystemTime,
    /// Where its text lies.
    text: (usize, usize),
}

/// Those of one series.
#[derive(Clone, Copy, Default)]
pub(super) struct SeriesExemplars<'a> {
    entries: &'a [Entry],
    text: &'a str,
}

impl ExemplarBuffer {
    /// Copies those of these series. Allocates only for more than ever before.
    pub(super) fn fill<'a>(&mut self, all: impl Iterator<Item = &'a Arc<Series>>) {
        let Self { entries, text } = self;
        entries.clear();
        text.clear();
        for (series, of) in all.enumerate() {
            let Some(exemplars) = of.exemplars() else { continue };
            exemplars.for_each(|bucket, kept, at| {
                let from = text.len();
                text.push_str(&kept.text);
                let text = (from, text.len());
                entries.push(Entry { series, bucket, value: kept.value, at, text });
            });
        }
    }

    pub(super) fn of(&self, series: usize) -> SeriesExemplars<'_> {
        let from = self.entries.partition_point(|entry| entry.series < series);
        let len = self.entries[from..].partition_point(|entry| entry.series == series);
        SeriesExemplars { entries: &self.entries[from..from + len], text: &self.text }
    }
}

impl<'a> SeriesExemplars<'a> {
    /// With the bucket of each, ascending.
    pub(super) fn iter(self) -> impl Iterator<Item = (usize, ExemplarSnapshot<'a>)> + use<'a> {
        self.entries.iter().map(move |entry| {
            let text = &self.text[entry.text.0..entry.text.1];
            (entry.bucket, ExemplarSnapshot { text, value: entry.value, at: entry.at })
        })
    }
}
