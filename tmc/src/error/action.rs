//! What can be done about an error: a short list for each type, in words for people.
//! Upstream: `ErrorType`. Downstream: whoever shows or handles a `TmcError`.

use std::fmt;

use super::{ErrorType, TmcError};

macro_rules! recovery_actions {
    ($($name:ident $description:literal;)*) => {
        /// Something that can be done about an error.
        ///
        /// ```
        /// use tmc_metrics::{ErrorType, RecoveryAction, TmcError};
        ///
        /// let error = TmcError::builder(ErrorType::ClusterUnreachable, "syncer", "sync").build();
        /// let actions: Vec<RecoveryAction> = error.recovery_actions().collect();
        /// assert_eq!(actions, [RecoveryAction::Retry, RecoveryAction::CheckConnectivity]);
        /// assert_eq!(actions[1].description(), "Check that the network and the cluster's API server are up.");
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum RecoveryAction {
            $(#[doc = $description] $name,)*
        }

        impl RecoveryAction {
            /// Every action.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The action's name, in one word.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// What to do, as a sentence for people.
            pub const fn description(self) -> &'static str {
                match self {
                    $(Self::$name => $description,)*
                }
            }
        }
    };
}

recovery_actions! {
    Retry "Try again after a while, waiting longer each time.";
    ReadAgain "Read the object again, and make the change to what it is now.";
    CreateObject "Create the object, or stop asking for it.";
    CorrectObject "Correct the object; the message says what is wrong with it.";
    GrantPermission "Grant the component's account the permission that it lacks.";
    CheckConnectivity "Check that the network and the cluster's API server are up.";
    ReduceLoad "Send fewer requests, or give the cluster's API server more room.";
    RenewCredentials "Renew the credentials for the cluster.";
    CorrectConfiguration "Correct the configuration; the message says what is wrong with it.";
    RelaxConstraints "Relax the placement's constraints, or add a cluster that satisfies them.";
    AddCapacity "Free capacity on a cluster, or add a cluster.";
    ReviewPolicy "Review the policy that forbids it.";
    ResolveConflict "Decide which of the contradicting versions is to stay.";
    CorrectTransformation "Correct the transformation, or the object that it does not fit.";
    RaiseTimeout "See what takes so long, or allow more time.";
    RollBack "Roll the migration back, and see what stopped it.";
    CheckBothClusters "Check what of the workload is left on either cluster, and clean up.";
    ReadLog "Read the component's log around the time of the error.";
}

impl fmt::Display for RecoveryAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl ErrorType {
    /// What can be done about errors of this type, the most promising first.
    /// [`RecoveryAction::Retry`] is among them exactly where the type is retryable.
    pub const fn recovery_actions(self) -> &'static [RecoveryAction] {
        use RecoveryAction as A;
        match self {
            Self::ResourceNotFound => &[A::CreateObject],
            Self::ResourceConflict => &[A::ReadAgain],
            Self::ResourceValidation => &[A::CorrectObject],
            Self::ResourcePermission => &[A::GrantPermission],
            Self::ClusterUnreachable => &[A::Retry, A::CheckConnectivity],
            Self::ClusterUnavailable => &[A::Retry, A::ReduceLoad],
            Self::ClusterAuthentication => &[A::RenewCredentials],
            Self::ClusterConfiguration => &[A::CorrectConfiguration],
            Self::PlacementConstraint => &[A::RelaxConstraints],
            Self::PlacementCapacity => &[A::AddCapacity],
            Self::PlacementPolicy => &[A::ReviewPolicy],
            Self::SyncFailure => &[A::ReadLog, A::CorrectObject],
            Self::SyncConflict => &[A::ResolveConflict],
            Self::SyncTimeout => &[A::Retry, A::CheckConnectivity, A::RaiseTimeout],
            Self::MigrationFailure => &[A::RollBack, A::ReadLog],
            Self::MigrationTimeout => &[A::Retry, A::RaiseTimeout, A::RollBack],
            Self::MigrationRollback => &[A::CheckBothClusters, A::ReadLog],
            Self::AggregationFailure => &[A::Retry, A::CheckConnectivity],
            Self::AggregationConflict => &[A::ResolveConflict],
            Self::ProjectionFailure => &[A::Retry, A::CheckConnectivity],
            Self::ProjectionTransform => &[A::CorrectTransformation],
            Self::InternalError => &[A::Retry, A::ReadLog],
            Self::ConfigurationError => &[A::CorrectConfiguration],
            Self::NetworkConnectivity => &[A::Retry, A::CheckConnectivity],
            Self::Custom(_) => &[A::ReadLog],
        }
    }
}

impl TmcError {
    /// What can be done about this error, the most promising first: those of its type, with
    /// [`RecoveryAction::Retry`] at the head if the error itself is retryable, and not at all if not.
    /// Does not allocate.
    pub fn recovery_actions(&self) -> impl Iterator<Item = RecoveryAction> + use<> {
        let retry = self.is_retryable().then_some(RecoveryAction::Retry);
        let others = self.error_type().recovery_actions().iter().copied();
        retry.into_iter().chain(others.filter(|action| *action != RecoveryAction::Retry))
    }
}
