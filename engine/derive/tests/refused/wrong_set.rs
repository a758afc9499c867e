//! The labels of another family, and a missing label.

use tmc_engine::{LabelSet, Registry};

#[derive(LabelSet)]
struct Request<'a> {
    method: &'a str,
    code: u16,
}

#[derive(LabelSet)]
struct Query<'a> {
    table: &'a str,
}

fn main() {
    let registry = Registry::new();
    let requests = registry.counter_family_of::<Request<'_>>("requests_total", "Served").unwrap();
    requests.with(Query { table: "users" }).inc();
    requests.with(Request { method: "GET" }).inc();
}
