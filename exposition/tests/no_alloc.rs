//! In a steady state the server's thread allocates nothing, whatever changed between two scrapes.

mod common;
#[path = "../../engine/tests/counting/mod.rs"]
mod counting;

use common::{Client, ask};
use counting::so_far;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tmc_engine::{HistogramSpec, Registry};
use tmc_exposition::{Page, Server};

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
    let server = Server::builder(registry)
        .listen("127.0.0.1:0")
        // Says what the server's thread has allocated since this page was asked for last.
        .route("/allocations", {
            let before = AtomicU64::new(0);
            move |_| {
                let since = so_far() - before.load(Relaxed);
                let page = Page::new("text/plain", since.to_string());
                before.store(so_far(), Relaxed);
                page
            }
        })
        .start()
        .unwrap();

    let mut kept = Client::new(server.local_addr());
    let mut scrape = |round: u32| {
        change(round);
        let answer = kept.ask("/metrics");
        assert_eq!(answer.status, 200);
        // A connection of its own for each scrape, as clients without keep-alive have.
        let mut fresh = Client::new(server.local_addr());
        fresh.send(b"HEAD /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let head = fresh.head();
        assert_eq!(head.header("content-length"), answer.header("content-length"));
        assert_eq!(fresh.rest().unwrap(), b"");
        for path in ["/healthz", "/readyz", "/nothing"] {
            assert!(!kept.ask(path).body.is_empty());
        }
    };
    (0..250).for_each(&mut scrape);
    assert_ne!(ask(&server, "/allocations").text(), "0");
    (250..350).for_each(&mut scrape);
    assert_eq!(ask(&server, "/allocations").text(), "0");
}
