//! What no client should send: each gets a clear answer, and the next client is served.

mod common;

use std::time::Duration;

use common::{Client, assert_well, get, say, serve};
use tmc_exposition::Limits;

#[test]
fn half_a_request_and_then_silence_is_408() {
    let limits = Limits { head_time: Duration::from_millis(300), ..Limits::default() };
    let server = serve(limits);
    // On a machine that stalls between the two, time is up before the first byte has come.
    let answer = (0..20).find_map(|_| {
        let mut client = Client::new(server.local_addr());
        client.try_send(b"GET /metrics HTTP/1.1\r\nHo");
        let said = client.rest().ok()?;
        (!said.is_empty()).then(|| String::from_utf8(said).unwrap())
    });
    let answer = answer.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nthe request head did not arrive in time\n"), "{answer}");
    assert_well(&server);
}

#[test]
fn a_head_that_trickles_has_no_more_time_than_one_that_hangs() {
    let limits = Limits { head_time: Duration::from_millis(300), ..Limits::default() };
    let server = serve(limits);
    let mut client = Client::new(server.local_addr());
    client.stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    client.try_send(b"GET /metrics HTTP/1.1\r\nX: ");
    // A byte for each wait that brings nothing, until something comes.
    common::eventually("the trickle is ended", || {
        client.try_send(b"x");
        !matches!(client.rest(), Err(error) if is_wait(&error))
    });
    assert_well(&server);
}

fn is_wait(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}

#[test]
fn silence_is_closed_without_a_word() {
    let limits = Limits { head_time: Duration::from_millis(50), ..Limits::default() };
    let server = serve(limits);
    assert_eq!(Client::new(server.local_addr()).rest().unwrap(), b"");
}

#[test]
fn idleness_between_requests_is_bounded() {
    let limits = Limits { idle_time: Duration::from_millis(50), ..Limits::default() };
    let server = serve(limits);
    let mut client = Client::new(server.local_addr());
    assert_eq!(client.ask("/healthz").status, 200);
    assert_eq!(client.rest().unwrap(), b"");
}

#[test]
fn who_neither_reads_on_nor_closes_after_the_last_answer_is_closed() {
    let limits =
        Limits { linger_time: Duration::from_millis(50), connections: 1, ..Limits::default() };
    let server = serve(limits);
    let mut client = Client::new(server.local_addr());
    client.send(b"GET /healthz HTTP/1.0\r\n\r\n");
    assert_eq!(client.answer().status, 200);
    // The client holds its side open, yet its place becomes free.
    common::eventually("the place is free", || common::ask(&server, "/healthz").status == 200);
}

#[test]
fn a_request_that_ends_in_its_head_is_400() {
    let server = serve(Limits::default());
    let mut client = Client::new(server.local_addr());
    client.send(b"GET /metrics HTTP/1.1\r\nHo");
    client.end();
    let answer = client.answer();
    assert_eq!((answer.status, answer.text()), (400, "the request ended inside its head\n"));
    assert_eq!(client.rest().unwrap(), b"");
}

#[test]
fn a_head_of_a_megabyte_is_431() {
    let server = serve(Limits::default());
    let line = "GET /metrics HTTP/1.1\r\nHost: a\r\n";
    let one_header = format!("{line}X: {}\r\n\r\n", "x".repeat(1 << 20));
    let long_target = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "y".repeat(1 << 20));
    let many_headers = format!("{line}{}\r\n", "A: b\r\n".repeat((1 << 20) / 6));
    for head in [one_header, long_target, many_headers] {
        let answer = say(&server, head.as_bytes());
        assert_eq!(answer.status, 431);
        assert_well(&server);
    }
}

#[test]
fn the_head_limits_are_exact() {
    let server = serve(Limits { head_bytes: 200, headers: 4, ..Limits::default() });
    let line = "GET /healthz HTTP/1.1\r\nHost: a\r\n";
    let head = |length: usize| format!("{line}X: {}\r\n\r\n", "x".repeat(length - line.len() - 7));
    let mut client = Client::new(server.local_addr());
    for _ in 0..3 {
        client.send(head(200).as_bytes());
        assert_eq!(client.answer().status, 200);
    }
    assert_eq!(say(&server, head(201).as_bytes()).status, 431);

    let headers = |count: usize| format!("{line}{}\r\n", "A: b\r\n".repeat(count - 1));
    client.send(headers(4).as_bytes());
    assert_eq!(client.answer().status, 200);
    let answer = say(&server, headers(5).as_bytes());
    assert_eq!((answer.status, answer.text()), (431, "the request has too many headers\n"));
}

#[test]
fn binary_noise_is_400() {
    let server = serve(Limits::default());
    // The first bytes of a TLS handshake, of compressed data, of nothing at all.
    let noises: [&[u8]; 5] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
        &[0; 5000],
        &[0xff; 100_000],
        b"GET /metrics\0 HTTP/1.1\r\nHost: a\r\n\r\n",
    ];
    for noise in noises {
        let answer = say(&server, noise);
        assert_eq!((answer.status, answer.text()), (400, "malformed request\n"));
    }
    // Any byte after any other (a small generator, the same in every run).
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..200 {
        let noise = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        });
        let noise: Vec<u8> = noise.take(300).collect();
        assert_eq!(say(&server, &noise).status, 400, "{noise:?}");
    }
    assert_well(&server);
}

#[test]
fn requests_that_break_a_rule_are_told_which() {
    let server = serve(Limits::default());
    let cases = [
        ("GET /metrics HTTP/1.1\r\n\r\n", 400, "HTTP/1.1 needs exactly one Host header\n"),
        ("GET /metrics\r\n\r\n", 400, "malformed request\n"),
        ("GET /metrics HTTP/2.0\r\n\r\n", 505, "the HTTP version is not supported: use HTTP/1.1\n"),
        (
            "POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n",
            413,
            "the request body is too large\n",
        ),
        (
            "GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
            400,
            "the Content-Length is invalid or contradicts itself\n",
        ),
        (
            "GET /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            411,
            "a body needs a Content-Length and no Transfer-Encoding\n",
        ),
    ];
    for (request, status, text) in cases {
        let answer = say(&server, request.as_bytes());
        assert_eq!((answer.status, answer.text()), (status, text), "{request:?}");
    }
    assert_well(&server);
}

#[test]
fn a_body_beyond_the_limit_is_413_even_while_it_is_sent() {
    let server = serve(Limits { body_bytes: 1000, ..Limits::default() });
    let head = b"GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n";
    let answer = say(&server, &[&head[..], &[b'x'; 1_000_000]].concat());
    assert_eq!(answer.status, 413);
    assert_well(&server);
}

#[test]
fn a_good_request_before_a_bad_one_is_answered() {
    let server = serve(Limits::default());
    let mut client = Client::new(server.local_addr());
    client.send(&[get("/healthz"), b"\0noise".to_vec()].concat());
    assert_eq!(client.answer().status, 200);
    assert_eq!(client.answer().status, 400);
    assert_eq!(client.rest().unwrap(), b"");
}
