//! Which series change before a turn. Upstream: nothing. Downstream: encoders and compression.

use std::collections::BTreeSet;

use crate::name;

/// Neighbours that change together.
const RUN: usize = 100;
/// One series in so many changes.
const SHARE: usize = 100;

/// Which values change before a turn; other ones in each turn, and the same ones in every run of the bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// None.
    Nothing,
    /// Every one.
    All,
    /// 1 % of them, in runs of 100 neighbours, as when most clusters are idle. Runs begin anywhere.
    Runs,
    /// 1 % of them, each drawn by itself.
    Random,
}

impl Change {
    /// All there are.
    pub const EVERY: [Self; 4] = [Self::Nothing, Self::Runs, Self::Random, Self::All];

    /// Its row in the tables.
    #[must_use]
    pub fn row(self) -> &'static str {
        match self {
            Self::Nothing => name::NOTHING_CHANGED,
            Self::All => name::ALL_CHANGED,
            Self::Runs => name::RUNS_CHANGED,
            Self::Random => name::RANDOM_CHANGED,
        }
    }

    /// The numbers of the series that change before turn number `turn`, of `series` in order.
    #[must_use]
    pub fn members(self, series: usize, turn: u64) -> Vec<usize> {
        let run = match self {
            Self::Nothing => return Vec::new(),
            Self::All => return (0..series).collect(),
            Self::Runs => RUN.min(series / SHARE).max(1),
            Self::Random => 1,
        };
        let draw = |number: u64| mix(mix(turn) ^ number) as usize;
        let mut slots = BTreeSet::new();
        let mut draws = (0..).map(|number| draw(number) % (series / run));
        while slots.len() < series / SHARE / run {
            slots.extend(draws.next());
        }
        let shift = draw(u64::MAX) % run;
        let runs = slots.into_iter().map(|slot| slot * run + shift);
        runs.flat_map(|start| (start..start + run).map(|member| member % series)).collect()
    }
}

/// A number that looks as if it had nothing to do with `number`: the finalizer of SplitMix64.
#[must_use]
pub(crate) fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn one_percent_changes_and_no_series_twice() {
        for series in [1000, 100_000] {
            for change in [Change::Runs, Change::Random] {
                let members = change.members(series, 3);
                let distinct: HashSet<usize> = members.iter().copied().collect();
                assert_eq!((members.len(), distinct.len()), (series / 100, series / 100));
                assert!(distinct.iter().all(|member| *member < series));
                assert_ne!(members, change.members(series, 4), "other ones in each turn");
                assert_eq!(members, change.members(series, 3), "the same ones in every run");
            }
        }
    }

    #[test]
    fn runs_are_neighbours_and_random_ones_are_not() {
        let neighbours = |change: Change| {
            let members = change.members(100_000, 5);
            members.windows(2).filter(|pair| pair[0] + 1 == pair[1]).count()
        };
        assert!(neighbours(Change::Runs) >= 988, "ten runs, one of which may go over the end");
        assert!(neighbours(Change::Random) < 50);
    }

    #[test]
    fn all_are_all_and_nothing_is_none() {
        assert_eq!(Change::All.members(1000, 7), (0..1000).collect::<Vec<_>>());
        assert!(Change::Nothing.members(1000, 7).is_empty());
    }
}
