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
use crate::strip::OwnStrip;
pub(crate) use gzip::Gzip;
pub(crate) use zstd::Zstd;

/// Pieces are taken together up to so many bytes.
const ENOUGH: usize = 4 << 10;
/// Most pieces that are taken together: they are on the stack.
const MOST: usize = 64;

/// A stream of parts that stand for themselves.
pub(crate) trait Codec: Default {
    /// What the end of the stream tells of plain bytes; by default, of none.
    type Sum: Default + std::fmt::Debug;

    /// Appends `plain` as one part to `out`; `sum`, of what was there before, becomes that of `plain`.
    fn part(&mut self, plain: &[&[u8]], out: &mut Vec<u8>, sum: &mut Self::Sum) -> io::Result<()>;

    /// Of `first` with `second` behind it.
    fn join(first: &Self::Sum, second: &Self::Sum) -> Self::Sum;

    /// What comes before all parts.
    fn begin(out: &mut Vec<u8>);

    /// What comes after all parts, which add up to `sum`.
    fn end(sum: &Self::Sum, out: &mut Vec<u8>);
}

/// Parts that are side by side in memory, their sums joined.
const RUN: usize = 64;

/// A rendering's compressed form, kept from scrape to scrape.
#[derive(Debug, Default)]
pub(crate) struct Compressed<C: Codec> {
    codec: C,
    /// The encoder's arrangement when the parts were made.
    arrangement: u64,
    /// Key and version of all pieces in order, as they were compressed.
    stamps: Vec<(u64, u64)>,
    /// The part of each piece.
    part_of: Vec<u32>,
    parts: Vec<Part<C::Sum>>,
    /// Every [`RUN`] parts.
    runs: Vec<Run<C::Sum>>,
    /// Parts that are to be compressed again.
    changed: Vec<u32>,
    /// A part in the making.
    draft: Vec<u8>,
}

/// One or several neighbouring pieces, compressed together.
#[derive(Debug, Default)]
struct Part<S> {
    /// The first of them.
    first: usize,
    /// How many.
    pieces: usize,
    sum: S,
}

/// Neighbouring parts.
#[derive(Debug, Default)]
struct Run<S> {
    /// The bytes of each.
    strip: OwnStrip,
    /// Of all of them.
    sum: S,
}

type Group<'a> = SmallVec<[Piece<'a>; MOST]>;

impl<C: Codec> Compressed<C> {
    /// Fills `body`, which is empty. In a steady state, allocates nothing.
    ///
    /// # Errors
    /// What the codec says, which it never does by its documentation; `body` and what is kept are not to be
    /// used then.
    pub(crate) fn share(&mut self, encoder: &Encoder, body: &mut Body) -> io::Result<()> {
        if self.parts.is_empty() || self.arrangement != encoder.arrangement() {
            self.rearrange(encoder)?;
        } else {
            self.note_changes(encoder);
            self.update(encoder)?;
        }
        C::begin(body.text());
        self.runs.iter().for_each(|run| body.share(run.strip.share()));
        let sum = self.runs.iter().fold(C::Sum::default(), |sum, run| C::join(&sum, &run.sum));
        C::end(&sum, body.tail());
        Ok(())
    }

    /// Finds the parts that have a piece with another version.
    fn note_changes(&mut self, encoder: &Encoder) {
        self.changed.clear();
        let (mut stamps, mut part_of) = (&mut *self.stamps, &*self.part_of);
        for now in encoder.stamps() {
            let (known, of);
            (known, stamps) = std::mem::take(&mut stamps).split_at_mut(now.len());
            (of, part_of) = part_of.split_at(now.len());
            if known == now {
                continue;
            }
            for ((known, now), part) in known.iter_mut().zip(now).zip(of) {
                if known != now {
                    *known = *now;
                    if self.changed.last() != Some(part) {
                        self.changed.push(*part);
                    }
                }
            }
        }
    }

    /// Compresses the parts that have changed.
    fn update(&mut self, encoder: &Encoder) -> io::Result<()> {
        let Self { codec, parts, runs, changed, draft, .. } = self;
        let mut text = encoder.texts();
        for &at in &*changed {
            let at = at as usize;
            let part = &mut parts[at];
            let of_part = part.first..part.first + part.pieces;
            let plain: SmallVec<[_; MOST]> = of_part.map(&mut text).collect();
            draft.clear();
            codec.part(&plain, draft, &mut part.sum)?;
            runs[at / RUN].strip.replace(at % RUN, draft, spare(draft));
        }
        changed.iter_mut().for_each(|part| *part /= RUN as u32);
        changed.dedup();
        for &run in &*changed {
            let run = run as usize;
            runs[run].sum = joined::<C>(&parts[run * RUN..parts.len().min((run + 1) * RUN)]);
        }
        Ok(())
    }

    /// Makes all parts anew, of which those whose pieces stand keep their bytes.
    #[cold]
    fn rearrange(&mut self, encoder: &Encoder) -> io::Result<()> {
        let Self { codec, stamps, part_of, parts, runs, draft, .. } = self;
        let (old, old_stamps) = (std::mem::take(runs), std::mem::take(stamps));
        let known = parts.drain(..).enumerate().map(|(at, part)| {
            let bytes = old[at / RUN].strip.piece(at % RUN);
            (&old_stamps[part.first..part.first + part.pieces], (part, bytes))
        });
        let mut known: HashMap<_, _> = known.collect();
        part_of.clear();
        groups(encoder.pieces(|_, _| true), |group| {
            let of: SmallVec<[_; MOST]> = group.iter().map(|p| (p.key, p.version)).collect();
            let (first, pieces) = (stamps.len(), group.len());
            draft.clear();
            let sum = match known.remove(&of[..]) {
                Some((part, bytes)) => {
                    draft.extend_from_slice(bytes);
                    part.sum
                }
                None => {
                    let mut sum = C::Sum::default();
                    codec.part(&plain(group), draft, &mut sum)?;
                    sum
                }
            };
            stamps.extend(of);
            part_of.resize(stamps.len(), parts.len() as u32);
            if parts.len() % RUN == 0 {
                runs.push(Run::default());
            }
            parts.push(Part { first, pieces, sum });
            if let Some(run) = runs.last_mut() {
                run.strip.push(draft, spare(draft));
            }
            Ok(())
        })?;
        for (run, parts) in runs.iter_mut().zip(parts.chunks(RUN)) {
            run.sum = joined::<C>(parts);
        }
        self.arrangement = encoder.arrangement();
        Ok(())
    }

    /// Fills `body`, which is empty, and keeps nothing: for expositions that are not the whole one.
    pub(crate) fn write<'a>(
        &mut self,
        pieces: impl Iterator<Item = Piece<'a>>,
        body: &mut Body,
    ) -> io::Result<()> {
        let mut sum = C::Sum::default();
        C::begin(body.text());
        groups(pieces, |group| {
            let mut part = C::Sum::default();
            self.codec.part(&plain(group), body.text(), &mut part)?;
            sum = C::join(&sum, &part);
            Ok(())
        })?;
        C::end(&sum, body.tail());
        Ok(())
    }
}

fn joined<C: Codec>(parts: &[Part<C::Sum>]) -> C::Sum {
    parts.iter().fold(C::Sum::default(), |sum, part| C::join(&sum, &part.sum))
}

/// Room of a part to grow: what changes will hardly be of the same size.
fn spare(part: &[u8]) -> usize {
    part.len() / 8 + 16
}

fn plain<'a>(group: &Group<'a>) -> SmallVec<[&'a [u8]; MOST]> {
    group.iter().map(|piece| piece.text).collect()
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

#[cfg(test)]
mod tests;
