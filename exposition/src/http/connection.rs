//! One client: gathers a head, has it answered, writes the answer, and so on until one of the two
//! sides closes.
//!
//! Upstream: `event_loop`, which says when to go on and when time is up. Downstream: `request`,
//! `respond` or the lanes of `job`, `sending`. A second request is not looked at before the first is
//! answered in full, so a client that sends and does not read costs one answer.

mod answering;

use std::io::{self, ErrorKind};
use std::mem;
use std::time::{Duration, Instant};

use super::auth::Checked;
use super::context::{Context, Remote};
use super::job::Job;
use super::pool::Wire;
use super::request::{Parsed, Reject, parse};
use super::room::{Claim, Reader, Standing};
use super::sending::Sending;
use super::stream::Stream;
use super::worker::Work;
use crate::body::Body;
use crate::negotiate::Preferences;

/// Steps that one connection may take before the others have their turn.
const STEPS_PER_TURN: usize = 8;

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
    /// Has a request whose login is being checked elsewhere; its head is in the input still.
    Entering(u64),
    /// Has a request that is being answered elsewhere.
    Waiting(Work, u64),
    /// Writes an answer.
    Writing,
    /// Has said all: drops what still comes, for closing on unread bytes would reset the connection
    /// and could cost the client the answer.
    Draining,
}

/// The request that is being answered.
#[derive(Clone, Copy, Debug)]
struct Asked {
    at: Instant,
    /// Its answer goes without its body.
    is_head: bool,
    /// Of a scrape.
    preferences: Option<Preferences>,
    rendering: Duration,
    code: u16,
    coding: Option<&'static str>,
}

/// One client.
pub(crate) struct Connection<S> {
    stream: S,
    remote: Remote,
    wire: Wire,
    /// Bytes at the start of `wire.input` that are the client's.
    filled: usize,
    /// Of those, what was parsed and found incomplete.
    parsed: usize,
    /// Bytes of the last request's body that are still to be dropped.
    skip: u64,
    phase: Phase,
    asked: Asked,
    /// The body of the answer. Counted by the pool from the begin of Writing to its end.
    body: Body,
    /// How far head and body are written.
    sending: Sending,
    /// Whether Reading comes after Writing.
    keep_alive: bool,
    /// Requests so far.
    requests: u64,
    /// Whether nothing of the next head has come yet.
    idle: bool,
    /// Whether the client has ended its side.
    ended: bool,
    /// When something became of it last: it came, a head began, an answer was taken in part or in full.
    progressed: Instant,
    deadline: Instant,
    /// When an answer must have been read, however steadily it is.
    answered_by: Instant,
}

impl<S: Stream> Connection<S> {
    /// A client that was let in.
    pub(crate) fn new(stream: S, remote: Remote, context: &mut Context<'_>) -> Self {
        let mut wire = context.pool.take_wire();
        wire.input.resize(context.limits.head_bytes, 0);
        let now = (context.clock)();
        Self {
            stream,
            remote,
            wire,
            filled: 0,
            parsed: 0,
            skip: 0,
            phase: Phase::Reading,
            asked: Asked::nothing(now),
            body: Body::new(),
            sending: Sending::default(),
            keep_alive: true,
            requests: 0,
            // The first head has no idle time before it.
            idle: false,
            ended: false,
            progressed: now,
            deadline: now + context.limits.head_time,
            answered_by: now,
        }
    }

    /// A client for which there is no room: it is told so, whatever it asks.
    pub(crate) fn refused(stream: S, remote: Remote, context: &mut Context<'_>) -> Self {
        let mut connection = Self::new(stream, remote, context);
        connection.reject(Reject::OVERLOAD, context);
        connection
    }

    /// When [`expire`](Self::expire) is due.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// What it holds its place for.
    pub(crate) fn standing(&self) -> Standing {
        let claim = match self.phase {
            Phase::Reading if self.idle => Claim::Idle,
            Phase::Reading if self.filled > 0 || self.skip > 0 => Claim::Partial,
            Phase::Reading => Claim::Silent,
            // What is left is in the kernel's hands.
            Phase::Draining => Claim::Done,
            Phase::Entering(_) | Phase::Waiting(..) | Phase::Writing => Claim::Busy,
        };
        (claim, self.progressed)
    }

    /// While an answer waits for its reader: how far that is.
    pub(crate) fn reader(&self) -> Option<Reader> {
        let Phase::Writing = self.phase else { return None };
        let written = usize::try_from(self.sending.bytes()).unwrap_or(usize::MAX);
        let left = (self.wire.head.len() + self.body.len()).saturating_sub(written);
        Some(Reader { progressed: self.progressed, held: self.body.len(), left })
    }

    /// The stream, to be registered.
    pub(crate) fn stream_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Gives the memory back and closes the stream.
    pub(crate) fn close(self, context: &mut Context<'_>) {
        match self.phase {
            Phase::Writing => context.pool.release(self.body),
            Phase::Waiting(work, serial) => withdraw(work, serial, context),
            Phase::Entering(serial) => context.guard.withdraw(serial),
            Phase::Reading | Phase::Draining => {}
        }
        context.pool.give_wire(self.wire);
    }

