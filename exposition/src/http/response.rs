//! Writes the head of a response. Upstream: `respond`'s reply. Downstream: `connection`.

use crate::respond::Reply;

/// The reason phrase of a status; an unknown one has none, which RFC 9112 allows.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        301 => "Moved Permanently",
        302 => "Found",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        411 => "Length Required",
        413 => "Content Too Large",
        417 => "Expectation Failed",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

/// Whether the status is one of those that have a reason here.
pub(crate) fn is_usual(status: u16) -> bool {
    !reason(status).is_empty()
}

/// What a head says beside its reply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    /// Bytes of the body.
    pub(crate) length: usize,
    /// Whether another answer may follow.
    pub(crate) keep_alive: bool,
    /// The value of `Date`; empty where the time is unknown.
    pub(crate) date: &'a [u8],
    /// Further lines, each with its end.
    pub(crate) lines: &'a [u8],
}

/// Replaces `out` by the head of an answer.
pub(crate) fn write_head(out: &mut Vec<u8>, reply: &Reply, frame: &Frame<'_>) {
    let mut number = itoa::Buffer::new();
    out.clear();
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(number.format(reply.status).as_bytes());
    out.push(b' ');
    out.extend_from_slice(reason(reply.status).as_bytes());
    header(out, "Content-Type", &reply.content_type);
    header(out, "Content-Length", number.format(frame.length));
    if !frame.date.is_empty() {
        out.extend_from_slice(b"\r\nDate: ");
        out.extend_from_slice(frame.date);
    }
    if let Some(coding) = reply.content_encoding {
        header(out, "Content-Encoding", coding);
    }
    if reply.varies {
        header(out, "Vary", "Accept, Accept-Encoding");
    }
    if let Some(methods) = reply.allow {
        header(out, "Allow", methods);
    }
    if let Some(seconds) = reply.retry_after {
        header(out, "Retry-After", number.format(seconds));
    }
    if let Some(challenge) = reply.challenge {
        header(out, "WWW-Authenticate", challenge);
    }
    if !frame.keep_alive {
        header(out, "Connection", "close");
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(frame.lines);
    out.extend_from_slice(b"\r\n");
}

/// Ends the line before and writes one more.
fn header(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(reply: &Reply, length: usize, keep_alive: bool, date: &str) -> String {
        let mut out = b"left over".to_vec();
        write_head(
            &mut out,
            reply,
            &Frame { length, keep_alive, date: date.as_bytes(), lines: b"" },
        );
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_plain_case_is_short() {
        let expected = "HTTP/1.1 200 OK\r\nContent-Type: text/x\r\nContent-Length: 12\r\n\r\n";
        assert_eq!(head(&Reply::new(200, "text/x"), 12, true, ""), expected);
    }

    #[test]
    fn every_optional_header_has_its_line() {
        let reply = Reply {
            content_encoding: Some("gzip"),
            varies: true,
            allow: Some("GET, HEAD"),
            retry_after: Some(5),
            challenge: Some("Basic"),
            ..Reply::new(405, "text/x")
        };
        let expected = "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/x\r\n\
            Content-Length: 0\r\nDate: today\r\nContent-Encoding: gzip\r\n\
            Vary: Accept, Accept-Encoding\r\nAllow: GET, HEAD\r\nRetry-After: 5\r\n\
            WWW-Authenticate: Basic\r\nConnection: close\r\n\r\n";
        assert_eq!(head(&reply, 0, false, "today"), expected);
    }

    #[test]
    fn a_status_without_a_reason_keeps_its_blank() {
        assert!(head(&Reply::new(599, "text/x"), 0, true, "").starts_with("HTTP/1.1 599 \r\n"));
    }

    #[test]
    fn what_the_server_says_parses_as_a_response() {
        for status in [200, 400, 401, 404, 405, 408, 411, 413, 417, 431, 500, 501, 503, 505] {
            let text = head(&Reply::new(status, "text/x"), 7, false, "");
            let mut headers = [httparse::EMPTY_HEADER; 8];
            let mut response = httparse::Response::new(&mut headers);
            assert!(response.parse(text.as_bytes()).unwrap().is_complete());
            assert_eq!(response.code, Some(status));
            assert_ne!(response.reason, Some(""));
        }
    }
}
