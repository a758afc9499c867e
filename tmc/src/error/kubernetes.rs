//! Turns what a Kubernetes API server answers into `TmcError`.
//! Upstream: any Kubernetes client. Downstream: `classify`, the operation tracker.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::classify::Class;
use super::{Classify, ErrorType, TmcError, TmcErrorBuilder};

/// What a Kubernetes API server answers instead of the object that was asked for: the fields of
/// `metav1.Status` that say what went wrong. Deserializes from the server's JSON.
///
/// | reason | or else code | error type |
/// |---|---|---|
/// | NotFound | 404 | ResourceNotFound |
/// | AlreadyExists, Conflict | 409 | ResourceConflict, retryable |
/// | Forbidden | 403 | ResourcePermission |
/// | Unauthorized | 401 | ClusterAuthentication |
/// | Timeout | 504 | SyncTimeout |
/// | ServerTimeout, ServiceUnavailable, TooManyRequests | 503, 429 | ClusterUnavailable |
/// | Invalid, BadRequest | 422, 400 | ResourceValidation |
/// | InternalError and anything else | 500 and anything else | InternalError |
///
/// ```
/// use tmc_metrics::{ErrorType, Status, TmcError};
///
/// let answer = r#"{
///     "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
///     "message": "deployments.apps \"web\" not found", "reason": "NotFound", "code": 404,
///     "details": {"name": "web", "group": "apps", "kind": "deployments"}
/// }"#;
/// let status: Status = serde_json::from_str(answer)?;
/// let error = TmcError::from_status(&status, "syncer", "get-deployment");
/// assert_eq!(error.error_type(), ErrorType::ResourceNotFound);
/// assert_eq!((error.gvk(), error.name()), (Some("apps/deployments"), Some("web")));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// The HTTP status code; 0 if the server gave none.
    pub code: u16,
    /// The server's one word for it, such as `NotFound`; empty if it gave none.
    pub reason: String,
    /// What happened, for people.
    pub message: String,
    /// What the answer is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<StatusDetails>,
}

/// What a [`Status`] is about: the fields of `metav1.StatusDetails` that an error keeps. Empty and 0
/// mean that the server did not say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct StatusDetails {
    /// The object's name.
    pub name: String,
    /// The API group; empty for the core group, too.
    pub group: String,
    /// The object's kind; servers often give the resource (`deployments`) instead.
    pub kind: String,
    /// Seconds to wait before the next try.
    pub retry_after_seconds: u32,
}

impl Status {
    /// An answer without details.
    pub fn new(code: u16, reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), message: message.into(), details: None }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, reason, message, .. } = self;
        match (reason.is_empty(), message.is_empty()) {
            (_, false) => f.write_str(message),
            (false, true) => write!(f, "{reason}, code {code}, without a message"),
            (true, true) => write!(f, "code {code}, without a reason or message"),
        }
    }
}

impl Error for Status {}

impl Classify for Status {
    fn error_type(&self) -> ErrorType {
        error_type(&self.reason, self.code)
    }

    fn is_retryable(&self) -> bool {
        is_retryable(self.error_type())
    }

    fn retry_after(&self) -> Option<Duration> {
        retry_after(self.details.as_ref()?.retry_after_seconds)
    }
}

/// The reason decides; where it is none that we know, the code.
pub(super) fn error_type(reason: &str, code: u16) -> ErrorType {
    match reason {
        "NotFound" => ErrorType::ResourceNotFound,
        "AlreadyExists" | "Conflict" => ErrorType::ResourceConflict,
        "Forbidden" => ErrorType::ResourcePermission,
        "Unauthorized" => ErrorType::ClusterAuthentication,
        "Timeout" => ErrorType::SyncTimeout,
        "ServerTimeout" | "ServiceUnavailable" | "TooManyRequests" => ErrorType::ClusterUnavailable,
        "InternalError" => ErrorType::InternalError,
        "Invalid" | "BadRequest" => ErrorType::ResourceValidation,
        _ => match code {
            404 => ErrorType::ResourceNotFound,
            409 => ErrorType::ResourceConflict,
            403 => ErrorType::ResourcePermission,
            401 => ErrorType::ClusterAuthentication,
            504 => ErrorType::SyncTimeout,
            503 | 429 => ErrorType::ClusterUnavailable,
            422 | 400 => ErrorType::ResourceValidation,
            _ => ErrorType::InternalError,
        },
    }
}

