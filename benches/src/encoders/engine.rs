//! The engine's snapshot and encoder, and the plain copy that nothing can be faster than.
//! Upstream: tmc-engine and tmc-exposition. Downstream: encoders.

use tmc_engine::{Counter, Histogram, HistogramSpec, Registry};
use tmc_exposition::{Body, Encoder, Format};

use super::workload::{HELP, HISTOGRAM, INITIAL_OBSERVATIONS, LABELS, NAME};
use super::{Encode, Workload};
use crate::histograms::seconds;

/// The engine; its snapshot belongs to the time that counts.
pub(crate) struct Tmc<H> {
    registry: Registry,
    handles: Vec<H>,
    add: fn(&H, u64),
    encoder: Encoder,
    body: Body,
}

/// A registry with the counters of `workload`.
pub(crate) fn counters(workload: Workload) -> (Registry, Vec<Counter>) {
    let registry = registry(workload);
    let family = registry.counter_family(NAME, HELP, LABELS).expect("a valid family");
    let start = |(values, initial): ([String; 4], u64)| {
        let counter = family.with(values.each_ref().map(String::as_str));
        counter.inc_by(initial);
        counter
    };
    let counters = workload.starts().map(start).collect();
    (registry, counters)
}

fn registry(workload: Workload) -> Registry {
    let registry = Registry::builder().series_limit(workload.series()).build();
    registry.expect("nothing that could be refused")
}

impl<H> Tmc<H> {
    fn new((registry, handles): (Registry, Vec<H>), add: fn(&H, u64)) -> Self {
        let (encoder, body) = (Encoder::new(Format::Text), Body::new());
        Self { registry, handles, add, encoder, body }
    }
}

impl Tmc<Counter> {
    pub(super) fn counters(workload: Workload) -> Self {
        Self::new(counters(workload), |counter, amount| counter.inc_by(amount))
    }
}

impl Tmc<Histogram> {
    pub(super) fn histograms(workload: Workload) -> Self {
        let registry = registry(workload);
        let spec = HistogramSpec::seconds(HistogramSpec::DEFAULT_SECONDS);
        let family = registry.histogram_family(HISTOGRAM, HELP, LABELS, &spec);
        let family = family.expect("a valid family");
        let mut observed = seconds().into_iter().cycle();
        let start = |values: [String; 4]| {
            let histogram = family.with(values.each_ref().map(String::as_str));
            observed
                .by_ref()
                .take(INITIAL_OBSERVATIONS as usize)
                .for_each(|seconds| histogram.observe(seconds));
            histogram
        };
        let histograms = workload.labels().map(start).collect();
        Self::new((registry, histograms), Histogram::record)
    }
}

impl<H: Send> Encode for Tmc<H> {
    fn add(&mut self, series: usize, amount: u64) {
        (self.add)(&self.handles[series], amount);
    }

    fn encode(&mut self) {
        // As a server does it: what the last client held is held no more.
        self.body.clear();
        let snapshot = self.registry.snapshot();
        self.encoder.share(&snapshot, &mut self.body);
    }

    fn read(&self, sink: &mut dyn FnMut(&[u8])) {
        self.body.iter().for_each(sink);
    }
}

/// Text that was written before the clock started, and only has to be copied into memory that has been
/// written before.
pub(super) struct Copy {
    source: Vec<u8>,
    out: Vec<u8>,
}

impl Copy {
    /// Of the text of `other`.
    pub(super) fn of(other: &mut dyn Encode) -> Self {
        other.encode();
        Self { source: other.text(), out: Vec::new() }
    }
}

impl Encode for Copy {
    fn add(&mut self, _: usize, _: u64) {}

    fn encode(&mut self) {
        self.out.clear();
        self.out.extend_from_slice(&self.source);
    }

    fn read(&self, sink: &mut dyn FnMut(&[u8])) {
        sink(&self.out);
    }
}
