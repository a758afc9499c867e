//! What the text of a contender has to say: the plain twin of its registry.
//! Upstream: workload. Downstream: encoders, which keep one per contender.

use super::Workload;
use super::change::{Change, mix};
use super::workload::{HISTOGRAM, INITIAL_OBSERVATIONS};
use crate::histograms::seconds;
use crate::text;

/// What all series of a contender are worth.
pub(super) enum Model {
    /// Their values.
    Counters { workload: Workload, values: Vec<u64> },
    /// Observations so far, and values to observe in nanoseconds.
    Histograms { workload: Workload, observations: u64, nanoseconds: Vec<u64> },
}

impl Model {
    pub(super) fn counters(workload: Workload) -> Self {
        let values = (0..workload.series()).map(Workload::unrelated).collect();
        Self::Counters { workload, values }
    }

    pub(super) fn histograms(workload: Workload) -> Self {
        let nanoseconds = seconds().into_iter().map(|seconds| (seconds * 1e9) as u64).collect();
        let observations = workload.series() as u64 * INITIAL_OBSERVATIONS;
        Self::Histograms { workload, observations, nanoseconds }
    }

    pub(super) fn series(&self) -> usize {
        match self {
            Self::Counters { workload, .. } | Self::Histograms { workload, .. } => {
                workload.series()
            }
        }
    }

    /// Changes what `change` says, and tells series and amount of each change.
    pub(super) fn change(&mut self, change: Change, turn: u64, mut tell: impl FnMut(usize, u64)) {
        for series in change.members(self.series(), turn) {
            let amount = match self {
                Self::Counters { values, .. } => {
                    let step = Workload::step(series);
                    values[series] += step;
                    step
                }
                Self::Histograms { observations, nanoseconds, .. } => {
                    *observations += 1;
                    let any = mix(mix(turn) ^ series as u64) as usize;
                    nanoseconds[any % nanoseconds.len()]
                }
            };
            tell(series, amount);
        }
    }

    /// `text` has every sample; each counter is right, or all histograms together are.
    pub(super) fn check(&self, text: &str) -> Result<(), String> {
        match self {
            Self::Counters { values, .. } => Workload::check(values, text),
            Self::Histograms { workload, observations, .. } => {
                check_histograms(text, workload.series(), *observations)
            }
        }
    }
}

fn check_histograms(text: &str, histograms: usize, observations: u64) -> Result<(), String> {
    let ours = || text::samples(text).filter(|line| line.starts_with(HISTOGRAM));
    let same = |what: &str, found: u64, expected: u64| {
        if found == expected { Ok(()) } else { Err(format!("{found} {what}, not {expected}")) }
    };
    // Eleven buckets, `+Inf`, sum and count.
    same("samples", ours().count() as u64, histograms as u64 * 14)?;
    let infinite = ours().filter(|line| line.contains("le=\"+Inf\"")).map(text::value).sum();
    same("observations in +Inf", infinite, observations)?;
    let counts = ours().filter(|line| line[HISTOGRAM.len()..].starts_with("_count"));
    same("observations", counts.map(text::value).sum(), observations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_of_histograms_sees_what_is_missing() {
        let bucket = |bound: &str| format!("{HISTOGRAM}_bucket{{le=\"{bound}\"}} 7\n");
        let mut text: String = (0..11).map(|bound| bucket(&bound.to_string())).collect();
        text += &bucket("+Inf");
        assert!(check_histograms(&text, 1, 7).unwrap_err().contains("12 samples"));
        let text = text + &format!("{HISTOGRAM}_sum 0.5\n{HISTOGRAM}_count 7\nother_count 9\n");
        assert_eq!(check_histograms(&text, 1, 7), Ok(()));
        assert!(check_histograms(&text, 1, 8).is_err());
        let less = text.replace("_count 7", "_count 6");
        assert!(check_histograms(&less, 1, 7).unwrap_err().contains("6 observations"));
    }

    #[test]
    fn observations_spread_over_the_buckets() {
        let mut model = Model::histograms(Workload::new(1000));
        let mut above = [0; 3];
        model.change(Change::All, 0, |_, amount| {
            for (count, bound) in above.iter_mut().zip([5_000_000, 50_000_000, 500_000_000]) {
                *count += u32::from(amount > bound);
            }
        });
        assert!(above[0] > 900 && above[1] > 300 && above[2] > 10, "{above:?}");
    }
}
