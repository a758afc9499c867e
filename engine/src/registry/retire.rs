//! Retirement: series that nobody has recorded into for long leave their family.
//! Upstream: snapshot, whose readings tell what has changed. Downstream: the family's map and list.
//!
//! The recording path knows nothing of it: two readings that show the same are how a series is known
//! to be idle. One that somebody holds a handle to stays. An idle one fades first: threads that
//! remember it ask the family's map again, and so make it live again. If nobody did by the next
//! reading, and it still shows the same, it goes.

use super::Kind;
use super::core::{FamilyCore, SeriesKey};
use super::series::Series;
use crate::shard::owner;
use crate::snapshot::FamilySnapshot;
use crate::sync::Arc;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// What the readings of a family have shown.
pub(crate) struct Retirement {
    period: Duration,
    /// The last reading looked at: scrapers that share one all come with it.
    last: u64,
    /// By the number of the series.
    seen: HashMap<u32, Seen>,
    /// The map before, whose memory is used again.
    spare: HashMap<u32, Seen>,
}

#[derive(Clone, Copy)]
struct Seen {
    activity: u64,
    since: Instant,
}

impl Retirement {
    pub(super) fn new(period: Duration) -> Self {
        Self { period, last: 0, seen: HashMap::new(), spare: HashMap::new() }
    }
}

impl FamilyCore {
    /// Retires the series that this reading shows to have been idle for the family's period.
    pub(super) fn retire(&self, now: Instant, reading: &FamilySnapshot<'_>) {
        let Some(retirement) = &self.retirement else { return };
        let mut retirement = retirement.lock();
        let Retirement { period, last, seen, spare } = &mut *retirement;
        if reading.reading() <= *last {
            return; // another scraper has come with this one, or with a later one
        }
        *last = reading.reading();
        let (mut idle, mut faded) = (Vec::new(), false);
        let overflow = self.members.lock().overflow.clone(); // stays
        let stays =
            |series: &Arc<Series>| overflow.as_ref().is_some_and(|o| Arc::ptr_eq(o, series));
        for (series, activity) in reading.activities() {
            let touched = series.take_touched();
            let same = seen.get(&series.seq).filter(|seen| seen.activity == activity && !touched);
            let latest = same.copied().unwrap_or(Seen { activity, since: now });
            spare.insert(series.seq, latest);
            if same.is_none() {
                series.revive();
            } else if now.saturating_duration_since(latest.since) >= *period
                && series.holds.idle()
                && !stays(series)
            {
                faded = true;
                if series.fade() {
                    idle.push((series, activity));
                }
            }
        }
        if faded {
            self.key.outdate();
        }
        seen.clear();
        std::mem::swap(seen, spare);
        if !idle.is_empty() {
            self.remove_idle(&idle);
        }
    }

    fn remove_idle(&self, idle: &[(&Arc<Series>, u64)]) {
        let mut members = self.members.lock();
        let before = members.list.len();
        for &(series, activity) in idle {
            // Under the map's lock, so that nobody takes a handle meanwhile. The holders are looked
            // at before the cells: what they recorded shows.
            let still = |known: &SeriesKey, _: &()| {
                Arc::ptr_eq(&known.0, series)
                    && series.is_fading()
                    && series.holds.idle()
                    && series.activity() == activity
                    && !series.is_touched() // the next reading takes note of it
                    && !members.is_overflow(series)
            };
            if self.map.remove_if(series.labels.bytes(), still).is_some() {
                members.list.remove(series);
                series.remove();
            }
        }
        if members.list.len() < before {
            self.removed(&members);
        }
    }
}

impl Series {
    /// A number that changes with each record, but those that add nothing.
    fn activity(&self) -> u64 {
        match self.kind {
            Kind::Counter => owner::sum(self.cell.id),
            Kind::FloatCounter => owner::sum_floats(self.cell.id).to_bits(),
            Kind::UpDownCounter => owner::sum(self.cell.id).wrapping_add(owner::sum(self.down.id)),
            // These say so themselves: see `touch`.
            Kind::Gauge | Kind::GaugeHistogram | Kind::InFlightAge | Kind::StateSet => 0,
            Kind::Info => 0, // never retired
            Kind::Histogram | Kind::Summary => self.histogram().map_or(0, |cells| cells.count()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{ManualClock, Registry};
    use std::time::Duration;

    /// As when scrapers share it.
    #[test]
    fn one_reading_looked_at_twice_retires_nothing_before_the_next_one() {
        let (clock, hour) = (ManualClock::new(), Duration::from_secs(3600));
        let builder = Registry::builder().clock(clock.clone()).retention_period(hour);
        let registry = builder.build().unwrap();
        registry.counter_family("requests_total", "", ["code"]).unwrap().at(["200"]).inc();
        let series = || registry.snapshot().family("requests_total").unwrap().series().count();
        assert_eq!(series(), 1);
        clock.advance(hour);
        let fades = registry.snapshot();
        (0..3).for_each(|_| registry.retire(&fades));
        assert_eq!(series(), 1, "read before it went");
        assert_eq!(series(), 0);
    }

    /// As when scrapers overtake each other.
    #[test]
    fn an_earlier_reading_that_comes_later_says_nothing() {
        let (clock, hour) = (ManualClock::new(), Duration::from_secs(3600));
        let builder = Registry::builder().clock(clock.clone()).retention_period(hour);
        let registry = builder.build().unwrap();
        let requests = registry.counter_family("requests_total", "", ["code"]).unwrap();
        requests.at(["200"]).inc();
        let series = || registry.snapshot().family("requests_total").unwrap().series().count();
        let earlier = registry.snapshot();
        requests.at(["200"]).inc();
        assert_eq!(series(), 1);
        registry.retire(&earlier);
        clock.advance(hour);
        assert_eq!([(); 3].map(|()| series()), [1, 1, 0], "idle since the later reading");
    }
}
