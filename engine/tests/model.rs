//! Random programs of registering, finding, recording, cloning, dropping, scraping and ending
//! threads, against a model that is a map of numbers: run in lockstep, where every snapshot must
//! equal the model, and freely, where the ends must.

use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex};
use std::thread;
use tmc_engine::{
    Counter, Family, FloatCounter, Gauge, Histogram, HistogramSpec, Instrument, LocalCounter,
    LocalHistogram, Names, Registry, Snapshot, UpDownCounter,
};

const LANES: usize = 4;
const LABELS: [&str; 3] = ["", "a", "b\n"];
const BOUNDS: [f64; 3] = [3.0, 300.0, 310.0];

#[derive(Clone, Copy, Debug)]
enum Op {
    Count(usize, u64),
    Float(usize, u64),
    /// In lockstep only: freely, the last one to set would win.
    Set(usize, i32),
    Add(usize, i32),
    Enter(usize, u64),
    /// As many as this thread has entered, at most.
    Leave(usize, u64),
    Observe(usize, u64),
    /// Through handles pinned to the thread, made at first use and kept.
    CountPinned(usize, u64),
    ObservePinned(usize, u64),
    /// Registers everything again, and records through what comes back.
    Register,
    /// Records through a clone, which then goes.
    Clone(usize),
    /// Drops the thread's handles, pinned ones too.
    Drop,
    Snapshot,
    /// The thread ends; the lane goes on with a new one.
    End,
}

fn ops() -> impl Strategy<Value = Vec<(usize, Op)>> {
    let label = || 0..LABELS.len();
    let units = || (any::<u64>(), 44..64_u32).prop_map(|(n, shift)| n >> shift);
    let op = prop_oneof![
        3 => (label(), 0..1000_u64).prop_map(|(l, n)| Op::Count(l, n)),
        2 => (label(), 0..1000_u64).prop_map(|(l, n)| Op::Float(l, n)),
        2 => (label(), any::<i32>()).prop_map(|(l, n)| Op::Set(l, n)),
        2 => (label(), any::<i32>()).prop_map(|(l, n)| Op::Add(l, n)),
        2 => (label(), 0..9_u64).prop_map(|(l, n)| Op::Enter(l, n)),
        2 => (label(), 0..9_u64).prop_map(|(l, n)| Op::Leave(l, n)),
        3 => (label(), units()).prop_map(|(l, n)| Op::Observe(l, n)),
        3 => (label(), 0..1000_u64).prop_map(|(l, n)| Op::CountPinned(l, n)),
        3 => (label(), units()).prop_map(|(l, n)| Op::ObservePinned(l, n)),
        1 => Just(Op::Register),
        1 => label().prop_map(Op::Clone),
        1 => Just(Op::Drop),
        2 => Just(Op::Snapshot),
        2 => Just(Op::End),
    ];
    (2..=LANES).prop_flat_map(move |lanes| prop::collection::vec((0..lanes, op.clone()), 1..80))
}

/// A series of the model. Histogram: the list of its observations.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    counts: BTreeMap<usize, u64>,
    floats: BTreeMap<usize, u64>,
    gauges: BTreeMap<usize, i64>,
    in_flight: BTreeMap<usize, u64>,
    observed: BTreeMap<usize, Vec<u64>>,
}

impl Model {
    fn add(&mut self, other: &Model) {
        other.counts.iter().for_each(|(l, n)| *self.counts.entry(*l).or_default() += n);
        other.floats.iter().for_each(|(l, n)| *self.floats.entry(*l).or_default() += n);
        other.gauges.iter().for_each(|(l, n)| *self.gauges.entry(*l).or_default() += n);
        other.in_flight.iter().for_each(|(l, n)| *self.in_flight.entry(*l).or_default() += n);
        other.observed.iter().for_each(|(l, n)| self.observed.entry(*l).or_default().extend(n));
    }

