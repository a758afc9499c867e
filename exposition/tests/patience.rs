//! Answers that take long: collectors and pages that hang, and the clients that wait for them.

mod common;

use std::time::{Duration, Instant};

use common::gate::{Gate, gate};
use common::{Answer, Client, PATIENCE, ask, get, registry};
use tmc_exposition::{Limits, Page, Readiness, Server};

/// A server whose collector stands before a gate, and a page before another.
fn hanging(limits: Limits) -> (Server, Gate, Gate) {
    let registry = registry();
    let ((collector, collect), (page, handle)) = (gate(), gate());
    let collect = move || {
        collect();
        1.0
    };
    registry.gauge_callback("slow", "Hangs", collect).unwrap().detach();
    let handler = move |_: &tmc_exposition::Request<'_>| {
        handle();
        Page::new("text/plain", "at last")
    };
    let server = Server::builder(registry).listen("127.0.0.1:0").limits(limits);
    let server = server.route("/page", handler).route("/quick", |_| Page::new("text/plain", "q"));
    (server.start().unwrap(), collector, page)
}

/// A scrape by a client that waits so long.
fn scrape(seconds: &str) -> Vec<u8> {
    let header = "X-Prometheus-Scrape-Timeout-Seconds";
    format!("GET /metrics HTTP/1.1\r\nHost: a\r\n{header}: {seconds}\r\n\r\n").into_bytes()
}

/// Sends a request that will wait, and comes back when it does.
fn queue(server: &Server, path: &str) -> Client {
    let mut client = Client::new(server.local_addr());
    // Both come together, and a client's turn ends when there is nothing more to do for it.
    client.send(&[get("/healthz"), get(path)].concat());
    assert_eq!(client.answer().status, 200);
    assert_eq!(ask(server, "/healthz").status, 200);
    client
}

fn is_shed(answer: &Answer, why: &str) {
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")), "{answer:?}");
    assert!(!answer.closes() && answer.text().contains(why), "{answer:?}");
}

#[test]
fn a_collector_that_hangs_costs_scrapes_and_nothing_else() {
    let (server, collector, page) = hanging(Limits::default());
    let mut client = Client::new(server.local_addr());
    let start = Instant::now();
    client.send(&scrape("0.5"));
    collector.is_reached();
    assert_eq!(ask(&server, "/healthz").text(), "ok\n");
    assert_eq!(ask(&server, "/readyz").text(), "ready\n");
    assert_eq!(ask(&server, "/nothing").status, 404);
    assert_eq!(ask(&server, "/quick").text(), "q");
    page.open();
    assert_eq!(ask(&server, "/page").text(), "at last");
    is_shed(&client.answer(), "takes longer");
    // Not at once, but not only after what a scrape may take at most: 60 s.
    let waited = start.elapsed();
    assert!(waited >= Duration::from_millis(475) && waited < Duration::from_secs(50), "{waited:?}");
    // The client and the server are as well as before.
    assert_eq!(client.ask("/healthz").text(), "ok\n");
    client.send(&scrape("0.2"));
    is_shed(&client.answer(), "takes longer");
    (0..2).for_each(|_| collector.open());
    assert!(client.ask("/metrics").text().contains("hits_total 3"));
}

#[test]
fn the_time_of_a_scrape_is_limited_for_those_who_do_not_say() {
    let limits = Limits { scrape_time: Duration::from_millis(100), ..Limits::default() };
    let (server, collector, page) = hanging(limits);
    let mut client = Client::new(server.local_addr());
    is_shed(&client.ask("/metrics"), "takes longer");
    is_shed(&client.ask("/page"), "takes longer");
    // Nor can they say more.
    client.send(&scrape("1000"));
    is_shed(&client.answer(), "takes longer");
    collector.open();
    page.open();
}

