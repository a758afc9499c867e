//! Instruments: the handles that a program records through.
//! Upstream: the program. Downstream: `shard`, where each thread has cells of its own.

mod counter;
mod gauge;
mod histogram;
mod in_flight;
mod timer;

pub use counter::{Counter, FloatCounter, LocalCounter};
pub use gauge::{Gauge, UpDownCounter};
pub use histogram::{Histogram, LocalHistogram};
pub use in_flight::{InFlightAge, RunningOperation};
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
