//! Callbacks: series whose value somebody else keeps, asked for at each snapshot.
//! Upstream: the program. Downstream: collect, which runs them.

use super::collect::Collector;
use super::core::FamilyCore;
use super::labels::LabelTexts;
use super::series::Hold;
use super::{Family, Key, Registry};
use crate::error::RegisterError;
use crate::record::{Counter, FloatCounter, Gauge, shared_cell};
use crate::sync::{Arc, Ordering::Relaxed};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

impl Registry {
    /// Exposes what `value` gives as a gauge. It is called once for every snapshot: as
    /// [`Registry::register_collector`]. NaN after a panic.
    ///
    /// # Errors
    /// An invalid name or help, or a clash with another family: see [`RegisterError`].
    pub fn gauge_callback(
        &self,
        name: &str,
        help: &str,
        value: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Result<Collector, RegisterError> {
        Ok(self.gauge_family(name, help, [])?.callback([], value))
    }

    /// Exposes what `value` gives as a counter: a total that somebody else keeps, and that never
    /// falls. As [`Registry::gauge_callback`]; after a panic, the total is what it was.
    ///
    /// # Errors
    /// An invalid name or help, or a clash with another family: see [`RegisterError`].
    pub fn counter_callback(
        &self,
        name: &str,
        help: &str,
        value: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Result<Collector, RegisterError> {
        Ok(self.counter_family(name, help, [])?.callback([], value))
    }

    /// The same for a total that is no whole number: seconds of CPU time.
    ///
    /// # Errors
    /// An invalid name or help, or a clash with another family: see [`RegisterError`].
    pub fn float_counter_callback(
        &self,
        name: &str,
        help: &str,
        value: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Result<Collector, RegisterError> {
        Ok(self.float_counter_family(name, help, [])?.callback([], value))
    }
}

impl<K: Key> Family<Gauge, K> {
    /// Exposes what `value` gives under these label values; as [`Registry::gauge_callback`].
    ///
    /// It takes the place of a series or a callback with the same label values; handles to that
    /// record nowhere visible. Beyond the family's limit it is refused and counted. The series goes
    /// with the [`Collector`], and is not retired before; if it is removed, it does not come back.
    pub fn callback(
        &self,
        values: K::Of<'_>,
        value: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Collector {
        let own = Own::new(&self.core, &values);
        let gauge = Gauge::of(own.series.clone());
        own.collected(move || match catch_unwind(AssertUnwindSafe(&value)) {
            Ok(value) => gauge.set(value),
            Err(panic) => {
                gauge.set(f64::NAN);
                resume_unwind(panic); // to be counted
            }
        })
    }
}

impl<K: Key> Family<Counter, K> {
    /// Exposes the total that `value` gives under these label values; as
    /// [`Registry::counter_callback`] and the callback of a family of gauges. Record into the
    /// same series through nothing else: what others add may be lost.
    pub fn callback(
        &self,
        values: K::Of<'_>,
        value: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Collector {
        let own = Own::new(&self.core, &values);
        // Threads have none of their cells: the sum is what is here.
        let cell = shared_cell(&own.series);
        own.collected(move || cell.store(value(), Relaxed))
    }
}

impl<K: Key> Family<FloatCounter, K> {
    /// Exposes the total that `value` gives under these label values; as the callback of a family of
    /// counters. A negative total or NaN is refused: the total is then what it was.
    pub fn callback(
        &self,
        values: K::Of<'_>,
        value: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Collector {
        let own = Own::new(&self.core, &values);
        let (cell, series) = (shared_cell(&own.series), own.series.clone());
        own.collected(move || match value() {
            total if total >= 0.0 => cell.store(total.to_bits(), Relaxed),
            other => series.refuse(other),
        })
    }
}

/// A callback's series, which goes with it.
struct Own {
    family: Arc<FamilyCore>,
    series: Hold,
}

impl Own {
    fn new(family: &Arc<FamilyCore>, values: &impl LabelTexts) -> Self {
        let series = family.with_anew(values);
        Self { family: Arc::clone(family), series }
    }

    /// Has `update` called for every snapshot.
    fn collected(self, update: impl Fn() + Send + Sync + 'static) -> Collector {
        let Some(registry) =
            self.family.terms.registry.upgrade().map(|inner| Registry(inner, None))
        else {
            return Collector::default(); // nobody will take a snapshot
        };
        let what = format!("callback of {} {:?}", self.family.meta.name, self.series);
        registry.add_collector(
            what,
            Box::new(move |_| {
                let _kept = &self;
                update();
            }),
        )
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let series = self.series.series();
        self.family.remove(series.labels.bytes(), |known| Arc::ptr_eq(known, &series));
    }
}
