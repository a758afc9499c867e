//! Retries: the delays, when a run ends, and that `tmc_recovery_*` always add up. Nobody sleeps.

use std::cell::{Cell, RefCell};
use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use proptest::prelude::*;
use tmc_metrics::{
    ErrorType, Jitter, ManualClock, MetricsCollector, Recovery, RecoveryConfigError, Registry,
    RetryStrategy, StopSignal, TmcError, Wait, Waited,
};

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

    /// Moves the clock instead of waiting.
    fn wait(&self) -> impl Fn(Duration) -> Waited {
        |delay| {
            self.clock.advance(delay);
            Waited::Elapsed
        }
    }
}

fn error(error_type: ErrorType) -> TmcError {
    TmcError::builder(error_type, "syncer", "sync").build()
}

fn unreachable() -> TmcError {
    error(ErrorType::ClusterUnreachable)
}

/// Delays of 1, 2, 4, 8 s and so on.
fn doubling(attempts: u32) -> RetryStrategy {
    RetryStrategy::builder()
        .max_attempts(attempts)
        .base_delay(SECOND)
        .jitter(Jitter::None)
        .build()
        .unwrap()
}

#[test]
fn a_first_success_is_no_recovery() {
    let rig = Rig::new();
    let result = RetryStrategy::default()
        .run(&rig.collector, "syncer", &rig.wait(), || Ok::<_, TmcError>(7));
    assert_eq!(result.unwrap(), 7);
    assert_eq!(rig.tally(), Tally::default());
}

#[test]
fn a_recovery_is_one_attempt_however_many_tries_it_takes() {
    let rig = Rig::new();
    let mut tries = 0;
    let result = doubling(5).run(&rig.collector, "syncer", &rig.wait(), || {
        let tally = rig.tally();
        assert_eq!(tally.active(), u64::from(tries > 0), "under way since the first failure");
        tries += 1;
        // What fails later changes nothing in the labels.
        match tries {
            1 => Err(unreachable()),
            2 | 3 => Err(error(ErrorType::SyncTimeout)),
            _ => Ok(tries),
        }
    });
    assert_eq!(result.unwrap(), 4);
    assert_eq!(
        rig.tally(),
        Tally { attempts: 1, successes: 1, failures: 0, durations: 1, sum: 7.0 }
    );
    let snapshot = rig.registry.snapshot();
    let labels = ["ClusterUnreachable", "retry", "syncer"];
    for (family, value) in [
        ("tmc_recovery_attempts_total", 1.0),
        ("tmc_recovery_successes_total", 1.0),
        ("tmc_recovery_failures_total", 0.0),
    ] {
        let series = snapshot.family(family).unwrap().get(&labels).unwrap();
        assert_eq!(series.value().as_f64(), value, "{family}");
    }
}

#[test]
fn it_gives_up_when_the_attempts_are_spent() {
    let rig = Rig::new();
    let tries = Cell::new(0);
    let result: Result<(), _> = doubling(4).run(&rig.collector, "syncer", &rig.wait(), || {
        tries.set(tries.get() + 1);
        Err(unreachable())
    });
    assert_eq!(result.unwrap_err().error_type(), ErrorType::ClusterUnreachable);
    assert_eq!(tries.get(), 4);
    assert_eq!(
        rig.tally(),
        Tally { attempts: 1, successes: 0, failures: 1, durations: 1, sum: 7.0 }
    );
}

#[test]
fn a_single_attempt_and_what_is_not_retryable_are_no_recoveries() {
    for (strategy, error_type) in
        [(doubling(1), ErrorType::ClusterUnreachable), (doubling(9), ErrorType::SyncConflict)]
    {
        let rig = Rig::new();
        let refuse = |_: Duration| -> Waited { panic!("nothing to wait for") };
        let result: Result<(), _> =
            strategy.run(&rig.collector, "syncer", &refuse, || Err(error(error_type)));
        assert_eq!(result.unwrap_err().error_type(), error_type);
        assert_eq!(rig.tally(), Tally::default());
    }
}

#[test]
fn an_error_that_is_not_retryable_ends_a_recovery() {
    let rig = Rig::new();
    let mut errors = [ErrorType::SyncConflict, ErrorType::ClusterUnreachable].map(error).to_vec();
    let result: Result<(), _> =
        doubling(9).run(&rig.collector, "syncer", &rig.wait(), || Err(errors.pop().unwrap()));
    assert_eq!(result.unwrap_err().error_type(), ErrorType::SyncConflict);
    assert_eq!(
        rig.tally(),
        Tally { attempts: 1, successes: 0, failures: 1, durations: 1, sum: 1.0 }
    );
}

