//! What a connection reads from and writes to: a socket of one of the families that are served, or
//! TLS over one.
//!
//! Upstream: `connection`. Downstream: mio, `tls`.

use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;

use mio::event::Source;
use mio::net::TcpStream;
#[cfg(unix)]
use mio::net::UnixStream;
use mio::{Interest, Registry, Token};

use super::tls::TlsStream;

/// A byte stream that never blocks and can end one direction.
pub(crate) trait Stream: Read + Write {
    /// Tells the other side that nothing follows.
    fn shut_write(&mut self) -> io::Result<()>;
}

/// A client's socket.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

/// Who is at the other end, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Tcp(SocketAddr),
    /// A process of this machine: such sockets have no names.
    Local,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Local => f.write_str("a local process"),
        }
    }
}

/// Does the same to whichever socket it is.
macro_rules! each {
    ($self:ident, $socket:ident => $act:expr) => {
        match $self {
            Self::Tcp($socket) => $act,
            #[cfg(unix)]
            Self::Unix($socket) => $act,
        }
    };
}

impl Socket {
    /// Sends what is written at once, however little it is.
    pub(crate) fn send_at_once(&self) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.set_nodelay(true),
            // They never do otherwise.
            #[cfg(unix)]
            Self::Unix(_) => Ok(()),
        }
    }
}

impl Read for Socket {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        each!(self, socket => socket.read(out))
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        each!(self, socket => socket.write(bytes))
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        each!(self, socket => socket.write_vectored(parts))
    }

    fn flush(&mut self) -> io::Result<()> {
        each!(self, socket => socket.flush())
    }
}

impl Stream for Socket {
    fn shut_write(&mut self) -> io::Result<()> {
        each!(self, socket => socket.shutdown(Shutdown::Write))
    }
}

impl Source for Socket {
    fn register(&mut self, to: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        each!(self, socket => socket.register(to, token, interest))
    }

    fn reregister(&mut self, to: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        each!(self, socket => socket.reregister(to, token, interest))
    }

    fn deregister(&mut self, from: &Registry) -> io::Result<()> {
        each!(self, socket => socket.deregister(from))
    }
}

/// What a client's bytes go through.
#[derive(Debug)]
pub(crate) enum Transport {
    Plain(Socket),
    /// Boxed, for it is large, and seldom.
    Tls(Box<TlsStream<Socket>>),
}

impl Transport {
    /// TLS with this configuration, or none.
    pub(crate) fn new(
        socket: Socket,
        tls: Option<&Arc<rustls::ServerConfig>>,
    ) -> Result<Self, rustls::Error> {
        Ok(match tls {
            None => Self::Plain(socket),
            Some(config) => Self::Tls(Box::new(TlsStream::new(socket, Arc::clone(config))?)),
        })
    }

    fn socket_mut(&mut self) -> &mut Socket {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => stream.socket_mut(),
        }
    }

    fn inner(&mut self) -> &mut dyn Stream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => &mut **stream,
        }
    }
}

impl Read for Transport {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.inner().read(out)
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner().write(bytes)
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.inner().write_vectored(parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner().flush()
    }
}

impl Stream for Transport {
    fn shut_write(&mut self) -> io::Result<()> {
        self.inner().shut_write()
    }
}

impl Source for Transport {
    fn register(&mut self, to: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        self.socket_mut().register(to, token, interest)
    }

    fn reregister(&mut self, to: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        self.socket_mut().reregister(to, token, interest)
    }

    fn deregister(&mut self, from: &Registry) -> io::Result<()> {
        self.socket_mut().deregister(from)
    }
}
