//! What an answer has beside its body. Upstream: `Responder` and handlers. Downstream: whoever writes it.

use std::borrow::Cow;

use crate::body::Body;

/// The media type of everything that is meant for a person to read.
pub(crate) const PLAIN: &str = "text/plain; charset=utf-8";

/// The answer to a request, all but its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The value of `Content-Type`.
    pub content_type: Cow<'static, str>,
    /// The value of `Content-Encoding`.
    pub content_encoding: Option<&'static str>,
    /// Whether other `Accept` and `Accept-Encoding` headers would have got another answer: `Vary` says
    /// so to caches.
    pub varies: bool,
    /// The value of `Allow`, which goes with 405.
    pub allow: Option<&'static str>,
    /// The value of `Retry-After` in seconds, which goes with 503.
    pub retry_after: Option<u32>,
    /// The value of `WWW-Authenticate`, which goes with 401.
    pub challenge: Option<&'static str>,
}

impl Reply {
    /// A reply without the headers that only some statuses have.
    pub(crate) fn new(status: u16, content_type: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            content_type: content_type.into(),
            content_encoding: None,
            varies: false,
            allow: None,
            retry_after: None,
            challenge: None,
        }
    }

    /// A reply in words: fills `body` with `message` and a line feed.
    pub(crate) fn text(status: u16, message: &str, body: &mut Body) -> Self {
        body.clear();
        body.text().extend_from_slice(message.as_bytes());
        body.text().push(b'\n');
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
    pub(super) fn is_sendable(&self) -> bool {
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
    /// 200, with what there is to say in the body.
    ReadyWith(String),
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