    /// Goes on until the stream would block, or the turn is over.
    pub(crate) fn drive(&mut self, context: &mut Context<'_>) -> Next {
        for _ in 0..STEPS_PER_TURN {
            let step = match self.phase {
                Phase::Reading => self.read(context),
                Phase::Entering(_) | Phase::Waiting(..) => Step::Wait,
                Phase::Writing => self.write(context),
                Phase::Draining => self.drain(),
            };
            match step {
                Step::On => {}
                // All that came is answered or dropped; the kernel delivers what is written.
                Step::Wait if context.stopping && !self.is_answering() => return Next::Close,
                Step::Wait => return Next::Wait,
                Step::Close => return Next::Close,
            }
        }
        Next::Again
    }

    fn is_answering(&self) -> bool {
        matches!(self.phase, Phase::Entering(_) | Phase::Waiting(..) | Phase::Writing)
    }

    /// Acts on the deadline, unless a last look at the stream moves it.
    pub(crate) fn expire(&mut self, context: &mut Context<'_>) -> Next {
        // A client that never stops sending would never be done.
        let next = if self.phase == Phase::Draining { Next::Wait } else { self.drive(context) };
        if next != Next::Wait || self.deadline > (context.clock)() {
            return next;
        }
        if let Phase::Waiting(work, serial) = self.phase {
            withdraw(work, serial, context);
            self.shed("this answer takes longer than it may: try again later", context);
            return self.drive(context);
        }
        if let Phase::Entering(serial) = self.phase {
            context.guard.withdraw(serial);
            self.reject(Reject::SLOW_LOGIN, context);
            return self.drive(context);
        }
        if self.phase == Phase::Reading && self.filled > 0 {
            self.reject(Reject::TIMEOUT, context);
            return self.drive(context);
        }
        log::debug!("{} ran out of time while {:?}", self.remote.peer, self.phase);
        Next::Close
    }

    /// Goes on with the answer that was made elsewhere, unless nobody waits for it any more.
    pub(crate) fn resume(&mut self, job: &mut Job, context: &mut Context<'_>) -> Next {
        if !matches!(self.phase, Phase::Waiting(_, serial) if serial == job.serial) {
            return Next::Wait;
        }
        self.asked.rendering = job.rendering;
        match job.reply.take() {
            Some(reply) => self.answer(&reply, mem::take(&mut job.body), context),
            None => self.shed("there was no time for this answer: try again later", context),
        }
        self.drive(context)
    }

    /// Goes on with the request whose login was checked elsewhere, unless it came to an end before.
    pub(crate) fn enter(
        &mut self,
        serial: u64,
        checked: Checked,
        context: &mut Context<'_>,
    ) -> Next {
        if self.phase != Phase::Entering(serial) {
            return Next::Wait;
        }
        self.phase = Phase::Reading;
        self.take_request(Some(checked), context);
        self.drive(context)
    }

    fn read(&mut self, context: &mut Context<'_>) -> Step {
        self.drop_body(context);
        if self.filled > self.parsed {
            self.parsed = self.filled;
            if self.take_request(None, context) {
                return Step::On;
            }
        }
        if self.ended {
            if self.filled == 0 {
                return Step::Close;
            }
            context.meter.malformed();
            self.reject(Reject::TRUNCATED, context);
            return Step::On;
        }
        // There is room: a full buffer without a complete head was rejected when it was parsed.
        match self.stream.read(&mut self.wire.input[self.filled..]) {
            Ok(0) => self.ended = true,
            Ok(count) => {
                if mem::take(&mut self.idle) {
                    self.progressed = (context.clock)();
                    self.deadline = self.progressed + context.limits.head_time;
                }
                self.filled += count;
            }
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                return self.refuse_tls(&error, context);
            }
            Err(error) => return stopped_by(&error),
        }
        Step::On
    }

    /// Notes why TLS with this client came to nothing, and lets an alert tell the client.
    #[cold]
    fn refuse_tls(&mut self, error: &io::Error, context: &mut Context<'_>) -> Step {
        let (peer, now) = (self.remote.peer, (context.clock)());
        context.guard.broken(peer, now, error);
        (self.phase, self.progressed) = (Phase::Draining, now);
        self.deadline = now + context.limits.linger_time;
        if self.stream.shut_write().is_err() { Step::Close } else { Step::On }
    }

    /// Acts on the request in the input, if its head is complete or hopeless. `login` is what became
    /// of the one that it waited for.
    fn take_request(&mut self, login: Option<Checked>, context: &mut Context<'_>) -> bool {
        // Taken out, for the request borrows from it.
        let input = mem::take(&mut self.wire.input);
        let consumed = match parse(&input[..self.filled], context.limits) {
            Parsed::Partial => {
                self.wire.input = input;
                return false;
            }
            Parsed::Rejected(reject) => {
                self.wire.input = input;
                context.meter.malformed();
                self.reject(reject, context);
                return true;
            }
            Parsed::Complete(head) => {
                let is_taken = self.begin(&head, login, context);
                is_taken.then_some(head.len)
            }
        };
        self.wire.input = input;
        if let Some(count) = consumed {
            self.consume(count);
        }
        true
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
        self.progressed = (context.clock)();
        self.deadline = self.progressed + wait;
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
        let count = count.min(self.filled);
        self.wire.input.copy_within(count..self.filled, 0);
        self.filled -= count;
        self.parsed = 0;
    }
}

impl Asked {
    /// No scrape, at `now`.
    fn nothing(now: Instant) -> Self {
        let (code, coding) = (0, None);
        Self { at: now, is_head: false, preferences: None, rendering: Duration::ZERO, code, coding }
    }
}

/// Nobody waits for this any more.
fn withdraw(work: Work, serial: u64, context: &mut Context<'_>) {
    if let Some(body) = context.lanes.withdraw(work, serial) {
        context.pool.give_body(body);
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
