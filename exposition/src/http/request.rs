//! Reads a request's head: where it ends, what it asks for, and how its body is framed.
//!
//! Upstream: the bytes of `connection`. Downstream: `respond`. The grammar is `httparse`'s; what is
//! here are the rules of RFC 9112 that need several headers at once.

use std::mem::MaybeUninit;

use super::limits::{Limits, MAX_HEADERS};
use crate::respond::Request;

/// A request that gets an error and no second chance: the connection closes after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reject {
    /// The status of the answer.
    pub(crate) status: u16,
    /// Its body, less the line feed.
    pub(crate) message: &'static str,
}

impl Reject {
    pub(crate) const TIMEOUT: Self = Self::new(408, "the request head did not arrive in time");
    pub(crate) const TRUNCATED: Self = Self::new(400, "the request ended inside its head");
    pub(crate) const OVERLOAD: Self = Self::new(503, "too many connections: try again later");
    pub(crate) const SLOW_LOGIN: Self = Self::new(503, "too many logins: try again later");
    const HEAD_TOO_LARGE: Self = Self::new(431, "the request head is too large");
    const TOO_MANY_HEADERS: Self = Self::new(431, "the request has too many headers");
    const BODY_TOO_LARGE: Self = Self::new(413, "the request body is too large");
    const CHUNKED: Self = Self::new(411, "a body needs a Content-Length and no Transfer-Encoding");
    const LENGTH: Self = Self::new(400, "the Content-Length is invalid or contradicts itself");
    const FRAMING: Self = Self::new(400, "Content-Length beside Transfer-Encoding");
    const AUTHORIZATION: Self = Self::new(400, "more than one Authorization header");
    const HOST: Self = Self::new(400, "HTTP/1.1 needs exactly one Host header");
    const EXPECTATION: Self = Self::new(417, "the only expectation understood is 100-continue");
    const VERSION: Self = Self::new(505, "the HTTP version is not supported: use HTTP/1.1");
    const MALFORMED: Self = Self::new(400, "malformed request");

    const fn new(status: u16, message: &'static str) -> Self {
        Self { status, message }
    }
}

/// A complete head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head<'a> {
    /// What is asked for.
    pub(crate) request: Request<'a>,
    /// Bytes of the input up to the end of the head.
    pub(crate) len: usize,
    /// Bytes of the body, which follow.
    pub(crate) body_len: u64,
    /// Whether another request may follow on this connection.
    pub(crate) keep_alive: bool,
    /// The value of `Authorization`.
    pub(crate) authorization: Option<&'a [u8]>,
}

/// What the input holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parsed<'a> {
    /// No complete head yet.
    Partial,
    /// One head, perhaps with more behind it.
    Complete(Head<'a>),
    /// Nothing that can be answered as asked.
    Rejected(Reject),
}

/// Reads the first head in `input`, of which no more than `limits.head_bytes` may be given.
pub(crate) fn parse<'a>(input: &'a [u8], limits: &Limits) -> Parsed<'a> {
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(input, &mut headers[..limits.headers]) {
        Ok(httparse::Status::Complete(len)) => match judge(&request, len, limits) {
            Ok(head) => Parsed::Complete(head),
            Err(reject) => Parsed::Rejected(reject),
        },
        Ok(httparse::Status::Partial) if input.len() >= limits.head_bytes => {
            Parsed::Rejected(Reject::HEAD_TOO_LARGE)
        }
        Ok(httparse::Status::Partial) => Parsed::Partial,
        Err(httparse::Error::TooManyHeaders) => Parsed::Rejected(Reject::TOO_MANY_HEADERS),
        Err(httparse::Error::Version) if names_other_version(input) => {
            Parsed::Rejected(Reject::VERSION)
        }
        Err(_) => Parsed::Rejected(Reject::MALFORMED),
    }
}

/// Whether `input` begins with a HEAD request, however that goes on: its answer has no body.
pub(crate) fn is_head(input: &[u8]) -> bool {
    request_line(input).starts_with(b"HEAD ")
}

/// `input` from its first line on that is not empty.
fn request_line(input: &[u8]) -> &[u8] {
    let start = input.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
    &input[start.unwrap_or(input.len())..]
}

