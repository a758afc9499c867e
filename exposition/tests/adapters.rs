//! The examples for axum and hyper, over real sockets: they answer as the responder does, and
//! nothing that blocks holds up the runtime.

#[allow(dead_code)] // its main
#[path = "../examples/axum.rs"]
mod axum_example;
mod common;
#[allow(dead_code)]
#[path = "../examples/hyper.rs"]
mod hyper_example;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};

use common::gate::gate;
use common::{Answer, Client, eventually, registry};
use http_body::Body as _;
use tmc_engine::Registry;
use tmc_exposition::tower::{AT_ONCE, MetricsService, ResponseBody};
use tmc_exposition::{Body, Page, Readiness, Request, Responder};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tower_service::Service;

const FORMATS: [&str; 3] = [
    "text/plain;version=0.0.4",
    "application/openmetrics-text;version=1.0.0",
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8",
];
const TIMEOUT: &str = "X-Prometheus-Scrape-Timeout-Seconds";

/// An example that serves.
struct Served {
    address: SocketAddr,
    /// One thread only: what blocks it blocks all.
    _runtime: Runtime,
}

impl Served {
    fn new<S, F>(serve: S) -> Self
    where
        S: FnOnce(TcpListener) -> F,
        F: Future<Output = std::io::Result<()>> + Send + 'static,
    {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(serve(listener));
        Self { address, _runtime: runtime }
    }

    fn axum(responder: Responder) -> Self {
        let app = axum_example::app(responder).unwrap();
        Self::new(|listener| async { axum::serve(listener, app).await })
    }

    fn hyper(responder: Responder) -> Self {
        Self::new(|listener| hyper_example::serve(listener, responder))
    }

    fn client(&self) -> Client {
        Client::new(self.address)
    }

    fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
        let mut client = self.client();
        client.send(&request(method, target, headers));
        client.answer()
    }
}

fn request(method: &str, target: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let lines: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{method} {target} HTTP/1.1\r\nHost: test\r\n{lines}\r\n").into_bytes()
}

/// Runs the same against every example.
fn each(check: impl Fn(&Served, &Responder)) {
    for serve in [Served::axum, Served::hyper] {
        let responder = responder(&registry());
        check(&serve(responder.clone()), &responder);
    }
}

/// With what axum's example adds, so that both serve the same.
fn responder(registry: &Registry) -> Responder {
    let families = registry.counter_family("calls_total", "Calls", ["by"]).unwrap();
    for number in 0..900_u64 {
        families.with([&*format!("caller-{number}")]).inc_by(number);
    }
    registry.counter("visits_total", "Visits of the front page").unwrap();
    let mut responder = Responder::new(registry.clone());
    responder.route("/page", |_| Page::new("text/x-page", "a page\n")).unwrap();
    responder
}

/// The answer is what the responder says, byte for byte.
fn assert_same(answer: &Answer, responder: &Responder, request: &Request<'_>) {
    let mut body = Body::new();
    let reply = responder.respond(request, &mut body);
    assert_eq!(answer.status, reply.status, "{request:?}");
    assert_eq!(answer.header("content-type"), Some(&*reply.content_type));
    assert_eq!(answer.header("content-length"), Some(&*body.len().to_string()));
    assert_eq!(answer.header("content-encoding"), reply.content_encoding);
    assert_eq!(answer.header("vary"), reply.varies.then_some("Accept, Accept-Encoding"));
    assert_eq!(answer.header("allow"), reply.allow);
    assert_eq!(answer.header("transfer-encoding"), None);
    if request.method != "HEAD" {
        assert!(answer.body == body.to_vec(), "{} bytes, not {}", answer.body.len(), body.len());
    }
}

#[test]
fn every_format_and_coding_has_the_responders_bytes() {
    each(|served, responder| {
        for accept in FORMATS {
            for coding in ["identity", "gzip", "zstd"] {
                let headers = [("Accept", accept), ("Accept-Encoding", coding)];
                let answer = served.ask("GET", "/metrics", &headers);
                let scrape = Request::new("GET", "/metrics")
                    .header("accept", accept.as_bytes())
                    .header("accept-encoding", coding.as_bytes());
                assert_same(&answer, responder, &scrape);
                assert_eq!(answer.header("content-encoding").unwrap_or("identity"), coding);
                if coding == "identity" {
                    assert!(answer.text().contains("calls_total{by=\"caller-899\"} 899\n"));
                }
            }
        }
    });
}

