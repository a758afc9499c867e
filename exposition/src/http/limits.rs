//! What a client may take of the server: connections, bytes and time.
//!
//! Upstream: the application. Downstream: `event_loop` and `connection`, which enforce them.

use std::time::Duration;

use super::ServeError;

/// Most headers that [`Limits::headers`] may allow; they are parsed on the stack.
pub const MAX_HEADERS: usize = 256;

/// No wait is longer, so that adding one to the present never overflows.
const MAX_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// The server's limits. Each can be changed alone: `Limits { connections: 16, ..Limits::default() }`.
///
/// | limit | beyond it |
/// |---|---|
/// | `connections` | whoever has been idle for longest is closed; if nobody is, 503 with `Retry-After`, closed |
/// | `head_bytes`, `headers` | 431, closed |
/// | `body_bytes` | 413, closed |
/// | `waiting`, `scrape_time` | 503 with `Retry-After` |
/// | `pending_bytes` | the client that has taken nothing of its answer for longest, and for 5 s, is closed |
/// | `requests` | closed after the answer, which says so |
/// | `head_time` | 408, closed (closed only, if not one byte came) |
/// | `idle_time`, `write_time`, `answer_time`, `linger_time`, `shutdown_time` | closed |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open connections at a time. Where all places are taken, a newcomer gets that of the connection
    /// that has been idle or silent for longest. Those that have not sent a whole request, new ones and
    /// half-written heads, may hold half of the places together: when they do, one of them goes, the
    /// first to have begun. A request that is being answered is never given up for a newcomer. Choosing
    /// takes a look at each connection. Default 256.
    pub connections: usize,
    /// Bytes of a request's head: request line, headers and the empty line. Default 8 KiB.
    pub head_bytes: usize,
    /// Headers of a request, at most [`MAX_HEADERS`]. Default 64.
    pub headers: usize,
    /// Bytes of a request's body, which is read and dropped. Default 64 KiB.
    pub body_bytes: u64,
    /// Bytes of bodies that wait for their readers, all connections together. What several answers share
    /// counts once, also where the next scrape will use it again; one answer alone may be larger. Who
    /// does not read makes room for who asks; beyond twice as much, so does who reads slowly. Answers
    /// of less than 64 KiB are left alone. Default 128 MiB.
    pub pending_bytes: usize,
    /// Scrapes that may wait at a time while collectors run, likewise requests for pages while a
    /// handler runs, and those for `/readyz` while its check does. Default 64.
    pub waiting: usize,
    /// Requests of one connection. Default 10,000.
    pub requests: u64,
    /// For a scrape to be rendered, a page to be made or `/readyz` to be decided, from the request on. A client that says how
    /// long it waits (`X-Prometheus-Scrape-Timeout-Seconds`) gets its 503 just before that, if that is
    /// sooner. Default 60 s.
    pub scrape_time: Duration,
    /// From the first byte of a head (for a new connection: from its begin) to its end.
    /// Default 10 s.
    pub head_time: Duration,
    /// Between two requests of a connection. Should be longer than the scrape interval, or each scrape
    /// needs a new connection, and with TLS a new handshake. Default 150 s.
    pub idle_time: Duration,
    /// Without one more byte of an answer taken by the client's side. Default 30 s.
    pub write_time: Duration,
    /// For an answer as a whole, however steadily its reader takes it: what it holds is gone for
    /// others. Default 120 s.
    pub answer_time: Duration,
    /// After a last answer, for the client to close its side. Default 2 s.
    pub linger_time: Duration,
    /// For the answers that are on their way when the server is shut down. A collector or a handler
    /// that hangs longer is left behind on its thread. Default 5 s.
    pub shutdown_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            head_bytes: 8 << 10,
            headers: 64,
            body_bytes: 64 << 10,
            pending_bytes: 128 << 20,
            waiting: 64,
            requests: 10_000,
            scrape_time: Duration::from_secs(60),
            head_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(150),
            write_time: Duration::from_secs(30),
            answer_time: Duration::from_secs(120),
            linger_time: Duration::from_secs(2),
            shutdown_time: Duration::from_secs(5),
        }
    }
}

impl Limits {
    /// The limits as the server will use them: waits of more than a day become a day.
    pub(crate) fn checked(mut self) -> Result<Self, ServeError> {
        let refuse = |limit, reason| Err(ServeError::Limit { limit, reason });
        if self.connections == 0 {
            return refuse("connections", "must be 1 or more");
        }
        if self.head_bytes < 64 {
            return refuse("head_bytes", "must be 64 or more, or no request fits");
        }
        if self.headers == 0 || self.headers > MAX_HEADERS {
            return refuse("headers", "must be 1 to 256");
        }
        if self.waiting == 0 {
            return refuse("waiting", "must be 1 or more, or no scrape is answered");
        }
        if self.requests == 0 {
            return refuse("requests", "must be 1 or more");
        }
        let waits = [
            ("scrape_time", &mut self.scrape_time),
            ("head_time", &mut self.head_time),
            ("idle_time", &mut self.idle_time),
            ("write_time", &mut self.write_time),
            ("answer_time", &mut self.answer_time),
            ("linger_time", &mut self.linger_time),
        ];
        for (limit, wait) in waits {
            if wait.is_zero() {
                return refuse(limit, "must be longer than zero");
            }
            *wait = (*wait).min(MAX_WAIT);
        }
        self.shutdown_time = self.shutdown_time.min(MAX_WAIT);
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_hold() {
        assert_eq!(Limits::default().checked().unwrap(), Limits::default());
    }

    #[test]
    fn a_limit_that_lets_nothing_through_is_refused_by_name() {
        let default = Limits::default;
        let refused = [
            ("connections", Limits { connections: 0, ..default() }),
            ("head_bytes", Limits { head_bytes: 63, ..default() }),
            ("headers", Limits { headers: 0, ..default() }),
            ("headers", Limits { headers: MAX_HEADERS + 1, ..default() }),
            ("waiting", Limits { waiting: 0, ..default() }),
            ("requests", Limits { requests: 0, ..default() }),
            ("scrape_time", Limits { scrape_time: Duration::ZERO, ..default() }),
            ("head_time", Limits { head_time: Duration::ZERO, ..default() }),
            ("idle_time", Limits { idle_time: Duration::ZERO, ..default() }),
            ("write_time", Limits { write_time: Duration::ZERO, ..default() }),
            ("answer_time", Limits { answer_time: Duration::ZERO, ..default() }),
            ("linger_time", Limits { linger_time: Duration::ZERO, ..default() }),
        ];
        for (name, limits) in refused {
            let error = limits.checked().unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn endless_waits_become_a_day() {
        let limits =
            Limits { idle_time: Duration::MAX, shutdown_time: Duration::MAX, ..Limits::default() };
        let checked = limits.checked().unwrap();
        assert_eq!((checked.idle_time, checked.shutdown_time), (MAX_WAIT, MAX_WAIT));
    }
}
