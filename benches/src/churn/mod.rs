//! Every way to create series, scrape them and drop them: time, and bytes in use.
//! Upstream: tmc-engine, tmc-exposition and the peers. Downstream: the churn bench.
//!
//! Nobody keeps a handle: the series live in their family, as they do where label values are looked
//! up for each record. Strings that the family wants for itself are copied while the clock runs.

mod engine;
mod peers;

use std::time::{Duration, Instant};

use crate::contest::Role;
use crate::encoders::workload::{NAME, Workload};
use crate::{memory, text};

/// Label values of one series.
pub type Values = [String; 4];

/// Scrapes before the bytes are read again.
pub const SCRAPES: usize = 3;

/// A registry with one family of counters.
trait Churn {
    /// Creates every series, and adds one to each.
    fn create(&mut self, values: &[Values]);

    /// Writes all series [`SCRAPES`] times into one buffer, as much of which is kept as this
    /// contender's interface allows, and hands the text to `look` while the buffer lives.
    fn scrape(&mut self, look: &mut dyn FnMut(&[u8]));

    /// Removes every series by its labels while the registry goes on; whether it could.
    fn remove(&mut self, values: &[Values]) -> bool;
}

/// What came out for one contender. Times are of the best round, bytes of the first, in which
/// nothing from an earlier round is used again.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// The contender's name.
    pub name: &'static str,
    /// The contender's role.
    pub role: Role,
    /// Until every series was there and had its first record.
    pub create: Duration,
    /// Until every series was removed, where that can be done by labels.
    pub remove: Option<Duration>,
    /// Until the registry with all its series was gone.
    pub drop: Duration,
    /// Bytes, where the platform tells.
    pub bytes: Option<Bytes>,
}

/// Bytes in use beyond those before the registry was made.
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    /// With all series, before the first scrape.
    pub created: u64,
    /// After [`SCRAPES`] scrapes, the buffer still there.
    pub buffered: u64,
    /// The same without the buffer.
    pub scraped: u64,
    /// With all series removed, where that can be done by labels, and as many scrapes after that.
    pub removed: Option<u64>,
    /// With the registry gone.
    pub dropped: u64,
}

/// Makes a contender with an empty registry, for at most so many series.
type Make = fn(usize) -> Box<dyn Churn>;

const CONTENDERS: [(&str, Role, Make); 6] = [
    (crate::name::TMC, Role::Engine, engine::tmc),
    (crate::name::PROMETHEUS, Role::Peer, peers::prometheus),
    (crate::name::PROMETHEUS_CLIENT, Role::Peer, peers::prometheus_client),
    (crate::name::METRICS, Role::Peer, peers::metrics),
    (crate::name::MEASURED, Role::Peer, peers::measured),
    (crate::name::FASTMETRICS, Role::Peer, peers::fastmetrics),
];

/// Creates, scrapes and drops `series` series, contender by contender.
///
/// # Panics
/// When a contender's text is wrong: a series is missing, or one that was removed is still there.
#[must_use]
pub fn run(series: usize, rounds: usize) -> Vec<Outcome> {
    let values: Vec<Values> = (0..series).map(Workload::values).collect();
    let mut outcomes: Vec<Option<Outcome>> = vec![None; CONTENDERS.len()];
    for _ in 0..rounds {
        for ((name, role, make), outcome) in CONTENDERS.into_iter().zip(&mut outcomes) {
            let now = round(name, role, make, &values);
            *outcome = Some(outcome.map_or(now, |first| first.best(now)));
        }
    }
    outcomes.into_iter().flatten().collect()
}

impl Outcome {
    fn best(self, other: Self) -> Self {
        Self {
            create: self.create.min(other.create),
            remove: self.remove.zip(other.remove).map(|(first, second)| first.min(second)),
            drop: self.drop.min(other.drop),
            ..self
        }
    }
}

fn round(name: &'static str, role: Role, make: Make, values: &[Values]) -> Outcome {
    let series = values.len();
    let before = memory::live().unwrap_or_default();
    let live = || memory::live().unwrap_or_default().saturating_sub(before);

    let mut churn = make(series);
    let create = timed(|| churn.create(values));
    let created = live();
    let mut buffered = 0;
    churn.scrape(&mut |text| {
        buffered = live();
        let found = counted(text);
        assert_eq!(found, (series, series as u64), "{name}: series, and the sum of their values");
    });
    let scraped = live();
    let mut could = false;
    let remove = timed(|| could = churn.remove(values));
    if could {
        churn.scrape(&mut |text| assert_eq!(counted(text), (0, 0), "{name}: all are removed"));
    }
    let removed = live();
    drop(churn);
    let dropped = live();

    // Once more, for the time that it takes to drop a registry that is full.
    let mut churn = make(series);
    churn.create(values);
    let drop = timed(|| drop(churn));

    let removed = could.then_some(removed);
    let bytes = Bytes { created, buffered, scraped, removed, dropped };
    Outcome {
        name,
        role,
        create,
        remove: could.then_some(remove),
        drop,
        bytes: memory::live().map(|_| bytes),
    }
}

/// Sample lines of the family, and the sum of their values.
fn counted(text: &[u8]) -> (usize, u64) {
    let text = std::str::from_utf8(text).unwrap_or_default();
    let lines = || text::samples(text).filter(|line| line.starts_with(NAME));
    (lines().count(), lines().map(text::value).sum())
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contender_creates_every_series_and_removes_what_it_can() {
        let outcomes = run(2000, 2);
        assert_eq!(outcomes.len(), CONTENDERS.len());
        let removers = outcomes.iter().filter(|outcome| outcome.remove.is_some());
        assert_eq!(removers.count(), 4);
    }

    #[test]
    fn times_are_of_the_best_round_and_bytes_of_the_first() {
        let bytes = |created| Bytes { created, buffered: 0, scraped: 0, removed: None, dropped: 0 };
        let outcome = |millis, created| Outcome {
            name: "x",
            role: Role::Peer,
            create: Duration::from_millis(millis),
            remove: None,
            drop: Duration::from_millis(10 - millis),
            bytes: Some(bytes(created)),
        };
        let best = outcome(3, 700).best(outcome(2, 5));
        assert_eq!((best.create, best.drop), (Duration::from_millis(2), Duration::from_millis(7)));
        assert_eq!(best.bytes.map(|bytes| bytes.created), Some(700));
    }
}
