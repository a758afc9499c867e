//! The circuit breaker: by example, against a model, and with threads. Time is moved by hand.

use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Barrier, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use tmc_metrics::{
    BreakerError, CircuitBreaker, CircuitBreakerBuilder, CircuitOpen, CircuitState, Classify,
    ErrorType, Jitter, ManualClock, MetricsCollector, Permit, Registry, RetryStrategy, Severity,
    TmcError, Waited, convert_kubernetes_error,
};

#[path = "breaker/model.rs"]
mod model;
mod recoveries;
use recoveries::Tally;

const SECOND: Duration = Duration::from_secs(1);

struct Rig {
    registry: Registry,
    collector: MetricsCollector,
    clock: ManualClock,
}

impl Rig {
    fn new() -> Self {
        let (registry, clock) = (Registry::new(), ManualClock::new());
        let collector = MetricsCollector::with_clock(&registry, clock.clone().into()).unwrap();
        Self { registry, collector, clock }
    }

    fn tally(&self) -> Tally {
        Tally::of(&self.registry)
    }

    /// Opens after 2 failures, for 10 s.
    fn breaker(
        &self,
        settings: impl Fn(CircuitBreakerBuilder) -> CircuitBreakerBuilder,
    ) -> CircuitBreaker {
        let builder = CircuitBreaker::builder("syncer").failure_threshold(2).open_for(10 * SECOND);
        settings(builder).build(&self.collector).unwrap()
    }

    /// A breaker whose next call is a probe.
    fn half_open(&self, probes: u32) -> CircuitBreaker {
        let breaker = self.breaker(|builder| builder.probes(probes));
        fail(&breaker, ErrorType::ClusterUnreachable);
        fail(&breaker, ErrorType::ClusterUnreachable);
        self.clock.advance(10 * SECOND);
        breaker
    }
}

fn error(error_type: ErrorType) -> TmcError {
    TmcError::builder(error_type, "syncer", "sync").build()
}

fn fail(breaker: &CircuitBreaker, error_type: ErrorType) {
    let result: Result<(), _> = breaker.call(|| Err(error(error_type)));
    let Err(BreakerError::Failed(failed)) = result else { panic!("{result:?}") };
    assert_eq!(failed.error_type(), error_type);
}

fn succeed(breaker: &CircuitBreaker) {
    assert_eq!(breaker.call(|| Ok::<_, TmcError>(7)).unwrap(), 7);
}

