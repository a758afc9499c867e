//! One client: gathers a head, writes the answer, and so on until one of the two sides closes.
//!
//! Upstream: `event_loop`, which says when to go on and when time is up. Downstream: `request`,
//! `respond`, `response`. A second request is not looked at before the first is answered in full, so
//! a client that sends and does not read costs one answer.

use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::net::Shutdown;
use std::time::Instant;

use mio::net::TcpStream;

use super::limits::Limits;
use super::pool::{Pool, Wire};
use super::request::{Parsed, Reject, parse};
use super::response::write_head;
use crate::respond::{HEALTH_PATH, READY_PATH, Reply, Responder};

/// Steps that one connection may take before the others have their turn.
const STEPS_PER_TURN: usize = 8;
/// What `Retry-After` says in seconds; Prometheus comes back by itself, people read it.
const RETRY_AFTER: u32 = 5;

/// A byte stream that can end one direction.
pub(crate) trait Stream: Read + Write {
    /// Tells the other side that nothing follows.
    fn shut_write(&mut self) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn shut_write(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// What all connections share.
pub(crate) struct Context<'a> {
    /// Makes the answers.
    pub(crate) responder: &'a mut Responder,
    /// Lends the memory.
    pub(crate) pool: &'a mut Pool,
    /// What a client may take.
    pub(crate) limits: &'a Limits,
    /// The one door to the time.
    pub(crate) clock: &'a dyn Fn() -> Instant,
    /// Whether the server is being shut down: answers are the last of their connection.
    pub(crate) stopping: bool,
}

/// What a connection needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The stream to become readable or writable, or the deadline to pass.
    Wait,
    /// Another turn, for it could go on.
    Again,
    /// To be closed.
    Close,
}

/// One step inside a turn.
enum Step {
    On,
    Wait,
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Gathers a head, or drops the body of the last request.
    Reading,
    /// Writes an answer.
    Writing,
    /// Has said all: drops what still comes, for closing on unread bytes would reset the connection
    /// and could cost the client the answer.
    Draining,
}

/// One client.
pub(crate) struct Connection<S> {
    stream: S,
    wire: Wire,
    /// Bytes at the start of `wire.input` that are the client's.
    filled: usize,
    /// Of those, what was parsed and found incomplete.
    parsed: usize,
    /// Bytes of the last request's body that are still to be dropped.
    skip: u64,
    phase: Phase,
    /// The body of the answer. Counted by the pool from the begin of Writing to its end.
    body: Vec<u8>,
    /// Bytes of head and body that are written.
    sent: usize,
    /// Whether Reading comes after Writing.
    keep_alive: bool,
    /// Whether nothing of the next head has come yet.
    idle: bool,
    /// Whether the client has ended its side.
    ended: bool,
    deadline: Instant,
    /// When an answer must have been read, however steadily it is.
    answered_by: Instant,
}

impl<S: Stream> Connection<S> {
    /// A client that was let in.
    pub(crate) fn new(stream: S, context: &mut Context<'_>) -> Self {
        let mut wire = context.pool.take_wire();
        wire.input.resize(context.limits.head_bytes, 0);
        let now = (context.clock)();
        Self {
            stream,
            wire,
            filled: 0,
            parsed: 0,
            skip: 0,
            phase: Phase::Reading,
            body: Vec::new(),
            sent: 0,
            keep_alive: true,
            // The first head has no idle time before it.
            idle: false,
            ended: false,
            deadline: now + context.limits.head_time,
            answered_by: now,
        }
    }

    /// A client for which there is no room: it is told so, whatever it asks.
    pub(crate) fn refused(stream: S, context: &mut Context<'_>) -> Self {
        let mut connection = Self::new(stream, context);
        connection.reject(Reject::OVERLOAD, context);
        connection
    }

    /// When [`expire`](Self::expire) is due.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The stream, to be registered.
    pub(crate) fn stream_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Gives the memory back and closes the stream.
    pub(crate) fn close(self, pool: &mut Pool) {
        if self.phase == Phase::Writing {
            pool.give_body(self.body);
        }
        pool.give_wire(self.wire);
    }

    /// Goes on until the stream would block, or the turn is over.
    pub(crate) fn drive(&mut self, context: &mut Context<'_>) -> Next {
        for _ in 0..STEPS_PER_TURN {
            let step = match self.phase {
                Phase::Reading => self.read(context),
                Phase::Writing => self.write(context),
                Phase::Draining => self.drain(),
            };
            match step {
                Step::On => {}
                // All that came is answered or dropped; the kernel delivers what is written.
                Step::Wait if context.stopping && self.phase != Phase::Writing => {
                    return Next::Close;
                }
                Step::Wait => return Next::Wait,
                Step::Close => return Next::Close,
            }
        }
        Next::Again
    }

    /// Acts on the deadline, unless a last look at the stream moves it.
    pub(crate) fn expire(&mut self, context: &mut Context<'_>) -> Next {
        // A client that never stops sending would never be done.
        let next = if self.phase == Phase::Draining { Next::Wait } else { self.drive(context) };
        if next != Next::Wait || self.deadline > (context.clock)() {
            return next;
        }
        if self.phase == Phase::Reading && self.filled > 0 {
            self.reject(Reject::TIMEOUT, context);
            return self.drive(context);
        }
        log::debug!("a connection ran out of time while {:?}", self.phase);
        Next::Close
    }

