//! Every way to increment a counter: the limits of the machine, the engine, the peers.
//! Upstream: tmc-engine and the peers. Downstream: the recording benches.

mod baseline;
mod engine;
mod peers;

use crate::contest::Contender;

/// The name under which every contender registers.
const NAME: &str = "operations_total";
/// Its help text.
const HELP: &str = "Operations so far";
/// The label that tells the series apart.
const LABEL: &str = "series";

/// Series in the workload that does not fit one page of cells.
pub const MANY: usize = 1000;

/// All contenders, fresh, each with this many series: one, or [`MANY`].
#[must_use]
pub fn contenders(series: usize) -> Vec<Box<dyn Contender>> {
    vec![
        baseline::thread_local(series),
        baseline::atomic(series),
        engine::handle(series),
        engine::local(series),
        peers::prometheus(series),
        peers::prometheus_client(series),
        peers::metrics(series),
        peers::measured(series),
        peers::fastmetrics(series),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contest::{Plan, Until, run};

    #[test]
    fn no_contender_loses_an_increment() {
        for series in [1, MANY] {
            for threads in [1, 3] {
                let plan = Plan { threads, rounds: 2, most_rounds: 2, until: Until::Batches(2) };
                let outcomes = run(&contenders(series), plan);
                assert_eq!(outcomes.len(), 9);
                assert!(outcomes.iter().all(|outcome| outcome.best > 0.0));
            }
        }
    }
}
