//! Hundreds of short-lived threads, at most 64 alive, under continuous scrapes: every total exact,
//! nothing ever goes back, and the shards are those of 64 threads. A process of its own, so that
//! the number of shards is this test's.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Barrier, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use tmc_engine::{
    Counter, CounterFamily, FloatCounter, Histogram, HistogramFamily, HistogramSpec, Registry,
    Snapshot, UpDownCounter, Value, shards,
};

/// Most threads alive at once.
const ALIVE: usize = 64;
/// Threads that come and go.
const THREADS: u64 = 600;
/// Increments and observations of all of them.
const OPERATIONS: u64 = if cfg!(debug_assertions) { 5_000_000 } else { 100_000_000 };
/// Series of the wide family: several pages, so that roots grow while scrapes walk them.
const WIDE: usize = 1500;
/// In flight from the first to the last moment.
const BASE: u64 = 10;
/// Threads that start between two scrapes, at most.
const SCRAPE_EVERY: u64 = 10;
/// One operation of so many goes in and out of flight, too.
const FLIGHT_EVERY: u64 = 64;

/// A small generator: the test's randomness must cost less than what it tests.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

struct Metrics {
    hot: Counter,
    wide: CounterFamily<1>,
    float: FloatCounter,
    in_flight: UpDownCounter,
    latency: Histogram,
    sizes: HistogramFamily<1>,
}

impl Metrics {
    fn new(registry: &Registry) -> Self {
        let seconds = HistogramSpec::seconds(&[0.0005, 0.001, 0.0011, 0.01, 1.0]);
        let bytes = HistogramSpec::bytes(&[100.0, 1000.0, 1010.0]).digits(1);
        Self {
            hot: registry.counter("hot_total", "").unwrap(),
            wide: registry.counter_family("wide_total", "", ["at"]).unwrap(),
            float: registry.float_counter("float_total", "").unwrap(),
            in_flight: registry.up_down_counter("in_flight", "").unwrap(),
            latency: registry.histogram("latency_seconds", "", &seconds).unwrap(),
            sizes: registry.histogram_family("sizes_bytes", "", ["kind"], &bytes).unwrap(),
        }
    }
}

/// What a thread did: the slow twin of what the engine says in the end.
#[derive(Clone, Debug, Default, PartialEq)]
struct Tally {
    hot: u64,
    wide: HashMap<usize, u64>,
    float: u64,
    latency: (u64, u64),
    sizes: [(u64, u64); 3],
}

impl Tally {
    fn add(&mut self, other: &Tally) {
        let add = |to: &mut (u64, u64), from: (u64, u64)| *to = (to.0 + from.0, to.1 + from.1);
        self.hot += other.hot;
        self.float += other.float;
        add(&mut self.latency, other.latency);
        self.sizes.iter_mut().zip(other.sizes).for_each(|(to, from)| add(to, from));
        for (at, n) in &other.wide {
            *self.wide.entry(*at).or_default() += n;
        }
    }
}

/// How many went into flight and came out of it, as told before and after; and the scrapes so far.
#[derive(Default)]
struct Flight {
    entering: AtomicU64,
    left: AtomicU64,
    scrapes: AtomicU64,
}

impl Flight {
    /// Waits for scrapes, so that threads come and go under them on any machine.
    fn scraped(&self, times: u64) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.scrapes.load(SeqCst) < times && Instant::now() < deadline {
            thread::yield_now();
        }
    }
}

