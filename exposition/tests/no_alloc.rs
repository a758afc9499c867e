//! In a steady state the server's thread allocates nothing, whatever changed between two scrapes.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use common::{Client, ask};
use tmc_engine::{HistogramSpec, Registry};
use tmc_exposition::{Page, Server};

thread_local! {
    /// Allocations of this thread. No destructor, so it may be used in an allocator.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to `System` as it came; the counter does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `System` with this `layout`.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: `pointer` came from `System` with this `layout`; `size` is the caller's promise.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

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
        .route("/allocations", |_| {
            let page = Page::new("text/plain", ALLOCATIONS.with(Cell::get).to_string());
            ALLOCATIONS.with(|count| count.set(0));
            page
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
