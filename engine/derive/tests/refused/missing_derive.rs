//! Types that miss a derive: of a field, of a flattened field.

use tmc_engine::LabelSet;

enum Method {
    Get,
}

struct Common {
    method: Method,
}

#[derive(LabelSet)]
struct Request {
    method: Method,
    code: u16,
}

#[derive(LabelSet)]
struct Tagged {
    #[label(flatten)]
    common: Common,
}

fn main() {}
