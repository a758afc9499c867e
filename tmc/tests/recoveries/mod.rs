//! Adds up the families `tmc_recovery_*`, and checks what must hold of them at any time.
//! Upstream: the tests of recovery. Downstream: the engine's snapshot.

use std::collections::BTreeSet;

use tmc_metrics::Registry;
use tmc_metrics::engine::Value;

/// Sums over all series.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Tally {
    pub(crate) attempts: u64,
    pub(crate) successes: u64,
    pub(crate) failures: u64,
    /// Observations of the duration, and their sum in seconds.
    pub(crate) durations: u64,
    pub(crate) sum: f64,
}

impl Tally {
    /// Asserts, too, that attempts are never fewer than outcomes for any set of labels, and that the
    /// three counters have the same sets, as the query for active recoveries needs.
    pub(crate) fn of(registry: &Registry) -> Self {
        let snapshot = registry.snapshot();
        let count = |name: &str, labels: &[&str]| {
            let series = snapshot.family(name).and_then(|family| family.get(labels));
            series.unwrap_or_else(|| panic!("no {name} for {labels:?}")).value().as_f64() as u64
        };
        let mut tally = Self::default();
        let names = ["attempts", "successes", "failures"];
        let families =
            names.map(|name| snapshot.family(&format!("tmc_recovery_{name}_total")).unwrap());
        let sets: BTreeSet<Vec<&str>> = families
            .iter()
            .flat_map(|family| family.series().map(|series| series.label_values().collect()))
            .collect();
        for labels in sets {
            let attempts = count("tmc_recovery_attempts_total", &labels);
            let successes = count("tmc_recovery_successes_total", &labels);
            let failures = count("tmc_recovery_failures_total", &labels);
            assert!(successes + failures <= attempts, "{labels:?}");
            tally.attempts += attempts;
            tally.successes += successes;
            tally.failures += failures;
        }
        let durations = snapshot.family("tmc_recovery_duration_seconds").unwrap();
        for series in durations.series() {
            let Value::Histogram(histogram) = series.value() else { panic!("a histogram") };
            tally.durations += histogram.count();
            tally.sum += histogram.sum();
        }
        tally
    }

    /// The document's query for active recoveries.
    pub(crate) fn active(&self) -> u64 {
        self.attempts - self.successes - self.failures
    }
}
