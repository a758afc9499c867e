//! State sets: which states one can have, and how its family is registered.
//! Upstream: the program. Downstream: registry.

use super::{
    Family, Kind, LabelSet, LabelValue, Names, Registry, Request, StateSetFamily, names_of,
};
use crate::error::RegisterError;
use crate::record::StateSet;

/// One bit of a cell each.
pub(super) const MAX_STATES: usize = u64::BITS as usize;

/// What is wrong with the states and the labels (R50) of a state set, if that is what is requested.
/// `labels`: those that every series will have.
pub(super) fn check<'a>(
    family: &str,
    request: &Request<'_>,
    mut labels: impl Iterator<Item = &'a str>,
) -> Result<(), RegisterError> {
    if request.kind != Kind::StateSet {
        return Ok(());
    }
    if labels.any(|label| label == family) {
        return Err(RegisterError::InvalidLabel {
            family: family.into(),
            label: family.into(),
            reason: "a state set adds the label of its own name itself: rename it",
        });
    }
    let states = request.states;
    let repeated = || (1..states.len()).find(|&at| states[..at].contains(&states[at]));
    let reason = if states.is_empty() {
        "there are none: give at least one, or an enum that derives LabelValue".into()
    } else if states.len() > MAX_STATES {
        format!("{} are too many: use at most {MAX_STATES}", states.len())
    } else if states.contains(&"") {
        "one is empty, which is as good as no label: name it".into()
    } else if let Some(at) = repeated() {
        format!("{:?} is there twice: leave one out", states[at])
    } else {
        return Ok(());
    };
    Err(RegisterError::InvalidStates { family: family.into(), reason })
}

impl<'a> Request<'a> {
    /// For a family of state sets.
    pub(super) fn states(
        names: (&'a str, &'a str),
        labels: &'a [&'a str],
        states: &'a [&'a str],
    ) -> Self {
        Self { states, ..Self::of(Kind::StateSet, names, labels, None) }
    }
}

impl Registry {
    /// Registers a state set without labels, or finds it: one sample for each state, with a label
    /// named like the family.
    ///
    /// ```
    /// let registry = tmc_engine::Registry::new();
    /// let phase = registry.state_set("phase", "What the node does", &["starting", "running"])?;
    /// phase.only("running"); // phase{phase="starting"} 0, phase{phase="running"} 1
    /// # Ok::<(), tmc_engine::RegisterError>(())
    /// ```
    ///
    /// # Errors
    /// An invalid name or help, no states or more than 64, one that is empty or there twice, or a
    /// clash with another family: see [`RegisterError`].
    pub fn state_set(
        &self,
        name: &str,
        help: &str,
        states: &[&str],
    ) -> Result<StateSet, RegisterError> {
        self.state_set_family(name, help, [], states)?.only()
    }

    /// Registers a state set without labels, whose states are the values of an enum, or finds it.
    ///
    /// ```
    /// use tmc_engine::{LabelValue, Registry};
    /// #[derive(LabelValue)]
    /// enum Phase { Starting, Running }
    ///
    /// let phase = Registry::new().state_set_of::<Phase>("phase", "What the node does")?;
    /// phase.only(Phase::Running);
    /// # assert!(phase.is_on(Phase::Running) && !phase.is_on(Phase::Starting));
    /// # Ok::<(), tmc_engine::RegisterError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Registry::state_set`].
    pub fn state_set_of<E: LabelValue>(
        &self,
        name: &str,
        help: &str,
    ) -> Result<StateSet, RegisterError> {
        self.state_set(name, help, E::VALUES)
    }

    /// Registers a family of state sets, or finds it. The states of an enum are
    /// [`LabelValue::VALUES`].
    ///
    /// # Errors
    /// As [`Registry::state_set`]; an invalid label, or one named like the family.
    pub fn state_set_family<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: [&str; N],
        states: &[&str],
    ) -> Result<StateSetFamily<N>, RegisterError> {
        self.family::<StateSet, Names<N>>(&Request::states((name, help), &labels, states))
    }

    /// Registers a family of state sets with a derived set of labels, or finds it.
    ///
    /// # Errors
    /// As [`Registry::state_set_family`].
    pub fn state_set_family_of<S: LabelSet + 'static>(
        &self,
        name: &str,
        help: &str,
        states: &[&str],
    ) -> Result<Family<StateSet, S>, RegisterError> {
        self.family(&Request::states((name, help), &names_of::<S>(), states))
    }
}
