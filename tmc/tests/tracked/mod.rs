//! One operation on a clock that is moved by hand, how it has to end, and a way to run a future.

#![allow(dead_code)] // each test file uses its part

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tmc_metrics::engine::Snapshot;
use tmc_metrics::{Clock, ErrorType, ManualClock, MetricsCollector, Registry, Severity, TmcError};

use crate::common::{assert_line, value};

pub(crate) struct Bench {
    pub(crate) registry: Registry,
    pub(crate) collector: MetricsCollector,
    pub(crate) clock: ManualClock,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let registry = Registry::new();
        let clock = ManualClock::new();
        let collector = MetricsCollector::with_clock(&registry, Clock::from(clock.clone()));
        Self { registry, collector: collector.unwrap(), clock }
    }

    pub(crate) fn advance(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }

    /// Asserts how the one operation `op` of `Syncer` `s1` ended: this status and no other, these
    /// errors and no others, this latency or none.
    pub(crate) fn assert_ended(&self, status: &str, errors: &[(&str, &str)], seconds: Option<f64>) {
        let snapshot = self.registry.snapshot();
        let operation = format!(
            r#"tmc_component_operations_total{{component_type="Syncer", component_id="s1", operation="op", status="{status}"}} 1"#
        );
        assert_line(&snapshot, &operation);
        assert_eq!(total(&snapshot, "tmc_component_operations_total"), 1.0);
        for (error_type, severity) in errors {
            let error = format!(
                r#"tmc_component_errors_total{{component_type="Syncer", component_id="s1", error_type="{error_type}", severity="{severity}"}} 1"#
            );
            assert_line(&snapshot, &error);
        }
        assert_eq!(total(&snapshot, "tmc_component_errors_total"), errors.len() as f64);
        let latency = r#"tmc_component_operation_duration_seconds{component_type="Syncer", component_id="s1", operation="op"}"#;
        match seconds {
            Some(seconds) => assert_line(&snapshot, &format!("{latency} {seconds}")),
            None => {
                let count = value(&snapshot, &format!("{latency} 0")).unwrap_or(0.0);
                assert_eq!(count, 0.0, "a latency was observed");
            }
        }
    }
}

pub(crate) fn total(snapshot: &Snapshot, family: &str) -> f64 {
    let series = snapshot.family(family);
    series.map_or(0.0, |family| family.series().map(|series| series.value().as_f64()).sum())
}

pub(crate) fn sync_error() -> TmcError {
    TmcError::builder(ErrorType::SyncFailure, "syncer", "op").severity(Severity::High).build()
}

/// Polls until ready, with a waker that does nothing: the futures here wake nobody.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..1_000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    panic!("the future is still pending after 1,000 polls");
}

/// Pending `polls` times, each of which takes 100 ms of the bench's time.
pub(crate) async fn work(bench: &Bench, mut polls: u32) {
    poll_fn(|_| {
        if polls == 0 {
            return Poll::Ready(());
        }
        polls -= 1;
        bench.advance(100);
        Poll::Pending
    })
    .await;
}
