//! The bytes of an answer: pieces, of which most are shared with other answers and with the encoder
//! that made them. Upstream: `scrape` and handlers. Downstream: whoever writes them to a client.

use std::io::IoSlice;

use crate::strip::{Segment, Strip};

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
    strips: Vec<Strip>,
    tail: Vec<u8>,
    /// Bytes of the strips.
    shared: usize,
}

/// How far a reader of a [`Body`] has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The head, a strip or the tail.
    part: usize,
    /// Within the strip; 0 in the others.
    segment: usize,
    /// Within the segment, the head or the tail.
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
        self.strips.clear();
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
        self.share(Strip::of(segment));
    }

    /// Adds the pieces of a strip.
    pub(crate) fn share(&mut self, strip: Strip) {
        self.shared += strip.len();
        self.strips.push(strip);
    }

    /// What others may hold, too.
    pub(crate) fn strips(&self) -> &[Strip] {
        &self.strips
    }

    /// Whether there is memory in it that the next answer could use.
    pub(crate) fn has_memory(&self) -> bool {
        self.head.capacity() + self.strips.capacity() + self.tail.capacity() > 0
    }

    /// Bytes that it does not share.
    pub(crate) fn own_len(&self) -> usize {
        self.head.len() + self.tail.len()
    }

    /// What comes after the segments, to be written to.
    pub fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.tail
    }

    /// The bytes in order; no slice is empty.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let pieces = self.strips.iter().flat_map(Strip::pieces);
        let all = std::iter::once(&*self.head).chain(pieces).chain([&*self.tail]);
        all.filter(|bytes| !bytes.is_empty())
    }

    /// The same, as segments that outlive the body.
    pub fn into_segments(self) -> impl Iterator<Item = Segment> {
        let shared = self.strips.iter().flat_map(Strip::segments);
        let all = std::iter::once(self.head.into()).chain(shared.collect::<Vec<_>>());
        all.chain([self.tail.into()]).filter(|segment: &Segment| !segment.is_empty())
    }

    /// Fills `out` with what follows `from`, as far as there is room, and says how many it filled:
    /// none at the end. For `writev`.
    pub fn slices<'a>(&'a self, from: Position, out: &mut [IoSlice<'a>]) -> usize {
        let Position { part, mut segment, mut offset } = from;
        let mut filled = 0;
        for part in part..self.parts() {
            while let Some(bytes) = self.segment(part, segment) {
                let bytes = bytes.get(offset..).unwrap_or_default();
                (segment, offset) = (segment + 1, 0);
                if bytes.is_empty() {
                    continue;
                }
                let Some(slot) = out.get_mut(filled) else { return filled };
                *slot = IoSlice::new(bytes);
                filled += 1;
            }
            segment = 0;
        }
        filled
    }

    /// Moves `from` on by `count` bytes, at most to the end.
    pub fn advance(&self, from: &mut Position, mut count: usize) {
        while from.part < self.parts() {
            let Some(bytes) = self.segment(from.part, from.segment) else {
                *from = Position { part: from.part + 1, segment: 0, offset: 0 };
                continue;
            };
            let left = bytes.len() - from.offset;
            if count < left {
                from.offset += count;
                return;
            }
            count -= left;
            (from.segment, from.offset) = (from.segment + 1, 0);
        }
    }

    /// A copy of all bytes.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        self.iter().collect::<Vec<_>>().concat()
    }

    fn parts(&self) -> usize {
        self.strips.len() + 2
    }

    fn segment(&self, part: usize, segment: usize) -> Option<&[u8]> {
        let own = match part.checked_sub(1) {
            None => &self.head,
            Some(strip) => match self.strips.get(strip) {
                Some(strip) => return strip.piece(segment),
                None => &self.tail,
            },
        };
        (segment == 0).then_some(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strip::OwnStrip;
    use proptest::prelude::*;

    fn body(head: &[u8], strips: &[Vec<Vec<u8>>], tail: &[u8]) -> Body {
        let mut body = Body::new();
        body.text().extend_from_slice(head);
        for strip in strips {
            let mut own = OwnStrip::default();
            strip.iter().for_each(|piece| own.push(piece, 3));
            body.share(own.share());
        }
        body.tail().extend_from_slice(tail);
        body
    }

    proptest! {
        #[test]
        fn whatever_the_reader_takes_at_a_time_it_gets_every_byte_once(
            head: Vec<u8>, strips: Vec<Vec<Vec<u8>>>, tail: Vec<u8>, slices in 1..5_usize, take in 1..99_usize,
        ) {
            let body = body(&head, &strips, &tail);
            let whole = [head, strips.concat().concat(), tail].concat();
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
}
