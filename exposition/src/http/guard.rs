//! Keeps out whoever may not ask: the policy of the moment, logins on their way, and the log's lines
//! about those who were refused.
//!
//! Upstream: `event_loop` and `connection`. Downstream: `web_config`, `auth`.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use super::auth::{Checked, Denial, Logins, Outcome, Quoted, Refusals, Verdict};
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

    /// The decision that an outcome is. Where the users have changed since its login was queued it is
    /// worth nothing, and the request is decided anew.
    pub(crate) fn conclude(&mut self, visit: &Visit<'_>, checked: Checked) -> Decision {
        match checked.by(&self.policy().authenticator) {
            Some(Ok(())) => Decision::Admit,
            Some(Err(denial)) => self.deny(visit, &denial),
            None => self.decide(visit),
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::http::web_config::WebConfig;

    /// Alice has this password.
    fn policy(password: &str) -> Policy {
        let hash = bcrypt::hash(password, 4).unwrap().into();
        let basic_auth_users = BTreeMap::from([("alice".to_owned(), hash)]);
        Policy::new(&WebConfig { basic_auth_users, ..WebConfig::default() }).unwrap()
    }

    /// Queues a login with `password` under users that know `old`, and concludes it under users that
    /// know `new`; then what becomes of it at last.
    fn exchanged(password: &str, old: &str, new: &str) -> [Decision; 2] {
        let (wake, woken) = channel();
        let policies = Policies::default();
        policies.replace(policy(old));
        let security = Security { policies, open_probes: false };
        let mut guard = Guard::new(security, move || wake.send(()).unwrap_or_default());
        let value = format!("Basic {}", STANDARD.encode(format!("alice:{password}")));
        let visit = Visit {
            place: 0,
            path: "/metrics",
            authorization: Some(value.as_bytes()),
            peer: Peer::Local,
            now: Instant::now(),
        };
        let outcome = |guard: &Guard| {
            woken.recv_timeout(Duration::from_secs(60)).unwrap();
            let mut outcomes = Vec::new();
            guard.take(&mut outcomes);
            outcomes.pop().unwrap().checked
        };
        assert!(matches!(guard.decide(&visit), Decision::Wait(_)));
        let checked = outcome(&guard);
        guard.security.policies.replace(policy(new));
        let first = guard.conclude(&visit, checked);
        let checked = outcome(&guard);
        [first, guard.conclude(&visit, checked)]
    }

    #[test]
    fn a_login_that_was_checked_against_former_users_is_checked_again() {
        let [first, last] = exchanged("old", "old", "new");
        assert!(matches!(first, Decision::Wait(_)), "{first:?}");
        assert!(matches!(last, Decision::Challenge(_)), "{last:?}");
        let [first, last] = exchanged("new", "old", "new");
        assert!(matches!(first, Decision::Wait(_)), "{first:?}");
        assert_eq!(last, Decision::Admit);
    }
}
