//! HdrHistogram's interval log: one line per series for the time from one snapshot to the next.
//! Upstream: deltas. Downstream: HdrHistogram's log tools, plots.

use super::serialize::deflated;
use super::{SeriesDelta, Snapshot};
use crate::sync::Arc;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{
    IntervalLogWriterBuilder, IntervalLogWriterError, Tag,
};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::SystemTime;

/// Writes what one family of histograms or summaries observed, snapshot after snapshot, as an HdrHistogram
/// interval log (version 1.3, V2 deflated, which the Java tools read, too).
///
/// A line has a tag with the series' labels (`method=GET;code=200`; in values, the characters
/// `%,;=`, spaces and line ends are percent-encoded), the start of the interval in seconds since
/// the Unix epoch, its duration, its greatest value and its histogram, values in integer units
/// (nanoseconds, bytes). A series without labels has no tag. Times are to the millisecond.
///
/// ```
/// use tmc_engine::{HistogramSpec, IntervalLog, Registry};
/// let registry = Registry::new();
/// let latency = registry.histogram("latency_seconds", "", &HistogramSpec::seconds(&[]))?;
/// let mut log = IntervalLog::begin(Vec::new(), "latency_seconds", registry.snapshot())?;
/// for millis in [5, 7] {
///     latency.record(millis * 1_000_000);
///     log.interval(registry.snapshot())?; // every minute, say
/// }
/// assert_eq!(log.into_writer().split(|byte| *byte == b'\n').count(), 4 + 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct IntervalLog<W> {
    writer: W,
    family: Box<str>,
    /// Where the next interval begins.
    from: Arc<Snapshot>,
    serializer: V2DeflateSerializer,
    /// Lines of an interval, which go out together.
    lines: Vec<u8>,
}

impl<W: Write> IntervalLog<W> {
    /// Writes the head of a log of this family, whose first interval begins with this snapshot.
    ///
    /// The log keeps one snapshot alive between intervals.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn begin(mut writer: W, family: &str, from: Arc<Snapshot>) -> io::Result<Self> {
        let mut serializer = V2DeflateSerializer::new();
        IntervalLogWriterBuilder::new()
            .add_comment("[Histogram log format version 1.3]")
            .add_comment(family)
            .with_start_time(from.taken_at())
            .begin_log_with(&mut writer, &mut serializer)?;
        Ok(Self { writer, family: family.into(), from, serializer, lines: Vec::new() })
    }

    /// Ends an interval with this snapshot, and begins the next one. Writes a line for every series
    /// of the family, observed into or not, and tells how many: none while there is no such family
    /// of histograms or summaries.
    ///
    /// # Errors
    /// Those of the writer; [`io::ErrorKind::InvalidData`] if a bucket counts 2^63 or more. The
    /// interval then goes on, and the next snapshot may end it.
    pub fn interval(&mut self, to: Arc<Snapshot>) -> io::Result<usize> {
        let from = Arc::clone(&self.from);
        let delta = to.since(&from);
        let mut count = 0;
        self.lines.clear();
        if let Some(family) = delta.family(&self.family) {
            for series in family.series() {
                count += usize::from(self.line(&series)?);
            }
        }
        self.writer.write_all(&self.lines)?;
        self.from = to;
        Ok(count)
    }

    /// The writer, to flush it, say.
    pub fn writer(&mut self) -> &mut W {
        &mut self.writer
    }

    /// The writer. All that was written has reached it.
    pub fn into_writer(self) -> W {
        self.writer
    }

    /// Whether it is a histogram or a summary, and so has a line.
    fn line(&mut self, series: &SeriesDelta<'_>) -> io::Result<bool> {
        let Some(interval) = series.histogram() else { return Ok(false) };
        let hdr = interval.reading().hdr()?;
        let delta = series.delta();
        let start = delta.earlier().taken_at().duration_since(SystemTime::UNIX_EPOCH);
        let tag = tag(series);
        IntervalLogWriterBuilder::new()
            .begin_log_with(&mut self.lines, &mut self.serializer)?
            .write_histogram(
                &hdr,
                start.unwrap_or_default(),
                delta.elapsed(),
                Tag::new(&tag).filter(|tag| !tag.is_empty()),
            )
            .map_err(|error| match error {
                IntervalLogWriterError::SerializeError(error) => deflated(error),
                IntervalLogWriterError::IoError(error) => error,
            })?;
        Ok(true)
    }
}

impl<W> std::fmt::Debug for IntervalLog<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("IntervalLog").field(&self.family).finish()
    }
}

/// The labels in a form that the log can have: no commas, spaces or line ends.
fn tag(series: &SeriesDelta<'_>) -> String {
    let mut tag = String::new();
    for (name, value) in series.later().labels() {
        if !tag.is_empty() {
            tag.push(';');
        }
        tag.push_str(name);
        tag.push('=');
        for char in value.chars() {
            match char {
                '%' | ',' | ';' | '=' | ' ' | '\r' | '\n' => {
                    let _ = write!(tag, "%{:02X}", u32::from(char)); // a String takes everything
                }
                _ => tag.push(char),
            }
        }
    }
    tag
}
