//! A GET over a plain socket. Upstream: the tests and prometheus. Downstream: nothing.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::wait;

/// What a server answered.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header names in lower case, and their values.
    pub headers: Vec<(String, String)>,
    /// The body, its transfer coding undone.
    pub body: String,
}

impl Response {
    /// The value of a header, named in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Fetches `target` (path and query). An error is a connection that failed or an answer that
/// cannot be read.
pub fn get(server: SocketAddr, target: &str) -> Result<Response, String> {
    let mut answer = Vec::new();
    exchange(server, target, &mut answer).map_err(|error| format!("GET {target}: {error}"))?;
    parse(&answer).ok_or_else(|| format!("GET {target}: {}", String::from_utf8_lossy(&answer)))
}

fn exchange(server: SocketAddr, target: &str, answer: &mut Vec<u8>) -> std::io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&server, wait::LIMIT)?;
    stream.set_read_timeout(Some(wait::LIMIT))?;
    stream.set_write_timeout(Some(wait::LIMIT))?;
    let head = format!("GET {target} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    stream.read_to_end(answer)?;
    Ok(())
}

fn parse(answer: &[u8]) -> Option<Response> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    let headers = lines.map(header).collect::<Option<Vec<_>>>()?;
    let body = &answer[end + 4..];
    let has = |name, value: &str| headers.iter().any(|(n, v)| n == name && v == value);
    let body = if has("transfer-encoding", "chunked") { unchunk(body)? } else { body.to_owned() };
    if let Some((_, length)) = headers.iter().find(|(name, _)| name == "content-length") {
        (length.parse() == Ok(body.len())).then_some(())?;
    }
    Some(Response { status, headers, body: String::from_utf8(body).ok()? })
}

/// Joins the chunks of a chunked body (RFC 9112, section 7.1).
fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&rest[..line]).ok()?;
        let size = usize::from_str_radix(size, 16).ok()?;
        rest = &rest[line + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}

/// Percent-encodes a query parameter's value.
pub fn encode(value: &str) -> String {
    let mut out = String::new();
    for byte in value.bytes() {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' | b'.' => out.push(byte.into()),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined_and_a_cut_off_body_is_refused() {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n";
        let whole = format!("{head}3\r\nabc\r\n0a\r\n0123456789\r\n0\r\n\r\n");
        let response = parse(whole.as_bytes()).expect("a whole answer");
        assert_eq!((response.status, response.body.as_str()), (200, "abc0123456789"));
        assert_eq!(response.header("a"), Some("b"));
        assert!(parse(&whole.as_bytes()[..whole.len() - 6]).is_none());
        assert!(parse(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcd").is_none());
    }

    #[test]
    fn what_means_something_in_a_target_is_encoded() {
        assert_eq!(encode("{a=\"b c\"}+1&x"), "%7Ba%3D%22b%20c%22%7D%2B1%26x");
    }
}
