//! Every way to write a large family of counters as text: the engine, the peers, a plain copy.
//! Upstream: workload, tmc-exposition and the peers. Downstream: the encoding bench.
//!
//! Each turn changes every value first, outside of the time that counts, then encodes into memory
//! that is kept from turn to turn where the contender's interface lets its caller keep it.

mod engine;
mod peers;
pub(crate) mod workload;

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::contender::same_total;
use crate::contest::{Contender, Lap, Role};
pub use workload::Workload;

/// Reads how often this process has allocated so far.
pub type Allocations = fn() -> u64;

/// A registry full of counters, and its way to text.
trait Encode: Send {
    /// Adds to one series.
    fn add(&mut self, series: usize, amount: u64);

    /// Called when all values have changed, outside of the time that counts.
    fn refresh(&mut self) {}

    /// Replaces the text by the current state.
    fn encode(&mut self);

    /// What the last [`encode`](Self::encode) wrote.
    fn text(&self) -> &str;
}

/// One contender of the encoding bench.
pub struct Encoder {
    name: &'static str,
    role: Role,
    workload: Workload,
    allocations: Allocations,
    state: Mutex<State>,
}

struct State {
    encode: Box<dyn Encode>,
    changes: u64,
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

/// All contenders, fresh, each with all series of `workload`.
#[must_use]
pub fn contenders(workload: Workload, allocations: Allocations) -> Vec<Encoder> {
    let made: [(&'static str, Role, Box<dyn Encode>); 7] = [
        (crate::name::COPY, Role::Baseline, Box::new(engine::Copy::new(workload))),
        (crate::name::ENCODER, Role::Engine, Box::new(engine::Tmc::new(workload))),
        (crate::name::PROMETHEUS, Role::Peer, Box::new(peers::Prometheus::new(workload))),
        (crate::name::PROMETHEUS_CLIENT, Role::Peer, Box::new(peers::Client::new(workload))),
        (crate::name::METRICS, Role::Peer, Box::new(peers::Metrics::new(workload))),
        (crate::name::MEASURED, Role::Peer, Box::new(peers::Measured::new(workload))),
        (crate::name::FASTMETRICS, Role::Peer, Box::new(peers::Fastmetrics::new(workload))),
    ];
    made.into_iter()
        .map(|(name, role, encode)| Encoder {
            name,
            role,
            workload,
            allocations,
            state: Mutex::new(State { encode, changes: 0, allocated: 0 }),
        })
        .collect()
}

impl Encoder {
    /// What the last turn wrote.
    #[must_use]
    pub fn written(&self) -> Written {
        let state = self.lock();
        Written { bytes: state.encode.text().len(), allocations: state.allocated }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
        for series in 0..self.workload.series() {
            state.encode.add(series, Workload::step(series));
        }
        state.changes += 1;
        state.encode.refresh();
    }

    fn run(&self, lap: &Lap<'_>) {
        let mut state = self.lock();
        lap.race(self.workload.series() as u64, || {
            let before = (self.allocations)();
            state.encode.encode();
            state.allocated = (self.allocations)() - before;
        });
    }

    fn verify(&self, operations: u64) -> Result<(), String> {
        let state = self.lock();
        same_total(state.changes * self.workload.series() as u64, operations)?;
        self.workload.check(state.encode.text(), state.changes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contest::{Plan, Until, run};

    #[test]
    fn every_contender_writes_every_series() {
        let contenders = contenders(Workload::new(1000), || 0);
        let plan = Plan { threads: 1, rounds: 2, most_rounds: 2, until: Until::Batches(1) };
        assert_eq!(run(&contenders, plan).len(), 7);
        assert!(contenders.iter().all(|contender| contender.written().bytes > 100_000));
    }

    #[test]
    fn the_engine_writes_what_the_naive_twin_writes() {
        let workload = Workload::new(1000);
        let mut ours = engine::Tmc::new(workload);
        let mut naive = engine::Copy::new(workload);
        for encode in [&mut ours as &mut dyn Encode, &mut naive] {
            encode.add(17, 4);
            encode.refresh();
            encode.encode();
        }
        let lines = |text: &str| {
            // The engine adds metrics of its own, which the twin knows nothing about.
            let counters =
                crate::text::samples(text).filter(|line| line.starts_with(workload::NAME));
            let mut lines: Vec<String> = counters.map(str::to_owned).collect();
            lines.sort_unstable();
            lines
        };
        assert_eq!(lines(ours.text()), lines(naive.text()));
    }
}
