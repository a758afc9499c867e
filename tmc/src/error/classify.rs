//! Gives any error the type and severity it is counted by, and turns I/O errors into `TmcError`.
//! Upstream: `std::io` and the user's error types. Downstream: the operation tracker.

use std::error::Error;
use std::io;

use super::{ErrorType, Severity, TmcError};

/// An error that says by which type and severity it is to be counted.
///
/// Implemented here for [`TmcError`], [`std::io::Error`] and boxed errors (which are searched, with
/// their sources, for one of the two); one line makes an error type of your own countable:
///
/// ```
/// use tmc_metrics::{Classify, ErrorType};
///
/// struct QuotaExceeded;
///
/// impl Classify for QuotaExceeded {
///     fn error_type(&self) -> ErrorType {
///         ErrorType::PlacementCapacity
///     }
/// }
///
/// assert_eq!(QuotaExceeded.severity(), ErrorType::PlacementCapacity.default_severity());
/// ```
pub trait Classify {
    /// The value of the label `error_type`.
    fn error_type(&self) -> ErrorType;

    /// The value of the label `severity`; the type's default unless overridden.
    fn severity(&self) -> Severity {
        self.error_type().default_severity()
    }
}

impl<E: Classify + ?Sized> Classify for &E {
    fn error_type(&self) -> ErrorType {
        (**self).error_type()
    }

    fn severity(&self) -> Severity {
        (**self).severity()
    }
}

impl Classify for TmcError {
    fn error_type(&self) -> ErrorType {
        TmcError::error_type(self)
    }

    fn severity(&self) -> Severity {
        TmcError::severity(self)
    }
}

impl Classify for io::Error {
    fn error_type(&self) -> ErrorType {
        use io::ErrorKind as K;
        match self.kind() {
            // A socket whose read timeout has passed reports WouldBlock on Unix.
            K::TimedOut | K::WouldBlock => ErrorType::SyncTimeout,
            K::ConnectionRefused
            | K::ConnectionReset
            | K::ConnectionAborted
            | K::NotConnected
            | K::BrokenPipe
            | K::HostUnreachable
            | K::NetworkUnreachable
            | K::NetworkDown => ErrorType::ClusterUnreachable,
            K::NotFound => ErrorType::ResourceNotFound,
            K::PermissionDenied => ErrorType::ResourcePermission,
            _ => ErrorType::InternalError,
        }
    }
}

impl Classify for dyn Error + Send + Sync + 'static {
    fn error_type(&self) -> ErrorType {
        class_of_chain(self).0
    }

    fn severity(&self) -> Severity {
        class_of_chain(self).1
    }
}

impl Classify for dyn Error + 'static {
    fn error_type(&self) -> ErrorType {
        class_of_chain(self).0
    }

    fn severity(&self) -> Severity {
        class_of_chain(self).1
    }
}

impl<E: Classify + ?Sized> Classify for Box<E> {
    fn error_type(&self) -> ErrorType {
        (**self).error_type()
    }

    fn severity(&self) -> Severity {
        (**self).severity()
    }
}

/// The class of the first error in the chain that has one, else an internal error.
fn class_of_chain(error: &(dyn Error + 'static)) -> (ErrorType, Severity) {
    let mut link = Some(error);
    while let Some(error) = link {
        if let Some(error) = error.downcast_ref::<TmcError>() {
            return (error.error_type(), error.severity());
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return (Classify::error_type(error), Classify::severity(error));
        }
        link = error.source();
    }
    (ErrorType::InternalError, ErrorType::InternalError.default_severity())
}

impl From<io::Error> for TmcError {
    /// Type as by [`Classify`], the message and cause from the error, component and operation both
    /// `io`; [`TmcError::from_io`] names them.
    fn from(error: io::Error) -> Self {
        Self::from_io(error, "io", "io")
    }
}

impl TmcError {
    /// An I/O error of an operation: a time-out becomes SyncTimeout; a refused, reset or otherwise
    /// lost connection ClusterUnreachable; NotFound ResourceNotFound; PermissionDenied
    /// ResourcePermission; anything else InternalError.
    pub fn from_io(
        error: io::Error,
        component: impl Into<String>,
        operation: impl Into<String>,
    ) -> Self {
        Self::builder(Classify::error_type(&error), component, operation)
            .message(error.to_string())
            .cause(error)
            .build()
    }
}
