//! The OpenMetrics encoder against a strict parser: whatever is registered, recorded and removed between
//! scrapes, of every type, comes back as it was, and nothing else comes; exemplars and start times keep
//! the rules.
//!
//! Upstream: libFuzzer. Downstream: `tmc_engine`'s registry and snapshot, `Encoder`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tmc_exposition::{Encoder, Format};
use tmc_fuzz::program::{self, Case};
use tmc_fuzz::{exposed, open_metrics};

fuzz_target!(|case: Case<'_>| {
    let new = || Encoder::new(Format::OpenMetrics).created_samples(true);
    program::run(&case, new, |out, model, constant| {
        let families = open_metrics::parse(out, true).unwrap_or_else(|wrong| {
            panic!("{wrong}\n{}", String::from_utf8_lossy(out));
        });
        exposed::assert_same_but_total(open_metrics::as_text(families), model, constant);
    });
});
