//! The engine's snapshot and encoder, and the plain copy that nothing can be faster than.
//! Upstream: tmc-engine and tmc-exposition. Downstream: encoders.

use tmc_engine::{Counter, Registry};
use tmc_exposition::{Encoder, Format};

use super::workload::{HELP, LABELS, NAME};
use super::{Encode, Workload};

/// The engine; its snapshot belongs to the time that counts.
pub(super) struct Tmc {
    registry: Registry,
    counters: Vec<Counter>,
    encoder: Encoder,
    out: Vec<u8>,
}

impl Tmc {
    pub(super) fn new(workload: Workload) -> Self {
        let registry = Registry::builder()
            .series_limit(workload.series())
            .build()
            .expect("nothing that could be refused");
        let family = registry.counter_family(NAME, HELP, LABELS).expect("a valid family");
        let counters = workload
            .all()
            .map(|(values, initial)| {
                let counter = family.with(values.each_ref().map(String::as_str));
                counter.inc_by(initial);
                counter
            })
            .collect();
        Self { registry, counters, encoder: Encoder::new(Format::Text), out: Vec::new() }
    }
}

impl Encode for Tmc {
    fn add(&mut self, series: usize, amount: u64) {
        self.counters[series].inc_by(amount);
    }

    fn encode(&mut self) {
        self.out.clear();
        let snapshot = self.registry.snapshot();
        self.encoder.encode(&snapshot, &mut self.out);
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.out).unwrap_or_default()
    }
}

/// Text that was written before the clock started, and only has to be copied.
pub(super) struct Copy {
    values: Vec<u64>,
    source: String,
    out: String,
}

impl Copy {
    pub(super) fn new(workload: Workload) -> Self {
        let values = workload.all().map(|(_, initial)| initial).collect();
        Self { values, source: String::new(), out: String::new() }
    }
}

impl Encode for Copy {
    fn add(&mut self, series: usize, amount: u64) {
        self.values[series] += amount;
    }

    fn refresh(&mut self) {
        self.source = Workload::naive(&self.values);
    }

    fn encode(&mut self) {
        self.out.clear();
        self.out.push_str(&self.source);
    }

    fn text(&self) -> &str {
        &self.out
    }
}
