//! Zstandard (RFC 8878) of parts: a frame each. Upstream: `Compressed`. Downstream: the crate `zstd`.

use std::fmt;
use std::io;

use ::zstd::bulk::Compressor;
use ::zstd::zstd_safe::compress_bound;

use super::Codec;

/// The fastest of the usual ones.
const LEVEL: i32 = 1;

#[derive(Default)]
pub(crate) struct Zstd {
    /// Made when first needed.
    compressor: Option<Compressor<'static>>,
    /// The pieces of a part, joined; and the part.
    plain: Vec<u8>,
    frame: Vec<u8>,
}

impl fmt::Debug for Zstd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zstd").finish_non_exhaustive()
    }
}

impl Codec for Zstd {
    type Sum = ();

    fn part(&mut self, plain: &[&[u8]], out: &mut Vec<u8>, (): &mut ()) -> io::Result<()> {
        let whole = match plain {
            [only] => *only,
            several => {
                self.plain.clear();
                several.iter().for_each(|bytes| self.plain.extend_from_slice(bytes));
                &self.plain
            }
        };
        let compressor = match &mut self.compressor {
            Some(compressor) => compressor,
            none => none.insert(Compressor::new(LEVEL)?),
        };
        self.frame.clear();
        self.frame.reserve(compress_bound(whole.len()));
        compressor.compress_to_buffer(whole, &mut self.frame)?;
        out.extend_from_slice(&self.frame);
        Ok(())
    }

    fn join((): &(), (): &()) {}

    fn begin(_: &mut Vec<u8>) {}

    fn end((): &(), _: &mut Vec<u8>) {}
}
