use tmc_metrics::{MetricsCollector, instrumented};

#[instrumented(collector = collector, component_type = "Syncer", component_id = "s1")]
const fn constant(collector: &MetricsCollector) {}

#[instrumented(collector = collector, component_type = "Syncer", component_id = "s1")]
fn future(collector: &MetricsCollector) -> impl Future<Output = ()> {
    std::future::ready(())
}

type Reconciled = std::pin::Pin<Box<dyn Future<Output = ()>>>;

#[instrumented(collector = collector, component_type = "Syncer", component_id = "s1")]
fn future_by_another_name(collector: &MetricsCollector) -> Reconciled {
    Box::pin(std::future::ready(()))
}

#[instrumented(collector = collector, component_type = "Syncer", component_id = "s1")]
struct Syncer;

trait Sync {
    #[instrumented(collector = self.collector(), component_type = "Syncer", component_id = "s1")]
    fn sync(&self);
}

fn main() {}
