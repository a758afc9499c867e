//! Names: which are legal, and which samples a family claims.
//! Upstream: registry, before anything is stored. Rules: R20 to R32 of the exposition checklist.

use super::info::SUFFIX;
use super::{Escaping, Kind};
use crate::error::RegisterError;

const CHARACTERS: &str = "only ASCII letters, digits and underscores are allowed";
const CHARACTERS_OR_UTF8: &str = "only ASCII letters, digits and underscores are allowed, unless RegistryBuilder::utf8_names is set";
const COLONS: &str = "colons are for the names of recording rules: use an underscore";

/// What is wrong with a legacy name of any kind, if anything.
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
                b':' => COLONS,
                _ => CHARACTERS,
            });
        }
        at += 1;
    }
    None
}

/// What is wrong with a name of any kind where UTF-8 is allowed, if anything.
fn utf8_fault(name: &str, colons: bool) -> Option<&'static str> {
    let first = name.chars().next().unwrap_or('_');
    if first == '_' || first.is_ascii_digit() {
        name_fault(name.as_bytes())
    } else if !first.is_ascii_alphabetic() {
        Some(
            "it does not begin with an ASCII letter, so that scrapers may get a leading underscore",
        )
    } else if name.contains(|c: char| c.is_whitespace() || c.is_control()) {
        Some("it has a blank or a control character: use a dot or an underscore")
    } else {
        (!colons && name.contains(':')).then_some(COLONS)
    }
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

/// The label that a family adds itself.
fn own_label(family: &str, kind: Kind) -> Option<&str> {
    match kind {
        Kind::Histogram | Kind::GaugeHistogram => Some("le"),
        Kind::Summary => Some("quantile"),
        Kind::StateSet => Some(family),
        _ => None,
    }
}

/// Which names a registry takes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NameRules {
    /// Whether names may have characters outside the legacy set. Two names must then differ under
    /// every escaping scheme.
    pub(super) utf8: bool,
}

impl NameRules {
    /// The schemes under which a name may be another, the one that leaves it as it is first.
    fn schemes(self) -> &'static [Escaping] {
        use Escaping::{AllowUtf8, Dots, Underscores, Values};
        if self.utf8 { &[AllowUtf8, Underscores, Dots, Values] } else { &[AllowUtf8] }
    }

    /// What the registry makes of the faults of a legacy name and of any other one.
    fn fault(
        self,
        legacy: Option<&'static str>,
        utf8: Option<&'static str>,
    ) -> Option<&'static str> {
        match legacy {
            None | Some(CHARACTERS | COLONS) if self.utf8 => utf8,
            Some(CHARACTERS) if utf8.is_none() => Some(CHARACTERS_OR_UTF8),
            _ => legacy,
        }
    }

    pub(super) fn check_metric(self, name: &str) -> Result<(), RegisterError> {
        match self.fault(metric_name_fault(name), utf8_fault(name, false)) {
            Some(reason) => Err(RegisterError::InvalidName { name: name.into(), reason }),
            None => Ok(()),
        }
    }

    /// Checks the labels that every series of `family` will have.
    pub(super) fn check_labels<'a>(
        self,
        family: &'a str,
        kind: Option<Kind>,
        labels: impl Iterator<Item = &'a str>,
    ) -> Result<(), RegisterError> {
        let mut seen: Vec<&str> = Vec::new();
        for label in labels {
            if let Some(reason) = self.fault(label_name_fault(label, kind), utf8_fault(label, true))
            {
                let (family, label) = (family.into(), label.into());
                return Err(RegisterError::InvalidLabel { family, label, reason });
            }
            if seen.contains(&label) {
                let (family, label) = (family.into(), label.into());
                return Err(RegisterError::RepeatedLabel { family, label });
            }
            seen.push(label);
        }
        seen.extend(kind.and_then(|kind| own_label(family, kind)));
        self.check_escaped(family, &seen)
    }

    /// Checks that no scheme makes two labels of a family one.
    fn check_escaped(self, family: &str, labels: &[&str]) -> Result<(), RegisterError> {
        for &scheme in &self.schemes()[1..] {
            for (at, label) in labels.iter().enumerate() {
                let escaped = scheme.label_name(label);
                let same = labels[..at].iter().find(|other| scheme.label_name(other) == escaped);
                if let Some(existing) = same {
                    return Err(RegisterError::EscapedLabel {
                        family: family.into(),
                        label: (*label).into(),
                        existing: (*existing).into(),
                        escaped: escaped.into(),
                        escaping: scheme.parameter(),
                    });
                }
            }
        }
        Ok(())
    }

    /// Every name that a family may expose in some format under some scheme (R20): no two families
    /// may share one under the same scheme.
    pub(super) fn claims(self, name: &str, kind: Kind) -> Vec<(Escaping, String)> {
        let schemes = self.schemes().iter();
        schemes
            .flat_map(|&scheme| exposed(name, kind, scheme).map(move |sample| (scheme, sample)))
            .collect()
    }
}

/// Every name that a family may expose in some format under this scheme.
fn exposed(name: &str, kind: Kind, scheme: Escaping) -> impl Iterator<Item = String> {
    let (main, suffixes): (_, &[_]) = match kind {
        Kind::Counter | Kind::FloatCounter => ("_total", &["", "_total", "_created"]),
        Kind::Histogram => ("", &["", "_bucket", "_count", "_sum", "_created"]),
        Kind::Summary => ("", &["", "_count", "_sum", "_created"]),
        Kind::GaugeHistogram => ("", &["", "_bucket", "_count", "_sum", "_gcount", "_gsum"]),
        Kind::Info => (SUFFIX, &["", SUFFIX]),
        Kind::Gauge | Kind::UpDownCounter | Kind::InFlightAge | Kind::StateSet => ("", &[""]),
    };
    let stem = name.strip_suffix(main).unwrap_or(name);
    // With its suffix, if there is only one: the family's name is then what is left before it.
    let escaped = scheme.metric_name(&format!("{stem}{main}")).into_owned();
    let base = escaped.strip_suffix(main).unwrap_or(&escaped).to_owned();
    // A format without the suffix escapes what was registered.
    let bare = scheme.metric_name(stem).into_owned();
    suffixes.iter().map(move |suffix| format!("{base}{suffix}")).chain([bare])
}

const _: () = assert!(metric_name_fault("requests_total").is_none());
const _: () = assert!(metric_name_fault("9lives").is_some());
