//! The life of series against lists and maps: registering, looking up, recording, removing in every
//! way, limits and retirement, in any order. Every snapshot and every handle says what the model says.
//!
//! Upstream: libFuzzer. Downstream: `tmc_engine`'s registry and snapshot.
#![no_main]

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use tmc_engine::{
    Clock, Counter, CounterFamily, Gauge, GaugeFamily, Histogram, HistogramFamily, HistogramSpec,
    ManualClock, OVERFLOW_LABEL, Registry, Scope, Snapshot, UpDownCounter, UpDownCounterFamily,
};
use tmc_fuzz::lives::{Kind, Labels, Life, Model};
use tmc_fuzz::rest::Rest;

#[derive(Arbitrary, Debug)]
struct Case {
    limit: u8,
    retention: u8,
    ops: Rest<Op>,
}

#[derive(Arbitrary, Clone, Debug)]
enum Op {
    At(Kind, u8, u16),
    With(Kind, u8, u16),
    /// Looks up and keeps the handle.
    Keep(Kind, u8),
    /// Records through a kept handle, or drops it.
    Use(u8, u16),
    Drop(u8),
    Register,
    Remove(Kind, u8),
    RemoveOverflow(Kind),
    RemoveMatching(Kind, bool, u8),
    RemoveEverywhere(bool, u8),
    Retain(Kind, bool, u8),
    Clear(Kind),
    Replace(Vec<(u8, u16)>),
    Open(bool, u8),
    Close(u8),
    Advance(u8),
    Snapshot,
}

/// The values of both labels. In order, so that pairs of them are in the order of `replace_all`.
const VALUES: [&str; 3] = ["\n", "\"", "x"];
const BOUNDS: [f64; 2] = [16.0, 1000.0];

fn labels(at: u8) -> Labels {
    let at = usize::from(at) % 9;
    [VALUES[at / 3], VALUES[at % 3]]
}

/// A label's name and place, and one of its values.
fn one(second: bool, at: u8) -> (&'static str, usize, &'static str) {
    let value = VALUES[usize::from(at) % 3];
    if second { ("b", 1, value) } else { ("a", 0, value) }
}

struct Families {
    counts: CounterFamily<2>,
    gauges: GaugeFamily<2>,
    sizes: HistogramFamily<2>,
    flights: UpDownCounterFamily<2>,
}

/// The same call for a family of any type.
macro_rules! of_kind {
    ($families:expr, $kind:expr, $family:ident => $call:expr) => {
        match $kind {
            Kind::Count => {
                let $family = &$families.counts;
                $call
            }
            Kind::Gauge => {
                let $family = &$families.gauges;
                $call
            }
            Kind::Sizes => {
                let $family = &$families.sizes;
                $call
            }
            Kind::Flight => {
                let $family = &$families.flights;
                $call
            }
        }
    };
}

impl Families {
    fn new(registry: &Registry) -> Self {
        let labels = ["a", "b"];
        Self {
            counts: registry.counter_family("c_total", "", labels).expect("a family"),
            gauges: registry.gauge_family("g", "", labels).expect("a family"),
            sizes: registry
                .histogram_family("s", "", labels, &HistogramSpec::plain(&BOUNDS))
                .expect("a family"),
            flights: registry.up_down_counter_family("u", "", labels).expect("a family"),
        }
    }

    fn with(&self, kind: Kind, labels: Labels) -> Handle {
        match kind {
            Kind::Count => Handle::Count(self.counts.with(labels)),
            Kind::Gauge => Handle::Gauge(self.gauges.with(labels)),
            Kind::Sizes => Handle::Sizes(self.sizes.with(labels)),
            Kind::Flight => Handle::Flight(self.flights.with(labels)),
        }
    }

    fn record_at(&self, kind: Kind, labels: Labels, n: u64) {
        match kind {
            Kind::Count => self.counts.at(labels).inc_by(n),
            Kind::Gauge => self.gauges.at(labels).set(n as f64),
            Kind::Sizes => self.sizes.at(labels).record(n),
            Kind::Flight => self.flights.at(labels).add(n),
        }
    }
}

enum Handle {
    Count(Counter),
    Gauge(Gauge),
    Sizes(Histogram),
    Flight(UpDownCounter),
}

impl Handle {
    fn record(&self, n: u64) {
        match self {
            Self::Count(count) => count.inc_by(n),
            Self::Gauge(gauge) => gauge.set(n as f64),
            Self::Sizes(sizes) => sizes.record(n),
            Self::Flight(flight) => flight.add(n),
        }
    }

    /// The value; a histogram's sum.
    fn value(&self) -> f64 {
        match self {
            Self::Count(count) => count.value() as f64,
            Self::Gauge(gauge) => gauge.value(),
            Self::Sizes(sizes) => sizes.sum(),
            Self::Flight(flight) => flight.value() as f64,
        }
    }
}

/// A handle and the life of the series that it is to, if that can be seen.
type Kept = (Kind, Handle, Option<Rc<Life>>);

fuzz_target!(|case: Case| run(&case));

