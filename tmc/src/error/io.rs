//! Turns I/O errors into `TmcError`.
//! Upstream: `std::io`. Downstream: `classify`, whoever talks to a cluster over a socket of its own.

use std::error::Error;
use std::io;
use std::time::Duration;

use super::classify::{Class, ask};
use super::{Classify, ErrorType, Severity, TmcError};

/// The message of every failed look-up of a host name begins so; std has no kind for it.
const LOOKUP_FAILED: &str = "failed to lookup address information";

impl Classify for io::Error {
    ask!(error => class(error));
}

fn class(error: &io::Error) -> Class {
    use io::ErrorKind as K;
    let error_type = match error.kind() {
        // A socket whose read timeout has passed reports WouldBlock on Unix.
        K::TimedOut | K::WouldBlock => ErrorType::SyncTimeout,
        K::ConnectionRefused
        | K::ConnectionReset
        | K::ConnectionAborted
        | K::NotConnected
        | K::BrokenPipe
        | K::UnexpectedEof
        | K::HostUnreachable
        | K::NetworkUnreachable
        | K::NetworkDown => ErrorType::ClusterUnreachable,
        K::NotFound => ErrorType::ResourceNotFound,
        K::PermissionDenied => ErrorType::ResourcePermission,
        // The kind says nothing; what is wrapped in the error may.
        _ => match error.get_ref() {
            Some(inner) => return class_of_wrapped(inner),
            None => ErrorType::InternalError,
        },
    };
    Class::of(&error_type)
}

fn class_of_wrapped(inner: &(dyn Error + Send + Sync + 'static)) -> Class {
    if let Some(known) = Class::known_in_chain(inner) {
        return known;
    }
    let no_connection = inner.is::<rustls::Error>() || inner.to_string().starts_with(LOOKUP_FAILED);
    Class::of(if no_connection {
        &ErrorType::ClusterUnreachable
    } else {
        &ErrorType::InternalError
    })
}

impl From<io::Error> for TmcError {
    /// Type as by [`Classify`], the message and cause from the error, component and operation both
    /// `io`; [`TmcError::from_io`] names them.
    fn from(error: io::Error) -> Self {
        Self::from_io(error, "io", "io")
    }
}

impl TmcError {
    /// An I/O error of an operation. What the error wraps, if its kind says nothing, is asked, too.
    ///
    /// | error | type |
    /// |---|---|
    /// | a time-out | SyncTimeout |
    /// | refused, reset, ended early or otherwise lost; a host or network that cannot be reached; a host name that cannot be looked up; TLS (rustls) | ClusterUnreachable |
    /// | NotFound | ResourceNotFound |
    /// | PermissionDenied | ResourcePermission |
    /// | anything else | InternalError |
    ///
    /// ```
    /// use std::io;
    /// use tmc_metrics::{ErrorType, TmcError};
    ///
    /// let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
    /// let error = TmcError::from_io(refused, "syncer", "connect");
    /// assert_eq!(error.error_type(), ErrorType::ClusterUnreachable);
    /// assert!(error.is_retryable());
    /// ```
    pub fn from_io(
        error: io::Error,
        component: impl Into<String>,
        operation: impl Into<String>,
    ) -> Self {
        let class = Class::of(&error);
        Self::builder(class.error_type, component, operation)
            .class(class)
            .message(error.to_string())
            .cause(error)
            .build()
    }
}
