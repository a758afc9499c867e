//! Random programs of everything that a registry can do, by threads that come and go, against a
//! model that is lists and numbers. In lockstep every snapshot must equal the model: values, the set
//! of series and its order, start timestamps, counts of what overflowed. Freely, with what commutes,
//! the ends must.

#![allow(unreachable_pub, missing_docs)]

mod model;
mod world;

use model::Model;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex};
use std::thread;
use world::{Families, Handle, World};

const LANES: usize = 4;
/// Values of the labels `a` and `b`, in the order of a replaced set; the last are the overflow's.
const LABELS: [[&str; 2]; 7] = [
    ["\n", "1"],
    ["\n", "\\"],
    ["\n", "b"],
    ["x", "1"],
    ["x", "\\"],
    ["x", "b"],
    ["__overflow__", "__overflow__"],
];
const OVERFLOW: usize = 6;
/// Fewer than there are label sets.
const LIMIT: usize = 4;

/// In the order of the families' names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Count,
    Float,
    Gauge,
    Sizes,
    Flight,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Count, Self::Float, Self::Gauge, Self::Sizes, Self::Flight];

    const fn name(self) -> &'static str {
        ["c_total", "f_total", "g", "h", "u"][self as usize]
    }
}

/// How a record reaches its series.
#[derive(Clone, Copy, Debug)]
enum Way {
    With,
    At,
    /// Through a handle that the thread keeps, made at first use.
    Held,
    /// The same, pinned to the thread if there is such a handle.
    Pinned,
}

#[derive(Clone, Debug)]
enum Op {
    Record(Kind, Way, usize, u64),
    Set(usize, u64),
    /// As many as this thread has entered through its handle, at most.
    Leave(usize, u64),
    /// Two look-ups at once.
    Nested(usize, usize),
    /// Registers everything again, and records through what comes back.
    Register,
    Remove(Kind, usize),
    RemoveMatching(Kind, usize),
    RemoveEverywhere(usize),
    /// A scope of both labels that is dropped at once.
    Scope(usize),
    Retain(Kind, usize),
    Clear(Kind),
    Replace(Vec<(usize, u64)>),
    Advance(u64),
    Snapshot,
    /// Drops the thread's handles.
    Drop,
    /// The thread ends; the lane goes on with a new one.
    End,
}

impl Op {
    /// Whether it comes to the same in any order.
    fn commutes(&self) -> bool {
        use Op::*;
        let moves = matches!(self, Record(..) | Leave(..) | Nested(..) | Register);
        moves || matches!(self, Snapshot | Drop | End)
    }
}

fn ops() -> impl Strategy<Value = Vec<(usize, Op)>> {
    let kind = || prop::sample::select(&Kind::ALL[..]);
    let way = || prop::sample::select(&[Way::With, Way::At, Way::Held, Way::Pinned][..]);
    let label = || 0..OVERFLOW;
    let units = || (any::<u64>(), 44..64_u32).prop_map(|(n, shift)| n >> shift);
    let op = prop_oneof![
        24 => (kind(), way(), label(), units()).prop_map(|(k, w, l, n)| Op::Record(k, w, l, n)),
        2 => (label(), units()).prop_map(|(l, n)| Op::Set(l, n)),
        3 => (label(), 0..9_u64).prop_map(|(l, n)| Op::Leave(l, n)),
        2 => (label(), label()).prop_map(|(a, b)| Op::Nested(a, b)),
        1 => Just(Op::Register),
        3 => (kind(), 0..=OVERFLOW).prop_map(|(k, l)| Op::Remove(k, l)),
        1 => (kind(), label()).prop_map(|(k, l)| Op::RemoveMatching(k, l)),
        1 => label().prop_map(Op::RemoveEverywhere),
        1 => label().prop_map(Op::Scope),
        1 => (kind(), label()).prop_map(|(k, l)| Op::Retain(k, l)),
        1 => kind().prop_map(Op::Clear),
        2 => prop::collection::vec((label(), units()), 0..8).prop_map(Op::Replace),
        4 => (1..9_u64).prop_map(Op::Advance),
        6 => Just(Op::Snapshot),
        2 => Just(Op::Drop),
        2 => Just(Op::End),
    ];
    (2..=LANES).prop_flat_map(move |lanes| prop::collection::vec((0..lanes, op.clone()), 1..120))
}

