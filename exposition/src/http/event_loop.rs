//! The loop: waits for sockets, answers and deadlines, and gives each connection its turn.
//!
//! Upstream: `server`, which starts and stops it; `accept`, which brings clients. Downstream:
//! `connection`.

use std::io::{self, ErrorKind};
use std::mem;
use std::sync::{Arc, OnceLock};
use std::thread::ThreadId;
use std::time::{Duration, Instant, SystemTime};

use mio::{Events, Interest, Poll, Token, Waker};

use super::Limits;
use super::accept::Acceptor;
use super::auth::Outcome;
use super::connection::{Connection, Next};
use super::context::{Context, Remote};
use super::date::Date;
use super::guard::{Guard, Security};
use super::job::{Job, Lanes};
use super::listener::Listener;
use super::meter::{Meter, Refused};
use super::pool::Pool;
use super::room;
use super::stream::{Peer, Socket, Transport};
use super::worker::Work;
use crate::respond::Responder;

const WAKER: Token = Token(usize::MAX);

/// Sockets that have their turn before the loop looks around again: what each may cost is bounded by its
/// connection (the most expensive thing is a TLS handshake, see `tls`).
const EVENTS: usize = 64;
/// Connections accepted before those that are open have their turn.
const ACCEPTS_PER_TURN: usize = 64;
/// Connections beyond the limit that are told so at a time; any more are closed without a word.
const REFUSALS: usize = 32;
/// Connections that are asked in vain to make room for another one, which is then refused.
const ROOM_TRIES: usize = 8;
/// What the other threads have at least to come to their end.
const GRACE: Duration = Duration::from_millis(100);

/// Place for one connection; its index is the token.
#[derive(Default)]
struct Slot {
    connection: Option<Connection<Transport>>,
    /// Whether the index is in `again`, which holds it once at most.
    queued: bool,
    /// Whether it counts against the limit; else it is being refused.
    admitted: bool,
}

/// What connections share, as long as the server runs.
struct Shared {
    guard: Guard,
    responder: Responder,
    lanes: Lanes,
    pool: Pool,
    meter: Meter,
    limits: Limits,
    date: Date,
}

impl Shared {
    fn context(&mut self, stopping: bool) -> Context<'_> {
        Context {
            guard: &mut self.guard,
            responder: &self.responder,
            lanes: &mut self.lanes,
            pool: &mut self.pool,
            meter: &self.meter,
            limits: &self.limits,
            clock: &Instant::now,
            calendar: &SystemTime::now,
            date: &mut self.date,
            stopping,
        }
    }
}

/// All that the server's thread owns.
pub(crate) struct EventLoop {
    poll: Poll,
    acceptor: Acceptor,
    shared: Shared,
    slots: Vec<Slot>,
    /// Indices of empty slots.
    free: Vec<usize>,
    admitted: usize,
    refused: usize,
    /// Connections that could go on.
    again: Vec<usize>,
    /// The other buffer of `again`.
    turn: Vec<usize>,
    /// Answers that came from the lanes, for the moment.
    done: Vec<Job>,
    /// Logins that were checked, for the moment.
    outcomes: Vec<Outcome>,
    /// No deadline of a connection is earlier; some may have moved beyond it.
    earliest: Option<Instant>,
    stop: Arc<OnceLock<()>>,
    /// When the loop ends whoever is left.
    stop_at: Option<Instant>,
}

