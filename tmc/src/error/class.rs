//! Classes of error: type and severity, the two label values that errors are counted by.
//! Upstream: nothing. Downstream: `TmcError`, the collector and the operation tracker.

use std::fmt;

/// How bad an error is; the value of the label `severity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// Expected now and then; nobody needs to act.
    Low,
    /// Worth a look.
    Medium,
    /// Something does not work.
    High,
    /// Something that others rely on does not work.
    Critical,
    /// Your own value. It is a literal of the program, never text from outside, so that the values
    /// of the label stay few; see [`ErrorType::Custom`].
    Custom(&'static str),
}

impl Severity {
    /// The four severities of the catalogue, the mildest first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
            Self::Critical => "Critical",
            Self::Custom(value) => value,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

macro_rules! error_types {
    ($($name:ident $severity:ident $retryable:literal $doc:literal;)*) => {
        /// What went wrong; the value of the label `error_type`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorType {
            $(#[doc = $doc] $name,)*
            /// Your own type. The value is a literal of the program (`&'static str`), never text from
            /// outside such as a message or an object's name, so that the values of the label stay
            /// few. Its default severity is Medium and it is not retryable.
            Custom(&'static str),
        }

        impl ErrorType {
            /// The types of the catalogue, in its order.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The label value.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                    Self::Custom(value) => value,
                }
            }

            /// The severity of an error of this type, unless its builder was told another.
            pub const fn default_severity(self) -> Severity {
                match self {
                    $(Self::$name => Severity::$severity,)*
                    Self::Custom(_) => Severity::Medium,
                }
            }

            /// Whether trying again can help, unless the error's builder was told otherwise.
            pub const fn is_retryable(self) -> bool {
                match self {
                    $(Self::$name => $retryable,)*
                    Self::Custom(_) => false,
                }
            }

            /// What is said where an error has no message of its own.
            pub(crate) const fn description(self) -> &'static str {
                match self {
                    $(Self::$name => $doc,)*
                    Self::Custom(_) => "An error of the program's own kind.",
                }
            }
        }
    };
}

error_types! {
    ResourceNotFound Low false "An object does not exist.";
    ResourceConflict Medium false "An object was changed by somebody else.";
    ResourceValidation Low false "An object is not valid.";
    ResourcePermission High false "Access to an object was denied.";
    ClusterUnreachable High true "A cluster cannot be reached.";
    ClusterUnavailable Medium true "A cluster answers that it cannot serve now.";
    ClusterAuthentication Critical false "A cluster does not accept the credentials.";
    ClusterConfiguration Medium false "A cluster is configured wrongly.";
    PlacementConstraint High false "No cluster satisfies a placement's constraints.";
    PlacementCapacity Medium false "No cluster has the capacity for a placement.";
    PlacementPolicy Medium false "A policy forbids a placement.";
    SyncFailure Medium false "An object could not be synced.";
    SyncConflict Medium false "Source and target of a sync were both changed.";
    SyncTimeout Low true "A sync took too long.";
    MigrationFailure High false "A migration failed.";
    MigrationTimeout Medium true "A migration took too long.";
    MigrationRollback Critical false "A migration was rolled back.";
    AggregationFailure Medium true "Objects of several clusters could not be aggregated.";
    AggregationConflict Medium false "Objects to aggregate contradict each other.";
    ProjectionFailure Medium true "An object could not be projected to a cluster.";
    ProjectionTransform Medium false "An object could not be transformed for its projection.";
    InternalError Critical true "An error inside the program.";
    ConfigurationError Medium false "The configuration is wrong.";
    NetworkConnectivity Medium true "The network failed.";
}

impl fmt::Display for ErrorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
