//! A look-up with fewer or more values than the family has labels.

use tmc_engine::Registry;

fn main() {
    let registry = Registry::new();
    let requests = registry.counter_family("requests_total", "Served", ["method", "code"]).unwrap();
    requests.with(["GET"]).inc();
    requests.at(["GET", "200", "/"]).inc();
}
