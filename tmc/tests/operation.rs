//! Operations whose handles are kept: verdicts, nesting, cancellation, what they hold and allocate.

mod common;
mod tracked;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Waker};
use std::time::Duration;

use common::{assert_line, value};
use tmc_metrics::{Clock, ErrorType, ManualClock, MetricsCollector, Operation, Registry, TmcError};
use tracked::{Bench, block_on, sync_error, work};

fn operation(bench: &Bench) -> Operation {
    bench.collector.operation("Syncer", "s1", "op")
}

#[test]
fn each_verdict_counts_as_a_trackers_does() {
    type Case = (fn(&Operation, &Bench), &'static str, &'static [(&'static str, &'static str)]);
    let cases: [Case; 4] = [
        (|operation, bench| advanced(bench, operation.start()).success(), "success", &[]),
        (
            |operation, bench| advanced(bench, operation.start()).error(&sync_error()),
            "error",
            &[("SyncFailure", "High")],
        ),
        (
            |operation, bench| advanced(bench, operation.start()).timeout(),
            "timeout",
            &[("SyncTimeout", "Low")],
        ),
        (|operation, bench| drop(advanced(bench, operation.start())), "cancelled", &[]),
    ];
    for (end, status, errors) in cases {
        let bench = Bench::new();
        end(&operation(&bench), &bench);
        bench.assert_ended(status, errors, (status != "cancelled").then_some(0.245));
    }
}

fn advanced<T>(bench: &Bench, running: T) -> T {
    bench.advance(245);
    running
}

#[test]
fn results_pass_through_a_question_mark() {
    fn sync(bench: &Bench, result: Result<u32, TmcError>) -> Result<u32, TmcError> {
        let synced = operation(bench).run(|| {
            bench.advance(10);
            Ok::<_, TmcError>(result? + 1)
        })?;
        Ok(synced + 1)
    }
    let bench = Bench::new();
    assert_eq!(sync(&bench, Ok(1)).unwrap(), 3);
    bench.assert_ended("success", &[], Some(0.01));
    let bench = Bench::new();
    assert_eq!(sync(&bench, Err(sync_error())).unwrap_err().error_type(), ErrorType::SyncFailure);
    bench.assert_ended("error", &[("SyncFailure", "High")], Some(0.01));
}

#[test]
fn all_statuses_exist_before_the_first_operation() {
    let bench = Bench::new();
    let _operation = operation(&bench);
    let snapshot = bench.registry.snapshot();
    for status in ["success", "error", "timeout", "cancelled"] {
        assert_line(&snapshot, &count("op", status, 0));
    }
    assert_eq!(tracked::total(&snapshot, "tmc_component_errors_total"), 0.0);
}

fn count(operation: &str, status: &str, count: u32) -> String {
    format!(
        r#"tmc_component_operations_total{{component_type="Syncer", component_id="s1", operation="{operation}", status="{status}"}} {count}"#
    )
}

#[test]
fn handles_that_are_kept_outlive_retention_and_trackers_share_their_series() {
    let hour = Duration::from_secs(3600);
    let clock = ManualClock::new();
    let registry = Registry::builder().clock(clock.clone()).retention_period(hour).build().unwrap();
    let collector = MetricsCollector::with_clock(&registry, Clock::from(clock.clone())).unwrap();
    let operation = collector.operation("Syncer", "s1", "op");
    collector.operation_tracker("Syncer", "s1", "unheld").success();
    for _ in 0..3 {
        clock.advance(hour * 2);
        drop(registry.snapshot()); // retires
    }
    operation.start().success();
    collector.operation_tracker("Syncer", "s1", "op").success();
    let snapshot = registry.snapshot();
    assert_line(&snapshot, &count("op", "success", 2));
    assert_eq!(value(&snapshot, &count("unheld", "success", 0)), None, "retired");
}

/// `outer` runs `inner` and passes its error on, or lives with it.
fn nested(bench: &Bench, passes_on: bool) -> Result<u32, TmcError> {
    let outer = bench.collector.operation("Syncer", "s1", "outer");
    let inner = bench.collector.operation("Syncer", "s1", "inner");
    outer.run(|| {
        bench.advance(100);
        let synced = inner.run(|| {
            bench.advance(20);
            Err::<u32, _>(sync_error())
        });
        bench.advance(100);
        if passes_on { synced } else { Ok(synced.unwrap_or(0)) }
    })
}

