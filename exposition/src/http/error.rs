//! Why a server did not start, and what to do about it.
//!
//! Upstream: `server`. Downstream: the application, which shows it to a person.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::web_config::WebConfigError;
use crate::respond::RouteError;

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The text is no address, or its host name is unknown.
    #[error(
        "cannot listen on {address:?}: {reason}; write HOST:PORT, for example 127.0.0.1:8080, or unix:PATH"
    )]
    InvalidAddress {
        /// The address as given.
        address: String,
        /// What the resolver said.
        reason: String,
    },
    /// Somebody listens there already.
    #[error(
        "cannot listen on {address}: the port is in use; stop the process that listens there, or \
         choose another port (port 0 takes any free one)"
    )]
    AddressInUse {
        /// The address that is taken.
        address: SocketAddr,
    },
    /// The address belongs to no interface of this machine.
    #[error(
        "cannot listen on {address}: this machine has no such address; 127.0.0.1 is this machine \
         only, 0.0.0.0 all its interfaces"
    )]
    AddressNotAvailable {
        /// The address that is not ours.
        address: SocketAddr,
    },
    /// The process may not listen there.
    #[error("cannot listen on {address}: permission denied; choose a port above 1023")]
    PermissionDenied {
        /// The address that is forbidden.
        address: SocketAddr,
    },
    /// Any other failure to listen.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address that was tried.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Another process listens on this Unix socket.
    #[error(
        "cannot listen on unix:{}: another process does; stop it, or choose another path",
        path.display()
    )]
    UnixSocketInUse {
        /// The socket's file.
        path: PathBuf,
    },
    /// There is a file that is no socket where the Unix socket should be.
    #[error(
        "cannot listen on unix:{}: there is another file of this name, which is left alone; move it \
         away, or choose another path",
        path.display()
    )]
    NotASocket {
        /// The file in the way.
        path: PathBuf,
    },
    /// Any other failure to listen on a Unix socket.
    #[error("cannot listen on unix:{}: {source}", path.display())]
    UnixSocket {
        /// The socket's file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The event loop could not be set up: no descriptors or no threads left.
    #[error("cannot start the server's event loop: {0}")]
    Setup(#[source] io::Error),
    /// A limit makes no sense.
    #[error("invalid limit {limit}: it {reason}")]
    Limit {
        /// The field of `Limits`.
        limit: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// TLS or authentication cannot be as it was configured.
    #[error(transparent)]
    WebConfig(#[from] WebConfigError),
    /// A route was refused.
    #[error(transparent)]
    Route(#[from] RouteError),
}

impl ServeError {
    /// Sorts what the system said when it was asked to listen.
    pub(crate) fn listen(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::AddressInUse { address },
            io::ErrorKind::AddrNotAvailable => Self::AddressNotAvailable { address },
            io::ErrorKind::PermissionDenied => Self::PermissionDenied { address },
            _ => Self::Listen { address, source },
        }
    }
}
