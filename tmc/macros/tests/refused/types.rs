use tmc_metrics::{MetricsCollector, instrumented};

struct Unclassified;

#[instrumented(collector = collector, component_type = "Syncer", component_id = "s1")]
fn sync(collector: &MetricsCollector) -> Result<(), Unclassified> {
    Ok(())
}

#[instrumented(collector = registry, component_type = "Syncer", component_id = "s1")]
fn no_collector(registry: &str) {}

fn main() {}
