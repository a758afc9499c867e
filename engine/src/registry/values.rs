//! Label values as a series stores them: one allocation, and the key of the family's map.
//! Upstream: `labels`. Downstream: the family's map, and snapshot.

use super::labels::LabelTexts;
use smallvec::SmallVec;

/// Label values in the family's order, length before bytes, so that `("ab", "c")` and
/// `("a", "bc")` differ as they are stored.
#[derive(Default, PartialEq, Eq)]
pub(crate) struct LabelValues(Box<[u8]>);

/// The same on the stack, to look up with.
pub(crate) type Encoded = SmallVec<[u8; 256]>;

const LEN: usize = size_of::<u32>();

/// What [`LabelValues`] would store. Allocates beyond 256 bytes.
pub(crate) fn encode(texts: &impl LabelTexts) -> Encoded {
    let mut bytes = Encoded::new();
    texts.all(&mut |text| {
        bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
        bytes.extend_from_slice(text.as_bytes());
        true
    });
    bytes
}

/// The values in what [`encode`] made.
pub(crate) fn decode(bytes: &[u8]) -> impl Iterator<Item = &str> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (len, after) = rest.split_first_chunk::<LEN>()?;
        let (value, after) = after.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        rest = after;
        // Always valid: `encode` copied it from a `str`.
        Some(std::str::from_utf8(value).unwrap_or_default())
    })
}

impl LabelValues {
    pub(crate) fn new(encoded: &[u8]) -> Self {
        Self(encoded.into())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        decode(&self.0)
    }

    /// Whether these are the values.
    #[inline(always)]
    pub(crate) fn is(&self, texts: &impl LabelTexts) -> bool {
        let mut rest = &*self.0;
        let same = texts.all(&mut |text| {
            let Some((len, after)) = rest.split_first_chunk::<LEN>() else { return false };
            let same = u32::from_le_bytes(*len) as usize == text.len();
            let Some((value, after)) = after.split_at_checked(text.len()) else { return false };
            rest = after;
            same && value == text.as_bytes()
        });
        same && rest.is_empty()
    }
}

impl std::fmt::Debug for LabelValues {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_one_value_ends_matters() {
        let values = LabelValues::new(&encode(&["ab", "c"]));
        assert_ne!(values.bytes(), &*encode(&["a", "bc"]));
        assert_eq!(values.iter().collect::<Vec<_>>(), ["ab", "c"]);
        assert!(values.is(&["ab", "c"]));
        for other in [["a", "bc"], ["ab", "d"], ["abc", ""], ["ab", "cc"]] {
            assert!(!values.is(&other), "{other:?}");
        }
        assert!(!values.is(&["ab"]) && !values.is(&["ab", "c", ""]) && !values.is(&[]));
    }
}
