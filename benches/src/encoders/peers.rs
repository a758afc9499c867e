//! How each peer writes a family of counters as text, with as much memory kept as it lets us keep.
//! Upstream: the peers. Downstream: encoders.

use fastmetrics::derive::LabelSet;
use fastmetrics::format::text::{TextProfile, encode};
use measured::LabelGroup;
use measured::lasso::{Rodeo, RodeoReader};
use measured::metric::name::MetricName;
use measured::metric::{LabelId, MetricFamilyEncoding};
use measured::text::TextEncoder;
use metrics::{Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use prometheus_client::encoding::EncodeLabelSet;

use super::workload::{HELP, LABELS, NAME, STEM};
use super::{Encode, Workload};

/// What memory cannot refuse.
pub(super) const TAKEN: &str = "memory takes every write";

pub(super) struct Prometheus {
    registry: prometheus::Registry,
    counters: Vec<prometheus::IntCounter>,
    out: String,
}

impl Prometheus {
    pub(super) fn new(workload: Workload) -> Self {
        let options = prometheus::Opts::new(NAME, HELP);
        let family = prometheus::IntCounterVec::new(options, &LABELS).expect("a valid family");
        let registry = prometheus::Registry::new();
        registry.register(Box::new(family.clone())).expect("an empty registry");
        let counters = workload
            .starts()
            .map(|(values, initial)| {
                let counter = family.with_label_values(&values);
                counter.inc_by(initial);
                counter
            })
            .collect();
        Self { registry, counters, out: String::new() }
    }
}

impl Encode for Prometheus {
    fn add(&mut self, series: usize, amount: u64) {
        self.counters[series].inc_by(amount);
    }

    fn encode(&mut self) {
        self.out.clear();
        prometheus::TextEncoder::new()
            .encode_utf8(&self.registry.gather(), &mut self.out)
            .expect(TAKEN);
    }

    fn read(&self, sink: &mut dyn FnMut(&[u8])) {
        sink(self.out.as_bytes());
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ClientLabels {
    cluster: String,
    component: String,
    namespace: String,
    operation: String,
}

impl From<[String; 4]> for ClientLabels {
    fn from([cluster, component, namespace, operation]: [String; 4]) -> Self {
        Self { cluster, component, namespace, operation }
    }
}

pub(super) struct Client {
    registry: prometheus_client::registry::Registry,
    counters: Vec<prometheus_client::metrics::counter::Counter>,
    out: String,
}

impl Client {
    pub(super) fn new(workload: Workload) -> Self {
        use prometheus_client::metrics::counter::Counter;
        use prometheus_client::metrics::family::Family;

        let family = Family::<ClientLabels, Counter>::default();
        let mut registry = prometheus_client::registry::Registry::default();
        registry.register(STEM, HELP, family.clone());
        let counters = workload
            .starts()
            .map(|(values, initial)| {
                let counter = family.get_or_create_owned(&values.into());
                counter.inc_by(initial);
                counter
            })
            .collect();
        Self { registry, counters, out: String::new() }
    }
}

impl Encode for Client {
    fn add(&mut self, series: usize, amount: u64) {
        self.counters[series].inc_by(amount);
    }

    fn encode(&mut self) {
        self.out.clear();
        prometheus_client::encoding::text::encode(&mut self.out, &self.registry).expect(TAKEN);
    }

    fn read(&self, sink: &mut dyn FnMut(&[u8])) {
        sink(self.out.as_bytes());
    }
}

/// What the crate `metrics` knows a series by.
pub(super) fn key(name: &'static str, values: [String; 4]) -> Key {
    let labels = LABELS.into_iter().zip(values).map(|(name, value)| Label::new(name, value));
    Key::from_parts(name, labels.collect::<Vec<_>>())
}

pub(super) struct Metrics {
    /// Kept because the handle only reads.
    _recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    counters: Vec<metrics::Counter>,
    out: Vec<u8>,
}

impl Metrics {
    pub(super) fn new(workload: Workload) -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        recorder.describe_counter(NAME.into(), None, HELP.into());
        let metadata = Metadata::new(module_path!(), Level::INFO, None);
        let counters = workload
            .starts()
            .map(|(values, initial)| {
                let counter = recorder.register_counter(&key(NAME, values), &metadata);
                counter.increment(initial);
                counter
            })
            .collect();
        Self { handle: recorder.handle(), _recorder: recorder, counters, out: Vec::new() }
    }
}

impl Encode for Metrics {
    fn add(&mut self, series: usize, amount: u64) {
        self.counters[series].increment(amount);
    }

    fn encode(&mut self) {
        self.out.clear();
        self.handle.render_to_write(&mut self.out).expect(TAKEN);
    }

    fn read(&self, sink: &mut dyn FnMut(&[u8])) {
        sink(&self.out);
    }
}

/// All four sets of values are known beforehand, which is the fastest this peer has for strings.
#[derive(Clone, Copy, PartialEq, Debug, LabelGroup)]
#[label(set = MeasuredSet)]
pub(super) struct MeasuredLabels<'a> {
    #[label(fixed_with = RodeoReader)]
    cluster: &'a str,
    #[label(fixed_with = RodeoReader)]
    component: &'a str,
    #[label(fixed_with = RodeoReader)]
    namespace: &'a str,
    #[label(fixed_with = RodeoReader)]
    operation: &'a str,
}

/// Every value that a label of `workload` has.
pub(super) fn measured_set(workload: Workload) -> MeasuredSet {
    let mut sets: [Rodeo; 4] = std::array::from_fn(|_| Rodeo::new());
    for values in workload.labels() {
        for (set, value) in sets.iter_mut().zip(values) {
            set.get_or_intern(value);
        }
    }
    let [cluster, component, namespace, operation] = sets.map(Rodeo::into_reader);
    MeasuredSet { cluster, component, namespace, operation }
}

impl<'a> From<&'a [String; 4]> for MeasuredLabels<'a> {
    fn from([cluster, component, namespace, operation]: &'a [String; 4]) -> Self {
        Self { cluster, component, namespace, operation }
    }
}

