//! What is kept from scrape to scrape, by key, for keys that come in nearly the same order each time.
//! Upstream: the order of a snapshot. Downstream: what encoders and compressors have made.

use std::collections::HashMap;

/// Values by key. While keys come as they came the last time, finding one is a comparison; from the first
/// difference on, it is a look-up in a map. What was not asked for is forgotten.
#[derive(Debug)]
pub(crate) struct InOrder<T> {
    items: Vec<(u64, T)>,
    /// Items that were asked for in this turn.
    found: usize,
    /// The items that came later the last time, once the order differs.
    displaced: HashMap<u64, T>,
    stands: bool,
}

impl<T> Default for InOrder<T> {
    fn default() -> Self {
        Self { items: Vec::new(), found: 0, displaced: HashMap::new(), stands: true }
    }
}

impl<T> InOrder<T> {
    /// Begins a turn.
    pub(crate) fn begin(&mut self) {
        (self.found, self.stands) = (0, true);
    }

    /// The value of `key`, which this turn has not asked for yet.
    pub(crate) fn next(&mut self, key: u64, make: impl FnOnce() -> T) -> &mut T {
        let at = self.found;
        self.found += 1;
        if self.items.get(at).is_none_or(|(known, _)| *known != key) {
            self.stands = false;
            self.displaced.extend(self.items.drain(at..));
            let value = self.displaced.remove(&key).unwrap_or_else(make);
            self.items.push((key, value));
        }
        &mut self.items[at].1
    }

    /// Ends the turn.
    pub(crate) fn end(&mut self) {
        self.stands &= self.items.len() == self.found;
        self.items.truncate(self.found);
        self.displaced = HashMap::new(); // no memory, if there was none in it
    }

    /// Whether the last turn asked for all that the one before it had, in the same order, and no more.
    pub(crate) fn stands(&self) -> bool {
        self.stands
    }

    /// Keys and values in the order of the last turn.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.items.iter().map(|(key, value)| (*key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        /// The slow twin: a map of everything that the last turn had.
        #[test]
        fn a_value_stays_for_as_long_as_each_turn_asks_for_it(
            turns in prop::collection::vec(prop::collection::vec(0..12_u64, 0..12), 1..6),
        ) {
            let mut kept = InOrder::default();
            let mut twin: HashMap<u64, usize> = HashMap::new();
            let mut made = 0;
            let mut before: Vec<(u64, usize)> = Vec::new();
            for turn in turns {
                let mut seen = BTreeSet::new();
                let keys: Vec<u64> = turn.into_iter().filter(|key| seen.insert(*key)).collect();
                kept.begin();
                for &key in &keys {
                    let value = *kept.next(key, || { made += 1; made });
                    match twin.get(&key) {
                        Some(&known) => prop_assert_eq!(value, known),
                        None => prop_assert_eq!(value, made),
                    }
                }
                kept.end();
                let same = kept.iter().map(|(key, value)| (key, *value)).eq(before);
                prop_assert_eq!(kept.stands(), same);
                before = kept.iter().map(|(key, value)| (key, *value)).collect();
                twin = kept.iter().map(|(key, value)| (key, *value)).collect();
                let order: Vec<u64> = kept.iter().map(|(key, _)| key).collect();
                prop_assert_eq!(order, keys);
            }
        }
    }
}
