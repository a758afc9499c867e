//! Runs a model under shuttle, in random schedules that are the same each time.
//! Upstream: the models. Downstream: shuttle.

use shuttle::Runner;
use shuttle::scheduler::{PctScheduler, RandomScheduler};

const SEED: u64 = 0x746d_635f_6d65_7472;
/// Changes of priority in a schedule of PCT's: it finds a bug of at most this depth with a
/// probability that is known.
const DEPTH: usize = 4;

/// Runs `claim` in so many schedules as `SHUTTLE_SCHEDULES` says, half of them of the PCT scheduler.
pub(super) fn model(claim: impl Fn() + Send + Sync + 'static) {
    let schedules = std::env::var("SHUTTLE_SCHEDULES").map_or(Ok(1000), |n| n.parse());
    let half = schedules.expect("SHUTTLE_SCHEDULES is a number") / 2;
    let claim = std::sync::Arc::new(claim);
    let again = std::sync::Arc::clone(&claim);
    let random = RandomScheduler::new_from_seed(SEED, half);
    Runner::new(random, shuttle::Config::default()).run(move || claim());
    let pct = PctScheduler::new_from_seed(SEED, DEPTH, half);
    Runner::new(pct, shuttle::Config::default()).run(move || again());
}