/// A handle, which life of the series it is to, and what the thread has in flight through it.
struct Kept {
    handle: Handle,
    life: Option<usize>,
    entered: u64,
}

/// What one thread keeps, by type, label, and whether it is pinned.
type Handles = BTreeMap<(Kind, usize, bool), Kept>;

struct Run {
    world: World,
    model: Mutex<Model>,
    lockstep: bool,
}

impl Run {
    /// Does one operation, in the engine and then in the model.
    fn step(&self, op: &Op, handles: &mut Handles) {
        let Self { world: World { registry, families, .. }, .. } = self;
        let model = || self.model.lock().unwrap();
        match *op {
            Op::Record(kind, Way::With, l, n) => {
                families.with(kind, l).record(n);
                let life = model().find(kind, l);
                model().record(kind, life, n);
            }
            Op::Record(kind, Way::At, l, n) => {
                families.record_at(kind, l, n);
                let life = model().find(kind, l);
                model().record(kind, life, n);
            }
            Op::Record(kind, way, l, n) => {
                let kept = self.keep(handles, kind, l, matches!(way, Way::Pinned));
                kept.handle.record(n);
                kept.entered += n;
                model().record(kind, kept.life, n);
                self.check(kind, kept);
            }
            Op::Set(l, n) => {
                families.gauges.at(LABELS[l]).set(n as f64);
                let life = model().find(Kind::Gauge, l);
                model().set(life, n as f64);
            }
            Op::Leave(l, n) => {
                let kept = self.keep(handles, Kind::Flight, l, false);
                let n = n.min(kept.entered);
                kept.handle.leave(n);
                kept.entered -= n;
                model().leave(kept.life, n);
                self.check(Kind::Flight, kept);
            }
            Op::Nested(a, b) => {
                let (first, second) =
                    (families.counts.at(LABELS[a]), families.counts.at(LABELS[b]));
                first.inc();
                second.inc_by(2);
                for (label, n) in [(a, 1), (b, 2)] {
                    let life = model().find(Kind::Count, label);
                    model().record(Kind::Count, life, n);
                }
            }
            Op::Register => {
                Families::new(registry).with(Kind::Count, 0).record(1);
                let life = model().find(Kind::Count, 0);
                model().record(Kind::Count, life, 1);
            }
            Op::Remove(kind, l) => {
                let expected = model().remove(kind, |label| label == l) == 1;
                assert_eq!(families.remove(kind, l), expected);
            }
            Op::RemoveMatching(kind, l) => {
                let removed = families.remove_matching(kind, &[("b", LABELS[l][1])]);
                assert_eq!(removed, model().remove(kind, |label| LABELS[label][1] == LABELS[l][1]));
            }
            Op::RemoveEverywhere(l) => {
                let removed = registry.remove_matching(&[("a", LABELS[l][0])]);
                let gone = |label: usize| LABELS[label][0] == LABELS[l][0];
                let expected = Kind::ALL.map(|kind| model().remove(kind, gone));
                assert_eq!(removed, expected.iter().sum());
            }
            Op::Scope(l) => {
                drop(registry.scope(&[("b", LABELS[l][1]), ("a", LABELS[l][0])]));
                for kind in Kind::ALL {
                    model().remove(kind, |label| label == l);
                }
            }
            Op::Retain(kind, l) => {
                let removed = families.retain_only(kind, LABELS[l][1]);
                let gone = |label: usize| label != OVERFLOW && LABELS[label][1] != LABELS[l][1];
                assert_eq!(removed, model().remove(kind, gone));
            }
            Op::Clear(kind) => {
                assert_eq!(families.clear(kind), model().remove(kind, |_| true));
            }
            Op::Replace(ref set) => {
                families.gauges.replace_all(set.iter().map(|&(l, n)| (LABELS[l], n as f64)));
                model().replace_all(&set.iter().copied().collect());
            }
            Op::Advance(seconds) => {
                self.world.advance(seconds);
                model().advance(seconds);
            }
            Op::Snapshot => self.snapshot(),
            Op::Drop | Op::End => {
                for (_, kept) in std::mem::take(handles) {
                    drop(kept.handle);
                    model().release(kept.life);
                }
            }
        }
    }

