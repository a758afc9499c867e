//! What is served where, over a real socket.

mod common;

use std::sync::{Arc, Mutex};

use common::{Client, ask, builder, get, registry};
use tmc_exposition::{Exposition, Limits, Page, Readiness, RouteError, ServeError, Server};

#[test]
fn every_route_answers() {
    let server = builder()
        .route("/summary", |request| {
            let body = format!("{{\"query\":{:?}}}", request.query.unwrap_or_default());
            Page::new("application/json", body)
        })
        .start()
        .unwrap();

    let metrics = ask(&server, "/metrics");
    assert_eq!(metrics.status, 200);
    assert_eq!(metrics.header("content-type"), Some(Exposition::default().content_type()));
    assert!(metrics.text().contains("# TYPE hits_total counter\nhits_total 3\n"));
    assert!(metrics.text().ends_with('\n') && !metrics.closes());

    let health = ask(&server, "/healthz");
    assert_eq!((health.status, health.text()), (200, "ok\n"));
    let ready = ask(&server, "/readyz");
    assert_eq!((ready.status, ready.text()), (200, "ready\n"));

    let summary = ask(&server, "/summary?a=1&b");
    assert_eq!((summary.status, summary.text()), (200, "{\"query\":\"a=1&b\"}"));
    assert_eq!(summary.header("content-type"), Some("application/json"));
}

#[test]
fn a_query_or_an_absolute_target_does_not_change_the_route() {
    let server = common::serve(Limits::default());
    for target in ["/healthz?", "/healthz?x=/y", "http://h:1/healthz", "HTTPS://h/healthz?x"] {
        assert_eq!(ask(&server, target).text(), "ok\n", "{target}");
    }
    for target in ["http://h", "/", "/healthz/", "/HEALTHZ", "ftp://h/healthz", "*", "//healthz"] {
        assert_eq!(ask(&server, target).status, 404, "{target}");
    }
}

#[test]
fn what_is_not_there_lists_what_is() {
    let server = builder().metrics_path("/internal/metrics").start().unwrap();
    for path in ["/", "/metrics", "/nothing"] {
        let answer = ask(&server, path);
        assert_eq!(answer.status, 404);
        let listed = "not found; this server has:\n/internal/metrics\n/healthz\n/readyz\n/big\n";
        assert_eq!(answer.text(), listed);
    }
    assert_eq!(ask(&server, "/internal/metrics").status, 200);
}

#[test]
fn head_is_get_without_the_body() {
    // What it counts of itself would be another text each time.
    let server = builder().own_metrics(false).start().unwrap();
    let mut client = Client::new(server.local_addr());
    for path in ["/metrics", "/healthz", "/readyz", "/nothing", "/big"] {
        client.send(format!("HEAD {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        let mut head = client.head();
        // A body would spoil the answer that is read next.
        let mut answer = client.ask(path);
        answer.body.clear();
        for answer in [&mut head, &mut answer] {
            // Between the two a second may have ended.
            assert!(answer.header("date").is_some_and(|date| date.ends_with(" GMT")));
            answer.headers.retain(|(name, _)| name != "Date");
        }
        assert_eq!(head, answer, "{path}");
    }
}

#[test]
fn known_methods_are_405_and_others_501() {
    let server = common::serve(Limits::default());
    let mut client = Client::new(server.local_addr());
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT"] {
        client.send(format!("{method} /metrics HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        let answer = client.answer();
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method}");
    }
    for method in ["BREW", "get", "GETS", "X"] {
        client.send(format!("{method} /metrics HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        assert_eq!(client.answer().status, 501, "{method}");
    }
    assert_eq!(client.ask("/healthz").status, 200);
}

#[test]
fn readiness_is_asked_each_time() {
    let state = Arc::new(Mutex::new(Readiness::NotReady("2 of 3 clusters unknown".to_owned())));
    let asked = Arc::clone(&state);
    let server = builder().readiness(move || asked.lock().unwrap().clone()).start().unwrap();
    let answer = ask(&server, "/readyz");
    assert_eq!((answer.status, answer.text()), (503, "not ready: 2 of 3 clusters unknown\n"));
    assert_eq!(ask(&server, "/healthz").status, 200);
    *state.lock().unwrap() = Readiness::Ready;
    assert_eq!(ask(&server, "/readyz").status, 200);
}

#[test]
fn a_panic_costs_one_answer() {
    let server = builder()
        .route("/panic", |_| panic!("a handler that panics, as the test wants"))
        .readiness(|| panic!("a readiness check that panics, as the test wants"))
        .start()
        .unwrap();
    let mut client = Client::new(server.local_addr());
    for path in ["/panic", "/readyz", "/panic"] {
        assert_eq!(client.ask(path).status, 500);
        assert!(client.ask("/metrics").text().contains("hits_total 3"));
    }
}

#[test]
fn a_page_cannot_forge_headers() {
    let server = builder()
        .route("/forged", |_| Page::new("text/plain\r\nSet-Cookie: a=b", "x"))
        .route("/empty", |_| Page::new("", "x"))
        .route("/continue", |_| Page::new("text/plain", "x").status(100))
        .route("/no-content", |_| Page::new("text/plain", "x").status(204))
        .route("/teapot", |_| Page::new("text/plain", "short and stout").status(418))
        .start()
        .unwrap();
    for path in ["/forged", "/empty", "/continue", "/no-content"] {
        let answer = ask(&server, path);
        assert_eq!((answer.status, answer.header("set-cookie")), (500, None), "{path}");
    }
    let teapot = ask(&server, "/teapot");
    assert_eq!((teapot.status, teapot.text()), (418, "short and stout"));
}

#[test]
fn routes_that_cannot_be_asked_for_are_refused() {
    let page = |_: &tmc_exposition::Request<'_>| Page::new("text/plain", "");
    for path in ["", "summary", "/a b", "/a?b", "/a#b", "/ä", "/a\n"] {
        let error = builder().route(path, page).start().unwrap_err();
        assert!(
            matches!(error, ServeError::Route(RouteError::Invalid { .. })),
            "{path:?}: {error}"
        );
        let error = builder().metrics_path(path).start().unwrap_err();
        assert!(error.to_string().contains(&format!("{path:?}")), "{error}");
    }
    for path in ["/metrics", "/healthz", "/readyz", "/big"] {
        let error = builder().route(path, page).start().unwrap_err();
        assert!(
            matches!(error, ServeError::Route(RouteError::Duplicate { .. })),
            "{path}: {error}"
        );
    }
    let taken = builder().metrics_path("/healthz").start().unwrap_err();
    assert!(taken.to_string().contains("already served"), "{taken}");
}

#[test]
fn a_scrape_sees_what_was_recorded_before_it() {
    let registry = registry();
    let hits = registry.counter("hits_total", "Hits since the start").unwrap();
    let server = Server::builder(registry).listen("127.0.0.1:0").start().unwrap();
    let mut client = Client::new(server.local_addr());
    for value in 4..200 {
        hits.inc();
        client.send(&get("/metrics"));
        let answer = client.answer();
        assert!(answer.text().contains(&format!("\nhits_total {value}\n")), "{}", answer.text());
    }
}