/// What a refused call is told; the operation must not run.
fn refused(breaker: &CircuitBreaker) -> CircuitOpen {
    match breaker.call(|| -> Result<(), TmcError> { panic!("let through") }) {
        Err(BreakerError::Refused(refused)) => refused,
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_opens_probes_and_closes() {
    let rig = Rig::new();
    let breaker = rig.breaker(|builder| builder);
    fail(&breaker, ErrorType::SyncTimeout);
    succeed(&breaker);
    fail(&breaker, ErrorType::SyncTimeout);
    assert_eq!(breaker.state(), CircuitState::Closed, "only failures in a row count");
    assert_eq!(rig.tally(), Tally::default());

    fail(&breaker, ErrorType::ClusterUnreachable);
    assert_eq!(breaker.state(), CircuitState::Open);
    assert_eq!(rig.tally().active(), 1);
    assert_eq!(refused(&breaker).retry_after(), 10 * SECOND);
    rig.clock.advance(4 * SECOND);
    assert_eq!(refused(&breaker).retry_after(), 6 * SECOND);

    rig.clock.advance(6 * SECOND);
    assert_eq!(breaker.state(), CircuitState::HalfOpen);
    assert_eq!(format!("{:>10}", breaker.state()), " half-open");
    fail(&breaker, ErrorType::SyncTimeout);
    assert_eq!(breaker.state().to_string(), "open");
    assert_eq!(
        rig.tally(),
        Tally { attempts: 2, successes: 0, failures: 1, durations: 1, sum: 10.0 }
    );

    rig.clock.advance(10 * SECOND);
    succeed(&breaker);
    assert_eq!(breaker.state().to_string(), "closed");
    assert_eq!(
        rig.tally(),
        Tally { attempts: 2, successes: 1, failures: 1, durations: 2, sum: 20.0 }
    );
    let snapshot = rig.registry.snapshot();
    let won = snapshot.family("tmc_recovery_successes_total").unwrap();
    let of =
        |error_type| won.get(&[error_type, "circuit-breaker", "syncer"]).unwrap().value().as_f64();
    assert_eq!((of("ClusterUnreachable"), of("SyncTimeout")), (0.0, 1.0));

    fail(&breaker, ErrorType::SyncTimeout);
    assert_eq!(breaker.state(), CircuitState::Closed, "it counts from zero again");
}

#[test]
fn an_answer_about_an_object_shows_that_the_other_side_works() {
    let rig = Rig::new();
    let breaker = rig.breaker(|builder| builder);
    for error_type in [
        ErrorType::ResourceNotFound,
        ErrorType::ResourceConflict,
        ErrorType::ResourceValidation,
        ErrorType::ResourcePermission,
        ErrorType::PlacementCapacity,
        ErrorType::SyncConflict,
        ErrorType::ConfigurationError,
    ] {
        fail(&breaker, ErrorType::ClusterUnavailable);
        fail(&breaker, error_type);
    }
    assert_eq!(breaker.state(), CircuitState::Closed);

    let strict =
        rig.breaker(|builder| builder.counts(|error_type| error_type == ErrorType::Custom("x")));
    for _ in 0..9 {
        fail(&strict, ErrorType::ClusterUnreachable);
    }
    assert_eq!(strict.state(), CircuitState::Closed);
    fail(&strict, ErrorType::Custom("x"));
    fail(&strict, ErrorType::Custom("x"));
    assert_eq!(strict.state(), CircuitState::Open);
}

/// Would be a deadlock.
#[test]
fn no_lock_is_held_while_the_operation_runs() {
    let rig = Rig::new();
    let breaker = rig.breaker(|builder| builder);
    let inner = breaker.call(|| breaker.call(|| Ok::<_, TmcError>(breaker.state())));
    assert_eq!(inner.unwrap(), CircuitState::Closed);
}

#[test]
fn a_probe_that_panics_or_is_dropped_gives_its_place_back() {
    let rig = Rig::new();
    let breaker = rig.half_open(1);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        breaker.call(|| -> Result<(), TmcError> { panic!("as arranged") })
    }));
    assert!(panicked.is_err());
    assert_eq!(breaker.state(), CircuitState::HalfOpen);
    {
        let call = breaker.call_async(pending::<Result<(), TmcError>>());
        let mut call = pin!(call);
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(refused(&breaker).retry_after(), 10 * SECOND);
    }
    drop(breaker.acquire().unwrap());
    assert_eq!(rig.tally().active(), 1);
    succeed(&breaker);
    assert_eq!(breaker.state(), CircuitState::Closed);
    assert_eq!(rig.tally().active(), 0);
}

