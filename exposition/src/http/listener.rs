//! Where a server listens: TCP addresses, and Unix sockets with the files that stand for them.
//!
//! Upstream: `server`, which binds. Downstream: `accept`.
//!
//! Whoever may write to a socket's file may connect to it. The system creates the file with the mode
//! that the process's umask leaves; the directory around it is the safer place to keep others out.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use mio::event::Source;
use mio::net::TcpListener;
use mio::{Interest, Registry, Token};

use super::ServeError;
use super::stream::{Peer, Socket};

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
    Unix(unix::Listener),
}

impl Listener {
    /// Listens on `HOST:PORT`, the first of its addresses that can be listened on, or `unix:PATH`.
    pub(crate) fn bind(address: &str) -> Result<(Self, Address), ServeError> {
        match address.strip_prefix(UNIX) {
            None => bind_tcp(address),
            #[cfg(unix)]
            Some(path) if !path.is_empty() => {
                let path = PathBuf::from(path);
                let listener = unix::Listener::bind(&path)?;
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

#[cfg(unix)]
mod unix {
    //! The file of a Unix socket: taken over from the dead, never from the living.

    use std::fs::{Metadata, remove_file, symlink_metadata};
    use std::io::{self, ErrorKind};
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    use std::os::unix::net::UnixStream;
    use std::path::{Path, PathBuf};

    use mio::event::Source;
    use mio::net::UnixListener;

    use super::ServeError;

    /// Removes its file when it is dropped.
    #[derive(Debug)]
    pub(crate) struct Listener {
        socket: UnixListener,
        path: PathBuf,
        /// Which file it is; another may have taken its name since.
        file: (u64, u64),
    }

    impl Listener {
        pub(super) fn bind(path: &Path) -> Result<Self, ServeError> {
            let refuse = |source| ServeError::UnixSocket { path: path.to_owned(), source };
            let socket = match UnixListener::bind(path) {
                Err(error) if error.kind() == ErrorKind::AddrInUse => {
                    clear_away(path)?;
                    UnixListener::bind(path)
                }
                bound => bound,
            };
            let socket = socket.map_err(refuse)?;
            let file = identity(&symlink_metadata(path).map_err(refuse)?);
            Ok(Self { socket, path: path.to_owned(), file })
        }

        pub(super) fn accept(&self) -> io::Result<mio::net::UnixStream> {
            self.socket.accept().map(|(socket, _)| socket)
        }

        pub(super) fn source(&mut self) -> &mut dyn Source {
            &mut self.socket
        }
    }

    impl Drop for Listener {
        fn drop(&mut self) {
            // Somebody may have moved or replaced it.
            let is_ours = |found: &Metadata| identity(found) == self.file;
            if !symlink_metadata(&self.path).is_ok_and(|found| is_ours(&found)) {
                return;
            }
            if let Err(error) = remove_file(&self.path) {
                log::warn!("cannot remove the socket {}: {error}", self.path.display());
            }
        }
    }

    fn identity(file: &Metadata) -> (u64, u64) {
        (file.dev(), file.ino())
    }

    /// Removes what is in the way, if it is the socket of a process that has gone.
    fn clear_away(path: &Path) -> Result<(), ServeError> {
        let path_owned = || path.to_owned();
        let refuse = |source| ServeError::UnixSocket { path: path_owned(), source };
        if !symlink_metadata(path).map_err(refuse)?.file_type().is_socket() {
            return Err(ServeError::NotASocket { path: path_owned() });
        }
        match UnixStream::connect(path) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                log::info!("took over the socket {} of a process that has gone", path.display());
                remove_file(path).map_err(refuse)
            }
            // Its queue may be full, or it may be closed to us: somebody is there.
            Ok(_) | Err(_) => Err(ServeError::UnixSocketInUse { path: path_owned() }),
        }
    }
}
