//! Timers by a clock that is moved by hand: what is observed, when, and what is not.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tmc_engine::{Clock, Histogram, HistogramSpec, ManualClock, Registry, SummarySpec};

const SECOND: Duration = Duration::from_secs(1);

fn latency() -> Histogram {
    Registry::new().histogram("h", "", &HistogramSpec::seconds(&[0.5])).unwrap()
}

fn refused(registry: &Registry, reason: &str) -> f64 {
    let snapshot = registry.snapshot();
    let family = snapshot.family("tmc_engine_refused_total").unwrap();
    family.get(&["h", reason]).unwrap().value().as_f64()
}

#[test]
fn a_timer_observes_once_when_stopped_dropped_or_torn_by_a_panic() {
    let (latency, hand) = (latency(), ManualClock::new());
    let clock = Clock::from(hand.clone());
    let timer = latency.start_timer_by(&clock);
    hand.advance(SECOND);
    assert_eq!(timer.elapsed(), SECOND);
    assert_eq!(latency.count(), 0);
    hand.advance(SECOND);
    assert_eq!(timer.stop(), 2 * SECOND);
    assert_eq!((latency.count(), latency.sum()), (1, 2.0));

    let timer = latency.start_timer_by(&clock);
    hand.advance(3 * SECOND);
    drop(timer);
    assert_eq!((latency.count(), latency.sum()), (2, 5.0));

    let torn = catch_unwind(AssertUnwindSafe(|| {
        let _timer = latency.start_timer_by(&clock);
        hand.advance(SECOND);
        std::panic::resume_unwind(Box::new(()));
    }));
    assert!(torn.is_err());
    assert_eq!((latency.count(), latency.sum()), (3, 6.0));

    let timer = latency.start_timer_by(&clock);
    hand.advance(SECOND);
    timer.discard();
    assert_eq!((latency.count(), latency.sum()), (3, 6.0));
}

#[test]
fn a_closure_is_timed_and_gives_its_result() {
    let latency = latency();
    assert_eq!(latency.time(|| 7), 7);
    assert_eq!(latency.count(), 1);
    assert!(
        catch_unwind(AssertUnwindSafe(|| latency.time(|| std::panic::resume_unwind(Box::new(())))))
            .is_err()
    );
    assert_eq!(latency.count(), 1);
}

#[test]
fn a_future_is_timed_from_its_first_poll_until_it_is_ready() {
    let (latency, hand) = (latency(), ManualClock::new());
    let clock = Clock::from(hand.clone());
    let mut left = 2;
    let work = std::future::poll_fn(|_| {
        hand.advance(SECOND);
        left -= 1;
        if left == 0 { Poll::Ready("done") } else { Poll::Pending }
    });
    let mut timed = pin!(latency.time_future_by(&clock, work));
    hand.advance(10 * SECOND);
    let mut context = Context::from_waker(Waker::noop());
    assert_eq!(timed.as_mut().poll(&mut context), Poll::Pending);
    assert_eq!(latency.count(), 0);
    hand.advance(5 * SECOND);
    assert_eq!(timed.as_mut().poll(&mut context), Poll::Ready("done"));
    assert_eq!((latency.count(), latency.sum()), (1, 7.0));

    let mut cancelled = Box::pin(latency.time_future_by(&clock, std::future::pending::<()>()));
    assert_eq!(cancelled.as_mut().poll(&mut context), Poll::Pending);
    drop(cancelled);
    assert_eq!(latency.count(), 1);

    let mut ready = pin!(latency.time_future(std::future::ready(1)));
    assert_eq!(ready.as_mut().poll(&mut context), Poll::Ready(1));
    assert_eq!(latency.count(), 2);
}

#[test]
fn nanoseconds_are_not_bytes() {
    let registry = Registry::new();
    let sizes = registry.histogram("h", "", &HistogramSpec::bytes(&[100.0])).unwrap();
    sizes.observe_duration(SECOND);
    sizes.local().observe_duration(SECOND);
    sizes.time(|| ());
    drop(sizes.start_timer());
    assert_eq!((sizes.count(), refused(&registry, "nan")), (0, 4.0));
    sizes.record(1);
    assert_eq!((sizes.count(), refused(&registry, "nan")), (1, 4.0));
}

#[test]
fn a_summary_has_the_same_timers() {
    let (registry, hand) = (Registry::new(), ManualClock::new());
    let clock = Clock::from(hand.clone());
    let wait = registry.summary("s", "", &SummarySpec::seconds(&[0.5])).unwrap();
    let timer = wait.start_timer_by(&clock);
    hand.advance(SECOND);
    assert_eq!(timer.stop(), SECOND);
    wait.start_timer().discard();
    let work = std::future::poll_fn(|_| {
        hand.advance(SECOND);
        Poll::Ready(())
    });
    let mut context = Context::from_waker(Waker::noop());
    assert_eq!(pin!(wait.time_future_by(&clock, work)).poll(&mut context), Poll::Ready(()));
    assert_eq!((wait.count(), wait.sum()), (2, 2.0));
    assert_eq!(wait.time(|| 7), 7);
    let ready = wait.time_future(std::future::ready(1));
    assert_eq!(pin!(ready).poll(&mut context), Poll::Ready(1));
    drop(wait.start_timer());
    assert_eq!(wait.count(), 5);
}
