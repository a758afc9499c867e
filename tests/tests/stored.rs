//! A real Prometheus stores what was recorded, whatever format it reads it from.

mod kinds;

use std::collections::BTreeMap;
use std::time::Duration;

use kinds::Kinds;
use tmc_engine::{HistogramSpec, Registry};
use tmc_exposition::{Body, Page, Request, Responder, Server};
use tmc_tests::families::{self, Exemplar, Families};
use tmc_tests::prometheus::{Job, Prometheus};
use tmc_tests::text::Key;
use tmc_tests::wait;

/// Serves a registry, and at `/text` always as text: this Prometheus asks for other formats first.
fn serve(registry: &Registry) -> Server {
    let responder = Responder::new(registry.clone());
    let text = move |_: &Request<'_>| {
        let mut body = Body::new();
        let reply = responder.respond(&Request::new("GET", "/metrics"), &mut body);
        assert_eq!(reply.status, 200);
        Page::new(reply.content_type, body.to_vec())
    };
    let server = Server::builder(registry.clone()).listen("127.0.0.1:0").route("/text", text);
    server.start().expect("a server")
}

/// What it has of a job's families, once it has a scrape of now.
fn stored(prometheus: &Prometheus, job: &str) -> BTreeMap<Key, f64> {
    assert_eq!(prometheus.wait_for_scrape_of(job).last_error, "");
    // A native histogram is no number.
    let families = r#"__name__=~"kinds_.*",__name__!="kinds_latency_seconds""#;
    let query = format!(r#"{{job="{job}",{families}}}"#);
    wait::until("an answer", || prometheus.query(&query))
}

/// NaN equals itself.
#[track_caller]
fn assert_same(read: &BTreeMap<Key, f64>, expected: &Families) {
    let expected = families::samples(expected);
    let expected: BTreeMap<_, _> = expected.map(|(key, sample)| (key, sample.value)).collect();
    let keys = |all: Vec<&Key>| all.into_iter().cloned().collect::<Vec<_>>();
    assert_eq!(keys(read.keys().collect()), keys(expected.keys().copied().collect()));
    for (key, value) in read {
        let wanted = expected[key];
        assert!(
            *value == wanted || value.is_nan() && wanted.is_nan(),
            "{key:?}: {value}, not {wanted}"
        );
    }
}

fn exemplars(families: &Families) -> BTreeMap<Key, Vec<Exemplar>> {
    let all = families::samples(families);
    all.filter_map(|(key, sample)| Some((key.clone(), vec![sample.exemplar.clone()?]))).collect()
}

#[test]
fn text_and_open_metrics_are_stored_as_they_were_recorded() {
    let kinds = Kinds::new();
    let server = serve(&kinds.registry);
    let at = server.local_addr();
    let jobs = vec![Job::new("open", at), Job::new("text", at).path("/text")];
    let prometheus = Prometheus::start(jobs);
    assert_same(&stored(&prometheus, "open"), &kinds.open_metrics(false));
    assert_same(&stored(&prometheus, "text"), &kinds.text());
    for job in ["open", "text"] {
        assert_eq!(prometheus.lost_samples_of(job), 0, "{job}");
    }
    // Only one of them knows of units, infos and exemplars.
    let metadata = |job, metric| wait::until("metadata", || prometheus.metadata(job, metric));
    assert_eq!(metadata("open", "kinds_heap_bytes"), ["gauge", "Heap", "bytes"]);
    assert_eq!(metadata("text", "kinds_heap_bytes"), ["gauge", "Heap", ""]);
    assert_eq!(metadata("open", "kinds_build"), ["info", "Build", ""]);
    assert_eq!(metadata("text", "kinds_build_info"), ["gauge", "Build", ""]);
    let of = |job| prometheus.exemplars(&format!(r#"{{job="{job}"}}"#)).expect("exemplars");
    assert_eq!(of("open"), exemplars(&kinds.open_metrics(false)));
    assert_eq!(of("text"), BTreeMap::new());
    assert_eq!(prometheus.complaints(), [""; 0]);
}

/// Protobuf, which has native histograms: they are one series each, and the rest is as in text. Of
/// gauge histograms this Prometheus makes series without suffixes, of which some are then the same.
#[test]
fn protobuf_is_stored_as_it_was_recorded() {
    let kinds = Kinds::new();
    let server = serve(&kinds.registry);
    let prometheus = Prometheus::with_native_histograms(vec![Job::new("tmc", server.local_addr())]);
    let mut expected = kinds.text();
    expected.retain(|name, _| !name.starts_with("kinds_open_bytes"));
    let native = expected.remove("kinds_latency_seconds").expect("the native one");
    let mut read = stored(&prometheus, "tmc");
    read.retain(|(name, _), _| name != "kinds_open_bytes");
    assert_same(&read, &expected);
    let ask = |query: &str| wait::until("an answer", || prometheus.query(query));
    let labels = native.samples.keys().find(|(name, _)| name.ends_with("_sum"));
    let series = (String::new(), labels.expect("a sum").1.clone());
    for (function, value) in [("count", 3.0), ("sum", 64.75)] {
        let answer = ask(&format!("histogram_{function}(kinds_latency_seconds)"));
        assert_eq!(answer, BTreeMap::from([(series.clone(), value)]), "{function}");
    }
    assert_eq!(prometheus.complaints(), [""; 0]);
}

/// The quantile of a native histogram lies in the bucket of the true one: at most as far from it as
/// the bucket is wide, and by one bucket of those recorded more.
#[test]
fn quantiles_of_native_histograms_are_as_exact_as_their_schema() {
    const DIGITS: f64 = 1.0 / 128.0;
    let registry = Registry::builder().exemplar_interval(Duration::ZERO).build().unwrap();
    // From 1 ms to 8 s, more of them the higher.
    let mut values: Vec<f64> = (0..2000).map(|n| 0.001 * f64::from(n * n / 500 + 1)).collect();
    let schemas = [-1, 0, 3, 6];
    for schema in schemas {
        let name = format!("native{}_seconds", schema + 1);
        let spec = HistogramSpec::seconds(&[]).native(schema);
        let family = registry.histogram_family(&name, "Native", ["of"], &spec).unwrap();
        let [all, none, zero] = ["all", "none", "zero"].map(|of| family.with([of]));
        values.iter().for_each(|&value| all.observe(value));
        all.observe_with(0.25, &[("trace_id", "a1")]);
        drop(none);
        zero.observe(0.0);
    }
    values.push(0.25);
    values.sort_by(f64::total_cmp);
    let server = serve(&registry);
    let prometheus = Prometheus::with_native_histograms(vec![Job::new("tmc", server.local_addr())]);
    prometheus.wait_for_scrape();
    let ask = |query: &str| {
        let answer = wait::until("an answer", || prometheus.query(query));
        let only = |(_, labels): &Key, of: &str| labels.get("of").is_some_and(|value| value == of);
        ["all", "none", "zero"].map(|of| {
            let found = answer.iter().find(|(key, _)| only(key, of));
            *found.unwrap_or_else(|| panic!("{query}: {answer:?}")).1
        })
    };
    for schema in schemas {
        let name = format!("native{}_seconds", schema + 1);
        assert_eq!(ask(&format!("histogram_count({name})")), [2001.0, 0.0, 1.0], "{name}");
        let [sum, ..] = ask(&format!("histogram_sum({name})"));
        assert!((sum - values.iter().sum::<f64>()).abs() < 1e-6, "{sum}");
        let width = 2_f64.powf(2_f64.powi(-i32::from(schema))) * (1.0 + DIGITS);
        for q in [0.01, 0.1, 0.5, 0.9, 0.99, 0.999] {
            let [found, none, zero] = ask(&format!("histogram_quantile({q}, {name})"));
            // The bucket of zeros is as wide as the unit that is recorded: a nanosecond.
            assert!(none.is_nan() && zero.abs() < 1e-9, "{none} of nothing, {zero} of zeros");
            let rank = (q * values.len() as f64).ceil() as usize;
            let ratio = found / values[rank - 1];
            assert!(ratio < width && ratio > 1.0 / width, "{name} at {q}: {found}, {ratio}");
        }
        let exemplars = prometheus.exemplars(&name).expect("exemplars");
        let [(labels, exemplar)] = exemplars.iter().collect::<Vec<_>>()[..] else {
            panic!("{exemplars:?}")
        };
        assert_eq!((labels.0.as_str(), labels.1["of"].as_str()), (name.as_str(), "all"));
        assert_eq!((exemplar[0].value, exemplar[0].labels["trace_id"].as_str()), (0.25, "a1"));
    }
    assert_eq!(prometheus.complaints(), [""; 0]);
}
