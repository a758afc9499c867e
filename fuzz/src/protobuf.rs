//! Reads Prometheus's protobuf with prost, and makes of it what text 0.0.4 would show: one model judges
//! both.
//! Upstream: the product's bytes. Downstream: [`crate::exposed`].

use crate::messages::{self, Metric, MetricFamily, MetricType};
use crate::text::{Family, Sample};

/// Reads a whole exposition.
///
/// # Panics
/// If it is none, or if a histogram breaks one of Prometheus's rules.
pub fn parse(bytes: &[u8]) -> Vec<Family> {
    messages::read(bytes).into_iter().flat_map(|family| families(&family)).collect()
}

/// The family; of a gauge histogram, its totals as gauges, too.
fn families(of: &MetricFamily) -> Vec<Family> {
    let name = of.name.as_deref().expect("a name");
    let (kind, gauges) = match of.r#type() {
        MetricType::Counter => ("counter", false),
        MetricType::Gauge => ("gauge", false),
        MetricType::Summary => ("summary", false),
        MetricType::Untyped => ("untyped", false),
        MetricType::Histogram => ("histogram", false),
        MetricType::GaugeHistogram => ("histogram", true),
    };
    let family = |suffix: &str, kind: &str| Family {
        name: format!("{name}{suffix}"),
        help: of.help.clone(),
        kind: kind.to_owned(),
        samples: Vec::new(),
    };
    let mut families = vec![family("", kind)];
    assert!(!of.metric.is_empty(), "{name} has no metrics");
    for metric in &of.metric {
        samples(name, kind, metric, &mut families[0].samples);
    }
    if gauges {
        for (suffix, total) in [("_gcount", "_count"), ("_gsum", "_sum")] {
            let mut gauge = family(suffix, "gauge");
            let totals = families[0].samples.iter();
            let totals = totals.filter(|sample| sample.name == format!("{name}{total}"));
            gauge.samples.extend(totals.map(|sample| Sample {
                name: gauge.name.clone(),
                labels: sample.labels.clone(),
                raw: String::new(),
                value: sample.value,
            }));
            families.push(gauge);
        }
    }
    families
}

fn samples(name: &str, kind: &str, metric: &Metric, out: &mut Vec<Sample>) {
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let mut push = |suffix: &str, own: Option<(&str, f64)>, value: f64| {
        let own = own.map(|(name, number)| (name.to_owned(), spelled(number)));
        let labels = metric.labels().into_iter().map(owned).chain(own).collect();
        out.push(Sample { name: format!("{name}{suffix}"), labels, raw: String::new(), value });
    };
    match kind {
        "histogram" => {
            let of = metric.histogram.as_ref().expect("a histogram");
            of.native().unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
            for (le, count) in of.classic().unwrap_or_else(|wrong| panic!("{name}: {wrong}")) {
                push("_bucket", Some(("le", le)), count as f64);
            }
            push("_count", None, of.sample_count.expect("a count") as f64);
            push("_sum", None, of.sample_sum.expect("a sum"));
        }
        "summary" => {
            let of = metric.summary.as_ref().expect("a summary");
            for q in &of.quantile {
                let quantile = q.quantile.expect("a quantile");
                push("", Some(("quantile", quantile)), q.value.expect("a value"));
            }
            push("_count", None, of.sample_count.expect("a count") as f64);
            push("_sum", None, of.sample_sum.expect("a sum"));
        }
        "counter" => push("", None, metric.counter.as_ref().and_then(|c| c.value).expect("one")),
        _ => push("", None, metric.gauge.as_ref().and_then(|g| g.value).expect("one")),
    }
}

/// As text spells it.
fn spelled(number: f64) -> String {
    if number == f64::INFINITY { "+Inf".to_owned() } else { number.to_string() }
}
