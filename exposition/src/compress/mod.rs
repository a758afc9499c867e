//! Compression that is kept: a piece of the exposition that did not change is not compressed again.
//! Upstream: the encoder's pieces. Downstream: `scrape`.
//!
//! Each piece becomes bytes that stand for themselves (a deflate stream up to a full flush, a zstd frame),
//! so that any sequence of old and new ones is a valid stream. Pieces of a few hundred bytes, as small
//! families have, are taken together: alone, they would hardly shrink.

mod gzip;
mod zstd;

use std::io;

use smallvec::SmallVec;

use crate::body::{Body, Segment};
use crate::encode::Piece;
use crate::encode::in_order::InOrder;
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
    parts: InOrder<Part<C::Sum>>,
    /// A part in the making.
    draft: Vec<u8>,
}

/// One or several pieces, compressed.
#[derive(Debug, Default)]
struct Part<S> {
    /// Key and version of each piece.
    of: Vec<(u64, u64)>,
    bytes: Segment,
    spare: Option<Segment>,
    sum: S,
}

type Group<'a> = SmallVec<[Piece<'a>; MOST]>;

impl<C: Codec> Compressed<C> {
    /// Fills `body`, which is empty. In a steady state, allocates nothing.
    ///
    /// # Errors
    /// What the codec says, which it never does by its documentation; `body` is not to be used then.
    pub(crate) fn share<'a>(
        &mut self,
        pieces: impl Iterator<Item = Piece<'a>>,
        body: &mut Body,
    ) -> io::Result<()> {
        let Self { codec, parts, draft } = self;
        codec.begin(body.text());
        parts.begin();
        groups(pieces, |group| {
            let Some(first) = group.first() else { return Ok(()) };
            let part = parts.next(first.key, Part::default);
            part.update(group, codec, draft)?;
            codec.add(&part.sum);
            body.push(part.bytes.clone());
            Ok(())
        })?;
        parts.end();
        codec.end(body.tail());
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

impl<S> Part<S> {
    fn update<C: Codec<Sum = S>>(
        &mut self,
        group: &Group<'_>,
        codec: &mut C,
        draft: &mut Vec<u8>,
    ) -> io::Result<()> {
        let now = group.iter().map(|piece| (piece.key, piece.version));
        if self.of.iter().copied().eq(now.clone()) {
            return Ok(());
        }
        draft.clear();
        self.sum = codec.part(&plain(group), draft)?;
        if self.bytes.is_empty() {
            // What changes will hardly be of the same size.
            self.bytes = Vec::with_capacity(draft.len() + draft.len() / 8 + 16).into();
        }
        self.bytes.refill(draft, &mut self.spare);
        self.of.clear();
        self.of.extend(now);
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
    for piece in pieces.filter(|piece| !piece.text.is_empty()) {
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
