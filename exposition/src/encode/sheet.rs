//! Sheets of pages, each of which has the rendered samples of one block of series. A scrape writes the
//! digits of values that changed over the old ones and leaves everything else as it is.
//! Upstream: the families' renderers. Downstream: bodies, which share the text.
//!
//! What a walk over neighbouring blocks needs is side by side in memory: text, places, values.

use std::{iter, slice};

use tmc_engine::hint::prefetch;

use super::number::Number;
use super::wire;
use crate::strip::{OwnStrip, Strip};

/// Bytes that the text may grow per value before it needs other memory.
const ROOM: usize = 4;

/// Where a value stands in the text.
#[derive(Clone, Copy, Debug)]
struct Place {
    start: u32,
    len: u8,
    number: Number,
}

/// Samples in the making, and memory that all sheets use in turn.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) text: Vec<u8>,
    places: Vec<Place>,
    values: Vec<u64>,
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

/// The samples of some neighbouring blocks, as the last scrape saw them.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    /// The text of each page.
    strip: OwnStrip,
    pages: Vec<Known>,
    /// Of all pages.
    values: Vec<u64>,
    /// Where each of the values stands in the text of its page.
    places: Vec<Place>,
}

/// What is known of a page beside its text.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// Where its values begin.
    first: usize,
    /// How many there are.
    count: usize,
    /// Changes with the text; 0 before there is any.
    version: u64,
}

impl Sheet {
    /// Pages of a full one: few enough that it is soon copied for a reader who is slow.
    pub(super) const PAGES: usize = 64;

    /// With one page, which is empty.
    pub(super) fn single() -> Self {
        let mut sheet = Self::default();
        sheet.add();
        sheet
    }

    /// Adds a page, which is empty, and gives its version.
    pub(super) fn add(&mut self) -> u64 {
        self.pages.push(Known::default());
        self.strip.push_empty();
        0
    }

    /// Adds a copy of a page of another sheet, and gives its version.
    pub(super) fn adopt(&mut self, other: &Self, at: usize) -> u64 {
        let known = other.pages[at];
        let values = known.first..known.first + known.count;
        self.pages.push(Known { first: self.values.len(), ..known });
        self.values.extend_from_slice(&other.values[values.clone()]);
        self.places.extend_from_slice(&other.places[values]);
        self.strip.push(other.strip.piece(at), ROOM * known.count);
        known.version
    }

    /// Whether there is no room for another page.
    pub(super) fn is_full(&self) -> bool {
        self.pages.len() == Self::PAGES
    }

    pub(super) fn page<'a>(&'a mut self, at: usize) -> Page<'a> {
        Page { sheet: self, at }
    }

    /// The version of a page.
    pub(super) fn version(&self, at: usize) -> u64 {
        self.pages[at].version
    }

    /// Asks the processor for what is known of a page.
    #[inline]
    pub(super) fn expect(&self, at: usize) {
        if let Some(known) = self.pages.get(at) {
            let values = known.first..known.first + known.count;
            prefetch(&self.values[values.clone()]);
            prefetch(&self.places[values]);
        }
    }

    /// The text of all pages, as it is now.
    pub(super) fn share(&self) -> Strip {
        self.strip.share()
    }

    /// The text of a page, if there are so many.
    pub(super) fn text(&self, at: usize) -> Option<&[u8]> {
        (at < self.pages.len()).then(|| self.strip.piece(at))
    }

    /// The text of each page.
    pub(super) fn texts(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.strip.pieces()
    }

    /// Bytes of all text.
    pub(super) fn len(&self) -> usize {
        self.strip.len()
    }
}

/// A page of a sheet.
pub(super) struct Page<'a> {
    sheet: &'a mut Sheet,
    at: usize,
}

/// Compares the values of a reading with those of a page, one after the other, and writes those that are
/// new over the old ones.
pub(super) struct Values<'a> {
    known: iter::Zip<slice::IterMut<'a, u64>, slice::Iter<'a, Place>>,
    text: &'a mut [u8],
    /// What is behind the text: the next page mostly.
    behind: &'a [u8],
    /// Where the text comes from, once it is needed: it may have to be copied for that.
    source: Option<(&'a mut OwnStrip, usize)>,
    /// A value has become longer or shorter: all has to be laid out anew.
    misfit: bool,
}

