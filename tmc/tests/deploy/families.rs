//! What is exposed: names of samples and their labels, from a registry, a sampler and a server that
//! run. Upstream: the tests. Downstream: the engine's snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use tmc_metrics::engine::{Kind, Snapshot};
use tmc_metrics::exposition::Server;
use tmc_metrics::sysmon::Sampler;
use tmc_metrics::{MetricsCollector, Registry};

pub(crate) type Labels = BTreeSet<String>;

/// Labels that Prometheus adds to what it scrapes.
pub(crate) const TARGET: [&str; 2] = ["instance", "job"];

pub(crate) fn labels<'a>(names: impl IntoIterator<Item = &'a str>) -> Labels {
    names.into_iter().map(str::to_owned).collect()
}

/// All that a process exposes.
pub(crate) fn snapshot() -> &'static Snapshot {
    static SNAPSHOT: OnceLock<Arc<Snapshot>> = OnceLock::new();
    SNAPSHOT.get_or_init(|| {
        let registry = Registry::new();
        MetricsCollector::new(&registry).unwrap();
        let sampler = Sampler::builder(&registry).start().unwrap();
        let server = Server::builder(registry.clone()).listen("127.0.0.1:0").start().unwrap();
        // The family that counts panics is exposed from the first one on.
        let panicking = registry.register_collector(|_| panic!("on purpose"));
        let _panicked = registry.snapshot();
        drop(panicking);
        let snapshot = registry.snapshot();
        server.shutdown();
        sampler.stop();
        snapshot
    })
}

/// Labels of each name that a query may select, `job` and `instance` among them.
pub(crate) fn selectable() -> BTreeMap<String, Labels> {
    let mut all = BTreeMap::new();
    all.insert("up".to_owned(), labels(TARGET));
    all.insert("ALERTS".to_owned(), labels(["alertname", "alertstate", "severity"]));
    for family in snapshot().families() {
        let mut names = labels(family.label_names());
        names.extend(labels(TARGET));
        let name = family.name();
        if family.kind() == Kind::Histogram {
            for suffix in ["_sum", "_count"] {
                all.insert(format!("{name}{suffix}"), names.clone());
            }
            names.insert("le".to_owned());
            all.insert(format!("{name}_bucket"), names);
        } else {
            all.insert(name.to_owned(), names);
        }
    }
    all
}
