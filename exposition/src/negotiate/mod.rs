//! Chooses format and coding by `Accept` and `Accept-Encoding`. Upstream: `respond`, which passes the
//! headers on. Downstream: the encoders, the compressors and `Content-Type`.
//!
//! Rules: R02 to R06 of the exposition checklist; RFC 9110, sections 12.4.2, 12.5.1 and 12.5.3.

mod accept;
mod coding;
mod list;

use tmc_engine::Escaping;

/// What is written: one encoder each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus' text format.
    #[default]
    Text,
    /// OpenMetrics text.
    OpenMetrics,
    /// Prometheus' protobuf messages, each after its length.
    Protobuf,
}

/// A version of a format that a client can ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Version {
    /// `text/plain` 0.0.4, which every client reads.
    #[default]
    Text004,
    /// `text/plain` 1.0.0: 0.0.4 with names escaped as agreed.
    Text100,
    /// OpenMetrics 0.0.1, the draft; the same text as 1.0.0.
    OpenMetrics001,
    /// OpenMetrics 1.0.0.
    OpenMetrics100,
    /// `io.prometheus.client.MetricFamily`, delimited.
    Protobuf,
}

/// How a body is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Coding {
    /// Not at all.
    #[default]
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Coding {
    /// The value of `Content-Encoding`; none for [`Coding::Identity`].
    #[must_use]
    pub fn token(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }
}

/// What a scrape is answered with, but for its coding. The default is text 0.0.4, underscores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Exposition {
    /// The format and its version.
    pub version: Version,
    /// What becomes of names that are not `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    pub escaping: Escaping,
}

impl Exposition {
    /// What is encoded.
    #[must_use]
    pub fn format(self) -> Format {
        match self.version {
            Version::Text004 | Version::Text100 => Format::Text,
            Version::OpenMetrics001 | Version::OpenMetrics100 => Format::OpenMetrics,
            Version::Protobuf => Format::Protobuf,
        }
    }

    /// The value of `Content-Type`. Versions from 1.0.0 on always name their escaping; the older ones,
    /// and protobuf, only one that was asked for and is not the default, which they had before there was a choice.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        /// `plain`, and below it what follows it for each scheme.
        macro_rules! escaped {
            ($plain:literal, $underscores:literal) => {
                match self.escaping {
                    Escaping::Underscores => concat!($plain, $underscores),
                    Escaping::AllowUtf8 => concat!($plain, "; escaping=allow-utf-8"),
                    Escaping::Dots => concat!($plain, "; escaping=dots"),
                    Escaping::Values => concat!($plain, "; escaping=values"),
                }
            };
        }
        match self.version {
            Version::Text004 => escaped!("text/plain; version=0.0.4; charset=utf-8", ""),
            Version::Text100 => {
                escaped!("text/plain; version=1.0.0; charset=utf-8", "; escaping=underscores")
            }
            Version::OpenMetrics001 => {
                escaped!("application/openmetrics-text; version=0.0.1; charset=utf-8", "")
            }
            Version::OpenMetrics100 => escaped!(
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
                "; escaping=underscores"
            ),
            Version::Protobuf => escaped!(
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
                ""
            ),
        }
    }
}

/// What a client takes, gathered from its headers. The default is a client that said nothing: text
/// 0.0.4, not compressed. Takes any bytes, never fails and never allocates: what is malformed or
/// unknown is passed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Preferences {
    accept: accept::Accept,
    codings: coding::Codings,
}

impl Preferences {
    /// Takes note of one `Accept` line; several lines are one list.
    pub fn accept(&mut self, value: &[u8]) {
        self.accept.line(value);
    }

    /// Takes note of one `Accept-Encoding` line; several lines are one list.
    pub fn accept_encoding(&mut self, value: &[u8]) {
        self.codings.line(value);
    }

    /// The format that the client likes best of those that it names, the first of equals.
    ///
    /// Wildcards stand for text 0.0.4 and nothing else: OpenMetrics and protobuf must be asked for by
    /// name. A weight of zero refuses. A client that takes nothing of ours gets text 0.0.4.
    #[must_use]
    pub fn exposition(&self) -> Exposition {
        self.accept.best()
    }

    /// The coding that the client likes best; of equals zstd (quicker and smaller), then gzip.
    ///
    /// A wildcard stands for gzip, which everyone can read: zstd must be asked for by name. Whoever
    /// refuses even identity gets identity, rather than an error (RFC 9110, section 12.5.3).
    #[must_use]
    pub fn coding(&self) -> Coding {
        self.codings.best()
    }
}
