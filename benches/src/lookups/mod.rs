//! Every way to increment a counter whose label values are only known at that moment: each
//! increment looks its series up, in an order that no prefetcher follows.
//! Upstream: tmc-engine and the peers. Downstream: the labels bench, the enums bench, criterion.

mod engine;
mod enums;
mod peers;

use std::hint::black_box;

use crate::contender::{Total, order, same_total};
use crate::contest::{Contender, Lap, Role};
use crate::encoders::workload::Workload;

/// Series that are looked up in turn.
pub const SERIES: usize = 64;

/// The label values of one series, as a program has them that got them from a request.
type Values = [String; 4];

/// Increments between two looks at the clock; a multiple of both numbers of series.
pub const BATCH: u64 = 9600;

/// One way to find a series by its labels and to increment it.
struct Lookup<V, F> {
    /// Its row in the table.
    name: &'static str,
    /// What it is compared as.
    role: Role,
    /// The labels of all series, in the order in which they are visited.
    visits: Vec<V>,
    /// The operation that is measured.
    record: F,
    /// All that was recorded so far.
    total: Total,
}

impl<V: Sync, F: Fn(&V) + Sync> Contender for Lookup<V, F> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn role(&self) -> Role {
        self.role
    }

    fn run(&self, lap: &Lap<'_>) {
        debug_assert_eq!(BATCH % self.visits.len() as u64, 0);
        let turns = BATCH / self.visits.len() as u64;
        // The only place that calls it, so that it becomes part of the loop, as in a program.
        lap.race(BATCH, || {
            for _ in 0..turns {
                for labels in &self.visits {
                    (self.record)(black_box(labels));
                }
            }
        });
    }

    fn verify(&self, operations: u64) -> Result<(), String> {
        same_total((self.total)(), operations)
    }
}

/// All contenders with four labels of strings, fresh.
#[must_use]
pub fn strings() -> Vec<Box<dyn Contender>> {
    vec![
        engine::at(),
        engine::with(),
        peers::prometheus(),
        peers::prometheus_client(),
        peers::prometheus_client_static(),
        peers::metrics(),
        peers::measured(),
        peers::measured_fixed(),
        peers::fastmetrics(),
        peers::fastmetrics_static(),
    ]
}

/// All contenders with three labels of enums, fresh.
#[must_use]
pub fn sets() -> Vec<Box<dyn Contender>> {
    vec![enums::handle(), enums::at(), enums::measured()]
}

/// The label values of all series, in the order of the visits.
fn visits() -> Vec<Values> {
    order(SERIES).into_iter().map(values).collect()
}

/// Four clusters and components, two namespaces and operations: those of the encoding bench.
fn values(series: usize) -> Values {
    let [cluster, component] = [series % 4, series / 4 % 4];
    let [namespace, operation] = [series / 16 % 2, series / 32 % 2];
    Workload::values(cluster + 10 * component + 100 * operation + 1000 * namespace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contest::{Plan, Until, run};

    #[test]
    fn no_contender_loses_an_increment() {
        for threads in [1, 3] {
            let plan = Plan { threads, rounds: 1, most_rounds: 1, until: Until::Batches(1) };
            assert_eq!(run(&strings(), plan).len(), 10);
            assert_eq!(run(&sets(), plan).len(), 3);
        }
    }

    #[test]
    fn every_visit_is_another_series() {
        let mut visited = visits();
        visited.sort_unstable();
        visited.dedup();
        assert_eq!(visited.len(), SERIES);
    }
}
