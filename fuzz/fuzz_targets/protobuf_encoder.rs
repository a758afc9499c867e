//! The protobuf encoder against prost: whatever is registered, recorded and removed between scrapes, of
//! every type, comes back as it was, and nothing else comes; native buckets keep Prometheus's rules.
//!
//! Upstream: libFuzzer. Downstream: `tmc_engine`'s registry and snapshot, `Encoder`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tmc_exposition::{Encoder, Format};
use tmc_fuzz::program::{self, Case};
use tmc_fuzz::{exposed, protobuf};

fuzz_target!(|case: Case<'_>| program::run(
    &case,
    || Encoder::new(Format::Protobuf),
    |out, model, constant| {
        exposed::assert_same(protobuf::parse(out), model, constant);
    }
));
