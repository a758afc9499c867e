//! Series that come and go under many threads: looked up, recorded into, removed, scoped, retired and
//! replaced at once, and scraped all the while. Each series adds multiples of a prime of its own, so
//! that a stray record in a reused cell shows; what nobody removes is exact in the end.
//!
//! `STRESS_OPERATIONS` says how many operations each thread does, for tools that slow them down.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;
use tmc_engine::{
    Counter, CounterFamily, FloatCounterFamily, GaugeFamily, Histogram, HistogramFamily,
    HistogramSpec, InFlightAge, InFlightAgeFamily, LocalCounter, ManualClock, Registry,
    RunningOperation, Snapshot, UpDownCounterFamily,
};

const THREADS: u64 = 6;
const OPERATIONS: u64 = if cfg!(debug_assertions) { 20_000 } else { 400_000 };
const CLUSTERS: [&str; 3] = ["eu", "us", "ap"];
const PER_CLUSTER: usize = 6;
const SERIES: usize = CLUSTERS.len() * PER_CLUSTER;
/// What each series adds multiples of.
const PRIMES: [u64; SERIES] =
    [101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167, 173, 179, 181, 191];
/// Series that nobody removes; one more is held by handles, and so never retired.
const KEPT: usize = 40;
const PERIOD: Duration = Duration::from_secs(60);

fn operations() -> u64 {
    let given = std::env::var("STRESS_OPERATIONS").ok();
    given.map_or(OPERATIONS, |n| n.parse().expect("STRESS_OPERATIONS is a number"))
}

/// A small generator: the test's randomness must cost less than what it tests.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() >> 8) as usize % n
    }
}

/// Labels of a series that comes and goes.
fn labels(at: usize) -> [&'static str; 2] {
    const IDS: [&str; PER_CLUSTER] = ["0", "1", "2", "3", "4", "5"];
    [CLUSTERS[at / PER_CLUSTER], IDS[at % PER_CLUSTER]]
}

/// The number of the series with these labels.
fn number(cluster: &str, id: &str) -> usize {
    (0..SERIES).find(|&at| labels(at) == [cluster, id]).unwrap()
}

struct Metrics {
    registry: Registry,
    clock: ManualClock,
    counts: CounterFamily<2>,
    floats: FloatCounterFamily<2>,
    in_flight: UpDownCounterFamily<2>,
    sizes: HistogramFamily<2>,
    /// One series for each thread, removed by it alone.
    own: CounterFamily<1>,
    /// The same of operations, which may outlive their series.
    ages: InFlightAgeFamily<1>,
    /// Retired when idle, by threads that remember them or not; some are held by handles.
    idle: CounterFamily<1>,
    /// Replaced as a set: all values of a set are the same.
    sets: GaugeFamily<1>,
    kept: CounterFamily<1>,
}

impl Metrics {
    fn new() -> Self {
        let clock = ManualClock::new();
        let retires =
            tmc_engine::FamilyOverride { retention_period: Some(PERIOD), ..Default::default() };
        let builder = Registry::builder().clock(clock.clone());
        let registry = builder.family_override("idle_total", retires).build().unwrap();
        let two = ["cluster", "id"];
        let spec = HistogramSpec::bytes(&[50.0, 1000.0]);
        Self {
            counts: registry.counter_family("counts_total", "", two).unwrap(),
            floats: registry.float_counter_family("floats_total", "", two).unwrap(),
            in_flight: registry.up_down_counter_family("in_flight", "", two).unwrap(),
            sizes: registry.histogram_family("sizes_bytes", "", two, &spec).unwrap(),
            own: registry.counter_family("own_total", "", ["thread"]).unwrap(),
            ages: registry.in_flight_age_family("ages_seconds", "", ["thread"]).unwrap(),
            idle: registry.counter_family("idle_total", "", ["id"]).unwrap(),
            sets: registry.gauge_family("sets", "", ["member"]).unwrap(),
            kept: registry.counter_family("kept_total", "", ["id"]).unwrap(),
            registry,
            clock,
        }
    }

