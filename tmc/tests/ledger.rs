//! Whatever operations overlap and however they end, the families agree with a plain ledger.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use tmc_metrics::engine::Snapshot;
use tmc_metrics::{Clock, ErrorType, ManualClock, MetricsCollector, Registry, TmcError};

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// An operation of that number begins.
    Begin(usize),
    /// One of the open operations ends; the first number chooses which.
    End(usize, Verdict),
    /// Time passes.
    Advance(u64),
}

#[derive(Clone, Copy, Debug)]
enum Verdict {
    Success,
    Error(ErrorType),
    Timeout,
    Dropped,
}

const OPERATIONS: [&str; 3] = ["sync", "place", "move"];

fn step() -> impl Strategy<Value = Step> {
    let verdict = prop_oneof![
        Just(Verdict::Success),
        prop::sample::select(ErrorType::ALL).prop_map(Verdict::Error),
        Just(Verdict::Timeout),
        Just(Verdict::Dropped),
    ];
    prop_oneof![
        3 => (0..OPERATIONS.len()).prop_map(Step::Begin),
        3 => (any::<usize>(), verdict).prop_map(|(which, verdict)| Step::End(which, verdict)),
        2 => (0_u64..5_000).prop_map(Step::Advance),
    ]
}

/// The slow twin: plain maps.
#[derive(Default)]
struct Ledger {
    operations: BTreeMap<(&'static str, &'static str), u64>,
    errors: BTreeMap<(&'static str, &'static str), u64>,
    millis: BTreeMap<&'static str, Vec<u64>>,
}

impl Ledger {
    fn end(&mut self, operation: &'static str, millis: u64, verdict: Verdict) {
        let (status, error) = match verdict {
            Verdict::Success => ("success", None),
            Verdict::Error(error) => ("error", Some(error)),
            Verdict::Timeout => ("timeout", Some(ErrorType::SyncTimeout)),
            Verdict::Dropped => ("cancelled", None),
        };
        *self.operations.entry((operation, status)).or_default() += 1;
        if let Some(error) = error {
            let key = (error.as_str(), error.default_severity().as_str());
            *self.errors.entry(key).or_default() += 1;
        }
        if !matches!(verdict, Verdict::Dropped) {
            self.millis.entry(operation).or_default().push(millis);
        }
    }

    fn check(&self, snapshot: &Snapshot) -> Result<(), TestCaseError> {
        let get = |family: &str, labels: &[&str]| {
            snapshot.family(family)?.get(labels).map(|series| series.value().as_f64())
        };
        let total = |family: &str| -> f64 {
            let family = snapshot.family(family);
            family.map_or(0.0, |family| family.series().map(|s| s.value().as_f64()).sum())
        };
        const COUNTED: &str = "tmc_component_operations_total";
        for ((operation, status), count) in &self.operations {
            let read = get(COUNTED, &["Syncer", "s1", operation, status]);
            prop_assert_eq!(read, Some(*count as f64), "{} {}", operation, status);
        }
        prop_assert_eq!(total(COUNTED), self.operations.values().sum::<u64>() as f64);

        const ERRORS: &str = "tmc_component_errors_total";
        for ((error_type, severity), count) in &self.errors {
            let read = get(ERRORS, &["Syncer", "s1", error_type, severity]);
            prop_assert_eq!(read, Some(*count as f64), "{} {}", error_type, severity);
        }
        prop_assert_eq!(total(ERRORS), self.errors.values().sum::<u64>() as f64);

        const LATENCY: &str = "tmc_component_operation_duration_seconds";
        for (operation, millis) in &self.millis {
            let family = snapshot.family(LATENCY).expect("registered");
            let series = family.get(&["Syncer", "s1", operation]).expect("observed");
            let value = series.value();
            let histogram = value.histogram().expect("a histogram");
            let seconds = millis.iter().sum::<u64>() as f64 / 1e3;
            prop_assert!((histogram.sum() - seconds).abs() < 1e-6);
            for (bound, count) in histogram.cumulative() {
                let within = millis.iter().filter(|&&millis| millis as f64 / 1e3 <= bound).count();
                prop_assert_eq!(count, within as u64, "{} up to {}", operation, bound);
            }
        }
        prop_assert_eq!(total(LATENCY), self.millis.values().map(Vec::len).sum::<usize>() as f64);
        Ok(())
    }
}

proptest! {
    #[test]
    fn overlapping_operations_agree_with_the_ledger(steps in prop::collection::vec(step(), 0..80)) {
        let registry = Registry::new();
        let manual = ManualClock::new();
        let collector = MetricsCollector::with_clock(&registry, Clock::from(manual.clone())).unwrap();
        let mut ledger = Ledger::default();
        let mut open = Vec::new();
        let mut now = 0;
        for step in steps {
            match step {
                Step::Advance(millis) => {
                    now += millis;
                    manual.advance(Duration::from_millis(millis));
                }
                Step::Begin(which) => {
                    let operation = OPERATIONS[which];
                    let tracker = collector.operation_tracker("Syncer", "s1", operation);
                    open.push((operation, now, tracker));
                }
                Step::End(..) if open.is_empty() => {}
                Step::End(which, verdict) => {
                    let (operation, begun, tracker) = open.swap_remove(which % open.len());
                    ledger.end(operation, now - begun, verdict);
                    match verdict {
                        Verdict::Success => tracker.success(),
                        Verdict::Error(error) => {
                            tracker.error(&TmcError::builder(error, "c", "o").build());
                        }
                        Verdict::Timeout => tracker.timeout(),
                        Verdict::Dropped => drop(tracker),
                    }
                }
            }
        }
        // Operations that are still open count nothing yet; then all are given up.
        ledger.check(&registry.snapshot())?;
        for (operation, begun, tracker) in open {
            ledger.end(operation, now - begun, Verdict::Dropped);
            drop(tracker);
        }
        ledger.check(&registry.snapshot())?;
    }
}