#[test]
fn a_parent_fails_only_with_the_error_that_it_passes_on() {
    for passes_on in [true, false] {
        let bench = Bench::new();
        assert_eq!(nested(&bench, passes_on).is_err(), passes_on);
        let snapshot = bench.registry.snapshot();
        assert_line(&snapshot, &count("inner", "error", 1));
        assert_line(&snapshot, &count("outer", "error", u32::from(passes_on)));
        assert_line(&snapshot, &count("outer", "success", u32::from(!passes_on)));
        assert_eq!(
            tracked::total(&snapshot, "tmc_component_errors_total"),
            if passes_on { 2.0 } else { 1.0 },
            "each operation counts the error that it ends with"
        );
        let latency = r#"tmc_component_operation_duration_seconds{component_type="Syncer", component_id="s1", operation="outer"}"#;
        assert_line(&snapshot, &format!("{latency} 0.22"));
    }
}

#[test]
fn nested_operations_that_are_given_up_are_both_cancelled() {
    let bench = Bench::new();
    let outer = bench.collector.operation("Syncer", "s1", "outer");
    let inner = bench.collector.operation("Syncer", "s1", "inner");
    let future = outer.track(async {
        inner
            .track(async {
                work(&bench, 3).await;
                Ok::<_, TmcError>(())
            })
            .await
    });
    let mut future = Box::pin(future);
    assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(future);
    let snapshot = bench.registry.snapshot();
    assert_line(&snapshot, &count("outer", "cancelled", 1));
    assert_line(&snapshot, &count("inner", "cancelled", 1));
    assert_eq!(tracked::total(&snapshot, "tmc_component_operations_total"), 2.0);
}

#[test]
fn a_future_is_tracked_from_the_call_to_its_end() {
    let bench = Bench::new();
    let operation = operation(&bench);
    let future = operation.track(async {
        work(&bench, 3).await;
        Ok::<_, TmcError>(7)
    });
    bench.advance(100);
    assert_eq!(block_on(future).unwrap(), 7);
    bench.assert_ended("success", &[], Some(0.4));
}

#[test]
fn a_future_that_was_never_polled_is_cancelled() {
    let bench = Bench::new();
    drop(operation(&bench).track(std::future::ready(Ok::<_, TmcError>(()))));
    bench.assert_ended("cancelled", &[], None);
}

#[test]
fn what_panics_is_cancelled_and_the_panic_goes_on() {
    let fails = || -> Result<(), TmcError> { panic!("in the operation") };
    let bench = Bench::new();
    let operation = operation(&bench);
    let payload = catch_unwind(AssertUnwindSafe(|| operation.run(fails))).unwrap_err();
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"in the operation"));
    bench.assert_ended("cancelled", &[], None);
}

#[test]
fn the_branch_that_a_select_gives_up_is_cancelled() {
    let bench = Bench::new();
    let operation = operation(&bench);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let slow = operation.track(std::future::pending::<Result<(), TmcError>>());
        tokio::select! {
            biased;
            _ = slow => panic!("it is pending for ever"),
            () = std::future::ready(()) => {}
        }
    });
    bench.assert_ended("cancelled", &[], None);
}

#[test]
fn an_aborted_task_is_cancelled() {
    let bench = Bench::new();
    let operation = operation(&bench);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (started, wait) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(async move {
            let forever = async {
                started.send(()).unwrap();
                std::future::pending::<Result<(), TmcError>>().await
            };
            operation.track(forever).await
        });
        wait.await.unwrap();
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    });
    bench.assert_ended("cancelled", &[], None);
}

#[test]
fn threads_share_an_operation_and_lose_nothing() {
    let bench = Bench::new();
    let operation = operation(&bench);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..1_000).for_each(|_| operation.start().success()));
        }
    });
    let snapshot = bench.registry.snapshot();
    assert_line(&snapshot, &count("op", "success", 4_000));
    let latency = snapshot.family("tmc_component_operation_duration_seconds").unwrap();
    let value = latency.get(&["Syncer", "s1", "op"]).unwrap().value();
    assert_eq!(value.histogram().unwrap().count(), 4_000);
}