/// 1 + 2 + 4 s lie within 7 s, 8 s more not within 14: the time is not waited out for nothing.
#[test]
fn no_delay_is_begun_that_ends_after_the_deadline() {
    let within = |deadline| {
        let builder = RetryStrategy::builder().max_attempts(100).base_delay(SECOND);
        builder.jitter(Jitter::None).deadline(deadline).build().unwrap()
    };
    for deadline in [7, 14] {
        let (rig, mut tries) = (Rig::new(), 0);
        let strategy = within(deadline * SECOND);
        let result: Result<(), _> = strategy.run(&rig.collector, "syncer", &rig.wait(), || {
            tries += 1;
            Err(unreachable())
        });
        assert!(result.is_err());
        assert_eq!((tries, rig.tally().sum), (4, 7.0));
    }

    // The operation's own time counts.
    let rig = Rig::new();
    let result: Result<(), _> =
        within(10 * SECOND).run(&rig.collector, "syncer", &rig.wait(), || {
            rig.clock.advance(10 * SECOND);
            Err(unreachable())
        });
    assert!(result.is_err());
    assert_eq!(rig.tally(), Tally::default());
}

#[test]
fn a_server_is_left_alone_as_long_as_it_asks() {
    let rig = Rig::new();
    let delays = RefCell::new(Vec::new());
    let wait = |delay| {
        delays.borrow_mut().push(delay);
        Waited::Elapsed
    };
    let asked = [None, Some(90 * SECOND), Some(SECOND), None];
    let mut tries = asked.iter();
    let result = doubling(9).run(&rig.collector, "syncer", &wait, || match tries.next() {
        None => Ok(()),
        Some(None) => Err(unreachable()),
        Some(Some(asked)) => {
            let busy = TmcError::builder(ErrorType::ClusterUnavailable, "syncer", "sync");
            Err(busy.retry_after(*asked).build())
        }
    });
    result.unwrap();
    // What is asked for, and our own delay on top.
    assert_eq!(*delays.borrow(), [1, 90 + 2, 1 + 4, 8].map(Duration::from_secs));
}

#[test]
fn an_interruption_gives_the_last_error_and_a_failed_recovery() {
    let rig = Rig::new();
    let stop = StopSignal::new();
    stop.stop();
    let mut tries = 0;
    let result: Result<(), _> = doubling(9).run(&rig.collector, "syncer", &stop, || {
        tries += 1;
        Err(unreachable())
    });
    assert_eq!(result.unwrap_err().error_type(), ErrorType::ClusterUnreachable);
    assert_eq!(tries, 1);
    assert_eq!(
        rig.tally(),
        Tally { attempts: 1, successes: 0, failures: 1, durations: 1, sum: 0.0 }
    );
}

#[test]
fn a_signal_that_is_not_given_lets_the_time_pass() {
    let stop = StopSignal::new();
    assert_eq!(stop.wait(Duration::ZERO), Waited::Elapsed);
    assert_eq!(stop.wait(Duration::from_nanos(1)), Waited::Elapsed);
    stop.clone().stop();
    assert_eq!(stop.wait(Duration::MAX), Waited::Interrupted);
}

#[test]
fn a_panic_ends_a_recovery_as_failed() {
    let rig = Rig::new();
    let mut tries = 0;
    let caught = catch_unwind(AssertUnwindSafe(|| {
        doubling(9).run(&rig.collector, "syncer", &rig.wait(), || -> Result<(), _> {
            tries += 1;
            if tries == 2 {
                panic!("as arranged");
            }
            Err(unreachable())
        })
    }));
    assert!(caught.is_err());
    assert_eq!(
        rig.tally(),
        Tally { attempts: 1, successes: 0, failures: 1, durations: 1, sum: 1.0 }
    );
}

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn the_async_run_does_the_same() {
    let rig = Rig::new();
    let mut tries = 0;
    let strategy = doubling(5);
    let run = strategy.run_async(
        &rig.collector,
        "syncer",
        |delay| {
            rig.clock.advance(delay);
            ready(())
        },
        || {
            tries += 1;
            ready(if tries < 3 { Err(unreachable()) } else { Ok(tries) })
        },
    );
    let Poll::Ready(result) = poll(pin!(run)) else { panic!("nothing to wait for") };
    assert_eq!(result.unwrap(), 3);
    assert_eq!(
        rig.tally(),
        Tally { attempts: 1, successes: 1, failures: 0, durations: 1, sum: 3.0 }
    );
}

