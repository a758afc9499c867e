//! What the server counts of itself, in the registry that it serves: a scrape shows what was before it.
//!
//! Upstream: `connection` and `event_loop`, on the loop's thread. Downstream: the registry. Two
//! servers of one registry count together.

use std::time::Duration;

use tmc_engine::{
    Counter, CounterFamily, Histogram, HistogramSpec, RegisterError, Registry, UpDownCounter,
};

use super::response;
use crate::negotiate::{Format, Preferences};

/// Why a connection was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There are as many as may be: it was told so.
    Limit,
    /// There were too many to be told.
    Overload,
    /// The system had no descriptor for it, or lost it at once.
    System,
}

impl Refused {
    fn reason(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Overload => "overload",
            Self::System => "system",
        }
    }
}

/// The status of scrapes that were not let in. They took no time, and are in no histogram.
const UNAUTHORIZED: u16 = 401;

/// A scrape that was answered, or refused for who asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scrape {
    pub(crate) preferences: Preferences,
    pub(crate) code: u16,
    /// The answer's, as `Content-Encoding` names it.
    pub(crate) coding: Option<&'static str>,
    /// Of head and body, as far as they were sent.
    pub(crate) bytes: u64,
    /// From the request to the last byte in the kernel's hands.
    pub(crate) duration: Duration,
    /// Of that, what rendering took; zero where nothing was rendered.
    pub(crate) rendering: Duration,
}

/// The server's own metrics. Those that could not be registered are left out.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    responses: Option<CounterFamily<1>>,
    scrapes: Option<CounterFamily<3>>,
    sent: Option<CounterFamily<1>>,
    duration: Option<Histogram>,
    rendering: Option<Histogram>,
    open: Option<UpDownCounter>,
    refused: Option<CounterFamily<1>>,
    malformed: Option<Counter>,
}

impl Meter {
    /// Registers all, and logs what cannot be.
    pub(crate) fn new(registry: &Registry) -> Self {
        let seconds = HistogramSpec::seconds(&[
            0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
        ]);
        let meter = Self {
            responses: noted(registry.counter_family(
                "tmc_http_responses_total",
                "Answers of every kind, refusals included, by status code; unusual codes are other",
                ["code"],
            )),
            scrapes: noted(registry.counter_family(
                "tmc_http_scrapes_total",
                "Scrapes that were answered or refused, by status code, format and compression",
                ["code", "format", "coding"],
            )),
            sent: noted(registry.counter_family(
                "tmc_http_sent_bytes_total",
                "Bytes of answers to scrapes, heads included, by format",
                ["format"],
            )),
            duration: noted(registry.histogram(
                "tmc_http_scrape_duration_seconds",
                "Time from a scrape's request to the last byte of its answer, where it was let in",
                &seconds,
            )),
            rendering: noted(registry.histogram(
                "tmc_http_render_duration_seconds",
                "Time to render and compress the answer to a scrape, after the registry was read",
                &seconds,
            )),
            open: noted(
                registry.up_down_counter("tmc_http_open_connections", "Connections to the server"),
            ),
            refused: noted(registry.counter_family(
                "tmc_http_refused_connections_total",
                "Connections that were refused: beyond the limit, in a flood, or by the system",
                ["reason"],
            )),
            malformed: noted(registry.counter(
                "tmc_http_malformed_requests_total",
                "Requests that were refused for what their head says",
            )),
        };
        if let Some(refused) = &meter.refused {
            refused.init(
                [Refused::Limit, Refused::Overload, Refused::System].map(|why| [why.reason()]),
            );
        }
        meter
    }

    /// An answer has begun, whether or not its reader takes it. Pages choose their codes, so those that
    /// are unusual share a series.
    pub(crate) fn answered(&self, code: u16) {
        if let Some(responses) = &self.responses {
            let mut digits = itoa::Buffer::new();
            let is_usual = response::is_usual(code);
            responses.at([if is_usual { digits.format(code) } else { "other" }]).inc();
        }
    }

    /// A scrape has been answered in full.
    pub(crate) fn scraped(&self, scrape: &Scrape) {
        let format = match scrape.preferences.exposition().format() {
            Format::Text => "text",
            Format::OpenMetrics => "openmetrics",
            Format::Protobuf => "protobuf",
        };
        if let Some(scrapes) = &self.scrapes {
            let mut code = itoa::Buffer::new();
            let coding = scrape.coding.unwrap_or("identity");
            scrapes.at([code.format(scrape.code), format, coding]).inc();
        }
        if let Some(sent) = &self.sent {
            sent.at([format]).inc_by(scrape.bytes);
        }
        if let Some(duration) = &self.duration
            && scrape.code != UNAUTHORIZED
        {
            duration.observe_duration(scrape.duration);
        }
        if let Some(rendering) = &self.rendering
            && !scrape.rendering.is_zero()
        {
            rendering.observe_duration(scrape.rendering);
        }
    }

    /// A connection has been opened.
    pub(crate) fn opened(&self) {
        self.open.iter().for_each(UpDownCounter::inc);
    }

    /// One that was opened has gone.
    pub(crate) fn closed(&self) {
        self.open.iter().for_each(UpDownCounter::dec);
    }

    /// A connection was refused.
    pub(crate) fn refused(&self, why: Refused) {
        if let Some(refused) = &self.refused {
            refused.at([why.reason()]).inc();
        }
    }

    /// A head was refused.
    pub(crate) fn malformed(&self) {
        self.malformed.iter().for_each(Counter::inc);
    }
}

/// What was registered, or nothing and a line in the log.
fn noted<T>(result: Result<T, RegisterError>) -> Option<T> {
    result
        .inspect_err(|error| {
            log::warn!("the metrics server does without one of its metrics: {error}")
        })
        .ok()
}
