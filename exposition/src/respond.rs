//! Answers a parsed request with a status, a content type and a body; knows no socket.
//!
//! Upstream: `http`, or any server that a user already runs. Downstream: the registry's snapshot
//! and `encode`.
//!
//! ```
//! use tmc_engine::Registry;
//! use tmc_exposition::{Request, Responder};
//!
//! let mut responder = Responder::new(Registry::new());
//! let mut body = Vec::new();
//! let reply = responder.respond(&Request::new("GET", "/healthz?verbose"), &mut body);
//! assert_eq!(reply.status, 200);
//! assert_eq!(body, b"ok\n");
//! ```

use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tmc_engine::Registry;

use crate::encode::TextEncoder;

/// The media type of everything that is meant for a person to read.
pub(crate) const PLAIN: &str = "text/plain; charset=utf-8";

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

/// The parts of a request that choose the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// As sent: methods are case-sensitive.
    pub method: &'a str,
    /// Without scheme, authority and query; `/` at least, except for the target `*`.
    pub path: &'a str,
    /// What follows the `?`; routing does not look at it.
    pub query: Option<&'a str>,
}

impl<'a> Request<'a> {
    /// Splits a request target (RFC 9112, section 3.2), which may be in absolute form.
    pub fn new(method: &'a str, target: &'a str) -> Self {
        let local = strip_authority(target);
        let (path, query) = match local.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (local, None),
        };
        Self { method, path: if path.is_empty() { "/" } else { path }, query }
    }
}

/// `http://host:port/path` to `/path`; anything else stays as it is.
fn strip_authority(target: &str) -> &str {
    let Some((scheme, rest)) = target.split_once("://") else { return target };
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return target;
    }
    rest.find(['/', '?']).map_or("", |start| &rest[start..])
}

/// The answer to a request, all but its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The value of `Content-Type`.
    pub content_type: Cow<'static, str>,
    /// The value of `Allow`, which goes with 405.
    pub allow: Option<&'static str>,
    /// The value of `Retry-After` in seconds, which goes with 503.
    pub retry_after: Option<u32>,
}

impl Reply {
    /// A reply without the headers that only some statuses have.
    pub(crate) fn new(status: u16, content_type: impl Into<Cow<'static, str>>) -> Self {
        Self { status, content_type: content_type.into(), allow: None, retry_after: None }
    }

    /// A reply in words: fills `body` with `message` and a line feed.
    pub(crate) fn text(status: u16, message: &str, body: &mut Vec<u8>) -> Self {
        body.clear();
        body.extend_from_slice(message.as_bytes());
        body.push(b'\n');
        Self::new(status, PLAIN)
    }
}

/// What a route's handler answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The status code, 200 to 599, and not one that forbids a body (204, 205, 304).
    pub status: u16,
    /// The value of `Content-Type`: visible ASCII and blanks.
    pub content_type: Cow<'static, str>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Page {
    /// A page with status 200.
    pub fn new(content_type: impl Into<Cow<'static, str>>, body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, content_type: content_type.into(), body: body.into() }
    }

    /// The same page with another status.
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Whether it can be sent: a line feed in the content type would forge headers.
    fn is_sendable(&self) -> bool {
        (200..600).contains(&self.status)
            && !matches!(self.status, 204 | 205 | 304)
            && !self.content_type.is_empty()
            && self.content_type.bytes().all(|byte| matches!(byte, b' '..=b'~'))
    }
}

/// Whether the process can do its work, as `/readyz` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// 200.
    Ready,
    /// 503, with the reason in the body.
    NotReady(String),
}

/// Why a route was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// The path cannot be asked for.
    #[error(
        "invalid route {path:?}: a route begins with '/' and has only visible ASCII, no '?' and no '#'"
    )]
    Invalid {
        /// The path as given.
        path: String,
    },
    /// The path is taken.
    #[error("the route {path:?} is already served: choose another path")]
    Duplicate {
        /// The path as given.
        path: String,
    },
}