#[test]
fn a_dropped_run_is_a_failed_recovery() {
    let rig = Rig::new();
    let strategy = doubling(5);
    {
        let sleep = |_| pending::<()>();
        let run = strategy
            .run_async(&rig.collector, "syncer", sleep, || ready(Err::<(), _>(unreachable())));
        let mut run = pin!(run);
        assert!(poll(run.as_mut()).is_pending());
        assert_eq!(rig.tally().active(), 1);
    }
    assert_eq!(
        rig.tally(),
        Tally { attempts: 1, successes: 0, failures: 1, durations: 1, sum: 0.0 }
    );
}

#[test]
fn an_async_run_can_be_spawned() {
    fn sent<T: Send>(_: T) {}
    let rig = Rig::new();
    let strategy = doubling(5);
    let operation = || ready(Ok::<_, TmcError>(()));
    sent(strategy.run_async(&rig.collector, "syncer", |_| ready(()), operation));
}

#[test]
fn a_recovery_of_ones_own_ends_once() {
    let rig = Rig::new();
    let begin =
        || Recovery::begin(&rig.collector, ErrorType::MigrationFailure, "failover", "mover");
    let (won, lost, dropped) = (begin(), begin(), begin());
    assert!(format!("{won:?}").contains("MigrationFailure"));
    assert_eq!(rig.tally().active(), 3);
    rig.clock.advance(SECOND);
    won.success();
    lost.failure();
    drop(dropped);
    assert_eq!(
        rig.tally(),
        Tally { attempts: 3, successes: 1, failures: 2, durations: 3, sum: 3.0 }
    );
}

/// Counters whose difference says what is under way must go together, or it says nonsense.
#[test]
fn retention_leaves_no_phantoms_among_the_active_recoveries() {
    let (clock, hour) = (ManualClock::new(), Duration::from_secs(3600));
    let registry = Registry::builder().clock(clock.clone()).retention_period(hour).build().unwrap();
    let collector = MetricsCollector::with_clock(&registry, clock.clone().into()).unwrap();
    let begin = || Recovery::begin(&collector, ErrorType::SyncFailure, "failover", "mover");
    let pass = |hours: u32| {
        for _ in 0..6 * hours {
            clock.advance(hour / 6);
            let tally = Tally::of(&registry);
            assert!(tally.attempts >= tally.successes + tally.failures, "{tally:?}");
        }
    };
    (0..5).for_each(|_| begin().success());
    // Failures only, for longer than the successes would be kept.
    for _ in 0..24 {
        clock.advance(hour / 6);
        begin().failure();
        assert_eq!(Tally::of(&registry).active(), 0);
    }
    assert_eq!(Tally::of(&registry).attempts, 29);
    // One that takes longer than that itself.
    let long = begin();
    pass(3);
    assert_eq!(Tally::of(&registry).active(), 1);
    long.success();
    pass(3);
    assert_eq!(Tally::of(&registry), Tally::default(), "in the end, all of them go");

    // The same for who records by hand: the three exist from the first, and none goes before the others.
    let labels = (ErrorType::SyncFailure, "manual", "mover");
    collector.record_recovery_attempt(labels.0, labels.1, labels.2);
    assert_eq!(Tally::of(&registry).active(), 1);
    collector.record_recovery_success(labels.0, labels.1, labels.2);
    for _ in 0..24 {
        clock.advance(hour / 6);
        collector.record_recovery_attempt(labels.0, labels.1, labels.2);
        collector.record_recovery_failure(labels.0, labels.1, labels.2);
        assert_eq!(Tally::of(&registry).active(), 0);
    }
    pass(3);
    assert_eq!(Tally::of(&registry), Tally::default());
}

#[test]
fn settings_that_make_no_sense_are_named() {
    let builder = RetryStrategy::builder;
    let refused =
        |built: Result<RetryStrategy, RecoveryConfigError>| built.unwrap_err().to_string();
    assert!(refused(builder().max_attempts(0).build()).contains("max_attempts"));
    for factor in [0.9, 0.0, -2.0, f64::NAN, f64::INFINITY] {
        assert!(refused(builder().factor(factor).build()).contains("factor"));
    }
    let crossed = builder().base_delay(SECOND).max_delay(SECOND / 2).build();
    let text = refused(crossed);
    assert!(text.contains("max_delay 500ms") && text.contains("base_delay 1s"), "{text}");
}

fn any_jitter() -> impl Strategy<Value = Jitter> {
    prop::sample::select(vec![Jitter::Full, Jitter::Equal, Jitter::None])
}

fn any_duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (0_u64..10_000).prop_map(Duration::from_millis),
        any::<u64>().prop_map(Duration::from_nanos),
        any::<u64>().prop_map(Duration::from_secs),
        Just(Duration::MAX),
    ]
}

