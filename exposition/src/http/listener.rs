//! Where a server listens: TCP addresses, and Unix sockets.
//!
//! Upstream: `server`, which binds. Downstream: `accept`; `unix_socket`.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use mio::event::Source;
use mio::net::TcpListener;
use mio::{Interest, Registry, Token};

use super::ServeError;
use super::stream::{Peer, Socket};
#[cfg(unix)]
use super::unix_socket;

/// What addresses of Unix sockets begin with.
const UNIX: &str = "unix:";

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// A TCP address, with the port that was taken.
    Tcp(SocketAddr),
    /// The file of a Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

/// A socket that others connect to.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(unix_socket::Listener),
}

impl Listener {
    /// Listens on `HOST:PORT`, the first of its addresses that can be listened on, or `unix:PATH`.
    pub(crate) fn bind(address: &str) -> Result<(Self, Address), ServeError> {
        match address.strip_prefix(UNIX) {
            None => bind_tcp(address),
            #[cfg(unix)]
            Some(path) if !path.is_empty() => {
                let path = PathBuf::from(path);
                let listener = unix_socket::Listener::bind(&path)?;
                Ok((Self::Unix(listener), Address::Unix(path)))
            }
            Some(_) => Err(invalid(address, "there are no such sockets".to_owned())),
        }
    }

    pub(crate) fn accept(&self) -> io::Result<(Socket, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (socket, peer) = listener.accept()?;
                Ok((Socket::Tcp(socket), Peer::Tcp(peer)))
            }
            #[cfg(unix)]
            Self::Unix(listener) => Ok((Socket::Unix(listener.accept()?), Peer::Local)),
        }
    }

    fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Tcp(listener) => listener,
            #[cfg(unix)]
            Self::Unix(listener) => listener.source(),
        }
    }

    pub(crate) fn register(&mut self, to: &Registry, token: Token) -> io::Result<()> {
        self.source().register(to, token, Interest::READABLE)
    }

    pub(crate) fn deregister(&mut self, from: &Registry) -> io::Result<()> {
        self.source().deregister(from)
    }
}

fn invalid(address: &str, reason: String) -> ServeError {
    ServeError::InvalidAddress { address: address.to_owned(), reason }
}

fn bind_tcp(address: &str) -> Result<(Listener, Address), ServeError> {
    let candidates = address.to_socket_addrs();
    let candidates = candidates.map_err(|error| invalid(address, error.to_string()))?;
    let mut failure = None;
    for candidate in candidates {
        let bound: io::Result<_> = TcpListener::bind(candidate)
            .and_then(|listener| listener.local_addr().map(|address| (listener, address)));
        match bound {
            Ok((listener, address)) => {
                return Ok((Listener::Tcp(listener), Address::Tcp(address)));
            }
            Err(error) => failure = Some(ServeError::listen(candidate, error)),
        }
    }
    Err(failure.unwrap_or_else(|| invalid(address, "the name has no address".to_owned())))
}
