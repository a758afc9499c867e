//! Requests that are answered elsewhere, and the clients that wait for them.

use super::*;

const SCRAPE: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn an_answer_that_does_not_come_in_time_is_503_and_is_dropped_when_it_comes() {
    let mut bench = Bench::new();
    bench.send(SCRAPE);
    assert_eq!((with(&mut bench, Connection::drive), bench.left()), (Next::Wait, SCRAPE_TIME));
    // Begun, so that it can no longer be taken back.
    let now = bench.now.get();
    bench.lanes.do_now(&bench.responder, &|| now);
    bench.pass(SCRAPE_TIME);
    assert_eq!((bench.expire(), bench.left()), (Next::Wait, IDLE_TIME));
    assert_eq!(bench.statuses(), [503]);
    assert!(bench.got().contains("\r\nRetry-After: 5\r\n"));
    // The connection is used on; what comes late is nobody's, even where it waits for another.
    bench.send(SCRAPE);
    assert_eq!(with(&mut bench, Connection::drive), Next::Wait);
    assert_eq!(bench.take(), Some(Next::Wait));
    assert_eq!(bench.statuses(), [503]);
    bench.drive();
    assert_eq!(bench.statuses(), [503, 200]);
}

#[test]
fn what_the_client_waits_at_most_is_its_own_deadline() {
    let mut bench = Bench::new();
    for (says, left) in [("10", 9.5), ("1000", SCRAPE_TIME.as_secs_f64()), ("x", 40.0)] {
        let timeout = format!("X-Prometheus-Scrape-Timeout-Seconds: {says}\r\n\r\n");
        bench.send(&[&SCRAPE[..SCRAPE.len() - 2], timeout.as_bytes()].concat());
        assert_eq!(with(&mut bench, Connection::drive), Next::Wait);
        assert_eq!(bench.left().as_secs_f64(), left, "{says}");
        bench.drive();
    }
    assert_eq!(bench.statuses(), [200; 3]);
}

#[test]
fn a_scrape_whose_time_is_up_is_not_begun() {
    let mut bench = Bench::new();
    bench.send(SCRAPE);
    assert_eq!(with(&mut bench, Connection::drive), Next::Wait);
    let late = bench.now.get() + SCRAPE_TIME;
    let before = bench.responder.registry().latest().number();
    bench.lanes.do_now(&bench.responder, &|| late);
    assert_eq!(bench.responder.registry().latest().number(), before);
    assert_eq!(bench.take(), Some(Next::Wait));
    assert_eq!(bench.statuses(), [503]);
}

#[test]
fn a_client_that_goes_takes_its_scrape_out_of_the_queue() {
    let mut bench = Bench::new();
    bench.send(SCRAPE);
    assert_eq!(with(&mut bench, Connection::drive), Next::Wait);
    let before = bench.responder.registry().latest().number();
    let now = bench.now.get();
    let (_, lanes, responder) = bench.close();
    lanes.do_now(&responder, &|| now);
    assert_eq!(responder.registry().latest().number(), before);
}

#[test]
fn the_last_request_of_a_connection_says_so() {
    let mut bench = Bench::new();
    bench.limits.requests = 3;
    (0..4).for_each(|_| bench.send(HEALTH));
    assert_eq!((bench.drive(), bench.left()), (Next::Wait, LINGER_TIME));
    assert_eq!(bench.statuses(), [200; 3]);
    let got = bench.got();
    assert_eq!(got.matches("\r\nConnection: close\r\n").count(), 1);
    assert!(got.rfind("Connection: close") > got.rfind("HTTP/1.1"));
}

#[test]
fn a_stop_lets_a_scrape_through_that_is_on_its_way() {
    let mut bench = Bench::new();
    bench.send(SCRAPE);
    assert_eq!(with(&mut bench, Connection::drive), Next::Wait);
    bench.stopping = true;
    assert_eq!(with(&mut bench, Connection::drive), Next::Wait);
    assert_eq!(bench.resume(), Some(Next::Close));
    assert_eq!(bench.statuses(), [200]);
    assert!(bench.got().contains("\r\nConnection: close\r\n"));
}
