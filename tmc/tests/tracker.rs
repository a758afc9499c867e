//! Verdicts of an operation tracker, and what counts when there is none.

mod common;
mod tracked;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Waker};

use tmc_metrics::{ErrorType, TmcError, track_operation, track_operation_async};
use tracked::{Bench, block_on, sync_error, work};

#[test]
fn success_counts_the_operation_and_its_latency() {
    let bench = Bench::new();
    let tracker = bench.collector.operation_tracker("Syncer", "s1", "op");
    bench.advance(245);
    tracker.success();
    bench.assert_ended("success", &[], Some(0.245));
}

#[test]
fn an_error_counts_by_its_own_type_and_severity() {
    let bench = Bench::new();
    let tracker = bench.collector.operation_tracker("Syncer", "s1", "op");
    bench.advance(1_000);
    tracker.error(&sync_error());
    bench.assert_ended("error", &[("SyncFailure", "High")], Some(1.0));
}

#[test]
fn a_timeout_is_a_status_of_its_own_and_a_sync_timeout_error() {
    let bench = Bench::new();
    let tracker = bench.collector.operation_tracker("Syncer", "s1", "op");
    bench.advance(9_000);
    tracker.timeout();
    bench.assert_ended("timeout", &[("SyncTimeout", "Low")], Some(9.0));
}

#[test]
fn dropped_without_a_verdict_it_is_cancelled_without_error_or_latency() {
    let bench = Bench::new();
    let tracker = bench.collector.operation_tracker("Syncer", "s1", "op");
    bench.advance(5);
    let shown = format!("{tracker:?}");
    assert!(["Syncer", "s1", "op"].iter().all(|name| shown.contains(name)), "{shown}");
    drop(tracker);
    bench.assert_ended("cancelled", &[], None);
}

#[test]
fn a_result_concludes_a_tracker_and_comes_back() {
    fn sync(bench: &Bench, result: Result<u32, TmcError>) -> Result<u32, TmcError> {
        let tracker = bench.collector.operation_tracker("Syncer", "s1", "op");
        bench.advance(40);
        Ok(tracker.conclude(result)? + 1)
    }
    let bench = Bench::new();
    assert_eq!(sync(&bench, Ok(1)).unwrap(), 2);
    bench.assert_ended("success", &[], Some(0.04));
    let bench = Bench::new();
    assert_eq!(sync(&bench, Err(sync_error())).unwrap_err().error_type(), ErrorType::SyncFailure);
    bench.assert_ended("error", &[("SyncFailure", "High")], Some(0.04));
}

#[test]
fn a_tracker_that_borrows_nothing_ends_on_another_thread() {
    let bench = Bench::new();
    let tracker = {
        let (collector, id) = (bench.collector.clone(), format!("s{}", 1));
        let tracker = collector.operation_tracker("Syncer", id.as_str(), "op");
        bench.advance(5);
        tracker.into_owned()
    };
    bench.advance(15);
    std::thread::spawn(move || tracker.success()).join().unwrap();
    bench.assert_ended("success", &[], Some(0.02));
}

#[test]
fn a_closure_gives_its_result_back_untouched() {
    let bench = Bench::new();
    let result = track_operation(&bench.collector, "Syncer", "s1", "op", || {
        bench.advance(30);
        Ok::<_, TmcError>("deployment")
    });
    assert_eq!(result.unwrap(), "deployment");
    bench.assert_ended("success", &[], Some(0.03));
}

#[test]
fn a_closures_io_error_is_classified_and_stays_an_io_error() {
    let bench = Bench::new();
    let result: Result<(), std::io::Error> =
        track_operation(&bench.collector, "Syncer", "s1", "op", || {
            bench.advance(10);
            Err(std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "nobody there"))
        });
    let error = result.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (std::io::ErrorKind::ConnectionRefused, "nobody there")
    );
    bench.assert_ended("error", &[("ClusterUnreachable", "High")], Some(0.01));
}

#[test]
fn a_boxed_error_is_classified_by_what_is_inside() {
    let bench = Bench::new();
    let result: Result<(), Box<dyn std::error::Error + Send + Sync>> =
        track_operation(&bench.collector, "Syncer", "s1", "op", || Err(sync_error().into()));
    assert!(result.unwrap_err().downcast_ref::<TmcError>().is_some());
    bench.assert_ended("error", &[("SyncFailure", "High")], Some(0.0));
}

#[test]
fn a_closure_that_panics_is_cancelled_and_the_panic_goes_on() {
    let bench = Bench::new();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        track_operation(&bench.collector, "Syncer", "s1", "op", || -> Result<(), TmcError> {
            panic!("in the closure")
        })
    }));
    let payload = outcome.unwrap_err();
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"in the closure"));
    bench.assert_ended("cancelled", &[], None);
}

#[test]
fn a_future_is_tracked_from_the_call_to_its_end() {
    let bench = Bench::new();
    let future = track_operation_async(&bench.collector, "Syncer", "s1", "op", async {
        work(&bench, 3).await;
        Ok::<_, TmcError>(7)
    });
    assert_eq!(block_on(future).unwrap(), 7);
    bench.assert_ended("success", &[], Some(0.3));
}

#[test]
fn a_futures_error_comes_back_and_counts() {
    let bench = Bench::new();
    let future = track_operation_async(&bench.collector, "Syncer", "s1", "op", async {
        work(&bench, 2).await;
        Err::<(), _>(sync_error())
    });
    assert_eq!(block_on(future).unwrap_err().error_type(), ErrorType::SyncFailure);
    bench.assert_ended("error", &[("SyncFailure", "High")], Some(0.2));
}

#[test]
fn a_future_dropped_midway_is_cancelled() {
    let bench = Bench::new();
    let future = track_operation_async(&bench.collector, "Syncer", "s1", "op", async {
        work(&bench, 3).await;
        Ok::<_, TmcError>(())
    });
    let mut future = Box::pin(future);
    let mut context = Context::from_waker(Waker::noop());
    assert!(future.as_mut().poll(&mut context).is_pending());
    drop(future);
    bench.assert_ended("cancelled", &[], None);
}

#[test]
fn a_future_that_was_never_polled_is_cancelled() {
    let bench = Bench::new();
    let ready = std::future::ready(Ok::<_, TmcError>(()));
    drop(track_operation_async(&bench.collector, "Syncer", "s1", "op", ready));
    bench.assert_ended("cancelled", &[], None);
}

fn fail() -> Result<(), TmcError> {
    panic!("in the future")
}

#[test]
fn a_future_that_panics_is_cancelled() {
    let bench = Bench::new();
    let future = track_operation_async(&bench.collector, "Syncer", "s1", "op", async {
        work(&bench, 1).await;
        fail()
    });
    assert!(catch_unwind(AssertUnwindSafe(|| block_on(future))).is_err());
    bench.assert_ended("cancelled", &[], None);
}

/// What a spawn of any runtime asks for.
#[test]
fn a_future_of_owned_parts_is_static_and_send() {
    fn spawn<F: Future<Output = Result<u32, TmcError>> + Send + 'static>(future: F) -> F {
        future
    }
    let bench = Bench::new();
    let id = format!("s{}", 1);
    let future = {
        let collector = bench.collector.clone();
        spawn(track_operation_async(collector, "Syncer", id, "op", async { Ok(1) }))
    };
    assert_eq!(block_on(future).unwrap(), 1);
    bench.assert_ended("success", &[], Some(0.0));
}
