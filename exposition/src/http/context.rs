//! What the connections of a server share, and what each is told of itself.
//!
//! Upstream: `event_loop`, which owns it all and lends it for a turn. Downstream: `connection`.

use std::time::{Instant, SystemTime};

use super::date::Date;
use super::guard::Guard;
use super::job::Lanes;
use super::limits::Limits;
use super::meter::Meter;
use super::pool::Pool;
use super::stream::Peer;
use crate::respond::Responder;

/// What all connections share.
pub(crate) struct Context<'a> {
    /// Says who may ask.
    pub(crate) guard: &'a mut Guard,
    /// Makes the answers that take no time.
    pub(crate) responder: &'a Responder,
    /// Make the others.
    pub(crate) lanes: &'a mut Lanes,
    /// Lends the memory.
    pub(crate) pool: &'a mut Pool,
    /// Counts.
    pub(crate) meter: &'a Meter,
    /// What a client may take.
    pub(crate) limits: &'a Limits,
    /// The one door to the time.
    pub(crate) clock: &'a dyn Fn() -> Instant,
    /// The time as people tell it.
    pub(crate) calendar: &'a dyn Fn() -> SystemTime,
    /// Writes it.
    pub(crate) date: &'a mut Date,
    /// Whether the server is being shut down: answers are the last of their connection.
    pub(crate) stopping: bool,
}

/// Who a connection is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Remote {
    /// For the log.
    pub(crate) peer: Peer,
    /// Where an answer finds the connection.
    pub(crate) place: usize,
}