    /// Records into series `at` of each type.
    fn record(&self, at: usize) {
        let (labels, prime) = (labels(at), PRIMES[at]);
        self.counts.at(labels).inc_by(prime);
        self.floats.at(labels).inc_by(prime as f64);
        let in_flight = self.in_flight.with(labels);
        in_flight.add(prime);
        in_flight.sub(prime);
        self.sizes.at(labels).record(prime);
    }

    /// Removes some series, in one of the ways there are.
    fn remove(&self, random: &mut Random) {
        let at = random.below(SERIES);
        let [cluster, id] = labels(at);
        match random.below(16) {
            0 => drop(self.registry.scope(&[("cluster", cluster)])),
            1 => _ = self.registry.remove_matching(&[("cluster", cluster), ("id", id)]),
            2 => _ = self.counts.clear(),
            3 => _ = self.sizes.retain(|labels| labels.get("id") != Some(id)),
            4 => _ = self.floats.remove_matching(&[("id", id)]).unwrap(),
            5..10 => _ = self.sizes.remove([cluster, id]),
            10..12 => _ = self.in_flight.remove([cluster, id]),
            _ => _ = self.counts.remove([cluster, id]),
        }
    }
}

/// What a thread keeps of series that others remove.
#[derive(Default)]
struct Handles {
    counts: Vec<(usize, Counter)>,
    pinned: Vec<(usize, LocalCounter)>,
    sizes: Vec<(usize, Histogram)>,
}

impl Handles {
    /// Takes one more, records through all, and gives some up.
    fn turn(&mut self, metrics: &Metrics, random: &mut Random) {
        let at = random.below(SERIES);
        match random.below(3) {
            0 => self.counts.push((at, metrics.counts.with(labels(at)))),
            1 => self.pinned.push((at, metrics.counts.at(labels(at)).local())),
            _ => self.sizes.push((at, metrics.sizes.with(labels(at)))),
        }
        self.counts.iter().for_each(|(at, count)| count.inc_by(PRIMES[*at]));
        self.pinned.iter().for_each(|(at, count)| count.inc_by(PRIMES[*at]));
        self.sizes.iter().for_each(|(at, sizes)| sizes.record(PRIMES[*at]));
        self.counts.truncate(random.below(8));
        self.pinned.truncate(random.below(4));
        self.sizes.truncate(random.below(4));
    }
}

/// A series that this thread alone records into and removes.
struct Own {
    name: String,
    handle: Counter,
    recorded: u64,
    age: InFlightAge,
    running: Vec<RunningOperation>,
    /// Of the series before, which is gone.
    late: Vec<RunningOperation>,
}

impl Own {
    fn new(metrics: &Metrics, name: String) -> Self {
        let handle = metrics.own.with([&name]);
        assert_eq!(handle.value(), 0, "a series began with another's value");
        let age = metrics.ages.with([&name]);
        assert_eq!(age.running(), 0, "a series began with another's operations");
        Self { name, handle, recorded: 0, age, running: Vec::new(), late: Vec::new() }
    }

    fn turn(&mut self, metrics: &Metrics, random: &mut Random) {
        let n = random.next() >> 40;
        metrics.own.at([&self.name]).inc_by(n);
        self.handle.inc();
        self.recorded += n + 1;
        assert_eq!(self.handle.value(), self.recorded, "a stray record");
        self.running.truncate(random.below(100));
        (0..random.below(40)).for_each(|_| self.running.push(self.age.start()));
        assert_eq!(self.age.running(), self.running.len() as u64, "a stray operation");
        if random.below(4) == 0 {
            assert!(metrics.own.remove([&self.name]) && metrics.ages.remove([&self.name]));
            let gone = std::mem::replace(self, Own::new(metrics, self.name.clone()));
            gone.handle.inc();
            assert_eq!(gone.handle.value(), gone.recorded + 1, "a stray record");
            assert_eq!(self.handle.value(), 0, "a record into a removed series shows");
            assert_eq!(gone.age.running(), gone.running.len() as u64, "a stray operation");
            drop((gone.handle, gone.age));
            self.running.push(self.age.start());
            self.late = gone.running; // the last before them end now
            assert_eq!(self.age.running(), 1, "the end of a removed series' operation shows");
        }
    }
}

