//! Why a registration was refused. Upstream: registry. Downstream: whoever wrote the name.

use crate::registry::Kind;

/// A registration that cannot be. The message names the thing and says what to change.
///
/// Where a rule of the exposition formats is behind it, the variant names the rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// Not `[a-zA-Z][a-zA-Z0-9_]*` (R21, R22), or not what [`crate::RegistryBuilder::utf8_names`] takes.
    #[error("invalid metric name {name:?}: {reason}")]
    InvalidName {
        /// The name as given, prefix included.
        name: String,
        /// What is wrong and what to do about it.
        reason: &'static str,
    },
    /// Not `[a-zA-Z][a-zA-Z0-9_]*` (R25, R27), not what [`crate::RegistryBuilder::utf8_names`] takes, or
    /// one that the type adds itself (R32).
    #[error("invalid label name {label:?} of {family}: {reason}")]
    InvalidLabel {
        /// The family, or `the registry` for a constant label.
        family: String,
        /// The label as given.
        label: String,
        /// What is wrong and what to do about it.
        reason: &'static str,
    },
    /// One label twice, constant labels included (R26).
    #[error("label {label:?} of {family} is there twice: leave one out, or rename it")]
    RepeatedLabel {
        /// The family, or `the registry` for a constant label.
        family: String,
        /// The repeated label.
        label: String,
    },
    /// Two labels that are the same for a scraper that gets names escaped, constant labels and those
    /// that the type adds included (R26).
    #[error(
        "labels {existing:?} and {label:?} of {family} are both {escaped} for a scraper that asks for escaping={escaping}: rename one of the two"
    )]
    EscapedLabel {
        /// The family, or `the registry` for a constant label.
        family: String,
        /// The later one.
        label: Box<str>,
        /// The earlier one.
        existing: Box<str>,
        /// What both become.
        escaped: Box<str>,
        /// The escaping scheme, as scrapers call it.
        escaping: &'static str,
    },
    /// Help with a carriage return, for which the text formats have no escape (R09).
    #[error(
        "the help of {family} contains a carriage return, which no format can carry: remove it"
    )]
    InvalidHelp {
        /// The family.
        family: String,
    },
    /// Boundaries or precision that make no histogram.
    #[error("invalid buckets of {family}: {reason}")]
    InvalidBuckets {
        /// The family.
        family: String,
        /// What is wrong and what to do about it.
        reason: String,
    },
    /// Quantiles or a window that make no summary (R48).
    #[error("invalid summary {family}: {reason}")]
    InvalidSummary {
        /// The family.
        family: String,
        /// What is wrong and what to do about it.
        reason: String,
    },
    /// States that make no state set (R50): none, too many, one twice, or one without a name.
    #[error("invalid states of {family}: {reason}")]
    InvalidStates {
        /// The family.
        family: String,
        /// What is wrong and what to do about it.
        reason: String,
    },
    /// The name is taken by a family of another type.
    #[error(
        "{family} is registered as {} already, not as {}: use another name",
        .existing.with_article(), .requested.with_article()
    )]
    TypeClash {
        /// The family.
        family: String,
        /// The type it has.
        existing: Kind,
        /// The type asked for.
        requested: Kind,
    },
    /// The name is taken by a family with other labels, or the same in another order.
    #[error(
        "{family} is registered with labels {existing:?}, not {requested:?}: use the same labels in the same order, or another name"
    )]
    LabelClash {
        /// The family.
        family: String,
        /// The labels it has.
        existing: Vec<String>,
        /// The labels asked for.
        requested: Vec<String>,
    },
    /// The name is taken by a histogram with other boundaries, precision or unit, or by a summary with
    /// other quantiles or another window.
    #[error("{family} is registered with another specification: use the same one, or another name")]
    BucketClash {
        /// The family.
        family: String,
    },
    /// The name is taken by a state set with other states, or the same in another order.
    #[error(
        "{family} is registered with other states: use the same in the same order, or another name"
    )]
    StateClash {
        /// The family.
        family: String,
    },
    /// A unit that the family cannot have: its name does not end in it, or its values are in another
    /// (R18).
    #[error("invalid unit {unit:?} of {family}: {reason}")]
    InvalidUnit {
        /// The family.
        family: String,
        /// The unit as given.
        unit: String,
        /// What is wrong and what to do about it.
        reason: String,
    },
    /// The name is taken by a family in another unit, or in none, or the other way round.
    #[error(
        "{family} is registered with another unit, or with none: use the same, or another name"
    )]
    UnitClash {
        /// The family.
        family: String,
    },
    /// A sample that this family would expose is exposed by another one (R20).
    #[error(
        "{family} would expose {sample}, which {existing} exposes already: rename one of the two"
    )]
    SampleClash {
        /// The family asked for.
        family: String,
        /// The sample that both claim.
        sample: String,
        /// The family that has it.
        existing: String,
    },
    /// A sample that this family would expose to a scraper that gets names escaped is exposed by
    /// another one (R20).
    #[error(
        "{family} would expose {sample} to a scraper that asks for escaping={escaping}, as {existing} does already: rename one of the two"
    )]
    EscapedClash {
        /// The family asked for.
        family: String,
        /// The sample that both claim.
        sample: Box<str>,
        /// The family that has it.
        existing: Box<str>,
        /// The escaping scheme, as scrapers call it.
        escaping: &'static str,
    },
    /// The process-wide cell space or the memory is used up.
    #[error("no cells left for {family}: drop registries or series that are no longer needed")]
    OutOfCells {
        /// The family.
        family: String,
    },
}

/// A label that the family does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{family} has no label {label:?}: use one of {known:?}")]
pub struct UnknownLabel {
    /// The family.
    pub family: String,
    /// The label as given.
    pub label: String,
    /// The labels that it has.
    pub known: Vec<String>,
}
