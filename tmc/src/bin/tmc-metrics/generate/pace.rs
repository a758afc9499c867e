//! How long the windows of rules are: as written, or shortened for a trial.
//! Upstream: the command line. Downstream: rules.

use std::num::NonZeroU64;

/// Divides durations. A scrape each second and windows of some seconds show within a minute what
/// otherwise takes an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace(NonZeroU64);

impl Pace {
    /// As written.
    pub(super) const FULL: Self = Self(NonZeroU64::MIN);

    /// Reads the divisor.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| "give a whole number from 1".to_owned())
    }

    /// So many minutes in seconds, at least one.
    pub(super) fn seconds(self, minutes: u64) -> u64 {
        (minutes * 60 / self.0).max(1)
    }

    /// So many minutes as PromQL and YAML write them, in the largest unit that divides them; at
    /// least one second.
    pub(super) fn minutes(self, minutes: u64) -> String {
        let seconds = self.seconds(minutes);
        let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
        let unit = units.iter().find(|(length, _)| seconds.is_multiple_of(*length));
        let (length, name) = unit.copied().unwrap_or((1, "s"));
        format!("{}{name}", seconds / length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_in_the_largest_unit_that_fits_and_never_zero() {
        let asked = |divisor: &str, minutes| Pace::parse(divisor).unwrap().minutes(minutes);
        assert_eq!(
            ["5m", "1h", "30d", "90m"],
            [5, 60, 43_200, 90].map(|minutes| asked("1", minutes))
        );
        assert_eq!(["5s", "1m", "12h"], [5, 60, 43_200].map(|minutes| asked("60", minutes)));
        assert_eq!("1s", asked("1000", 2));
        assert!(Pace::parse("0").is_err());
        assert!(Pace::parse("0.5").is_err());
    }
}
