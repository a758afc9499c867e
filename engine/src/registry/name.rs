//! Names: which are legal, and which samples a family claims.
//! Upstream: registry, before anything is stored. Rules: R20 to R32 of the exposition checklist.

use super::Kind;
use super::info::SUFFIX;
use crate::error::RegisterError;

/// What is wrong with a name of any kind, if anything.
const fn name_fault(bytes: &[u8]) -> Option<&'static str> {
    if bytes.is_empty() {
        return Some("it is empty");
    }
    if bytes[0] == b'_' {
        return Some("a leading underscore is reserved: remove it");
    }
    if bytes[0].is_ascii_digit() {
        return Some("it begins with a digit: put a letter first");
    }
    let mut at = 0;
    while at < bytes.len() {
        if !(bytes[at].is_ascii_alphanumeric() || bytes[at] == b'_') {
            return Some(match bytes[at] {
                b':' => "colons are for the names of recording rules: use an underscore",
                _ => "only ASCII letters, digits and underscores are allowed",
            });
        }
        at += 1;
    }
    None
}

/// What is wrong with a metric name, if anything. Runs at build time for statics.
pub(crate) const fn metric_name_fault(name: &str) -> Option<&'static str> {
    name_fault(name.as_bytes())
}

/// What is wrong with a label name of a family of this kind, if anything.
pub(crate) const fn label_name_fault(label: &str, kind: Option<Kind>) -> Option<&'static str> {
    match (kind, label.as_bytes()) {
        (Some(Kind::Histogram | Kind::GaugeHistogram), b"le") => {
            Some("a histogram adds `le` itself: rename it")
        }
        (Some(Kind::Summary), b"quantile") => Some("a summary adds `quantile` itself: rename it"),
        (_, bytes) => name_fault(bytes),
    }
}

pub(crate) fn check_metric(name: &str) -> Result<(), RegisterError> {
    match metric_name_fault(name) {
        Some(reason) => Err(RegisterError::InvalidName { name: name.into(), reason }),
        None => Ok(()),
    }
}

/// Checks the labels that every series of `family` will have.
pub(crate) fn check_labels<'a>(
    family: &str,
    kind: Option<Kind>,
    labels: impl Iterator<Item = &'a str>,
) -> Result<(), RegisterError> {
    let mut seen: Vec<&str> = Vec::new();
    for label in labels {
        if let Some(reason) = label_name_fault(label, kind) {
            let (family, label) = (family.into(), label.into());
            return Err(RegisterError::InvalidLabel { family, label, reason });
        }
        if seen.contains(&label) {
            return Err(RegisterError::RepeatedLabel {
                family: family.into(),
                label: label.into(),
            });
        }
        seen.push(label);
    }
    Ok(())
}

/// Every name that a family may expose in some format (R20): no two families may share one.
pub(crate) fn claims(name: &str, kind: Kind) -> Vec<String> {
    let with = |stem: &str, suffixes: &[&str]| {
        suffixes.iter().map(|suffix| format!("{stem}{suffix}")).collect::<Vec<_>>()
    };
    match kind {
        Kind::Counter | Kind::FloatCounter => {
            let stem = name.strip_suffix("_total").unwrap_or(name);
            with(stem, &["", "_total", "_created"])
        }
        Kind::Histogram => with(name, &["", "_bucket", "_count", "_sum", "_created"]),
        Kind::Summary => with(name, &["", "_count", "_sum", "_created"]),
        Kind::GaugeHistogram => with(name, &["", "_bucket", "_count", "_sum", "_gcount", "_gsum"]),
        Kind::Info => with(name.strip_suffix(SUFFIX).unwrap_or(name), &["", SUFFIX]),
        Kind::Gauge | Kind::UpDownCounter | Kind::InFlightAge | Kind::StateSet => with(name, &[""]),
    }
}

const _: () = assert!(metric_name_fault("requests_total").is_none());
const _: () = assert!(metric_name_fault("9lives").is_some());
