//! How each peer creates, writes and removes series. Two of them cannot remove by labels: `metrics`
//! only drops what was idle for long, `fastmetrics` nothing at all.
//! Upstream: the peers. Downstream: churn.

use fastmetrics::derive::LabelSet;
use fastmetrics::format::text::{TextProfile, encode};
use measured::LabelGroup;
use measured::lasso::ThreadedRodeo;
use measured::metric::MetricFamilyEncoding;
use measured::metric::group::Encoding;
use measured::metric::name::MetricName;
use metrics::{Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use prometheus_client::encoding::EncodeLabelSet;

use super::{Churn, SCRAPES, Values};
use crate::encoders::workload::{HELP, LABELS, NAME, STEM};

/// What memory cannot refuse.
const TAKEN: &str = "memory takes every write";

struct Prometheus {
    registry: prometheus::Registry,
    family: prometheus::IntCounterVec,
}

pub(super) fn prometheus(_series: usize) -> Box<dyn Churn> {
    let options = prometheus::Opts::new(NAME, HELP);
    let family = prometheus::IntCounterVec::new(options, &LABELS).expect("a valid family");
    let registry = prometheus::Registry::new();
    registry.register(Box::new(family.clone())).expect("an empty registry");
    Box::new(Prometheus { registry, family })
}

impl Churn for Prometheus {
    fn create(&mut self, values: &[Values]) {
        for values in values {
            self.family.with_label_values(values).inc();
        }
    }

    fn scrape(&mut self, look: &mut dyn FnMut(&[u8])) {
        let mut out = String::new();
        for _ in 0..SCRAPES {
            out.clear();
            let encoder = prometheus::TextEncoder::new();
            encoder.encode_utf8(&self.registry.gather(), &mut out).expect(TAKEN);
        }
        look(out.as_bytes());
    }

    fn remove(&mut self, values: &[Values]) -> bool {
        values.iter().all(|values| self.family.remove_label_values(values).is_ok())
    }
}

/// Label values as two peers' derives want them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet, LabelSet)]
struct Labels {
    cluster: String,
    component: String,
    namespace: String,
    operation: String,
}

impl From<&Values> for Labels {
    fn from(values: &Values) -> Self {
        let [cluster, component, namespace, operation] = values.clone();
        Self { cluster, component, namespace, operation }
    }
}

type ClientFamily = prometheus_client::metrics::family::Family<
    Labels,
    prometheus_client::metrics::counter::Counter,
>;

struct Client {
    registry: prometheus_client::registry::Registry,
    family: ClientFamily,
}

pub(super) fn prometheus_client(_series: usize) -> Box<dyn Churn> {
    let family = ClientFamily::default();
    let mut registry = prometheus_client::registry::Registry::default();
    registry.register(STEM, HELP, family.clone());
    Box::new(Client { registry, family })
}

impl Churn for Client {
    fn create(&mut self, values: &[Values]) {
        for values in values {
            self.family.get_or_create(&Labels::from(values)).inc();
        }
    }

    fn scrape(&mut self, look: &mut dyn FnMut(&[u8])) {
        let mut out = String::new();
        for _ in 0..SCRAPES {
            out.clear();
            prometheus_client::encoding::text::encode(&mut out, &self.registry).expect(TAKEN);
        }
        look(out.as_bytes());
    }

    fn remove(&mut self, values: &[Values]) -> bool {
        values.iter().all(|values| self.family.remove(&Labels::from(values)))
    }
}

struct Exporter(PrometheusRecorder);

pub(super) fn metrics(_series: usize) -> Box<dyn Churn> {
    let recorder = PrometheusBuilder::new().build_recorder();
    recorder.describe_counter(NAME.into(), None, HELP.into());
    Box::new(Exporter(recorder))
}

impl Churn for Exporter {
    fn create(&mut self, values: &[Values]) {
        let metadata = Metadata::new(module_path!(), Level::INFO, None);
        for values in values {
            let pairs = LABELS.into_iter().zip(values.clone());
            let labels: Vec<Label> = pairs.map(|(name, value)| Label::new(name, value)).collect();
            self.0.register_counter(&Key::from_parts(NAME, labels), &metadata).increment(1);
        }
    }

    fn scrape(&mut self, look: &mut dyn FnMut(&[u8])) {
        let mut out = Vec::new();
        for _ in 0..SCRAPES {
            out.clear();
            self.0.handle().render_to_write(&mut out).expect(TAKEN);
        }
        look(&out);
    }

    fn remove(&mut self, _: &[Values]) -> bool {
        false
    }
}

/// Values become known as they come, and are kept for ever.
#[derive(Clone, Copy, LabelGroup)]
#[label(set = Interned)]
struct Group<'a> {
    #[label(dynamic_with = ThreadedRodeo, default)]
    cluster: &'a str,
    #[label(dynamic_with = ThreadedRodeo, default)]
    component: &'a str,
    #[label(dynamic_with = ThreadedRodeo, default)]
    namespace: &'a str,
    #[label(dynamic_with = ThreadedRodeo, default)]
    operation: &'a str,
}

impl<'a> From<&'a Values> for Group<'a> {
    fn from([cluster, component, namespace, operation]: &'a Values) -> Self {
        Self { cluster, component, namespace, operation }
    }
}

struct Measured(measured::CounterVec<Interned>);

pub(super) fn measured(_series: usize) -> Box<dyn Churn> {
    Box::new(Measured(measured::CounterVec::default()))
}

impl Churn for Measured {
    fn create(&mut self, values: &[Values]) {
        for values in values {
            self.0.inc(Group::from(values));
        }
    }

    fn scrape(&mut self, look: &mut dyn FnMut(&[u8])) {
        let name = MetricName::from_str(NAME);
        let mut encoder = measured::text::TextEncoder::new(Vec::new());
        for _ in 0..SCRAPES {
            encoder.writer.clear();
            encoder.write_help(name, HELP).expect(TAKEN);
            self.0.collect_family_into(name, &mut encoder).expect(TAKEN);
            encoder.flush().expect(TAKEN);
        }
        look(&encoder.writer);
    }

    fn remove(&mut self, values: &[Values]) -> bool {
        let mut each = values.iter().map(|values| self.0.with_labels(Group::from(values)));
        each.all(|series| self.0.remove_metric(series).is_some())
    }
}

type FastFamily =
    fastmetrics::metrics::family::Family<Labels, fastmetrics::metrics::counter::Counter>;

struct Fastmetrics {
    registry: fastmetrics::registry::Registry,
    family: FastFamily,
}

pub(super) fn fastmetrics(_series: usize) -> Box<dyn Churn> {
    let family = FastFamily::default();
    let mut registry = fastmetrics::registry::Registry::default();
    registry.register(NAME, HELP, family.clone()).expect("an empty registry");
    Box::new(Fastmetrics { registry, family })
}

impl Churn for Fastmetrics {
    fn create(&mut self, values: &[Values]) {
        for values in values {
            self.family.with_or_new(&Labels::from(values), |counter| counter.inc());
        }
    }

    fn scrape(&mut self, look: &mut dyn FnMut(&[u8])) {
        let mut out = String::new();
        for _ in 0..SCRAPES {
            out.clear();
            encode(&mut out, &self.registry, TextProfile::PrometheusV0_0_4).expect(TAKEN);
        }
        look(out.as_bytes());
    }

    fn remove(&mut self, _: &[Values]) -> bool {
        false
    }
}
