//! The health of a component or cluster, as a word and as a gauge value.
//! Upstream: providers. Downstream: the board, the collector.

use std::fmt;

use serde::Serialize;

/// How well a component or a cluster does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum HealthStatus {
    /// Works as it should.
    Healthy,
    /// Works, but worse than it should.
    Degraded,
    /// Does not work.
    Unhealthy,
    /// Not known, for example before the first check.
    Unknown,
}

impl HealthStatus {
    /// The value of a health gauge: 1 healthy, 0.5 degraded, 0 unhealthy, -1 unknown.
    pub const fn gauge_value(self) -> f64 {
        match self {
            Self::Healthy => 1.0,
            Self::Degraded => 0.5,
            Self::Unhealthy => 0.0,
            Self::Unknown => -1.0,
        }
    }

    /// The word that [`fmt::Display`] writes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "Healthy",
            Self::Degraded => "Degraded",
            Self::Unhealthy => "Unhealthy",
            Self::Unknown => "Unknown",
        }
    }
}

impl fmt::Display for HealthStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::HealthStatus;

    #[test]
    fn gauge_values_are_those_of_the_catalogue() {
        let pairs = [
            (HealthStatus::Healthy, 1.0, "Healthy"),
            (HealthStatus::Degraded, 0.5, "Degraded"),
            (HealthStatus::Unhealthy, 0.0, "Unhealthy"),
            (HealthStatus::Unknown, -1.0, "Unknown"),
        ];
        for (status, value, word) in pairs {
            assert_eq!(status.gauge_value(), value);
            assert_eq!(status.to_string(), word);
        }
    }
}
