//! More than the server can give: clients that hang, that do not read, and too many of them.

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::gate::{Gate, gate};
use common::{Answer, BIG, Client, ask, assert_well, builder, eventually, get, registry, serve};
use tmc_engine::Gauge;
use tmc_exposition::{Limits, Page, Request, Server};

#[test]
fn clients_that_hang_keep_nobody_waiting() {
    let server = serve(Limits::default());
    let hanging: Vec<_> = (0..20)
        .map(|index| {
            let mut client = Client::new(server.local_addr());
            client.send(&get("/metrics")[..index]);
            client
        })
        .collect();
    let mut good = Client::new(server.local_addr());
    for _ in 0..100 {
        assert!(good.ask("/metrics").text().contains("hits_total 3"));
    }
    // They were only slow after all.
    for (index, mut client) in hanging.into_iter().enumerate() {
        client.send(&get("/metrics")[index..]);
        assert_eq!(client.answer().status, 200);
    }
}

#[test]
fn a_reader_that_does_not_read_keeps_its_place_for_a_while_only() {
    let limits =
        Limits { write_time: Duration::from_millis(300), connections: 1, ..Limits::default() };
    let server = serve(limits);
    let mut slow = Client::new(server.local_addr());
    slow.send(&get("/big"));
    assert_eq!(slow.head().status, 200);
    // Nobody is served in its place before it is dropped.
    eventually("the slow reader is dropped", || ask(&server, "/healthz").status == 200);
    // What the kernel held still arrives, not the whole.
    let got = slow.rest().map_or(0, |rest| rest.len());
    assert!(got < BIG, "{got}");
}

#[test]
fn a_reader_that_is_merely_slow_gets_all() {
    let server = serve(Limits { write_time: Duration::from_secs(20), ..Limits::default() });
    let mut slow = Client::new(server.local_addr());
    slow.send(&get("/big"));
    let mut good = Client::new(server.local_addr());
    assert_eq!(slow.head().status, 200);
    for _ in 0..20 {
        assert_eq!(good.ask("/metrics").status, 200);
    }
    slow.end();
    assert_eq!(slow.rest().unwrap().len(), BIG);
}

/// A server with this many places, and clients in all of them that wait for a page behind a gate.
fn full(places: usize) -> (Server, Gate, Vec<Client>) {
    let (gate, handle) = gate();
    let handler = move |_: &Request<'_>| {
        handle();
        Page::new("text/plain", "at last")
    };
    let limits = Limits { connections: places, ..Limits::default() };
    let server = builder().limits(limits).route("/page", handler).start().unwrap();
    let inside = (0..places).map(|_| {
        let mut client = Client::new(server.local_addr());
        client.send(&[get("/healthz"), get("/page")].concat());
        assert_eq!(client.answer().status, 200);
        client
    });
    let inside = inside.collect();
    (server, gate, inside)
}

#[test]
fn where_all_are_busy_newcomers_are_told_to_come_back() {
    let (server, gate, mut inside) = full(3);
    for _ in 0..5 {
        // Whether it asks at once, later or never.
        let mut outside = Client::new(server.local_addr());
        outside.try_send(&get("/metrics"));
        let answer = outside.answer();
        assert_eq!((answer.status, answer.closes()), (503, true));
        assert_eq!(answer.header("retry-after"), Some("5"));
        assert_eq!(answer.text(), "too many connections: try again later\n");
        assert_eq!(outside.rest().unwrap(), b"");
        assert_eq!(Client::new(server.local_addr()).answer().status, 503);
    }
    (0..3).for_each(|_| gate.open());
    for client in &mut inside {
        assert_eq!(client.answer().text(), "at last");
    }
    assert_eq!(ask(&server, "/metrics").status, 200);
}

#[test]
fn whoever_is_idle_longest_makes_room_for_a_newcomer() {
    let server = serve(Limits { connections: 3, ..Limits::default() });
    let mut inside: Vec<_> = (0..3).map(|_| Client::new(server.local_addr())).collect();
    for client in &mut inside {
        assert_eq!(client.ask("/metrics").status, 200);
    }
    assert_eq!(inside[0].ask("/metrics").status, 200);
    let mut newcomer = Client::new(server.local_addr());
    assert_eq!(newcomer.ask("/metrics").status, 200);
    assert_eq!(inside[1].rest().unwrap(), b"", "closed");
    for client in [0, 2] {
        assert_eq!(inside[client].ask("/metrics").status, 200);
    }
    assert_eq!(newcomer.ask("/metrics").status, 200);
}

/// As many clients as there are places, each with a kept connection, and one more.
#[test]
fn clients_that_keep_their_connections_lock_nobody_out() {
    let server = serve(Limits::default());
    let mut kept: Vec<_> = (0..Limits::default().connections + 1)
        .map(|_| {
            let mut client = Client::new(server.local_addr());
            assert_eq!(client.ask("/healthz").status, 200);
            client
        })
        .collect();
    assert_eq!(kept[0].rest().unwrap(), b"", "closed");
    assert!(kept[1..].iter_mut().all(|client| client.ask("/healthz").status == 200));
}

