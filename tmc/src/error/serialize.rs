//! Writes a `TmcError` as a map, for structured logs.
//! Upstream: `TmcError`. Downstream: any serde format.

use std::error::Error;
use std::iter;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::TmcError;
use super::condition::rfc3339;

impl Serialize for TmcError {
    /// A map with the names of the fields; what is not known is left out, and `causes` lists the
    /// messages of the errors below this one, the nearest first.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = &*self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("error_type", fields.error_type.as_str())?;
        map.serialize_entry("severity", fields.severity.as_str())?;
        map.serialize_entry("component", &fields.component)?;
        map.serialize_entry("operation", &fields.operation)?;
        map.serialize_entry("message", &fields.message)?;
        map.serialize_entry("timestamp", &rfc3339(fields.timestamp))?;
        map.serialize_entry("retryable", &fields.retryable)?;
        if let Some(delay) = fields.retry_after {
            map.serialize_entry("retry_after_seconds", &delay.as_secs_f64())?;
        }
        for (key, value) in [
            ("recovery_hint", &fields.recovery_hint),
            ("cluster_name", &fields.cluster_name),
            ("logical_cluster", &fields.logical_cluster),
            ("gvk", &fields.gvk),
            ("namespace", &fields.namespace),
            ("name", &fields.name),
        ] {
            if let Some(value) = value {
                map.serialize_entry(key, value)?;
            }
        }
        if !fields.context.is_empty() {
            map.serialize_entry("context", &fields.context)?;
        }
        let causes = iter::successors(self.source(), |&cause| cause.source());
        let causes: Vec<String> = causes.map(ToString::to_string).collect();
        if !causes.is_empty() {
            map.serialize_entry("causes", &causes)?;
        }
        map.end()
    }
}
