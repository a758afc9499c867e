//! Durations as people write them: `30`, `0.5`, `"30s"`, `"1m30s"`, `"24h"`.
//! Upstream: a configuration's values. Downstream: the configuration.

use std::fmt;
use std::time::Duration;

use serde::Deserializer;
use serde::de::{Error, Visitor};

/// What an error says one may write.
const FORMS: &str = "a number of seconds or text such as \"30s\", \"1m30s\", \"24h\" or \"500ms\"";

/// The units, and the nanoseconds in each.
const UNITS: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("h", 3_600 * 1_000_000_000),
    ("d", 86_400 * 1_000_000_000),
];

pub(super) fn collection_interval<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Duration, D::Error> {
    deserializer.deserialize_any(DurationVisitor { field: "collection_interval" })
}

pub(super) fn retention_period<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Duration, D::Error> {
    deserializer.deserialize_any(DurationVisitor { field: "retention_period" })
}

pub(super) fn family_retention<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    retention_period(deserializer).map(Some)
}

/// Names the field in every error, which a deserializer alone does not.
struct DurationVisitor {
    field: &'static str,
}

impl DurationVisitor {
    fn refuse<E: Error>(&self, value: impl fmt::Display, reason: impl fmt::Display) -> E {
        E::custom(format_args!("{}: {value} {reason}; write {FORMS}", self.field))
    }
}

impl Visitor<'_> for DurationVisitor {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{FORMS} for {}", self.field)
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<Duration, E> {
        Ok(Duration::from_secs(seconds))
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<Duration, E> {
        let positive = u64::try_from(seconds).map_err(|_| self.refuse(seconds, "is negative"))?;
        self.visit_u64(positive)
    }

    fn visit_f64<E: Error>(self, seconds: f64) -> Result<Duration, E> {
        Duration::try_from_secs_f64(seconds)
            .map_err(|_| self.refuse(seconds, "is negative, or too large for a duration"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        parse(text).map_err(|reason| self.refuse(format_args!("{text:?}"), reason))
    }
}

/// One or more numbers, each with its unit; a lone number without unit is seconds.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return scaled(text, 1_000_000_000);
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let tail = tail.trim_start();
        let end = tail.find(|c: char| !c.is_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        if number.is_empty() {
            return Err(format!("has no number before {rest:?}"));
        }
        if unit.is_empty() {
            return Err(format!("has no unit after {number}"));
        }
        let nanos = UNITS
            .iter()
            .find_map(|&(name, nanos)| (name == unit).then_some(nanos))
            .ok_or_else(|| format!("has the unknown unit {unit:?}"))?;
        total = total
            .checked_add(scaled(number, nanos)?)
            .ok_or_else(|| "is too large for a duration".to_owned())?;
        rest = tail.trim_start();
    }
    Ok(total)
}

/// `number` times `nanos` nanoseconds; whole numbers stay exact.
fn scaled(number: &str, nanos: u64) -> Result<Duration, String> {
    let too_large = || "is too large for a duration".to_owned();
    if number.bytes().all(|b| b.is_ascii_digit()) {
        let whole: u64 = number.parse().map_err(|_| too_large())?;
        let total = u128::from(whole) * u128::from(nanos);
        let seconds = u64::try_from(total / 1_000_000_000).map_err(|_| too_large())?;
        let nanos = u32::try_from(total % 1_000_000_000).map_err(|_| too_large())?;
        return Ok(Duration::new(seconds, nanos));
    }
    let value: f64 = number.parse().map_err(|_| format!("has {number:?}, which is no number"))?;
    Duration::try_from_secs_f64(value * nanos as f64 / 1e9).map_err(|_| too_large())
}