/// Whether the version that `httparse` refused is HTTP's at all, or noise.
fn names_other_version(input: &[u8]) -> bool {
    let word = request_line(input).split(|byte| *byte == b' ').nth(2).unwrap_or_default();
    word.strip_prefix(b"HTTP/").is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_digit))
}

/// The headers that decide about framing and persistence, gathered in one pass.
#[derive(Default)]
struct Gathered<'a> {
    authorization: Option<&'a [u8]>,
    hosts: usize,
    length: Option<u64>,
    coded: bool,
    close: bool,
    waits: bool,
}

fn judge<'a>(
    parsed: &httparse::Request<'_, 'a>,
    len: usize,
    limits: &Limits,
) -> Result<Head<'a>, Reject> {
    let (Some(method), Some(target), Some(minor)) = (parsed.method, parsed.path, parsed.version)
    else {
        return Err(Reject::MALFORMED);
    };
    let is_1_1 = minor == 1;
    let found = gather(parsed.headers, is_1_1)?;
    if is_1_1 && found.hosts != 1 {
        return Err(Reject::HOST);
    }
    if found.coded {
        return Err(if found.length.is_some() { Reject::FRAMING } else { Reject::CHUNKED });
    }
    let body_len = found.length.unwrap_or(0);
    if body_len > limits.body_bytes {
        return Err(Reject::BODY_TOO_LARGE);
    }
    // A client that waits for 100 gets the final status instead (RFC 9110, section 10.1.1) and may
    // then send its body or not: only closing tells what follows.
    let waits = found.waits && body_len > 0;
    let request = parsed.headers.iter().fold(Request::new(method, target), |request, header| {
        request.header(header.name, header.value)
    });
    Ok(Head {
        request,
        len,
        body_len: if waits { 0 } else { body_len },
        keep_alive: is_1_1 && !found.close && !waits,
        authorization: found.authorization,
    })
}

fn gather<'a>(headers: &[httparse::Header<'a>], is_1_1: bool) -> Result<Gathered<'a>, Reject> {
    let mut found = Gathered::default();
    for header in headers {
        let named = |name: &str| header.name.eq_ignore_ascii_case(name);
        if named("host") {
            found.hosts += 1;
        } else if named("content-length") {
            let length = content_length(header.value)?;
            if found.length.is_some_and(|earlier| earlier != length) {
                return Err(Reject::LENGTH);
            }
            found.length = Some(length);
        } else if named("transfer-encoding") {
            found.coded = true;
        } else if named("authorization") {
            if found.authorization.replace(header.value).is_some() {
                return Err(Reject::AUTHORIZATION);
            }
        } else if named("connection") {
            let mut options = header.value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
            found.close |= options.any(|option| option.eq_ignore_ascii_case(b"close"));
        } else if named("expect") && is_1_1 {
            if !header.value.trim_ascii().eq_ignore_ascii_case(b"100-continue") {
                return Err(Reject::EXPECTATION);
            }
            found.waits = true;
        }
    }
    Ok(found)
}

