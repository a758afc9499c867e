//! Turns a `TmcError` into a Kubernetes condition, by the rules that API servers check.
//! Upstream: `TmcError`. Downstream: the status of a user's custom resource.

use std::fmt;
use std::time::SystemTime;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::TmcError;

/// The most characters of a condition's message, as API servers check it; here the most bytes, which
/// is never more.
const MESSAGE: usize = 32_768;
/// The most bytes of a reason.
const REASON: usize = 1_024;
/// The most bytes of a type.
const TYPE: usize = 316;

/// A condition of an object's status; serializes as `metav1.Condition`.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use tmc_metrics::{ErrorType, TmcError};
///
/// let error = TmcError::builder(ErrorType::ClusterUnreachable, "syncer", "sync-deployment")
///     .message("connection refused")
///     .timestamp(SystemTime::UNIX_EPOCH + Duration::from_secs(1_640_995_200))
///     .build();
/// let condition = error.condition().of_type("Synced")?.observed_generation(3)?;
/// assert_eq!(
///     serde_json::to_value(&condition)?,
///     serde_json::json!({
///         "type": "Synced",
///         "status": "False",
///         "observedGeneration": 3,
///         "lastTransitionTime": "2022-01-01T00:00:00Z",
///         "reason": "ClusterUnreachable",
///         "message": "syncer, sync-deployment: connection refused"
///     })
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    r#type: String,
    status: ConditionStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_generation: Option<i64>,
    #[serde(serialize_with = "serialize_time")]
    last_transition_time: SystemTime,
    reason: String,
    message: String,
}

/// Whether what a condition's type says holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not.
    False,
    /// Nobody knows.
    Unknown,
}

/// A part of a condition that an API server would refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// The type is none.
    #[error(
        "`{0}` is no condition type: use letters, digits, `-`, `_` and `.`, a letter or digit first and \
         last, if need be after a DNS name in lower case and a slash, 316 characters at most, such as \
         `Synced` or `example.com/Synced`"
    )]
    Type(String),
    /// The generation is negative.
    #[error(
        "observed generation {0}: use the object's `metadata.generation`, which is never negative"
    )]
    Generation(i64),
}

impl Condition {
    /// With this type instead of `Ready`.
    ///
    /// # Errors
    /// An API server would refuse it.
    pub fn of_type(mut self, r#type: impl Into<String>) -> Result<Self, ConditionError> {
        let r#type = r#type.into();
        if !is_type(&r#type) {
            return Err(ConditionError::Type(r#type));
        }
        self.r#type = r#type;
        Ok(self)
    }

    /// With this status instead of `False`: for a type that names the trouble, such as `Degraded`.
    #[must_use]
    pub fn status(mut self, status: ConditionStatus) -> Self {
        self.status = status;
        self
    }

    /// With the generation of the object that the condition is about.
    ///
    /// # Errors
    /// It is negative.
    pub fn observed_generation(mut self, generation: i64) -> Result<Self, ConditionError> {
        if generation < 0 {
            return Err(ConditionError::Generation(generation));
        }
        self.observed_generation = Some(generation);
        Ok(self)
    }

    /// With this time of the last change of status: where the status was the same before, the time
    /// that it had.
    #[must_use]
    pub fn last_transition_time(mut self, time: SystemTime) -> Self {
        self.last_transition_time = time;
        self
    }
}

impl TmcError {
    /// The condition `Ready`, false because of this error since its timestamp. The reason is the error
    /// type in CamelCase; the message names the place, what happened and the recovery hint, and is
    /// cut where it is too long for an API server. Allocates.
    pub fn condition(&self) -> Condition {
        let mut message = format!("{}, {}: {}", self.component(), self.operation(), self.message());
        if let Some(hint) = self.recovery_hint() {
            message.push_str("; ");
            message.push_str(hint);
        }
        Condition {
            r#type: "Ready".to_owned(),
            status: ConditionStatus::False,
            observed_generation: None,
            last_transition_time: self.timestamp(),
            reason: reason(self.error_type().as_str()),
            message: cut(message),
        }
    }
}

impl fmt::Display for ConditionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        })
    }
}

/// A type's own value may be any text: its words in CamelCase, a letter first.
fn reason(value: &str) -> String {
    let mut reason = String::with_capacity(value.len().min(REASON));
    for word in value.split(|c: char| !c.is_ascii_alphanumeric()) {
        for (at, letter) in word.chars().enumerate() {
            if reason.len() == REASON {
                return reason;
            }
            let digit_first = reason.is_empty() && letter.is_ascii_digit();
            if !digit_first {
                reason.push(if at == 0 || reason.is_empty() {
                    letter.to_ascii_uppercase()
                } else {
                    letter
                });
            }
        }
    }
    if reason.is_empty() { "Unknown".to_owned() } else { reason }
}

fn cut(mut message: String) -> String {
    const MARK: &str = "...";
    if message.len() > MESSAGE {
        message.truncate(message.floor_char_boundary(MESSAGE - MARK.len()));
        message.push_str(MARK);
    }
    message
}

/// `metav1.Condition`: an optional DNS subdomain and slash, then a qualified name.
fn is_type(text: &str) -> bool {
    let (domain, name) = match text.split_once('/') {
        Some((domain, name)) => (Some(domain), name),
        None => (None, text),
    };
    let within = |text: &str, more: fn(u8) -> bool| {
        let bytes = text.as_bytes();
        let edges = bytes.first().zip(bytes.last());
        edges.is_some_and(|(a, z)| a.is_ascii_alphanumeric() && z.is_ascii_alphanumeric())
            && bytes.iter().all(|&byte| byte.is_ascii_alphanumeric() || more(byte))
    };
    let is_label = |label: &str| {
        within(label, |byte| byte == b'-') && !label.bytes().any(|byte| byte.is_ascii_uppercase())
    };
    text.len() <= TYPE
        && within(name, |byte| matches!(byte, b'-' | b'_' | b'.'))
        && domain.is_none_or(|domain| domain.split('.').all(is_label))
}

fn serialize_time<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339_seconds(*time))
}

/// As `metav1.Time` is written: UTC, whole seconds.
fn rfc3339_seconds(time: SystemTime) -> String {
    timestamp(time).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// UTC, with as many digits of a second as it needs.
pub(super) fn rfc3339(time: SystemTime) -> String {
    timestamp(time).to_string()
}

/// RFC 3339 has years of four digits: the nearest time that it can write.
fn timestamp(time: SystemTime) -> Timestamp {
    let floor = Timestamp::constant(-62_167_219_200, 0); // 0000-01-01
    match Timestamp::try_from(time) {
        Ok(timestamp) => timestamp.max(floor),
        Err(_) if time < SystemTime::UNIX_EPOCH => floor,
        Err(_) => Timestamp::MAX,
    }
}
