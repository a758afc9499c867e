//! What is wrong with a configuration: the field by name, and the fix.
//! Upstream: the configuration. Downstream: whoever wrote it.

use tmc_engine::RegisterError;

/// Why a configuration was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The text is not what JSON or the fields want.
    #[error("the configuration cannot be read as JSON: {message}")]
    Json {
        /// The parser's message, with the place.
        message: String,
    },
    /// The text is not what YAML or the fields want.
    #[error("the configuration cannot be read as YAML: {message}")]
    Yaml {
        /// The parser's message, with the place.
        message: String,
    },
    /// `prometheus_path` is empty.
    #[error("prometheus_path is empty: write a path such as \"/metrics\"")]
    EmptyPath,
    /// `prometheus_path` does not begin with a slash.
    #[error("prometheus_path {path:?} does not begin with a slash: write \"/{path}\"")]
    RelativePath {
        /// The path.
        path: String,
    },
    /// `prometheus_path` has a character that no request's path has.
    #[error(
        "prometheus_path {path:?} contains {character:?}, which a request's path cannot: \
         use printable ASCII without blanks, '?' and '#'"
    )]
    PathCharacter {
        /// The path.
        path: String,
        /// The first such character.
        character: char,
    },
    /// `prometheus_path` is a path where something else is served.
    #[error(
        "prometheus_path {path:?} is taken by health or the summary: write another, such as \"/metrics\""
    )]
    ReservedPath {
        /// The path.
        path: String,
    },
    /// A duration is zero.
    #[error("{field} is zero: write a longer time, such as \"{example}\"")]
    ZeroDuration {
        /// The field.
        field: String,
        /// A value that would do.
        example: &'static str,
    },
    /// A series limit is zero.
    #[error(
        "{field} is zero, so that nothing could be recorded: write at least 1, or leave it out"
    )]
    ZeroSeriesLimit {
        /// The field, with the family it belongs to.
        field: String,
    },
    /// The override of a family that has no name.
    #[error("families has an empty name as a key: write the family's name")]
    EmptyFamilyName,
    /// The buckets of a family are empty.
    #[error("families.{family}.buckets is empty: write at least one boundary, or leave it out")]
    NoBuckets {
        /// The family.
        family: String,
    },
    /// A bucket boundary is not a positive finite number.
    #[error(
        "families.{family}.buckets contains {bound}: write positive, finite numbers \
         (the bucket up to +Inf is added by itself)"
    )]
    BucketBound {
        /// The family.
        family: String,
        /// The boundary.
        bound: f64,
    },
    /// Bucket boundaries do not increase.
    #[error(
        "families.{family}.buckets has {next} after {bound}: write each boundary once, in increasing order"
    )]
    BucketOrder {
        /// The family.
        family: String,
        /// The boundary.
        bound: f64,
        /// The one after it, which is not larger.
        next: f64,
    },
    /// Buckets or digits for a family of the catalogue that is no histogram.
    #[error(
        "families.{family}.{field} is set, but the family is a {kind}, not a histogram: leave it out"
    )]
    NotAHistogram {
        /// The family.
        family: String,
        /// `buckets` or `digits`.
        field: &'static str,
        /// What the family is.
        kind: &'static str,
    },
    /// Significant digits out of range.
    #[error("families.{family}.digits is {digits}: write 1, 2 or 3")]
    Digits {
        /// The family.
        family: String,
        /// The digits.
        digits: u8,
    },
    /// The engine refuses the prefix, a constant label or an override.
    #[error("the registry cannot be built: {0}")]
    Register(#[from] RegisterError),
}
