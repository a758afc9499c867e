//! In a steady state the server's threads allocate nothing, whatever changed between two scrapes.

mod common;
#[path = "../../engine/tests/counting/mod.rs"]
mod counting;

use common::Client;
use counting::of_others;
use tmc_engine::{HistogramSpec, Registry};
use tmc_exposition::{Readiness, Server};

/// What scrapers send: each is a format with a compression.
const HEADERS: [&str; 4] = [
    "",
    "Accept: application/openmetrics-text;version=1.0.0\r\n",
    "Accept-Encoding: gzip\r\n",
    "Accept: application/openmetrics-text;version=1.0.0\r\nAccept-Encoding: gzip\r\n",
];

/// Rounds until memory has the size that it keeps: values grow, and compressed parts with them.
const WARM_UP: u32 = 250;

#[test]
fn a_scrape_in_a_steady_state_allocates_nothing() {
    let registry = Registry::new();
    let spec = HistogramSpec::seconds(&[0.001, 0.1, 10.0]);
    let hits = registry.counter_family("hits_total", "Hits", ["path"]).unwrap();
    let load = registry.gauge_family("load_ratio", "Load", ["core"]).unwrap();
    let times = registry.histogram_family("time_seconds", "Time", ["path"], &spec).unwrap();
    let series: Vec<_> = (0..30)
        .map(|index| {
            let name = format!("/{index}");
            (hits.with([&name]), load.with([&name]), times.with([&name]))
        })
        .collect();
    let change = |round: u32| {
        for (hits, load, times) in &series {
            hits.inc_by(10_000_000_000);
            load.set(f64::from(round) + 0.123_456_789);
            times.observe(f64::from(round % 200) * 0.05);
        }
    };
    registry.gauge_callback("one", "Runs on the thread of scrapes", || 1.0).unwrap().detach();
    let server = Server::builder(registry).listen("127.0.0.1:0").readiness(|| Readiness::Ready);
    let server = server.start().unwrap();

    let mut kept = Client::new(server.local_addr());
    let mut round = 0;
    let mut scrape = |headers: &str| {
        change(round);
        round += 1;
        kept.send(format!("GET /metrics HTTP/1.1\r\nHost: a\r\n{headers}\r\n").as_bytes());
        let answer = kept.answer();
        assert_eq!(answer.status, 200);
        // A connection of its own for each scrape, as clients without keep-alive have.
        let mut fresh = Client::new(server.local_addr());
        let head = "HEAD /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
        fresh.send(format!("{head}{headers}\r\n").as_bytes());
        assert_eq!(fresh.head().header("content-type"), answer.header("content-type"));
        assert_eq!(fresh.rest().unwrap(), b"");
        for path in ["/healthz", "/nothing", "/readyz"] {
            assert!(!kept.ask(path).body.is_empty());
        }
        // The server's threads are the only ones beside this one that do anything.
        of_others()
    };
    for headers in HEADERS {
        let warm = (0..WARM_UP).map(|_| scrape(headers)).last().unwrap();
        assert_ne!(warm, 0);
        let steady = (0..100).map(|_| scrape(headers)).last().unwrap();
        assert_eq!(steady, warm, "allocations of the server's threads, {headers:?}");
    }
}
