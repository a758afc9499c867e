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
/// Implemented for [`TmcError`], [`Status`], [`CircuitOpen`], [`std::io::Error`], `kube::Error` and
/// `kube::core::Status` (feature `kube`), `tokio::time::error::Elapsed` (feature `tokio`) and boxed
/// errors, which are searched, with their sources, for one of these.
///
/// An `anyhow::Error` is no error of std's; `*error` is, as a `dyn Error`: `tracker.error(&*error)`.
/// A plain box of one (`Box::from`) hides what it wraps and counts as InternalError;
/// `anyhow::Error::reallocate_into_boxed_dyn_error_without_backtrace` does not.
///
/// One line makes an error type of your own countable:
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
            let io = error.downcast_ref::<io::Error>();
            if let Some(known) = Self::told_by(error).or_else(|| io.map(Self::of)) {
                return Some(known);
            }
            link = error.source();
        }
        None
    }

    /// The class that an error tells of itself, whatever it is a cause of. An I/O error is left out:
    /// what it means depends on who met it.
    pub(super) fn told_by(error: &(dyn Error + 'static)) -> Option<Self> {
        fn of<E: Error + Classify + 'static>(error: &(dyn Error + 'static)) -> Option<Class> {
            error.downcast_ref::<E>().map(Class::of)
        }
        let known = of::<TmcError>(error)
            .or_else(|| of::<Status>(error))
            .or_else(|| of::<CircuitOpen>(error));
        #[cfg(feature = "tokio")]
        let known = known.or_else(|| of::<tokio::time::error::Elapsed>(error));
        #[cfg(feature = "kube")]
        let known = known
            .or_else(|| of::<kube::Error>(error))
            .or_else(|| of::<kube::core::Status>(error))
            .or_else(|| of::<Box<kube::core::Status>>(error));
        known
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

/// A SyncTimeout.
#[cfg(feature = "tokio")]
impl Classify for tokio::time::error::Elapsed {
    fn error_type(&self) -> ErrorType {
        ErrorType::SyncTimeout
    }
}

impl Classify for dyn Error + Send + Sync + 'static {
    ask!(error => Class::of_chain(error));
}

impl Classify for dyn Error + 'static {
    ask!(error => Class::of_chain(error));
}
