//! The life of series as lists and counted references: what a registry has to say after any sequence
//! of operations by one thread.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use arbitrary::Arbitrary;

/// The values of two labels.
pub type Labels = [&'static str; 2];

const OVERFLOW: Labels = ["__overflow__"; 2];

/// Types of metrics whose lives differ.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A counter.
    Count,
    /// A gauge that is set.
    Gauge,
    /// A histogram.
    Sizes,
    /// An up-down counter.
    Flight,
}

/// A series from its creation on. Handles and the registry hold it by a counted reference, so that
/// one that only the registry holds may retire.
#[derive(Debug)]
pub struct Life {
    /// Its label values.
    pub labels: Labels,
    /// When it was created.
    pub created: u64,
    records: RefCell<Vec<u64>>,
    /// Records that the registry can tell from none.
    visible: Cell<usize>,
    fading: Cell<bool>,
    /// How many records the last snapshot saw, and since when there have been as many.
    idle: Cell<Option<(usize, u64)>>,
}

impl Life {
    /// Records into it.
    pub fn record(&self, kind: Kind, n: u64) {
        self.records.borrow_mut().push(n);
        // Adding nothing to a sum does not show.
        let shows = n > 0 || matches!(kind, Kind::Gauge | Kind::Sizes);
        self.visible.set(self.visible.get() + usize::from(shows));
    }

    /// What it says: the value, or a histogram's cumulative counts and its sum.
    pub fn numbers(&self, kind: Kind, bounds: &[f64]) -> Vec<f64> {
        let records = self.records.borrow();
        let sum = records.iter().sum::<u64>() as f64;
        match kind {
            Kind::Count | Kind::Flight => vec![sum],
            Kind::Gauge => vec![records.last().map_or(0.0, |&last| last as f64)],
            Kind::Sizes => {
                let below = |le: f64| records.iter().filter(|&&n| n as f64 <= le).count() as f64;
                let bounds = bounds.iter().copied().chain([f64::INFINITY]);
                bounds.map(below).chain([sum]).collect()
            }
        }
    }
}

/// What a registry has of one kind.
#[derive(Debug, Default)]
pub struct Family {
    /// In order of creation.
    pub series: Vec<Rc<Life>>,
    /// Look-ups beyond the limit.
    pub overflowed: u64,
}

/// A registry with a family of each kind.
#[derive(Debug)]
pub struct Model {
    /// Seconds since the beginning.
    pub now: u64,
    limit: usize,
    retention: u64,
    families: [Family; 4],
}

impl Model {
    /// Without series.
    pub fn new(limit: usize, retention: u64) -> Self {
        Self { now: 0, limit, retention, families: Default::default() }
    }

    /// The family of a kind.
    pub fn of(&self, kind: Kind) -> &Family {
        &self.families[kind as usize]
    }

    fn full(&self, kind: Kind) -> bool {
        let counted = self.of(kind).series.iter().filter(|life| life.labels != OVERFLOW);
        counted.count() >= self.limit
    }

    /// Looks a series up; none if it is nowhere visible.
    pub fn look_up(&mut self, kind: Kind, labels: Labels) -> Option<Rc<Life>> {
        let find = |model: &Self, labels| {
            model.of(kind).series.iter().find(|life| life.labels == labels).map(Rc::clone)
        };
        let mut found = find(self, labels);
        if found.is_none() && self.full(kind) {
            self.families[kind as usize].overflowed += 1;
            if matches!(kind, Kind::Gauge | Kind::Flight) {
                return None; // their overflow would mean nothing
            }
            found = Some(find(self, OVERFLOW).unwrap_or_else(|| self.create(kind, OVERFLOW)));
        }
        let life = found.unwrap_or_else(|| self.create(kind, labels));
        life.fading.set(false);
        Some(life)
    }

    fn create(&mut self, kind: Kind, labels: Labels) -> Rc<Life> {
        let life = Rc::new(Life {
            labels,
            created: self.now,
            records: RefCell::default(),
            visible: Cell::default(),
            fading: Cell::default(),
            idle: Cell::default(),
        });
        self.families[kind as usize].series.push(Rc::clone(&life));
        life
    }

    /// Removes the series with such labels; says how many.
    pub fn remove(&mut self, kind: Kind, gone: impl Fn(&Labels) -> bool) -> usize {
        let series = &mut self.families[kind as usize].series;
        let before = series.len();
        series.retain(|life| !gone(&life.labels));
        before - series.len()
    }

    /// Removes the series with a label value from every family; says how many.
    pub fn remove_everywhere(&mut self, place: usize, value: &str) -> usize {
        let kinds = [Kind::Count, Kind::Gauge, Kind::Sizes, Kind::Flight];
        kinds.into_iter().map(|kind| self.remove(kind, |labels| labels[place] == value)).sum()
    }

    /// Swaps the set of gauges.
    pub fn replace(&mut self, set: BTreeMap<Labels, f64>) {
        self.remove(Kind::Gauge, |_| true);
        for (labels, value) in set {
            if let Some(life) = self.look_up(Kind::Gauge, labels) {
                life.record(Kind::Gauge, value as u64);
            }
        }
    }

    /// What follows a snapshot: a series that it shows as it has been for the whole retention period,
    /// and that nobody holds, fades; one that had faded before goes.
    pub fn retire(&mut self) {
        let (now, retention) = (self.now, self.retention);
        for family in &mut self.families {
            family.series.retain(|life| {
                let visible = life.visible.get();
                let Some((_, since)) = life.idle.get().filter(|idle| idle.0 == visible) else {
                    life.idle.set(Some((visible, now)));
                    life.fading.set(false);
                    return true;
                };
                let held = Rc::strong_count(life) > 1;
                let idle = !held && now - since >= retention;
                let goes = idle && life.fading.get() && life.labels != OVERFLOW;
                life.fading.set(life.fading.get() || idle);
                !goes
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_retires_two_snapshots_after_it_fell_idle_unless_it_is_held() {
        let mut model = Model::new(9, 5);
        let held = model.look_up(Kind::Count, ["a", "b"]).unwrap();
        model.look_up(Kind::Count, ["a", "c"]).unwrap().record(Kind::Count, 1);
        let left = |model: &Model| model.of(Kind::Count).series.len();
        for (now, expected) in [(0, 2), (4, 2), (5, 2), (5, 1)] {
            model.now = now;
            model.retire();
            assert_eq!(left(&model), expected, "at {now}");
        }
        drop(held);
        model.retire();
        model.retire();
        assert_eq!(left(&model), 0);
    }

    #[test]
    fn beyond_the_limit_only_sums_go_on() {
        let mut model = Model::new(1, 5);
        for kind in [Kind::Count, Kind::Gauge] {
            model.look_up(kind, ["a", "a"]).unwrap().record(kind, 1);
        }
        assert!(model.look_up(Kind::Gauge, ["b", "b"]).is_none());
        assert_eq!(model.look_up(Kind::Count, ["b", "b"]).unwrap().labels, OVERFLOW);
        assert_eq!(model.of(Kind::Count).overflowed, 1);
        assert_eq!(model.remove_everywhere(0, "a"), 2);
        assert_eq!(model.look_up(Kind::Count, ["b", "b"]).unwrap().labels, ["b", "b"]);
    }
}
