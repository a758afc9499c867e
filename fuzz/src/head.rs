//! Judges a request head line by line, by the rules that keep two readers of one stream agreed.
//!
//! Slow, and written from RFC 9112 and not from `httparse`. Downstream: the target `request_head`.

/// What follows from a head that was accepted.
#[derive(Debug, PartialEq, Eq)]
pub struct Facts {
    /// As sent.
    pub method: String,
    /// As sent.
    pub target: String,
    /// Bytes of the body that the head announces.
    pub body_len: u64,
    /// Whether the client waits for `100 Continue` before a body.
    pub waits: bool,
    /// Whether the connection may go on.
    pub persists: bool,
    /// Header lines.
    pub headers: usize,
}

/// Takes a complete head apart, its empty line included. The error is why no server may accept it.
pub fn judge(head: &[u8]) -> Result<Facts, String> {
    let mut lines: Vec<&[u8]> = Vec::new();
    let mut rest = head;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
        // A lone LF may end a line (section 2.2); a CR belongs to the LF after it and nowhere else.
        lines.push(rest[..at].strip_suffix(b"\r").unwrap_or(&rest[..at]));
        rest = &rest[at + 1..];
    }
    if !rest.is_empty() || lines.pop().is_none_or(|last| !last.is_empty()) {
        return Err("no empty line at the end".to_owned());
    }
    let start = lines.iter().position(|line| !line.is_empty()).ok_or("no request line")?;
    let mut lines = lines.into_iter().skip(start);
    let first = lines.next().ok_or("no request line")?;
    let words: Vec<&[u8]> = first.split(|byte| *byte == b' ').collect();
    let &[method, target, version] = words.as_slice() else {
        return Err(format!("{} words in the request line", words.len()));
    };
    if method.is_empty() || !method.iter().all(token) {
        return Err("the method is no token".to_owned());
    }
    if target.is_empty() || target.iter().any(|byte| *byte <= b' ' || *byte == 0x7f) {
        return Err("the target has blanks or control characters".to_owned());
    }
    let newer = match version {
        b"HTTP/1.1" => true,
        b"HTTP/1.0" => false,
        _ => return Err("another version".to_owned()),
    };
    let mut found = Found::default();
    let mut headers = 0;
    for line in lines {
        headers += 1;
        let colon = line.iter().position(|byte| *byte == b':').ok_or("a header without a colon")?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if name.is_empty() || !name.iter().all(token) {
            return Err(format!("the header name {:?}", String::from_utf8_lossy(name)));
        }
        if value.iter().any(|byte| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f) {
            return Err("a control character in a header".to_owned());
        }
        let value = String::from_utf8_lossy(value).trim_matches([' ', '\t']).to_ascii_lowercase();
        found.header(&String::from_utf8_lossy(name).to_ascii_lowercase(), value, newer)?;
    }
    if newer && found.hosts != 1 {
        return Err(format!("{} Host headers", found.hosts));
    }
    let body_len = found.lengths.first().copied().unwrap_or(0);
    if found.lengths.iter().any(|length| *length != body_len) {
        return Err("lengths that differ".to_owned());
    }
    Ok(Facts {
        method: String::from_utf8_lossy(method).into_owned(),
        target: String::from_utf8_lossy(target).into_owned(),
        body_len,
        waits: found.waits && body_len > 0,
        persists: newer && !found.close,
        headers,
    })
}

#[derive(Default)]
struct Found {
    hosts: usize,
    lengths: Vec<u64>,
    close: bool,
    waits: bool,
}

impl Found {
    fn header(&mut self, name: &str, value: String, newer: bool) -> Result<(), String> {
        match name {
            "host" => self.hosts += 1,
            "transfer-encoding" => return Err("a transfer coding, which is not spoken".to_owned()),
            "connection" => {
                self.close |= value.split(',').any(|o| o.trim_matches([' ', '\t']) == "close")
            }
            "content-length" => {
                if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err(format!("the length {value:?}"));
                }
                self.lengths.push(value.parse().map_err(|_| "a length beyond 64 bits")?);
            }
            "expect" if newer => {
                if value != "100-continue" {
                    return Err(format!("the expectation {value:?}"));
                }
                self.waits = true;
            }
            _ => {}
        }
        Ok(())
    }
}

/// A character of a token (RFC 9110, section 5.6.2).
fn token(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_a_head_apart() {
        let facts =
            judge(b"\r\nGET /a?b HTTP/1.1\r\nHost: c\r\nCONTENT-LENGTH:\t7 \r\n\n").unwrap();
        let (method, target) = ("GET".to_owned(), "/a?b".to_owned());
        let plain = Facts { method, target, body_len: 7, waits: false, persists: true, headers: 2 };
        assert_eq!(facts, plain);
        assert!(!judge(b"GET / HTTP/1.0\n\n").unwrap().persists);
        assert!(!judge(b"GET / HTTP/1.1\nHost:\nConnection: x ,CLOSE\n\n").unwrap().persists);
    }

    #[test]
    fn refuses_what_two_readers_could_read_differently() {
        for head in [
            "GET / HTTP/1.1\r\nHost: a\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        ] {
            assert!(judge(head.as_bytes()).is_err(), "{head:?}");
        }
    }
}
