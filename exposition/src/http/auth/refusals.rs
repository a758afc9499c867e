//! Lines in the log about those who are refused, not more than the log can take.
//!
//! Upstream: `connection`. Downstream: the log.

use std::fmt;
use std::time::{Duration, Instant};

/// Lines at once.
const BURST: u32 = 10;
/// After those, one line in this time.
const PERIOD: Duration = Duration::from_secs(1);

/// Counts what it does not write, and says so in the next line.
#[derive(Debug)]
pub(crate) struct Refusals {
    /// Lines that may follow now.
    left: u32,
    /// When `left` grew last.
    grown: Option<Instant>,
    omitted: u64,
}

impl Default for Refusals {
    fn default() -> Self {
        Self { left: BURST, grown: None, omitted: 0 }
    }
}

impl Refusals {
    /// Writes `line`, or counts it.
    pub(crate) fn note(&mut self, now: Instant, line: fmt::Arguments<'_>) {
        match self.admit(now) {
            None => {}
            Some(0) => log::warn!("{line}"),
            Some(omitted) => log::warn!("{line} ({omitted} more like it were not logged)"),
        }
    }

    /// Whether a line may be written, and how many were not before it.
    fn admit(&mut self, now: Instant) -> Option<u64> {
        let since = now.saturating_duration_since(*self.grown.get_or_insert(now));
        let more = since.as_secs() / PERIOD.as_secs();
        if more > 0 {
            self.left = self.left.saturating_add(more.try_into().unwrap_or(BURST)).min(BURST);
            self.grown = Some(now);
        }
        if self.left == 0 {
            self.omitted += 1;
            return None;
        }
        self.left -= 1;
        Some(std::mem::take(&mut self.omitted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_becomes_a_trickle_and_a_count() {
        let start = Instant::now();
        let mut refusals = Refusals::default();
        for _ in 0..BURST {
            assert_eq!(refusals.admit(start), Some(0));
        }
        for _ in 0..1000 {
            assert_eq!(refusals.admit(start + PERIOD / 2), None);
        }
        assert_eq!(refusals.admit(start + PERIOD), Some(1000));
        assert_eq!(refusals.admit(start + PERIOD), None);
    }

    #[test]
    fn silence_gives_back_one_burst_and_no_more() {
        let start = Instant::now();
        let mut refusals = Refusals::default();
        while refusals.admit(start).is_some() {}
        let later = start + PERIOD * 1_000_000;
        assert_eq!(refusals.admit(later), Some(1));
        let rest = std::iter::from_fn(|| refusals.admit(later)).count();
        assert_eq!(rest, BURST as usize - 1);
    }
}
