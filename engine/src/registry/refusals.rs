//! What a family refuses to record, counted by reason in a family of the engine's own.
//! Upstream: record. Downstream: `tmc_engine_refused_total`.

use super::{Inner, Kind, Names, OWN_LABELS, Registry, Request};
use crate::error::RegisterError;
use crate::record::Counter;
use crate::sync::Arc;
use std::sync::{OnceLock, Weak};

const REFUSED: (&str, &str) = (
    "tmc_engine_refused_total",
    "Values refused because they were NaN or negative, invalid exemplars, operations beyond the limit, unknown states",
);

/// Why a record, or a part of it, is refused.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reason {
    Nan,
    Negative,
    /// More operations run at once than are tracked.
    InFlight,
    /// An exemplar that no format could carry; the record itself counts.
    Exemplar,
    /// A state that the set does not have.
    State,
}

impl Reason {
    const ALL: usize = 5;

    fn text(self) -> &'static str {
        match self {
            Reason::Nan => "nan",
            Reason::Negative => "negative",
            Reason::InFlight => "in_flight",
            Reason::Exemplar => "exemplar",
            Reason::State => "state",
        }
    }

    /// Exposed at zero, before the first.
    fn of(kind: Kind) -> &'static [Reason] {
        match kind {
            Kind::FloatCounter | Kind::Histogram | Kind::Summary | Kind::GaugeHistogram => {
                &[Reason::Nan, Reason::Negative]
            }
            Kind::InFlightAge => &[Reason::InFlight],
            Kind::StateSet => &[Reason::State],
            _ => &[],
        }
    }
}

/// Counts what a family refused.
pub(crate) struct Refusals {
    family: Box<str>,
    registry: Weak<Inner>,
    counters: [OnceLock<Counter>; Reason::ALL],
}

impl Refusals {
    /// For a family of this kind, named with its prefix.
    pub(super) fn new(
        registry: &Registry,
        family: &str,
        kind: Kind,
    ) -> Result<Self, RegisterError> {
        let counters = Default::default();
        let refusals =
            Self { family: family.into(), registry: Arc::downgrade(&registry.0), counters };
        Reason::of(kind).iter().try_for_each(|&reason| refusals.register(registry, reason))?;
        Ok(refusals)
    }

    fn register(&self, registry: &Registry, reason: Reason) -> Result<(), RegisterError> {
        let request = Request::own(REFUSED, &OWN_LABELS);
        let refused = registry.family::<Counter, Names<2>>(&request)?;
        let counter = refused.with([&self.family, reason.text()]);
        let _another_thread_was_faster = self.counters[reason as usize].set(counter);
        Ok(())
    }

    /// Counts one. The first one of a reason that is not exposed at zero locks and allocates.
    #[cold]
    #[inline(never)]
    pub(crate) fn count(&self, reason: Reason) {
        let counter = &self.counters[reason as usize];
        if counter.get().is_none()
            && let Some(registry) = self.registry.upgrade()
            && let Err(error) = self.register(&Registry(registry, None), reason)
        {
            log::error!("what {} refuses is not counted: {error}", self.family);
        }
        if let Some(counter) = counter.get() {
            counter.inc();
        }
    }
}
