//! Destructors of thread-locals that record, look up, make pinned handles, remove series and take
//! snapshots, in every order: of five such locals, of the thread's first record and of its first
//! look-up, which bring the engine's own. Every total is exact, and nothing panics: a panic there
//! ends the process.

use std::cell::OnceCell;
use std::thread;
use tmc_engine::{
    Counter, CounterFamily, FloatCounter, Gauge, Histogram, HistogramSpec, InFlightAge,
    LocalCounter, LocalHistogram, Registry, RunningOperation, Scope, Timer, UpDownCounter,
};

#[derive(Clone)]
struct Metrics {
    registry: Registry,
    counter: Counter,
    float: FloatCounter,
    gauge: Gauge,
    in_flight: UpDownCounter,
    sizes: Histogram,
    /// An operation and a timer of each thread-local.
    age: InFlightAge,
    took: Histogram,
    found: CounterFamily<1>,
    /// One series for each thread, which comes and goes.
    scoped: CounterFamily<1>,
}

impl Metrics {
    fn new() -> Self {
        let registry = Registry::new();
        Self {
            counter: registry.counter("c_total", "").unwrap(),
            float: registry.float_counter("f_total", "").unwrap(),
            gauge: registry.gauge("g", "").unwrap(),
            in_flight: registry.up_down_counter("u", "").unwrap(),
            sizes: registry.histogram("h", "", &HistogramSpec::bytes(&[10.0, 100.0])).unwrap(),
            age: registry.in_flight_age("age_seconds", "").unwrap(),
            took: registry.histogram("took_seconds", "", &HistogramSpec::seconds(&[])).unwrap(),
            found: registry.counter_family("found_total", "", ["name"]).unwrap(),
            scoped: registry.counter_family("scoped_total", "", ["thread"]).unwrap(),
            registry,
        }
    }

    fn record(&self) {
        self.counter.inc();
        self.sizes.record(50);
        self.others();
    }

    /// What has no pinned handle.
    fn others(&self) {
        self.float.inc_by(0.5);
        self.gauge.add(1.0);
        self.in_flight.add(2);
        self.in_flight.dec();
    }

    /// Times that [`Metrics::record`] has been called, if all agree.
    fn recorded(&self) -> u64 {
        let n = self.counter.value();
        let times = n as f64;
        assert_eq!((self.float.value(), self.gauge.value()), (times / 2.0, times));
        assert_eq!((self.in_flight.value(), self.sizes.count()), (n, n));
        assert_eq!(self.sizes.sum(), times * 50.0);
        n
    }

    fn found(&self) -> u64 {
        NAMES.iter().map(|name| self.found.with([name]).value()).sum()
    }
}

const NAMES: [&str; 3] = ["a", "b", "c"];

/// What a thread-local does in its destructor.
enum Role {
    /// Records through pinned handles that it has kept.
    Keeps(LocalCounter, LocalHistogram),
    /// Records through pinned handles made then.
    Makes,
    /// Looks up series that the thread may remember, while it still remembers anything.
    LooksUp,
    /// Takes snapshots.
    Scrapes,
    /// Removes the thread's own series, and records into what comes back.
    Scoped(Option<Scope>),
}

struct Actor {
    role: Role,
    metrics: Metrics,
    /// The thread's number.
    thread: String,
    _operation: RunningOperation,
    _timer: Timer,
}

const ROLES: usize = 5;
/// Records of a thread whose locals have all been destroyed: its own and theirs.
const RECORDS: u64 = 1 + ROLES as u64 * 2;
/// Look-ups that recorded: its own and those of one destructor.
const FINDS: u64 = 1 + 3;

impl Actor {
    /// Given to a thread-local at once: this is its first touch.
    fn new(role: usize, metrics: &Metrics, thread: usize) -> Self {
        let (metrics, thread) = (metrics.clone(), thread.to_string());
        let role = match role {
            0 => Role::Keeps(metrics.counter.local(), metrics.sizes.local()),
            1 => Role::Makes,
            2 => Role::LooksUp,
            3 => Role::Scrapes,
            _ => {
                metrics.scoped.at([&thread]).inc_by(7);
                Role::Scoped(Some(metrics.registry.scope(&[("thread", &thread)])))
            }
        };
        let (operation, timer) = (metrics.age.start(), metrics.took.start_timer());
        Self { role, metrics, thread, _operation: operation, _timer: timer }
    }

