//! Info: facts about the program, such as its version, in labels. Nothing to record.
//! Upstream: the program. Downstream: snapshot.

use super::instrument_debug;
use crate::registry::series::Hold;

/// Facts in labels, exposed with the value 1: see [`crate::Registry::info`].
///
/// Costs nothing but its labels. It stays until it is removed or replaced, whether or not anybody
/// holds it.
#[derive(Clone)]
pub struct Info {
    series: Hold,
}

impl Info {
    pub(crate) fn of(series: Hold) -> Self {
        Self { series }
    }
}

instrument_debug!(Info);
