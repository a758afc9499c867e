//! Lanes with threads of their own, collectors that hang, and what comes of the queue.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tmc_engine::Registry;

use super::*;
use crate::http::job::{Errand, Lanes};
use crate::http::limits::Limits;
use crate::respond::Request;
use crate::{Body, Page};

/// Longer than any machine takes.
const LONG: Duration = Duration::from_secs(60);

/// What hangs until the test lets it go on.
struct Gate {
    runs: Receiver<()>,
    go_on: SyncSender<()>,
}

/// A gate and what passes through it.
fn gate() -> (Gate, impl Fn() + Send + Sync + 'static) {
    let (run, runs) = sync_channel(1000);
    let (go_on, gone_on) = sync_channel::<()>(1000);
    let gone_on = Mutex::new(gone_on);
    let pass = move || {
        // A test that has ended waits for nothing.
        let _ = run.send(());
        let _ = gone_on.lock().unwrap().recv();
    };
    (Gate { runs, go_on }, pass)
}

impl Gate {
    fn is_reached(&self) {
        self.runs.recv_timeout(LONG).unwrap();
    }

    fn open(&self) {
        self.go_on.send(()).unwrap();
    }
}

/// Lanes with threads, for a registry whose collector hangs and a page that does.
struct Bench {
    lanes: Lanes,
    responder: Responder,
    woken: Receiver<()>,
    collector: Gate,
    page: Gate,
}

impl Bench {
    fn new(waiting: usize) -> Self {
        let (wake, woken) = sync_channel(1000);
        let ((collector, collect), (page, handle)) = (gate(), gate());
        let mut responder = Responder::new(Registry::new());
        let handler = move |_: &Request<'_>| {
            handle();
            Page::new("text/plain", "page")
        };
        responder.route("/page", handler).unwrap();
        let collect = move || {
            collect();
            1.0
        };
        responder.registry().gauge_callback("slow", "Hangs", collect).unwrap().detach();
        let lanes = Lanes::new(&Limits { waiting, ..Limits::default() }, move || {
            let _ = wake.send(());
        });
        lanes.scrapes.start("scrapes", Work::Scrapes, responder.clone()).unwrap();
        lanes.pages.start("pages", Work::Pages, responder.clone()).unwrap();
        Self { lanes, responder, woken, collector, page }
    }

    fn push(&mut self, work: Work, deadline: Instant) -> Option<u64> {
        let path = if work == Work::Scrapes { "/metrics" } else { "/page" };
        let request = &Request::new("GET", path);
        self.lanes.push(work, &Errand { place: 0, request, deadline }, Body::new()).ok()
    }

    /// Waits for `count` jobs that are done: their numbers and the statuses of their answers.
    fn done(&mut self, count: usize) -> Vec<(u64, Option<u16>)> {
        (0..count).for_each(|_| self.woken.recv_timeout(LONG).unwrap());
        let mut done = Vec::new();
        self.lanes.take(&mut done);
        done.iter().map(|job| (job.serial, job.reply.as_ref().map(|reply| reply.status))).collect()
    }
}

fn later() -> Instant {
    Instant::now() + LONG
}

#[test]
fn what_waits_together_shares_a_reading_that_begins_after_it() {
    let mut bench = Bench::new(10);
    let first = bench.push(Work::Scrapes, later()).unwrap();
    bench.collector.is_reached();
    // These come while a reading is under way, which may not be theirs.
    let others: Vec<_> = (0..9).map(|_| bench.push(Work::Scrapes, later()).unwrap()).collect();
    bench.collector.open();
    assert_eq!(bench.done(1), [(first, Some(200))]);
    bench.collector.is_reached();
    bench.collector.open();
    let expected: Vec<_> = others.iter().map(|serial| (*serial, Some(200))).collect();
    assert_eq!(bench.done(9), expected);
    assert!(bench.collector.runs.try_recv().is_err(), "ten scrapes, two readings");
}

#[test]
fn a_full_queue_refuses_and_a_withdrawn_job_makes_room() {
    let mut bench = Bench::new(2);
    bench.push(Work::Scrapes, later()).unwrap();
    bench.collector.is_reached();
    let second = bench.push(Work::Scrapes, later()).unwrap();
    let third = bench.push(Work::Scrapes, later()).unwrap();
    assert_eq!(bench.push(Work::Scrapes, later()), None);
    assert!(bench.lanes.withdraw(Work::Scrapes, second).is_some());
    assert!(bench.lanes.withdraw(Work::Scrapes, second).is_none());
    let fifth = bench.push(Work::Scrapes, later()).unwrap();
    (0..2).for_each(|_| bench.collector.open());
    let done = bench.done(3);
    assert_eq!(done[1..], [(third, Some(200)), (fifth, Some(200))]);
}

#[test]
fn what_is_late_is_not_begun() {
    let mut bench = Bench::new(2);
    let late = bench.push(Work::Pages, Instant::now()).unwrap();
    assert_eq!(bench.done(1), [(late, None)]);
    assert!(bench.page.runs.try_recv().is_err());
}

#[test]
fn a_page_that_hangs_keeps_no_scrape_waiting_nor_a_collector_a_page() {
    let mut bench = Bench::new(2);
    let page = bench.push(Work::Pages, later()).unwrap();
    bench.page.is_reached();
    let scrape = bench.push(Work::Scrapes, later()).unwrap();
    bench.collector.open();
    assert_eq!(bench.done(1), [(scrape, Some(200))]);
    bench.collector.is_reached();
    let scrape = bench.push(Work::Scrapes, later()).unwrap();
    bench.collector.is_reached();
    bench.page.open();
    assert_eq!(bench.done(1), [(page, Some(200))]);
    bench.collector.open();
    assert_eq!(bench.done(1), [(scrape, Some(200))]);
}

#[test]
fn the_end_waits_for_no_collector_longer_than_it_may() {
    let mut bench = Bench::new(2);
    bench.push(Work::Scrapes, later()).unwrap();
    bench.collector.is_reached();
    bench.lanes.scrapes.end();
    assert!(!bench.lanes.scrapes.wait_ended(Instant::now()));
    bench.collector.open();
    assert!(bench.lanes.scrapes.wait_ended(later()));
    assert_eq!(bench.push(Work::Scrapes, later()), None);
}

#[test]
fn what_the_threads_own_is_gone_when_they_have_ended() {
    let mut bench = Bench::new(2);
    let late = bench.push(Work::Scrapes, Instant::now()).unwrap();
    assert_eq!(bench.done(1), [(late, None)]);
    bench.lanes.end(later());
    let Gate { runs, .. } = bench.page;
    drop(bench.responder);
    // The handler, and with it what it owns, was held by the threads' responders too.
    let gone = runs.recv_timeout(LONG);
    assert_eq!(gone, Err(std::sync::mpsc::RecvTimeoutError::Disconnected));
}
