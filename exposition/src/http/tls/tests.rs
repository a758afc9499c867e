//! A rustls client against the stream, over a socket of the test's own making.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConnection, SupportedProtocolVersion};

use super::*;
use crate::http::pki::Authority;
use crate::http::web_config::{ClientAuth, Policy, TlsServerConfig, WebConfig};

/// What is between the two.
#[derive(Default)]
struct Wire {
    to_server: VecDeque<u8>,
    to_client: VecDeque<u8>,
    /// Bytes that the server's side takes still, at most.
    room: usize,
    /// Bytes that one read finds, at most.
    chunk: usize,
    /// Whether the client has ended its side, and whether the server has.
    client_ended: bool,
    server_ended: bool,
    /// Whether the server's last attempt to read or write found the socket blocked.
    blocked: bool,
}

#[derive(Clone)]
struct Socket(Rc<RefCell<Wire>>);

impl Read for Socket {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut wire = self.0.borrow_mut();
        let wire = &mut *wire;
        if wire.to_server.is_empty() && !wire.client_ended {
            wire.blocked = true;
            return Err(ErrorKind::WouldBlock.into());
        }
        let len = out.len().min(wire.chunk);
        wire.to_server.read(&mut out[..len])
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut wire = self.0.borrow_mut();
        assert!(!wire.server_ended, "written after the end");
        let count = bytes.len().min(wire.room);
        if count == 0 {
            wire.blocked = true;
            return Err(ErrorKind::WouldBlock.into());
        }
        wire.room -= count;
        wire.to_client.write(&bytes[..count])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Socket {
    fn shut_write(&mut self) -> io::Result<()> {
        self.0.borrow_mut().server_ended = true;
        Ok(())
    }
}

/// Both ends.
struct Bench {
    wire: Rc<RefCell<Wire>>,
    server: TlsStream<Socket>,
    client: ClientConnection,
    /// What the server has read.
    read: Vec<u8>,
}

impl Bench {
    fn new(
        versions: &[&'static SupportedProtocolVersion],
        change: impl FnOnce(&mut TlsServerConfig),
    ) -> Self {
        let authority = Authority::new();
        let identity = authority.server();
        let mut config = WebConfig::default();
        config.tls_server_config.cert = identity.cert;
        config.tls_server_config.key = identity.key.into();
        change(&mut config.tls_server_config);
        let config = Policy::new(&config).unwrap().tls.unwrap();
        let wire = Wire { room: usize::MAX, chunk: usize::MAX, ..Wire::default() };
        let wire = Rc::new(RefCell::new(wire));
        let server = TlsStream::new(Socket(Rc::clone(&wire)), config).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut client = ClientConnection::new(authority.believer(None, versions), name).unwrap();
        client.set_buffer_limit(None);
        Self { wire, server, client, read: Vec::new() }
    }

    /// The client's turn: sends all it has, takes all that came, returns what that says.
    fn client_turn(&mut self) -> Result<Vec<u8>, Error> {
        let mut wire = self.wire.borrow_mut();
        let mut got = Vec::new();
        loop {
            if self.client.wants_write() {
                self.client.write_tls(&mut wire.to_server).unwrap();
            } else if wire.to_client.is_empty() {
                break;
            } else {
                self.client.read_tls(&mut wire.to_client).unwrap();
                self.client.process_new_packets()?;
            }
            let _ = self.client.reader().read_to_end(&mut got);
        }
        Ok(got)
    }

    /// One call of the server's read. Checks that WouldBlock comes from the socket.
    fn server_read(&mut self) -> io::Result<usize> {
        self.wire.borrow_mut().blocked = false;
        let mut out = [0; 1000];
        let result = self.server.read(&mut out);
        match &result {
            Ok(count) => self.read.extend_from_slice(&out[..*count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                assert!(self.wire.borrow().blocked)
            }
            Err(_) => {}
        }
        result
    }

    /// The server's turn: reads until it would block. Ends are Ok.
    fn server_turn(&mut self) -> io::Result<()> {
        loop {
            match self.server_read() {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn shake_hands(&mut self) {
        for _ in 0..10 {
            self.client_turn().unwrap();
            self.server_turn().unwrap();
        }
        assert!(!self.client.is_handshaking() && !self.server.session.is_handshaking());
    }

    fn send(&mut self, bytes: &[u8]) {
        self.client.writer().write_all(bytes).unwrap();
        self.client_turn().unwrap();
    }
}

/// What the client has got of a record that is not complete.
const HELD: usize = 17 << 10;

const BOTH: [&[&SupportedProtocolVersion]; 2] = [&[&TLS12], &[&TLS13]];

#[test]
fn what_the_client_says_arrives_however_it_is_cut() {
    for versions in BOTH {
        for chunk in [1, 7, 100, usize::MAX] {
            let mut bench = Bench::new(versions, |_| {});
            bench.wire.borrow_mut().chunk = chunk;
            bench.shake_hands();
            let said = vec![b'a'; 40_000];
            bench.send(&said);
            bench.server_turn().unwrap();
            assert!(bench.read == said, "{versions:?} in pieces of {chunk}");
        }
    }
}

#[test]
fn what_the_server_says_arrives_through_any_room() {
    for versions in BOTH {
        for room in [1, 1000, 1 << 20] {
            let mut bench = Bench::new(versions, |_| {});
            bench.shake_hands();
            bench.wire.borrow_mut().room = 0;
            let said: Vec<u8> = (0..30_000_u32).flat_map(u32::to_le_bytes).collect();
            let (mut sent, mut got) = (0, Vec::new());
            let mut flushed = false;
            while !flushed {
                bench.wire.borrow_mut().blocked = false;
                let result = if sent < said.len() {
                    let parts = [IoSlice::new(&said[sent..][..1]), IoSlice::new(&said[sent + 1..])];
                    bench.server.write_vectored(&parts).map(|count| sent += count)
                } else {
                    bench.server.flush().map(|()| flushed = true)
                };
                if let Err(error) = result {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    assert!(bench.wire.borrow().blocked);
                    bench.wire.borrow_mut().room = room;
                    got.extend(bench.client_turn().unwrap());
                }
                // Not much more than the limit waits inside.
                assert!(sent <= got.len() + bench.wire.borrow().to_client.len() + BUFFER + HELD);
            }
            got.extend(bench.client_turn().unwrap());
            assert!(got == said, "{versions:?} with room for {room}");
        }
    }
}

#[test]
fn an_answer_can_be_written_before_the_handshake_is_done() {
    let mut bench = Bench::new(&[&TLS13], |_| {});
    let refused = |result: io::Result<usize>| result.unwrap_err().kind();
    assert_eq!(refused(bench.server.write(b"no room")), ErrorKind::WouldBlock);
    bench.client_turn().unwrap();
    assert_eq!(refused(bench.server.write(b"no room")), ErrorKind::WouldBlock);
    bench.client_turn().unwrap();
    assert_eq!(bench.server.write(b"no room").unwrap(), 7);
    assert_eq!(bench.client_turn().unwrap(), b"no room");
}

#[test]
fn the_end_is_said_and_then_the_socket_ends() {
    for versions in BOTH {
        let mut bench = Bench::new(versions, |_| {});
        bench.shake_hands();
        bench.wire.borrow_mut().room = 0;
        assert_eq!(bench.server.write(b"last").unwrap(), 4);
        bench.server.shut_write().unwrap();
        assert!(!bench.wire.borrow().server_ended, "not before all is written");
        bench.wire.borrow_mut().room = usize::MAX;
        // As a connection does that waits for the client to close.
        bench.server_turn().unwrap();
        assert!(bench.wire.borrow().server_ended);
        assert_eq!(bench.client_turn().unwrap(), b"last");
        let state = bench.client.process_new_packets().unwrap();
        assert!(state.peer_has_closed());
        // What comes now is dropped by the connection, and not decrypted before.
        bench.client.writer().write_all(&[b'x'; 100]).unwrap();
        bench.client_turn().unwrap();
        bench.server_turn().unwrap();
        assert!(!bench.read.windows(9).any(|window| window == b"xxxxxxxxx"));
    }
}

#[test]
fn a_client_may_end_with_a_word_or_without() {
    for polite in [true, false] {
        let mut bench = Bench::new(&[&TLS13], |_| {});
        bench.shake_hands();
        bench.client.writer().write_all(b"bye").unwrap();
        if polite {
            bench.client.send_close_notify();
        }
        bench.client_turn().unwrap();
        bench.wire.borrow_mut().client_ended = !polite;
        bench.server_turn().unwrap();
        assert_eq!(bench.server_read().unwrap(), 0);
        assert_eq!(bench.read, b"bye");
        // The answer can still be written.
        assert_eq!(bench.server.write(b"bye").unwrap(), 3);
        assert_eq!(bench.client_turn().unwrap(), b"bye");
    }
}

#[test]
fn a_handshake_that_stops_halfway_just_waits_or_ends() {
    for keep in [0, 1, 5, 6, 100] {
        let mut bench = Bench::new(&[&TLS13], |_| {});
        bench.client_turn().unwrap();
        bench.wire.borrow_mut().to_server.truncate(keep);
        assert_eq!(bench.server_read().unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(bench.server.write(b"x").unwrap_err().kind(), ErrorKind::WouldBlock);
        bench.wire.borrow_mut().client_ended = true;
        assert_eq!(bench.server.write(b"x").unwrap_err().kind(), ErrorKind::UnexpectedEof);
        assert_eq!(bench.server_read().unwrap(), 0);
        assert!(bench.server.shut_write().is_ok());
    }
}

#[test]
fn plain_http_is_told_from_tls() {
    let mut bench = Bench::new(&[&TLS13], |_| {});
    bench.wire.borrow_mut().to_server.extend(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    let error = bench.server_turn().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(error.to_string().contains("plain HTTP"), "{error}");
    // An alert, and the end. What comes still is nobody's request.
    bench.server.shut_write().unwrap();
    let alert: Vec<u8> = bench.wire.borrow_mut().to_client.drain(..).collect();
    assert_eq!(alert[0], 21, "{alert:?}");
    assert!(bench.wire.borrow().server_ended);
    bench.wire.borrow_mut().client_ended = true;
    assert_eq!(bench.server_read().unwrap(), 0);
}

#[test]
fn noise_ends_in_an_error_and_never_in_a_request() {
    let mut state = 1_u32;
    for start in [&b""[..], b"\x16\x03\x01", b"\x16\x03\x03\x00\x40\x01", b"\x80\x2e\x01"] {
        let mut bench = Bench::new(&[&TLS13], |_| {});
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        });
        bench.wire.borrow_mut().to_server.extend(start.iter().copied().chain(noise.take(100_000)));
        assert_eq!(bench.server_turn().unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(bench.server_turn().unwrap_err().kind(), ErrorKind::InvalidData, "again");
        assert_eq!(bench.read, b"");
    }
}

#[test]
fn the_client_learns_that_its_certificate_is_missing() {
    for versions in BOTH {
        let mut bench = Bench::new(versions, |tls| tls.client_auth_type = ClientAuth::RequireAny);
        let mut refused = None;
        for _ in 0..5 {
            let told = bench.client_turn();
            if let Err(error) = bench.server_turn() {
                assert!(error.to_string().contains("no certificates"), "{error}");
                bench.server.shut_write().unwrap();
                refused = Some(bench.client_turn());
                break;
            }
            told.unwrap();
        }
        let told = refused.expect("no refusal").unwrap_err();
        assert!(matches!(told, Error::AlertReceived(_)), "{told:?}");
    }
}

#[test]
fn an_endless_stream_of_nothing_gives_the_others_their_turn() {
    let mut bench = Bench::new(&[&TLS13], |_| {});
    bench.shake_hands();
    bench.wire.borrow_mut().chunk = 1;
    bench.send(&[b'a'; 100]);
    assert_eq!(bench.server_read().unwrap_err().kind(), ErrorKind::Interrupted);
    bench.server_turn().unwrap();
    assert_eq!(bench.read.len(), 100);
}
