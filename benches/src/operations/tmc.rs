//! The collector's ways: a count by four strings, an operation whose handles are kept, a tracker.
//! Upstream: tmc-metrics. Downstream: operations.

use tmc_metrics::{MetricsCollector, Operation, Registry, instrumented};

use super::{Values, all, visits};
use crate::contender::{Shared, Total};
use crate::contest::{Contender, Role};
use crate::name;

pub(super) fn counted() -> Box<dyn Contender> {
    let collector = collector();
    Box::new(Shared {
        name: name::RECORD_OPERATION,
        role: Role::Engine,
        handles: visits(2),
        total: total(&collector, 2),
        record: move |values: &Values| {
            let [component, id, operation, status] = all(values);
            collector.record_component_operation(component, id, operation, status);
        },
    })
}

/// The first `operations` of all.
pub(super) fn bound(operations: usize) -> Box<dyn Contender> {
    let collector = collector();
    let bind = |values: Values| {
        let [component, id, operation, _] = all(&values);
        collector.operation(component, id, operation)
    };
    Box::new(Shared {
        name: name::BOUND,
        role: Role::Engine,
        handles: visits(1).into_iter().take(operations).map(bind).collect(),
        record: |operation: &Operation| operation.start().success(),
        total: total(&collector, 1),
    })
}

pub(super) fn tracker() -> Box<dyn Contender> {
    let collector = collector();
    Box::new(Shared {
        name: name::TRACKER,
        role: Role::Engine,
        handles: visits(1),
        total: total(&collector, 1),
        record: move |values: &Values| {
            let [component, id, operation, _] = all(values);
            collector.operation_tracker(component, id, operation).success();
        },
    })
}

pub(super) fn instrumented() -> Box<dyn Contender> {
    let collector = collector();
    let total = total(&collector, 1);
    let syncer = Syncer { collector };
    Box::new(Shared {
        name: name::INSTRUMENTED,
        role: Role::Engine,
        handles: visits(1),
        total,
        record: move |values: &Values| syncer.sync(all(values)),
    })
}

/// Threads share one.
struct Syncer {
    collector: MetricsCollector,
}

impl Syncer {
    #[instrumented(
        collector = self.collector,
        component_type = values[0],
        component_id = values[1],
        operation = values[2],
    )]
    fn sync(&self, values: [&str; 4]) {}
}

fn collector() -> MetricsCollector {
    MetricsCollector::new(&Registry::new()).expect("an empty registry")
}

/// Operations, where `statuses` is 1 checked against the observations, too.
fn total(collector: &MetricsCollector, statuses: usize) -> Total {
    let families = collector.families().clone();
    Box::new(move || {
        let visits = visits(statuses);
        let counted = visits.iter().map(|values| families.component_operations.with(all(values)));
        let counted = counted.map(|counter| counter.value()).sum();
        if statuses == 1 {
            let observed = visits.iter().map(|values| {
                let [component, id, operation, _] = all(values);
                families.component_latency.with([component, id, operation]).count()
            });
            assert_eq!(observed.sum::<u64>(), counted, "every operation has its latency");
        }
        counted
    })
}