#[test]
fn a_flood_of_connections_harms_nobody_inside_and_keeps_nobody_out() {
    let server = serve(Limits { connections: 2, ..Limits::default() });
    let mut inside = Client::new(server.local_addr());
    assert_eq!(inside.ask("/metrics").status, 200);
    for says in [&b""[..], b"GET /met"] {
        let flood: Vec<_> = (0..200)
            .map(|_| {
                let mut one = Client::new(server.local_addr());
                one.try_send(says);
                one
            })
            .collect();
        for _ in 0..50 {
            assert_eq!(inside.ask("/metrics").status, 200);
            assert_eq!(ask(&server, "/metrics").status, 200);
        }
        drop(flood);
    }
}

#[test]
fn who_does_not_read_makes_room_for_who_asks() {
    let server = serve(Limits { pending_bytes: BIG / 2, ..Limits::default() });
    let [mut first, mut second] = [(); 2].map(|()| {
        let mut slow = Client::new(server.local_addr());
        slow.send(&get("/big"));
        assert_eq!(slow.head().status, 200);
        slow
    });
    let mut other = Client::new(server.local_addr());
    assert_eq!(other.ask("/metrics").status, 200);
    // What the kernel held still arrives, not the whole.
    let got = first.rest().map_or(0, |rest| rest.len());
    assert!(got < BIG, "{got}");
    // One answer alone may be larger, and is not in the way of small ones.
    second.end();
    assert_eq!(second.rest().unwrap().len(), BIG);
    assert_well(&server);
}

#[test]
fn a_large_answer_alone_is_not_cut_short_by_probes() {
    let server = serve(Limits { pending_bytes: BIG / 2, ..Limits::default() });
    let mut slow = Client::new(server.local_addr());
    slow.send(&get("/big"));
    assert_eq!(slow.head().status, 200);
    for path in ["/healthz", "/readyz", "/nowhere"] {
        ask(&server, path);
    }
    slow.end();
    assert_eq!(slow.rest().unwrap().len(), BIG);
}

/// Gauges with more text than what the sockets of both sides hold.
struct Load {
    server: Server,
    gauges: Vec<Gauge>,
}

/// Gauges, and bytes of their text at least.
const GAUGES: usize = 200;
const LOAD: usize = GAUGES * 100_000;

impl Load {
    fn new(limits: Limits) -> Self {
        let registry = registry();
        let family = registry.gauge_family("load", "Load", ["padding"]).unwrap();
        let padding = "p".repeat(LOAD / GAUGES);
        let gauges = (0..GAUGES).map(|index| family.with([&format!("{padding}{index}")])).collect();
        let server = Server::builder(registry).listen("127.0.0.1:0").limits(limits);
        Self { server: server.start().unwrap(), gauges }
    }

    /// All gauges have this value from now on.
    fn set(&self, value: u32) {
        self.gauges.iter().for_each(|gauge| gauge.set(f64::from(value)));
    }

    /// Asks for all of it and reads the head, no more.
    fn slow_reader(&self) -> (Client, Answer) {
        let mut slow = Client::new(self.server.local_addr());
        slow.send(&get("/metrics"));
        let head = slow.head();
        (slow, head)
    }
}

/// How many gauges have which value.
fn values(text: &[u8]) -> BTreeMap<String, usize> {
    let text = std::str::from_utf8(text).unwrap();
    let mut values = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("load{")) {
        *values.entry(line.rsplit(' ').next().unwrap().to_owned()).or_default() += 1;
    }
    values
}

/// The reader takes the rest: all of them have `value`.
fn assert_whole((mut slow, head): (Client, Answer), value: &str) {
    let length = head.header("content-length").unwrap().parse().unwrap();
    slow.end();
    let body = slow.rest().unwrap();
    assert_eq!(body.len(), length);
    assert_eq!(values(&body), BTreeMap::from([(value.to_owned(), GAUGES)]));
}

#[test]
fn a_slow_reader_gets_the_scrape_that_it_asked_for_while_others_get_theirs() {
    let load = Load::new(Limits::default());
    load.set(1);
    let slow = load.slow_reader();
    let mut good = Client::new(load.server.local_addr());
    for value in 2..6 {
        load.set(value);
        let expected = BTreeMap::from([(value.to_string(), GAUGES)]);
        assert_eq!(values(&good.ask("/metrics").body), expected);
    }
    assert_whole(slow, "1");
}

/// Those who wait for the same bytes hold them once.
#[test]
fn readers_of_the_same_text_do_not_push_each_other_out() {
    let load = Load::new(Limits { pending_bytes: LOAD + LOAD / 4, ..Limits::default() });
    load.set(1);
    let slow: Vec<_> = (0..5).map(|_| load.slow_reader()).collect();
    slow.into_iter().for_each(|slow| assert_whole(slow, "1"));
}

#[test]
fn clients_that_vanish_leave_nothing_behind() {
    let server = serve(Limits { connections: 4, ..Limits::default() });
    for round in 0..100 {
        eventually("a place is free", || {
            let mut client = Client::new(server.local_addr());
            client.try_send(&get(if round % 2 == 0 { "/big" } else { "/metrics" }));
            // Gone in the middle of the answer, with bytes unread: the connection is reset.
            client.head().status == 200
        });
    }
    eventually("all places are free", || {
        let mut clients: Vec<_> = (0..4).map(|_| Client::new(server.local_addr())).collect();
        clients.iter_mut().all(|client| {
            client.try_send(&get("/healthz"));
            client.head().status == 200
        })
    });
}
