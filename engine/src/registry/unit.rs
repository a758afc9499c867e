//! Units: what the values of a family are in, for the formats that say so.
//! Upstream: the program. Downstream: registry. Rule: R18 of the exposition checklist.

use super::name::metric_name_fault;
use super::{HistogramSpec, Kind, Registry, Request};
use crate::error::RegisterError;
use crate::sync::Arc;

impl Registry {
    /// This registry, for families whose values are in `unit`: their names end in it, before a
    /// counter's `_total`, and OpenMetrics has it as metadata. Infos and state sets have no unit.
    ///
    /// Histograms and summaries made of seconds or bytes, and in-flight ages, have their unit without
    /// this if their name ends in it. Clones the registry: allocates once, counts a reference.
    ///
    /// ```
    /// let registry = tmc_engine::Registry::new();
    /// let bytes = registry.in_unit("bytes");
    /// bytes.gauge("heap_bytes", "Memory in use")?.set(4096.0);
    /// bytes.counter("sent_bytes_total", "Sent so far")?.inc_by(512);
    /// assert!(bytes.gauge("heap_size", "Memory in use").is_err(), "a name without its unit");
    /// let snapshot = registry.snapshot(); // of all families
    /// let family = snapshot.family("heap_bytes").ok_or("registered above")?;
    /// assert_eq!(family.unit(), Some("bytes"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn in_unit(&self, unit: &str) -> Self {
        Self(Arc::clone(&self.0), Some(unit.into()))
    }
}

/// The unit of the family that is requested: the one that is said, else the one that its type and its
/// name both tell.
pub(super) fn of(
    family: &str,
    request: &Request<'_>,
    said: Option<&str>,
) -> Result<Option<Box<str>>, RegisterError> {
    let recorded = match request.kind {
        Kind::InFlightAge => Some("seconds"),
        _ => request.spec.and_then(HistogramSpec::unit),
    };
    let Some(unit) = said.filter(|_| !request.own) else {
        return Ok(recorded.filter(|unit| is_named(family, unit)).map(Into::into));
    };
    let refused = |reason| {
        let (family, unit) = (family.into(), unit.into());
        Err(RegisterError::InvalidUnit { family, unit, reason })
    };
    let total = match request.kind {
        Kind::Info | Kind::StateSet => {
            let kind = request.kind.with_article();
            return refused(format!("{kind} has none: register it without"));
        }
        Kind::Counter | Kind::FloatCounter => "_total",
        _ => "",
    };
    if let Some(fault) = metric_name_fault(unit) {
        return refused(fault.into());
    }
    if let Some(recorded) = recorded.filter(|&recorded| recorded != unit) {
        return refused(format!("the values are in {recorded}: register it in that"));
    }
    let stem = family.strip_suffix(total).unwrap_or(family);
    if !is_named(stem, unit) {
        return refused(format!("the name does not end in it: use {stem}_{unit}{total}"));
    }
    Ok(Some(unit.into()))
}

/// Whether a name, `_total` left out, ends in a unit.
fn is_named(stem: &str, unit: &str) -> bool {
    stem.strip_suffix(unit).is_some_and(|stem| stem.ends_with('_'))
}
