//! Strips: neighbouring pieces of text side by side in memory, shared as a whole.
//! Upstream: encoders and compressors, which own strips and change them. Downstream: bodies, which hold
//! them as they are at a scrape.
//!
//! Whoever reads a strip from its beginning to its end reads memory in order, and holds all of it with
//! one reference. Each piece has some room to grow; one that has outgrown it moves behind the last one,
//! and when a quarter of the memory is left behind like that, all of it is laid out anew.

use std::ops::Deref;
use std::sync::Arc;

/// Bytes that nobody changes for as long as more than one holds them. A clone shares them: it costs
/// one atomic addition. Those of an encoder keep the text of their neighbours alive, too.
#[derive(Clone, Debug, Default)]
pub struct Segment {
    strip: Strip,
    at: usize,
}

impl From<Vec<u8>> for Segment {
    fn from(bytes: Vec<u8>) -> Self {
        let len = bytes.len();
        let slots = vec![Slot { start: 0, len, room: len }];
        Self { strip: Strip(Arc::new(Text { bytes, slots, len, lost: 0 })), at: 0 }
    }
}

impl Deref for Segment {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.strip.piece(self.at).unwrap_or_default()
    }
}

impl AsRef<[u8]> for Segment {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Segment {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Segment {}

/// Pieces in order, as they are now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Strip(Arc<Text>);

#[derive(Clone, Debug, Default)]
struct Text {
    bytes: Vec<u8>,
    slots: Vec<Slot>,
    /// Bytes of all pieces.
    len: usize,
    /// Bytes of `bytes` that no piece has.
    lost: usize,
}

/// Where a piece is.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    start: usize,
    len: usize,
    /// Bytes that it may have.
    room: usize,
}

impl Strip {
    /// The one that `segment` is in, if it has no other piece; else a copy of the segment.
    pub(crate) fn of(segment: Segment) -> Self {
        match segment.strip.0.slots.len() {
            1 => segment.strip,
            _ => Segment::from(segment.to_vec()).strip,
        }
    }

    /// Bytes altogether.
    pub(crate) fn len(&self) -> usize {
        self.0.len
    }

    /// The same for all who share it, and for nobody else while they do.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// The piece at a place in the order.
    pub(crate) fn piece(&self, at: usize) -> Option<&[u8]> {
        self.0.slots.get(at).and_then(|slot| self.0.bytes.get(slot.start..slot.start + slot.len))
    }

    /// All pieces in order.
    pub(crate) fn pieces(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.0.slots.iter().map(|slot| &self.0.bytes[slot.start..slot.start + slot.len])
    }

    /// The same, each of which holds the strip.
    pub(crate) fn segments(&self) -> impl Iterator<Item = Segment> {
        (0..self.0.slots.len()).map(|at| Segment { strip: self.clone(), at })
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

    /// Bytes altogether.
    pub(crate) fn len(&self) -> usize {
        self.now.len()
    }

    /// The piece at a place in the order.
    pub(crate) fn piece(&self, at: usize) -> &[u8] {
        self.now.piece(at).unwrap_or_default()
    }

    /// All pieces in order.
    pub(crate) fn pieces(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.now.pieces()
    }

    /// The bytes of a piece, to be written over, and those behind it in memory: the next ones mostly.
    pub(crate) fn write(&mut self, at: usize) -> (&mut [u8], &[u8]) {
        let Text { bytes, slots, .. } = self.own();
        let Some(slot) = slots.get(at) else { return (&mut [], &[]) };
        let (bytes, behind) = bytes.split_at_mut(slot.start + slot.room);
        (&mut bytes[slot.start..slot.start + slot.len], behind)
    }

    /// Replaces a piece. Where it has no room, it gets `spare` bytes to spare.
    pub(crate) fn replace(&mut self, at: usize, piece: &[u8], spare: usize) {
        self.own().replace(at, piece, spare);
    }

    /// Adds a piece behind the last one, with `spare` bytes to spare.
    pub(crate) fn push(&mut self, piece: &[u8], spare: usize) {
        let text = self.own();
        text.slots.push(Slot::default());
        text.replace(text.slots.len() - 1, piece, spare);
    }

    /// Adds places of pieces, which are empty.
    pub(crate) fn push_empty(&mut self) {
        self.own().slots.push(Slot::default());
    }

    /// The text, in memory that nobody else holds.
    fn own(&mut self) -> &mut Text {
        if Arc::get_mut(&mut self.now.0).is_none() {
            let mut next = std::mem::take(&mut self.before);
            match Arc::get_mut(&mut next.0) {
                Some(text) => text.copy(&self.now.0),
                None => next = Strip(Arc::new((*self.now.0).clone())), // its reader is even slower
            }
            self.before = std::mem::replace(&mut self.now, next);
        }
        Arc::get_mut(&mut self.now.0).expect("nobody else holds it: seen or made above")
    }
}

impl Text {
    /// Becomes the same as `other`, in the memory that it has.
    fn copy(&mut self, other: &Self) {
        self.bytes.clone_from(&other.bytes);
        self.slots.clone_from(&other.slots);
        (self.len, self.lost) = (other.len, other.lost);
    }

