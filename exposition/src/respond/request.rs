//! The parts of a request that choose its answer. Upstream: `http`, or the server that a user already
//! runs. Downstream: `Responder`.

use std::time::Duration;

use crate::negotiate::Preferences;

/// Prometheus says in it how many seconds it will wait.
const SCRAPE_TIMEOUT: &str = "x-prometheus-scrape-timeout-seconds";

/// Longer than any scraper waits.
const LONGEST_TIMEOUT: f64 = 86_400.0;

/// The parts of a request that choose the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// As sent: methods are case-sensitive.
    pub method: &'a str,
    /// Without scheme, authority and query; `/` at least, except for the target `*`.
    pub path: &'a str,
    /// What follows the `?`.
    pub query: Option<&'a str>,
    /// Formats and codings that the client takes.
    pub preferences: Preferences,
    /// How long the client will wait for a scrape, if it said so.
    pub timeout: Option<Duration>,
}

impl<'a> Request<'a> {
    /// Splits a request target (RFC 9112, section 3.2), which may be in absolute form.
    pub fn new(method: &'a str, target: &'a str) -> Self {
        let local = strip_authority(target);
        let (path, query) = match local.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (local, None),
        };
        let path = if path.is_empty() { "/" } else { path };
        Self { method, path, query, preferences: Preferences::default(), timeout: None }
    }

    /// Takes note of one header line: `Accept`, `Accept-Encoding` and
    /// `X-Prometheus-Scrape-Timeout-Seconds`. All others change nothing.
    #[must_use]
    pub fn header(mut self, name: &str, value: &[u8]) -> Self {
        if name.eq_ignore_ascii_case("accept") {
            self.preferences.accept(value);
        } else if name.eq_ignore_ascii_case("accept-encoding") {
            self.preferences.accept_encoding(value);
        } else if name.eq_ignore_ascii_case(SCRAPE_TIMEOUT) {
            self.timeout = seconds(value).or(self.timeout);
        }
        self
    }
}

/// A positive number of seconds; of what cannot be read, nothing.
fn seconds(value: &[u8]) -> Option<Duration> {
    let seconds: f64 = std::str::from_utf8(value).ok()?.trim().parse().ok()?;
    (seconds > 0.0).then(|| Duration::from_secs_f64(seconds.min(LONGEST_TIMEOUT)))
}

/// `http://host:port/path` to `/path`; anything else stays as it is.
fn strip_authority(target: &str) -> &str {
    let Some((scheme, rest)) = target.split_once("://") else { return target };
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return target;
    }
    rest.find(['/', '?']).map_or("", |start| &rest[start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_a_positive_number_of_seconds() {
        let timeout = |value: &str| {
            Request::new("GET", "/")
                .header("X-PROMETHEUS-scrape-timeout-seconds", value.as_bytes())
                .timeout
        };
        assert_eq!(timeout("9.5"), Some(Duration::from_millis(9500)));
        assert_eq!(timeout(" 10 "), Some(Duration::from_secs(10)));
        assert_eq!(timeout("1e300"), Some(Duration::from_secs(86_400)));
        for nonsense in ["", "0", "-1", "NaN", "ten", "1 s"] {
            assert_eq!(timeout(nonsense), None, "{nonsense}");
        }
    }
}
