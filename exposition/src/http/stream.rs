//! What a connection reads from and writes to: a socket of one of the families that are served.
//!
//! Upstream: `connection`. Downstream: mio.

use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};

use mio::event::Source;
use mio::net::TcpStream;
#[cfg(unix)]
use mio::net::UnixStream;
use mio::{Interest, Registry, Token};

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
