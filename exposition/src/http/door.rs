//! A door to the parser and to one connection, for `fuzz/` and in its builds only.
//!
//! Upstream: the fuzz target `request_head`. Downstream: `request`, `connection`.

use std::io::{self, ErrorKind, Read, Write};
use std::time::{Instant, SystemTime};

use super::Limits;
use super::connection::{Connection, Next};
use super::context::{Context, Remote};
use super::date::Date;
use super::guard::Guard;
use super::job::Lanes;
use super::meter::Meter;
use super::pool::Pool;
use super::request::{self, Parsed};
use super::stream::{Peer, Stream};
use crate::respond::{Request, Responder};

/// What the input holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// No complete head yet.
    Partial,
    /// A head, perhaps with more behind it.
    Complete {
        /// What is asked for.
        request: Request<'a>,
        /// Bytes of the head.
        len: usize,
        /// Bytes of the body, which follow.
        body_len: u64,
        /// Whether another request may follow.
        keep_alive: bool,
    },
    /// The status of the error that answers it; the connection closes after it.
    Rejected(u16),
}

/// Reads the first head in `input`, which is not longer than `limits.head_bytes`.
pub fn parse_head<'a>(input: &'a [u8], limits: &Limits) -> Verdict<'a> {
    match request::parse(input, limits) {
        Parsed::Partial => Verdict::Partial,
        Parsed::Rejected(reject) => Verdict::Rejected(reject.status),
        Parsed::Complete(head) => Verdict::Complete {
            request: head.request,
            len: head.len,
            body_len: head.body_len,
            keep_alive: head.keep_alive,
        },
    }
}

/// A client that sends `input`, at most `chunk` bytes at a time, and then ends its side.
struct Client<'a> {
    input: &'a [u8],
    chunk: usize,
    /// Whether the next read finds nothing for the moment.
    blocks: bool,
    got: Vec<u8>,
}

impl Read for Client<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.blocks = !self.blocks;
        if self.blocks {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = self.chunk.min(out.len()).min(self.input.len());
        let (here, rest) = self.input.split_at(count);
        out[..count].copy_from_slice(here);
        self.input = rest;
        Ok(count)
    }
}

impl Write for Client<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.chunk);
        self.got.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Client<'_> {
    fn shut_write(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Everything that a client gets that sends `input` in chunks, from a server that is otherwise idle
/// and for which no time passes.
///
/// # Panics
/// When the connection does not come to an end.
pub fn converse(input: &[u8], chunk: usize, responder: &Responder, limits: &Limits) -> Vec<u8> {
    let now = Instant::now();
    let (lanes, pool, date) =
        (&mut Lanes::new(limits, || ()), &mut Pool::new(), &mut Date::default());
    let (meter, clock, calendar) = (&Meter::default(), &move || now, &|| SystemTime::UNIX_EPOCH);
    let guard = &mut Guard::open();
    let mut context = Context {
        guard,
        responder,
        lanes,
        pool,
        meter,
        limits,
        clock,
        calendar,
        date,
        stopping: false,
    };
    let client = Client { input, chunk: chunk.max(1), blocks: true, got: Vec::new() };
    let mut connection =
        Connection::new(client, Remote { peer: Peer::Local, place: 0 }, &mut context);
    let mut done = Vec::new();
    // Each turn reads or writes a byte at least, and no answer is longer than a few thousand.
    for _ in 0..1_000_000 {
        let mut next = connection.drive(&mut context);
        context.lanes.do_now(responder, clock);
        context.lanes.take(&mut done);
        for mut job in done.drain(..) {
            next = connection.resume(&mut job, &mut context);
            let body = context.lanes.give(job);
            context.pool.give_body(body);
        }
        if next == Next::Close {
            return std::mem::take(&mut connection.stream_mut().got);
        }
    }
    panic!("the connection goes on for ever");
}
