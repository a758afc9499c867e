//! What the bench tells a server's process, a line at a time, and which series that changes.
//! Upstream: scrape, which writes the lines. Downstream: servers, and `go/main.go`, which obey.
//!
//! A server writes its address as its first line, and `done` when an order is carried out; it ends
//! with its input.

use std::fmt;
use std::str::FromStr;

use crate::encoders::Workload;

/// Neighbours that change together.
const RUN: usize = 100;
/// One series in so many changes.
const SHARE: usize = 100;

/// Which values change before a scrape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// None.
    Nothing,
    /// Every one.
    All,
    /// 1 % of them, in runs of 100 neighbours that move on from turn to turn.
    Runs,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "nothing",
            Self::All => "all",
            Self::Runs => "runs",
        })
    }
}

/// A change, and in which turn: the values are a function of the orders so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// What changes.
    pub change: Change,
    /// Number of the turn, from 0.
    pub turn: usize,
}

impl Order {
    /// The series that change, and by how much each grows.
    pub fn additions(self, workload: Workload) -> impl Iterator<Item = (usize, u64)> {
        let series = workload.series();
        let (length, stride) = match self.change {
            Change::Nothing => (0, series),
            Change::All => (series, series),
            Change::Runs => {
                let length = RUN.min(series / SHARE);
                (length, length * SHARE)
            }
        };
        let starts = (self.turn * length % stride..series).step_by(stride);
        starts
            .flat_map(move |start| start..(start + length).min(series))
            .map(|series| (series, Workload::step(series)))
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.change, self.turn)
    }
}

impl FromStr for Order {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let unknown = || format!("no order: {line:?}");
        let (change, turn) = line.trim_end().split_once(' ').ok_or_else(unknown)?;
        let change = [Change::Nothing, Change::All, Change::Runs]
            .into_iter()
            .find(|known| known.to_string() == change)
            .ok_or_else(unknown)?;
        Ok(Self { change, turn: turn.parse().map_err(|_| unknown())? })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn changed(series: usize, change: Change, turn: usize) -> Vec<usize> {
        let order = Order { change, turn };
        order.additions(Workload::new(series)).map(|(series, _)| series).collect()
    }

    #[test]
    fn one_percent_changes_in_runs_that_move_on() {
        let first = changed(100_000, Change::Runs, 0);
        assert_eq!(first.len(), 1000);
        for (run, members) in first.chunks(100).enumerate() {
            assert_eq!(members, (run * 10_000..run * 10_000 + 100).collect::<Vec<_>>());
        }
        let hundred: HashSet<usize> =
            (0..100).flat_map(|turn| changed(100_000, Change::Runs, turn)).collect();
        assert_eq!(hundred.len(), 100_000, "after a hundred turns every series had its change");
        assert_eq!(changed(100_000, Change::Runs, 100), first);
        assert_eq!(changed(1000, Change::Runs, 3), (30..40).collect::<Vec<_>>());
    }

    #[test]
    fn all_are_all_and_nothing_is_none() {
        assert_eq!(changed(1000, Change::All, 7), (0..1000).collect::<Vec<_>>());
        assert_eq!(changed(1000, Change::Nothing, 7), Vec::<usize>::new());
    }

    #[test]
    fn an_order_is_read_as_it_was_written() {
        for change in [Change::Nothing, Change::All, Change::Runs] {
            let order = Order { change, turn: 12 };
            assert_eq!(format!("{order}\n").parse(), Ok(order));
        }
        assert!("some 1".parse::<Order>().is_err());
        assert!("all".parse::<Order>().is_err());
        assert!("all x".parse::<Order>().is_err());
    }
}
