//! Every way to write a large family as text: the engine, the peers, a plain copy.
//! Upstream: workload, tmc-exposition and the peers. Downstream: the encoding bench.
//!
//! Each turn changes values first, outside of the time that counts, then encodes into memory that is
//! kept from turn to turn where the contender's interface lets its caller keep it. The time goes on until
//! the same [`Sink`] has read every byte, for all but the plain copy.

pub(crate) mod change;
pub(crate) mod engine;
mod histograms;
mod model;
mod peers;
mod sink;
pub(crate) mod workload;

use std::hint::black_box;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::contest::{Contender, Lap, Role};
use crate::name;
pub use change::Change;
use engine::{Copy, Tmc};
use model::Model;
pub use sink::Sink;
pub use workload::Workload;

/// Reads how often this process has allocated so far.
pub type Allocations = fn() -> u64;

/// A registry full of series, and its way to text.
trait Encode: Send {
    /// Adds to a counter, or observes so many nanoseconds in a histogram.
    fn add(&mut self, series: usize, amount: u64);

    /// Called when all values have changed, outside of the time that counts.
    fn refresh(&mut self) {}

    /// Replaces the text by the current state.
    fn encode(&mut self);

    /// Hands what the last [`encode`](Self::encode) wrote to `sink`, in order, in as many pieces as it
    /// has.
    fn read(&self, sink: &mut dyn FnMut(&[u8]));

    /// The same in one piece.
    fn text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        self.read(&mut |bytes| text.extend_from_slice(bytes));
        text
    }
}

/// One contender of the encoding bench.
pub struct Encoder {
    name: &'static str,
    role: Role,
    change: Change,
    allocations: Allocations,
    state: Mutex<State>,
}

/// Most series of which a text may be in the cache from one turn to the next.
const CACHED: usize = 100_000;

struct State {
    encode: Box<dyn Encode>,
    model: Model,
    turns: u64,
    allocated: u64,
}

/// Size and cost of a text, beside the time that the contest takes.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    /// Length of the last text.
    pub bytes: usize,
    /// Allocations during the last encoding.
    pub allocations: u64,
}

