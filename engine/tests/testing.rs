//! The assertions for tests: what they let pass, and what they say where they fail.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;
use tmc_engine::testing::Observed;
use tmc_engine::{CounterFamily, Gauge, Histogram, HistogramSpec, Registry, SummarySpec};

thread_local! {
    static FAILED: RefCell<Option<(String, u32)>> = const { RefCell::new(None) };
}

/// The message that `assertion` fails with, and the line that the failure names.
fn failure(assertion: impl FnOnce()) -> (String, u32) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            let message = panic.payload_as_str().unwrap_or_default().to_owned();
            let line = panic.location().map_or(0, |location| location.line());
            FAILED.set(Some((message, line)));
            before(panic);
        }));
    });
    let result = catch_unwind(AssertUnwindSafe(assertion));
    let failed = FAILED.take();
    assert!(result.is_err(), "it passed");
    failed.unwrap()
}

fn message(assertion: impl FnOnce()) -> String {
    failure(assertion).0
}

struct Service {
    registry: Registry,
    requests: CounterFamily<2>,
    latency: Histogram,
    open: Gauge,
}

/// With some history already.
fn service() -> Service {
    let registry = Registry::builder().constant_label("zone", "eu").build().unwrap();
    let labels = ["method", "code"];
    let requests = registry.counter_family("requests_total", "", labels).unwrap();
    requests.with(["GET", "200"]).inc_by(5);
    let spec = HistogramSpec::seconds(&[0.1]);
    let latency = registry.histogram("latency_seconds", "", &spec).unwrap();
    latency.observe(1.0);
    let open = registry.gauge("open_connections", "").unwrap();
    open.set(2.0);
    Service { registry, requests, latency, open }
}

const GET: &[(&str, &str)] = &[("method", "GET"), ("code", "200")];

#[test]
fn what_changed_as_expected_passes() {
    let Service { registry, requests, latency, open } = service();
    let mut observed = Observed::start(&registry);
    requests.with(["GET", "200"]).inc_by(3);
    let _made_but_not_counted = requests.with(["PUT", "200"]);
    latency.observe(0.2);
    latency.observe(0.3);
    open.dec();
    observed.assert_increase("requests_total", GET, 3);
    observed.assert_increase("requests_total", &[("code", "200"), ("method", "GET")], 3);
    observed.assert_increase("requests_total", &[("code", "404"), ("method", "GET")], 0);
    observed.assert_observations("latency_seconds", &[], 2);
    observed.assert_gauge("open_connections", &[], 1.0);
    observed.assert_change("open_connections", &[], -1.0);
    observed.assert_unchanged("tmc_engine_overflow_total");
    observed.assert_no_other_changes();
    // From here on, anew.
    let mut observed = Observed::start(&registry);
    observed.assert_no_other_changes();
    observed.assert_unchanged("requests_total");
    observed.assert_increase("requests_total", GET, 0);
    observed.assert_gauge("open_connections", &[], 1.0);
}

#[test]
fn a_wrong_increase_shows_what_was_found_and_what_else_changed() {
    let Service { registry, requests, .. } = service();
    let mut observed = Observed::start(&registry);
    requests.with(["GET", "200"]).inc_by(2);
    requests.with(["GET", "500"]).inc();
    let told = message(|| observed.assert_increase("requests_total", GET, 3));
    assert_eq!(
        told,
        "requests_total{method=\"GET\",code=\"200\"}: expected an increase of 3, found +2 (5 -> 7); \
         other series of the family changed:\n    \
         requests_total{method=\"GET\",code=\"500\"}: +1 (new -> 1)\n"
    );
    let teapot = [("method", "GET"), ("code", "418")];
    let told = message(|| observed.assert_increase("requests_total", &teapot, 1));
    assert!(told.contains("{method=\"GET\",code=\"418\"}: expected an increase of 1"), "{told}");
    assert!(told.contains("found no such series; other series"), "{told}");
}