impl EventLoop {
    /// A loop that accepts from `listeners`, and what wakes it after `stop` is filled.
    pub(crate) fn new(
        listeners: Vec<Listener>,
        responder: Responder,
        limits: Limits,
        meter: Meter,
        security: Security,
        stop: Arc<OnceLock<()>>,
    ) -> io::Result<(Self, Arc<Waker>)> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let acceptor = Acceptor::new(listeners, poll.registry())?;
        let login_wake = Arc::clone(&waker);
        let guard = Guard::new(security, move || {
            if let Err(error) = login_wake.wake() {
                log::error!("cannot wake the metrics server for a login: {error}");
            }
        });
        let lanes_wake = Arc::clone(&waker);
        let lanes = Lanes::new(&limits, move || {
            if let Err(error) = lanes_wake.wake() {
                log::error!("cannot wake the metrics server for an answer: {error}");
            }
        });
        let (pool, date) = (Pool::new(), Date::default());
        let this = Self {
            poll,
            acceptor,
            shared: Shared { guard, responder, lanes, pool, meter, limits, date },
            slots: Vec::new(),
            free: Vec::new(),
            admitted: 0,
            refused: 0,
            again: Vec::new(),
            turn: Vec::new(),
            done: Vec::new(),
            outcomes: Vec::new(),
            earliest: None,
            stop,
            stop_at: None,
        };
        Ok((this, waker))
    }

    /// Starts the threads for answers that may take long.
    pub(crate) fn start_lanes(&self) -> io::Result<Vec<ThreadId>> {
        let Shared { lanes, responder, .. } = &self.shared;
        let mut threads = vec![
            lanes.scrapes.start("tmc-scrape", Work::Scrapes, responder.clone())?,
            lanes.pages.start("tmc-page", Work::Pages, responder.clone())?,
        ];
        if responder.checks_readiness() {
            let (work, responder) = (Work::Readiness, responder.clone());
            threads.push(lanes.readiness.start("tmc-readiness", work, responder)?);
        }
        Ok(threads)
    }

    /// Serves until the server is shut down.
    pub(crate) fn run(mut self) {
        self.serve();
        for index in 0..self.slots.len() {
            self.close(index);
        }
        // Threads that have nothing to do end at once, but not before this one looks.
        let soon = Instant::now() + GRACE;
        self.shared.lanes.end(self.stop_at.map_or(soon, |at| at.max(soon)));
    }

    fn serve(&mut self) {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            if let Err(error) = self.poll.poll(&mut events, self.longest_wait()) {
                if error.kind() == ErrorKind::Interrupted {
                    continue;
                }
                log::error!("the metrics server cannot wait for its sockets and ends: {error}");
                return;
            }
            for event in &events {
                match event.token() {
                    WAKER => self.resume(),
                    token if self.acceptor.notice(token) => {}
                    Token(index) => self.drive(index),
                }
            }
            self.drive_queued();
            if self.stop_at.is_none() && self.stop.get().is_some() {
                self.begin_stop();
            }
            self.accept();
            self.expire();
            if self.stop_at.is_some_and(|at| self.is_empty() || at <= Instant::now()) {
                return;
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.admitted + self.refused == 0
    }

    /// Until the next thing that happens by itself; None is for ever.
    fn longest_wait(&self) -> Option<Duration> {
        if !self.again.is_empty() {
            return Some(Duration::ZERO);
        }
        let now = Instant::now();
        let due = [self.earliest, self.acceptor.due(now), self.stop_at];
        Some(due.into_iter().flatten().min()?.saturating_duration_since(now))
    }

    /// Lets one connection do something, and acts on what it says.
    fn with(
        &mut self,
        index: usize,
        act: impl FnOnce(&mut Connection<Transport>, &mut Context<'_>) -> Next,
    ) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        // An event may come for a connection that was closed in the same round.
        let Some(connection) = slot.connection.as_mut() else { return };
        let next = act(connection, &mut self.shared.context(self.stop_at.is_some()));
        if next == Next::Close {
            self.close(index);
            return;
        }
        if next == Next::Again && !mem::replace(&mut slot.queued, true) {
            self.again.push(index);
        }
        let deadline = connection.deadline();
        self.earliest = Some(self.earliest.map_or(deadline, |earliest| earliest.min(deadline)));
    }

    /// While more waits to be read than may, closes those who do not read: see `room`.
    fn relieve(&mut self) {
        let (most, now) = (self.shared.limits.pending_bytes, Instant::now());
        let reader =
            |(index, slot): (usize, &Slot)| Some((index, slot.connection.as_ref()?.reader()?));
        loop {
            let readers = self.slots.iter().enumerate().filter_map(reader);
            let pending = self.shared.pool.pending();
            let Some(index) = room::slowest(readers, pending, most, now) else { return };
            log::debug!("closed the slowest reader: too much waits to be read");
            self.close(index);
        }
    }

    fn drive(&mut self, index: usize) {
        self.with(index, Connection::drive);
    }

    fn drive_queued(&mut self) {
        mem::swap(&mut self.again, &mut self.turn);
        while let Some(index) = self.turn.pop() {
            self.slots[index].queued = false;
            self.drive(index);
        }
    }

    /// Gives the outcomes of logins and the answers of the lanes to who waits for them.
    fn resume(&mut self) {
        let mut outcomes = mem::take(&mut self.outcomes);
        self.shared.guard.take(&mut outcomes);
        for Outcome { place, serial, checked } in outcomes.drain(..) {
            self.with(place, |connection, context| connection.enter(serial, checked, context));
        }
        self.outcomes = outcomes;
        let mut done = mem::take(&mut self.done);
        self.shared.lanes.take(&mut done);
        for mut job in done.drain(..) {
            self.with(job.place, |connection, context| connection.resume(&mut job, context));
            self.relieve();
            // If nobody waited, it lets go of its bytes here.
            let body = self.shared.lanes.give(job);
            self.shared.pool.give_body(body);
        }
        self.done = done;
    }

    fn close(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        let Some(mut connection) = slot.connection.take() else { return };
        // Closing the socket would do it too; an error changes nothing.
        let _ = self.poll.registry().deregister(connection.stream_mut());
        connection.close(&mut self.shared.context(true));
        if slot.admitted {
            self.admitted -= 1;
            self.shared.meter.closed();
        } else {
            self.refused -= 1;
        }
        self.free.push(index);
    }

    /// Looks at all connections, but only when the earliest deadline has passed.
    fn expire(&mut self) {
        let now = Instant::now();
        if self.earliest.is_none_or(|earliest| earliest > now) {
            return;
        }
        self.earliest = None;
        for index in 0..self.slots.len() {
            self.with(index, |connection, context| {
                if connection.deadline() <= now { connection.expire(context) } else { Next::Wait }
            });
        }
    }

    fn accept(&mut self) {
        for _ in 0..ACCEPTS_PER_TURN {
            let Some((socket, peer)) = self.acceptor.next(&self.shared.meter) else { return };
            self.admit(socket, peer);
        }
    }

    /// Whether there is a place for one more, after the least loss for those who have one: see `room`.
    fn make_room(&mut self) -> bool {
        for _ in 0..ROOM_TRIES {
            if self.admitted < self.shared.limits.connections {
                return true;
            }
            let inside = self.slots.iter().enumerate().filter(|(_, slot)| slot.admitted);
            let standing = |index: usize, slot: &Slot| {
                slot.connection.as_ref().map(|connection| (index, connection.standing()))
            };
            let Some(index) = room::choose(inside.filter_map(|(i, slot)| standing(i, slot))) else {
                return false;
            };
            let before = standing(index, &self.slots[index]);
            // Something may have come from it that nobody has looked at yet.
            self.drive(index);
            if before == standing(index, &self.slots[index]) {
                log::debug!(
                    "closed a connection that waits for nothing: another one needs its place"
                );
                self.close(index);
            }
        }
        self.admitted < self.shared.limits.connections
    }

    fn admit(&mut self, mut socket: Socket, peer: Peer) {
        let admitted = self.make_room();
        if !admitted {
            let told = self.refused < REFUSALS;
            self.shared.meter.refused(if told { Refused::Limit } else { Refused::Overload });
            if !told {
                log::debug!("closed a connection of {peer} far beyond the limit");
                return;
            }
        }
        if let Err(error) = socket.send_at_once() {
            log::debug!("the connection of {peer} was gone as soon as accepted: {error}");
            return;
        }
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() - 1
        });
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.poll.registry().register(&mut socket, Token(index), interest) {
            log::warn!("cannot watch a new connection, closed it: {error}");
            self.shared.meter.refused(Refused::System);
            self.free.push(index);
            return;
        }
        let policy = self.shared.guard.policy();
        let stream = match Transport::new(socket, policy.tls.as_ref()) {
            Ok(stream) => stream,
            Err(error) => {
                log::error!("cannot begin TLS with {peer}: {error}");
                self.free.push(index);
                return;
            }
        };
        let (remote, context) =
            (Remote { peer, place: index }, &mut self.shared.context(self.stop_at.is_some()));
        let connection = if admitted {
            Connection::new(stream, remote, context)
        } else {
            Connection::refused(stream, remote, context)
        };
        let slot = &mut self.slots[index];
        slot.connection = Some(connection);
        slot.admitted = admitted;
        if admitted {
            self.admitted += 1;
            self.shared.meter.opened();
        } else {
            self.refused += 1;
        }
        self.drive(index);
    }

    /// Stops to accept, closes who waits, and lets the others finish.
    fn begin_stop(&mut self) {
        self.acceptor.close(self.poll.registry());
        self.stop_at = Some(Instant::now() + self.shared.limits.shutdown_time);
        for index in 0..self.slots.len() {
            self.drive(index);
        }
    }
}
