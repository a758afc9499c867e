//! The loop: waits for sockets and deadlines, accepts, and gives each connection its turn.
//!
//! Upstream: `server`, which starts and stops it. Downstream: `connection`.

use std::io::{self, ErrorKind};
use std::mem;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};

use super::Limits;
use super::connection::{Connection, Context, Next};
use super::pool::Pool;
use crate::respond::Responder;

const LISTENER: Token = Token(usize::MAX);
const WAKER: Token = Token(usize::MAX - 1);

/// Connections accepted before those that are open have their turn.
const ACCEPTS_PER_TURN: usize = 64;
/// Connections beyond the limit that are told so at a time; any more are closed without a word.
const REFUSALS: usize = 32;
/// How long accepting rests when the system refuses it; doubled up to the longest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Place for one connection; its index is the token.
#[derive(Default)]
struct Slot {
    connection: Option<Connection<TcpStream>>,
    /// Whether the index is in `again`, which holds it once at most.
    queued: bool,
    /// Whether it counts against the limit; else it is being refused.
    admitted: bool,
}

/// All that the server's thread owns.
pub(crate) struct EventLoop {
    poll: Poll,
    /// None once the server is being shut down.
    listener: Option<TcpListener>,
    /// Whether there may be a connection to accept: readiness is told once only.
    acceptable: bool,
    /// When accepting goes on after the system refused it.
    resume_at: Option<Instant>,
    pause: Duration,
    responder: Responder,
    pool: Pool,
    limits: Limits,
    slots: Vec<Slot>,
    /// Indices of empty slots.
    free: Vec<usize>,
    admitted: usize,
    refused: usize,
    /// Connections that could go on.
    again: Vec<usize>,
    /// The other buffer of `again`.
    turn: Vec<usize>,
    /// No deadline of a connection is earlier; some may have moved beyond it.
    earliest: Option<Instant>,
    stop: Arc<OnceLock<()>>,
    /// When the loop ends whoever is left.
    stop_at: Option<Instant>,
}

impl EventLoop {
    /// A loop that accepts from `listener`, and what wakes it after `stop` is filled.
    pub(crate) fn new(
        mut listener: TcpListener,
        responder: Responder,
        limits: Limits,
        stop: Arc<OnceLock<()>>,
    ) -> io::Result<(Self, Waker)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let this = Self {
            poll,
            listener: Some(listener),
            acceptable: false,
            resume_at: None,
            pause: SHORTEST_PAUSE,
            responder,
            pool: Pool::new(),
            limits,
            slots: Vec::new(),
            free: Vec::new(),
            admitted: 0,
            refused: 0,
            again: Vec::new(),
            turn: Vec::new(),
            earliest: None,
            stop,
            stop_at: None,
        };
        Ok((this, waker))
    }

    /// Serves until the server is shut down.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(256);
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
                    LISTENER => self.acceptable = true,
                    WAKER => {}
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
        if !self.again.is_empty() || (self.acceptable && self.resume_at.is_none()) {
            return Some(Duration::ZERO);
        }
        let next = [self.earliest, self.resume_at, self.stop_at].into_iter().flatten().min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// Lets one connection do something, and acts on what it says.
    fn with(
        &mut self,
        index: usize,
        act: impl FnOnce(&mut Connection<TcpStream>, &mut Context<'_>) -> Next,
    ) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        // An event may come for a connection that was closed in the same round.
        let Some(connection) = slot.connection.as_mut() else { return };
        let mut context = Context {
            responder: &mut self.responder,
            pool: &mut self.pool,
            limits: &self.limits,
            clock: &Instant::now,
            stopping: self.stop_at.is_some(),
        };
        let next = act(connection, &mut context);
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

    fn close(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        let Some(mut connection) = slot.connection.take() else { return };
        // Closing the socket would do it too; an error changes nothing.
        let _ = self.poll.registry().deregister(connection.stream_mut());
        connection.close(&mut self.pool);
        *(if slot.admitted { &mut self.admitted } else { &mut self.refused }) -= 1;
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
        if let Some(at) = self.resume_at {
            if at > Instant::now() {
                return;
            }
            self.resume_at = None;
        }
        let mut left = if self.acceptable { ACCEPTS_PER_TURN } else { 0 };
        while left > 0 {
            left -= 1;
            let Some(listener) = &self.listener else { return };
            match listener.accept() {
                Ok((stream, _)) => {
                    if mem::replace(&mut self.pause, SHORTEST_PAUSE) != SHORTEST_PAUSE {
                        log::info!("the metrics server accepts connections again");
                    }
                    self.admit(stream);
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => {
                        self.acceptable = false;
                        return;
                    }
                    // That one client has gone again.
                    ErrorKind::Interrupted
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::ConnectionReset => {}
                    _ => return self.rest(&error),
                },
            }
        }
    }

    /// Out of descriptors or memory: trying at once would spin, so accepting rests for a while.
    #[cold]
    fn rest(&mut self, error: &io::Error) {
        if self.pause == SHORTEST_PAUSE {
            log::warn!("the metrics server cannot accept connections for now: {error}");
        }
        log::debug!("accepting rests for {:?}", self.pause);
        self.resume_at = Some(Instant::now() + self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }

    fn admit(&mut self, mut stream: TcpStream) {
        let admitted = self.admitted < self.limits.connections;
        if !admitted && self.refused >= REFUSALS {
            log::debug!("closed a connection far beyond the limit");
            return;
        }
        // Head and body are two writes; without this the second could wait for an acknowledgement.
        if let Err(error) = stream.set_nodelay(true) {
            log::debug!("a connection was gone as soon as accepted: {error}");
            return;
        }
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() - 1
        });
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.poll.registry().register(&mut stream, Token(index), interest) {
            log::warn!("cannot watch a new connection, closed it: {error}");
            self.free.push(index);
            return;
        }
        let mut context = Context {
            responder: &mut self.responder,
            pool: &mut self.pool,
            limits: &self.limits,
            clock: &Instant::now,
            stopping: false,
        };
        let connection = if admitted {
            Connection::new(stream, &mut context)
        } else {
            Connection::refused(stream, &mut context)
        };
        let slot = &mut self.slots[index];
        slot.connection = Some(connection);
        slot.admitted = admitted;
        *(if admitted { &mut self.admitted } else { &mut self.refused }) += 1;
        self.drive(index);
    }

    /// Stops to accept, closes who waits, and lets the others finish.
    fn begin_stop(&mut self) {
        if let Some(mut listener) = self.listener.take() {
            let _ = self.poll.registry().deregister(&mut listener);
        }
        self.acceptable = false;
        self.resume_at = None;
        self.stop_at = Some(Instant::now() + self.limits.shutdown_time);
        for index in 0..self.slots.len() {
            self.drive(index);
        }
    }
}
