//! A request on its way to another thread and its answer on the way back, in memory that is used
//! again.
//!
//! Upstream: `connection`. Downstream: `worker`.

use std::time::{Duration, Instant};

use super::limits::Limits;
use super::worker::{Lane, Work};
use crate::body::Body;
use crate::negotiate::Preferences;
use crate::respond::{Reply, Request};

/// A request that owns its parts, and what comes of it.
#[derive(Debug)]
pub(crate) struct Job {
    /// No two jobs have the same.
    pub(crate) serial: u64,
    /// Index of the connection that waits for it.
    pub(crate) place: usize,
    /// When nobody waits any more.
    pub(crate) deadline: Instant,
    /// The answer's, empty before.
    pub(crate) body: Body,
    /// None before, and where the time was up.
    pub(crate) reply: Option<Reply>,
    /// How long it took to render the answer, or to run the handler.
    pub(crate) rendering: Duration,
    is_head: bool,
    path: String,
    query: String,
    has_query: bool,
    preferences: Preferences,
    timeout: Option<Duration>,
}

impl Job {
    fn new(now: Instant) -> Self {
        Self {
            serial: 0,
            place: 0,
            deadline: now,
            body: Body::new(),
            reply: None,
            rendering: Duration::ZERO,
            is_head: false,
            path: String::new(),
            query: String::new(),
            has_query: false,
            preferences: Preferences::default(),
            timeout: None,
        }
    }

    /// Takes over all of `request`, which is a GET or a HEAD: no others get that far.
    fn set(&mut self, request: &Request<'_>) {
        self.is_head = request.method == "HEAD";
        request.path.clone_into(&mut self.path);
        request.query.unwrap_or_default().clone_into(&mut self.query);
        self.has_query = request.query.is_some();
        self.preferences = request.preferences;
        self.timeout = request.timeout;
    }

    /// Sets the answer.
    pub(crate) fn answer(&mut self, answer: impl FnOnce(&Request<'_>, &mut Body) -> Reply) {
        let request = Request {
            method: if self.is_head { "HEAD" } else { "GET" },
            path: &self.path,
            query: self.has_query.then_some(&self.query),
            preferences: self.preferences,
            timeout: self.timeout,
        };
        self.reply = Some(answer(&request, &mut self.body));
    }

    /// Sets an answer that says that there is none.
    #[cold]
    pub(crate) fn fail(&mut self) {
        self.answer(|_, body| {
            Reply::text(500, "this answer could not be made: the process logged why", body)
        });
    }
}

/// The lanes of a server, and jobs between two uses.
#[derive(Debug)]
pub(crate) struct Lanes {
    pub(crate) scrapes: Lane,
    pub(crate) pages: Lane,
    /// Has no thread where nobody has set a check.
    pub(crate) readiness: Lane,
    /// At most as many as were ever on their way.
    free: Vec<Job>,
    /// Of the last job.
    serial: u64,
}

/// Whom a job is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Errand<'a> {
    pub(crate) place: usize,
    pub(crate) request: &'a Request<'a>,
    pub(crate) deadline: Instant,
}

impl Lanes {
    /// Lanes without threads. `wake` is called when something is done.
    pub(crate) fn new(limits: &Limits, wake: impl Fn() + Clone + Send + Sync + 'static) -> Self {
        Self {
            scrapes: Lane::new(limits.waiting, wake.clone()),
            pages: Lane::new(limits.waiting, wake.clone()),
            readiness: Lane::new(limits.waiting, wake),
            free: Vec::new(),
            serial: 0,
        }
    }

    fn lane(&self, work: Work) -> &Lane {
        match work {
            Work::Scrapes => &self.scrapes,
            Work::Pages => &self.pages,
            Work::Readiness => &self.readiness,
        }
    }

    /// Queues a request with an empty body for its answer, and gives the job's serial number; gives
    /// the body back where there is no room.
    pub(crate) fn push(
        &mut self,
        work: Work,
        errand: &Errand<'_>,
        body: Body,
    ) -> Result<u64, Body> {
        let mut job = self.free.pop().unwrap_or_else(|| Job::new(errand.deadline));
        self.serial += 1;
        (job.serial, job.place, job.deadline) = (self.serial, errand.place, errand.deadline);
        job.set(errand.request);
        job.body = body;
        match self.lane(work).push(job) {
            None => Ok(self.serial),
            Some(job) => Err(self.give(job)),
        }
    }

    /// Takes a job out of its queue for which nobody waits any more.
    pub(crate) fn withdraw(&mut self, work: Work, serial: u64) -> Option<Body> {
        let job = self.lane(work).withdraw(serial)?;
        Some(self.give(job))
    }

    /// Takes a job back; its body is the caller's.
    pub(crate) fn give(&mut self, mut job: Job) -> Body {
        let body = std::mem::take(&mut job.body);
        job.reply = None;
        job.rendering = Duration::ZERO;
        self.free.push(job);
        body
    }

    /// Moves what is done to `out`.
    pub(crate) fn take(&self, out: &mut Vec<Job>) {
        self.scrapes.take(out);
        self.pages.take(out);
        self.readiness.take(out);
    }

    /// Does on this thread what the lanes' own would do with what waits.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn do_now(
        &self,
        responder: &crate::respond::Responder,
        clock: &dyn Fn() -> Instant,
    ) {
        self.scrapes.do_now(Work::Scrapes, responder, clock);
        self.pages.do_now(Work::Pages, responder, clock);
        self.readiness.do_now(Work::Readiness, responder, clock);
    }

    /// Ends the threads, at the latest at `until`: one that hangs in a collector or a handler is left
    /// behind, with what it holds. It ends when that returns, and nobody reads its answer.
    pub(crate) fn end(&self, until: Instant) {
        let lanes = [
            (&self.scrapes, "collector"),
            (&self.pages, "page"),
            (&self.readiness, "readiness check"),
        ];
        lanes.iter().for_each(|(lane, _)| lane.end());
        for (lane, what) in lanes {
            if !lane.wait_ended(until) {
                log::warn!("the metrics server ends, but leaves a thread behind: a {what} hangs");
            }
        }
    }
}