#[test]
fn wrong_gauges_and_histograms_are_found() {
    let Service { registry, latency, open, .. } = service();
    let mut observed = Observed::start(&registry);
    latency.observe(0.3);
    let told = message(|| observed.assert_observations("latency_seconds", &[], 2));
    let expected = "latency_seconds: expected 2 observations, found +1 observations (1 -> 2)";
    assert!(told.starts_with(expected), "{told}");
    assert!(told.ends_with("no other series of the family changed"), "{told}");
    let told = message(|| observed.assert_gauge("open_connections", &[], 3.0));
    assert!(told.contains("expected a value of 3, found +0 (2 -> 2)"), "{told}");
    open.set(f64::NAN);
    observed.assert_gauge("open_connections", &[], f64::NAN);
    let told = message(|| observed.assert_gauge("open_connections", &[], 2.0));
    assert!(told.contains("2 -> NaN"), "{told}");
    let told = message(|| observed.assert_change("open_connections", &[], 1.0));
    assert!(told.contains("expected a change of +1"), "{told}");
    let gauges = registry.gauge_family("level", "", ["l"]).unwrap();
    let told = message(|| observed.assert_gauge("level", &[("l", "a")], 0.0));
    assert!(told.contains("found no such series"), "a gauge never set has no value: {told}");
    gauges.with(["a"]).set(0.0);
    observed.assert_gauge("level", &[("l", "a")], 0.0);
}

#[test]
fn assertions_of_another_kind_say_what_it_is() {
    let Service { registry, .. } = service();
    let mut observed = Observed::start(&registry);
    let told = message(|| observed.assert_increase("open_connections", &[], 0));
    assert_eq!(told, "open_connections: expected an increase of 0, found a gauge");
    let told = message(|| observed.assert_gauge("requests_total", GET, 5.0));
    assert_eq!(told, "requests_total: expected a value of 5, found a counter");
    let told = message(|| observed.assert_observations("requests_total", GET, 0));
    assert_eq!(told, "requests_total: expected 0 observations, found a counter");
    let told = message(|| observed.assert_change("latency_seconds", &[], 0.0));
    assert_eq!(told, "latency_seconds: expected a change of +0, found a histogram");
}

#[test]
fn an_unknown_name_lists_similar_ones() {
    let Service { registry, .. } = service();
    let mut observed = Observed::start(&registry);
    for typo in ["requests", "requets_total", "http_requests_total", "request_total"] {
        let told = message(|| observed.assert_increase(typo, GET, 1));
        let expected = format!("no family is called {typo:?}; similar:\n    requests_total\n");
        assert!(told.starts_with(&expected), "{told}");
        assert!(!told.contains("open_connections"), "{told}");
    }
    let told = message(|| observed.assert_unchanged("xyz"));
    assert!(told.starts_with("no family is called \"xyz\"; there are "), "{told}");
}

#[test]
fn wrong_labels_list_the_right_ones() {
    let Service { registry, .. } = service();
    let mut observed = Observed::start(&registry);
    let wrong: [&[_]; 4] = [
        &[],
        &[("method", "GET")],
        &[("method", "GET"), ("status", "200")],
        &[("method", "GET"), ("code", "200"), ("zone", "eu")],
    ];
    for labels in wrong {
        let told = message(|| observed.assert_increase("requests_total", labels, 0));
        let expected = "requests_total: its labels are [\"method\", \"code\"], not [";
        assert!(told.starts_with(expected), "{told}");
    }
}

#[test]
fn changes_that_nobody_asserted_on_are_found() {
    let Service { registry, requests, latency, open } = service();
    let mut observed = Observed::start(&registry);
    requests.with(["GET", "200"]).inc();
    requests.with(["PUT", "200"]).inc();
    observed.assert_increase("requests_total", GET, 1);
    let told = message(|| observed.assert_no_other_changes());
    assert_eq!(
        told,
        "expected no other changes, found\n    \
         requests_total{method=\"PUT\",code=\"200\"}: +1 (new -> 1)\n"
    );
    let told = message(|| observed.assert_unchanged("requests_total"));
    assert!(told.contains("{method=\"GET\",code=\"200\"}: +1 (5 -> 6)"), "{told}");
    open.set(9.0);
    latency.observe(-1.0);
    let told = message(|| observed.assert_no_other_changes());
    assert!(told.contains("open_connections: +7 (2 -> 9)"), "{told}");
    assert!(told.contains("reason=\"negative\"}: +1 (0 -> 1)"), "the engine's own: {told}");
}

