//! The bytes of an answer: pieces, of which most are shared with other answers and with the encoder
//! that made them. Upstream: `scrape` and handlers. Downstream: whoever writes them to a client.

use std::io::IoSlice;
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

/// A body: what was written for this answer alone, then shared segments, then an end of its own.
///
/// Use one again for the next answer, and it allocates nothing in a steady state. What it shares is
/// held until [`Body::clear`] or the drop.
///
/// ```
/// let mut body = tmc_exposition::Body::new();
/// body.text().extend_from_slice(b"up 1\n");
/// assert_eq!((body.len(), body.to_vec()), (5, b"up 1\n".to_vec()));
/// ```
#[derive(Debug, Default)]
pub struct Body {
    head: Vec<u8>,
    /// None is empty.
    segments: Vec<Segment>,
    tail: Vec<u8>,
    /// Bytes of the segments.
    shared: usize,
}

/// How far a reader of a [`Body`] has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    part: usize,
    /// Within the part.
    offset: usize,
}

impl Body {
    /// No bytes, no memory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets go of everything that is shared, and keeps the memory.
    pub fn clear(&mut self) {
        self.head.clear();
        self.segments.clear();
        self.tail.clear();
        self.shared = 0;
    }

    /// Bytes altogether.
    #[must_use]
    pub fn len(&self) -> usize {
        self.head.len() + self.shared + self.tail.len()
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What comes before the segments, to be written to.
    pub fn text(&mut self) -> &mut Vec<u8> {
        &mut self.head
    }

    /// Adds a segment.
    pub fn push(&mut self, segment: Segment) {
        if !segment.is_empty() {
            self.shared += segment.len();
            self.segments.push(segment);
        }
    }

    /// What comes after the segments, to be written to.
    pub fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.tail
    }

    /// The bytes in order; no slice is empty.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.parts()).map(|part| self.part(part)).filter(|part| !part.is_empty())
    }

    /// The same, as segments that outlive the body.
    pub fn into_segments(self) -> impl Iterator<Item = Segment> {
        let own = |bytes: Vec<u8>| Some(Segment::from(bytes)).filter(|own| !own.is_empty());
        own(self.head).into_iter().chain(self.segments).chain(own(self.tail))
    }

    /// Fills `out` with what follows `from`, as far as there is room, and says how many it filled:
    /// none at the end. For `writev`.
    pub fn slices<'a>(&'a self, from: Position, out: &mut [IoSlice<'a>]) -> usize {
        let mut offset = from.offset;
        let mut filled = 0;
        for part in from.part..self.parts() {
            let bytes = self.part(part).get(offset..).unwrap_or_default();
            offset = 0;
            if bytes.is_empty() {
                continue;
            }
            let Some(slot) = out.get_mut(filled) else { break };
            *slot = IoSlice::new(bytes);
            filled += 1;
        }
        filled
    }

    /// Moves `from` on by `count` bytes, at most to the end.
    pub fn advance(&self, from: &mut Position, mut count: usize) {
        while from.part < self.parts() {
            let left = self.part(from.part).len() - from.offset;
            if count < left {
                from.offset += count;
                return;
            }
            count -= left;
            *from = Position { part: from.part + 1, offset: 0 };
        }
    }

    /// A copy of all bytes.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        self.iter().collect::<Vec<_>>().concat()
    }

    fn parts(&self) -> usize {
        self.segments.len() + 2
    }

    fn part(&self, part: usize) -> &[u8] {
        match part.checked_sub(1) {
            None => &self.head,
            Some(segment) => self.segments.get(segment).map_or(&self.tail, |segment| segment),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn body(head: &[u8], segments: &[Vec<u8>], tail: &[u8]) -> Body {
        let mut body = Body::new();
        body.text().extend_from_slice(head);
        segments.iter().for_each(|segment| body.push(segment.clone().into()));
        body.tail().extend_from_slice(tail);
        body
    }

    proptest! {
        #[test]
        fn whatever_the_reader_takes_at_a_time_it_gets_every_byte_once(
            head: Vec<u8>, segments: Vec<Vec<u8>>, tail: Vec<u8>, slices in 1..5_usize, take in 1..99_usize,
        ) {
            let body = body(&head, &segments, &tail);
            let whole = [head, segments.concat(), tail].concat();
            prop_assert_eq!(body.len(), whole.len());
            prop_assert_eq!(&body.to_vec(), &whole);
            let (mut position, mut read) = (Position::default(), Vec::new());
            loop {
                let mut out = vec![IoSlice::new(&[]); slices];
                let filled = body.slices(position, &mut out);
                if filled == 0 {
                    break;
                }
                let here: Vec<u8> = out[..filled].iter().flat_map(|slice| slice.iter().copied()).collect();
                let taken = &here[..take.min(here.len())];
                read.extend_from_slice(taken);
                body.advance(&mut position, taken.len());
            }
            prop_assert_eq!(&read, &whole);
            prop_assert_eq!(body.into_segments().map(|s| s.to_vec()).collect::<Vec<_>>().concat(), whole);
        }
    }

    #[test]
    fn a_segment_that_somebody_holds_does_not_change() {
        let (mut segment, mut spare) = (Segment::from(vec![1]), None);
        let mut body = Body::new();
        body.push(segment.clone());
        segment.writable(&mut spare).push(2);
        assert_eq!((&*segment, body.to_vec()), (&[1, 2][..], vec![1]));
        body.clear();
        body.push(segment.clone());
        segment.refill(&[3], &mut spare);
        assert_eq!((&*segment, body.to_vec()), (&[3][..], vec![1, 2]));
    }

    #[test]
    fn two_generations_take_turns_in_the_same_memory() {
        let (mut segment, mut spare) = (Segment::from(vec![0; 8]), None);
        let mut seen = std::collections::BTreeSet::new();
        let mut reader = segment.clone();
        for turn in 1..9 {
            segment.writable(&mut spare)[0] = turn;
            assert_eq!((segment[0], reader[0]), (turn, turn - 1));
            seen.insert(segment.as_ptr() as usize);
            reader = segment.clone();
        }
        assert_eq!(seen.len(), 2);
    }
}
