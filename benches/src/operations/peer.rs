//! The same with the peer `prometheus`: label values looked up as its documentation does, and
//! handles kept.
//! Upstream: prometheus. Downstream: operations.

use std::time::Instant;

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry,
};

use super::{Values, all, visits};
use crate::contender::{Shared, Total};
use crate::contest::{Contender, Role};
use crate::histograms::BOUNDS;
use crate::name;

pub(super) fn counted() -> Box<dyn Contender> {
    let Families { operations, .. } = Families::register();
    Box::new(Shared {
        name: name::PROMETHEUS,
        role: Role::Peer,
        handles: visits(2),
        total: total(&operations, 2),
        record: move |values: &Values| operations.with_label_values(&all(values)).inc(),
    })
}

pub(super) fn tracked() -> Box<dyn Contender> {
    let Families { operations, latency } = Families::register();
    Box::new(Shared {
        name: name::PROMETHEUS,
        role: Role::Peer,
        handles: visits(1),
        total: total(&operations, 1),
        record: move |values: &Values| {
            let start = Instant::now();
            let [component, id, operation, _] = all(values);
            let elapsed = start.elapsed().as_secs_f64();
            latency.with_label_values(&[component, id, operation]).observe(elapsed);
            operations.with_label_values(&[component, id, operation, "success"]).inc();
        },
    })
}

/// The first `series` of all.
pub(super) fn tracked_by_handles(series: usize) -> Box<dyn Contender> {
    let Families { operations, latency } = Families::register();
    let bind = |values: &Values| {
        let [component, id, operation, status] = all(values);
        let latency = latency.with_label_values(&[component, id, operation]);
        (latency, operations.with_label_values(&[component, id, operation, status]))
    };
    Box::new(Shared {
        name: name::PROMETHEUS_HANDLES,
        role: Role::Aside,
        handles: visits(1).iter().take(series).map(bind).collect(),
        total: total(&operations, 1),
        record: |(latency, success): &(Histogram, IntCounter)| {
            let start = Instant::now();
            latency.observe(start.elapsed().as_secs_f64());
            success.inc();
        },
    })
}

struct Families {
    operations: IntCounterVec,
    latency: HistogramVec,
}

impl Families {
    /// As the catalogue has them.
    fn register() -> Self {
        let labels = ["component_type", "component_id", "operation", "status"];
        let operations = Opts::new("tmc_component_operations_total", "Operations");
        let operations = IntCounterVec::new(operations, &labels).expect("a valid family");
        let latency = HistogramOpts::new("tmc_component_operation_duration_seconds", "Latency");
        let latency = latency.buckets(BOUNDS.to_vec());
        let latency = HistogramVec::new(latency, &labels[..3]).expect("a valid family");
        let registry = Registry::new();
        registry.register(Box::new(operations.clone())).expect("an empty registry");
        registry.register(Box::new(latency.clone())).expect("another name");
        Self { operations, latency }
    }
}

fn total(operations: &IntCounterVec, statuses: usize) -> Total {
    let operations = operations.clone();
    let count = move |values: &Values| operations.with_label_values(&all(values)).get();
    Box::new(move || visits(statuses).iter().map(&count).sum())
}
