//! Turns what kube-rs reports into `TmcError`: answers of the API server, and how it was not reached.
//! Upstream: the crate kube. Downstream: `classify`, `convert_kubernetes_error`.

use std::error::Error;
use std::io;
use std::time::Duration;

use kube::error::DiscoveryError;

use super::classify::{Class, ask};
use super::kubernetes::{error_type, is_retryable, retry_after};
use super::{Classify, ErrorType, Severity, Status, StatusDetails, TmcError};

impl Classify for kube::Error {
    ask!(error => class(error));
}

impl Classify for kube::core::Status {
    ask!(status => class_of_answer(status));
}

fn class(error: &kube::Error) -> Class {
    use kube::Error as E;
    Class::of(&match error {
        E::Api(status) => return class_of_answer(status),
        E::Auth(_) => ErrorType::ClusterAuthentication,
        E::InferConfig(_)
        | E::InferKubeconfig(_)
        | E::TlsRequired
        | E::ProxyProtocolUnsupported { .. }
        | E::ProxyProtocolDisabled { .. } => ErrorType::ClusterConfiguration,
        E::BuildRequest(_)
        | E::HttpError(_)
        | E::Discovery(DiscoveryError::InvalidGroupVersion(_)) => ErrorType::ResourceValidation,
        E::Discovery(_) => ErrorType::ResourceNotFound,
        // An answer that cannot be read.
        E::SerdeError(_) | E::FromUtf8(_) | E::LinesCodecMaxLineLengthExceeded => {
            ErrorType::InternalError
        }
        E::Service(cause) => return transport(&**cause),
        E::HyperError(cause) => return transport(cause),
        E::ReadEvents(cause) => return transport(cause),
        // What other features of kube add is about connections: TLS, and the upgrade to WebSocket.
        #[allow(
            unreachable_patterns,
            reason = "whether there are more is up to the user's features"
        )]
        other => match other.source() {
            Some(cause) => return transport(cause),
            None => ErrorType::ClusterUnreachable,
        },
    })
}

/// No answer came. The first link of the chain that tells why decides: an error of ours, from a
/// layer of the user's; credentials that were not to be had; a time-out. Else there was no way to the
/// cluster (refused, reset, no such host, TLS).
fn transport(error: &(dyn Error + 'static)) -> Class {
    let mut link = Some(error);
    while let Some(error) = link {
        if let Some(told) = Class::told_by(error) {
            return told;
        }
        if error.is::<kube::client::AuthError>() {
            return Class::of(&ErrorType::ClusterAuthentication);
        }
        let io = error.downcast_ref::<io::Error>();
        if io.is_some_and(|error| Classify::error_type(error) == ErrorType::SyncTimeout)
            || error.is::<tower::timeout::error::Elapsed>()
        {
            return Class::of(&ErrorType::SyncTimeout);
        }
        // `source` of an I/O error passes over what it wraps.
        link = match io.and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    Class::of(&ErrorType::ClusterUnreachable)
}

fn class_of_answer(status: &kube::core::Status) -> Class {
    let error_type = error_type(&status.reason, status.code);
    let details = status.details.as_ref();
    Class {
        error_type,
        severity: error_type.default_severity(),
        retryable: is_retryable(error_type),
        retry_after: details.and_then(|details| retry_after(details.retry_after_seconds)),
    }
}

impl From<&kube::core::Status> for Status {
    fn from(status: &kube::core::Status) -> Self {
        let details = status.details.as_ref().map(|details| StatusDetails {
            name: details.name.clone(),
            group: details.group.clone(),
            kind: details.kind.clone(),
            retry_after_seconds: details.retry_after_seconds,
        });
        Self {
            code: status.code,
            reason: status.reason.clone(),
            message: status.message.clone(),
            details,
        }
    }
}

impl TmcError {
    /// What kube-rs reported of an operation; the error becomes the cause.
    ///
    /// | `kube::Error` | type |
    /// |---|---|
    /// | `Api` | as by the table of [`Status`], whose fields are kept likewise |
    /// | `Service`, `HyperError`, `ReadEvents`, TLS, WebSocket | by the first cause that tells: a [`TmcError`] or another answer as they say, `AuthError` ClusterAuthentication, a time-out SyncTimeout; else ClusterUnreachable |
    /// | `Auth` | ClusterAuthentication |
    /// | `InferConfig`, `InferKubeconfig`, `TlsRequired`, proxies | ClusterConfiguration |
    /// | `BuildRequest`, `HttpError`, an invalid group and version | ResourceValidation |
    /// | `Discovery` otherwise | ResourceNotFound |
    /// | an answer that cannot be read | InternalError |
    ///
    /// ```
    /// use tmc_metrics::{ErrorType, TmcError};
    ///
    /// let answer = kube::core::Status::failure("pods \"web\" not found", "NotFound").with_code(404);
    /// let error = TmcError::from_kube(kube::Error::Api(answer.boxed()), "syncer", "get-pod");
    /// assert_eq!(error.error_type(), ErrorType::ResourceNotFound);
    /// assert_eq!(error.message(), "pods \"web\" not found");
    /// ```
    pub fn from_kube(
        error: kube::Error,
        component: impl Into<String>,
        operation: impl Into<String>,
    ) -> Self {
        let class = Class::of(&error);
        let builder = Self::builder(class.error_type, component, operation).class(class);
        let builder = match &error {
            kube::Error::Api(status) => {
                let status = Status::from(&**status);
                builder.message(status.to_string()).answer(&status)
            }
            other => builder.message(other.to_string()),
        };
        builder.cause(error).build()
    }
}