    fn record_pinned(metrics: &Metrics, counter: &LocalCounter, sizes: &LocalHistogram) {
        counter.inc();
        sizes.record(50);
        metrics.others();
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let Self { role, metrics, thread, .. } = self;
        match role {
            Role::Keeps(counter, sizes) => Self::record_pinned(metrics, counter, sizes),
            Role::Makes => {
                let (counter, sizes) = (metrics.counter.local(), metrics.sizes.local());
                Self::record_pinned(metrics, &counter, &sizes);
            }
            Role::LooksUp => {
                metrics.record();
                metrics.found.at(["a"]).inc();
                metrics.found.at(["b"]).clone().inc();
                metrics.found.at(["c"]).local().inc();
            }
            Role::Scrapes => {
                let count = || {
                    let snapshot = metrics.registry.snapshot();
                    snapshot.family("c_total").unwrap().get(&[]).unwrap().value().as_f64()
                };
                let before = count();
                metrics.record();
                assert!(count() > before, "a snapshot missed a record of its own thread");
            }
            Role::Scoped(scope) => {
                let last = metrics.scoped.with([thread]);
                assert_eq!(last.value(), 7);
                drop(scope.take());
                metrics.scoped.at([thread]).inc();
                last.inc(); // nowhere visible
                assert_eq!(metrics.scoped.with([thread]).value(), 1, "came back with a value");
                assert!(metrics.scoped.remove([thread]));
                metrics.record();
            }
        }
        metrics.record();
    }
}

thread_local! {
    static A: OnceCell<Actor> = const { OnceCell::new() };
    static B: OnceCell<Actor> = const { OnceCell::new() };
    static C: OnceCell<Actor> = const { OnceCell::new() };
    static D: OnceCell<Actor> = const { OnceCell::new() };
    static E: OnceCell<Actor> = const { OnceCell::new() };
}

static LOCALS: [&thread::LocalKey<OnceCell<Actor>>; ROLES] = [&A, &B, &C, &D, &E];

/// A thread that does these steps in this order, and ends: an actor's first touch, the first record
/// of the thread's own, or its first look-up.
fn live(metrics: &Metrics, order: &[usize], thread: usize) {
    for &step in order {
        match LOCALS.get(step) {
            Some(local) => local.with(|local| {
                assert!(local.set(Actor::new(step, metrics, thread)).is_ok());
            }),
            None if step == ROLES => metrics.record(),
            None => metrics.found.at(["a"]).inc(),
        }
    }
}

/// Calls `each` with every order of the steps.
fn orders(each: &mut impl FnMut(&[usize])) {
    fn from(order: &mut [usize], at: usize, each: &mut impl FnMut(&[usize])) {
        if at == order.len() {
            return each(order);
        }
        for next in at..order.len() {
            order.swap(at, next);
            from(order, at + 1, each);
            order.swap(at, next);
        }
    }
    from(&mut std::array::from_fn::<_, { ROLES + 2 }, _>(|step| step), 0, each);
}

/// What so many threads have left.
fn check(metrics: &Metrics, threads: usize, order: &[usize]) {
    let all = threads as u64;
    let seen = (metrics.recorded(), metrics.found(), metrics.age.running());
    assert_eq!(seen, (RECORDS * all, FINDS * all, 0), "{order:?}");
}

/// What all of them have left.
fn check_all(metrics: &Metrics, threads: usize) {
    check(metrics, threads, &[]);
    assert_eq!(metrics.took.count(), (ROLES * threads) as u64);
    let snapshot = metrics.registry.snapshot();
    assert_eq!(snapshot.family("scoped_total").unwrap().series().count(), 0);
}

#[test]
fn every_order_alone() {
    let metrics = Metrics::new();
    let mut threads = 0;
    orders(&mut |order| {
        let (mine, order) = (metrics.clone(), order.to_vec());
        let thread = thread::spawn({
            let order = order.clone();
            move || live(&mine, &order, threads)
        });
        thread.join().unwrap();
        threads += 1;
        check(&metrics, threads, &order);
    });
    assert_eq!(threads, 5040);
    check_all(&metrics, threads);
}

#[test]
fn orders_that_end_while_others_begin() {
    let metrics = Metrics::new();
    let (mut threads, mut alive) = (0, std::collections::VecDeque::new());
    orders(&mut |order| {
        if alive.len() == 16 {
            let first: thread::JoinHandle<()> = alive.pop_front().unwrap();
            first.join().unwrap();
        }
        let (mine, order, at) = (metrics.clone(), order.to_vec(), threads);
        alive.push_back(thread::spawn(move || live(&mine, &order, at)));
        threads += 1;
    });
    alive.into_iter().for_each(|thread| thread.join().unwrap());
    check_all(&metrics, threads);
}
