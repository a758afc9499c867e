//! A request and its answer: who may ask, who answers, and how it is written.
//!
//! Upstream: the connection, which has gathered a head. Downstream: `guard`, `respond` or the lanes of
//! `job`, `sending`.

use std::mem;

use super::{Asked, Connection, Phase, Step, stopped_by};
use crate::body::Body;
use crate::http::auth::Checked;
use crate::http::context::Context;
use crate::http::guard::{Decision, Visit};
use crate::http::job::Errand;
use crate::http::meter::Scrape;
use crate::http::request::{Head, Reject, is_head};
use crate::http::response::{Frame, write_head};
use crate::http::sending::{Sending, Sent};
use crate::http::stream::Stream;
use crate::http::worker::Work;
use crate::respond::{Kind, Reply, Request};

/// What `Retry-After` says in seconds; Prometheus comes back by itself, people read it.
const RETRY_AFTER: u32 = 5;
/// The share of a client's patience that an answer may take; the rest is for its way back.
const PATIENCE: f64 = 0.95;

impl<S: Stream> Connection<S> {
    /// Answers a request, or has it answered; or false: has its login checked, and leaves it where it
    /// is.
    pub(super) fn begin(
        &mut self,
        head: &Head<'_>,
        login: Option<Checked>,
        context: &mut Context<'_>,
    ) -> bool {
        let request = &head.request;
        let now = (context.clock)();
        let visit = Visit {
            place: self.remote.place,
            peer: self.remote.peer,
            path: request.path,
            authorization: head.authorization,
            now,
        };
        let decision = match login {
            None => context.guard.decide(&visit),
            Some(checked) => context.guard.conclude(&visit, checked),
        };
        if let Decision::Wait(serial) = decision {
            self.phase = Phase::Entering(serial);
            self.deadline = now + context.limits.head_time;
            return false;
        }
        self.requests += 1;
        let is_last = context.stopping || self.requests >= context.limits.requests;
        self.keep_alive = head.keep_alive && !is_last;
        self.skip = head.body_len;
        // Refused or not, a scrape counts as one.
        let kind = context.responder.kind(request);
        self.asked = Asked {
            is_head: request.method == "HEAD",
            preferences: (kind == Kind::Metrics).then_some(request.preferences),
            ..Asked::nothing(now)
        };
        match decision {
            Decision::Admit => self.dispatch(kind, request, &visit, context),
            Decision::Challenge(challenge) => {
                let mut body = context.pool.take_body();
                let reply = Reply::text(401, "say who you are: see WWW-Authenticate", &mut body);
                self.answer(&Reply { challenge: Some(challenge), ..reply }, body, context);
            }
            Decision::Wait(_) | Decision::Busy => {
                self.shed("too many logins wait to be checked: try again later", context);
            }
        }
        true
    }

    fn dispatch(
        &mut self,
        kind: Kind,
        request: &Request<'_>,
        visit: &Visit<'_>,
        context: &mut Context<'_>,
    ) {
        match kind {
            Kind::Probe | Kind::Error => {
                let mut body = context.pool.take_body();
                let reply = context.responder.respond(request, &mut body);
                if reply.status == 404 {
                    context.guard.missed(visit);
                }
                self.answer(&reply, body, context);
            }
            Kind::Metrics => self.hand_over(Work::Scrapes, request, context),
            Kind::Page => self.hand_over(Work::Pages, request, context),
            Kind::Readiness => self.hand_over(Work::Readiness, request, context),
        }
    }

    fn hand_over(&mut self, work: Work, request: &Request<'_>, context: &mut Context<'_>) {
        let patience = request.timeout.map(|timeout| timeout.mul_f64(PATIENCE));
        let longest = context.limits.scrape_time;
        let deadline = self.asked.at + patience.map_or(longest, |patience| patience.min(longest));
        let errand = Errand { place: self.remote.place, request, deadline };
        let body = context.pool.take_body();
        match context.lanes.push(work, &errand, body) {
            Ok(serial) => {
                self.phase = Phase::Waiting(work, serial);
                self.deadline = deadline;
            }
            Err(body) => {
                context.pool.give_body(body);
                self.shed("too many requests wait for their answers: try again later", context);
            }
        }
    }

    /// Answers that there is no room or no time; the connection goes on.
    #[cold]
    pub(super) fn shed(&mut self, why: &str, context: &mut Context<'_>) {
        let mut body = context.pool.take_body();
        let reply = Reply { retry_after: Some(RETRY_AFTER), ..Reply::text(503, why, &mut body) };
        self.answer(&reply, body, context);
    }

    /// Answers what cannot be understood or must not go on, and closes after it.
    pub(super) fn reject(&mut self, reject: Reject, context: &mut Context<'_>) {
        let mut body = context.pool.take_body();
        let mut reply = Reply::text(reject.status, reject.message, &mut body);
        if reject.status == 503 {
            reply.retry_after = Some(RETRY_AFTER);
        }
        self.keep_alive = false;
        // Who asked for a head alone would take a body for the next answer.
        let is_head = is_head(&self.wire.input[..self.filled]);
        self.asked = Asked { is_head, ..Asked::nothing((context.clock)()) };
        // What else has come is no request any more.
        (self.filled, self.parsed, self.skip) = (0, 0, 0);
        self.answer(&reply, body, context);
    }

    /// Begins to write an answer.
    pub(super) fn answer(&mut self, reply: &Reply, body: Body, context: &mut Context<'_>) {
        // The server may have been told to stop since the request came.
        self.keep_alive &= !context.stopping;
        let date = context.date.at((context.calendar)());
        let lines = &context.guard.policy().headers;
        let frame = Frame { length: body.len(), keep_alive: self.keep_alive, date, lines };
        write_head(&mut self.wire.head, reply, &frame);
        context.meter.answered(reply.status);
        (self.asked.code, self.asked.coding) = (reply.status, reply.content_encoding);
        self.body = body;
        if self.asked.is_head {
            self.body.clear();
        }
        context.pool.hold(&self.body);
        self.sending = Sending::default();
        self.phase = Phase::Writing;
        let now = (context.clock)();
        self.progressed = now;
        self.answered_by = now + context.limits.answer_time;
        self.deadline = self.answered_by.min(now + context.limits.write_time);
    }

    pub(super) fn write(&mut self, context: &mut Context<'_>) -> Step {
        match self.sending.go_on(&mut self.stream, &self.wire.head, &self.body) {
            Ok(Sent::All) => self.finish(context),
            Ok(Sent::Some) => {
                self.progressed = (context.clock)();
                self.deadline = self.answered_by.min(self.progressed + context.limits.write_time);
                Step::On
            }
            Ok(Sent::Nothing) => Step::Close,
            Err(error) => stopped_by(&error),
        }
    }

    fn finish(&mut self, context: &mut Context<'_>) -> Step {
        context.pool.release(mem::take(&mut self.body));
        if let Some(preferences) = self.asked.preferences {
            context.meter.scraped(&Scrape {
                preferences,
                code: self.asked.code,
                coding: self.asked.coding,
                bytes: self.sending.bytes(),
                duration: (context.clock)().saturating_duration_since(self.asked.at),
                rendering: self.asked.rendering,
            });
        }
        if self.keep_alive {
            self.phase = Phase::Reading;
            self.await_head(context);
            return Step::On;
        }
        (self.phase, self.progressed) = (Phase::Draining, (context.clock)());
        self.deadline = self.progressed + context.limits.linger_time;
        if self.ended || self.stream.shut_write().is_err() { Step::Close } else { Step::On }
    }
}
