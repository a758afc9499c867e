//! Families that the engine and its server expose beside the catalogue, for the documentation.
//! Upstream: nothing; a test compares it with what a server exposes. Downstream: docs.

use tmc_metrics::engine::Kind;

/// One family.
pub(super) struct Own {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) labels: &'static [&'static str],
    pub(super) meaning: &'static str,
}

const fn counter(
    name: &'static str,
    labels: &'static [&'static str],
    meaning: &'static str,
) -> Own {
    Own { name, kind: Kind::Counter, labels, meaning }
}

/// In the order of the documentation.
pub(super) const FAMILIES: &[Own] = &[
    counter(
        "tmc_engine_overflow_total",
        &["family"],
        "Look-ups beyond a family's limit of series; they count in a series whose labels say `__overflow__`",
    ),
    counter(
        "tmc_engine_refused_total",
        &["family", "reason"],
        "Values that no series can take: nan, negative, in_flight, exemplar or state",
    ),
    counter(
        "tmc_engine_collector_panics_total",
        &[],
        "Runs of collectors and callbacks that panicked; exposed from the first on",
    ),
    counter(
        "tmc_http_responses_total",
        &["code"],
        "Answers of the metrics server, refusals included",
    ),
    counter(
        "tmc_http_scrapes_total",
        &["code", "format", "coding"],
        "Scrapes that were answered or refused",
    ),
    counter(
        "tmc_http_sent_bytes_total",
        &["format"],
        "Bytes of answers to scrapes, heads included",
    ),
    Own {
        name: "tmc_http_scrape_duration_seconds",
        kind: Kind::Histogram,
        labels: &[],
        meaning: "Time from a scrape's request to the last byte of its answer",
    },
    Own {
        name: "tmc_http_render_duration_seconds",
        kind: Kind::Histogram,
        labels: &[],
        meaning: "Time to render and compress the answer to a scrape",
    },
    Own {
        name: "tmc_http_open_connections",
        kind: Kind::UpDownCounter,
        labels: &[],
        meaning: "Connections to the server",
    },
    counter("tmc_http_refused_connections_total", &["reason"], "Connections that were refused"),
    counter(
        "tmc_http_malformed_requests_total",
        &[],
        "Requests that were refused for what their head says",
    ),
];