    fn read(&mut self, context: &mut Context<'_>) -> Step {
        self.drop_body(context);
        if self.filled > self.parsed {
            self.parsed = self.filled;
            if self.take_request(context) {
                return Step::On;
            }
        }
        if self.ended {
            if self.filled == 0 {
                return Step::Close;
            }
            self.reject(Reject::TRUNCATED, context);
            return Step::On;
        }
        // There is room: a full buffer without a complete head was rejected when it was parsed.
        match self.stream.read(&mut self.wire.input[self.filled..]) {
            Ok(0) => self.ended = true,
            Ok(count) => {
                if mem::take(&mut self.idle) {
                    self.deadline = (context.clock)() + context.limits.head_time;
                }
                self.filled += count;
            }
            Err(error) => return stopped_by(&error),
        }
        Step::On
    }

    /// Answers the request in the input, if its head is complete or hopeless.
    fn take_request(&mut self, context: &mut Context<'_>) -> bool {
        let head = match parse(&self.wire.input[..self.filled], context.limits) {
            Parsed::Partial => return false,
            Parsed::Rejected(reject) => {
                self.reject(reject, context);
                return true;
            }
            Parsed::Complete(head) => head,
        };
        let is_probe = matches!(head.request.path, HEALTH_PATH | READY_PATH);
        self.body = if is_probe { context.pool.take_small() } else { context.pool.take_body() };
        let mut answer = crate::body::Body::new();
        let reply = if context.pool.pending() > context.limits.pending_bytes && !is_probe {
            let why = "too many answers wait for their readers: try again later";
            Reply { retry_after: Some(RETRY_AFTER), ..Reply::text(503, why, &mut answer) }
        } else {
            context.responder.respond(&head.request, &mut answer)
        };
        answer.iter().for_each(|part| self.body.extend_from_slice(part));
        self.keep_alive = head.keep_alive && !context.stopping;
        write_head(&mut self.wire.head, &reply, self.body.len(), self.keep_alive);
        if head.request.method == "HEAD" {
            self.body.clear();
        }
        self.skip = head.body_len;
        let len = head.len;
        self.consume(len);
        self.start_writing(context);
        true
    }

    /// Answers what cannot be understood or must not go on, and closes after it.
    fn reject(&mut self, reject: Reject, context: &mut Context<'_>) {
        self.body = context.pool.take_small();
        let mut answer = crate::body::Body::new();
        let mut reply = Reply::text(reject.status, reject.message, &mut answer);
        answer.iter().for_each(|part| self.body.extend_from_slice(part));
        if reject.status == 503 {
            reply.retry_after = Some(RETRY_AFTER);
        }
        self.keep_alive = false;
        write_head(&mut self.wire.head, &reply, self.body.len(), false);
        self.consume(self.filled);
        self.start_writing(context);
    }

    fn start_writing(&mut self, context: &mut Context<'_>) {
        context.pool.fill(&self.body);
        self.sent = 0;
        self.phase = Phase::Writing;
        let now = (context.clock)();
        self.answered_by = now + context.limits.answer_time;
        self.deadline = self.answered_by.min(now + context.limits.write_time);
    }

    fn write(&mut self, context: &mut Context<'_>) -> Step {
        let head = self.wire.head.len();
        let rest = match self.sent.checked_sub(head) {
            None => &self.wire.head[self.sent..],
            Some(sent) => &self.body[sent..],
        };
        if rest.is_empty() {
            return self.finish(context);
        }
        match self.stream.write(rest) {
            Ok(0) => Step::Close,
            Ok(count) => {
                self.sent += count;
                let progress = (context.clock)() + context.limits.write_time;
                self.deadline = self.answered_by.min(progress);
                Step::On
            }
            Err(error) => stopped_by(&error),
        }
    }

    fn finish(&mut self, context: &mut Context<'_>) -> Step {
        context.pool.give_body(mem::take(&mut self.body));
        if self.keep_alive {
            self.phase = Phase::Reading;
            self.await_head(context);
            return Step::On;
        }
        self.phase = Phase::Draining;
        self.deadline = (context.clock)() + context.limits.linger_time;
        if self.ended || self.stream.shut_write().is_err() { Step::Close } else { Step::On }
    }

    fn drain(&mut self) -> Step {
        match self.stream.read(&mut self.wire.input) {
            Ok(0) => Step::Close,
            Ok(_) => Step::On,
            Err(error) => stopped_by(&error),
        }
    }

    /// Sets the time for the next head, or for the rest of a body before it.
    fn await_head(&mut self, context: &Context<'_>) {
        self.idle = self.filled == 0 && self.skip == 0;
        let wait = if self.idle { context.limits.idle_time } else { context.limits.head_time };
        self.deadline = (context.clock)() + wait;
    }

    /// Drops what has come of the last request's body.
    fn drop_body(&mut self, context: &Context<'_>) {
        let here = usize::try_from(self.skip).unwrap_or(usize::MAX).min(self.filled);
        if here > 0 {
            self.consume(here);
            self.skip -= here as u64;
            if self.skip == 0 {
                self.await_head(context);
            }
        }
    }

    /// Moves the rest of the input to the front.
    fn consume(&mut self, count: usize) {
        self.wire.input.copy_within(count..self.filled, 0);
        self.filled -= count;
        self.parsed = 0;
    }
}

fn stopped_by(error: &io::Error) -> Step {
    match error.kind() {
        ErrorKind::WouldBlock => Step::Wait,
        ErrorKind::Interrupted => Step::On,
        _ => Step::Close,
    }
}

#[cfg(test)]
mod tests;
