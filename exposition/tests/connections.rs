//! How requests follow each other on one connection, over a real socket.

mod common;

use common::{Client, builder, get, serve};
use tmc_exposition::Limits;

#[test]
fn one_connection_serves_many_requests() {
    let server = serve(Limits::default());
    let mut client = Client::new(server.local_addr());
    for _ in 0..50 {
        assert_eq!(client.ask("/metrics").status, 200);
        assert_eq!(client.ask("/nothing").status, 404);
        assert_eq!(client.ask("/healthz").text(), "ok\n");
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = serve(Limits::default());
    let mut client = Client::new(server.local_addr());
    let round = [get("/metrics"), get("/healthz"), get("/nothing"), get("/readyz")].concat();
    // More than fits into the input at once.
    client.send(&round.repeat(200));
    for _ in 0..200 {
        assert!(client.answer().text().contains("hits_total 3"));
        assert_eq!(client.answer().text(), "ok\n");
        assert_eq!(client.answer().status, 404);
        assert_eq!(client.answer().text(), "ready\n");
    }
}

#[test]
fn bytes_may_come_one_at_a_time() {
    let server = serve(Limits::default());
    let mut client = Client::new(server.local_addr());
    for request in [get("/metrics"), get("/healthz")] {
        for byte in request {
            client.send(&[byte]);
        }
        assert_eq!(client.answer().status, 200);
    }
}

#[test]
fn who_asks_for_the_end_gets_it() {
    let server = serve(Limits::default());
    let ends = [
        "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET /metrics HTTP/1.0\r\n\r\n",
        "GET /metrics HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    ];
    for request in ends {
        let answer = common::say(&server, request.as_bytes());
        assert_eq!(answer.status, 200);
        // What follows the last request is not answered.
        let answer = common::say(&server, &[request.as_bytes(), &get("/healthz")].concat());
        assert!(answer.text().contains("hits_total 3"));
    }
}

#[test]
fn a_client_that_has_said_all_still_gets_its_answers() {
    let server = serve(Limits::default());
    let mut client = Client::new(server.local_addr());
    client.send(&get("/healthz").repeat(3));
    client.end();
    for _ in 0..3 {
        assert_eq!(client.answer().text(), "ok\n");
    }
    assert_eq!(client.rest().unwrap(), b"");
}

#[test]
fn a_small_body_is_dropped() {
    let server = serve(Limits { body_bytes: 20_000, ..Limits::default() });
    let mut client = Client::new(server.local_addr());
    for length in [0, 1, 100, 20_000] {
        let head = format!("GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        client.send(head.as_bytes());
        client.send(&get("/metrics").repeat(20_000)[..length]);
        assert_eq!(client.answer().text(), "ok\n");
        assert_eq!(client.ask("/readyz").text(), "ready\n");
    }
}

#[test]
fn an_expectation_is_answered_with_the_final_status() {
    let server = serve(Limits::default());
    let expects =
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    assert_eq!(common::say(&server, expects).status, 200);
    let with_body = [&expects[..], b"bytes"].concat();
    assert_eq!(common::say(&server, &with_body).status, 200);
    let other = b"GET /healthz HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n";
    assert_eq!(common::say(&server, other).status, 417);
}

#[test]
fn clients_take_turns() {
    let server = serve(Limits::default());
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let mut client = Client::new(server.local_addr());
                for _ in 0..50 {
                    assert!(client.ask("/metrics").text().contains("hits_total 3"));
                }
            });
        }
    });
}

#[test]
fn a_connection_has_so_many_requests_and_its_last_answer_says_so() {
    let server = serve(Limits { requests: 3, ..Limits::default() });
    let mut client = Client::new(server.local_addr());
    for path in ["/metrics", "/healthz", "/nothing"] {
        let last = path == "/nothing";
        assert_eq!(client.ask(path).closes(), last);
    }
    // What follows is not answered.
    client.try_send(&get("/healthz"));
    assert_eq!(client.rest().unwrap_or_default(), b"");
    assert_eq!(common::ask(&server, "/healthz").status, 200);
}

#[test]
fn a_big_answer_arrives_whole() {
    let server = serve(Limits::default());
    let mut client = Client::new(server.local_addr());
    for _ in 0..2 {
        let answer = client.ask("/big");
        assert!(answer.body.len() == common::BIG && answer.body.iter().all(|byte| *byte == b'x'));
    }
    assert_eq!(client.ask("/healthz").text(), "ok\n");
}

#[test]
fn ipv6_is_served_too() {
    let server = builder().listen("[::1]:0").start().unwrap();
    assert!(server.local_addr().is_ipv6());
    common::assert_well(&server);
}
