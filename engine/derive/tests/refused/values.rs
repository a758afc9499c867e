//! Enums that are no label values.

use tmc_engine::LabelValue;

#[derive(LabelValue)]
enum Status {
    Ok,
    Failed(u16),
    Moved { to: String },
}

#[derive(LabelValue)]
enum Repeated {
    NotFound,
    #[label(rename = "not_found")]
    Missing,
    Http2,
    HTTP2,
}

#[derive(LabelValue)]
enum Nothing {}

#[derive(LabelValue)]
struct Text(String);

#[derive(LabelValue)]
union Bits {
    word: u32,
}

fn main() {}
