//! The engine: one registry, its limit raised to the number of series.
//! Upstream: tmc-engine and tmc-exposition. Downstream: churn.

use tmc_engine::{CounterFamily, Registry};
use tmc_exposition::{Encoder, Format};

use super::{Churn, SCRAPES, Values};
use crate::encoders::workload::{HELP, LABELS, NAME};

struct Tmc {
    registry: Registry,
    family: CounterFamily<4>,
    encoder: Encoder,
}

pub(super) fn tmc(series: usize) -> Box<dyn Churn> {
    let registry =
        Registry::builder().series_limit(series).build().expect("nothing that could be refused");
    let family = registry.counter_family(NAME, HELP, LABELS).expect("a valid family");
    Box::new(Tmc { registry, family, encoder: Encoder::new(Format::Text) })
}

impl Churn for Tmc {
    fn create(&mut self, values: &[Values]) {
        for values in values {
            self.family.with(values.each_ref().map(String::as_str)).inc();
        }
    }

    fn scrape(&mut self, look: &mut dyn FnMut(&[u8])) {
        let mut out = Vec::new();
        for _ in 0..SCRAPES {
            out.clear();
            let snapshot = self.registry.snapshot();
            self.encoder.encode(&snapshot, &mut out);
        }
        look(&out);
    }

    fn remove(&mut self, values: &[Values]) -> bool {
        values.iter().all(|values| self.family.remove(values.each_ref().map(String::as_str)))
    }
}
