//! Reads one line of an exposition as the documentation prints it, and looks the series up.
//! Upstream: the tests of recording. Downstream: the engine's snapshot.

use tmc_metrics::engine::{Snapshot, Value};

/// A documented line such as `tmc_sync_lag_seconds{cluster="a", gvk="v1/Service"} 30`.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) name: &'a str,
    pub(crate) labels: Vec<(&'a str, &'a str)>,
    pub(crate) value: f64,
}

pub(crate) fn parse(line: &str) -> Line<'_> {
    let (series, value) = line.rsplit_once(' ').expect("a value after a blank");
    let value = value.parse().expect("a number");
    let (name, labels) = match series.split_once('{') {
        None => (series, ""),
        Some((name, rest)) => (name, rest.strip_suffix('}').expect("a closing brace")),
    };
    let labels = labels
        .split(", ")
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (label, value) = pair.split_once('=').expect("label=value");
            (label, value.trim_matches('"'))
        })
        .collect();
    Line { name, labels, value }
}

/// What the snapshot has for that series: a counter's or gauge's value, or `None`.
pub(crate) fn value(snapshot: &Snapshot, line: &str) -> Option<f64> {
    let line = parse(line);
    let values: Vec<&str> = line.labels.iter().map(|(_, value)| *value).collect();
    Some(snapshot.family(line.name)?.get(&values)?.value().as_f64())
}

/// Asserts that the snapshot has the line: names and order of the labels, and the value. The
/// documentation prints a histogram with one observation as its value, so a histogram must have one
/// observation, of that sum.
pub(crate) fn assert_line(snapshot: &Snapshot, text: &str) {
    let line = parse(text);
    let family = snapshot.family(line.name).unwrap_or_else(|| panic!("no family for {text}"));
    let names: Vec<&str> = line.labels.iter().map(|(name, _)| *name).collect();
    assert_eq!(family.label_names().collect::<Vec<_>>(), names, "{text}");
    let values: Vec<&str> = line.labels.iter().map(|(_, value)| *value).collect();
    let series = family.get(&values).unwrap_or_else(|| panic!("no series for {text}"));
    match series.value() {
        Value::Histogram(histogram) => {
            assert_eq!(histogram.count(), 1, "{text}");
            let error = (histogram.sum() - line.value).abs();
            assert!(error <= line.value * 1e-9, "{text}: the sum is {}", histogram.sum());
            let reached = histogram.cumulative().into_iter().find(|&(_, count)| count == 1);
            let (bound, _) = reached.expect("the observation is in a bucket");
            assert!(bound >= line.value, "{text}: counted up to {bound}");
        }
        other => assert_eq!(other.as_f64(), line.value, "{text}"),
    }
}
