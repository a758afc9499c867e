//! Compression that is kept: a piece of the exposition that did not change is not compressed again.
//! Upstream: the encoder's pieces. Downstream: `scrape`.
//!
//! Each piece becomes bytes that stand for themselves (a deflate stream up to a full flush, a zstd frame),
//! so that any sequence of old and new ones is a valid stream. Pieces of a few hundred bytes, as small
//! families have, are taken together: alone, they would hardly shrink.

mod gzip;
mod zstd;

use std::collections::HashMap;
use std::io;

use smallvec::SmallVec;

use crate::body::Body;
use crate::encode::{Encoder, Piece};
use crate::strip::{OwnStrip, Segment};
pub(crate) use gzip::Gzip;
pub(crate) use zstd::Zstd;

/// Pieces are taken together up to so many bytes.
const ENOUGH: usize = 4 << 10;
/// Most pieces that are taken together: they are on the stack.
const MOST: usize = 64;

/// A stream of parts that stand for themselves.
pub(crate) trait Codec: Default {
    /// What the codec knows of a part's plain bytes, and needs again at the end.
    type Sum: Default + std::fmt::Debug;

    /// Appends `plain` as one part to `out`.
    fn part(&mut self, plain: &[&[u8]], out: &mut Vec<u8>) -> io::Result<Self::Sum>;

    /// What comes before all parts.
    fn begin(&mut self, out: &mut Vec<u8>);

    /// Called for every part in order.
    fn add(&mut self, sum: &Self::Sum);

    /// What comes after all parts.
    fn end(&mut self, out: &mut Vec<u8>);
}

/// A rendering's compressed form, kept from scrape to scrape.
#[derive(Debug, Default)]
pub(crate) struct Compressed<C: Codec> {
    codec: C,
    /// The encoder's arrangement when the parts were made.
    arrangement: u64,
    /// Key and version of all pieces in order, as they were compressed.
    stamps: Vec<(u64, u64)>,
    parts: Vec<Part<C::Sum>>,
    /// The bytes of each part.
    strip: OwnStrip,
    /// A part in the making.
    draft: Vec<u8>,
}

/// One or several neighbouring pieces, compressed together.
#[derive(Debug, Default)]
struct Part<S> {
    /// How many.
    pieces: usize,
    sum: S,
    spare: Option<Segment>,
}

type Group<'a> = SmallVec<[Piece<'a>; MOST]>;

impl<C: Codec> Compressed<C> {
    /// Fills `body`, which is empty. In a steady state, allocates nothing.
    ///
    /// # Errors
    /// What the codec says, which it never does by its documentation; `body` and what is kept are not to be
    /// used then.
    pub(crate) fn share(&mut self, encoder: &Encoder, body: &mut Body) -> io::Result<()> {
        self.strip.settle();
        if self.parts.is_empty() || self.arrangement != encoder.arrangement() {
            self.rearrange(encoder)?;
        } else {
            self.update(encoder)?;
        }
        self.codec.begin(body.text());
        for part in &self.parts {
            self.codec.add(&part.sum);
        }
        body.share(self.strip.share());
        self.codec.end(body.tail());
        Ok(())
    }

    /// Compresses the parts that have a piece with another version.
    fn update(&mut self, encoder: &Encoder) -> io::Result<()> {
        let Self { codec, stamps, parts, strip, draft, .. } = self;
        let mut pieces = encoder.pieces(|_, _| true);
        let mut stamps = stamps.iter_mut();
        for (at, part) in parts.iter_mut().enumerate() {
            let mut group = Group::new();
            let mut same = true;
            for (piece, stamp) in pieces.by_ref().zip(stamps.by_ref()).take(part.pieces) {
                same &= stamp.1 == piece.version;
                stamp.1 = piece.version;
                group.push(piece);
            }
            if !same {
                draft.clear();
                part.sum = codec.part(&plain(&group), draft)?;
                strip.change(at, |bytes| bytes.refill(draft, &mut part.spare));
            }
        }
        Ok(())
    }

    /// Makes all parts anew, of which those whose pieces stand keep their bytes.
    #[cold]
    fn rearrange(&mut self, encoder: &Encoder) -> io::Result<()> {
        let Self { codec, stamps, parts, strip, draft, .. } = self;
        let mut known = HashMap::new();
        let mut from = 0;
        for (part, bytes) in parts.drain(..).zip(strip.segments()) {
            let of = stamps[from..from + part.pieces].to_vec();
            from += part.pieces;
            known.insert(of, (part, bytes.clone()));
        }
        stamps.clear();
        let mut all = Vec::with_capacity(known.len());
        groups(encoder.pieces(|_, _| true), |group| {
            let of: Vec<_> = group.iter().map(|piece| (piece.key, piece.version)).collect();
            stamps.extend_from_slice(&of);
            let (part, bytes) = match known.remove(&of) {
                Some(known) => known,
                None => {
                    draft.clear();
                    let sum = codec.part(&plain(group), draft)?;
                    // What changes will hardly be of the same size.
                    let mut bytes = Vec::with_capacity(draft.len() + draft.len() / 8 + 16);
                    bytes.extend_from_slice(draft);
                    (Part { pieces: group.len(), sum, spare: None }, bytes.into())
                }
            };
            parts.push(part);
            all.push(bytes);
            Ok(())
        })?;
        strip.rearrange(|segments| *segments = all);
        self.arrangement = encoder.arrangement();
        Ok(())
    }

    /// Fills `body`, which is empty, and keeps nothing: for expositions that are not the whole one.
    pub(crate) fn write<'a>(
        &mut self,
        pieces: impl Iterator<Item = Piece<'a>>,
        body: &mut Body,
    ) -> io::Result<()> {
        let codec = &mut self.codec;
        codec.begin(body.text());
        groups(pieces, |group| {
            let sum = codec.part(&plain(group), body.text())?;
            codec.add(&sum);
            Ok(())
        })?;
        codec.end(body.tail());
        Ok(())
    }
}

fn plain<'a>(group: &Group<'a>) -> SmallVec<[&'a [u8]; MOST]> {
    group.iter().map(|piece| &**piece.text).collect()
}

/// Takes small pieces together.
fn groups<'a>(
    pieces: impl Iterator<Item = Piece<'a>>,
    mut each: impl FnMut(&Group<'a>) -> io::Result<()>,
) -> io::Result<()> {
    let (mut group, mut bytes) = (Group::new(), 0);
    for piece in pieces {
        bytes += piece.text.len();
        group.push(piece);
        if bytes >= ENOUGH || group.len() == MOST {
            each(&group)?;
            group.clear();
            bytes = 0;
        }
    }
    if group.is_empty() { Ok(()) } else { each(&group) }
}
