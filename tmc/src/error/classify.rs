//! Gives any error the class it is counted and handled by: type, severity, whether to try again.
//! Upstream: the user's error types, `io`, `kubernetes` and, with its feature, `kube`.
//! Downstream: the operation tracker, `convert_kubernetes_error`, the recovery strategies.

use std::error::Error;
use std::io;
use std::time::Duration;

use super::{ErrorType, Severity, Status, TmcError};
use crate::recovery::CircuitOpen;

/// An error that says by which type and severity it is to be counted, and whether to try again.
///
/// Implemented for [`TmcError`], [`Status`], [`std::io::Error`], `kube::Error` (feature `kube`),
/// [`CircuitOpen`] and boxed errors, which are searched, with their sources, for one of these. One line makes an
/// error type of your own countable:
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
/// assert!(!QuotaExceeded.is_retryable());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say by which type of error it is counted",
    note = "implement `Classify` for it (one method, `error_type`), or return a `TmcError` or a boxed error"
)]
pub trait Classify {
    /// The value of the label `error_type`.
    fn error_type(&self) -> ErrorType;

    /// The value of the label `severity`; the type's default unless overridden.
    fn severity(&self) -> Severity {
        self.error_type().default_severity()
    }

    /// Whether trying again can help; the type's default unless overridden.
    fn is_retryable(&self) -> bool {
        self.error_type().is_retryable()
    }

    /// How long the other side asks to be left alone before the next try, if it said so.
    fn retry_after(&self) -> Option<Duration> {
        None
    }
}

/// All that [`Classify`] tells of an error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Class {
    pub(crate) error_type: ErrorType,
    pub(crate) severity: Severity,
    pub(crate) retryable: bool,
    pub(crate) retry_after: Option<Duration>,
}

impl Class {
    pub(crate) fn of(error: &(impl Classify + ?Sized)) -> Self {
        Self {
            error_type: error.error_type(),
            severity: error.severity(),
            retryable: error.is_retryable(),
            retry_after: error.retry_after(),
        }
    }

    /// The class of the first error in the chain that has one, else an internal error.
    pub(crate) fn of_chain(error: &(dyn Error + 'static)) -> Self {
        Self::known_in_chain(error).unwrap_or_else(|| Self::of(&ErrorType::InternalError))
    }

    /// The class of the first error in the chain that has one.
    pub(crate) fn known_in_chain(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut link = Some(error);
        while let Some(error) = link {
            if let Some(error) = error.downcast_ref::<TmcError>() {
                return Some(Self::of(error));
            }
            if let Some(error) = error.downcast_ref::<Status>() {
                return Some(Self::of(error));
            }
            if let Some(error) = error.downcast_ref::<io::Error>() {
                return Some(Self::of(error));
            }
            if let Some(error) = error.downcast_ref::<CircuitOpen>() {
                return Some(Self::of(error));
            }
            #[cfg(feature = "kube")]
            if let Some(error) = error.downcast_ref::<kube::Error>() {
                return Some(Self::of(error));
            }
            link = error.source();
        }
        None
    }
}

/// The type alone, where there is nothing else to say.
impl Classify for ErrorType {
    fn error_type(&self) -> ErrorType {
        *self
    }
}

/// Passes every question on, so that what is overridden stays so.
macro_rules! ask {
    ($error:ident => $answer:expr) => {
        fn error_type(&self) -> ErrorType {
            let $error = self;
            $answer.error_type()
        }

        fn severity(&self) -> Severity {
            let $error = self;
            $answer.severity()
        }

        fn is_retryable(&self) -> bool {
            let $error = self;
            $answer.is_retryable()
        }

        fn retry_after(&self) -> Option<Duration> {
            let $error = self;
            $answer.retry_after()
        }
    };
}
pub(crate) use ask;

impl Classify for Class {
    fn error_type(&self) -> ErrorType {
        self.error_type
    }

    fn severity(&self) -> Severity {
        self.severity
    }

    fn is_retryable(&self) -> bool {
        self.retryable
    }

    fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl<E: Classify + ?Sized> Classify for &E {
    ask!(error => (**error));
}

impl<E: Classify + ?Sized> Classify for Box<E> {
    ask!(error => (**error));
}

impl Classify for TmcError {
    fn error_type(&self) -> ErrorType {
        TmcError::error_type(self)
    }

    fn severity(&self) -> Severity {
        TmcError::severity(self)
    }

    fn is_retryable(&self) -> bool {
        TmcError::is_retryable(self)
    }

    fn retry_after(&self) -> Option<Duration> {
        TmcError::retry_after(self)
    }
}

impl Classify for dyn Error + Send + Sync + 'static {
    ask!(error => Class::of_chain(error));
}

impl Classify for dyn Error + 'static {
    ask!(error => Class::of_chain(error));
}
