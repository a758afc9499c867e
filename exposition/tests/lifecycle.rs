//! Starting, failing to start, and stopping.

mod common;

use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::{Duration, Instant};

use common::{BIG, Client, PATIENCE, ask, assert_well, builder, eventually, get, serve};
use tmc_exposition::{Limits, Page, Readiness, ServeError, Server};

#[test]
fn port_0_is_a_free_port() {
    let servers: Vec<_> = (0..5).map(|_| serve(Limits::default())).collect();
    for server in &servers {
        assert_ne!(server.local_addr().port(), 0);
        assert_well(server);
    }
}

#[test]
fn a_port_in_use_is_named_with_the_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = builder().listen(address.to_string()).start().unwrap_err();
    assert!(matches!(&error, ServeError::AddressInUse { address: named } if *named == address));
    let text = error.to_string();
    assert!(text.contains(&address.to_string()) && text.contains("in use"), "{text}");
    assert!(text.contains("port 0 takes any free one"), "{text}");

    // By another of our servers, too; and free again as soon as that one has gone.
    drop(taken);
    let first = builder().listen(address.to_string()).start().unwrap();
    let error = builder().listen(address.to_string()).start().unwrap_err();
    assert!(matches!(error, ServeError::AddressInUse { .. }), "{error}");
    assert_well(&first);
    first.shutdown();
    let second = builder().listen(address.to_string()).start().unwrap();
    assert_well(&second);
}

#[test]
fn addresses_that_are_none_are_named() {
    for address in ["", "8080", ":8080x", "127.0.0.1", "127.0.0.1:99999", "not a host:1"] {
        let error = builder().listen(address).start().unwrap_err();
        assert!(matches!(error, ServeError::InvalidAddress { .. }), "{address:?}: {error}");
        assert!(error.to_string().contains(&format!("{address:?}")), "{error}");
    }
    // A documentation address (RFC 5737), which no machine has.
    let error = builder().listen("192.0.2.1:0").start().unwrap_err();
    assert!(error.to_string().starts_with("cannot listen on 192.0.2.1:0: "), "{error}");
}

#[test]
fn limits_are_checked_before_anything_starts() {
    let error = builder().limits(Limits { headers: 0, ..Limits::default() }).start().unwrap_err();
    assert!(error.to_string().contains("headers"), "{error}");
}

#[test]
fn a_shutdown_ends_idle_connections_and_frees_the_port() {
    // If it waited for them, the half request would get its 408 first.
    let server = serve(Limits { shutdown_time: PATIENCE, ..Limits::default() });
    let mut fresh = Client::new(server.local_addr());
    let mut idle = Client::new(server.local_addr());
    assert_eq!(idle.ask("/metrics").status, 200);
    let mut half = Client::new(server.local_addr());
    half.send(b"GET /met");
    server.shutdown();
    assert_eq!(idle.rest().unwrap(), b"");
    // What came too late or in part may be answered by a reset.
    for client in [&mut fresh, &mut half] {
        assert_eq!(client.rest().unwrap_or_default(), b"");
    }
    assert!(TcpStream::connect(server.local_addr()).is_err());
    server.shutdown();
}

#[test]
fn an_answer_on_its_way_is_finished() {
    let server = serve(Limits { shutdown_time: PATIENCE, ..Limits::default() });
    let mut client = Client::new(server.local_addr());
    client.send(&get("/big"));
    assert_eq!(client.head().status, 200);
    std::thread::scope(|scope| {
        let stopping = scope.spawn(|| server.shutdown());
        eventually("nobody is accepted", || TcpStream::connect(server.local_addr()).is_err());
        assert!(!stopping.is_finished());
        assert_eq!(client.rest().unwrap().len(), BIG);
        drop(client);
        stopping.join().unwrap();
    });
}

#[test]
fn an_answer_that_nobody_reads_does_not_hold_the_shutdown() {
    let server = serve(Limits { shutdown_time: Duration::from_millis(50), ..Limits::default() });
    let mut client = Client::new(server.local_addr());
    client.send(&get("/big"));
    assert_eq!(client.head().status, 200);
    let start = Instant::now();
    drop(server);
    // Much less than the 30 s that a reader has while the server runs.
    assert!(start.elapsed() < Duration::from_secs(25));
    assert!(client.rest().map_or(0, |rest| rest.len()) < BIG);
}

/// A server with a page that calls `before` and then shuts the server down.
fn that_quits(before: impl Fn() + Send + Sync + 'static) -> Arc<Server> {
    let own: Arc<OnceLock<Weak<Server>>> = Arc::default();
    let seen = Arc::clone(&own);
    let server = builder()
        .route("/quit", move |_| {
            before();
            seen.get().and_then(Weak::upgrade).unwrap().shutdown();
            Page::new("text/plain", "bye")
        })
        .start()
        .unwrap();
    let server = Arc::new(server);
    own.set(Arc::downgrade(&server)).unwrap();
    server
}

#[test]
fn a_handler_may_shut_its_own_server_down() {
    let server = that_quits(|| ());
    assert_eq!(ask(&server, "/quit").text(), "bye");
    eventually("nobody is accepted", || TcpStream::connect(server.local_addr()).is_err());
    server.shutdown();
}

#[test]
fn a_readiness_check_may_shut_its_own_server_down() {
    let own: Arc<OnceLock<Weak<Server>>> = Arc::default();
    let seen = Arc::clone(&own);
    let server = builder().readiness(move || {
        seen.get().and_then(Weak::upgrade).unwrap().shutdown();
        Readiness::Ready
    });
    let server = Arc::new(server.start().unwrap());
    own.set(Arc::downgrade(&server)).unwrap();
    assert_eq!(ask(&server, "/readyz").text(), "ready\n");
    eventually("nobody is accepted", || TcpStream::connect(server.local_addr()).is_err());
}

/// The one outside waits for the loop's thread, which must not wait for the one outside.
#[test]
fn a_handler_may_shut_down_what_another_thread_is_shutting_down() {
    // One time in eight the one outside comes too late to be in the way.
    (0..10).for_each(|_| shut_down_from_both_sides());
}

fn shut_down_from_both_sides() {
    let (entered, handler_runs) = std::sync::mpsc::channel();
    let (go_on, may_go_on) = std::sync::mpsc::channel();
    let may_go_on = Mutex::new(may_go_on);
    let server = that_quits(move || {
        entered.send(()).unwrap();
        may_go_on.lock().unwrap().recv().unwrap();
    });
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| ask(&server, "/quit"));
        handler_runs.recv().unwrap();
        let outside = scope.spawn(|| server.shutdown());
        // It has asked the loop to stop, and is about to wait for it, or does already: both must do.
        std::thread::yield_now();
        go_on.send(()).unwrap();
        outside.join().unwrap();
        assert_eq!(answer.join().unwrap().text(), "bye");
    });
}

#[test]
fn several_threads_may_shut_down_at_once() {
    let server = serve(Limits::default());
    std::thread::scope(|scope| {
        (0..4).for_each(|_| drop(scope.spawn(|| server.shutdown())));
    });
    assert!(TcpStream::connect(server.local_addr()).is_err());
}

#[test]
fn what_handlers_own_is_dropped_with_the_server() {
    let owned = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&owned);
    let server = builder()
        .route("/count", move |_| {
            *counted.lock().unwrap() += 1;
            Page::new("text/plain", "")
        })
        .start()
        .unwrap();
    ask(&server, "/count");
    drop(server);
    assert_eq!((Arc::strong_count(&owned), *owned.lock().unwrap()), (1, 1));
}
