//! Label values of a series: one allocation, and a key that borrowed values can look up.
//! Upstream: `Family::with`. Downstream: the family's map, and snapshot.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};

/// Label values in the family's order, length before bytes, so that `("ab", "c")` and
/// `("a", "bc")` differ as they are stored.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct LabelValues(Box<[u8]>);

const LEN: usize = size_of::<u32>();

impl LabelValues {
    pub(crate) fn new(values: &dyn LabelKey) -> Self {
        let mut bytes = Vec::new();
        for at in 0..values.len() {
            let value = values.value(at);
            bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
            bytes.extend_from_slice(value.as_bytes());
        }
        Self(bytes.into())
    }

    /// Whether these are the values.
    #[inline]
    pub(crate) fn is(&self, values: &dyn LabelKey) -> bool {
        let mut rest = &*self.0;
        let same = (0..values.len()).all(|at| {
            let value = values.value(at).as_bytes();
            let Some((len, after)) = rest.split_first_chunk::<LEN>() else { return false };
            let same = u32::from_le_bytes(*len) as usize == value.len() && after.starts_with(value);
            rest = after.get(value.len()..).unwrap_or_default();
            same
        });
        same && rest.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        let mut rest = &*self.0;
        std::iter::from_fn(move || {
            let (len, after) = rest.split_first_chunk::<LEN>()?;
            let (value, after) = after.split_at(u32::from_le_bytes(*len) as usize);
            rest = after;
            // Always valid: `new` copied it from a `str`.
            Some(std::str::from_utf8(value).unwrap_or_default())
        })
    }
}

impl std::fmt::Debug for LabelValues {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Label values, owned or borrowed, as the family's map compares them.
pub(crate) trait LabelKey {
    fn len(&self) -> usize;
    fn value(&self, at: usize) -> &str;
}

impl<const N: usize> LabelKey for [&str; N] {
    fn len(&self) -> usize {
        N
    }

    fn value(&self, at: usize) -> &str {
        self[at]
    }
}

impl LabelKey for LabelValues {
    fn len(&self) -> usize {
        self.iter().count()
    }

    fn value(&self, at: usize) -> &str {
        self.iter().nth(at).unwrap_or_default()
    }
}

impl Hash for dyn LabelKey + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for at in 0..self.len() {
            let value = self.value(at);
            state.write_usize(value.len());
            state.write(value.as_bytes());
        }
    }
}

impl PartialEq for dyn LabelKey + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && (0..self.len()).all(|at| self.value(at) == other.value(at))
    }
}

impl Eq for dyn LabelKey + '_ {}

impl<'a> Borrow<dyn LabelKey + 'a> for LabelValues {
    fn borrow(&self) -> &(dyn LabelKey + 'a) {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::{BuildHasher, RandomState};

    #[test]
    fn where_one_value_ends_matters() {
        let (ab_c, a_bc) = (LabelValues::new(&["ab", "c"]), LabelValues::new(&["a", "bc"]));
        assert_ne!(ab_c, a_bc);
        assert_eq!(ab_c.iter().collect::<Vec<_>>(), ["ab", "c"]);
        let hasher = RandomState::new();
        let hash = |key: &dyn LabelKey| hasher.hash_one(key);
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
        assert_eq!(hash(&["ab", "c"]), hash(&ab_c));
    }
}
