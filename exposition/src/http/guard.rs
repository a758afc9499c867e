//! Keeps out whoever may not ask: the policy of the moment, logins on their way, and the log's lines
//! about those who were refused.
//!
//! Upstream: `event_loop` and `connection`. Downstream: `web_config`, `auth`.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use super::auth::{Denial, Logins, Outcome, Quoted, Refusals, Verdict};
use super::stream::Peer;
use super::web_config::{Policies, Policy};
use crate::respond::{HEALTH_PATH, READY_PATH};

/// What the application wants of it.
#[derive(Debug, Default)]
pub(crate) struct Security {
    pub(crate) policies: Policies,
    /// Whether `/healthz` and `/readyz` are for everybody.
    pub(crate) open_probes: bool,
}

/// What the event loop has for security.
#[derive(Debug)]
pub(crate) struct Guard {
    security: Security,
    logins: Logins,
    /// One for each kind, so that a flood of one hides no other.
    denied: Refusals,
    missed: Refusals,
    broken: Refusals,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It is answered.
    Admit,
    /// It gets 401 with this challenge.
    Challenge(&'static str),
    /// It is decided later: [`Guard::take`] gives the outcome of this number.
    Wait(u64),
    /// Too many wait already.
    Busy,
}

/// A request to be decided.
#[derive(Clone, Copy)]
pub(crate) struct Visit<'a> {
    /// Index of the connection.
    pub(crate) place: usize,
    /// What is asked for.
    pub(crate) path: &'a str,
    /// The value of `Authorization`.
    pub(crate) authorization: Option<&'a [u8]>,
    /// Where it comes from, for the log.
    pub(crate) peer: Peer,
    /// The time.
    pub(crate) now: Instant,
}

impl Guard {
    /// `wake` is called when [`take`](Self::take) has something to give.
    pub(crate) fn new(security: Security, wake: impl Fn() + Send + Sync + 'static) -> Self {
        let (denied, missed, broken) = Default::default();
        Self { security, logins: Logins::new(wake), denied, missed, broken }
    }

    /// What holds now.
    pub(crate) fn policy(&self) -> Arc<Policy> {
        self.security.policies.current()
    }

    /// Decides now or says that it takes time.
    pub(crate) fn decide(&mut self, visit: &Visit<'_>) -> Decision {
        if self.security.open_probes && matches!(visit.path, HEALTH_PATH | READY_PATH) {
            return Decision::Admit;
        }
        match self.policy().authenticator.judge(visit.authorization) {
            Verdict::Allowed => Decision::Admit,
            Verdict::Denied(denial) => self.deny(visit, &denial),
            Verdict::Check(login) => {
                self.logins.push(visit.place, login).map_or(Decision::Busy, Decision::Wait)
            }
        }
    }

    /// The decision that an outcome is.
    pub(crate) fn conclude(&mut self, visit: &Visit<'_>, outcome: Result<(), Denial>) -> Decision {
        match outcome {
            Ok(()) => Decision::Admit,
            Err(denial) => self.deny(visit, &denial),
        }
    }

    /// Moves the outcomes of logins to `out`.
    pub(crate) fn take(&self, out: &mut Vec<Outcome>) {
        self.logins.take(out);
    }

    /// Nobody waits for this login any more.
    pub(crate) fn withdraw(&self, serial: u64) {
        self.logins.withdraw(serial);
    }

    /// TLS with a client came to nothing.
    pub(crate) fn broken(&mut self, peer: Peer, now: Instant, why: &dyn fmt::Display) {
        self.broken.note(now, format_args!("TLS with {peer} failed: {why}"));
    }

    /// A path that nothing is served at.
    pub(crate) fn missed(&mut self, visit: &Visit<'_>) {
        let (peer, path) = (visit.peer, Quoted(visit.path));
        self.missed.note(visit.now, format_args!("{peer} asked for {path}: 404, no such path"));
    }

    fn deny(&mut self, visit: &Visit<'_>, denial: &Denial) -> Decision {
        let (peer, path) = (visit.peer, Quoted(visit.path));
        self.denied.note(visit.now, format_args!("{peer} asked for {path}: 401, {denial}"));
        Decision::Challenge(self.policy().authenticator.challenge())
    }
}

#[cfg(any(test, fuzzing))]
impl Guard {
    /// Lets everybody in.
    pub(crate) fn open() -> Self {
        Self::new(Security::default(), || {})
    }
}
