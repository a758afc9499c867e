//! The rendered samples of one block of series. A scrape writes the digits of values that changed over
//! the old ones and leaves everything else as it is.
//! Upstream: the families' renderers. Downstream: bodies, which share the text.

use super::number::Number;
use super::wire;
use crate::body::Segment;

/// Bytes that the text may grow per value before it needs other memory.
const ROOM: usize = 4;

/// Where a value stands in the text.
#[derive(Clone, Copy, Debug)]
struct Place {
    start: u32,
    len: u8,
    number: Number,
}

/// Samples in the making, and a memory that all sheets use in turn.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) text: Vec<u8>,
    places: Vec<Place>,
    values: Vec<u64>,
    /// Values that changed: which, and what they were.
    changed: Vec<(u32, u64)>,
    /// Room for the labels of a series.
    pub(super) labels: Vec<u8>,
    /// Room for the native buckets of a histogram.
    pub(super) spans: Vec<u8>,
    pub(super) deltas: Vec<u8>,
}

impl Draft {
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.places.clear();
        self.values.clear();
    }

    /// Appends a value that a later scrape may write over.
    pub(super) fn value(&mut self, number: Number, value: u64) {
        let start = self.text.len();
        number.write(value, &mut self.text);
        // No number is longer than 32 bytes, and no block as long as 4 GiB.
        let (start, len) = (start as u32, (self.text.len() - start) as u8);
        self.places.push(Place { start, len, number });
        self.values.push(value);
    }

    /// Appends a protobuf message, which `write` appends, values that may be written over included.
    pub(super) fn nested(&mut self, field: u32, write: impl FnOnce(&mut Self)) {
        wire::length_key(field, &mut self.text);
        let (at, first) = (self.text.len(), self.places.len());
        write(self);
        let by = wire::insert_length(&mut self.text, at) as u32;
        self.places[first..].iter_mut().for_each(|place| place.start += by);
    }
}

/// A block's samples as the last scrape saw them.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    text: Segment,
    /// Memory to write to while a slow reader still holds `text`.
    spare: Option<Segment>,
    places: Box<[Place]>,
    values: Box<[u64]>,
    /// Changes with the text; 0 before there is any.
    version: u64,
}

/// Compares the values of a reading with those of a sheet, one after the other.
pub(super) struct Values<'a> {
    known: std::slice::IterMut<'a, u64>,
    at: u32,
    changed: &'a mut Vec<(u32, u64)>,
}

impl Values<'_> {
    #[inline]
    pub(super) fn next(&mut self, value: u64) {
        if let Some(known) = self.known.next() {
            if *known != value {
                self.changed.push((self.at, *known));
                *known = value;
            }
            self.at += 1;
        }
    }
}

impl Sheet {
    pub(super) fn text(&self) -> &Segment {
        &self.text
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Takes what is in `draft`, and `version` if that is something else than before.
    pub(super) fn replace(&mut self, draft: &Draft, version: u64) {
        if self.version > 0 && *self.text == *draft.text {
            return;
        }
        self.version = version;
        if self.text.is_empty() {
            // Some digits more per value fit; where values have no places, some of them.
            let room = match draft.places.len() {
                0 => draft.text.len() / 4,
                values => ROOM * values,
            };
            let mut text = Vec::with_capacity(draft.text.len() + room);
            text.extend_from_slice(&draft.text);
            self.text = text.into();
        } else {
            self.text.refill(&draft.text, &mut self.spare);
        }
        if self.places.len() == draft.places.len() {
            self.places.copy_from_slice(&draft.places);
            self.values.copy_from_slice(&draft.values);
        } else {
            self.places = draft.places.as_slice().into();
            self.values = draft.values.as_slice().into();
        }
    }

    /// Takes the values that `read` tells in the order of the text, and `version` if one is new.
    #[inline]
    pub(super) fn update(
        &mut self,
        draft: &mut Draft,
        version: u64,
        read: impl FnOnce(&mut Values<'_>),
    ) {
        draft.changed.clear();
        let known = self.values.iter_mut();
        read(&mut Values { known, at: 0, changed: &mut draft.changed });
        if !draft.changed.is_empty() {
            self.version = version;
            self.write(draft);
        }
    }

    fn write(&mut self, draft: &mut Draft) {
        let text = self.text.writable(&mut self.spare);
        for &(at, old) in &draft.changed {
            let Place { start, len, number } = self.places[at as usize];
            let digits = &mut text[start as usize..start as usize + usize::from(len)];
            if !number.write_over(old, self.values[at as usize], digits) {
                return self.lay_out(draft);
            }
        }
    }

    /// Writes all anew, for a value has become longer or shorter.
    #[cold]
    fn lay_out(&mut self, draft: &mut Draft) {
        draft.text.clear();
        let mut from = 0;
        for (place, &value) in self.places.iter_mut().zip(&self.values) {
            draft.text.extend_from_slice(&self.text[from..place.start as usize]);
            from = place.start as usize + usize::from(place.len);
            place.start = draft.text.len() as u32;
            place.number.write(value, &mut draft.text);
            place.len = (draft.text.len() - place.start as usize) as u8;
        }
        draft.text.extend_from_slice(&self.text[from..]);
        self.text.refill(&draft.text, &mut self.spare);
    }
}
