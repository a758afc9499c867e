//! Attributes that say nothing the derives know.

use tmc_engine::{LabelSet, LabelValue};

#[derive(LabelSet)]
#[label(rename_all = "camelCase")]
struct Request<'a> {
    #[label(name = "verb")]
    method: &'a str,
    #[label(rename)]
    code: u16,
    #[label(rename = 5)]
    route: &'a str,
    #[label]
    host: &'a str,
    #[label(rename = "zone")]
    #[label(rename = "region")]
    place: &'a str,
}

#[derive(LabelSet)]
#[label(crate = "not a path")]
struct Common<'a> {
    cluster: &'a str,
}

#[derive(LabelSet)]
struct Flattened<'a> {
    #[label(flatten, rename = "common")]
    common: Common<'a>,
    #[label(flatten = "yes")]
    other: Common<'a>,
}

#[derive(LabelValue)]
#[label(rename_all = "Title Case")]
enum Method {
    #[label(flatten)]
    Get,
    #[label(skip)]
    Post,
}

fn main() {}
