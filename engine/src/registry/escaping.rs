//! Escaping: what a name becomes for a scraper that does not take all of UTF-8.
//! Upstream: registry, which refuses names that a scheme makes equal. Downstream: exposition.

use std::borrow::Cow;
use std::fmt::Write;

/// How names outside the legacy character set are exposed; a scraper asks for one of these.
///
/// A legacy name is `[a-zA-Z_:][a-zA-Z0-9_:]*`, without the colon for a label. What each scheme does:
///
/// | scheme | legacy names | other names: each `_` | each `.` | other characters outside the set |
/// |---|---|---|---|---|
/// | `underscores` | as they are | as it is | `_` | `_` |
/// | `dots` | as they are | `__` | `_dot_` | `__` |
/// | `values` | as they are, unless they begin with `U__` | `__` | `_2e_` | code point in hexadecimal, between `_`; `U__` in front of the whole |
/// | `allow-utf-8` | as they are | as it is | as it is | as they are: the format quotes the name |
///
/// A digit that comes first is outside the set. Where the document and Prometheus' own Go code
/// disagree, scrapers get what the Go code sends: `dots` leaves legacy names alone (the document
/// doubles their underscores) and turns other characters into two underscores (the document: one);
/// `values` writes lower-case digits (the document: upper case). In two cases the Go code cannot be
/// right and is not followed: it leaves `a:b` as the name of a label, which no scraper takes, and its
/// `values` leaves legacy names that begin with `U__`, which a scraper un-escapes to other names.
///
/// Escape the whole name of a counter, `_total` included; of a type with several suffixes (`_bucket`,
/// `_sum`, ...) the family's name, and append the suffix to what comes out, as the Go code does: sample
/// names then are the same in every format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Escaping {
    /// Everything else becomes an underscore: what a scraper gets that asks for nothing.
    #[default]
    Underscores,
    /// No escaping.
    AllowUtf8,
    /// Legible, and mostly reversible.
    Dots,
    /// Reversible, and so different for different names.
    Values,
}

impl Escaping {
    /// All of them, the default first.
    pub const ALL: [Self; 4] = [Self::Underscores, Self::AllowUtf8, Self::Dots, Self::Values];

    /// The value of the `escaping` parameter of Accept and Content-Type.
    #[must_use]
    pub const fn parameter(self) -> &'static str {
        match self {
            Self::Underscores => "underscores",
            Self::AllowUtf8 => "allow-utf-8",
            Self::Dots => "dots",
            Self::Values => "values",
        }
    }

    /// The name of a metric under this scheme. Allocates only if it changes.
    #[must_use]
    pub fn metric_name(self, name: &str) -> Cow<'_, str> {
        self.escape(name, true)
    }

    /// The name of a label under this scheme. Allocates only if it changes.
    #[must_use]
    pub fn label_name(self, name: &str) -> Cow<'_, str> {
        self.escape(name, false)
    }

    fn escape(self, name: &str, colons: bool) -> Cow<'_, str> {
        let stays = match self {
            Self::AllowUtf8 => true,
            Self::Values => is_legacy(name, colons) && !name.starts_with(VALUES_PREFIX),
            Self::Underscores | Self::Dots => is_legacy(name, colons),
        };
        if stays || name.is_empty() {
            return Cow::Borrowed(name);
        }
        let mut escaped = String::with_capacity(2 * name.len());
        if self == Self::Values {
            escaped.push_str(VALUES_PREFIX);
        }
        for (at, c) in name.chars().enumerate() {
            self.push(&mut escaped, c, at == 0, colons);
        }
        Cow::Owned(escaped)
    }

    /// Appends a character of a name that does not stay as it is.
    fn push(self, out: &mut String, c: char, first: bool, colons: bool) {
        match (self, c) {
            (Self::Dots | Self::Values, '_') => out.push_str("__"),
            _ if is_legacy_char(c, first, colons) => out.push(c),
            (Self::Underscores, _) => out.push('_'),
            (Self::Dots, '.') => out.push_str("_dot_"),
            (Self::Dots, _) => out.push_str("__"),
            (Self::Values, _) => {
                let _ = write!(out, "_{:x}_", u32::from(c)); // to a String: cannot fail
            }
            (Self::AllowUtf8, _) => out.push(c),
        }
    }
}

/// What names that were escaped by their values begin with.
const VALUES_PREFIX: &str = "U__";

fn is_legacy(name: &str, colons: bool) -> bool {
    !name.is_empty()
        && name.bytes().enumerate().all(|(at, byte)| is_legacy_char(byte.into(), at == 0, colons))
}

fn is_legacy_char(c: char, first: bool, colons: bool) -> bool {
    c.is_ascii_alphabetic() || c == '_' || (colons && c == ':') || (!first && c.is_ascii_digit())
}
