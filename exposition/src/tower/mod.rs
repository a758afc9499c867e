//! A [`Responder`] as a tower service: for axum, hyper and whatever else speaks `http` types (feature
//! `tower`).
//!
//! Upstream: the server that the application runs already. Downstream: `respond`, on a thread that
//! may block.
//!
//! In axum the service is a route like any other. It looks at the path itself, so that one service
//! answers all of the responder's paths:
//!
//! ```
//! use axum::Router;
//! use tmc_engine::Registry;
//! use tmc_exposition::Responder;
//! use tmc_exposition::tower::MetricsService;
//!
//! let metrics = MetricsService::new(Responder::new(Registry::new()));
//! let app: Router = Router::new()
//!     .route_service("/metrics", metrics.clone())
//!     .route_service("/healthz", metrics.clone())
//!     // axum takes the prefix away: this is /internal/metrics, /internal/healthz, /internal/readyz.
//!     .nest_service("/internal", metrics);
//! ```
//!
//! In hyper a closure is enough, `service_fn(|request| metrics.clone().call(request))`, or, with
//! `hyper-util`, `TowerToHyperService::new(metrics)`. Whole programs are in `examples/axum.rs` and
//! `examples/hyper.rs`.

mod body;

use std::convert::Infallible;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{
    ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use http::{HeaderValue, StatusCode, request::Parts};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tower_service::Service;

use crate::body::Body;
use crate::respond::{Kind, Reply, Request, Responder};
pub use body::ResponseBody;

/// Scrapes and pages that a [`MetricsService`] and its clones answer at once. More get 503: where
/// collectors hang, they hold so many of the runtime's blocking threads and no more.
pub const AT_ONCE: usize = 8;

/// Readiness checks that run at once: one that hangs keeps no scrape waiting.
const CHECKS: usize = 2;

/// What `Retry-After` says, in seconds.
const RETRY: u32 = 5;

type Response = http::Response<ResponseBody>;

/// Answers requests as [`Responder::respond`] does, with all headers set, for HEAD too. Clones share
/// everything.
///
/// A scrape takes milliseconds, and collectors and pages may block. Therefore they run on the
/// blocking threads of the tokio runtime, at most [`AT_ONCE`] at a time, and so does the readiness
/// check, at most two at a time; `/healthz` and errors are answered in place. Outside a tokio runtime
/// all is answered in place: call it where blocking does no harm.
///
/// A client that says how long it waits (`X-Prometheus-Scrape-Timeout-Seconds`) gets 503 just before.
/// For that, the runtime must have its timer on, as `#[tokio::main]` and `Builder::enable_all` do:
/// tokio panics otherwise.
///
/// The body shares the responder's memory and is not copied. The request's body is dropped unread.
#[derive(Clone, Debug)]
pub struct MetricsService {
    responder: Arc<Responder>,
    /// One permit for each answer on a blocking thread.
    free: Arc<Semaphore>,
    /// The same for readiness checks.
    checks: Arc<Semaphore>,
}

impl MetricsService {
    /// A service for what `responder` serves.
    #[must_use]
    pub fn new(responder: Responder) -> Self {
        Self {
            responder: Arc::new(responder),
            free: Arc::new(Semaphore::new(AT_ONCE)),
            checks: Arc::new(Semaphore::new(CHECKS)),
        }
    }
}

impl<B> Service<http::Request<B>> for MetricsService {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    /// Always ready: what is too much is answered with 503.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let (parts, _) = request.into_parts();
        let asked = understand(&parts);
        let permits = match self.responder.kind(&asked) {
            Kind::Metrics | Kind::Page => Some((&self.free, "too many scrapes at once")),
            Kind::Readiness => Some((&self.checks, "too many readiness checks at once")),
            Kind::Probe | Kind::Error => None,
        };
        let (Some((permits, full)), Ok(runtime)) = (permits, Handle::try_current()) else {
            return Box::pin(ready(Ok(answer(&self.responder, &asked))));
        };
        let Ok(permit) = Arc::clone(permits).try_acquire_owned() else {
            return Box::pin(ready(Ok(shed(full))));
        };
        // A twentieth of the time is for the way back.
        let patience = asked.timeout.map(|timeout| timeout.mul_f64(0.95));
        let responder = Arc::clone(&self.responder);
        let answering = runtime.spawn_blocking(move || {
            // Held until the thread is free again, even if nobody waits for the answer any more.
            let _permit = permit;
            answer(&responder, &understand(&parts))
        });
        Box::pin(async move {
            let answered = match patience {
                None => answering.await,
                Some(patience) => match timeout(patience, answering).await {
                    Ok(answered) => answered,
                    Err(_) => return Ok(shed("the scrape takes longer than the scraper waits")),
                },
            };
            Ok(answered.unwrap_or_else(|_| shed("the process is about to end")))
        })
    }
}

