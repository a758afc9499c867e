//! What the server counts of itself, as its own scrapes show it.

mod common;

use std::collections::BTreeMap;

use common::gate::gate;
use common::{Client, eventually, get, registry, say};
use tmc_engine::Registry;
use tmc_exposition::{Encoder, Format, Limits, Page, Server, WebConfig};

fn serve(limits: Limits) -> Server {
    Server::builder(registry()).listen("127.0.0.1:0").limits(limits).start().unwrap()
}

/// The value of the one sample of which the line begins with `name` and has all `labels`.
fn value(text: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let is_it = |line: &&str| {
        let rest = line.strip_prefix(name).unwrap_or_default();
        rest.starts_with(['{', ' ']) && labels.iter().all(|label| line.contains(label))
    };
    let mut lines = text.lines().filter(is_it);
    let line = lines.next()?;
    assert_eq!(lines.next(), None, "more than one {name}");
    Some(line.rsplit(' ').next().unwrap().parse().unwrap())
}

#[test]
fn scrapes_are_counted_once_they_are_answered() {
    let server = serve(Limits::default());
    let request = |headers: &str| {
        format!("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n")
    };
    let mut bytes = 0.0;
    for _ in 0..3 {
        let mut client = Client::new(server.local_addr());
        client.send(request("Accept: text/plain\r\n").as_bytes());
        bytes += client.rest().unwrap().len() as f64;
    }
    let mut client = Client::new(server.local_addr());
    client.send(
        request("Accept: application/openmetrics-text;version=1.0.0\r\nAccept-Encoding: gzip\r\n")
            .as_bytes(),
    );
    client.rest().unwrap();
    let bad = Client::new(server.local_addr()).ask("/metrics?name[]=%zz&bad");
    let mut client = Client::new(server.local_addr());
    client.ask("/healthz");
    let text = client.ask("/metrics").text().to_owned();

    let scrapes = |labels: &[&str]| value(&text, "tmc_http_scrapes_total", labels);
    let plain = ["code=\"200\"", "format=\"text\"", "coding=\"identity\""];
    let expected = if bad.status == 200 { 4.0 } else { 3.0 };
    assert_eq!(scrapes(&plain), Some(expected), "{text}");
    let gzip = ["code=\"200\"", "format=\"openmetrics\"", "coding=\"gzip\""];
    assert_eq!(scrapes(&gzip), Some(1.0), "{text}");
    let sent = value(&text, "tmc_http_sent_bytes_total", &["format=\"text\""]).unwrap();
    assert!(sent > bytes && sent < 2.0 * bytes, "{sent} of {bytes}");
    assert_eq!(value(&text, "tmc_http_scrape_duration_seconds_count", &[]), Some(5.0));
    assert!(value(&text, "tmc_http_scrape_duration_seconds_sum", &[]) > Some(0.0));
    assert_eq!(value(&text, "tmc_http_render_duration_seconds_count", &[]), Some(5.0));
}

#[test]
fn bytes_are_those_of_heads_and_bodies() {
    let server = serve(Limits::default());
    let mut client = Client::new(server.local_addr());
    client.send(b"GET /metrics HTTP/1.0\r\n\r\n");
    let bytes = client.rest().unwrap().len() as f64;
    let text = common::ask(&server, "/metrics");
    let sent = value(text.text(), "tmc_http_sent_bytes_total", &["format=\"text\""]);
    assert_eq!(sent, Some(bytes));
}

/// What `registry` has, without a scrape.
fn text_of(registry: &Registry) -> String {
    let mut text = Vec::new();
    Encoder::new(Format::Text).encode(&registry.snapshot(), &mut text);
    String::from_utf8(text).unwrap()
}

#[test]
fn connections_are_counted_while_they_are_open_and_when_they_are_refused() {
    let registry = registry();
    let (gate, handle) = gate();
    let server = Server::builder(registry.clone())
        .listen("127.0.0.1:0")
        .limits(Limits { connections: 2, ..Limits::default() })
        .route("/page", move |_| {
            handle();
            Page::new("text/plain", "at last")
        })
        .start()
        .unwrap();
    let count =
        |name: &str, labels: &[&str]| value(&text_of(&registry), name, labels).unwrap_or_default();
    let mut clients = [(); 2].map(|()| Client::new(server.local_addr()));
    clients.iter_mut().for_each(|client| client.send(&get("/page")));
    // Both have their places, and neither is idle.
    assert_eq!(Client::new(server.local_addr()).answer().status, 503);
    assert_eq!(count("tmc_http_refused_connections_total", &["reason=\"limit\""]), 1.0);
    assert_eq!(count("tmc_http_refused_connections_total", &["reason=\"overload\""]), 0.0);
    assert_eq!(count("tmc_http_open_connections", &[]), 2.0);
    (0..2).for_each(|_| gate.open());
    clients.iter_mut().for_each(|client| assert_eq!(client.answer().status, 200));
    drop(clients);
    eventually("none is open", || count("tmc_http_open_connections", &[]) == 0.0);
}

