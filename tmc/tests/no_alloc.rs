//! A bound operation allocates nothing once its thread has recorded before, however it ends short of an
//! error; counted by the program's global allocator.

#[path = "../../engine/tests/counting/mod.rs"]
mod counting;

use std::time::Duration;

use counting::allocations;
use tmc_metrics::{Clock, ErrorType, ManualClock, MetricsCollector, Operation, Registry, TmcError};

/// A success, a result, a cancellation, a future.
fn every_end(operation: &Operation) {
    operation.start().success();
    let _ok: Result<(), TmcError> = operation.run(|| Ok(()));
    drop(operation.start());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let future = std::pin::pin!(operation.track(async { Ok::<_, TmcError>(()) }));
    assert!(future.poll(&mut context).is_ready());
    drop(operation.clone());
}

#[test]
fn a_bound_operation_allocates_nothing_on_any_thread_once_it_has_recorded() {
    let collector = MetricsCollector::new(&Registry::new()).unwrap();
    let operation = collector.operation("SyncTargetController", "syncer-1", "sync");
    let run = || {
        every_end(&operation);
        for _ in 0..20 {
            assert_eq!(allocations(|| every_end(&operation)), 0);
        }
    };
    run();
    std::thread::scope(|scope| scope.spawn(run).join().unwrap());
}

#[test]
fn an_error_is_counted_without_memory_for_series_that_exist() {
    let time = ManualClock::new();
    let registry = Registry::builder().clock(Clock::from(time.clone())).build().unwrap();
    let collector = MetricsCollector::new(&registry).unwrap();
    let operation = collector.operation("SyncTargetController", "syncer-1", "sync");
    let fail = || {
        let running = operation.start();
        time.advance(Duration::from_millis(3));
        running.error(&ErrorType::SyncFailure);
    };
    fail();
    assert_eq!(allocations(fail), 0);
}
