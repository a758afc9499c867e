//! The series that are encoded, their values, and the check of what was written.
//! Upstream: nothing. Downstream: every encoder.

use super::change::mix;
use crate::text;

/// Name of the family, as it is exposed.
pub(crate) const NAME: &str = "sync_operations_total";
/// The same without the suffix, for the peer that appends it.
pub(crate) const STEM: &str = "sync_operations";
/// Its help text.
pub(crate) const HELP: &str = "Operations that a component finished in a namespace of a cluster";
/// The labels, in the order of the alphabet, because one peer sorts them.
pub(crate) const LABELS: [&str; 4] = ["cluster", "component", "namespace", "operation"];

/// Name of the family of histograms.
pub(crate) const HISTOGRAM: &str = "sync_operation_duration_seconds";
/// What each histogram has seen before the first turn.
pub(crate) const INITIAL_OBSERVATIONS: u64 = 100;

/// Clusters, components and operations; the rest is namespaces.
const EACH: usize = 10;

/// A family of counters with four labels; a line has about 150 bytes.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    series: usize,
}

impl Workload {
    /// `series` series, a multiple of 1,000.
    ///
    /// # Panics
    /// When it is not.
    #[must_use]
    pub fn new(series: usize) -> Self {
        assert!(series > 0 && series.is_multiple_of(EACH.pow(3)), "a multiple of 1,000");
        Self { series }
    }

    /// Number of series.
    #[must_use]
    pub fn series(self) -> usize {
        self.series
    }

    /// How much a series grows from turn to turn: never by nothing.
    pub(crate) fn step(series: usize) -> u64 {
        series as u64 % 7 + 1
    }

    /// What a series starts with: seven digits.
    pub(crate) fn initial(series: usize) -> u64 {
        1_000_000 + series as u64 * 37 % 8_000_000
    }

    /// What a series starts with where neighbours have nothing to do with each other: 1 to 8,000,000,
    /// seven digits mostly.
    pub(crate) fn unrelated(series: usize) -> u64 {
        mix(series as u64) % 8_000_000 + 1
    }

    /// The label values of one series.
    pub(crate) fn values(series: usize) -> [String; 4] {
        let digit = |position: u32| series / EACH.pow(position) % EACH;
        [
            format!("cluster-eu-west-{:02}", digit(0)),
            format!("scheduler-{}", digit(1)),
            format!("workspace-payments-{:03}", series / EACH.pow(3)),
            format!("reconcile-resources-{}", digit(2)),
        ]
    }

    /// Label values and first value of every series.
    pub(crate) fn all(self) -> impl Iterator<Item = ([String; 4], u64)> {
        (0..self.series).map(|series| (Self::values(series), Self::initial(series)))
    }

    /// The text as it has to be, written the plain way.
    #[cfg(test)]
    pub(crate) fn naive(values: &[u64]) -> String {
        use std::fmt::Write;

        let mut out = format!("# HELP {NAME} {HELP}\n# TYPE {NAME} counter\n");
        for (series, value) in values.iter().enumerate() {
            // A String takes every write.
            let _ = writeln!(out, "{NAME}{{{}}} {value}", Self::pairs(series).join(","));
        }
        out
    }

    /// The labels of one series as they are written.
    pub(crate) fn pairs(series: usize) -> [String; 4] {
        let values = Self::values(series);
        std::array::from_fn(|label| format!("{}=\"{}\"", LABELS[label], values[label]))
    }

    /// The label values of every series.
    pub(crate) fn labels(self) -> impl Iterator<Item = [String; 4]> {
        (0..self.series).map(Self::values)
    }

    /// Label values and unrelated first value of every series.
    pub(crate) fn starts(self) -> impl Iterator<Item = ([String; 4], u64)> {
        self.labels().enumerate().map(|(series, values)| (values, Self::unrelated(series)))
    }

    /// The number of the series with these label values: each ends in its digits.
    fn number(line: &str) -> Option<usize> {
        let mut parts = line.split('"').skip(1).step_by(2).map(|value| value.rsplit('-').next());
        let mut next = || parts.next()??.parse::<usize>().ok();
        let (cluster, component, namespace, operation) = (next()?, next()?, next()?, next()?);
        Some(((namespace * EACH + operation) * EACH + component) * EACH + cluster)
    }

    /// Every series is there once, with its value.
    pub(super) fn check(values: &[u64], text: &str) -> Result<(), String> {
        let mut seen = vec![false; values.len()];
        for line in text::samples(text).filter(|line| line.starts_with(NAME)) {
            let number = Self::number(line).filter(|number| *number < values.len());
            let number = number.ok_or_else(|| format!("no series of the workload: {line}"))?;
            if std::mem::replace(&mut seen[number], true) {
                return Err(format!("twice: {line}"));
            }
            if text::value(line) != values[number] {
                return Err(format!("not {}: {line}", values[number]));
            }
        }
        let found = seen.iter().filter(|seen| **seen).count();
        let missing = || format!("{found} sample lines instead of {}", values.len());
        if found == values.len() { Ok(()) } else { Err(missing()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_sees_a_missing_line_and_a_wrong_value() {
        let values: Vec<u64> = (0..2000).map(Workload::unrelated).collect();
        let right = Workload::naive(&values);
        assert_eq!(Workload::check(&values, &right), Ok(()));
        let (shorter, last) = right.trim_end().rsplit_once('\n').unwrap();
        assert!(Workload::check(&values, shorter).unwrap_err().contains("1999 sample lines"));
        let twice = format!("{shorter}\n{last}\n{last}\n");
        assert!(Workload::check(&values, &twice).unwrap_err().contains("twice"));
        assert!(Workload::check(&values[..1999], &right).unwrap_err().contains("no series"));
        let mut swapped = values.clone();
        swapped.swap(1234, 1235);
        assert!(Workload::check(&swapped, &right).is_err());
    }

    #[test]
    fn a_line_has_about_150_bytes() {
        let text = Workload::naive(&[Workload::initial(0)]);
        let line = text::samples(&text).next().unwrap();
        assert!((145..160).contains(&line.len()), "{}", line.len());
    }
}
