//! Gzip (RFC 1952) of parts: each is deflated up to a full flush, which ends at a whole byte and forgets
//! all that came before it. Upstream: `Compressed`. Downstream: `flate2`, which deflates.

use std::io;

use flate2::{Compress, Compression, FlushCompress};
use zlib_rs::crc32::{crc32, crc32_combine_gen, crc32_combine_op};

use super::Codec;

/// Magic number, deflate, no flags, no time, no hint, no system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// A last block without anything in it.
const LAST: [u8; 2] = [3, 0];

#[derive(Debug)]
pub(crate) struct Gzip {
    deflate: Compress,
    /// Of all parts so far.
    crc: u32,
    len: u32,
}

impl Default for Gzip {
    fn default() -> Self {
        Self { deflate: Compress::new(Compression::fast(), false), crc: 0, len: 0 }
    }
}

/// Of one part's plain bytes.
#[derive(Debug, Default)]
pub(crate) struct Sum {
    crc: u32,
    /// What the checksum of everything before it is multiplied with.
    shift: u32,
    len: u32,
}

impl Codec for Gzip {
    type Sum = Sum;

    fn part(&mut self, plain: &[&[u8]], out: &mut Vec<u8>) -> io::Result<Sum> {
        let (mut crc, mut len) = (0, 0);
        for (at, bytes) in plain.iter().enumerate() {
            crc = crc32(crc, bytes);
            len += bytes.len();
            let last = at + 1 == plain.len();
            let flush = if last { FlushCompress::Full } else { FlushCompress::None };
            self.deflate(bytes, flush, out)?;
        }
        Ok(Sum { crc, shift: crc32_combine_gen(len as u64), len: len as u32 })
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        (self.crc, self.len) = (0, 0);
        out.extend_from_slice(&HEADER);
    }

    fn add(&mut self, sum: &Sum) {
        self.crc = crc32_combine_op(self.crc, sum.crc, sum.shift);
        self.len = self.len.wrapping_add(sum.len); // modulo 2^32, as the format has it
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&LAST);
        out.extend_from_slice(&self.crc.to_le_bytes());
        out.extend_from_slice(&self.len.to_le_bytes());
    }
}

impl Gzip {
    fn deflate(
        &mut self,
        mut bytes: &[u8],
        flush: FlushCompress,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        loop {
            // Text shrinks to much less; what does not takes some more turns.
            out.reserve(bytes.len() / 2 + 64);
            let before = self.deflate.total_in();
            self.deflate.compress_vec(bytes, out, flush)?;
            let taken = (self.deflate.total_in() - before) as usize;
            bytes = bytes.get(taken..).unwrap_or_default();
            // Room that is left over tells that nothing is held back.
            if bytes.is_empty() && out.len() < out.capacity() {
                return Ok(());
            }
        }
    }
}