/// The life of one thread.
fn live(metrics: &Metrics, flight: &Flight, seed: u64, operations: u64) -> Tally {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut tally = Tally::default();
    let at = random.next() as usize % WIDE;
    let wide = metrics.wide.with([&at.to_string()]);
    let kind = random.next() as usize % 3;
    let sizes = metrics.sizes.with([["a", "b", "c"][kind]]);
    // Every other thread uses pinned handles, and half of those give them up early.
    let mut pinned = seed.is_multiple_of(2).then(|| (metrics.hot.local(), metrics.latency.local()));
    let give_up = if seed.is_multiple_of(4) { operations / 2 } else { u64::MAX };
    let mut wides = 0;
    for step in 0..operations {
        let dice = random.next();
        if step == give_up {
            pinned = None;
        }
        match dice % 8 {
            0..3 => {
                match &pinned {
                    Some((hot, _)) => hot.inc(),
                    None => metrics.hot.inc(),
                }
                tally.hot += 1;
            }
            3 => {
                wide.inc_by(3);
                wides += 3;
            }
            4 => {
                metrics.float.inc_by(0.5);
                tally.float += 1;
            }
            5 => {
                let nanoseconds = (dice >> 8) % 2_000_000;
                match &pinned {
                    Some((_, latency)) => latency.record(nanoseconds),
                    None => metrics.latency.record(nanoseconds),
                }
                tally.latency = (tally.latency.0 + 1, tally.latency.1 + nanoseconds);
            }
            _ => {
                let bytes = (dice >> 8) & ((1 << (dice >> 60)) - 1);
                sizes.record(bytes);
                let so_far = &mut tally.sizes[kind];
                *so_far = (so_far.0 + 1, so_far.1 + bytes);
            }
        }
        if step.is_multiple_of(FLIGHT_EVERY) {
            flight.entering.fetch_add(1, SeqCst);
            metrics.in_flight.inc();
            metrics.in_flight.dec();
            flight.left.fetch_add(1, SeqCst);
        }
    }
    tally.wide.insert(at, wides);
    tally
}

/// Every number of a snapshot that must never fall, in a fixed order of its own.
fn rising(snapshot: &Snapshot, out: &mut HashMap<String, Vec<f64>>) {
    for family in snapshot.families() {
        for series in family.series() {
            let labels: Vec<_> = series.label_values().collect();
            let numbers = match series.value() {
                Value::Counter(n) => vec![n as f64],
                Value::FloatCounter(n) => vec![n],
                Value::Histogram(histogram) => {
                    let buckets: Vec<_> = histogram.cumulative().iter().map(|b| b.1).collect();
                    assert!(buckets.is_sorted(), "{} is not cumulative", family.name());
                    assert_eq!(buckets.last(), Some(&histogram.count()), "{}", family.name());
                    let counts = buckets.into_iter().map(|count| count as f64);
                    counts.chain([histogram.sum()]).collect()
                }
                _ => continue,
            };
            out.insert(format!("{}{labels:?}", family.name()), numbers);
        }
    }
}

/// Lets nobody wait for a scraper that has failed.
struct Scraper<'a>(&'a Flight);

impl Drop for Scraper<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.scrapes.store(u64::MAX, SeqCst);
        }
    }
}

/// Scrapes until told to stop.
fn scrape(registry: &Registry, flight: &Flight, stop: &AtomicBool) {
    let _scraper = Scraper(flight);
    let mut before = HashMap::<String, Vec<f64>>::new();
    while !stop.load(SeqCst) {
        let left = flight.left.load(SeqCst);
        let snapshot = registry.snapshot();
        let entered = flight.entering.load(SeqCst);
        let in_flight = snapshot.family("in_flight").unwrap().get(&[]).unwrap().value().as_f64();
        // Never below what is always there (a decrement seen without its increment), never above
        // what may have been under way while the snapshot was taken.
        let bounds = BASE as f64..=(BASE + entered - left) as f64;
        assert!(bounds.contains(&in_flight), "{in_flight} in flight, not within {bounds:?}");

        let mut now = HashMap::new();
        rising(&snapshot, &mut now);
        for (series, earlier) in &before {
            let later = now.get(series).unwrap_or_else(|| panic!("{series} has vanished"));
            let fell = earlier.iter().zip(later).find(|(earlier, later)| later < earlier);
            assert!(fell.is_none(), "{series} went back: {fell:?}");
        }
        before = now;
        flight.scrapes.fetch_add(1, SeqCst);
    }
}

/// Who has come to its end, so that somebody else may start.
#[derive(Default)]
struct Ends {
    ended: Mutex<Vec<u64>>,
    bell: Condvar,
}

