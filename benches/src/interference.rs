//! What a record costs its writer while somebody scrapes without pause, in time on the core.
//! Upstream: tmc-engine and tmc-exposition. Downstream: the interference bench.
//!
//! Segments of one run alternate: the writer alone, the writer while its registry is scraped, and the
//! writer beside the same work on a registry that it has no part in. The last tells what two busy
//! cores cost each other in any case: a shared cache, a shared clock, a hypervisor.

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tmc_engine::{Counter, Histogram, HistogramSpec, Registry};
use tmc_exposition::{Encoder, Format};

use crate::contest::pin;
use crate::counters::MANY;
use crate::encoders::workload::{HELP, LABELS, NAME, Workload};
use crate::{histograms, text};

/// What happens on the other core meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    /// Nothing.
    Nobody,
    /// Scrapes of the writer's registry.
    Scraper,
    /// Scrapes of a registry just like it.
    Neighbour,
}

/// All kinds of segments, in the order in which they alternate.
pub const KINDS: [Beside; 3] = [Beside::Nobody, Beside::Scraper, Beside::Neighbour];

/// Nanoseconds on the core per record: the median segment of each of [`KINDS`].
#[derive(Clone, Debug)]
pub struct Row {
    /// What the writer does.
    pub name: &'static str,
    /// In the order of [`KINDS`].
    pub nanos: [f64; 3],
    /// Scrapes in all segments of each kind.
    pub scrapes: [u64; 3],
}

/// How long the writer goes on, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Series that are scraped, a multiple of 1,000.
    pub series: usize,
    /// Segments of each kind.
    pub segments: usize,
    /// Length of one.
    pub span: Duration,
}

/// A registry full of counters, and what writes its text.
struct Full {
    registry: Registry,
    counters: Vec<Counter>,
    histogram: Histogram,
    encoder: Encoder,
    out: Vec<u8>,
}

impl Full {
    fn new(series: usize) -> Self {
        let registry = Registry::builder()
            .series_limit(series)
            .build()
            .expect("nothing that could be refused");
        let family = registry.counter_family(NAME, HELP, LABELS).expect("a valid family");
        let counters = (0..series)
            .map(|number| {
                let counter = family.with(Workload::values(number).each_ref().map(String::as_str));
                counter.inc();
                counter
            })
            .collect();
        let spec = HistogramSpec::seconds(HistogramSpec::DEFAULT_SECONDS);
        let histogram = registry.histogram("operation_seconds", HELP, &spec).expect("a valid name");
        Self { registry, counters, histogram, encoder: Encoder::new(Format::Text), out: Vec::new() }
    }

    fn scrape(&mut self) {
        self.out.clear();
        let snapshot = self.registry.snapshot();
        self.encoder.encode(&snapshot, &mut self.out);
        black_box(&self.out);
    }
}

/// Measures every kind of writer. `None` where the platform does not tell a thread's time.
///
/// # Panics
/// When a record was lost.
#[must_use]
pub fn run(plan: Plan) -> Option<Vec<Row>> {
    thread_time()?;
    let mut full = Full::new(plan.series);
    let mut twin = Full::new(plan.series);
    // Spread over the whole registry, so that every one of them is on a page with others.
    let many: Vec<Counter> =
        full.counters.iter().step_by(plan.series / MANY).take(MANY).cloned().collect();
    let histogram = full.histogram.clone();
    let seconds = histograms::seconds();
    let one = &many[..1];
    let mut rows = Vec::new();
    let mut row = |name, writes: &mut (dyn FnMut() -> u64 + Send)| {
        rows.push(measure(name, plan, &mut full, &mut twin, writes));
    };
    row("counter, one series", &mut || {
        (0..MANY).for_each(|_| black_box(&one[0]).inc());
        MANY as u64
    });
    row("counter, 1,000 series", &mut || {
        many.iter().for_each(|counter| black_box(counter).inc());
        MANY as u64
    });
    let mut batches = seconds.chunks_exact(histograms::BATCH).cycle();
    row("histogram", &mut || {
        let batch = batches.next().unwrap_or_default();
        batch.iter().for_each(|seconds| black_box(&histogram).observe(*seconds));
        batch.len() as u64
    });
    Some(rows)
}

