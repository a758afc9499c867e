//! Checks that are futures.

use super::*;

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).build().unwrap()
}

#[test]
fn futures_are_checked_and_their_panics_contained() {
    let (collector, runtime) = (collector(), runtime());
    let monitor = monitor(&collector);
    let fine = async || Ok(HealthReport::new(Healthy, "polled"));
    let fine = monitor.register_async(syncer("fine"), runtime.handle(), fine);
    let check = || async { panic!("on purpose") };
    let panics = monitor.register_async(syncer("panics"), runtime.handle(), check);
    monitor.start().unwrap();
    assert_eq!(monitor.check_now().message, "1/2 components unhealthy");
    assert_eq!(fine.status(), (Healthy, "polled".to_owned()));
    assert_eq!(panics.status().1, "the check failed: it panicked");
}

#[test]
fn what_makes_the_future_may_panic_and_ask_the_monitor() {
    let (collector, runtime) = (collector(), runtime());
    let monitor = monitor(&collector);
    let broken = monitor.register_async(syncer("broken"), runtime.handle(), || {
        assert!(std::hint::black_box(false), "on purpose");
        std::future::pending()
    });
    let other = monitor.clone();
    let asks = monitor.register_async(syncer("asks"), runtime.handle(), move || {
        let says = other.overall().message;
        async move { Ok(HealthReport::new(Healthy, says)) }
    });
    monitor.start().unwrap();
    assert_eq!(monitor.check_now().message, "1/2 components unhealthy");
    assert_eq!(broken.status().1, "the check failed: it panicked");
    assert_eq!(asks.status().0, Healthy);
}

#[test]
fn a_future_that_takes_too_long_is_dropped_and_begun_again() {
    let ((clock, collector, monitor), runtime) = (by_hand(512), runtime());
    let (begin, begun) = crossbeam_channel::unbounded();
    let (dropped, drops) = crossbeam_channel::unbounded();
    let first = std::sync::Mutex::new(true);
    let hangs = monitor.register_async(syncer("hangs"), runtime.handle(), move || {
        let first = std::mem::take(&mut *first.lock().unwrap());
        let (begin, dropped) = (begin.clone(), SendOnDrop(dropped.clone()));
        async move {
            let _begun = begin.send(());
            let _dropped = dropped;
            if first {
                std::future::pending::<()>().await;
            }
            Ok(HealthReport::new(Healthy, "at last"))
        }
    });
    monitor.start().unwrap();
    begun.recv().unwrap();
    clock.advance(TIMEOUT);
    // Until the runtime has dropped the first future, each round is an error.
    while monitor.check_now().status != Healthy {
        std::thread::yield_now();
    }
    drops.recv().unwrap();
    begun.recv().unwrap();
    assert_eq!(hangs.status(), (Healthy, "at last".to_owned()));
    assert!(checks(&collector, "error") >= 1.0, "the first took too long");
}

struct SendOnDrop(crossbeam_channel::Sender<()>);

impl Drop for SendOnDrop {
    fn drop(&mut self) {
        let _gone = self.0.send(());
    }
}