#[test]
fn scrapes_that_come_together_share_a_reading() {
    let (server, collector, _) = hanging(Limits::default());
    let mut first = queue(&server, "/metrics");
    collector.is_reached();
    // Whoever comes now may not have a reading that has begun.
    let mut others: Vec<_> = (0..40).map(|_| queue(&server, "/metrics")).collect();
    collector.open();
    assert_eq!(first.answer().status, 200);
    collector.is_reached();
    collector.open();
    for client in &mut others {
        assert!(client.answer().text().contains("hits_total 3"));
    }
    assert!(!collector.was_reached(), "41 scrapes, 2 readings");
}

#[test]
fn those_who_wait_are_bounded_in_each_lane() {
    let (server, collector, page) = hanging(Limits { waiting: 2, ..Limits::default() });
    let mut begun = [queue(&server, "/metrics"), queue(&server, "/page")];
    collector.is_reached();
    page.is_reached();
    let mut waiting: Vec<_> =
        ["/metrics", "/page"].repeat(2).iter().map(|path| queue(&server, path)).collect();
    for path in ["/metrics", "/page", "/quick"] {
        is_shed(&ask(&server, path), "too many requests wait");
    }
    (0..2).for_each(|_| collector.open());
    (0..3).for_each(|_| page.open());
    for client in begun.iter_mut().chain(&mut waiting) {
        assert_eq!(client.answer().status, 200);
    }
}

#[test]
fn a_page_that_hangs_keeps_no_scrape_waiting() {
    let (server, collector, page) = hanging(Limits::default());
    let mut hangs = queue(&server, "/page");
    page.is_reached();
    collector.open();
    assert!(ask(&server, "/metrics").text().contains("hits_total 3"));
    page.open();
    assert_eq!(hangs.answer().text(), "at last");
}

/// Its check is the application's, and may hang like any other code of it.
#[test]
fn a_readiness_check_that_hangs_keeps_nothing_else_waiting() {
    let (gate, check) = gate();
    let server = Server::builder(registry()).listen("127.0.0.1:0").readiness(move || {
        check();
        Readiness::NotReady("cold".to_owned())
    });
    let server = server.route("/page", |_| Page::new("text/plain", "p")).start().unwrap();
    let mut first = queue(&server, "/readyz");
    gate.is_reached();
    let mut second = Client::new(server.local_addr());
    let header = "X-Prometheus-Scrape-Timeout-Seconds: 0.2";
    second.send(format!("GET /readyz HTTP/1.1\r\nHost: a\r\n{header}\r\n\r\n").as_bytes());
    is_shed(&second.answer(), "takes longer");
    assert_eq!(ask(&server, "/healthz").text(), "ok\n");
    assert_eq!(ask(&server, "/page").text(), "p");
    common::assert_well(&server);
    gate.open();
    let answer = first.answer();
    assert_eq!((answer.status, answer.text()), (503, "not ready: cold\n"));
    gate.open();
    assert_eq!(second.ask("/readyz").text(), "not ready: cold\n");
}

#[test]
fn a_shutdown_leaves_a_collector_behind_that_hangs() {
    let limits = Limits { shutdown_time: Duration::from_millis(50), ..Limits::default() };
    let (server, collector, _page) = hanging(limits);
    let mut client = queue(&server, "/metrics");
    collector.is_reached();
    let start = Instant::now();
    drop(server);
    // Not for as long as a scrape may take.
    assert!(start.elapsed() < Duration::from_secs(50));
    assert_eq!(client.rest().unwrap_or_default(), b"");
    collector.open();
}

#[test]
fn a_shutdown_lets_a_scrape_through_that_has_begun() {
    let (server, collector, _page) =
        hanging(Limits { shutdown_time: PATIENCE, ..Limits::default() });
    let mut client = queue(&server, "/metrics");
    collector.is_reached();
    std::thread::scope(|scope| {
        let stopping = scope.spawn(|| server.shutdown());
        common::eventually("nobody is accepted", || {
            std::net::TcpStream::connect(server.local_addr()).is_err()
        });
        collector.open();
        assert_eq!(client.answer().status, 200);
        drop(client);
        stopping.join().unwrap();
    });
}
