//! The judges do find fault: what they say about good output means something.

use std::panic::catch_unwind;

use tmc_engine::Registry;
use tmc_exposition::{Exposition, Page, Request, Server};
use tmc_tests::prometheus::Prometheus;
use tmc_tests::{judges, wait};

const GOOD: &str = "# HELP a_total a\n# TYPE a_total counter\na_total{x=\"1\"} 1\n";

/// Serves a text that the encoder would never write.
fn serve(text: &'static str) -> Server {
    let server = Server::builder(Registry::new()).listen("127.0.0.1:0").metrics_path("/other");
    let page = move |_: &Request<'_>| Page::new(Exposition::default().content_type(), text);
    server.route("/metrics", page).start().expect("a server")
}

#[test]
fn prometheus_loses_one_of_two_values_of_a_series() {
    let server = serve(concat!(
        "# HELP a_total a\n# TYPE a_total counter\n",
        "a_total{x=\"1\"} 1\na_total{x=\"1\"} 2\na_total{x=\"2\"} 3\n"
    ));
    let prometheus = Prometheus::scraping(server.local_addr());
    assert_eq!(prometheus.wait_for_scrape().health, "up");
    assert_eq!(prometheus.lost_samples(), 1);
}

#[test]
fn prometheus_complains_of_a_sample_that_is_too_old() {
    let server = serve("# HELP a_total a\n# TYPE a_total counter\na_total 1 1000\n");
    let prometheus = Prometheus::scraping(server.local_addr());
    assert_eq!(prometheus.wait_for_scrape().health, "up");
    let complaints = wait::until("a complaint", || match prometheus.complaints() {
        complaints if complaints.is_empty() => Err("none".to_owned()),
        complaints => Ok(complaints),
    });
    assert!(complaints.iter().any(|line| line.contains("too old")), "{complaints:#?}");
}

#[test]
fn prometheus_calls_a_target_down_whose_text_is_malformed() {
    let server = serve("# TYPE a_total counter\na_total{x=1} 1\n");
    let prometheus = Prometheus::scraping(server.local_addr());
    let error = wait::until("the target to be down", || match prometheus.target()? {
        target if target.health == "down" => Ok(target.last_error),
        target => Err(format!("{target:?}")),
    });
    assert!(error.contains("expected"), "{error}");
}

#[test]
fn promtool_finds_lint_and_refuses_what_is_malformed() {
    assert_eq!(judges::promtool(GOOD), [""; 0]);
    assert_eq!(judges::promtool("# TYPE a_total counter\na_total 1\n"), ["a_total no help text"]);
    assert!(catch_unwind(|| judges::promtool("a_total{x=1} 1\n")).is_err());
}

#[test]
fn the_python_parser_refuses_what_is_malformed() {
    assert_eq!(judges::python(GOOD).samples.len(), 1);
    let malformed = ["a_total{x=1} 1\n", "a_total one\n", "a_total{x=\"1\" 1\n"];
    for text in malformed {
        assert!(catch_unwind(|| judges::python(text)).is_err(), "{text}");
    }
    let twice = format!("{GOOD}a_total{{x=\"1\"}} 2\n");
    assert!(catch_unwind(|| judges::python(&twice)).is_err(), "a series twice");
}