/// Bytes of a sample with some labels.
const SAMPLE: usize = 160;

impl Values<'_> {
    /// The next value.
    #[inline]
    pub(super) fn next(&mut self, value: u64) {
        if let Some((known, place)) = self.known.next()
            && *known != value
        {
            let old = std::mem::replace(known, value);
            self.write(place, place.number, old, value);
        }
    }

    /// The next values, all of which are written as integers: a loop that need not ask.
    #[inline]
    pub(super) fn integers(&mut self, values: impl Iterator<Item = u64>) {
        for value in values {
            if let Some((known, place)) = self.known.next()
                && *known != value
            {
                let old = std::mem::replace(known, value);
                self.write(place, Number::Integer, old, value);
            }
        }
    }

    #[inline(always)]
    fn write(&mut self, place: &Place, number: Number, old: u64, new: u64) {
        if let Some((strip, at)) = self.source.take() {
            (self.text, self.behind) = strip.write(at);
        }
        let (start, len) = (place.start as usize, usize::from(place.len));
        // By the time that the next page comes, it is in the cache.
        if let Some(sample) = self.behind.get(start..).and_then(<[u8]>::first_chunk::<SAMPLE>) {
            prefetch(sample);
        }
        self.misfit |= !number.write_over(old, new, &mut self.text[..start + len], len);
    }
}

impl Page<'_> {
    /// Changes with the text; 0 before there is any.
    pub(super) fn version(&self) -> u64 {
        self.sheet.version(self.at)
    }

    /// Takes what is in `draft`, and `version` if that is something else than before.
    pub(super) fn replace(&mut self, draft: &Draft, version: u64) {
        let Sheet { strip, pages, values, places } = &mut *self.sheet;
        let known = &mut pages[self.at];
        if known.version > 0 && *strip.piece(self.at) == *draft.text {
            return;
        }
        strip.replace(self.at, &draft.text, ROOM * draft.values.len());
        if known.count != draft.values.len() {
            // Only a page that was empty: the same block has as many values always.
            (known.first, known.count) = (values.len(), draft.values.len());
            values.extend_from_slice(&draft.values);
            places.extend_from_slice(&draft.places);
        } else {
            let at = known.first..known.first + known.count;
            values[at.clone()].copy_from_slice(&draft.values);
            places[at].copy_from_slice(&draft.places);
        }
        known.version = version;
    }

    /// Takes the values that `read` tells in the order of the text, and `version` if one is new.
    #[inline]
    pub(super) fn update(
        &mut self,
        draft: &mut Draft,
        version: u64,
        read: impl FnOnce(&mut Values<'_>),
    ) {
        let Sheet { strip, pages, values, places } = &mut *self.sheet;
        let known = &mut pages[self.at];
        let of_page = known.first..known.first + known.count;
        let (values, places) = (&mut values[of_page.clone()], &mut places[of_page]);
        let mut reading = Values {
            known: iter::zip(&mut *values, &*places),
            text: &mut [],
            behind: &[],
            source: Some((strip, self.at)),
            misfit: false,
        };
        read(&mut reading);
        let Values { source, misfit, .. } = reading;
        if source.is_none() {
            known.version = version;
        }
        if misfit {
            lay_out(strip.piece(self.at), places, values, &mut draft.text);
            strip.replace(self.at, &draft.text, ROOM * values.len());
        }
    }
}

/// Writes all anew to `out`, for a value has become longer or shorter.
#[cold]
fn lay_out(text: &[u8], places: &mut [Place], values: &[u64], out: &mut Vec<u8>) {
    out.clear();
    let mut from = 0;
    for (place, &value) in places.iter_mut().zip(values) {
        out.extend_from_slice(&text[from..place.start as usize]);
        from = place.start as usize + usize::from(place.len);
        place.start = out.len() as u32;
        place.number.write(value, out);
        place.len = (out.len() - place.start as usize) as u8;
    }
    out.extend_from_slice(&text[from..]);
}
