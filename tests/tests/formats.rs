//! Both text formats break no rule, MUST or SHOULD, and say what was recorded: judged by the conformance
//! checker, with the official parsers beside it.

mod hard;
mod kinds;

use hard::{Hard, VALUES};
use kinds::Kinds;
use tmc_engine::Registry;
use tmc_exposition::{Encoder, Format, Server};
use tmc_tests::checker::{self, Checker};
use tmc_tests::families::{Families, assert_same};
use tmc_tests::judges;

const FORMATS: [Format; 2] = [Format::Text, Format::OpenMetrics];

fn checker(format: Format) -> Checker<'static> {
    match format {
        Format::Text => Checker::text(),
        _ => Checker::open_metrics(),
    }
}

fn encode(encoder: &mut Encoder, registry: &Registry) -> String {
    let mut text = Vec::new();
    encoder.encode(&registry.snapshot(), &mut text);
    String::from_utf8(text).expect("UTF-8")
}

fn encoded(format: Format, registry: &Registry) -> String {
    encode(&mut Encoder::new(format), registry)
}

/// OpenMetrics with start times.
fn with_created() -> Encoder {
    Encoder::new(Format::OpenMetrics).created_samples(true)
}

/// What the checker says, but that there are samples in which the engine tells of itself.
fn findings(checker: Checker<'_>, expected: &Families, text: &str) -> Vec<String> {
    let mut findings = checker.expect(expected).findings(text);
    findings.retain(|finding| !finding.contains("EXPECT: unexpected sample tmc_engine_"));
    findings
}

/// Without the families in which the engine tells of itself.
fn without_own(mut families: Families) -> Families {
    families.retain(|name, _| !name.starts_with("tmc_engine_"));
    families
}

#[test]
fn the_checker_finds_fault_with_no_type_of_metrics_in_text() {
    let kinds = Kinds::new();
    let text = encoded(Format::Text, &kinds.registry);
    assert_eq!(findings(Checker::text(), &kinds.text(), &text), [""; 0], "{text}");
}

#[test]
fn the_checker_finds_fault_with_no_type_of_metrics_in_open_metrics() {
    let kinds = Kinds::new();
    for created in [false, true] {
        let text = encode(
            &mut Encoder::new(Format::OpenMetrics).created_samples(created),
            &kinds.registry,
        );
        let expected = kinds.open_metrics(created);
        assert_eq!(findings(Checker::open_metrics(), &expected, &text), [""; 0], "{text}");
    }
}

#[test]
fn the_official_python_parser_reads_open_metrics_as_it_was_recorded() {
    let kinds = Kinds::new();
    for created in [false, true] {
        let mut encoder = Encoder::new(Format::OpenMetrics).created_samples(created);
        let read = judges::open_metrics(&encode(&mut encoder, &kinds.registry));
        assert_same(&without_own(read), &kinds.open_metrics(created));
    }
}

/// Of hard cases, one has no help; what promtool says of it in text, the checker says in OpenMetrics.
#[test]
fn the_checker_finds_fault_with_no_hard_case_but_the_one_without_help() {
    let mut cases = Hard::new();
    let mut encoders =
        [Encoder::new(Format::Text), Encoder::new(Format::OpenMetrics), with_created()];
    let mut check = |cases: &Hard| {
        for encoder in &mut encoders {
            let text = encode(encoder, &cases.registry);
            let open = text.ends_with("# EOF\n");
            let format = if open { Format::OpenMetrics } else { Format::Text };
            let mut findings = checker(format).findings(&text);
            if open {
                let help = "SHOULD R19: empty HELP | # HELP hard_called_again ";
                let before = findings.len();
                findings.retain(|finding| !finding.ends_with(help));
                assert_eq!(before - findings.len(), 1, "the empty help: {findings:#?}");
            }
            assert_eq!(findings, [""; 0]);
        }
    };
    check(&cases);
    for value in VALUES {
        cases.remove(value);
    }
    check(&cases);
}

#[test]
fn the_official_python_parser_reads_hard_cases_in_open_metrics_as_they_were_recorded() {
    let mut cases = Hard::new();
    let mut encoder = Encoder::new(Format::OpenMetrics);
    let mut check = |cases: &Hard| {
        let read = judges::open_metrics(&encode(&mut encoder, &cases.registry));
        let mut samples: Vec<_> = read.into_values().flat_map(|family| family.samples).collect();
        samples.retain(|((name, _), _)| name.starts_with("hard_"));
        assert_eq!(samples.len(), cases.in_open_metrics().count());
        for (key, sample) in samples {
            let expected = cases.in_open_metrics().find(|(expected, _)| **expected == key);
            let (_, expected) = expected.unwrap_or_else(|| panic!("{key:?} was never recorded"));
            let same = sample.value == *expected || sample.value.is_nan() && expected.is_nan();
            assert!(same, "{key:?}: {}, not {expected}", sample.value);
        }
    };
    check(&cases);
    for value in [VALUES[1], VALUES[9]] {
        cases.remove(value);
        check(&cases);
    }
}

#[test]
fn counters_never_fall_from_scrape_to_scrape() {
    let mut cases = Hard::new();
    for format in FORMATS {
        let mut encoder = Encoder::new(format);
        let before = encode(&mut encoder, &cases.registry);
        cases.registry.counter_callback("hard_later_total", "Later", || 1).unwrap().detach();
        let after = encode(&mut encoder, &cases.registry);
        let findings = checker(format).after(&before).findings(&after);
        assert!(findings.iter().all(|finding| finding.contains("empty HELP")), "{findings:#?}");
    }
    // The judge can tell: series that are gone.
    let before = encoded(Format::Text, &cases.registry);
    cases.remove(VALUES[0]);
    let findings = Checker::text().after(&before).findings(&encoded(Format::Text, &cases.registry));
    assert!(findings.iter().any(|finding| finding.contains("R58")), "{findings:#?}");
}

#[test]
fn an_empty_registry_is_an_exposition_of_nothing() {
    for (format, expected) in FORMATS.into_iter().zip(["", "# EOF\n"]) {
        let text = encoded(format, &Registry::new());
        assert_eq!(text, expected);
        assert_eq!(checker(format).expect(&Families::new()).findings(&text), [""; 0]);
    }
    assert!(judges::open_metrics("# EOF\n").is_empty());
}

#[test]
fn a_server_answers_every_wish_in_a_format_that_was_wished_for() {
    let kinds = Kinds::new();
    let server = Server::builder(kinds.registry.clone()).listen("127.0.0.1:0").start().unwrap();
    assert_eq!(checker::negotiate(server.local_addr()), [""; 0]);
}

#[test]
fn a_server_tells_start_times_only_where_it_is_told_to() {
    let kinds = Kinds::new();
    for created in [false, true] {
        let server = Server::builder(kinds.registry.clone()).listen("127.0.0.1:0");
        let server = server.own_metrics(false).created_samples(created).start().unwrap();
        let expected = kinds.open_metrics(created);
        let checker = Checker::open_metrics().expect(&expected);
        let findings = checker.findings_at(server.local_addr());
        let surplus = "EXPECT: unexpected sample tmc_engine_";
        let findings: Vec<_> = findings.iter().filter(|line| !line.contains(surplus)).collect();
        assert_eq!(findings, [""; 0]);
    }
}
