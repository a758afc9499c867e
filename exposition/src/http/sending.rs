//! Writes an answer, its head and the pieces of its body together, as far as the stream takes them.
//!
//! Upstream: `connection`. Downstream: the stream.

use std::io::{self, IoSlice};

use super::stream::Stream;
use crate::body::{Body, Position};

/// Most pieces in one call: more is not faster, and systems allow 1,024.
const PIECES: usize = 256;

/// How far an answer is written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sending {
    /// Bytes of the head.
    head: usize,
    /// Place in the body.
    body: Position,
    /// Bytes altogether.
    bytes: u64,
}

/// What a call has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// There was nothing left, and the stream holds nothing back.
    All,
    Some,
    /// The stream takes no more, ever.
    Nothing,
}

impl Sending {
    /// Bytes written so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes once, if there is something left to write.
    pub(crate) fn go_on(
        &mut self,
        stream: &mut impl Stream,
        head: &[u8],
        body: &Body,
    ) -> io::Result<Sent> {
        let mut pieces = [IoSlice::new(&[]); PIECES];
        let rest = head.get(self.head..).unwrap_or_default();
        let first = usize::from(!rest.is_empty());
        pieces[0] = IoSlice::new(rest);
        let filled = first + body.slices(self.body, &mut pieces[first..]);
        if filled == 0 {
            // TLS may hold some of it still.
            return stream.flush().map(|()| Sent::All);
        }
        let count = stream.write_vectored(&pieces[..filled])?;
        let of_head = count.min(rest.len());
        self.head += of_head;
        body.advance(&mut self.body, count - of_head);
        self.bytes += count as u64;
        Ok(if count == 0 { Sent::Nothing } else { Sent::Some })
    }
}