impl Ends {
    fn wait(&self) -> u64 {
        let ended = self.ended.lock().unwrap();
        let mut ended = self.bell.wait_while(ended, |ended| ended.is_empty()).unwrap();
        ended.pop().unwrap()
    }
}

/// Tells that a thread has come to its end, also by a panic.
struct End<'a>(&'a Ends, u64);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.ended.lock().unwrap().push(self.1);
        self.0.bell.notify_one();
    }
}

/// Starts all threads, at most [`ALIVE`] at once, and adds up what they did.
fn population(metrics: &Metrics, flight: &Flight) -> Tally {
    let (ends, all_alive) = (Ends::default(), Barrier::new(ALIVE));
    let mut random = Random(0x5EED);
    let mut left = OPERATIONS;
    thread::scope(|scope| {
        let (mut alive, mut total) = (HashMap::new(), Tally::default());
        for id in 0..THREADS {
            if alive.len() == ALIVE {
                let ended: thread::ScopedJoinHandle<'_, Tally> =
                    alive.remove(&ends.wait()).unwrap();
                total.add(&ended.join().unwrap()); // its destructors have run, too
            }
            flight.scraped(id / SCRAPE_EVERY);
            let mean = left / (THREADS - id);
            let operations = if id + 1 == THREADS { left } else { random.next() % (2 * mean) };
            left -= operations;
            let (ends, all_alive) = (&ends, &all_alive);
            let body = move || {
                let _end = End(ends, id);
                if (id as usize) < ALIVE {
                    metrics.hot.inc_by(0); // a first touch
                    all_alive.wait();
                }
                live(metrics, flight, id + 1, operations)
            };
            alive.insert(id, scope.spawn(body));
        }
        alive.into_values().for_each(|thread| total.add(&thread.join().unwrap()));
        total
    })
}

#[test]
fn a_rolling_population_under_continuous_scrapes() {
    let registry = Registry::new();
    let metrics = Metrics::new(&registry);
    metrics.in_flight.add(BASE);
    let (flight, stop) = (Flight::default(), AtomicBool::new(false));

    let total = thread::scope(|scope| {
        let scraper = scope.spawn(|| scrape(&registry, &flight, &stop));
        let total = population(&metrics, &flight);
        stop.store(true, SeqCst);
        scraper.join().unwrap();
        total
    });

    let wide: u64 = total.wide.values().map(|n| n / 3).sum();
    let observed = total.latency.0 + total.sizes.iter().map(|size| size.0).sum::<u64>();
    assert_eq!(total.hot + wide + total.float + observed, OPERATIONS);
    assert!(flight.scrapes.into_inner() >= (THREADS - 1) / SCRAPE_EVERY);
    // The main thread recorded, too. Whoever came later adopted what an ended thread left.
    assert_eq!(shards(), ALIVE + 1);

    let snapshot = registry.snapshot();
    let value = |family: &str, labels: &[&str]| {
        snapshot.family(family).unwrap().get(labels).unwrap().value()
    };
    assert_eq!(value("hot_total", &[]).as_f64(), total.hot as f64);
    assert_eq!(value("float_total", &[]).as_f64(), total.float as f64 / 2.0);
    assert_eq!(value("in_flight", &[]).as_f64(), BASE as f64);
    for (at, n) in &total.wide {
        assert_eq!(value("wide_total", &[&at.to_string()]).as_f64(), *n as f64);
    }
    let read = |family, labels: &[&str], scale: f64| {
        let value = value(family, labels);
        let histogram = value.histogram().unwrap();
        (histogram.count(), (histogram.sum() * scale).round() as u64)
    };
    assert_eq!(read("latency_seconds", &[], 1e9), total.latency);
    for (kind, expected) in ["a", "b", "c"].into_iter().zip(total.sizes) {
        assert_eq!(read("sizes_bytes", &[kind], 1.0), expected);
    }
    metrics.in_flight.sub(BASE);
    assert_eq!(metrics.in_flight.value(), 0);
}
