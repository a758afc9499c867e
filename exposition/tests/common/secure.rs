//! A client that may speak TLS and may say who it is, and the server's log.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, Once};
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::{Answer, PATIENCE};

/// A connection of either kind.
pub(crate) trait Wire: Read + Write {}
impl<S: Read + Write> Wire for S {}

/// A connection, and what came on it that nobody took yet.
pub(crate) struct Asker {
    wire: Box<dyn Wire>,
    buffer: Vec<u8>,
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

impl Asker {
    pub(crate) fn plain(address: SocketAddr) -> Self {
        Self { wire: Box::new(connect(address)), buffer: Vec::new() }
    }

    /// With TLS. Shakes hands with the first thing that is sent.
    pub(crate) fn tls(address: SocketAddr, config: &Arc<ClientConfig>) -> Self {
        let name = ServerName::try_from("localhost").unwrap();
        let session = ClientConnection::new(Arc::clone(config), name).unwrap();
        let wire = StreamOwned::new(session, connect(address));
        Self { wire: Box::new(wire), buffer: Vec::new() }
    }

    /// Sends a request; `headers` are whole lines.
    pub(crate) fn send(&mut self, path: &str, headers: &str) -> io::Result<()> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\n{headers}\r\n");
        self.wire.write_all(request.as_bytes())?;
        self.wire.flush()
    }

    /// The next answer.
    pub(crate) fn answer(&mut self) -> io::Result<Answer> {
        let mut answer = loop {
            if let Some(answer) = Answer::parse(&mut self.buffer) {
                break answer;
            }
            self.fill()?;
        };
        let length: usize = answer.header("content-length").unwrap().parse().unwrap();
        while self.buffer.len() < length {
            self.fill()?;
        }
        answer.body = self.buffer.drain(..length).collect();
        Ok(answer)
    }

    pub(crate) fn ask(&mut self, path: &str, headers: &str) -> io::Result<Answer> {
        self.send(path, headers)?;
        self.answer()
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut chunk = vec![0; 1 << 16];
        match self.wire.read(&mut chunk)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.buffer.extend_from_slice(&chunk[..count]);
                Ok(())
            }
        }
    }
}

/// The header line of a user.
pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("{user}:{password}")))
}

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Collector;

impl log::Log for Collector {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.target().starts_with("tmc_exposition") {
            LINES.lock().unwrap().push(format!("{} {}", record.level(), record.args()));
        }
    }

    fn flush(&self) {}
}

/// Collects what the process logs from here on.
pub(crate) fn collect_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Collector).unwrap();
        log::set_max_level(log::LevelFilter::Debug);
    });
}

/// What was logged, by all tests of the process.
pub(crate) fn logged() -> Vec<String> {
    LINES.lock().unwrap().clone()
}

/// Waits for a line with all of `parts`.
pub(crate) fn assert_logged(parts: &[&str]) {
    let start = Instant::now();
    while !logged().iter().any(|line| parts.iter().all(|part| line.contains(part))) {
        assert!(start.elapsed() < PATIENCE, "no line with {parts:?} in {:#?}", logged());
        std::thread::yield_now();
    }
}