/// Digits and nothing else; a number beyond 64 bits is merely too large.
fn content_length(value: &[u8]) -> Result<u64, Reject> {
    let digits = value.trim_ascii();
    if digits.is_empty() {
        return Err(Reject::LENGTH);
    }
    digits.iter().try_fold(0_u64, |length, byte| match byte {
        b'0'..=b'9' => Ok(length.saturating_mul(10).saturating_add(u64::from(byte - b'0'))),
        _ => Err(Reject::LENGTH),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(input: &str) -> Head<'_> {
        match parse(input.as_bytes(), &Limits::default()) {
            Parsed::Complete(head) => head,
            other => panic!("{input:?}: {other:?}"),
        }
    }

    fn status(input: &[u8]) -> u16 {
        match parse(input, &Limits::default()) {
            Parsed::Rejected(reject) => reject.status,
            other => panic!("{:?}: {other:?}", String::from_utf8_lossy(input)),
        }
    }

    /// A request with these headers.
    fn with(headers: &str) -> String {
        format!("GET /metrics HTTP/1.1\r\nHost: a\r\n{headers}\r\n")
    }

    #[test]
    fn a_head_is_taken_apart() {
        let input = "GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET";
        let head = head(input);
        assert_eq!(head.request, Request::new("GET", "/metrics?x=1"));
        assert_eq!((head.len, head.body_len, head.keep_alive), (input.len() - 6, 3, true));
    }

    #[test]
    fn persistence_follows_version_and_connection() {
        assert!(head(&with("")).keep_alive);
        assert!(head(&with("Connection: keep-alive\r\n")).keep_alive);
        assert!(!head(&with("Connection: Close\r\n")).keep_alive);
        assert!(!head(&with("Connection: x , close\r\n")).keep_alive);
        assert!(!head(&with("Connection: x\r\nConnection: close\r\n")).keep_alive);
        assert!(head(&with("Connection: closed\r\n")).keep_alive);
        assert!(!head("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keep_alive);
    }

    #[test]
    fn a_client_that_waits_for_100_is_answered_and_closed() {
        let waits = with("Content-Length: 9\r\nExpect: 100-Continue\r\n");
        assert_eq!((head(&waits).body_len, head(&waits).keep_alive), (0, false));
        assert!(head(&with("Expect: 100-continue\r\n")).keep_alive);
        assert_eq!(status(with("Expect: a-miracle\r\n").as_bytes()), 417);
    }

    #[test]
    fn bodies_have_one_unmistakable_length() {
        let length = |value: &str| with(&format!("Content-Length: {value}\r\n"));
        assert_eq!(head(&length("65536")).body_len, 65536);
        assert_eq!(head(&with("Content-Length: 2\r\ncontent-length: 2\r\n")).body_len, 2);
        for value in ["", "-1", "+1", "1,1", "0x1", "1 1", "a"] {
            assert_eq!(status(length(value).as_bytes()), 400, "{value:?}");
        }
        for value in ["65537", "18446744073709551616", "99999999999999999999999999"] {
            assert_eq!(status(length(value).as_bytes()), 413, "{value:?}");
        }
        assert_eq!(status(with("Content-Length: 1\r\nContent-Length: 2\r\n").as_bytes()), 400);
        assert_eq!(status(with("Transfer-Encoding: chunked\r\n").as_bytes()), 411);
        let both = with("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n");
        assert_eq!(status(both.as_bytes()), 400);
    }

    #[test]
    fn http_1_1_names_its_host_once() {
        assert_eq!(status(b"GET / HTTP/1.1\r\n\r\n"), 400);
        assert_eq!(status(b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), 400);
        assert_eq!(head("GET / HTTP/1.0\r\n\r\n").request.path, "/");
    }

    #[test]
    fn other_versions_are_told_from_noise() {
        for line in ["GET / HTTP/2.0", "GET / HTTP/1.2", "\r\nPRI * HTTP/2.0", "GET / HTTP/0.9"] {
            assert_eq!(status(format!("{line}\r\n\r\n").as_bytes()), 505, "{line}");
        }
        for line in ["GET / FTP/1.0", "GET / HTTP/x.y", "GET /", "\0\u{1}\u{2}", "\u{16}\u{3}\u{1}"]
        {
            assert_eq!(status(format!("{line}\r\n\r\n").as_bytes()), 400, "{line}");
        }
    }

    #[test]
    fn smuggling_tricks_are_malformed() {
        for headers in ["Host : a\r\n", "X: a\r\n folded\r\n", "X\r\n", ": a\r\n", "X: a\0b\r\n"] {
            assert_eq!(status(with(headers).as_bytes()), 400, "{headers:?}");
        }
    }

    #[test]
    fn heads_are_bounded_in_bytes_and_headers() {
        let limits = Limits { head_bytes: 100, headers: 3, ..Limits::default() };
        let line = "GET / HTTP/1.1\r\nHost: a\r\n";
        let fits = format!("{line}X: {}\r\n\r\n", "x".repeat(100 - line.len() - 7));
        assert_eq!(fits.len(), 100);
        assert!(matches!(parse(fits.as_bytes(), &limits), Parsed::Complete(_)));
        assert_eq!(parse(&fits.as_bytes()[..99], &limits), Parsed::Partial);
        let long = "x".repeat(100);
        assert_eq!(parse(long.as_bytes(), &limits), Parsed::Rejected(Reject::HEAD_TOO_LARGE));
        let many = format!("{line}A: 1\r\nB: 1\r\nC: 1\r\n\r\n");
        assert_eq!(parse(many.as_bytes(), &limits), Parsed::Rejected(Reject::TOO_MANY_HEADERS));
    }
}
