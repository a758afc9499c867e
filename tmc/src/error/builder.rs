//! Builds a `TmcError` from what is known about it.
//! Upstream: whoever fails, the conversions. Downstream: `TmcError`.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::classify::Class;
use super::{Fields, Severity, TmcError};

/// Collects what is known about an error; [`build`](Self::build) ends it and cannot fail.
#[derive(Clone, Debug)]
#[must_use = "an error comes of it only by `build`"]
pub struct TmcErrorBuilder(pub(super) Fields);

impl TmcErrorBuilder {
    /// Ends the builder.
    pub fn build(self) -> TmcError {
        TmcError(Arc::new(self.0))
    }

    /// What happened, for people.
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.0.message = message.into();
        self
    }

    /// Instead of the type's default severity.
    pub fn severity(mut self, severity: Severity) -> Self {
        self.0.severity = severity;
        self
    }

    /// Instead of the type's default.
    pub fn retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = retryable;
        self
    }

    /// How long the other side asks to be left alone before the next try.
    pub fn retry_after(mut self, retry_after: Duration) -> Self {
        self.0.retry_after = Some(retry_after);
        self
    }

    /// Severity and all about trying again, as another error has them.
    pub(super) fn class(mut self, class: Class) -> Self {
        self.0.severity = class.severity;
        self.0.retryable = class.retryable;
        self.0.retry_after = class.retry_after;
        self
    }

    /// The error below this one.
    pub fn cause(mut self, cause: impl Into<Box<dyn Error + Send + Sync + 'static>>) -> Self {
        self.0.cause = Some(Arc::from(cause.into()));
        self
    }

    /// When it happened, if not now.
    pub fn timestamp(mut self, timestamp: SystemTime) -> Self {
        self.0.timestamp = timestamp;
        self
    }

    /// A further key and value; the last value of a key counts.
    pub fn context(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.context.insert(key.into(), value.into());
        self
    }

    /// What a person can do about it.
    pub fn recovery_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.recovery_hint = Some(hint.into());
        self
    }

    /// The physical cluster concerned.
    pub fn cluster_name(mut self, cluster: impl Into<String>) -> Self {
        self.0.cluster_name = Some(cluster.into());
        self
    }

    /// The logical cluster concerned.
    pub fn logical_cluster(mut self, logical_cluster: impl Into<String>) -> Self {
        self.0.logical_cluster = Some(logical_cluster.into());
        self
    }

    /// Group, version and kind of the object concerned.
    pub fn gvk(mut self, gvk: impl Into<String>) -> Self {
        self.0.gvk = Some(gvk.into());
        self
    }

    /// The namespace of the object concerned.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.0.namespace = Some(namespace.into());
        self
    }

    /// The name of the object concerned.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.0.name = Some(name.into());
        self
    }

    /// The object concerned: gvk, namespace and name in one call.
    pub fn object(
        self,
        gvk: impl Into<String>,
        namespace: impl Into<String>,
        name: impl Into<String>,
    ) -> Self {
        self.gvk(gvk).namespace(namespace).name(name)
    }
}
