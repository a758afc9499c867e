//! Names that no label can have.

use tmc_engine::LabelSet;

#[derive(LabelSet)]
struct Reserved<'a> {
    le: f64,
    quantile: &'a str,
    _private: &'a str,
    __name__: &'a str,
}

#[derive(LabelSet)]
struct Illegal<'a> {
    größe: &'a str,
    #[label(rename = "")]
    empty: &'a str,
    #[label(rename = "2xx")]
    digit: bool,
    #[label(rename = "http-method")]
    hyphen: &'a str,
    #[label(rename = "le")]
    limit: &'a str,
}

#[derive(LabelSet)]
struct Repeated<'a> {
    method: &'a str,
    r#type: &'a str,
    #[label(rename = "method")]
    verb: &'a str,
    #[label(rename = "type")]
    kind: &'a str,
}

fn main() {}
