//! Which format, by `Accept`. Upstream: `list`. Downstream: `Preferences`.

use tmc_engine::Escaping;

use super::list::{self, Entry, Weight};
use super::{Exposition, Version};

/// What matters of all that was read so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Accept {
    /// The first of the heaviest entries that name something we have.
    named: Option<(Exposition, Weight)>,
    /// Whether text 0.0.4 was named or refused: ranges then say nothing of it.
    text: bool,
    /// The heaviest `text/*`.
    any_text: Option<Weight>,
    /// The heaviest `*/*`.
    any: Option<Weight>,
}

/// What one entry asks for.
enum Range {
    Any,
    AnyText,
    One(Exposition),
}

impl Accept {
    pub(super) fn line(&mut self, value: &[u8]) {
        for (range, weight) in list::entries(value).filter_map(read) {
            match range {
                Range::Any => self.any = self.any.max(Some(weight)),
                Range::AnyText => self.any_text = self.any_text.max(Some(weight)),
                Range::One(exposition) => {
                    self.text |= exposition.version == Version::Text004;
                    if self.named.is_none_or(|(_, best)| best < weight) {
                        self.named = Some((exposition, weight));
                    }
                }
            }
        }
    }

    pub(super) fn best(self) -> Exposition {
        // The narrower range counts (RFC 9110, section 12.5.1).
        let by_range = if self.text { None } else { self.any_text.or(self.any) };
        match self.named {
            Some((named, weight)) if weight > 0 && Some(weight) >= by_range => named,
            _ => Exposition::default(),
        }
    }
}

/// None for entries that are malformed and for what we do not have.
fn read(entry: Entry<'_>) -> Option<(Range, Weight)> {
    let is = |media_type: &[u8]| entry.head.eq_ignore_ascii_case(media_type);
    let (mut version, mut escaping) = (None, Escaping::default());
    let (mut family, mut delimited) = (false, false);
    let weight = entry.read(|name, value| {
        if name.eq_ignore_ascii_case(b"version") {
            version = Some(value);
        } else if name.eq_ignore_ascii_case(b"escaping") {
            let known = Escaping::ALL.into_iter().find(|scheme| value.is(scheme.parameter()));
            escaping = known.unwrap_or_default();
        } else if name.eq_ignore_ascii_case(b"proto") {
            family = value.is("io.prometheus.client.MetricFamily");
        } else if name.eq_ignore_ascii_case(b"encoding") {
            delimited = value.is("delimited");
        }
    })?;
    let version_is = |text| version.is_some_and(|version| version.is(text));
    let version = if is(b"*/*") {
        return Some((Range::Any, weight));
    } else if is(b"text/*") {
        return Some((Range::AnyText, weight));
    } else if is(b"text/plain") {
        match version {
            None => Version::Text004,
            Some(_) if version_is("0.0.4") => Version::Text004,
            Some(_) if version_is("1.0.0") => Version::Text100,
            Some(_) => return None,
        }
    } else if is(b"application/openmetrics-text") {
        match version {
            // As Prometheus' own library for Go has it; the text is the same.
            None => Version::OpenMetrics001,
            Some(_) if version_is("0.0.1") => Version::OpenMetrics001,
            Some(_) if version_is("1.0.0") => Version::OpenMetrics100,
            Some(_) => return None,
        }
    } else if is(b"application/vnd.google.protobuf") && family && delimited {
        Version::Protobuf
    } else {
        return None;
    };
    Some((Range::One(Exposition { version, escaping }), weight))
}