/// The life of one thread; returns what it added to the series that stay.
fn live(metrics: &Metrics, seed: u64, epoch: &AtomicU64, operations: u64) -> Vec<u64> {
    let mut random = Random((seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut kept = vec![0; KEPT + 1];
    let mut handles = Handles::default();
    let mut own = Own::new(metrics, seed.to_string());
    let names: Vec<_> = (0..KEPT).map(|at| at.to_string()).collect();
    let held = metrics.idle.with(["held"]);
    for _ in 0..operations {
        let dice = random.below(64);
        match dice {
            0..24 => metrics.record(random.below(SERIES)),
            24..44 => {
                let at = random.below(KEPT);
                metrics.kept.at([&names[at]]).inc_by(3);
                kept[at] += 3;
            }
            44..50 => metrics.remove(&mut random),
            50..54 => handles.turn(metrics, &mut random),
            54..58 => own.turn(metrics, &mut random),
            58..60 => metrics.idle.at([names[random.below(8)].as_str()]).inc_by(5),
            60 => {
                metrics.clock.advance(PERIOD / 2);
                if random.below(16) == 0 {
                    held.inc(); // after periods of nothing
                    kept[KEPT] += 1;
                }
            }
            61 => {
                let epoch = epoch.fetch_add(1, SeqCst) + 1;
                let members = names.iter().take(members(epoch));
                metrics.sets.replace_all(members.map(|name| ([name.as_str()], epoch as f64)));
            }
            62 => _ = metrics.sets.at([&names[0]]).value(),
            _ => check(&metrics.registry.snapshot()),
        }
    }
    kept
}

/// How many members the set of an epoch has.
fn members(epoch: u64) -> usize {
    1 + epoch as usize % 20
}

/// No series shows what another one's records could have left there.
fn check(snapshot: &Snapshot) {
    for family in ["counts_total", "floats_total", "in_flight"] {
        for series in snapshot.family(family).unwrap().series() {
            let labels: Vec<_> = series.label_values().collect();
            let value = series.value().as_f64();
            let prime = PRIMES[number(labels[0], labels[1])] as f64;
            assert_eq!(value % prime, 0.0, "{value} in {family}{labels:?}");
        }
    }
    for series in snapshot.family("sizes_bytes").unwrap().series() {
        let labels: Vec<_> = series.label_values().collect();
        let prime = PRIMES[number(labels[0], labels[1])] as f64;
        let value = series.value();
        let sizes = value.histogram().unwrap();
        assert_eq!(sizes.sum() % prime, 0.0, "{} in sizes{labels:?}", sizes.sum());
        // The primes are all between the boundaries.
        let counts: Vec<_> = sizes.cumulative().iter().map(|bucket| bucket.1).collect();
        assert_eq!([counts[0], counts[1]], [0, sizes.count()], "sizes{labels:?}");
    }
    for series in snapshot.family("idle_total").unwrap().series() {
        let held = series.label_values().eq(["held"]);
        let value = series.value().as_f64();
        assert!(held || value % 5.0 == 0.0, "{value} in idle_total");
    }
    // A look-up in between may have brought a member at zero.
    let sets: Vec<_> = snapshot.family("sets").unwrap().series().collect();
    let values: Vec<_> = sets.iter().map(|series| series.value().as_f64()).collect();
    if let Some(&epoch) = values.iter().find(|&&value| value > 0.0) {
        assert_eq!(values.len(), members(epoch as u64), "of the set {epoch}");
        assert!(values.iter().all(|&value| value == epoch), "two sets in one: {values:?}");
    }
}

/// Scrapes until told to stop: what nobody removes never falls.
fn scrape(metrics: &Metrics, stop: &AtomicBool) -> u64 {
    let (mut scrapes, mut before) = (0, vec![0.0; KEPT]);
    while !stop.load(SeqCst) {
        let snapshot = metrics.registry.snapshot();
        check(&snapshot);
        let kept = snapshot.family("kept_total").unwrap();
        for (at, before) in before.iter_mut().enumerate() {
            let value = kept.get(&[&at.to_string()]).unwrap().value().as_f64();
            assert!(value >= *before, "kept_total {at} went back from {before} to {value}");
            *before = value;
        }
        scrapes += 1;
    }
    scrapes
}

/// Records into every series again, from several threads, with nobody removing any.
fn at_rest(metrics: &Metrics) {
    metrics.registry.remove_matching(&[("cluster", "eu")]);
    metrics.registry.remove_matching(&[("cluster", "us")]);
    metrics.registry.remove_matching(&[("cluster", "ap")]);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..SERIES).for_each(|at| metrics.record(at)));
        }
    });
    let snapshot = metrics.registry.snapshot();
    for (at, &prime) in PRIMES.iter().enumerate() {
        let read = |family| {
            let family = snapshot.family(family).unwrap();
            assert_eq!(family.series().count(), SERIES, "{}", family.name());
            family.get(&labels(at)).unwrap().value()
        };
        assert_eq!(read("counts_total").as_f64(), 4.0 * prime as f64);
        assert_eq!(read("floats_total").as_f64(), 4.0 * prime as f64);
        assert_eq!(read("in_flight").as_f64(), 0.0);
        let sizes = read("sizes_bytes");
        let sizes = sizes.histogram().unwrap();
        assert_eq!((sizes.count(), sizes.sum()), (4, 4.0 * prime as f64));
    }
}