#[test]
fn what_went_is_a_change_and_what_came_back_began_at_zero() {
    let Service { registry, requests, .. } = service();
    let mut observed = Observed::start(&registry);
    assert!(requests.remove(["GET", "200"]));
    let expected = "requests_total{method=\"GET\",code=\"200\"}: removed\n";
    let told = message(|| observed.assert_unchanged("requests_total"));
    assert!(told.ends_with(expected), "{told}");
    let told = message(|| observed.assert_no_other_changes());
    assert!(told.ends_with(expected), "{told}");
    requests.with(["GET", "200"]).inc_by(2);
    observed.assert_increase("requests_total", GET, 2);
    observed.assert_no_other_changes();
}

#[test]
fn long_lists_are_cut() {
    let Service { registry, requests, .. } = service();
    let mut observed = Observed::start(&registry);
    (0..25).for_each(|code| requests.with(["GET", &code.to_string()]).inc());
    let told = message(|| observed.assert_unchanged("requests_total"));
    assert!(told.ends_with("    and 15 more\n"), "{told}");
    assert_eq!(told.lines().count(), 12);
}

#[test]
fn a_failure_names_the_line_of_the_assertion() {
    let Service { registry, .. } = service();
    let observed = RefCell::new(Observed::start(&registry));
    registry.counter("late_total", "").unwrap().inc();
    let here = line!();
    let lines = [
        failure(|| observed.borrow_mut().assert_increase("requests_total", GET, 1)),
        failure(|| observed.borrow_mut().assert_increase("requests", GET, 1)),
        failure(|| observed.borrow_mut().assert_increase("requests_total", &[], 1)),
        failure(|| observed.borrow_mut().assert_change("requests_total", GET, 1.0)),
        failure(|| observed.borrow_mut().assert_gauge("open_connections", &[], 1.0)),
        failure(|| observed.borrow_mut().assert_observations("latency_seconds", &[], 1)),
        failure(|| observed.borrow_mut().assert_unchanged("late_total")),
        failure(|| observed.borrow().assert_no_other_changes()),
    ];
    let lines = lines.map(|(_, line)| line - here - 1);
    assert_eq!(lines, [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn summaries_state_sets_and_gauge_histograms() {
    let registry = Registry::new();
    let wait = registry.summary("wait_seconds", "", &SummarySpec::seconds(&[0.5])).unwrap();
    let phase = registry.state_set("phase", "", &["starting", "running", "late"]).unwrap();
    let sizes = registry.gauge_histogram("open_bytes", "", &HistogramSpec::bytes(&[])).unwrap();
    phase.only("starting");
    sizes.add(5.0);
    let mut observed = Observed::start(&registry);
    wait.observe(0.1);
    phase.only("running");
    observed.assert_observations("wait_seconds", &[], 1);
    observed.assert_states("phase", &[], &["running"]);
    observed.assert_no_other_changes();
    let wrong = [&[][..], &["starting"], &["running", "late"], &["running", "unknown"]];
    for on in wrong {
        let failed = message(|| observed.assert_states("phase", &[], on));
        assert!(failed.contains(r#"to be on, found ["running"] on"#), "{failed}");
    }
    // As many values, but another one.
    sizes.remove(5.0);
    sizes.add(6.0);
    let failed = message(|| observed.assert_no_other_changes());
    assert!(failed.contains("open_bytes: +0 values (1 -> 1)"), "{failed}");
    sizes.add(5.0);
    sizes.remove(6.0);
    observed.assert_unchanged("open_bytes");
}
