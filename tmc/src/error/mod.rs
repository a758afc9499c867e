//! The error of a TMC operation: what happened, where, to which object, and whether to try again.
//! Upstream: whoever fails. Downstream: the operation tracker, which counts it by type and severity.

mod action;
mod builder;
mod class;
mod classify;
mod condition;
mod io;
#[cfg(feature = "kube")]
mod kube_rs;
mod kubernetes;
mod serialize;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub use action::RecoveryAction;
pub use builder::TmcErrorBuilder;
pub use class::{ErrorType, Severity};
pub use classify::Classify;
pub use condition::{Condition, ConditionError, ConditionStatus};
pub use kubernetes::{Status, StatusDetails, convert_kubernetes_error};

type Cause = Arc<dyn Error + Send + Sync + 'static>;

/// An error of a TMC operation; one pointer wide, cheap to clone. Serializes (with its causes, as
/// texts) for logs.
///
/// ```
/// use tmc_metrics::{ErrorType, Severity, TmcError};
///
/// let error = TmcError::builder(ErrorType::SyncFailure, "syncer", "sync-deployment")
///     .message("the target rejected the object")
///     .severity(Severity::High)
///     .cluster_name("prod-cluster")
///     .object("apps/v1/Deployment", "default", "web")
///     .context("attempt", "3")
///     .cause(std::io::Error::other("disk full"))
///     .build();
///
/// assert_eq!(error.error_type(), ErrorType::SyncFailure);
/// assert_eq!(error.to_string(), "SyncFailure in syncer, sync-deployment: the target rejected the object");
/// assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "disk full");
/// ```
#[derive(Clone)]
pub struct TmcError(Arc<Fields>);

#[derive(Clone, Debug)]
struct Fields {
    error_type: ErrorType,
    severity: Severity,
    component: String,
    operation: String,
    message: String,
    cause: Option<Cause>,
    timestamp: SystemTime,
    context: BTreeMap<String, String>,
    retryable: bool,
    retry_after: Option<Duration>,
    recovery_hint: Option<String>,
    cluster_name: Option<String>,
    logical_cluster: Option<String>,
    gvk: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
}

impl TmcError {
    /// Starts an error of `error_type` in an operation of a component, with the type's default
    /// severity and retryability, and a message that describes the type.
    pub fn builder(
        error_type: ErrorType,
        component: impl Into<String>,
        operation: impl Into<String>,
    ) -> TmcErrorBuilder {
        TmcErrorBuilder(Fields {
            error_type,
            severity: error_type.default_severity(),
            component: component.into(),
            operation: operation.into(),
            message: error_type.description().to_owned(),
            cause: None,
            timestamp: SystemTime::now(),
            context: BTreeMap::new(),
            retryable: error_type.is_retryable(),
            retry_after: None,
            recovery_hint: None,
            cluster_name: None,
            logical_cluster: None,
            gvk: None,
            namespace: None,
            name: None,
        })
    }

    /// What went wrong.
    pub fn error_type(&self) -> ErrorType {
        self.0.error_type
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.0.severity
    }

    /// The component that failed.
    pub fn component(&self) -> &str {
        &self.0.component
    }

    /// The operation that failed.
    pub fn operation(&self) -> &str {
        &self.0.operation
    }

    /// What happened, for people.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// When it happened (when the builder was made, unless it was told otherwise).
    pub fn timestamp(&self) -> SystemTime {
        self.0.timestamp
    }

    /// Further keys and values, in the order of the keys.
    pub fn context(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.context.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether trying again can help.
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// How long the other side asks to be left alone before the next try, if it said so.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// What a person can do about it.
    pub fn recovery_hint(&self) -> Option<&str> {
        self.0.recovery_hint.as_deref()
    }

    /// The physical cluster concerned.
    pub fn cluster_name(&self) -> Option<&str> {
        self.0.cluster_name.as_deref()
    }

    /// The logical cluster concerned.
    pub fn logical_cluster(&self) -> Option<&str> {
        self.0.logical_cluster.as_deref()
    }

    /// Group, version and kind of the object concerned.
    pub fn gvk(&self) -> Option<&str> {
        self.0.gvk.as_deref()
    }

    /// The namespace of the object concerned.
    pub fn namespace(&self) -> Option<&str> {
        self.0.namespace.as_deref()
    }

    /// The name of the object concerned.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }
}

impl fmt::Debug for TmcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TmcError").field(&*self.0).finish()
    }
}

impl fmt::Display for TmcError {
    /// Type, place and message; the cause is left to [`Error::source`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fields { error_type, component, operation, message, .. } = &*self.0;
        write!(f, "{error_type} in {component}, {operation}: {message}")
    }
}

impl Error for TmcError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}
