//! A field that holds a set, and is not flattened.

use tmc_engine::LabelSet;

#[derive(LabelSet)]
struct Common<'a> {
    cluster: &'a str,
}

#[derive(LabelSet)]
struct Request<'a> {
    common: Common<'a>,
}

fn main() {}
