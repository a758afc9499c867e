//! The delays between tries: exponential, capped, with jitter.
//! Upstream: a `RetryStrategy`'s settings. Downstream: its runs, or a loop of the user's.

use std::time::Duration;

/// How much of a delay is left to chance, so that many clients do not come back all at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Jitter {
    /// All of it: anything from zero to the delay. Spreads best.
    #[default]
    Full,
    /// Half of it: from half the delay to the whole.
    Equal,
    /// Nothing.
    None,
}

/// The delays before each further try, shortest first: as many as there are further tries.
/// Delay number n, from 0, is `base * factor^n`, at most the cap, before jitter. Does not allocate.
#[derive(Clone, Debug)]
pub struct Delays {
    /// The further tries that are left.
    pub(super) left: u32,
    /// Seconds, before the cap and jitter; may have grown to infinity.
    pub(super) next: f64,
    pub(super) factor: f64,
    pub(super) cap: Duration,
    pub(super) jitter: Jitter,
    pub(super) random: fastrand::Rng,
}

impl Delays {
    fn share(&mut self) -> f64 {
        match self.jitter {
            Jitter::None => 1.0,
            Jitter::Equal => 0.5 + self.random.f64() / 2.0,
            Jitter::Full => self.random.f64(),
        }
    }
}

impl Iterator for Delays {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.left = self.left.checked_sub(1)?;
        // A delay that no duration can hold is above every cap.
        let delay = Duration::try_from_secs_f64(self.next).map_or(self.cap, |d| d.min(self.cap));
        self.next *= self.factor;
        let share = self.share();
        // Rounding must not lift the longest durations above the cap, or out of their range.
        let spread = Duration::try_from_secs_f64(delay.as_secs_f64() * share);
        Some(if share == 1.0 { delay } else { spread.map_or(delay, |spread| spread.min(delay)) })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        (left, Some(left))
    }
}