/// The parts of a request that choose the answer.
fn understand(parts: &Parts) -> Request<'_> {
    let mut request = Request::new(parts.method.as_str(), parts.uri.path());
    request.query = parts.uri.query();
    let headers = parts.headers.iter();
    headers.fold(request, |request, (name, value)| request.header(name.as_str(), value.as_bytes()))
}

fn answer(responder: &Responder, request: &Request<'_>) -> Response {
    let mut body = Body::new();
    let reply = responder.respond(request, &mut body);
    response(&reply, body, request.method == "HEAD")
}

/// The answer to a client for which there is no room or no time.
#[cold]
fn shed(why: &str) -> Response {
    log::debug!("a scrape was refused: {why}");
    let mut body = Body::new();
    let reply = Reply { retry_after: Some(RETRY), ..Reply::text(503, why, &mut body) };
    response(&reply, body, false)
}

fn response(reply: &Reply, body: Body, head_only: bool) -> Response {
    let length = body.len();
    let mut response =
        http::Response::new(if head_only { ResponseBody::default() } else { body.into() });
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    // The responder answers nothing that is not a header's value.
    if let Ok(content_type) = HeaderValue::from_str(&reply.content_type) {
        headers.insert(CONTENT_TYPE, content_type);
    }
    // Said here, for of an answer to HEAD no server could know it.
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    let named = [
        (CONTENT_ENCODING, reply.content_encoding),
        (VARY, reply.varies.then_some("Accept, Accept-Encoding")),
        (ALLOW, reply.allow),
        (WWW_AUTHENTICATE, reply.challenge),
    ];
    for (name, value) in named {
        if let Some(value) = value {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if let Some(seconds) = reply.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(target: &str) -> Parts {
        http::Request::get(target).body(()).unwrap().into_parts().0
    }

    #[test]
    fn every_form_of_target_is_understood() {
        for (target, path, query) in [
            ("/", "/", None),
            ("/metrics?name[]=up", "/metrics", Some("name[]=up")),
            ("http://host:1/metrics?a=b?c", "/metrics", Some("a=b?c")),
            ("http://host", "/", None),
            ("host:443", "/", None),
            ("*", "*", None),
            ("/http://host/x", "/http://host/x", None),
        ] {
            let parts = parts(target);
            let request = understand(&parts);
            assert_eq!((request.method, request.path, request.query), ("GET", path, query));
        }
    }

    #[test]
    fn every_header_that_a_reply_may_have_is_sent() {
        let mut body = Body::new();
        let reply = Reply {
            content_encoding: Some("gzip"),
            varies: true,
            allow: Some("GET, HEAD"),
            retry_after: Some(7),
            challenge: Some("Basic"),
            ..Reply::text(401, "who?", &mut body)
        };
        let response = response(&reply, body, false);
        assert_eq!(response.status(), 401);
        let headers: Vec<(&str, &[u8])> = response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        let expected: [(&str, &[u8]); 7] = [
            ("content-type", b"text/plain; charset=utf-8"),
            ("content-length", b"5"),
            ("content-encoding", b"gzip"),
            ("vary", b"Accept, Accept-Encoding"),
            ("allow", b"GET, HEAD"),
            ("www-authenticate", b"Basic"),
            ("retry-after", b"7"),
        ];
        assert_eq!(headers, expected);
    }
}
