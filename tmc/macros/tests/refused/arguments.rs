use tmc_metrics::{MetricsCollector, instrumented};

#[instrumented(collector = collector, component_type = "Syncer")]
fn without_an_id(collector: &MetricsCollector) {}

#[instrumented(collector = collector, component = "Syncer", component_id = "s1")]
fn with_an_unknown_key(collector: &MetricsCollector) {}

#[instrumented(collector = collector, component_type = "Syncer", component_id = "a", component_id = "b")]
fn with_a_key_twice(collector: &MetricsCollector) {}

#[instrumented(collector, component_type = "Syncer", component_id = "s1")]
fn without_a_value(collector: &MetricsCollector) {}

#[instrumented("Syncer")]
fn without_keys() {}

fn main() {}
