//! The rendered samples of one block of series. A scrape writes the digits of values that changed over
//! the old ones and leaves everything else as it is.
//! Upstream: the families' renderers. Downstream: bodies, which share the text.

use super::number::Number;
use super::wire;
use crate::strip::{OwnStrip, Segment};

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

/// What is known of a block's samples, as the last scrape saw them, beside their text.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    /// Memory to write to while a slow reader still holds the text.
    spare: Option<Segment>,
    places: Box<[Place]>,
    values: Box<[u64]>,
    /// Changes with the text; 0 before there is any.
    version: u64,
    /// The text while the strip that it belongs in is being rearranged.
    pub(super) parked: Option<Segment>,
}

/// A sheet with its text.
pub(super) struct Page<'a> {
    pub(super) sheet: &'a mut Sheet,
    pub(super) strip: &'a mut OwnStrip,
    /// Where the text is in the strip.
    pub(super) at: usize,
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

impl Page<'_> {
    /// Changes with the text; 0 before there is any.
    pub(super) fn version(&self) -> u64 {
        self.sheet.version
    }

    fn text(&self) -> &[u8] {
        self.strip.segments().get(self.at).map_or(&[], |text| text)
    }

    /// Takes what is in `draft`, and `version` if that is something else than before.
    pub(super) fn replace(&mut self, draft: &Draft, version: u64) {
        let is_new = self.sheet.version == 0;
        if !is_new && *self.text() == *draft.text {
            return;
        }
        let Sheet { spare, places, values, .. } = &mut *self.sheet;
        self.strip.change(self.at, |text| {
            if is_new {
                let room = ROOM * draft.places.len();
                let mut bytes = Vec::with_capacity(draft.text.len() + room);
                bytes.extend_from_slice(&draft.text);
                *text = bytes.into();
            } else {
                text.refill(&draft.text, spare);
            }
        });
        if places.len() == draft.places.len() {
            places.copy_from_slice(&draft.places);
            values.copy_from_slice(&draft.values);
        } else {
            *places = draft.places.as_slice().into();
            *values = draft.values.as_slice().into();
        }
        self.sheet.version = version;
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
        let known = self.sheet.values.iter_mut();
        read(&mut Values { known, at: 0, changed: &mut draft.changed });
        if !draft.changed.is_empty() {
            let sheet = &mut *self.sheet;
            sheet.version = version;
            self.strip.change(self.at, |text| sheet.write(text, draft));
        }
    }
}

impl Sheet {
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    fn write(&mut self, text: &mut Segment, draft: &mut Draft) {
        let bytes = text.writable(&mut self.spare);
        for &(at, old) in &draft.changed {
            let Place { start, len, number } = self.places[at as usize];
            let digits = &mut bytes[start as usize..start as usize + usize::from(len)];
            if !number.write_over(old, self.values[at as usize], digits) {
                return self.lay_out(text, draft);
            }
        }
    }

    /// Writes all anew, for a value has become longer or shorter.
    #[cold]
    fn lay_out(&mut self, text: &mut Segment, draft: &mut Draft) {
        draft.text.clear();
        let mut from = 0;
        for (place, &value) in self.places.iter_mut().zip(&self.values) {
            draft.text.extend_from_slice(&text[from..place.start as usize]);
            from = place.start as usize + usize::from(place.len);
            place.start = draft.text.len() as u32;
            place.number.write(value, &mut draft.text);
            place.len = (draft.text.len() - place.start as usize) as u8;
        }
        draft.text.extend_from_slice(&text[from..]);
        text.refill(&draft.text, &mut self.spare);
    }
}