#[test]
fn several_accept_headers_are_one_list() {
    each(|served, _| {
        let headers = [("Accept", "text/html"), ("Accept", "application/openmetrics-text")];
        let answer = served.ask("GET", "/metrics", &headers);
        assert!(answer.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    });
}

#[test]
fn filters_and_bad_queries_are_answered_alike() {
    each(|served, responder| {
        for target in ["/metrics?name[]=hits_total", "/metrics?name[]=none", "/metrics?name[]=%FF"]
        {
            let answer = served.ask("GET", target, &[]);
            assert_same(&answer, responder, &Request::new("GET", target));
        }
        let answer = served.ask("GET", "/metrics?name[]=hits_total", &[]);
        assert!(answer.text().contains("\nhits_total 3\n"));
        assert!(!answer.text().contains("calls_total"));
    });
}

#[test]
fn head_announces_the_length_and_sends_nothing() {
    each(|served, responder| {
        for target in ["/metrics", "/healthz"] {
            let mut client = served.client();
            client.send(&request("HEAD", target, &[]));
            let answer = client.head();
            assert_same(&answer, responder, &Request::new("HEAD", target));
            assert_ne!(answer.header("content-length"), Some("0"));
            // Were there a body, it would be read as the head of this one.
            assert_eq!(client.ask(target).status, 200);
        }
    });
}

#[test]
fn other_methods_are_refused_and_their_bodies_are_not_read_as_requests() {
    each(|served, responder| {
        let mut client = served.client();
        client.send(&request("POST", "/metrics", &[("Content-Length", "3")]));
        client.send(b"a=b");
        let answer = client.answer();
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")));
        assert_same(&answer, responder, &Request::new("POST", "/metrics"));
        assert_eq!(served.ask("BREW", "/metrics", &[]).status, 501);
    });
}

#[test]
fn paths_are_the_servers_own_or_the_responders() {
    each(|served, _| assert_eq!(served.ask("GET", "/nothing", &[]).status, 404));

    let responder = responder(&registry());
    let served = Served::hyper(responder.clone());
    for path in ["/nothing", "/healthz", "/readyz", "/page"] {
        let request = Request::new("GET", path);
        assert_same(&served.ask("GET", path, &[]), &responder, &request);
    }

    let served = Served::axum(responder.clone());
    for path in ["/nothing", "/metrics", "/healthz", "/readyz", "/page"] {
        let answer = served.ask("GET", &format!("/internal{path}"), &[]);
        assert_same(&answer, &responder, &Request::new("GET", path));
    }
    assert_eq!(served.ask("GET", "/", &[]).text(), "hello\n");
    assert!(served.ask("GET", "/metrics", &[]).text().contains("\nvisits_total 1\n"));
}

/// A registry with a collector that does not end before it is told to.
struct Stuck {
    registry: Registry,
    release: Arc<AtomicBool>,
    runs: Arc<AtomicUsize>,
}

impl Stuck {
    fn new() -> Self {
        let (registry, release) = (registry(), Arc::new(AtomicBool::new(false)));
        let runs = Arc::new(AtomicUsize::new(0));
        let (released, begun) = (Arc::clone(&release), Arc::clone(&runs));
        let collect = move |_: &Registry| {
            begun.fetch_add(1, SeqCst);
            eventually("the collector is released", || released.load(SeqCst));
        };
        registry.register_collector(collect).detach();
        Self { registry, release, runs }
    }

    fn release(&self) {
        self.release.store(true, SeqCst);
    }
}

/// Lets the threads go on, even if the test fails: dropping a runtime waits for them.
impl Drop for Stuck {
    fn drop(&mut self) {
        self.release();
    }
}

fn assert_shed(answer: &Answer, why: &str) {
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
    assert!(answer.text().contains(why), "{}", answer.text());
}

#[test]
fn a_scrape_that_hangs_holds_up_nobody() {
    for serve in [Served::axum, Served::hyper] {
        let stuck = Stuck::new();
        let served = serve(Responder::new(stuck.registry.clone()));
        let stuck = stuck; // to be dropped before the runtime
        let mut waiting = served.client();
        waiting.send(&request("GET", "/metrics", &[]));
        eventually("the collector runs", || stuck.runs.load(SeqCst) > 0);

        // The runtime's only thread is free.
        assert_eq!(served.ask("GET", "/healthz", &[]).text(), "ok\n");
        // Who says how long it waits is told in time, and then there is room for no more.
        for _ in 1..AT_ONCE {
            let answer = served.ask("GET", "/metrics", &[(TIMEOUT, "0.01")]);
            assert_shed(&answer, "longer than the scraper waits");
        }
        assert_shed(&served.ask("GET", "/metrics", &[]), "too many scrapes at once");
        assert_eq!(served.ask("GET", "/healthz", &[]).text(), "ok\n");

        stuck.release();
        assert!(waiting.answer().text().contains("\nhits_total 3\n"));
        eventually("there is room again", || served.ask("GET", "/metrics", &[]).status == 200);
    }
}

#[test]
fn a_readiness_check_that_hangs_holds_up_nobody() {
    let axum: fn(Responder) -> Served = Served::axum;
    let servers = [(axum, "/internal/readyz"), (Served::hyper, "/readyz")];
    for (serve, path) in servers {
        let (gate, check) = gate();
        let mut responder = Responder::new(registry());
        responder.readiness(move || {
            check();
            Readiness::Ready
        });
        let served = serve(responder);
        let gate = gate; // to be dropped before the runtime
        let mut waiting = served.client();
        waiting.send(&request("GET", path, &[]));
        gate.is_reached();
        assert_shed(
            &served.ask("GET", path, &[(TIMEOUT, "0.01")]),
            "longer than the scraper waits",
        );
        assert_shed(&served.ask("GET", path, &[]), "too many readiness checks at once");
        for path in ["/healthz", "/metrics"] {
            assert_eq!(served.ask("GET", path, &[]).status, 200, "{path}");
        }
        (0..2).for_each(|_| gate.open());
        assert_eq!(waiting.answer().text(), "ready\n");
    }
}

#[test]
fn a_scraper_that_waits_long_enough_gets_its_scrape() {
    each(|served, _| {
        let answer = served.ask("GET", "/metrics", &[(TIMEOUT, "60")]);
        assert_eq!((answer.status, answer.header("retry-after")), (200, None));
    });
}

/// The answer of a service that is not in a runtime.
fn in_place(method: &str) -> http::Response<ResponseBody> {
    let mut service = MetricsService::new(Responder::new(registry()));
    let mut context = Context::from_waker(Waker::noop());
    assert!(Service::<http::Request<()>>::poll_ready(&mut service, &mut context).is_ready());
    let request = http::Request::builder().method(method).uri("/metrics").header(TIMEOUT, "5");
    let mut answering = service.call(request.body(()).unwrap());
    match answering.as_mut().poll(&mut context) {
        Poll::Ready(Ok(response)) => response,
        Poll::Pending => panic!("waits for something"),
    }
}

#[test]
fn outside_a_runtime_it_answers_in_place() {
    let response = in_place("GET");
    let length = response.body().size_hint().exact().unwrap();
    assert_eq!((response.status().as_u16(), response.body().is_end_stream()), (200, false));
    assert_eq!(response.headers()["content-length"], *length.to_string());
}

#[test]
fn an_answer_to_head_has_no_body_whatever_the_server_would_make_of_it() {
    let (get, head) = (in_place("GET"), in_place("HEAD"));
    assert_eq!(head.headers(), get.headers());
    assert_eq!((head.body().size_hint().exact(), head.body().is_end_stream()), (Some(0), true));
}

#[test]
fn a_runtime_without_a_timer_serves_those_who_set_no_timeout() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut service = MetricsService::new(Responder::new(registry()));
    let request = http::Request::get("/metrics").body(()).unwrap();
    let response = runtime.block_on(async { service.call(request).await });
    assert_eq!(response.unwrap().status(), 200);
}
