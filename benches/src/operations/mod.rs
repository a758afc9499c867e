//! Operations of components: counted by four strings, and tracked from start to success, clock
//! included.
//! Upstream: tmc-metrics and the peer `prometheus`. Downstream: the operations bench.

mod peer;
mod tmc;

use std::hint::black_box;
use std::time::Instant;

use tmc_engine::Clock;

use crate::contender::{BATCH, batch, order};
use crate::contest::{Contender, Lap, Role};
use crate::name;

/// Combinations of label values, visited in turn; divides [`BATCH`].
const SERIES: usize = 40;

/// Component type, component id, operation and status, as a program has them that got them from
/// somewhere.
type Values = [String; 4];

/// Ways to count an operation that is over, fresh.
#[must_use]
pub fn counted() -> Vec<Box<dyn Contender>> {
    vec![tmc::counted(), peer::counted()]
}

/// Ways to track a whole operation out of many, fresh.
#[must_use]
pub fn tracked() -> Vec<Box<dyn Contender>> {
    let ours = [tmc::bound(SERIES), tmc::tracker(), tmc::instrumented()];
    ours.into_iter().chain([peer::tracked(), peer::tracked_by_handles(SERIES)]).collect()
}

/// Ways to track one operation again and again, handles kept, fresh, and what reading the clock twice
/// costs.
#[must_use]
pub fn repeated() -> Vec<Box<dyn Contender>> {
    let clock = Clock::system();
    vec![
        clocks(name::TWO_INSTANTS, || {
            let start = Instant::now();
            black_box(start.elapsed());
        }),
        clocks(name::TWO_TICKS, move || {
            let start = clock.tick();
            black_box(clock.elapsed_nanos(start));
        }),
        tmc::bound(1),
        peer::tracked_by_handles(1),
    ]
}

/// The values of all series, in the order of the visits; `statuses` is how many statuses there are.
fn visits(statuses: usize) -> Vec<Values> {
    order(SERIES).into_iter().map(|number| values(number, statuses)).collect()
}

fn values(number: usize, statuses: usize) -> Values {
    let [status, rest] = [number % statuses, number / statuses];
    let [operation, id, component] = [rest % 2, rest / 2 % 5, rest / 10];
    [
        ["SyncTargetController", "PlacementController", "MigrationEngine", "RecoveryManager"]
            [component]
            .to_owned(),
        format!("syncer-cluster-{id}"),
        ["sync-deployment", "sync-service"][operation].to_owned(),
        ["success", "error"][status].to_owned(),
    ]
}

/// The parts of `values` by which a family is asked.
fn all(values: &Values) -> [&str; 4] {
    values.each_ref().map(String::as_str)
}

/// Reads a clock, and nothing else.
struct Clocks<F> {
    name: &'static str,
    read_twice: F,
}

fn clocks(name: &'static str, read_twice: impl Fn() + Sync + 'static) -> Box<dyn Contender> {
    Box::new(Clocks { name, read_twice })
}

impl<F: Fn() + Sync> Contender for Clocks<F> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn role(&self) -> Role {
        Role::Baseline
    }

    fn run(&self, lap: &Lap<'_>) {
        lap.race(BATCH, || batch(&[()], |()| (self.read_twice)()));
    }

    fn verify(&self, _: u64) -> Result<(), String> {
        Ok(()) // it records nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contest::{Plan, Until, run};

    #[test]
    fn no_contender_loses_an_operation() {
        for threads in [1, 3] {
            let plan = Plan { threads, rounds: 1, most_rounds: 1, until: Until::Batches(1) };
            assert_eq!(run(&counted(), plan).len(), 2);
            assert_eq!(run(&tracked(), plan).len(), 5);
            assert_eq!(run(&repeated(), plan).len(), 4);
        }
    }

    #[test]
    fn every_visit_is_another_series() {
        for statuses in [1, 2] {
            let mut visited = visits(statuses);
            visited.sort_unstable();
            visited.dedup();
            assert_eq!(visited.len(), SERIES);
        }
    }
}
