//! Headers as clients send them, what each gets, and any other header beside a slow judge.

#[path = "../../fuzz/src/negotiation.rs"]
pub mod judge;

use proptest::prelude::*;
use tmc_engine::Escaping;
use tmc_exposition::{Coding, Exposition, Format, Preferences, Version};

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const TEXT_1: &str = "text/plain; version=1.0.0; charset=utf-8; escaping=";
const OPEN_METRICS_DRAFT: &str = "application/openmetrics-text; version=0.0.1; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=";
const PROTOBUF: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

fn content_type(lines: &[&str]) -> &'static str {
    let mut preferences = Preferences::default();
    lines.iter().for_each(|line| preferences.accept(line.as_bytes()));
    preferences.exposition().content_type()
}

fn coding(lines: &[&str]) -> Coding {
    let mut preferences = Preferences::default();
    lines.iter().for_each(|line| preferences.accept_encoding(line.as_bytes()));
    preferences.coding()
}

#[test]
fn each_scraper_gets_what_it_likes_best() {
    let proto = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
    let underscores = format!("{OPEN_METRICS}underscores");
    let utf_8 = format!("{OPEN_METRICS}allow-utf-8");
    let cases = [
        ("Prometheus 2.0", "text/plain;version=0.0.4;q=1,*/*;q=0.1".into(), TEXT),
        (
            "Prometheus 2.22",
            "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1".into(),
            OPEN_METRICS_DRAFT,
        ),
        (
            "Prometheus 2.42",
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1".into(),
            &underscores,
        ),
        (
            "Prometheus 2.42 with native histograms",
            format!("{proto},application/openmetrics-text;version=1.0.0;q=0.8,\
             application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"),
            PROTOBUF,
        ),
        (
            "Prometheus 2.53",
            "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
             text/plain;version=0.0.4;q=0.3,*/*;q=0.2".into(),
            &underscores,
        ),
        (
            "Prometheus 2.53 with native histograms",
            format!("{proto};q=0.5,application/openmetrics-text;version=1.0.0;q=0.4,\
             application/openmetrics-text;version=0.0.1;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"),
            PROTOBUF,
        ),
        (
            "Prometheus 3.5, and Grafana Alloy, which scrapes with its code",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
             text/plain;version=0.0.4;q=0.3,*/*;q=0.2".into(),
            &utf_8,
        ),
        (
            "Prometheus 3.5 with native histograms",
            format!("{proto};q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
             application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
             text/plain;version=0.0.4;q=0.2,*/*;q=0.1"),
            PROTOBUF,
        ),
        (
            "Prometheus 3.5, set to text 1.0.0 and legacy names",
            "text/plain;version=1.0.0;escaping=underscores;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1".into(),
            &format!("{TEXT_1}underscores"),
        ),
        ("vmagent", "text/plain;version=0.0.4;q=1,*/*;q=0.1".into(), TEXT),
        ("Telegraf", format!("{proto};q=0.7,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"), PROTOBUF),
        ("curl", "*/*".into(), TEXT),
        (
            "Chromium",
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,\
             application/signed-exchange;v=b3;q=0.7".into(),
            TEXT,
        ),
        (
            "Firefox",
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/png,image/svg+xml,*/*;q=0.8".into(),
            TEXT,
        ),
        ("Java", "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2".into(), TEXT),
    ];
    for (who, accept, expected) in cases {
        assert_eq!(content_type(&[&accept]), expected, "{who}");
    }
    assert_eq!(content_type(&[]), TEXT, "no header");
}

#[test]
fn accept_is_weighed() {
    let open_metrics: &str = &format!("{OPEN_METRICS}underscores");
    let proto = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily";
    let delimited: &str = &format!("{proto};encoding=delimited");
    let cases: [(&[&str], &str); 42] = [
        // What names nothing of ours, or only by a wildcard, gets text.
        (&[""], TEXT),
        (&["application/json"], TEXT),
        (&["text/*"], TEXT),
        (&["application/*"], TEXT),
        (&["application/*, text/plain;q=0.1"], TEXT),
        (&["*/*;version=1.0.0;escaping=allow-utf-8"], TEXT),
        (&["text/plain"], TEXT),
        (&["text/plain;version=0.0.3"], TEXT),
        (&["text/plain;charset=iso-8859-1"], TEXT),
        // Versions.
        (&["application/openmetrics-text"], OPEN_METRICS_DRAFT),
        (&["application/openmetrics-text;version=0.0.1"], OPEN_METRICS_DRAFT),
        (&["application/openmetrics-text; version=1.0.0; charset=utf-8"], open_metrics),
        (&["application/openmetrics-text;version=2.0.0"], TEXT),
        (&["application/openmetrics-text;version=99.0.0,text/plain;version=0.0.4;q=0.5"], TEXT),
        (
            &[
                "application/openmetrics-text;version=2.0.0,application/openmetrics-text;version=1.0.0;q=0.1",
            ],
            open_metrics,
        ),
        (&["text/plain;version=1.0.0;q=0.1"], &format!("{TEXT_1}underscores")),
        // Protobuf needs both of its parameters.
        (&[delimited], PROTOBUF),
        (&[proto], TEXT),
        (&[&format!("{proto};encoding=text")], TEXT),
        (&["application/vnd.google.protobuf;encoding=delimited"], TEXT),
        (&["application/vnd.google.protobuf;proto=other;encoding=delimited"], TEXT),
        // Weights: the heaviest, not the first; zero refuses; the first of equals.
        (
            &["application/openmetrics-text;version=1.0.0;q=0.2,text/plain;version=0.0.4;q=0.8"],
            TEXT,
        ),
        (
            &["text/plain;version=0.0.4;q=0.3,application/openmetrics-text;version=1.0.0;q=0.9"],
            open_metrics,
        ),
        (&["text/plain;q=0.998,application/openmetrics-text;version=1.0.0;q=0.999"], open_metrics),
        (&["application/openmetrics-text;version=1.0.0;q=0,text/plain;version=0.0.4;q=0.1"], TEXT),
        (&["application/openmetrics-text;version=1.0.0;q=0"], TEXT),
        (&["application/openmetrics-text;q=0.000,*/*;q=0.5"], TEXT),
        (&["text/plain,application/openmetrics-text;version=1.0.0"], TEXT),
        (&["application/openmetrics-text;version=1.0.0,text/plain"], open_metrics),
        // A wildcard weighs for text, unless something narrower does; what is named wins from it.
        (&["*/*;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5"], TEXT),
        (&["*/*,application/openmetrics-text;version=1.0.0"], open_metrics),
        (&["*/*,text/*;q=0.4,application/openmetrics-text;version=1.0.0;q=0.5"], open_metrics),
        (&["*/*,text/plain;q=0,application/openmetrics-text;version=1.0.0;q=0.5"], open_metrics),
        (&["*/*,text/plain;version=1.0.0;q=0.5"], TEXT),
        // Spelling.
        (&["Application/OpenMetrics-Text;Version=1.0.0;Q=0.9,text/plain;q=0.1"], open_metrics),
        (
            &["application/openmetrics-text ; version=\"1.0.0\" ;; q=0.9 \t,, text/plain;q=0.1"],
            open_metrics,
        ),
        (
            &["text/plain;q=0.1;x=\",;\\\"\",application/openmetrics-text;version=\"1\\.0.0\""],
            open_metrics,
        ),
        // Several lines are one list.
        (
            &["text/plain;version=0.0.4;q=0.1", "application/openmetrics-text;version=1.0.0;q=0.9"],
            open_metrics,
        ),
        (&["text/plain;q=0.5", "application/openmetrics-text;q=0.5"], TEXT),
        // Malformed entries count for nothing, and do not spoil the others.
        (&[";;q=abc,,text/plain;q=9;version"], TEXT),
        (
            &[
                "text/plain;q=1.1, text/plain;q=, text/plain;version, application/openmetrics-text;version=1.0.0;q=0.1",
            ],
            open_metrics,
        ),
        (&["application/openmetrics-text;version=1.0.0;x=\"y, text/plain;q=0.1"], TEXT),
    ];
    for (lines, expected) in cases {
        assert_eq!(content_type(lines), expected, "{lines:?}");
    }
}

#[test]
fn only_known_escaping_comes_back() {
    let cases = [
        ("text/plain;version=1.0.0", TEXT_1, "underscores"),
        ("application/openmetrics-text;version=1.0.0", OPEN_METRICS, "underscores"),
        ("text/plain", TEXT, ""),
        ("application/openmetrics-text", OPEN_METRICS_DRAFT, ""),
        (
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
            PROTOBUF,
            "",
        ),
    ];
    for (accept, expected, default) in cases {
        for unknown in
            ["", ";escaping=underscores", ";escaping=no", ";escaping=Dots", ";escaping=\"\""]
        {
            let content_type = content_type(&[&format!("{accept}{unknown}")]);
            assert_eq!(content_type, format!("{expected}{default}"), "{accept}{unknown}");
        }
        let separator = if default.is_empty() { "; escaping=" } else { "" };
        for known in ["allow-utf-8", "dots", "values"] {
            let content_type = content_type(&[&format!("{accept};escaping=\"{known}\"")]);
            assert_eq!(content_type, format!("{expected}{separator}{known}"));
        }
    }
    // An entry's escaping is its own.
    let of_another =
        "application/openmetrics-text;version=9;escaping=dots,text/plain;version=1.0.0";
    assert_eq!(content_type(&[of_another]), format!("{TEXT_1}underscores"));
}

#[test]
fn what_is_chosen_says_so_in_its_content_type() {
    use Version::{OpenMetrics001, OpenMetrics100, Protobuf, Text004, Text100};
    for version in [Text004, Text100, OpenMetrics001, OpenMetrics100, Protobuf] {
        for escaping in Escaping::ALL {
            let exposition = Exposition { version, escaping };
            let mut preferences = Preferences::default();
            preferences.accept(exposition.content_type().as_bytes());
            assert_eq!(preferences.exposition(), exposition, "a client that sends it back gets it");
            let begins = match exposition.format() {
                Format::Text => "text/plain; ",
                Format::OpenMetrics => "application/openmetrics-text; ",
                Format::Protobuf => "application/vnd.google.protobuf; ",
            };
            assert!(exposition.content_type().starts_with(begins));
        }
    }
    assert_eq!(Preferences::default().exposition(), Exposition::default());
    assert_eq!(Exposition::default().content_type(), TEXT);
}

#[test]
fn accept_encoding_is_weighed() {
    use Coding::{Gzip, Identity, Zstd};
    let cases: [(&[&str], Coding); 28] = [
        (&[], Identity),
        (&[""], Identity),
        (&["identity"], Identity),
        (&["gzip"], Gzip), // Prometheus
        (&["x-gzip"], Gzip),
        (&["GZip"], Gzip),
        (&["gzip, deflate, br, zstd"], Zstd), // browsers
        (&["deflate, br"], Identity),
        (&["gzip;q=0.001"], Gzip),
        (&["gzip;q=1.0, identity;q=0.5"], Gzip),
        (&["gzip;q=0.5, identity;q=0.6"], Identity),
        (&["gzip, identity"], Gzip),
        (&["zstd;q=0.8, gzip;q=0.9"], Gzip),
        (&["gzip;q=0.9", "zstd;q=0.9"], Zstd),
        (&["*"], Gzip),
        (&["*, gzip;q=0"], Identity),
        (&["*;q=0.5, gzip;q=0.3"], Identity),
        (&["*;q=0.5, zstd;q=0.6"], Zstd),
        // Refusals.
        (&["gzip;q=0"], Identity),
        (&["gzip;q=0.000, zstd;q=0."], Identity),
        (&["gzip;q=0, identity"], Identity),
        (&["identity;q=0, gzip"], Gzip),
        (&["identity;q=0, *;q=0.1"], Gzip),
        (&["identity;q=0"], Identity), // nothing else is left
        (&["*;q=0"], Identity),
        // Malformed entries.
        (&["gzip;q=2"], Identity),
        (&["gzip;q, zstd;q=0.1234, ;, gzip;q=0.2;"], Gzip),
        (&["\"gzip, zstd"], Identity),
    ];
    for (lines, expected) in cases {
        assert_eq!(coding(lines), expected, "{lines:?}");
    }
    assert_eq!([Identity, Gzip, Zstd].map(Coding::token), [None, Some("gzip"), Some("zstd")]);
}

/// Pieces of headers, put together at random: most entries are well-formed, and some are not.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let head = prop_oneof![
        4 => prop::sample::select(vec![
            "text/plain", "Text/Plain", "application/openmetrics-text", "application/vnd.google.protobuf",
            "*/*", "text/*", "application/*", "gzip", "x-gzip", "zstd", "identity", "*", "br",
        ]).prop_map(str::to_owned),
        1 => "[a-z*/\" ]{0,6}",
    ];
    let parameter = prop_oneof![
        8 => prop::sample::select(vec![
            "version=0.0.4", "version=1.0.0", "version=\"1.0.0\"", "VERSION=0.0.1", "version=2",
            "version=\"0.0\\.1\"", "escaping=dots", "escaping=allow-utf-8", "escaping=x", "escaping=\"values\"",
            "proto=io.prometheus.client.MetricFamily", "encoding=delimited", "encoding=text", "q=0", "Q=1",
            "q=0.5", "q=0.50", "q=\"0.5\"", "charset=utf-8", "x=\",;\\\"\"",
        ]).prop_map(str::to_owned),
        3 => "q=[01](\\.[0-9]{0,3})?",
        1 => "[a-zq=.\" \\\\]{0,6}",
    ];
    let protobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
    let entry = (
        prop_oneof![4 => head, 1 => Just(protobuf.to_owned())],
        prop::collection::vec(parameter, 0..4),
    );
    let entry = entry.prop_map(|(head, parameters)| [vec![head], parameters].concat().join(";"));
    let entries =
        prop::collection::vec(entry, 0..6).prop_map(|entries| entries.join(", ").into_bytes());
    prop_oneof![9 => entries, 1 => prop::collection::vec(any::<u8>(), 0..40)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn any_header_is_read_as_the_judge_reads_it(lines in prop::collection::vec(line(), 0..4)) {
        let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        let mut preferences = Preferences::default();
        for line in &lines {
            preferences.accept(line);
            preferences.accept_encoding(line);
        }
        prop_assert_eq!(preferences.exposition().content_type(), judge::content_type(&lines));
        prop_assert_eq!(preferences.coding().token().unwrap_or("identity"), judge::coding(&lines));
    }
}