#[test]
fn series_that_come_and_go_under_many_threads() {
    let metrics = Metrics::new();
    let held = metrics.idle.with(["held"]); // between one round and the next, too
    metrics.kept.init(
        (0..KEPT).map(|at| at.to_string()).collect::<Vec<_>>().iter().map(|at| [at.as_str()]),
    );
    let (epoch, stop, operations) = (AtomicU64::new(0), AtomicBool::new(false), operations());
    let (kept, scrapes) = thread::scope(|scope| {
        let scraper = scope.spawn(|| scrape(&metrics, &stop));
        let (metrics, epoch) = (&metrics, &epoch);
        let mut kept = vec![0; KEPT + 1];
        // Twice, so that the second half adopts what the first half left.
        for round in 0..2 {
            let threads = (0..THREADS)
                .map(|at| move || live(metrics, round * THREADS + at, epoch, operations / 2));
            let threads: Vec<_> = threads.map(|body| scope.spawn(body)).collect();
            for thread in threads {
                let added = thread.join();
                stop.fetch_or(added.is_err(), SeqCst); // nobody waits for the scraper
                kept.iter_mut().zip(added.unwrap()).for_each(|(sum, n)| *sum += n);
            }
        }
        stop.store(true, SeqCst);
        (kept, scraper.join().unwrap())
    });
    assert!(scrapes > 0);
    let snapshot = metrics.registry.snapshot();
    check(&snapshot);
    let value = |family: &str, label: &str| {
        let series = snapshot.family(family).unwrap().get(&[label]).unwrap();
        series.value().as_f64()
    };
    for (at, &n) in kept[..KEPT].iter().enumerate() {
        assert_eq!(value("kept_total", &at.to_string()), n as f64, "kept_total {at}");
    }
    assert_eq!(value("idle_total", "held"), kept[KEPT] as f64);
    drop(held);
    at_rest(&metrics);
}