    fn keep<'a>(
        &self,
        handles: &'a mut Handles,
        kind: Kind,
        label: usize,
        pinned: bool,
    ) -> &'a mut Kept {
        handles.entry((kind, label, pinned)).or_insert_with(|| {
            let handle = self.world.families.with(kind, label);
            let mut model = self.model.lock().unwrap();
            let life = model.find(kind, label);
            model.hold(life);
            Kept { handle: if pinned { handle.pinned() } else { handle }, life, entered: 0 }
        })
    }

    /// A handle says what was recorded into its life of the series, removed or not.
    fn check(&self, kind: Kind, kept: &Kept) {
        if let (Some(life), true) = (kept.life, self.lockstep) {
            let numbers = self.model.lock().unwrap().numbers(kind, life);
            assert_eq!(Some(&kept.handle.value()), numbers.last());
        }
    }

    fn snapshot(&self) {
        let snapshot = self.world.registry.snapshot();
        if self.lockstep {
            let mut model = self.model.lock().unwrap();
            assert_eq!(self.world.lines(&snapshot), model.lines());
            assert_eq!(self.world.overflowed(&snapshot), model.overflowed());
            model.retire();
        }
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
fn lives(program: &[(usize, Op)], lane: usize) -> Vec<Vec<(usize, &Op)>> {
    let mut lives = vec![Vec::new()];
    for (at, (_, op)) in program.iter().enumerate().filter(|(_, step)| step.0 == lane) {
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

/// Runs the program, in lockstep or freely, to its end: that of all threads.
fn run(program: &[(usize, Op)], lockstep: bool) -> Run {
    let ends = (0..LANES).map(|lane| (lane, Op::End));
    let program: Vec<_> = program.iter().cloned().chain(ends).collect();
    let limit = if lockstep { LIMIT } else { LABELS.len() };
    let run = Run { world: World::new(limit), model: Mutex::new(Model::new(limit)), lockstep };
    let turns = Turns::default();
    let life = |steps: &[(usize, &Op)]| {
        let mut handles = Handles::new();
        for &(at, op) in steps {
            match lockstep {
                true => turns.take(at, || run.step(op, &mut handles)),
                false => run.step(op, &mut handles),
            }
        }
    };
    thread::scope(|scope| {
        let lane = |lane| {
            let (life, program) = (&life, &program);
            move || {
                for steps in lives(program, lane) {
                    thread::scope(|scope| {
                        let thread = scope.spawn(|| life(&steps));
                        thread.join().unwrap(); // and so have its destructors
                    });
                }
            }
        };
        let lanes: Vec<_> = (0..LANES).map(|at| scope.spawn(lane(at))).collect();
        lanes.into_iter().for_each(|lane| lane.join().unwrap());
    });
    run
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(debug_assertions) { 300 } else { 3000 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn in_lockstep_every_snapshot_is_the_model(program in ops()) {
        run(&program, true).snapshot();
    }

    #[test]
    fn freely_the_end_is_the_model(program in ops()) {
        let program: Vec<_> = program.into_iter().filter(|(_, op)| op.commutes()).collect();
        let Run { world, model, .. } = run(&program, false);
        let snapshot = world.registry.snapshot();
        let (mut lines, mut expected) = (world.lines(&snapshot), model.into_inner().unwrap().lines());
        for lines in [&mut lines, &mut expected] {
            lines.sort_by_key(|line| (line.0, line.1));
        }
        prop_assert_eq!(lines, expected);
    }
}
