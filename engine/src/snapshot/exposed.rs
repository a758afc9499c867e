//! What a family wants to be exposed with. Upstream: its registration. Downstream: encode.

use super::FamilySnapshot;
use crate::registry::{HistogramSpec, Kind};

impl<'a> FamilySnapshot<'a> {
    /// What the values are in; the name, less a counter's `_total`, ends in it. See
    /// [`crate::Registry::in_unit`].
    #[must_use]
    pub fn unit(&self) -> Option<&'a str> {
        self.family.meta.unit.as_deref()
    }

    /// Whether a histogram's boundaries are exposed where the format leaves the choice: see
    /// [`HistogramSpec::classic`]. False for types without any.
    #[must_use]
    pub fn is_classic(&self) -> bool {
        self.spec().is_some_and(HistogramSpec::is_classic)
    }

    /// The schema of a histogram's native buckets, if they are exposed: see
    /// [`HistogramSpec::native`].
    #[must_use]
    pub fn native_schema(&self) -> Option<i8> {
        self.spec().and_then(HistogramSpec::native_schema)
    }

    /// Whether any series ever had an exemplar.
    #[must_use]
    pub fn has_exemplars(&self) -> bool {
        self.family.has_exemplars
    }

    /// Of histograms of either type.
    fn spec(&self) -> Option<&'a HistogramSpec> {
        let meta = &self.family.meta;
        meta.spec.as_ref().filter(|_| meta.kind != Kind::Summary)
    }
}
