//! Short times, told by the processor's counter where the system itself relies on it.
//! Upstream: quanta, the operating system. Downstream: the clock, for durations in hot paths.

use std::sync::OnceLock;
use std::time::Instant;

/// The calibrated counter; empty before [`calibrate`], `None` where it is not to be relied on.
static COUNTER: OnceLock<Option<quanta::Clock>> = OnceLock::new();

/// A moment on the monotonic clock that is the fastest to read; see [`Clock::tick`](crate::Clock::tick).
#[derive(Clone, Copy, Debug)]
pub struct Tick(Moment);

/// By which clock a moment was read: its end is read by the same one, also when the counter has been
/// calibrated in between.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// The counter's, in its own unit.
    Counter(u64),
    /// The system's or the hand-moved clock's.
    Instant(Instant),
}

impl Tick {
    /// Now: by the counter if it is calibrated, else by the system's clock.
    #[inline]
    pub(crate) fn now() -> Self {
        match counter() {
            Some(counter) => Self(Moment::Counter(counter.raw())),
            None => Self(Moment::Instant(Instant::now())),
        }
    }

    /// The nanoseconds that have passed by the clock that read it: by `now`, unless the counter did.
    #[inline]
    pub(crate) fn elapsed_nanos(self, now: impl FnOnce() -> Instant) -> u64 {
        match self.0 {
            Moment::Counter(start) => {
                counter().map_or(0, |counter| counter.delta_as_nanos(start, counter.raw()))
            }
            Moment::Instant(start) => {
                let elapsed = now().saturating_duration_since(start);
                u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
            }
        }
    }
}

impl From<Instant> for Tick {
    fn from(moment: Instant) -> Self {
        Self(Moment::Instant(moment))
    }
}

#[inline]
fn counter() -> Option<&'static quanta::Clock> {
    COUNTER.get()?.as_ref()
}

/// See [`Clock::calibrate`](crate::Clock::calibrate).
pub(crate) fn calibrate() -> bool {
    COUNTER.get_or_init(|| relied_on_by_the_system().then(quanta::Clock::new)).is_some()
}

/// Linux watches the counter and gives it up where it drifts, stands still, or differs between
/// sockets, which the processor's own word does not tell.
#[cfg(target_os = "linux")]
fn relied_on_by_the_system() -> bool {
    let source = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    std::fs::read_to_string(source)
        .is_ok_and(|source| ["tsc", "arch_sys_counter"].contains(&source.trim()))
}

/// Elsewhere, quanta asks the processor, and uses the system's clock where that says no.
#[cfg(not(target_os = "linux"))]
fn relied_on_by_the_system() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Clock, ManualClock};
    use std::time::Duration;

    #[test]
    fn a_tick_read_before_the_calibration_ends_by_the_clock_it_was_read_by() {
        let before = Tick::from(Instant::now());
        let calibrated = calibrate();
        assert_eq!(calibrate(), calibrated);
        assert_eq!(matches!(Tick::now().0, Moment::Counter(_)), calibrated);
        let later = Instant::now();
        let elapsed = before.elapsed_nanos(|| later + Duration::from_secs(7));
        assert!(elapsed >= 7_000_000_000, "{elapsed}");
    }

    /// Spins until the system's clock has moved on by much more than one reading takes.
    #[test]
    fn the_counter_and_the_system_agree() {
        calibrate();
        let clock = Clock::system();
        let (outer, tick) = (Instant::now(), clock.tick());
        let inner = Instant::now();
        while inner.elapsed() < Duration::from_millis(20) {}
        let shortest = inner.elapsed();
        let elapsed = clock.elapsed(tick);
        let longest = outer.elapsed();
        assert!(elapsed >= shortest.mul_f64(0.99), "{elapsed:?} < {shortest:?}");
        assert!(elapsed <= longest.mul_f64(1.01), "{elapsed:?} > {longest:?}");
    }

    #[test]
    fn a_manual_clock_ticks_by_hand() {
        calibrate();
        let manual = ManualClock::new();
        let clock = Clock::from(manual.clone());
        let tick = clock.tick();
        assert_eq!(clock.elapsed(tick), Duration::ZERO);
        manual.advance(Duration::from_millis(245));
        assert_eq!(clock.elapsed(tick), Duration::from_millis(245));
    }
}