proptest! {
    /// For any settings: as many delays as further tries, each within its jitter's bounds and the
    /// cap; the same for the same seed.
    #[test]
    fn delays_stay_within_bounds(
        attempts in prop_oneof![1_u32..50, Just(u32::MAX)],
        base in any_duration(), cap in any_duration(),
        factor in prop_oneof![1.0..10.0, Just(1.0), Just(f64::MAX)],
        jitter in any_jitter(), seed in any::<u64>(),
    ) {
        let (base, cap) = (base.min(cap), base.max(cap));
        let strategy = RetryStrategy::builder()
            .max_attempts(attempts).base_delay(base).max_delay(cap)
            .factor(factor).jitter(jitter).seed(seed).build().unwrap();
        let delays: Vec<Duration> = strategy.delays().take(60).collect();
        let tries = attempts as usize - 1;
        prop_assert_eq!(strategy.delays().size_hint(), (tries, Some(tries)));
        prop_assert_eq!(delays.len(), tries.min(60));
        prop_assert_eq!(&delays, &strategy.delays().take(60).collect::<Vec<_>>());

        let mut whole = base.as_secs_f64();
        for delay in delays {
            let most = whole.min(cap.as_secs_f64());
            let least = match jitter {
                Jitter::Full => 0.0,
                Jitter::Equal => most / 2.0,
                Jitter::None => most,
            };
            let seconds = delay.as_secs_f64();
            // A duration is rounded to nanoseconds.
            let slack = 1e-9 + most * 1e-12;
            prop_assert!(delay <= cap);
            prop_assert!((least - slack..=most + slack).contains(&seconds), "{seconds} in {least}..{most}");
            whole *= factor;
        }
    }

    /// Any sequence of errors, interruptions and settings: the number of tries is that of a plain
    /// count, and the metrics add up, during the run as after it.
    #[test]
    fn recoveries_add_up(
        attempts in 1_u32..8,
        script in prop::collection::vec(prop::sample::select(vec!["ok", "again", "never"]), 8),
        interrupt_at in prop::option::of(0_usize..8),
    ) {
        let rig = Rig::new();
        let (tries, waits) = (Cell::new(0), Cell::new(0));
        let wait = |delay| {
            rig.clock.advance(delay);
            assert_eq!(rig.tally().active(), 1);
            waits.set(waits.get() + 1);
            if interrupt_at == Some(waits.get() - 1) { Waited::Interrupted } else { Waited::Elapsed }
        };
        let result = doubling(attempts).run(&rig.collector, "syncer", &wait, || {
            let step = script[tries.get()];
            tries.set(tries.get() + 1);
            match step {
                "ok" => Ok(()),
                "again" => Err(error(ErrorType::NetworkConnectivity)),
                _ => Err(error(ErrorType::ClusterAuthentication)),
            }
        });

        let ends = |(at, step): (usize, &&str)| {
            *step != "again" || at + 1 == attempts as usize || interrupt_at == Some(at)
        };
        let last = script.iter().enumerate().position(ends).unwrap();
        prop_assert_eq!(tries.get(), last + 1);
        prop_assert_eq!(result.is_ok(), script[last] == "ok");
        let tally = rig.tally();
        let retried = u64::from(waits.get() > 0);
        prop_assert_eq!((tally.attempts, tally.durations, tally.active()), (retried, retried, 0));
        prop_assert_eq!(tally.successes, if result.is_ok() { retried } else { 0 });
    }
}

/// The least, the mean and the greatest of a thousand delays of a second.
fn spread(jitter: Jitter) -> [f64; 3] {
    let strategy = RetryStrategy::builder()
        .max_attempts(1_001)
        .base_delay(Duration::from_secs(1))
        .factor(1.0)
        .jitter(jitter)
        .seed(7)
        .build()
        .unwrap();
    let mut delays: Vec<f64> = strategy.delays().map(|delay| delay.as_secs_f64()).collect();
    delays.sort_by(f64::total_cmp);
    [delays[0], delays.iter().sum::<f64>() / 1_000.0, delays[999]]
}

#[test]
fn jitter_leaves_all_of_a_delay_to_chance_or_half_of_it_or_nothing() {
    for (jitter, least) in [(Jitter::Full, 0.0), (Jitter::Equal, 0.5), (Jitter::None, 1.0)] {
        let expected = [least, f64::midpoint(least, 1.0), 1.0];
        let found = spread(jitter);
        let near = found.iter().zip(expected).all(|(found, wanted)| (found - wanted).abs() < 0.03);
        assert!(near, "{jitter:?}: {found:?}, not about {expected:?}");
    }
}
