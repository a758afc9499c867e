//! What the two text formats make of names: suffixes, escaping, quoting.
//! Upstream: negotiation. Downstream: text. Rules: R19 to R29 of the exposition checklist.

use tmc_engine::{Escaping, FamilySnapshot, Kind};

use super::escape;
use crate::negotiate::Format;

/// What a rendering depends on, beside the values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Syntax {
    pub(crate) format: Format,
    pub(crate) escaping: Escaping,
    /// Whether OpenMetrics has `_created` samples.
    pub(crate) created: bool,
}

/// How a family is called.
pub(super) struct FamilyName {
    /// As metadata has it.
    pub(super) family: String,
    /// What its main sample has after that.
    pub(super) suffix: &'static str,
}

impl Syntax {
    pub(super) fn is_open_metrics(self) -> bool {
        self.format == Format::OpenMetrics
    }

    /// OpenMetrics takes the suffix of its type off the name and puts it on the sample; the others call
    /// the family as its sample is called.
    pub(super) fn name(self, family: &FamilySnapshot<'_>) -> FamilyName {
        let suffix = match family.kind() {
            Kind::Counter | Kind::FloatCounter if self.is_open_metrics() => "_total",
            Kind::Info if self.is_open_metrics() => "_info",
            _ => "",
        };
        let stem = family.name().strip_suffix(suffix).unwrap_or(family.name());
        // Escaped with the suffix, so that the sample is called the same in every format.
        let sample = format!("{stem}{suffix}");
        let escaped = self.escaping.metric_name(&sample);
        let family = escaped.strip_suffix(suffix).unwrap_or(&escaped).to_owned();
        FamilyName { family, suffix }
    }

    /// The type in metadata.
    pub(super) fn kind(self, kind: Kind) -> &'static str {
        let open = self.is_open_metrics();
        match kind {
            Kind::Counter | Kind::FloatCounter => "counter",
            Kind::Histogram => "histogram",
            Kind::GaugeHistogram if open => "gaugehistogram",
            Kind::GaugeHistogram => "histogram",
            Kind::Summary => "summary",
            Kind::Info if open => "info",
            Kind::StateSet if open => "stateset",
            Kind::Gauge | Kind::UpDownCounter | Kind::InFlightAge => "gauge",
            Kind::Info | Kind::StateSet => "gauge",
            _ if open => "unknown",
            _ => "untyped",
        }
    }

    /// `name="`, the name quoted if it has to be.
    pub(super) fn label(self, name: &str, out: &mut Vec<u8>) {
        let name = self.escaping.label_name(name);
        match is_bare(&name, false) {
            true => out.extend_from_slice(name.as_bytes()),
            false => quoted(&name, out),
        }
        out.extend_from_slice(b"=\"");
    }
}

/// A metric name as metadata has it.
pub(super) fn metadata_name(name: &str, out: &mut Vec<u8>) {
    match is_bare(name, true) {
        true => out.extend_from_slice(name.as_bytes()),
        false => quoted(name, out),
    }
}

/// What stands between the braces of a sample that has to be quoted, and in metadata.
pub(super) fn quoted(name: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    escape::label_value(name, out);
    out.push(b'"');
}

/// Whether a name can stand without quotes. Only metric names have colons.
pub(super) fn is_bare(name: &str, colons: bool) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || colons && byte == b':';
    !name.is_empty() && !name.as_bytes()[0].is_ascii_digit() && name.bytes().all(legal)
}