    /// What a snapshot must say: family, label, numbers.
    fn lines(&self) -> Vec<(&'static str, &'static str, Vec<f64>)> {
        let mut lines = Vec::new();
        lines.extend(self.counts.iter().map(|(&l, &n)| ("c_total", LABELS[l], vec![n as f64])));
        lines.extend(self.floats.iter().map(|(&l, &n)| ("f_total", LABELS[l], vec![n as f64])));
        lines.extend(self.gauges.iter().map(|(&l, &n)| ("g", LABELS[l], vec![n as f64])));
        lines.extend(self.observed.iter().map(|(&l, list)| {
            let count = |le: f64| list.iter().filter(|&&units| units as f64 <= le).count() as f64;
            let bounds = BOUNDS.into_iter().chain([f64::INFINITY]).map(count);
            ("h", LABELS[l], bounds.chain([list.iter().sum::<u64>() as f64]).collect())
        }));
        lines.extend(self.in_flight.iter().map(|(&l, &n)| ("u", LABELS[l], vec![n as f64])));
        lines.sort_by_key(|line| (line.0, line.1));
        lines
    }
}

fn lines(snapshot: &Snapshot) -> Vec<(&str, &str, Vec<f64>)> {
    let mut lines = Vec::new();
    for family in snapshot.families().filter(|family| !family.name().starts_with("tmc_engine")) {
        for series in family.series() {
            let numbers = match series.value().histogram() {
                Some(read) => {
                    let counts = read.cumulative().into_iter().map(|(_, count)| count as f64);
                    counts.chain([read.sum()]).collect()
                }
                None => vec![series.value().as_f64()],
            };
            lines.push((family.name(), series.label_values().next().unwrap(), numbers));
        }
    }
    lines.sort_by_key(|line| (line.0, line.1));
    lines
}

struct Families {
    counts: Family<Counter, Names<1>>,
    floats: Family<FloatCounter, Names<1>>,
    gauges: Family<Gauge, Names<1>>,
    in_flight: Family<UpDownCounter, Names<1>>,
    observed: Family<Histogram, Names<1>>,
}

impl Families {
    fn new(registry: &Registry) -> Self {
        let spec = HistogramSpec::bytes(&BOUNDS);
        Self {
            counts: registry.counter_family("c_total", "", ["l"]).unwrap(),
            floats: registry.float_counter_family("f_total", "", ["l"]).unwrap(),
            gauges: registry.gauge_family("g", "", ["l"]).unwrap(),
            in_flight: registry.up_down_counter_family("u", "", ["l"]).unwrap(),
            observed: registry.histogram_family("h", "", ["l"], &spec).unwrap(),
        }
    }
}

/// Handles that a thread keeps, by label.
struct Kept<M>(BTreeMap<usize, M>);

impl<M> Default for Kept<M> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<M: Instrument> Kept<M> {
    fn get(&mut self, family: &Family<M, Names<1>>, label: usize) -> &M {
        self.0.entry(label).or_insert_with(|| family.with([LABELS[label]]))
    }
}

/// What one thread has of its own.
#[derive(Default)]
struct Handles {
    counts: Kept<Counter>,
    gauges: Kept<Gauge>,
    observed: Kept<Histogram>,
    pinned: BTreeMap<usize, LocalCounter>,
    pinned_observed: BTreeMap<usize, LocalHistogram>,
}

/// Does one operation, in the engine and in the model.
fn step(
    op: Op,
    registry: &Registry,
    families: &Families,
    handles: &mut Handles,
    model: &mut Model,
    lockstep: bool,
) {
    match op {
        Op::Count(l, n) => {
            handles.counts.get(&families.counts, l).inc_by(n);
            *model.counts.entry(l).or_default() += n;
        }
        Op::Float(l, n) => {
            families.floats.with([LABELS[l]]).inc_by(n as f64);
            *model.floats.entry(l).or_default() += n;
        }
        Op::Set(l, n) if lockstep => {
            handles.gauges.get(&families.gauges, l).set(n.into());
            model.gauges.insert(l, n.into());
        }
        Op::Set(l, n) | Op::Add(l, n) => {
            handles.gauges.get(&families.gauges, l).add(n.into());
            *model.gauges.entry(l).or_default() += i64::from(n);
        }
        Op::Enter(l, n) => {
            families.in_flight.with([LABELS[l]]).add(n);
            *model.in_flight.entry(l).or_default() += n;
        }
        Op::Leave(l, n) => {
            let entered = model.in_flight.entry(l).or_default();
            let n = n.min(*entered);
            families.in_flight.with([LABELS[l]]).sub(n);
            *entered -= n;
        }
        Op::Observe(l, n) => {
            handles.observed.get(&families.observed, l).record(n);
            model.observed.entry(l).or_default().push(n);
        }
        Op::CountPinned(l, n) => {
            let pinned = || families.counts.with([LABELS[l]]).local();
            handles.pinned.entry(l).or_insert_with(pinned).inc_by(n);
            *model.counts.entry(l).or_default() += n;
        }
        Op::ObservePinned(l, n) => {
            let pinned = || families.observed.with([LABELS[l]]).local();
            handles.pinned_observed.entry(l).or_insert_with(pinned).record(n);
            model.observed.entry(l).or_default().push(n);
        }
        Op::Register => {
            Families::new(registry).counts.with([LABELS[0]]).inc();
            *model.counts.entry(0).or_default() += 1;
        }
        Op::Clone(l) => {
            let clone = handles.counts.get(&families.counts, l).clone();
            clone.inc();
            *model.counts.entry(l).or_default() += 1;
        }
        Op::Drop => *handles = Handles::default(),
        Op::Snapshot if lockstep => assert_eq!(lines(&registry.snapshot()), model.lines()),
        Op::Snapshot => assert!(lines(&registry.snapshot()).len() <= 5 * LABELS.len()),
        Op::End => {}
    }
}

