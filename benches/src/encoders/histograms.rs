//! How each peer writes a family of histograms as text. Upstream: the peers. Downstream: encoders.

use std::sync::Arc;

use measured::metric::MetricFamilyEncoding;
use measured::metric::group::Encoding;
use measured::metric::histogram::Thresholds;
use measured::metric::name::MetricName;
use measured::text::TextEncoder;
use metrics::{Level, Metadata, Recorder};
use metrics_exporter_prometheus::PrometheusBuilder;

use super::peers::{ClientLabels, FastmetricsLabels, MeasuredSet, TAKEN, key, measured_set};
use super::workload::{HELP, HISTOGRAM, INITIAL_OBSERVATIONS, LABELS};
use super::{Encode, Workload};
use crate::histograms::{BOUNDS, seconds};

/// A peer's histograms, what to do with one, and how all of them are written into a `T`.
struct Observed<H, O, W, T> {
    handles: Vec<H>,
    observe: O,
    write: W,
    /// Done before each turn, outside of the time that counts.
    refresh: Option<Box<dyn Fn() + Send>>,
    out: T,
}

impl<H, O, W, T> Observed<H, O, W, T>
where
    H: Send + 'static,
    O: Fn(&H, f64) + Send + 'static,
    W: FnMut(&mut T) + Send + 'static,
    T: AsRef<[u8]> + Default + Send + 'static,
{
    /// Makes one histogram for each set of labels, and observes what each has seen at first.
    fn start(
        workload: Workload,
        mut make: impl FnMut([String; 4]) -> H,
        observe: O,
        write: W,
    ) -> Self {
        let mut observed = seconds().into_iter().cycle();
        let mut start = |values: [String; 4]| {
            let handle = make(values);
            let first = observed.by_ref().take(INITIAL_OBSERVATIONS as usize);
            first.for_each(|seconds| observe(&handle, seconds));
            handle
        };
        let handles = workload.labels().map(&mut start).collect();
        Self { handles, observe, write, refresh: None, out: T::default() }
    }
}

impl<H, O, W, T> Encode for Observed<H, O, W, T>
where
    H: Send,
    O: Fn(&H, f64) + Send,
    W: FnMut(&mut T) + Send,
    T: AsRef<[u8]> + Send,
{
    fn add(&mut self, series: usize, amount: u64) {
        (self.observe)(&self.handles[series], amount as f64 * 1e-9);
    }

    fn refresh(&mut self) {
        if let Some(refresh) = &self.refresh {
            refresh();
        }
    }

    fn encode(&mut self) {
        (self.write)(&mut self.out);
    }

    fn read(&self, sink: &mut dyn FnMut(&[u8])) {
        sink(self.out.as_ref());
    }
}

pub(super) fn prometheus(workload: Workload) -> Box<dyn Encode> {
    use prometheus::{Histogram, HistogramOpts, HistogramVec, Registry, TextEncoder};

    let options = HistogramOpts::new(HISTOGRAM, HELP).buckets(BOUNDS.to_vec());
    let family = HistogramVec::new(options, &LABELS).expect("a valid family");
    let registry = Registry::new();
    registry.register(Box::new(family.clone())).expect("an empty registry");
    let write = move |out: &mut String| {
        out.clear();
        TextEncoder::new().encode_utf8(&registry.gather(), out).expect(TAKEN);
    };
    let make = |values: [String; 4]| family.with_label_values(&values);
    Box::new(Observed::start(workload, make, Histogram::observe, write))
}

pub(super) fn client(workload: Workload) -> Box<dyn Encode> {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::metrics::family::Family;
    use prometheus_client::metrics::histogram::Histogram;
    use prometheus_client::registry::Registry;

    type Family11 = Family<ClientLabels, Histogram, fn() -> Histogram>;
    let family = Family11::new_with_constructor(|| Histogram::new(BOUNDS));
    let mut registry = Registry::default();
    registry.register(HISTOGRAM, HELP, family.clone());
    let write = move |out: &mut String| {
        out.clear();
        encode(out, &registry).expect(TAKEN);
    };
    let make = |values: [String; 4]| family.get_or_create_owned(&values.into());
    Box::new(Observed::start(workload, make, Histogram::observe, write))
}

/// What this peer has listed since the last turn, it sorts into buckets before the clock starts, in its
/// favour.
pub(super) fn metrics(workload: Workload) -> Box<dyn Encode> {
    let builder = PrometheusBuilder::new().set_buckets(&BOUNDS).expect("valid buckets");
    let recorder = builder.build_recorder();
    recorder.describe_histogram(HISTOGRAM.into(), None, HELP.into());
    let metadata = Metadata::new(module_path!(), Level::INFO, None);
    let (rendered, upkeep) = (recorder.handle(), recorder.handle());
    let write = move |out: &mut Vec<u8>| {
        out.clear();
        rendered.render_to_write(out).expect(TAKEN);
    };
    let make =
        |values: [String; 4]| recorder.register_histogram(&key(HISTOGRAM, values), &metadata);
    let observe = |histogram: &metrics::Histogram, value: f64| histogram.record(value);
    let started = Observed::start(workload, make, observe, write);
    Box::new(Observed { refresh: Some(Box::new(move || upkeep.run_upkeep())), ..started })
}

pub(super) fn measured(workload: Workload) -> Box<dyn Encode> {
    type Family11 = measured::HistogramVec<MeasuredSet, { BOUNDS.len() }>;

    let bounds = Thresholds::with_buckets(BOUNDS);
    let set = measured_set(workload);
    let family = Arc::new(Family11::with_label_set_and_metadata(set, bounds));
    let written = family.clone();
    let write = move |out: &mut Vec<u8>| {
        let name = MetricName::from_str(HISTOGRAM);
        out.clear();
        let mut encoder = TextEncoder::new(std::mem::take(out));
        encoder.write_help(name, HELP).expect(TAKEN);
        written.collect_family_into(name, &mut encoder).expect(TAKEN);
        encoder.flush().expect(TAKEN);
        *out = encoder.writer;
    };
    let found = family.clone();
    let make = move |values: [String; 4]| found.with_labels((&values).into());
    let observe = move |id: &_, value: f64| family.get_metric(*id).observe(value);
    Box::new(Observed::start(workload, make, observe, write))
}

pub(super) fn fastmetrics(workload: Workload) -> Box<dyn Encode> {
    use fastmetrics::format::text::{TextProfile, encode};
    use fastmetrics::metrics::family::Family;
    use fastmetrics::metrics::histogram::Histogram;
    use fastmetrics::registry::Registry;

    let family = Family::<FastmetricsLabels, Histogram>::new(|| Histogram::new(BOUNDS));
    let mut registry = Registry::default();
    registry.register(HISTOGRAM, HELP, family.clone()).expect("an empty registry");
    let write = move |out: &mut String| {
        out.clear();
        encode(out, &registry, TextProfile::PrometheusV0_0_4).expect(TAKEN);
    };
    let make = |values: [String; 4]| family.with_or_new(&values.into(), Histogram::clone);
    Box::new(Observed::start(workload, make, Histogram::observe, write))
}