fn run(case: &Case) {
    let clock = ManualClock::new();
    let began = Clock::from(clock.clone()).wall();
    let (limit, retention) = (usize::from(case.limit % 10), u64::from(case.retention % 16) + 1);
    let registry = Registry::builder()
        .series_limit(limit)
        .retention_period(Duration::from_secs(retention))
        .clock(clock.clone())
        .build()
        .expect("settings");
    let mut families = Families::new(&registry);
    let mut model = Model::new(limit, retention);
    let mut kept: Vec<Kept> = Vec::new();
    let mut scopes: Vec<(Scope, usize, &str)> = Vec::new();
    for op in case.ops.0.iter().take(300) {
        match *op {
            Op::At(kind, at, n) => {
                families.record_at(kind, labels(at), n.into());
                model.look_up(kind, labels(at)).inspect(|life| life.record(kind, n.into()));
            }
            Op::With(kind, at, n) => {
                families.with(kind, labels(at)).record(n.into());
                model.look_up(kind, labels(at)).inspect(|life| life.record(kind, n.into()));
            }
            Op::Keep(kind, at) => {
                let life = model.look_up(kind, labels(at));
                kept.push((kind, families.with(kind, labels(at)), life));
            }
            Op::Use(at, n) => {
                let at = usize::from(at) % kept.len().max(1);
                let Some((kind, handle, life)) = kept.get(at) else { continue };
                handle.record(n.into());
                life.iter().for_each(|life| life.record(*kind, n.into()));
            }
            Op::Drop(at) if kept.is_empty() => _ = at,
            Op::Drop(at) => drop(kept.swap_remove(usize::from(at) % kept.len())),
            Op::Register => families = Families::new(&registry),
            Op::Remove(kind, at) => {
                let removed = of_kind!(families, kind, family => family.remove(labels(at)));
                assert_eq!(usize::from(removed), model.remove(kind, |l| *l == labels(at)));
            }
            Op::RemoveOverflow(kind) => {
                let labels = [OVERFLOW_LABEL; 2];
                let removed = of_kind!(families, kind, family => family.remove(labels));
                assert_eq!(usize::from(removed), model.remove(kind, |l| *l == labels));
            }
            Op::RemoveMatching(kind, second, at) => {
                let (name, place, value) = one(second, at);
                let matching = [(name, value)];
                let removed = of_kind!(families, kind, family => family.remove_matching(&matching));
                assert_eq!(removed.ok(), Some(model.remove(kind, |l| l[place] == value)));
            }
            Op::RemoveEverywhere(second, at) => {
                let (name, place, value) = one(second, at);
                let removed = registry.remove_matching(&[(name, value)]);
                assert_eq!(removed, model.remove_everywhere(place, value));
            }
            Op::Retain(kind, second, at) => {
                let (name, place, value) = one(second, at);
                let removed = of_kind!(families, kind, family => {
                    family.retain(|labels| labels.get(name) == Some(value))
                });
                let gone = |l: &Labels| l[place] != value && l[0] != OVERFLOW_LABEL;
                assert_eq!(removed, model.remove(kind, gone));
            }
            Op::Clear(kind) => {
                let removed = of_kind!(families, kind, family => family.clear());
                assert_eq!(removed, model.remove(kind, |_| true));
            }
            Op::Replace(ref set) => {
                let set = || set.iter().map(|&(at, n)| (labels(at), f64::from(n)));
                families.gauges.replace_all(set());
                model.replace(set().collect());
            }
            Op::Open(second, at) => {
                let (name, place, value) = one(second, at);
                scopes.push((registry.scope(&[(name, value)]), place, value));
            }
            Op::Close(at) if scopes.is_empty() => _ = at,
            Op::Close(at) => {
                let (scope, place, value) = scopes.swap_remove(usize::from(at) % scopes.len());
                drop(scope);
                model.remove_everywhere(place, value);
            }
            Op::Advance(seconds) => {
                clock.advance(Duration::from_secs(u64::from(seconds % 8)));
                model.now += u64::from(seconds % 8);
            }
            Op::Snapshot => {
                check(&registry.snapshot(), &model, began);
                model.retire();
            }
        }
        for (kind, handle, life) in &kept {
            if let Some(life) = life {
                assert_eq!(Some(&handle.value()), life.numbers(*kind, &BOUNDS).last());
            }
        }
    }
    check(&registry.snapshot(), &model, began);
}

/// The snapshot shows the model's series, in their order, and nothing else.
fn check(snapshot: &Snapshot, model: &Model, began: SystemTime) {
    let kinds =
        [(Kind::Count, "c_total"), (Kind::Gauge, "g"), (Kind::Sizes, "s"), (Kind::Flight, "u")];
    let overflow = snapshot.family("tmc_engine_overflow_total").expect("the engine's own");
    for (kind, name) in kinds {
        let mut shown = Vec::new();
        for series in snapshot.family(name).expect("a family").series() {
            let numbers = match series.value().histogram() {
                Some(read) => {
                    let counts = read.cumulative().into_iter().map(|(_, count)| count as f64);
                    counts.chain([read.sum()]).collect()
                }
                None => vec![series.value().as_f64()],
            };
            let labels: BTreeMap<_, _> = series.labels().collect();
            let created = series.created().duration_since(began).expect("not before").as_secs();
            shown.push(([labels["a"], labels["b"]], numbers, created));
        }
        let line = |life: &Rc<Life>| (life.labels, life.numbers(kind, &BOUNDS), life.created);
        let expected: Vec<_> = model.of(kind).series.iter().map(line).collect();
        assert_eq!(shown, expected, "{name}");
        let overflowed = overflow.get(&[name]).map(|series| series.value().as_f64());
        assert_eq!(overflowed, Some(model.of(kind).overflowed as f64), "{name}");
    }
}