/// Whose turn it is, in lockstep.
#[derive(Default)]
struct Turns {
    next: Mutex<usize>,
    bell: Condvar,
}

impl Turns {
    /// Runs `work` as number `at`. When it panics, nobody waits any more.
    fn take(&self, at: usize, work: impl FnOnce()) {
        struct Pass<'a>(&'a Turns);
        impl Drop for Pass<'_> {
            fn drop(&mut self) {
                let mut next = self.0.next.lock().unwrap();
                *next = if thread::panicking() { usize::MAX } else { next.saturating_add(1) };
                self.0.bell.notify_all();
            }
        }
        drop(self.bell.wait_while(self.next.lock().unwrap(), |next| *next < at).unwrap());
        let _pass = Pass(self);
        work();
    }
}

/// The operations of one lane with their places in the program, cut where its threads end.
fn lives(program: &[(usize, Op)], lane: usize) -> Vec<Vec<(usize, Op)>> {
    let mut lives = vec![Vec::new()];
    for (at, &(_, op)) in program.iter().enumerate().filter(|(_, step)| step.0 == lane) {
        lives.last_mut().unwrap().push((at, op));
        if matches!(op, Op::End) {
            lives.push(Vec::new());
        }
    }
    lives
}

#[test]
fn lives_end_where_the_program_says() {
    let program = [(0, Op::Drop), (1, Op::Drop), (0, Op::End), (0, Op::Snapshot), (0, Op::End)];
    let cut = |lane| lives(&program, lane).iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!((cut(0), cut(1), cut(2)), (vec![2, 2, 0], vec![1], vec![0]));
}

/// Runs the program; returns what the engine and the model say in the end.
fn run(program: &[(usize, Op)], lockstep: bool) -> (Registry, Model) {
    let registry = Registry::new();
    let families = Families::new(&registry);
    let (turns, shared) = (Turns::default(), Mutex::new(Model::default()));
    let life = |steps: &[(usize, Op)], own: &mut Model| {
        let mut handles = Handles::default();
        for &(at, op) in steps {
            let mut step =
                |model: &mut Model| step(op, &registry, &families, &mut handles, model, lockstep);
            match lockstep {
                true => turns.take(at, || step(&mut shared.lock().unwrap())),
                false => step(own),
            }
        }
    };
    thread::scope(|scope| {
        let lane = |lane| {
            let (life, shared) = (&life, &shared);
            move || {
                let mut own = Model::default();
                for steps in lives(program, lane) {
                    thread::scope(|scope| {
                        let thread = scope.spawn(|| life(&steps, &mut own));
                        thread.join().unwrap(); // and so have its destructors
                    });
                }
                if !lockstep {
                    shared.lock().unwrap().add(&own);
                }
            }
        };
        let lanes: Vec<_> = (0..LANES).map(|at| scope.spawn(lane(at))).collect();
        lanes.into_iter().for_each(|lane| lane.join().unwrap());
    });
    drop(families);
    (registry, shared.into_inner().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(debug_assertions) { 150 } else { 1500 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn in_lockstep_every_snapshot_is_the_model(program in ops()) {
        let (registry, model) = run(&program, true);
        let snapshot = registry.snapshot();
        prop_assert_eq!(lines(&snapshot), model.lines());
    }

    #[test]
    fn freely_the_end_is_the_model(program in ops()) {
        let (registry, model) = run(&program, false);
        let snapshot = registry.snapshot();
        prop_assert_eq!(lines(&snapshot), model.lines());
    }
}
