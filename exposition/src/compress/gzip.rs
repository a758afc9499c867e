//! Gzip (RFC 1952) of parts: each is deflated up to a full flush, which ends at a whole byte and forgets
//! all that came before it. Upstream: `Compressed`. Downstream: `flate2`, which deflates.

use std::io;

use crc32fast::Hasher;
use flate2::{Compress, Compression, FlushCompress};
use zlib_rs::crc32::{crc32_combine_gen, crc32_combine_op};

use super::Codec;

/// Magic number, deflate, no flags, no time, no hint, no system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// A last block without anything in it.
const LAST: [u8; 2] = [3, 0];

#[derive(Debug)]
pub(crate) struct Gzip {
    deflate: Compress,
}

impl Default for Gzip {
    fn default() -> Self {
        Self { deflate: Compress::new(Compression::fast(), false) }
    }
}

/// Of plain bytes.
#[derive(Debug)]
pub(crate) struct Sum {
    crc: u32,
    /// What the checksum of everything before them is multiplied with.
    shift: u32,
    /// Modulo 2^32, as the format has it.
    len: u32,
}

impl Default for Sum {
    fn default() -> Self {
        Self { crc: 0, shift: crc32_combine_gen(0), len: 0 }
    }
}

impl Codec for Gzip {
    type Sum = Sum;

    fn part(&mut self, plain: &[&[u8]], out: &mut Vec<u8>, sum: &mut Sum) -> io::Result<()> {
        let (mut crc, mut len) = (Hasher::new(), 0);
        for (at, bytes) in plain.iter().enumerate() {
            crc.update(bytes);
            len += bytes.len();
            let last = at + 1 == plain.len();
            let flush = if last { FlushCompress::Full } else { FlushCompress::None };
            self.deflate(bytes, flush, out)?;
        }
        sum.crc = crc.finalize();
        if sum.len != len as u32 {
            (sum.shift, sum.len) = (crc32_combine_gen(len as u64), len as u32);
        }
        Ok(())
    }

    fn join(first: &Sum, second: &Sum) -> Sum {
        Sum {
            crc: crc32_combine_op(first.crc, second.crc, second.shift),
            // The product of both: combined with the checksum of nothing.
            shift: crc32_combine_op(first.shift, 0, second.shift),
            len: first.len.wrapping_add(second.len),
        }
    }

    fn begin(out: &mut Vec<u8>) {
        out.extend_from_slice(&HEADER);
    }

    fn end(sum: &Sum, out: &mut Vec<u8>) {
        out.extend_from_slice(&LAST);
        out.extend_from_slice(&sum.crc.to_le_bytes());
        out.extend_from_slice(&sum.len.to_le_bytes());
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