type Handler = Arc<dyn Fn(&Request<'_>) -> Page + Send + Sync>;
type ReadinessCheck = Arc<dyn Fn() -> Readiness + Send + Sync>;

#[derive(Clone)]
enum Endpoint {
    Metrics,
    Health,
    Ready,
    Page(Handler),
}

/// Answers requests about one registry.
///
/// Cheap to clone except for the encoder's memory, which each clone has for itself.
pub struct Responder {
    registry: Registry,
    encoder: TextEncoder,
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

impl Clone for Responder {
    fn clone(&self) -> Self {
        Self {
            registry: self.registry.clone(),
            encoder: TextEncoder::new(),
            readiness: self.readiness.clone(),
            routes: self.routes.clone(),
        }
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
            encoder: TextEncoder::new(),
            readiness: None,
            routes: fixed.map(|(path, endpoint)| (path.to_owned(), endpoint)).into(),
        }
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

    /// Sets what `/readyz` asks; without it, it always answers 200.
    pub fn readiness(&mut self, check: impl Fn() -> Readiness + Send + Sync + 'static) {
        self.readiness = Some(Arc::new(check));
    }

    /// Adds a page; `handler` runs on the thread that answers, so it should be quick.
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

    /// Answers one request: replaces what is in `body` by the body of the answer.
    ///
    /// For HEAD the body is written too: its length is the `Content-Length`, then it is the
    /// caller's to leave out. A scrape sees all that was recorded before the call. Never panics:
    /// where an encoder, a handler or the readiness check does, the answer is 500.
    pub fn respond(&mut self, request: &Request<'_>, body: &mut Vec<u8>) -> Reply {
        body.clear();
        if !KNOWN_METHODS.contains(&request.method) {
            return Reply::text(501, "unknown method: use GET or HEAD", body);
        }
        let Some(index) = self.routes.iter().position(|(path, _)| path == request.path) else {
            return self.not_found(body);
        };
        if !matches!(request.method, "GET" | "HEAD") {
            let reply = Reply::text(405, "method not allowed: use GET or HEAD", body);
            return Reply { allow: Some(ALLOWED), ..reply };
        }
        // A broken unwind leaves only the body and the encoder behind, and both are replaced below.
        let answer = catch_unwind(AssertUnwindSafe(|| self.answer(index, request, body)));
        answer.unwrap_or_else(|_| {
            log::error!("answering {} panicked; the server goes on", self.routes[index].0);
            self.encoder = TextEncoder::new();
            Reply::text(500, "this answer could not be made: the process logged why", body)
        })
    }

    fn answer(&mut self, index: usize, request: &Request<'_>, body: &mut Vec<u8>) -> Reply {
        match &self.routes[index].1 {
            Endpoint::Metrics => {
                let snapshot = self.registry.snapshot();
                self.encoder.encode(&snapshot, body);
                Reply::new(200, TextEncoder::CONTENT_TYPE)
            }
            Endpoint::Health => Reply::text(200, "ok", body),
            Endpoint::Ready => match self.readiness.as_ref().map(|check| check()) {
                None | Some(Readiness::Ready) => Reply::text(200, "ready", body),
                Some(Readiness::NotReady(why)) => {
                    body.extend_from_slice(b"not ready: ");
                    body.extend_from_slice(why.as_bytes());
                    body.push(b'\n');
                    Reply::new(503, PLAIN)
                }
            },
            Endpoint::Page(handler) => {
                let page = handler(request);
                if !page.is_sendable() {
                    log::error!(
                        "the page at {} has status {} and content type {:?}, which cannot be sent",
                        request.path,
                        page.status,
                        page.content_type
                    );
                    return Reply::text(500, "the page's status or content type is invalid", body);
                }
                body.extend_from_slice(&page.body);
                Reply::new(page.status, page.content_type)
            }
        }
    }

    #[cold]
    fn not_found(&self, body: &mut Vec<u8>) -> Reply {
        let reply = Reply::text(404, "not found; this server has:", body);
        for path in self.paths() {
            body.extend_from_slice(path.as_bytes());
            body.push(b'\n');
        }
        reply
    }
}
