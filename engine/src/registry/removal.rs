//! Removal of series: one, by some of their labels, by predicate, all.
//! Upstream: the program. Downstream: the family's map and list; the cells go with the last handle.

use super::core::{FamilyCore, SeriesKey};
use super::series::{Hold, Series};
use super::values::{self, LabelValues};
use super::{Family, Instrument, Key, Registry};
use crate::error::UnknownLabel;
use crate::record::Gauge;
use crate::sync::Arc;
use std::collections::{BTreeMap, HashSet};

/// The labels of a series, as a predicate sees them.
#[derive(Clone, Copy, Debug)]
pub struct SeriesLabels<'a> {
    names: &'a [Box<str>],
    values: &'a LabelValues,
}

impl<'a> SeriesLabels<'a> {
    /// The value of a label; none if the family has no such label.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.iter().find(|&(known, _)| known == name).map(|(_, value)| value)
    }

    /// Names and values, in the family's order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.names.iter().map(|name| &**name).zip(self.values.iter())
    }
}

impl FamilyCore {
    fn labels<'a>(&'a self, series: &'a Series) -> SeriesLabels<'a> {
        SeriesLabels { names: &self.meta.labels, values: &series.labels }
    }

    /// Removes the series with these labels, if it is the one.
    pub(super) fn remove(&self, labels: &[u8], is: impl FnOnce(&Arc<Series>) -> bool) -> bool {
        let mut members = self.members.lock();
        let removed = self.map.remove_if(labels, |known, ()| is(&known.0));
        let Some((SeriesKey(series), ())) = removed else { return false };
        members.list.remove(&series);
        if members.is_overflow(&series) {
            members.overflow = None;
        }
        series.remove();
        self.removed(&members);
        true
    }

    /// Removes what `keep` refuses, the overflow series left alone. Says how many.
    fn retain(&self, mut keep: impl FnMut(&SeriesLabels<'_>) -> bool) -> usize {
        let mut series = self.members.lock().list.all();
        // Without the lock: the predicate may look up series of this family.
        series.retain(|series| !keep(&self.labels(series)));
        let refused: HashSet<*const Series> = series.iter().map(Arc::as_ptr).collect();
        self.remove_where(false, |series| refused.contains(&Arc::as_ptr(series)))
    }

    fn remove_where(&self, overflow: bool, remove: impl Fn(&Arc<Series>) -> bool) -> usize {
        let mut members = self.members.lock();
        let kept = members.overflow.as_ref().filter(|_| !overflow).map(Arc::as_ptr);
        let gone =
            members.list.retain(|series| kept == Some(Arc::as_ptr(series)) || !remove(series));
        if overflow {
            members.overflow = None;
        }
        for series in &gone {
            self.map.remove(series.labels.bytes());
            series.remove();
        }
        if !gone.is_empty() {
            self.removed(&members); // or else threads would look again for nothing
        }
        drop(members); // the cells are cleared without it
        gone.len()
    }

    /// Removes the series that have all of these values. None, if a label is not the family's, or
    /// if there are no labels to go by.
    fn remove_matching(&self, labels: &[(&str, &str)]) -> usize {
        let known = |name: &str| self.meta.labels.iter().any(|label| **label == *name);
        if self.terms.own || labels.is_empty() || !labels.iter().all(|&(name, _)| known(name)) {
            return 0;
        }
        self.retain(|series| !labels.iter().all(|&(name, value)| series.get(name) == Some(value)))
    }

    /// Puts a new set of series in the place of all there are. A snapshot sees either.
    pub(super) fn replace_all<V>(&self, set: BTreeMap<values::Encoded, V>, put: impl Fn(Hold, V)) {
        let mut refused = Vec::new();
        let mut members = self.members.lock();
        let mut series = Vec::with_capacity(set.len().min(self.terms.limit));
        for (labels, value) in set {
            if series.len() >= self.terms.limit {
                refused.push(labels);
            } else if let Some(made) = self.make(&mut members, &labels) {
                put(Hold::new(Arc::clone(&made)), value);
                series.push(made);
            }
        }
        let gone = members.list.retain(|_| false);
        for series in &gone {
            self.map.remove(series.labels.bytes());
            series.remove();
        }
        for series in series {
            members.list.push(Arc::clone(&series));
            self.map.insert(SeriesKey(series), ());
        }
        self.removed(&members);
        drop(members); // a logger may use the family, and the cells are cleared without it
        refused.iter().for_each(|labels| self.refuse_beyond_limit(labels));
    }
}

impl<M: Instrument, K: Key> Family<M, K> {
    /// Removes one series; says whether it was there.
    ///
    /// Handles to it stay safe and record nowhere visible; its cells are reused when the last of
    /// them is gone, and no snapshot shows it any more (the registry itself keeps the last three).
    /// Looked up again, it starts from zero with a new start timestamp. Locks.
    pub fn remove(&self, values: K::Of<'_>) -> bool {
        self.core.remove(&values::encode(&values), |_| true)
    }

