//! Answers a parsed request with a status, a content type and a body; knows no socket.
//!
//! Upstream: `http`, or any server that a user already runs. Downstream: the registry's snapshot
//! and `scrape`.
//!
//! ```
//! use tmc_engine::Registry;
//! use tmc_exposition::{Body, Request, Responder};
//!
//! let registry = Registry::new();
//! registry.counter("hits_total", "Hits since the start")?.inc();
//! let responder = Responder::new(registry);
//! let mut body = Body::new();
//!
//! let reply = responder.respond(&Request::new("GET", "/healthz?verbose"), &mut body);
//! assert_eq!((reply.status, body.to_vec()), (200, b"ok\n".to_vec()));
//!
//! let scrape = Request::new("GET", "/metrics").header("Accept", b"application/openmetrics-text");
//! let reply = responder.respond(&scrape, &mut body);
//! assert!(reply.content_type.starts_with("application/openmetrics-text"));
//! assert!(body.to_vec().ends_with(b"hits_total 1\n# EOF\n"));
//! # Ok::<(), tmc_engine::RegisterError>(())
//! ```

mod reply;
mod request;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use tmc_engine::{Registry, Snapshot};

use crate::body::Body;
use crate::filter::Names;
use crate::scrape::Scraper;
pub use reply::{Page, Readiness, Reply, RouteError};
pub use request::Request;

/// Where the metrics are unless [`Responder::metrics_path`] says otherwise.
pub const DEFAULT_METRICS_PATH: &str = "/metrics";
/// Answers 200 for as long as the process can answer at all.
pub const HEALTH_PATH: &str = "/healthz";
/// Answers 200 or 503, as the readiness closure says.
pub const READY_PATH: &str = "/readyz";

/// The methods of RFC 9110 and RFC 5789: known, so that they get 405 and not 501.
const KNOWN_METHODS: [&str; 9] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
const ALLOWED: &str = "GET, HEAD";

type Handler = Arc<dyn Fn(&Request<'_>) -> Page + Send + Sync>;
type ReadinessCheck = Arc<dyn Fn() -> Readiness + Send + Sync>;

#[derive(Clone)]
enum Endpoint {
    Metrics,
    Health,
    Ready,
    Page(Handler),
}

/// What a request asks for, as far as a server has to know before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Answered in microseconds: `/healthz`, and `/readyz` if it has no check.
    Probe,
    /// `/readyz`, which runs the application's check.
    Readiness,
    /// A scrape, which runs the registry's collectors.
    Metrics,
    /// A page, which runs a handler.
    Page,
    /// An error, answered in microseconds.
    Error,
}

/// Answers requests about one registry, from any thread.
///
/// Scrapes that come together share one reading of the registry and one rendering of each format.
/// A clone answers from the same.
#[derive(Clone)]
pub struct Responder {
    registry: Registry,
    /// Held while a scrape is rendered: never while a collector or a handler runs.
    scraper: Arc<Mutex<Scraper>>,
    readiness: Option<ReadinessCheck>,
    /// In the order in which 404 lists them; paths are unique.
    routes: Vec<(String, Endpoint)>,
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths: Vec<&str> = self.paths().collect();
        f.debug_struct("Responder").field("paths", &paths).finish_non_exhaustive()
    }
}

impl Responder {
    /// Serves `registry` at `/metrics`, beside `/healthz` and `/readyz`.
    pub fn new(registry: Registry) -> Self {
        let fixed = [
            (DEFAULT_METRICS_PATH, Endpoint::Metrics),
            (HEALTH_PATH, Endpoint::Health),
            (READY_PATH, Endpoint::Ready),
        ];
        Self {
            registry,
            scraper: Arc::default(),
            readiness: None,
            routes: fixed.map(|(path, endpoint)| (path.to_owned(), endpoint)).into(),
        }
    }

    /// The registry that is served.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Moves the metrics to `path`.
    ///
    /// # Errors
    /// When the path is invalid, or is that of another route.
    pub fn metrics_path(&mut self, path: &str) -> Result<(), RouteError> {
        if self.routes[0].0 != path {
            self.check_free(path)?;
            path.clone_into(&mut self.routes[0].0);
        }
        Ok(())
    }

    /// Adds `_created` samples to OpenMetrics: when each counter, histogram and summary began. Off by
    /// default, for Prometheus stores each as a series of its own. Protobuf always has these times.
    pub fn created_samples(&mut self, on: bool) {
        self.scraper.lock().unwrap_or_else(PoisonError::into_inner).created_samples(on);
    }

    /// Whether `/readyz` asks the application.
    pub(crate) fn checks_readiness(&self) -> bool {
        self.readiness.is_some()
    }

    /// Sets what `/readyz` asks, on the thread that answers; without it, it always answers 200.
    pub fn readiness(&mut self, check: impl Fn() -> Readiness + Send + Sync + 'static) {
        self.readiness = Some(Arc::new(check));
    }

    /// Adds a page; `handler` runs on the thread that answers.
    ///
    /// # Errors
    /// When the path is invalid, or is that of another route.
    pub fn route(
        &mut self,
        path: &str,
        handler: impl Fn(&Request<'_>) -> Page + Send + Sync + 'static,
    ) -> Result<(), RouteError> {
        self.check_free(path)?;
        self.routes.push((path.to_owned(), Endpoint::Page(Arc::new(handler))));
        Ok(())
    }

    /// Every path served, the metrics first.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.routes.iter().map(|(path, _)| path.as_str())
    }