#[test]
fn what_cannot_be_understood_is_counted() {
    let server = serve(Limits::default());
    assert_eq!(say(&server, b"\0noise\r\n\r\n").status, 400);
    assert_eq!(say(&server, b"GET / HTTP/3.0\r\n\r\n").status, 505);
    let answer = common::ask(&server, "/metrics");
    assert_eq!(value(answer.text(), "tmc_http_malformed_requests_total", &[]), Some(2.0));
}

#[test]
fn every_answer_is_counted_by_its_code_whoever_gave_it() {
    let registry = registry();
    // `printf %s token | sha256sum`
    let hash = "3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0";
    let tokens = BTreeMap::from([("prometheus".to_owned(), hash.into())]);
    let server = Server::builder(registry.clone())
        .listen("127.0.0.1:0")
        .web_config(WebConfig { bearer_tokens: tokens, ..WebConfig::default() })
        .route("/teapot", |_| Page::new("text/plain", "short and stout").status(418))
        .start()
        .unwrap();
    let token = "Authorization: Bearer token\r\n";
    let asked = [
        ("GET /metrics", "", 401),
        ("GET /metrics", "Authorization: Bearer Token\r\n", 401),
        ("GET /nowhere", "", 401),
        ("GET /nowhere", token, 404),
        ("POST /metrics", token, 405),
        ("BREW /teapot", token, 501),
        ("GET /teapot", token, 418),
        ("GET /metrics", token, 200),
    ];
    let mut client = Client::new(server.local_addr());
    for (what, headers, status) in asked {
        client.send(format!("{what} HTTP/1.1\r\nHost: a\r\n{headers}\r\n").as_bytes());
        assert_eq!(client.answer().status, status, "{what}");
    }
    assert_eq!(say(&server, b"GET / HTTP/1.1\r\n\r\n").status, 400);

    // What was asked before was counted before this answer began.
    client.send(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    client.answer();
    let text = text_of(&registry);
    let responses =
        |code: &str| value(&text, "tmc_http_responses_total", &[&format!("code=\"{code}\"")]);
    let expected = [("401", 4.0), ("404", 1.0), ("405", 1.0), ("501", 1.0), ("400", 1.0)];
    for (code, count) in expected.into_iter().chain([("200", 1.0), ("other", 1.0)]) {
        assert_eq!(responses(code), Some(count), "{code}");
    }
    let scrapes =
        |code: &str| value(&text, "tmc_http_scrapes_total", &[&format!("code=\"{code}\"")]);
    assert_eq!((scrapes("401"), scrapes("200")), (Some(2.0), Some(1.0)));
    assert_eq!(value(&text, "tmc_http_scrape_duration_seconds_count", &[]), Some(1.0));
}

#[test]
fn two_servers_of_a_registry_count_together() {
    let registry = registry();
    let server = || Server::builder(registry.clone()).listen("127.0.0.1:0").start().unwrap();
    let servers = [server(), server()];
    for server in &servers {
        common::assert_well(server);
    }
    // An answer counts once it is written, which its reader may know first.
    eventually("both have counted", || {
        value(&text_of(&registry), "tmc_http_scrapes_total", &["code=\"200\""]) == Some(2.0)
    });
}

#[test]
fn a_name_that_is_taken_costs_that_metric_only() {
    let registry = registry();
    registry.gauge("tmc_http_scrape_duration_seconds", "Somebody else's").unwrap().set(7.0);
    let server = Server::builder(registry).listen("127.0.0.1:0").start().unwrap();
    common::assert_well(&server);
    let answer = common::ask(&server, "/metrics");
    assert_eq!(value(answer.text(), "tmc_http_scrape_duration_seconds", &[]), Some(7.0));
    assert_eq!(value(answer.text(), "tmc_http_scrapes_total", &["code=\"200\""]), Some(1.0));
}

#[test]
fn they_can_be_left_out() {
    let server = Server::builder(registry()).listen("127.0.0.1:0").own_metrics(false);
    let server = server.start().unwrap();
    common::assert_well(&server);
    assert!(!common::ask(&server, "/metrics").text().contains("tmc_http_"));
}
