//! What a family can be a family of. Sealed: the set of kinds is the engine's.
//! Upstream: `record`, which has the instruments. Downstream: family, and the memory of threads.

use super::Kind;
use super::series::Hold;
use crate::record::{
    Counter, FloatCounter, Gauge, GaugeHistogram, Histogram, InFlightAge, Info, StateSet, Summary,
    UpDownCounter,
};

/// An instrument that a family can have: sealed, for the set of kinds is the engine's.
pub trait Instrument: Clone + sealed::Sealed {
    /// What the family is exposed as.
    const KIND: Kind;
}

pub(crate) mod sealed {
    use super::{AnyHandle, Hold};

    pub trait Sealed: Sized {
        fn of(series: Hold) -> Self;
        fn into_any(self) -> AnyHandle;
        fn from_any(any: &AnyHandle) -> Option<&Self>;
    }
}

macro_rules! instruments {
    ($($name:ident),*) => {
        /// Any instrument, for a thread that remembers those of all families.
        #[allow(unreachable_pub)]
        pub enum AnyHandle {
            $(#[doc = stringify!($name)] $name($name),)*
        }

        $(
            impl Instrument for $name {
                const KIND: Kind = Kind::$name;
            }

            impl sealed::Sealed for $name {
                fn of(series: Hold) -> Self {
                    $name::of(series)
                }

                fn into_any(self) -> AnyHandle {
                    AnyHandle::$name(self)
                }

                #[inline(always)]
                fn from_any(any: &AnyHandle) -> Option<&Self> {
                    match any {
                        AnyHandle::$name(handle) => Some(handle),
                        _ => None,
                    }
                }
            }
        )*
    };
}
instruments!(
    Counter,
    FloatCounter,
    Gauge,
    UpDownCounter,
    Histogram,
    Summary,
    GaugeHistogram,
    InFlightAge,
    Info,
    StateSet
);