    fn replace(&mut self, at: usize, piece: &[u8], spare: usize) {
        let Some(slot) = self.slots.get_mut(at) else { return };
        self.len = self.len + piece.len() - slot.len;
        if piece.len() > slot.room {
            self.lost += slot.room;
            *slot = Slot { start: self.bytes.len(), len: 0, room: piece.len() + spare };
            let slot = *slot;
            self.make_room(slot.room);
            self.bytes.resize(slot.start + slot.room, 0);
        }
        let slot = &mut self.slots[at];
        slot.len = piece.len();
        self.bytes[slot.start..slot.start + piece.len()].copy_from_slice(piece);
        if self.lost > self.bytes.len() / 4 {
            self.lay_out();
        }
    }

    /// Makes sure of memory for `room` more bytes, and for as many in every place that is still empty: its
    /// piece is about to come, and will hardly be of another size.
    fn make_room(&mut self, room: usize) {
        if self.bytes.capacity() - self.bytes.len() < room {
            let empty = self.slots.iter().filter(|slot| slot.room == 0).count();
            self.bytes.reserve_exact(room * (empty + 1) + self.bytes.len() / 16);
        }
    }

    /// Brings the pieces into order, with nothing lost between them.
    #[cold]
    fn lay_out(&mut self) {
        let mut bytes = Vec::with_capacity(self.slots.iter().map(|slot| slot.room).sum());
        for slot in &mut self.slots {
            let start = bytes.len();
            bytes.extend_from_slice(&self.bytes[slot.start..slot.start + slot.len]);
            bytes.resize(start + slot.room, 0);
            slot.start = start;
        }
        (self.bytes, self.lost) = (bytes, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn strip(pieces: &[&[u8]]) -> OwnStrip {
        let mut strip = OwnStrip::default();
        pieces.iter().for_each(|piece| strip.push(piece, 1));
        strip
    }

    fn bytes(strip: &Strip) -> Vec<u8> {
        let bytes: Vec<u8> = strip.pieces().flatten().copied().collect();
        assert_eq!(strip.len(), bytes.len());
        assert_eq!(
            strip.segments().flat_map(|segment| segment.to_vec()).collect::<Vec<_>>(),
            bytes
        );
        bytes
    }

    #[test]
    fn a_strip_that_somebody_holds_does_not_change() {
        let mut strip = strip(&[&[1, 2], &[3]]);
        let held = strip.share();
        strip.replace(1, &[3, 4], 0);
        let later = strip.share();
        strip.write(0).0[0] = 9;
        assert_eq!(bytes(&held), [1, 2, 3]);
        assert_eq!(bytes(&later), [1, 2, 3, 4]);
        assert_eq!((bytes(&strip.share()), strip.len()), (vec![9, 2, 3, 4], 4));
    }

    #[test]
    fn two_generations_take_turns_in_the_same_memory() {
        let mut strip = strip(&[&[0; 8]]);
        let mut seen = BTreeSet::new();
        let mut reader = strip.share();
        for turn in 1..9 {
            strip.write(0).0[0] = turn;
            let read = reader.piece(0).unwrap();
            assert_eq!((strip.piece(0)[0], read[0]), (turn, turn - 1));
            seen.insert(strip.piece(0).as_ptr() as usize);
            reader = strip.share();
        }
        assert_eq!(seen.len(), 2);
    }

    #[test]
    fn what_nobody_holds_any_more_is_written_in_place_again() {
        let mut strip = strip(&[&[1, 2], &[3]]);
        let held = strip.share();
        strip.write(0).0[0] = 7;
        drop(held);
        let place = strip.piece(1).as_ptr();
        strip.write(1).0[0] = 8;
        assert_eq!(strip.piece(1).as_ptr(), place, "copied though nobody held it");
        assert_eq!(bytes(&strip.share()), [7, 2, 8]);
    }

    #[test]
    fn pieces_that_come_and_go_in_size_end_up_in_places_that_suit_them() {
        let mut strip = strip(&[&[1; 10], &[2; 10], &[3; 10]]);
        for turn in 0..10 {
            strip.replace(turn % 3, &[4; 200][..20 * turn], 0);
        }
        let (place, capacity) = (strip.piece(0).as_ptr(), strip.now.0.bytes.capacity());
        for turn in 0..100 {
            strip.replace(turn % 3, &[5; 120][..turn % 7], 0);
        }
        assert_eq!((strip.piece(0).as_ptr(), strip.now.0.bytes.capacity()), (place, capacity));
    }

    proptest! {
        /// The slow twin: a list of lists.
        #[test]
        fn a_strip_has_what_was_put_in_last(
            steps in prop::collection::vec((0..8_usize, prop::collection::vec(any::<u8>(), 0..40), 0..9_usize), 1..60),
            holding: bool,
        ) {
            let (mut strip, mut twin): (OwnStrip, Vec<Vec<u8>>) = Default::default();
            let mut held: Vec<(Strip, Vec<u8>)> = Vec::new();
            for (at, piece, spare) in steps {
                match twin.get_mut(at) {
                    Some(known) => {
                        strip.replace(at, &piece, spare);
                        *known = piece;
                    }
                    None if piece.is_empty() => {
                        strip.push_empty();
                        twin.push(piece);
                    }
                    None => {
                        strip.push(&piece, spare);
                        twin.push(piece);
                    }
                }
                prop_assert!(strip.pieces().eq(twin.iter().map(|piece| &piece[..])));
                prop_assert_eq!(strip.len(), twin.concat().len());
                if holding {
                    held.push((strip.share(), twin.concat()));
                }
            }
            for (strip, expected) in held {
                prop_assert_eq!(bytes(&strip), expected);
            }
        }
    }
}