/// An API server's conflict goes away when the object is read again, unlike others.
pub(super) fn is_retryable(error_type: ErrorType) -> bool {
    error_type == ErrorType::ResourceConflict || error_type.is_retryable()
}

pub(super) fn retry_after(seconds: u32) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds.into()))
}

impl TmcError {
    /// What an API server answered to an operation: type and retryability by the table of [`Status`],
    /// its message, reason and code (both in the context), and of the details the object's name and
    /// `group/kind` as its gvk, for the answer has no version.
    pub fn from_status(
        status: &Status,
        component: impl Into<String>,
        operation: impl Into<String>,
    ) -> Self {
        let class = Class::of(status);
        Self::builder(class.error_type, component, operation)
            .class(class)
            .message(status.to_string())
            .answer(status)
            .build()
    }
}

impl TmcErrorBuilder {
    /// Keeps what an answer says of itself and of its object.
    pub(super) fn answer(mut self, status: &Status) -> Self {
        let Status { code, reason, details, .. } = status;
        if !reason.is_empty() {
            self = self.context("reason", reason);
        }
        if *code != 0 {
            self = self.context("code", code.to_string());
        }
        let Some(StatusDetails { name, group, kind, .. }) = details else { return self };
        if !name.is_empty() {
            self = self.name(name);
        }
        match (group.is_empty(), kind.is_empty()) {
            (_, true) => self,
            (true, false) => self.gvk(kind),
            (false, false) => self.gvk(format!("{group}/{kind}")),
        }
    }
}

/// Turns any error of an operation on a cluster into a [`TmcError`]: a `TmcError` as it is, a
/// [`Status`], an I/O error or (feature `kube`) a `kube::core::Status` or `kube::Error` by its table,
/// and any other by the first of these among its sources, else as an InternalError. The error becomes
/// the cause, except for an answer, which is kept as message, context, gvk and name.
///
/// ```
/// use tmc_metrics::{ErrorType, Status, convert_kubernetes_error};
///
/// let conflict = Status::new(409, "Conflict", "the object has been modified");
/// let error = convert_kubernetes_error(conflict, "syncer", "sync-deployment");
/// assert_eq!(error.error_type(), ErrorType::ResourceConflict);
/// assert!(error.is_retryable());
///
/// let error = convert_kubernetes_error("no such luck", "syncer", "sync-deployment");
/// assert_eq!(error.error_type(), ErrorType::InternalError);
/// ```
pub fn convert_kubernetes_error(
    error: impl Into<Box<dyn Error + Send + Sync + 'static>>,
    component: impl Into<String>,
    operation: impl Into<String>,
) -> TmcError {
    let error = match error.into().downcast::<TmcError>() {
        Ok(error) => return *error,
        Err(error) => error,
    };
    let error = match error.downcast::<Status>() {
        Ok(status) => return TmcError::from_status(&status, component, operation),
        Err(error) => error,
    };
    #[cfg(feature = "kube")]
    let error = match error.downcast::<kube::core::Status>() {
        Ok(status) => return TmcError::from_status(&Status::from(&*status), component, operation),
        Err(error) => error,
    };
    #[cfg(feature = "kube")]
    let error = match error.downcast::<kube::Error>() {
        Ok(error) => return TmcError::from_kube(*error, component, operation),
        Err(error) => error,
    };
    let class = Class::of_chain(&*error);
    TmcError::builder(class.error_type, component, operation)
        .class(class)
        .message(error.to_string())
        .cause(error)
        .build()
}
