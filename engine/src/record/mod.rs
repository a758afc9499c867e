//! Instruments: the handles that a program records through.
//! Upstream: the program. Downstream: `shard`, where each thread has cells of its own.

mod counter;
mod exemplar;
mod gauge;
mod gauge_histogram;
mod guard;
mod histogram;
mod in_flight;
mod info;
mod state_set;
mod summary;
mod timer;

pub use counter::{Counter, FloatCounter, LocalCounter, LocalFloatCounter};
pub use exemplar::Exemplar;
pub(crate) use gauge::shared_cell;
pub use gauge::{Gauge, LocalUpDownCounter, UpDownCounter};
pub use gauge_histogram::{GaugeHistogram, GaugeHistogramGuard};
pub use guard::{GaugeGuard, UpDownCounterGuard};
pub use histogram::{Histogram, LocalHistogram};
pub use in_flight::{InFlightAge, RunningOperation};
pub use info::Info;
pub use state_set::StateSet;
pub use summary::Summary;
pub use timer::{Timed, Timer};

/// `Debug` that names the instrument and its label values, not its cells.
macro_rules! instrument_debug {
    ($($name:ident),*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.series).finish()
            }
        }
    )*};
}
use instrument_debug;
