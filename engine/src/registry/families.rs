//! Families by name: which are there, what they claim, and whether one more fits in.
//! Upstream: registry, which locks them. Downstream: their cores.

use super::core::FamilyCore;
use super::{Escaping, HistogramSpec, Request};
use crate::error::RegisterError;
use crate::sync::Arc;
use std::collections::{BTreeMap, HashMap};

#[derive(Default)]
pub(super) struct Families {
    pub(super) by_name: BTreeMap<Box<str>, Arc<FamilyCore>>,
    /// Every sample name that a family may expose under a scheme, and that family.
    claims: HashMap<(Escaping, String), Box<str>>,
}

/// What a registry makes of a request.
pub(super) struct Draft {
    /// The prefix included.
    pub(super) name: String,
    pub(super) spec: Option<HistogramSpec>,
    pub(super) unit: Option<Box<str>>,
    pub(super) claims: Vec<(Escaping, String)>,
}

impl Families {
    /// The family of this name, if it is there; an error if it, or a sample it claims, is another's.
    pub(super) fn find(
        &self,
        draft: &Draft,
        request: &Request<'_>,
    ) -> Result<Option<Arc<FamilyCore>>, RegisterError> {
        if let Some(known) = self.by_name.get(draft.name.as_str()) {
            return same(known, draft, request).map(|()| Some(Arc::clone(known)));
        }
        for claim in &draft.claims {
            if let Some(owner) = self.claims.get(claim) {
                return Err(clash(&draft.name, claim, owner));
            }
        }
        Ok(None)
    }

    /// Adds a family that was looked for in vain.
    pub(super) fn insert(&mut self, draft: Draft, core: Arc<FamilyCore>) {
        let name: Box<str> = draft.name.into();
        self.claims.extend(draft.claims.into_iter().map(|claim| (claim, name.clone())));
        self.by_name.insert(name, core);
    }
}

fn clash(family: &str, (scheme, sample): &(Escaping, String), existing: &str) -> RegisterError {
    let (family, sample, existing) = (family.into(), sample.clone(), existing.into());
    match scheme {
        Escaping::AllowUtf8 => RegisterError::SampleClash { family, sample, existing },
        _ => {
            let escaping = scheme.parameter();
            let (sample, existing) = (sample.into(), existing.into());
            RegisterError::EscapedClash { family, sample, existing, escaping }
        }
    }
}

/// Whether a family that is asked for again is the one that is there.
fn same(known: &FamilyCore, draft: &Draft, request: &Request<'_>) -> Result<(), RegisterError> {
    let meta = &known.meta;
    let family = meta.name.to_string();
    if meta.kind != request.kind {
        let (existing, requested) = (meta.kind, request.kind);
        return Err(RegisterError::TypeClash { family, existing, requested });
    }
    if !meta.labels.iter().map(|label| &**label).eq(request.labels.iter().copied()) {
        let existing = meta.labels.iter().map(|label| label.to_string()).collect();
        let requested = request.labels.iter().map(|&label| label.to_owned()).collect();
        return Err(RegisterError::LabelClash { family, existing, requested });
    }
    if meta.spec != draft.spec || meta.summary.as_ref() != request.summary {
        return Err(RegisterError::BucketClash { family });
    }
    if !meta.states.iter().map(|state| &**state).eq(request.states.iter().copied()) {
        return Err(RegisterError::StateClash { family });
    }
    if meta.unit != draft.unit {
        return Err(RegisterError::UnitClash { family });
    }
    Ok(())
}
