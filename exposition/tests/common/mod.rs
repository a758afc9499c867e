//! A client that speaks bytes, and servers to speak to.

// Each test binary uses its own part of this.
#![allow(dead_code)]

pub(crate) mod pki;
pub(crate) mod secure;

pub(crate) mod gate;

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use tmc_engine::Registry;
use tmc_exposition::{Limits, Page, Server, ServerBuilder};

/// Longer than any machine takes; only a failing test waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Larger than what the sockets of both sides hold.
pub(crate) const BIG: usize = 48 << 20;

/// A complete request for `path`.
pub(crate) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").into_bytes()
}

/// A registry with one counter, `hits_total`, at 3.
pub(crate) fn registry() -> Registry {
    let registry = Registry::new();
    registry.counter("hits_total", "Hits since the start").unwrap().inc_by(3);
    registry
}

/// A server on a free port, with a page `/big` of [`BIG`] bytes.
pub(crate) fn builder() -> ServerBuilder {
    Server::builder(registry())
        .listen("127.0.0.1:0")
        .route("/big", |_| Page::new("text/plain", vec![b'x'; BIG]))
}

/// The same, started with `limits`.
pub(crate) fn serve(limits: Limits) -> Server {
    builder().limits(limits).start().unwrap()
}

/// One answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(this, _)| this.eq_ignore_ascii_case(name));
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} twice");
        value
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn closes(&self) -> bool {
        self.header("connection") == Some("close")
    }
}

/// A connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).unwrap())
    }

    pub(crate) fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends what the server takes: it may have closed already.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    pub(crate) fn end(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// The next answer to anything but HEAD.
    pub(crate) fn answer(&mut self) -> Answer {
        let mut answer = self.head();
        let length: usize = answer.header("content-length").unwrap().parse().unwrap();
        while self.buffer.len() < length {
            assert!(self.fill().unwrap() > 0, "ended after {} of {length}", self.buffer.len());
        }
        answer.body = self.buffer.drain(..length).collect();
        answer
    }

    /// The next answer's head; all that follows stays.
    pub(crate) fn head(&mut self) -> Answer {
        loop {
            if let Some(answer) = self.parse() {
                return answer;
            }
            assert!(self.fill().unwrap() > 0, "ended before an answer");
        }
    }

    pub(crate) fn ask(&mut self, path: &str) -> Answer {
        self.send(&get(path));
        self.answer()
    }

    /// Bytes until the server ends, or an error of the connection.
    pub(crate) fn rest(&mut self) -> io::Result<Vec<u8>> {
        while self.fill()? > 0 {}
        Ok(std::mem::take(&mut self.buffer))
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut chunk = [0; 1 << 16];
        let count = self.stream.read(&mut chunk)?;
        self.buffer.extend_from_slice(&chunk[..count]);
        Ok(count)
    }

    fn parse(&mut self) -> Option<Answer> {
        Answer::parse(&mut self.buffer)
    }
}

impl Answer {
    /// Takes a head from the front of `buffer`, if it is there in full.
    pub(crate) fn parse(buffer: &mut Vec<u8>) -> Option<Self> {
        let mut headers = [httparse::EMPTY_HEADER; 16];
        let mut response = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(length) = response.parse(buffer).unwrap() else {
            return None;
        };
        let headers = response.headers.iter().map(|header| {
            (header.name.to_owned(), String::from_utf8(header.value.to_vec()).unwrap())
        });
        let status = response.code.unwrap();
        let answer = Answer { status, headers: headers.collect(), body: Vec::new() };
        buffer.drain(..length);
        Some(answer)
    }
}

/// One request on a connection of its own.
pub(crate) fn ask(server: &Server, path: &str) -> Answer {
    Client::new(server.local_addr()).ask(path)
}

/// Sends `bytes`, and what the server says before it closes.
pub(crate) fn say(server: &Server, bytes: &[u8]) -> Answer {
    let mut client = Client::new(server.local_addr());
    client.try_send(bytes);
    let answer = client.answer();
    assert!(answer.closes(), "{answer:?}");
    assert_eq!(client.rest().unwrap(), b"");
    answer
}

/// Tries until it holds.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        std::thread::yield_now();
    }
}

/// The server is well: it answers a new client with all that it has.
pub(crate) fn assert_well(server: &Server) {
    let answer = ask(server, "/metrics");
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("\nhits_total 3\n"), "{}", answer.text());
}
