//! Segments that are shared as a whole: an answer holds all text of a family with one reference.
//! Upstream: encoders and compressors, which own strips and change them. Downstream: bodies, which hold
//! them as they are at a scrape.

use std::ops::Deref;
use std::sync::Arc;

/// Bytes that nobody changes for as long as more than one holds them. A clone shares them: it costs
/// one atomic addition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segment(Arc<Vec<u8>>);

impl Segment {
    /// The bytes, to be changed. While somebody else holds them it is a copy in the memory of `spare`,
    /// which then keeps the old ones: in a steady state, nothing is allocated.
    pub(crate) fn writable(&mut self, spare: &mut Option<Self>) -> &mut Vec<u8> {
        if Arc::get_mut(&mut self.0).is_none() {
            let old = self.exchange(spare);
            Arc::make_mut(&mut self.0).extend_from_slice(&old);
        }
        Arc::make_mut(&mut self.0)
    }

    /// Replaces the bytes; who holds the old ones keeps them.
    pub(crate) fn refill(&mut self, bytes: &[u8], spare: &mut Option<Self>) {
        if Arc::get_mut(&mut self.0).is_none() {
            self.exchange(spare);
        }
        let own = Arc::make_mut(&mut self.0);
        own.clear();
        own.extend_from_slice(bytes);
    }

    /// Becomes empty memory of its own, and puts the old bytes aside.
    fn exchange(&mut self, spare: &mut Option<Self>) -> Self {
        let mut next = spare.take().unwrap_or_default();
        match Arc::get_mut(&mut next.0) {
            Some(bytes) => bytes.clear(),
            None => next = Self::default(), // its reader is even slower
        }
        let old = std::mem::replace(self, next);
        *spare = Some(old.clone());
        old
    }
}

impl From<Vec<u8>> for Segment {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(bytes))
    }
}

impl Deref for Segment {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Segment {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// Segments in order, shared as they are now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Strip(Arc<Segments>);

#[derive(Debug, Default)]
struct Segments {
    all: Vec<Segment>,
    /// Bytes of all.
    len: usize,
}

impl Strip {
    /// One segment.
    pub(crate) fn of(segment: Segment) -> Self {
        let len = segment.len();
        Self(Arc::new(Segments { all: vec![segment], len }))
    }

    /// Bytes altogether.
    pub(crate) fn len(&self) -> usize {
        self.0.len
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        &self.0.all
    }
}

/// A strip that is changed from scrape to scrape.
#[derive(Debug, Default)]
pub(crate) struct OwnStrip {
    now: Strip,
    /// What a slow reader held when it was last changed; and the memory of the next one.
    before: Strip,
}

impl OwnStrip {
    /// As it is now, for as long as the reader likes.
    pub(crate) fn share(&self) -> Strip {
        self.now.clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.now.len()
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        self.now.segments()
    }

    /// Forgets what it was before, once nobody holds that any more. To be called before changes.
    pub(crate) fn settle(&mut self) {
        if let Some(before) = Arc::get_mut(&mut self.before.0) {
            before.all.clear();
        }
    }

    /// Changes one segment.
    pub(crate) fn change(&mut self, at: usize, change: impl FnOnce(&mut Segment)) {
        let segments = self.own();
        if let Some(segment) = segments.all.get_mut(at) {
            let before = segment.len();
            change(segment);
            segments.len = segments.len + segment.len() - before;
        }
    }

    /// Changes which segments there are.
    pub(crate) fn rearrange(&mut self, change: impl FnOnce(&mut Vec<Segment>)) {
        let segments = self.own();
        change(&mut segments.all);
        segments.len = segments.all.iter().map(|segment| segment.len()).sum();
    }

    /// The segments, of which some may still be held by a reader, in a list that nobody else holds.
    fn own(&mut self) -> &mut Segments {
        if Arc::get_mut(&mut self.now.0).is_none() {
            let mut next = std::mem::take(&mut self.before);
            if Arc::get_mut(&mut next.0).is_none() {
                next = Strip::default(); // its reader is even slower
            }
            if let Some(next) = Arc::get_mut(&mut next.0) {
                next.all.clear();
                next.all.extend_from_slice(&self.now.0.all);
                next.len = self.now.0.len;
            }
            self.before = std::mem::replace(&mut self.now, next);
        }
        Arc::get_mut(&mut self.now.0).expect("nobody else holds it: seen or made above")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_segment_that_somebody_holds_does_not_change() {
        let (mut segment, mut spare) = (Segment::from(vec![1]), None);
        let mut held = segment.clone();
        segment.writable(&mut spare).push(2);
        assert_eq!((&*segment, &*held), (&[1, 2][..], &[1][..]));
        held.clone_from(&segment);
        segment.refill(&[3], &mut spare);
        assert_eq!((&*segment, &*held), (&[3][..], &[1, 2][..]));
    }

    #[test]
    fn two_generations_take_turns_in_the_same_memory() {
        let (mut segment, mut spare) = (Segment::from(vec![0; 8]), None);
        let mut seen = BTreeSet::new();
        let mut reader = segment.clone();
        for turn in 1..9 {
            segment.writable(&mut spare)[0] = turn;
            assert_eq!((segment[0], reader[0]), (turn, turn - 1));
            seen.insert(segment.as_ptr() as usize);
            reader.clone_from(&segment);
        }
        assert_eq!(seen.len(), 2);
    }

    fn strip() -> OwnStrip {
        let mut strip = OwnStrip::default();
        strip.rearrange(|all| all.extend([vec![1, 2], vec![3]].map(Segment::from)));
        strip
    }

    fn bytes(strip: &Strip) -> Vec<u8> {
        let bytes: Vec<u8> = strip.segments().iter().flat_map(|segment| segment.to_vec()).collect();
        assert_eq!(strip.len(), bytes.len());
        bytes
    }

    #[test]
    fn a_strip_that_somebody_holds_does_not_change() {
        let (mut strip, mut spare) = (strip(), None);
        let held = strip.share();
        strip.change(1, |segment| segment.writable(&mut spare).push(4));
        let later = strip.share();
        strip.rearrange(|all| drop(all.remove(0)));
        assert_eq!(bytes(&held), [1, 2, 3]);
        assert_eq!(bytes(&later), [1, 2, 3, 4]);
        assert_eq!((bytes(&strip.share()), strip.len()), (vec![3, 4], 2));
    }

    #[test]
    fn what_was_held_once_is_written_in_place_again() {
        let (mut strip, mut spare) = (strip(), None);
        let held = strip.share();
        strip.change(0, |segment| segment.writable(&mut spare)[0] = 7);
        drop(held);
        strip.settle();
        let place = strip.segments()[1].as_ptr();
        strip.change(1, |segment| segment.writable(&mut None)[0] = 8);
        assert_eq!(strip.segments()[1].as_ptr(), place, "copied though nobody held it");
        assert_eq!(bytes(&strip.share()), [7, 2, 8]);
    }
}
