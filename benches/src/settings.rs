//! Full or quick, from the command line and the environment.
//! Upstream: cargo. Downstream: every bench binary.

use std::time::Duration;

use crate::contest::{Plan, Until};

/// How thorough a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// A few tiny rounds: shows that everything works, judges nothing.
    pub quick: bool,
    /// A bar that is missed fails the run.
    pub strict: bool,
}

impl Settings {
    /// From the process's arguments. Quick with `--quick`, with `TMC_BENCH_QUICK` set, and without
    /// `--bench`, which cargo passes under `cargo bench` and not under `cargo test`.
    #[must_use]
    pub fn from_process() -> Self {
        Self::parse(std::env::args().skip(1), std::env::var_os("TMC_BENCH_QUICK").is_some())
    }

    fn parse(arguments: impl Iterator<Item = String>, quick_by_environment: bool) -> Self {
        let arguments: Vec<String> = arguments.collect();
        let given = |flag: &str| arguments.iter().any(|argument| argument == flag);
        let quick = quick_by_environment || given("--quick") || !given("--bench");
        Self { quick, strict: given("--strict") && !quick }
    }

    /// A contest of timed turns.
    #[must_use]
    pub fn timed(&self, threads: usize) -> Plan {
        let (rounds, most_rounds, millis) = if self.quick { (1, 1, 1) } else { (25, 250, 10) };
        let until = Until::Elapsed(Duration::from_millis(millis));
        Plan { threads, rounds, most_rounds, until }
    }

    /// A contest on one thread in which a turn is one batch.
    #[must_use]
    pub fn batched(&self) -> Plan {
        let (rounds, most_rounds) = if self.quick { (1, 1) } else { (20, 40) };
        Plan { threads: 1, rounds, most_rounds, until: Until::Batches(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Settings {
        Settings::parse(arguments.iter().map(|argument| (*argument).to_owned()), false)
    }

    #[test]
    fn cargo_bench_is_full_and_cargo_test_is_quick() {
        assert!(!parse(&["--bench"]).quick);
        assert!(parse(&[]).quick);
        assert!(parse(&["--quick", "--bench"]).quick);
        assert!(Settings::parse(["--bench".to_owned()].into_iter(), true).quick);
    }

    #[test]
    fn a_quick_run_never_judges() {
        assert!(parse(&["--bench", "--strict"]).strict);
        assert!(!parse(&["--bench", "--strict", "--quick"]).strict);
    }
}
