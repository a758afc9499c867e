//! Exemplars of a series: for each bucket of a histogram, or the one number of a counter, the labels
//! of one record of late. Upstream: record. Downstream: snapshot, which copies them.

use super::name::label_name_fault;
use crate::clock::Clock;
use crate::sync::{AtomicBool, AtomicU64, Mutex, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime};

/// Most Unicode code points of an exemplar's label names and values together (R54).
const MOST: usize = 128;
/// Bytes of the longest exemplar as it is kept: a name of one letter, an LF, a value of characters of
/// four bytes, and an LF.
const MOST_BYTES: usize = 1 + 1 + 4 * (MOST - 1) + 1;

/// What the series of a family share.
pub(crate) struct ExemplarTerms {
    clock: Clock,
    /// Times are counted from here.
    base: Instant,
    /// Nanoseconds.
    interval: u64,
    used: AtomicBool,
}

impl ExemplarTerms {
    pub(crate) fn new(clock: &Clock, interval: Duration) -> Self {
        let interval = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
        Self { clock: clock.clone(), base: clock.now(), interval, used: AtomicBool::new(false) }
    }

    /// Whether any series of the family ever had exemplars: else nobody looks for them.
    pub(crate) fn are_used(&self) -> bool {
        self.used.load(Relaxed)
    }
}

/// The exemplars of one series, a slot for each bucket.
pub(crate) struct Exemplars(Box<[Slot]>);

#[derive(Default)]
struct Slot {
    /// Nanoseconds from the base on which the next exemplar may be kept.
    next: AtomicU64,
    kept: Mutex<Kept>,
}

/// An exemplar.
#[derive(Default)]
pub(crate) struct Kept {
    /// Each name and value followed by an LF, which neither can have.
    pub(crate) text: String,
    pub(crate) value: f64,
    /// `None` before the first.
    pub(crate) at: Option<SystemTime>,
}

/// An exemplar that no format could carry.
pub(crate) struct Invalid;

impl Exemplars {
    pub(crate) fn new(terms: &ExemplarTerms, buckets: usize) -> Self {
        terms.used.store(true, Relaxed);
        Self((0..buckets).map(|_| Slot::default()).collect())
    }

    /// Keeps an exemplar in the place of the bucket's last one, unless that was a moment ago, or
    /// somebody else is at it. Allocates for the first one of a bucket only.
    pub(crate) fn keep(
        &self,
        terms: &ExemplarTerms,
        bucket: usize,
        value: f64,
        labels: &[(&str, &str)],
    ) -> Result<(), Invalid> {
        let Some(slot) = self.0.get(bucket) else { return Ok(()) };
        let now = terms.clock.since(terms.base).as_nanos() as u64; // wraps after 584 years
        // Relaxed: a hint, which the lock makes sure of.
        let is_early = || now < slot.next.load(Relaxed);
        if is_early() {
            return Ok(());
        }
        if !is_valid(labels) {
            return Err(Invalid);
        }
        let Some(mut kept) = slot.kept.try_lock() else { return Ok(()) };
        if is_early() {
            return Ok(());
        }
        slot.next.store(now.saturating_add(terms.interval), Relaxed);
        let Kept { text, .. } = &mut *kept;
        text.clear();
        text.reserve_exact(MOST_BYTES);
        for part in labels.iter().flat_map(|&(name, value)| [name, value]) {
            text.push_str(part);
            text.push('\n');
        }
        (kept.value, kept.at) = (value, Some(terms.clock.wall()));
        Ok(())
    }

    /// Calls `each` with every bucket that has an exemplar, ascending.
    pub(crate) fn for_each(&self, mut each: impl FnMut(usize, &Kept, SystemTime)) {
        for (bucket, slot) in self.0.iter().enumerate() {
            let kept = slot.kept.lock();
            if let Some(at) = kept.at {
                each(bucket, &kept, at);
            }
        }
    }
}

/// Whether every format can carry it: R25 to R28, R54, and nothing in the values that would have to
/// be escaped, for Prometheus does not undo that in exemplars.
fn is_valid(labels: &[(&str, &str)]) -> bool {
    let mut left = MOST;
    for (at, &(name, value)) in labels.iter().enumerate() {
        if label_name_fault(name, None).is_some() || value.contains(['\\', '"', '\n']) {
            return false;
        }
        if labels[..at].iter().any(|&(known, _)| known == name) {
            return false;
        }
        let len = name.len() + value.chars().take(MOST + 1).count(); // names are ASCII
        let Some(rest) = left.checked_sub(len) else { return false };
        left = rest;
    }
    true
}