/// Alternates the segments. The other thread is blocked while the writer is alone.
fn measure(
    name: &'static str,
    plan: Plan,
    full: &mut Full,
    twin: &mut Full,
    writes: &mut (dyn FnMut() -> u64 + Send),
) -> Row {
    let recorded = full.recorded();
    let segments = || (0..plan.segments).flat_map(|_| KINDS);
    let barrier = Barrier::new(2);
    let stop = AtomicBool::new(false);
    let scrapes = KINDS.map(|_| AtomicU64::new(0));
    let mut nanos = KINDS.map(|_| Vec::with_capacity(plan.segments));
    let mut written = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            pin(1);
            for kind in segments() {
                barrier.wait();
                let scraped = match kind {
                    Beside::Nobody => None,
                    Beside::Scraper => Some(&mut *full),
                    Beside::Neighbour => Some(&mut *twin),
                };
                if let Some(scraped) = scraped {
                    // Relaxed: ends a segment, orders nothing.
                    while !stop.load(Ordering::Relaxed) {
                        scraped.scrape();
                        scrapes[kind as usize].fetch_add(1, Ordering::Relaxed);
                    }
                }
                barrier.wait();
            }
        });
        let writer = scope.spawn(|| {
            pin(0);
            written += writes(); // a first touch is not what is measured
            for kind in segments() {
                stop.store(false, Ordering::Relaxed);
                barrier.wait();
                let (spent, records) = segment(plan.span, writes);
                stop.store(true, Ordering::Relaxed);
                barrier.wait();
                written += records;
                nanos[kind as usize].push(spent.as_secs_f64() * 1e9 / records as f64);
            }
        });
        writer.join().expect("a writer does not panic");
    });
    assert_eq!(full.recorded() - recorded, written, "{name}: records");
    Row { name, nanos: nanos.map(median), scrapes: scrapes.map(AtomicU64::into_inner) }
}

impl Full {
    /// All that was recorded so far.
    fn recorded(&mut self) -> u64 {
        self.scrape();
        let all = std::str::from_utf8(&self.out).unwrap_or_default();
        text::sum(all, NAME) + text::sum(all, "operation_seconds_count")
    }
}

/// Writes until the span has passed; time on the core, and records.
pub(crate) fn segment(span: Duration, writes: &mut (dyn FnMut() -> u64 + Send)) -> (Duration, u64) {
    let start = Instant::now();
    let before = thread_time().unwrap_or_default();
    let mut records = 0;
    while start.elapsed() < span {
        records += writes();
    }
    (thread_time().unwrap_or_default() - before, records)
}

pub(crate) fn median(mut of: Vec<f64>) -> f64 {
    of.sort_unstable_by(f64::total_cmp);
    let at = |index: usize| of.get(index).copied().unwrap_or(f64::NAN);
    f64::midpoint(at(of.len().saturating_sub(1) / 2), at(of.len() / 2))
}

/// What this thread has spent on a core so far.
#[cfg(unix)]
pub(crate) fn thread_time() -> Option<Duration> {
    use nix::time::{ClockId, clock_gettime};

    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).ok().map(Duration::from)
}

#[cfg(not(unix))]
pub(crate) fn thread_time() -> Option<Duration> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_in_the_middle() {
        assert_eq!(median(vec![9.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0]), 2.5);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn no_record_is_lost_whoever_is_beside() {
        let plan = Plan { series: 1000, segments: 2, span: Duration::from_millis(1) };
        let Some(rows) = run(plan) else { return };
        assert_eq!(rows.len(), 3);
        assert!(rows.iter().flat_map(|row| row.nanos).all(|nanos| nanos > 0.0));
        assert!(rows.iter().all(|row| row.scrapes[Beside::Nobody as usize] == 0));
    }

    #[test]
    #[cfg(unix)]
    fn time_on_the_core_stands_still_while_a_thread_waits() {
        let both = Barrier::new(2);
        let spent = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let before = thread_time().unwrap();
                both.wait();
                thread_time().unwrap() - before
            });
            let busy = thread_time().unwrap();
            while thread_time().unwrap() - busy < Duration::from_millis(50) {}
            both.wait();
            waiting.join().unwrap()
        });
        assert!(spent < Duration::from_millis(40), "{spent:?}");
    }
}