#[test]
fn a_future_that_is_never_polled_takes_no_place() {
    let rig = Rig::new();
    let breaker = rig.half_open(1);
    let idle = breaker.call_async(ready(Ok::<_, TmcError>(1)));
    let call = breaker.call_async(ready(Ok::<_, TmcError>(2)));
    let done = pin!(call).poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(done, Poll::Ready(Ok(2))));
    drop(idle);
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[test]
fn a_probe_that_hangs_loses_its_place() {
    let rig = Rig::new();
    let breaker = rig.half_open(1);
    let hanging = breaker.acquire().unwrap();
    rig.clock.advance(9 * SECOND);
    assert_eq!(refused(&breaker).retry_after(), SECOND);
    rig.clock.advance(SECOND);
    let second = breaker.acquire().unwrap();
    hanging.failure(&error(ErrorType::SyncTimeout));
    assert_eq!(breaker.state(), CircuitState::HalfOpen, "its verdict comes too late");
    second.success();
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[test]
fn verdicts_from_before_a_change_do_not_count() {
    let rig = Rig::new();
    let breaker = rig.breaker(|builder| builder);
    let (slow, slower) = (breaker.acquire().unwrap(), breaker.acquire().unwrap());
    fail(&breaker, ErrorType::SyncTimeout);
    fail(&breaker, ErrorType::SyncTimeout);
    slow.success();
    assert_eq!(breaker.state(), CircuitState::Open);
    rig.clock.advance(10 * SECOND);
    let probe = breaker.acquire().unwrap();
    slower.success();
    assert_eq!(breaker.state(), CircuitState::HalfOpen);
    probe.success();
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[test]
fn a_breaker_that_is_dropped_open_is_a_failed_recovery() {
    let rig = Rig::new();
    let breaker = rig.half_open(1);
    let (clone, permit) = (breaker.clone(), breaker.acquire().unwrap());
    drop(breaker);
    drop(clone);
    assert_eq!(rig.tally().active(), 1, "the permit is of the same circuit");
    drop(permit);
    assert_eq!(
        rig.tally(),
        Tally { attempts: 1, successes: 0, failures: 1, durations: 1, sum: 10.0 }
    );
}

#[test]
fn a_refusal_is_a_tmc_error_that_says_when_to_try_again() {
    let rig = Rig::new();
    let breaker = rig.breaker(|builder| builder);
    fail(&breaker, ErrorType::SyncTimeout);
    fail(&breaker, ErrorType::SyncTimeout);
    let refused = refused(&breaker);
    assert_eq!((refused.component(), refused.retry_after()), ("syncer", 10 * SECOND));
    let shown = format!("{breaker:?}");
    assert!(shown.contains("syncer") && shown.contains("Open"), "{shown}");
    assert_eq!(
        refused.to_string(),
        "calls of syncer are refused after too many failures; try again in 10s"
    );
    let wrapped: BreakerError<TmcError> = BreakerError::Refused(refused.clone());
    let errors = [
        TmcError::from(refused.clone()),
        TmcError::from(wrapped.clone()),
        convert_kubernetes_error(refused, "syncer", "call"),
        convert_kubernetes_error(wrapped.clone(), "syncer", "call"),
    ];
    for error in errors {
        assert_eq!(error.error_type(), ErrorType::ClusterUnavailable);
        assert!(error.is_retryable());
        assert_eq!(error.retry_after(), Some(10 * SECOND));
        assert_eq!((error.component(), error.operation()), ("syncer", "call"));
        assert!(error.message().contains("try again in 10s"));
    }
    assert_eq!(wrapped.severity(), Severity::Medium);
    assert_eq!(wrapped.retry_after(), Some(10 * SECOND));
    let failed = BreakerError::Failed(error(ErrorType::SyncConflict));
    assert_eq!((failed.error_type(), failed.is_retryable()), (ErrorType::SyncConflict, false));
    assert_eq!(TmcError::from(failed).error_type(), ErrorType::SyncConflict);
}

/// The strategy waits as long as the circuit is open, not as long as it would by itself.
#[test]
fn a_retry_strategy_goes_around_a_breaker() {
    let rig = Rig::new();
    let breaker = rig.breaker(|builder| builder);
    let strategy = RetryStrategy::builder()
        .max_attempts(9)
        .base_delay(SECOND)
        .factor(1.0)
        .jitter(Jitter::None)
        .build()
        .unwrap();
    let wait = |delay| {
        rig.clock.advance(delay);
        Waited::Elapsed
    };
    let mut tries = 0;
    let result = strategy.run(&rig.collector, "syncer", &wait, || {
        breaker.call(|| {
            tries += 1;
            if tries < 3 { Err(error(ErrorType::ClusterUnreachable)) } else { Ok(tries) }
        })
    });
    assert_eq!(result.unwrap(), 3);
    // 1 s, then refused after 1 s more, then 9 s until the circuit lets a probe through, and 1 s on top.
    let tally = rig.tally();
    assert_eq!((tally.attempts, tally.successes, tally.sum), (2, 2, 12.0 + 11.0));
}

/// Who is refused because a probe is under way comes back soon: the circuit may close at any moment.
#[test]
fn nobody_sleeps_next_to_a_circuit_that_is_being_probed() {
    let rig = Rig::new();
    let breaker = rig.half_open(1);
    let probe = breaker.acquire().unwrap();
    let refused = refused(&breaker);
    assert_eq!(refused.retry_after(), 10 * SECOND, "at the latest");
    assert_eq!(Classify::retry_after(&refused), None);
    let strategy = RetryStrategy::builder().base_delay(SECOND).jitter(Jitter::None).build();
    let (mut probe, slept) = (Some(probe), std::cell::Cell::new(Duration::ZERO));
    let wait = |delay| {
        slept.set(slept.get() + delay);
        Waited::Elapsed
    };
    let result = strategy.unwrap().run(&rig.collector, "syncer", &wait, || {
        let result = breaker.call(|| Ok::<_, TmcError>(7));
        probe.take().into_iter().for_each(Permit::success);
        result
    });
    assert_eq!((result.unwrap(), slept.get()), (7, SECOND));
}

/// What is counted when a circuit changes may create series, and where there are too many, log.
#[test]
fn a_logger_may_ask_the_breaker_that_made_it_log() {
    struct Asks {
        breaker: Mutex<Option<CircuitBreaker>>,
        answers: Mutex<Vec<CircuitState>>,
    }
    static ASKS: Asks = Asks { breaker: Mutex::new(None), answers: Mutex::new(Vec::new()) };
    impl log::Log for Asks {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }
        fn log(&self, _: &log::Record<'_>) {
            let breaker = self.breaker.lock().unwrap().clone();
            self.answers.lock().unwrap().extend(breaker.map(|breaker| breaker.state()));
        }
        fn flush(&self) {}
    }
    log::set_logger(&ASKS).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let registry = Registry::builder().series_limit(1).build().unwrap();
    let collector = MetricsCollector::new(&registry).unwrap();
    collector.record_recovery_attempt(ErrorType::SyncFailure, "a", "b");
    let breaker = CircuitBreaker::builder("syncer").failure_threshold(1).build(&collector).unwrap();
    *ASKS.breaker.lock().unwrap() = Some(breaker.clone());
    fail(&breaker, ErrorType::SyncTimeout);
    *ASKS.breaker.lock().unwrap() = None;
    assert_eq!(breaker.state(), CircuitState::Open);
    assert!(!ASKS.answers.lock().unwrap().is_empty(), "the limit was not told of");
}

#[test]
fn settings_that_make_no_sense_are_named() {
    let rig = Rig::new();
    let builder = || CircuitBreaker::builder("syncer");
    for (built, name) in [
        (builder().failure_threshold(0).build(&rig.collector), "failure_threshold"),
        (builder().open_for(Duration::ZERO).build(&rig.collector), "open_for"),
        (builder().probes(0).build(&rig.collector), "probes"),
    ] {
        assert!(built.unwrap_err().to_string().starts_with(name), "{name}");
    }
    assert!(builder().open_for(Duration::MAX).build(&rig.collector).is_ok());
}

/// However many threads come at once, no more are let through than there are probes.
#[test]
fn threads_share_the_probes() {
    const THREADS: usize = 8;
    let rig = Rig::new();
    let breaker = rig.half_open(3);
    let (begin, all_asked) = (Barrier::new(THREADS), Barrier::new(THREADS));
    let let_through: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    begin.wait();
                    let permit = breaker.acquire();
                    all_asked.wait();
                    permit.map(|permit| permit.success()).is_ok()
                })
            })
            .collect();
        threads.into_iter().map(|one| usize::from(one.join().unwrap())).sum()
    });
    assert_eq!(let_through, 3);
    assert_eq!(breaker.state(), CircuitState::Closed);
    assert_eq!(
        rig.tally(),
        Tally { attempts: 1, successes: 1, failures: 0, durations: 1, sum: 10.0 }
    );
}