/// All contenders, fresh, each with all counters of `workload`, of which every one changes before each
/// turn.
#[must_use]
pub fn counters(workload: Workload, allocations: Allocations) -> Vec<Encoder> {
    let mut ours = Tmc::counters(workload);
    let made: [(&'static str, Role, Box<dyn Encode>); 7] = [
        (name::COPY, Role::Baseline, Box::new(Copy::of(&mut ours))),
        (name::ENCODER, Role::Engine, Box::new(ours)),
        (name::PROMETHEUS, Role::Peer, Box::new(peers::Prometheus::new(workload))),
        (name::PROMETHEUS_CLIENT, Role::Peer, Box::new(peers::Client::new(workload))),
        (name::METRICS, Role::Peer, Box::new(peers::Metrics::new(workload))),
        (name::MEASURED, Role::Peer, Box::new(peers::Measured::new(workload))),
        (name::FASTMETRICS, Role::Peer, Box::new(peers::Fastmetrics::new(workload))),
    ];
    let model = || Model::counters(workload);
    contenders(made, Change::All, model, allocations)
}

/// The same with histograms: each observes once before each turn.
#[must_use]
pub fn histograms(workload: Workload, allocations: Allocations) -> Vec<Encoder> {
    let mut ours = Tmc::histograms(workload);
    let made: [(&'static str, Role, Box<dyn Encode>); 7] = [
        (name::COPY, Role::Baseline, Box::new(Copy::of(&mut ours))),
        (name::ENCODER, Role::Engine, Box::new(ours)),
        (name::PROMETHEUS, Role::Peer, histograms::prometheus(workload)),
        (name::PROMETHEUS_CLIENT, Role::Peer, histograms::client(workload)),
        (name::METRICS, Role::Peer, histograms::metrics(workload)),
        (name::MEASURED, Role::Peer, histograms::measured(workload)),
        (name::FASTMETRICS, Role::Peer, histograms::fastmetrics(workload)),
    ];
    let model = || Model::histograms(workload);
    contenders(made, Change::All, model, allocations)
}

/// The engine alone, once for each [`Change`], beside a copy of the same bytes. The peers write
/// everything anew, whatever changed.
#[must_use]
pub fn changes(workload: Workload, allocations: Allocations) -> Vec<Encoder> {
    let copy = Copy::of(&mut Tmc::counters(workload));
    let model = || Model::counters(workload);
    let copy: [(_, _, Box<dyn Encode>); 1] = [(name::COPY, Role::Baseline, Box::new(copy))];
    let mut all = contenders(copy, Change::Nothing, model, allocations);
    for change in Change::EVERY {
        let ours: Box<dyn Encode> = Box::new(Tmc::counters(workload));
        all.extend(contenders([(change.row(), Role::Engine, ours)], change, model, allocations));
    }
    all
}

fn contenders(
    made: impl IntoIterator<Item = (&'static str, Role, Box<dyn Encode>)>,
    change: Change,
    model: impl Fn() -> Model,
    allocations: Allocations,
) -> Vec<Encoder> {
    let contender = |(name, role, encode)| {
        let state = Mutex::new(State { encode, model: model(), turns: 0, allocated: 0 });
        // What is copied was written at the start.
        let change = if role == Role::Baseline { Change::Nothing } else { change };
        Encoder { name, role, change, allocations, state }
    };
    made.into_iter().map(contender).collect()
}

impl Encoder {
    /// What the last turn wrote.
    #[must_use]
    pub fn written(&self) -> Written {
        let state = self.lock();
        let mut bytes = 0;
        state.encode.read(&mut |piece| bytes += piece.len());
        Written { bytes, allocations: state.allocated }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the whole text.
fn sink(encode: &dyn Encode) {
    let mut sink = Sink::default();
    encode.read(&mut |bytes| sink.read(bytes));
    black_box(sink.sum());
}

impl Contender for Encoder {
    fn name(&self) -> &'static str {
        self.name
    }

    fn role(&self) -> Role {
        self.role
    }

    fn prepare(&self) {
        let mut state = self.lock();
        let State { encode, model, turns, .. } = &mut *state;
        if model.series() <= CACHED {
            // Whose turn it is finds the cache as a loop of its own would leave it.
            encode.encode();
            sink(&**encode);
        }
        model.change(self.change, *turns, |series, amount| encode.add(series, amount));
        *turns += 1;
        encode.refresh();
    }

    fn run(&self, lap: &Lap<'_>) {
        let mut state = self.lock();
        lap.race(state.model.series() as u64, || {
            let before = (self.allocations)();
            state.encode.encode();
            if self.role != Role::Baseline {
                sink(&*state.encode);
            }
            state.allocated = (self.allocations)() - before;
        });
    }

    fn verify(&self, _: u64) -> Result<(), String> {
        let state = self.lock();
        let text = state.encode.text();
        state.model.check(std::str::from_utf8(&text).map_err(|error| error.to_string())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contest::{Plan, Until, run};

    #[test]
    fn every_contender_writes_every_series() {
        let workload = Workload::new(1000);
        let plan = Plan { threads: 1, rounds: 3, most_rounds: 3, until: Until::Batches(1) };
        let contests =
            [counters(workload, || 0), histograms(workload, || 0), changes(workload, || 0)];
        for (contenders, count) in contests.iter().zip([7, 7, 5]) {
            assert_eq!(run(contenders, plan).len(), count);
            assert!(contenders.iter().all(|contender| contender.written().bytes > 100_000));
        }
    }

    #[test]
    fn a_text_that_is_behind_is_found() {
        let contenders = counters(Workload::new(1000), || 0);
        for contender in &contenders[1..] {
            let mut state = contender.lock();
            state.encode.encode();
            drop(state);
            assert_eq!(contender.verify(0), Ok(()), "{}", contender.name());
            contender.prepare();
            assert!(contender.verify(0).is_err(), "{}", contender.name());
        }
    }

    #[test]
    fn the_engine_writes_what_the_naive_twin_writes() {
        let workload = Workload::new(1000);
        let mut ours = Tmc::counters(workload);
        let mut values: Vec<u64> = (0..1000).map(Workload::unrelated).collect();
        ours.add(17, 4);
        values[17] += 4;
        ours.encode();
        let text = String::from_utf8(ours.text()).unwrap();
        let naive = Workload::naive(&values);
        let lines = |text| {
            // The engine adds metrics of its own, which the twin knows nothing about.
            let samples = crate::text::samples(text);
            let mut lines: Vec<&str> =
                samples.filter(|line| line.starts_with(workload::NAME)).collect();
            lines.sort_unstable();
            lines
        };
        assert_eq!(lines(&text), lines(&naive));
    }
}
