//! TLS over a stream that never blocks.
//!
//! Upstream: `connection`, which reads and writes as if there were no TLS; whatever it does first
//! also drives the handshake. Downstream: rustls, and the socket.
//!
//! `WouldBlock` is returned only after the socket itself said so, so the next edge of its readiness
//! wakes the connection again. The time that a handshake may take is the connection's to limit.
//!
//! Handshakes run on the event loop, and cost the server as measured on one core of 2 to 3 GHz: 0.1 ms
//! with a P-256 key, 0.8 ms with RSA-2048, 0.1 ms more where a client's certificate is verified; so
//! little that another thread would cost more than it saves. An RSA-4096 key takes 4 to 5 ms, for no
//! more safety than a scrape needs. One turn of the loop begins at most 128 handshakes
//! (`event_loop::EVENTS` and `ACCEPTS_PER_TURN`): in a flood of them a client with an open connection
//! waits some 15 ms for its turn where the key is P-256, 0.1 s with RSA-2048, 0.6 s with RSA-4096.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;

use rustls::{CertificateError, Error, InvalidMessage, ServerConfig, ServerConnection};

use super::stream::Stream;

/// Encrypted bytes that wait for the socket, at most about so many: four records.
const BUFFER: usize = 64 << 10;

/// Chunks of the socket's bytes that one read may take without finding anything for its caller:
/// then others have their turn.
const CHUNKS_PER_READ: usize = 16;

/// A stream inside TLS.
#[derive(Debug)]
pub(crate) struct TlsStream<S> {
    socket: S,
    session: ServerConnection,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// We have said that nothing follows, but not all of that is written; then the socket ends.
    Ending,
    /// Nothing follows, and the socket knows.
    Ended,
}

impl<S: Stream> TlsStream<S> {
    /// The server's side of a connection that begins.
    pub(crate) fn new(socket: S, config: Arc<ServerConfig>) -> Result<Self, Error> {
        let mut session = ServerConnection::new(config)?;
        session.set_buffer_limit(Some(BUFFER));
        Ok(Self { socket, session, state: State::Open })
    }

    /// The socket, to be registered.
    pub(crate) fn socket_mut(&mut self) -> &mut S {
        &mut self.socket
    }

    /// Takes one chunk from the socket and makes of it what it can. False at the socket's end.
    ///
    /// `InvalidData` is an error of TLS, about which an alert waits to be written.
    fn take_chunk(&mut self) -> io::Result<bool> {
        if self.session.read_tls(&mut self.socket)? == 0 {
            return Ok(false);
        }
        let is_new = self.session.is_handshaking();
        match self.session.process_new_packets() {
            Ok(_) => Ok(true),
            Err(Error::InvalidMessage(InvalidMessage::InvalidContentType)) if is_new => {
                let why = "this is no TLS: does the client speak plain HTTP?";
                Err(io::Error::new(ErrorKind::InvalidData, why))
            }
            // Ours, which reads better without what is around it.
            Err(Error::InvalidCertificate(CertificateError::Other(why))) => {
                Err(io::Error::new(ErrorKind::InvalidData, why))
            }
            Err(error) => Err(io::Error::new(ErrorKind::InvalidData, error)),
        }
    }

    /// Goes through the handshake as far as the socket lets it.
    fn shake_hands(&mut self) -> io::Result<()> {
        while self.session.is_handshaking() {
            self.write_pending()?;
            if !self.take_chunk()? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    /// Writes what is encrypted already.
    fn write_pending(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            if self.session.write_tls(&mut self.socket)? == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
        }
        if self.state == State::Ending {
            self.state = State::Ended;
            self.socket.shut_write()?;
        }
        Ok(())
    }
}

/// Waiting for room is no failure of what comes next.
fn unless_blocked(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        result => result,
    }
}

impl<S: Stream> Read for TlsStream<S> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        // What was written before may wait still, and nobody else comes back for it.
        unless_blocked(self.write_pending())?;
        if self.state != State::Open {
            return self.socket.read(out);
        }
        for _ in 0..CHUNKS_PER_READ {
            match self.session.reader().read(out) {
                // Nothing there.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // The client has ended without a word, as many do: requests show by themselves
                // whether they are complete.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                result => return result,
            }
            self.take_chunk()?;
            unless_blocked(self.write_pending())?;
        }
        // Not WouldBlock: the socket may have more, of which it will not tell again.
        Err(ErrorKind::Interrupted.into())
    }
}

impl<S: Stream> Write for TlsStream<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    /// Encrypts as much as is buffered at most, once the socket has taken all before it.
    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.shake_hands()?;
        self.write_pending()?;
        let count = self.session.writer().write_vectored(parts)?;
        unless_blocked(self.write_pending())?;
        Ok(count)
    }

    /// Writes what is encrypted; needed before an answer counts as written.
    fn flush(&mut self) -> io::Result<()> {
        self.write_pending()?;
        self.socket.flush()
    }
}

impl<S: Stream> Stream for TlsStream<S> {
    /// Ends the session, then the socket: at once or, if that would block, when reading goes on.
    /// What is read after it is to be dropped: nobody decrypts it.
    fn shut_write(&mut self) -> io::Result<()> {
        if self.state == State::Open {
            self.session.send_close_notify();
            self.state = State::Ending;
        }
        unless_blocked(self.write_pending())
    }
}

#[cfg(test)]
mod tests;
