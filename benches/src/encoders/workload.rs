//! The series that are encoded, their values, and the check of what was written.
//! Upstream: nothing. Downstream: every encoder.

use std::fmt::Write;

use crate::text;

/// Name of the family, as it is exposed.
pub(crate) const NAME: &str = "sync_operations_total";
/// The same without the suffix, for the peer that appends it.
pub(crate) const STEM: &str = "sync_operations";
/// Its help text.
pub(crate) const HELP: &str = "Operations that a component finished in a namespace of a cluster";
/// The labels, in the order of the alphabet, because one peer sorts them.
pub(crate) const LABELS: [&str; 4] = ["cluster", "component", "namespace", "operation"];

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
    pub(crate) fn naive(values: &[u64]) -> String {
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

    /// All series are there, the sum of their values is right, and so are some of them by name.
    pub(super) fn check(self, text: &str, changes: u64) -> Result<(), String> {
        let lines: Vec<&str> = text::samples(text).filter(|line| line.starts_with(NAME)).collect();
        if lines.len() != self.series {
            return Err(format!("{} sample lines instead of {}", lines.len(), self.series));
        }
        let value = |series| Self::initial(series) + changes * Self::step(series);
        let expected: u64 = (0..self.series).map(value).sum();
        let found: u64 = lines.iter().map(|line| text::value(line)).sum();
        if found != expected {
            return Err(format!("the values add up to {found} instead of {expected}"));
        }
        for series in [0, self.series / 3, self.series - 1] {
            let pairs = Self::pairs(series);
            let is_it = |line: &&&str| pairs.iter().all(|pair| line.contains(pair.as_str()));
            let found = lines.iter().find(is_it).map(|line| text::value(line));
            if found != Some(value(series)) {
                return Err(format!("{pairs:?} is {found:?} instead of {}", value(series)));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_sees_a_missing_line_and_a_wrong_value() {
        let workload = Workload::new(1000);
        let mut values: Vec<u64> = (0..1000).map(Workload::initial).collect();
        let right = Workload::naive(&values);
        assert_eq!(workload.check(&right, 0), Ok(()));
        assert!(workload.check(&right, 1).is_err());
        let shorter = right.trim_end().rsplit_once('\n').unwrap().0;
        assert!(workload.check(shorter, 0).unwrap_err().contains("999"));
        values.swap(0, 1);
        assert!(workload.check(&Workload::naive(&values), 0).is_err());
    }

    #[test]
    fn a_line_has_about_150_bytes() {
        let text = Workload::naive(&[Workload::initial(0)]);
        let line = text::samples(&text).next().unwrap();
        assert!((145..160).contains(&line.len()), "{}", line.len());
    }
}