    /// Removes every series that has all of these label values; says how many. An empty list
    /// matches nothing. As [`Family::remove`].
    ///
    /// # Errors
    /// If the family has no such label.
    pub fn remove_matching(&self, labels: &[(&str, &str)]) -> Result<usize, UnknownLabel> {
        let known = &self.core.meta.labels;
        let unknown = labels.iter().find(|(name, _)| !known.iter().any(|label| **label == **name));
        match unknown {
            None => Ok(self.core.remove_matching(labels)),
            Some((label, _)) => Err(UnknownLabel {
                family: self.name().to_owned(),
                label: (*label).to_owned(),
                known: known.iter().map(|label| label.to_string()).collect(),
            }),
        }
    }

    /// Removes every series whose labels `keep` refuses; says how many. The overflow series is not
    /// asked about. `keep` may use the registry. As [`Family::remove`].
    pub fn retain(&self, keep: impl FnMut(&SeriesLabels<'_>) -> bool) -> usize {
        self.core.retain(keep)
    }

    /// Removes every series, the overflow series too; says how many. As [`Family::remove`].
    pub fn clear(&self) -> usize {
        self.core.remove_where(true, |_| true)
    }
}

impl<K: Key> Family<Gauge, K> {
    /// Swaps the whole set of series: a snapshot sees the old set or the new one. Of values given
    /// twice the last counts; beyond the family's limit, series are refused and counted.
    ///
    /// Handles and look-ups of the old set record nowhere visible from then on. Locks, allocates.
    pub fn replace_all<'a>(&self, set: impl IntoIterator<Item = (K::Of<'a>, f64)>)
    where
        K: 'a,
    {
        let encoded = set.into_iter().map(|(values, gauge)| (values::encode(&values), gauge));
        self.core.replace_all(encoded.collect(), |series, value| Gauge::of(series).set(value));
    }
}

impl Registry {
    /// Removes every series, of all families, that has all of these label values; says how many.
    /// Families without such labels keep theirs; so do the engine's own. As [`Family::remove`].
    pub fn remove_matching(&self, labels: &[(&str, &str)]) -> usize {
        let families: Vec<_> = self.0.families.lock().by_name.values().map(Arc::clone).collect();
        families.iter().map(|family| family.remove_matching(labels)).sum()
    }

    /// A guard that removes every series with all of these label values, across families, when it is
    /// dropped: of a cluster, say, that goes away.
    ///
    /// ```
    /// let registry = tmc_engine::Registry::new();
    /// let synced = registry.counter_family("synced_total", "Resources synced", ["cluster"])?;
    /// let cluster = registry.scope(&[("cluster", "eu-1")]);
    /// synced.at(["eu-1"]).inc();
    /// drop(cluster);
    /// assert!(registry.snapshot().family("synced_total").is_some_and(|f| f.series().next().is_none()));
    /// # Ok::<(), tmc_engine::RegisterError>(())
    /// ```
    #[must_use = "dropping the scope removes the series"]
    pub fn scope(&self, labels: &[(&str, &str)]) -> Scope {
        let owned = |&(name, value): &(&str, &str)| (name.into(), value.into());
        Scope { registry: self.clone(), labels: labels.iter().map(owned).collect() }
    }
}

/// Removes the series of something that goes away, across families: see [`Registry::scope`].
///
/// It may be dropped on any thread. What is recorded under the same labels later begins anew.
#[derive(Debug)]
pub struct Scope {
    registry: Registry,
    labels: Box<[(Box<str>, Box<str>)]>,
}

impl Drop for Scope {
    fn drop(&mut self) {
        let labels: Vec<_> = self.labels.iter().map(|(name, value)| (&**name, &**value)).collect();
        self.registry.remove_matching(&labels);
    }
}