    fn check_free(&self, path: &str) -> Result<(), RouteError> {
        let visible =
            path.bytes().all(|byte| matches!(byte, b'!'..=b'~' if byte != b'?' && byte != b'#'));
        if !path.starts_with('/') || !visible {
            return Err(RouteError::Invalid { path: path.to_owned() });
        }
        if self.paths().any(|taken| taken == path) {
            return Err(RouteError::Duplicate { path: path.to_owned() });
        }
        Ok(())
    }

    /// What answering takes: a server that must not wait asks before it answers.
    #[must_use]
    pub fn kind(&self, request: &Request<'_>) -> Kind {
        if !matches!(request.method, "GET" | "HEAD") {
            return Kind::Error;
        }
        match self.endpoint(request) {
            None => Kind::Error,
            Some(Endpoint::Ready) if self.readiness.is_some() => Kind::Readiness,
            Some(Endpoint::Health | Endpoint::Ready) => Kind::Probe,
            Some(Endpoint::Metrics) => Kind::Metrics,
            Some(Endpoint::Page(_)) => Kind::Page,
        }
    }

    fn endpoint(&self, request: &Request<'_>) -> Option<&Endpoint> {
        let mut routes = self.routes.iter();
        routes.find(|(path, _)| path == request.path).map(|(_, endpoint)| endpoint)
    }

    /// Answers one request: replaces what is in `body` by the body of the answer.
    ///
    /// For HEAD the body is there too: its length is the `Content-Length`, then it is the
    /// caller's to leave out. A scrape sees all that was recorded before the call. Never panics:
    /// where an encoder, a handler or the readiness check does, the answer is 500. In a steady state a
    /// scrape allocates nothing.
    pub fn respond(&self, request: &Request<'_>, body: &mut Body) -> Reply {
        body.clear();
        if !KNOWN_METHODS.contains(&request.method) {
            return Reply::text(501, "unknown method: use GET or HEAD", body);
        }
        let Some(endpoint) = self.endpoint(request) else {
            return self.not_found(body);
        };
        if !matches!(request.method, "GET" | "HEAD") {
            let reply = Reply::text(405, "method not allowed: use GET or HEAD", body);
            return Reply { allow: Some(ALLOWED), ..reply };
        }
        guarded(request, body, |body| match endpoint {
            Endpoint::Metrics => self.scrape(&self.registry.snapshot(), request, body),
            Endpoint::Health => Reply::text(200, "ok", body),
            Endpoint::Ready => match self.readiness.as_ref().map(|check| check()) {
                None | Some(Readiness::Ready) => Reply::text(200, "ready", body),
                Some(Readiness::ReadyWith(what)) => Reply::text(200, &what, body),
                Some(Readiness::NotReady(why)) => {
                    Reply::text(503, &format!("not ready: {why}"), body)
                }
            },
            Endpoint::Page(handler) => page(handler(request), request, body),
        })
    }

    /// Answers a scrape from a reading that began after the request came. For servers that answer
    /// several waiting scrapes at once; the others leave it to [`Responder::respond`].
    pub fn scrape(&self, reading: &Snapshot, request: &Request<'_>, body: &mut Body) -> Reply {
        body.clear();
        let names = match Names::parse(request.query.unwrap_or_default()) {
            Ok(names) => names,
            Err(error) => return Reply::text(400, &error.to_string(), body),
        };
        guarded(request, body, |body| {
            let mut scraper = self.scraper.lock().unwrap_or_else(|poisoned| {
                // What a panic left half made is made anew.
                let mut scraper = poisoned.into_inner();
                scraper.forget();
                self.scraper.clear_poison();
                scraper
            });
            let (exposition, coding) =
                (request.preferences.exposition(), request.preferences.coding());
            let coding = scraper.scrape(reading, exposition, coding, &names, body);
            Reply {
                content_encoding: coding.token(),
                varies: true,
                ..Reply::new(200, exposition.content_type())
            }
        })
    }

    #[cold]
    fn not_found(&self, body: &mut Body) -> Reply {
        let reply = Reply::text(404, "not found; this server has:", body);
        for path in self.paths() {
            body.text().extend_from_slice(path.as_bytes());
            body.text().push(b'\n');
        }
        reply
    }
}

/// The answer, or 500 where it panics.
fn guarded(
    request: &Request<'_>,
    body: &mut Body,
    answer: impl FnOnce(&mut Body) -> Reply,
) -> Reply {
    // A broken unwind leaves only the body behind, which is replaced, and the scraper, whose lock tells.
    catch_unwind(AssertUnwindSafe(|| answer(&mut *body))).unwrap_or_else(|_| {
        log::error!("answering {} panicked; the server goes on", request.path);
        Reply::text(500, "this answer could not be made: the process logged why", body)
    })
}

fn page(page: Page, request: &Request<'_>, body: &mut Body) -> Reply {
    if !page.is_sendable() {
        log::error!(
            "the page at {} has status {} and content type {:?}, which cannot be sent",
            request.path,
            page.status,
            page.content_type
        );
        return Reply::text(500, "the page's status or content type is invalid", body);
    }
    body.push(page.body.into());
    Reply::new(page.status, page.content_type)
}
