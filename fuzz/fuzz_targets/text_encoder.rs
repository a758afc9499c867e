//! The text encoder against a strict parser: whatever is registered, recorded and removed between
//! scrapes, of every type, comes back as it was, help texts and label values included, and nothing
//! else comes.
//!
//! Upstream: libFuzzer. Downstream: `tmc_engine`'s registry and snapshot, `Encoder`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tmc_exposition::{Encoder, Format};
use tmc_fuzz::program::{self, Case};
use tmc_fuzz::{exposed, text};

fuzz_target!(|case: Case<'_>| program::run(
    &case,
    || Encoder::new(Format::Text),
    |out, model, constant| {
        let families = text::parse(out).unwrap_or_else(|wrong| {
            panic!("{wrong}\n{}", String::from_utf8_lossy(out));
        });
        exposed::assert_same(families, model, constant);
    }
));
