//! The types of components that TMC is made of.
//! Upstream: providers. Downstream: the label `component_type`.

use std::borrow::Cow;
use std::fmt;

use serde::{Serialize, Serializer};

/// What sort of component it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ComponentType {
    /// Places workloads on clusters.
    PlacementController,
    /// Syncs objects to a cluster.
    SyncTargetController,
    /// Moves workloads between clusters.
    MigrationEngine,
    /// Knows the strategies of placement.
    StrategyRegistry,
    /// Watches clusters.
    ClusterHealthTracker,
    /// Rolls changes out step by step.
    RolloutCoordinator,
    /// Keeps virtual workspaces.
    VirtualWorkspaceManager,
    /// Aggregates objects of several clusters.
    CrossClusterResourceAggregator,
    /// Projects workloads into clusters.
    WorkloadProjectionController,
    /// Recovers from errors.
    RecoveryManager,
    /// A user's own. Its name is a label value: take one of few, not one per object.
    Other(Cow<'static, str>),
}

impl ComponentType {
    /// Those that TMC has.
    pub const ALL: [Self; 10] = [
        Self::PlacementController,
        Self::SyncTargetController,
        Self::MigrationEngine,
        Self::StrategyRegistry,
        Self::ClusterHealthTracker,
        Self::RolloutCoordinator,
        Self::VirtualWorkspaceManager,
        Self::CrossClusterResourceAggregator,
        Self::WorkloadProjectionController,
        Self::RecoveryManager,
    ];

    /// The label value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::PlacementController => "PlacementController",
            Self::SyncTargetController => "SyncTargetController",
            Self::MigrationEngine => "MigrationEngine",
            Self::StrategyRegistry => "StrategyRegistry",
            Self::ClusterHealthTracker => "ClusterHealthTracker",
            Self::RolloutCoordinator => "RolloutCoordinator",
            Self::VirtualWorkspaceManager => "VirtualWorkspaceManager",
            Self::CrossClusterResourceAggregator => "CrossClusterResourceAggregator",
            Self::WorkloadProjectionController => "WorkloadProjectionController",
            Self::RecoveryManager => "RecoveryManager",
            Self::Other(name) => name,
        }
    }
}

/// One of TMC's by its name; any other name is a user's own.
impl From<&'static str> for ComponentType {
    fn from(name: &'static str) -> Self {
        let known = Self::ALL.into_iter().find(|known| known.as_str() == name);
        known.unwrap_or(Self::Other(Cow::Borrowed(name)))
    }
}

/// The same for a name that is made at run time.
impl From<String> for ComponentType {
    fn from(name: String) -> Self {
        let known = Self::ALL.into_iter().find(|known| known.as_str() == name);
        known.unwrap_or(Self::Other(Cow::Owned(name)))
    }
}

impl Serialize for ComponentType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl fmt::Display for ComponentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::ComponentType;

    #[test]
    fn a_name_is_one_of_ours_or_the_users_own() {
        for known in ComponentType::ALL {
            assert_eq!(ComponentType::from(known.to_string()), known);
        }
        let own = ComponentType::from("Janitor");
        assert_eq!((own.as_str(), &own), ("Janitor", &ComponentType::Other("Janitor".into())));
    }
}