pub(super) struct Measured {
    family: measured::CounterVec<MeasuredSet>,
    series: Vec<LabelId<MeasuredSet>>,
    encoder: TextEncoder<Vec<u8>>,
}

impl Measured {
    pub(super) fn new(workload: Workload) -> Self {
        let family = measured::CounterVec::with_label_set(measured_set(workload));
        let series = workload
            .starts()
            .map(|(values, initial)| {
                let id = family.with_labels((&values).into());
                family.get_metric(id).inc_by(initial);
                id
            })
            .collect();
        Self { family, series, encoder: TextEncoder::new(Vec::new()) }
    }
}

impl Encode for Measured {
    fn add(&mut self, series: usize, amount: u64) {
        self.family.get_metric(self.series[series]).inc_by(amount);
    }

    fn encode(&mut self) {
        use measured::metric::group::Encoding;

        let name = MetricName::from_str(NAME);
        self.encoder.writer.clear();
        self.encoder.write_help(name, HELP).expect(TAKEN);
        self.family.collect_family_into(name, &mut self.encoder).expect(TAKEN);
        self.encoder.flush().expect(TAKEN);
    }

    fn read(&self, sink: &mut dyn FnMut(&[u8])) {
        sink(&self.encoder.writer);
    }
}

#[derive(Clone, Default, PartialEq, Eq, Hash, LabelSet)]
pub(super) struct FastmetricsLabels {
    cluster: String,
    component: String,
    namespace: String,
    operation: String,
}

impl From<[String; 4]> for FastmetricsLabels {
    fn from([cluster, component, namespace, operation]: [String; 4]) -> Self {
        Self { cluster, component, namespace, operation }
    }
}

pub(super) struct Fastmetrics {
    registry: fastmetrics::registry::Registry,
    counters: Vec<fastmetrics::metrics::counter::Counter>,
    out: String,
}

impl Fastmetrics {
    pub(super) fn new(workload: Workload) -> Self {
        use fastmetrics::metrics::counter::Counter;
        use fastmetrics::metrics::family::Family;

        let family = Family::<FastmetricsLabels, Counter>::default();
        let mut registry = fastmetrics::registry::Registry::default();
        registry.register(NAME, HELP, family.clone()).expect("an empty registry");
        let counters = workload
            .starts()
            .map(|(values, initial)| {
                let counter: Counter = family.with_or_new(&values.into(), Counter::clone);
                counter.inc_by(initial);
                counter
            })
            .collect();
        Self { registry, counters, out: String::new() }
    }
}

impl Encode for Fastmetrics {
    fn add(&mut self, series: usize, amount: u64) {
        self.counters[series].inc_by(amount);
    }

    fn encode(&mut self) {
        self.out.clear();
        encode(&mut self.out, &self.registry, TextProfile::PrometheusV0_0_4).expect(TAKEN);
    }

    fn read(&self, sink: &mut dyn FnMut(&[u8])) {
        sink(self.out.as_bytes());
    }
}
