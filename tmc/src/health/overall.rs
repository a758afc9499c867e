//! Many statuses as one, and one as it is shown. Upstream: the board. Downstream: summary, `/components`,
//! `/readyz`, `tmc_cluster_health`.

use serde::Serialize;

use super::{ComponentInfo, ComponentType, HealthReport, HealthStatus};

/// How one component does, under the names that its metrics have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ComponentHealth {
    /// What sort of component it is.
    pub component_type: ComponentType,
    /// Which of its type.
    pub component_id: String,
    /// The cluster that it works for; empty where it belongs to none.
    pub cluster: String,
    /// The workspace path that the cluster belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logical_cluster: Option<String>,
    /// What the last check found out, or why it did not.
    #[serde(flatten)]
    pub report: HealthReport,
}

impl ComponentHealth {
    pub(super) fn new(info: &ComponentInfo, report: &HealthReport) -> Self {
        let ComponentInfo { component_type, id, cluster, logical_cluster } = info.clone();
        Self { component_type, component_id: id, cluster, logical_cluster, report: report.clone() }
    }
}

/// How many components there are, and how they do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthCounts {
    /// All of them.
    pub total_components: u64,
    /// That work as they should.
    pub healthy_components: u64,
    /// That work worse than they should.
    pub degraded_components: u64,
    /// That do not work.
    pub unhealthy_components: u64,
    /// Of which nothing is known yet.
    pub unknown_components: u64,
}

/// How all components do, taken together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OverallHealth {
    /// The worst that is known: any unhealthy component makes it unhealthy, else any degraded one
    /// degraded, else any unknown one unknown. Without components, it is unknown.
    pub status: HealthStatus,
    /// The same for people: how many of how many.
    pub message: String,
    /// In numbers.
    pub details: HealthCounts,
}

impl HealthCounts {
    /// Of these.
    pub(super) fn of(statuses: impl Iterator<Item = HealthStatus>) -> Self {
        statuses.fold(Self::default(), |mut counts, status| {
            counts.total_components += 1;
            *match status {
                HealthStatus::Healthy => &mut counts.healthy_components,
                HealthStatus::Degraded => &mut counts.degraded_components,
                HealthStatus::Unhealthy => &mut counts.unhealthy_components,
                HealthStatus::Unknown => &mut counts.unknown_components,
            } += 1;
            counts
        })
    }

    /// What they mean together.
    pub(super) fn status(&self) -> HealthStatus {
        match self {
            Self { unhealthy_components: 1.., .. } => HealthStatus::Unhealthy,
            Self { degraded_components: 1.., .. } => HealthStatus::Degraded,
            Self { unknown_components: 1.., .. } | Self { total_components: 0, .. } => {
                HealthStatus::Unknown
            }
            _ => HealthStatus::Healthy,
        }
    }
}

impl OverallHealth {
    pub(crate) fn of(statuses: impl Iterator<Item = HealthStatus>) -> Self {
        let details = HealthCounts::of(statuses);
        let (status, total) = (details.status(), details.total_components);
        let message = match status {
            _ if total == 0 => "No components registered".to_owned(),
            HealthStatus::Unhealthy => {
                format!("{}/{total} components unhealthy", details.unhealthy_components)
            }
            HealthStatus::Degraded => {
                format!("{}/{total} components degraded", details.degraded_components)
            }
            HealthStatus::Unknown => {
                format!("{}/{total} components unknown", details.unknown_components)
            }
            HealthStatus::Healthy => format!("All {total} components healthy"),
        };
        Self { status, message, details }
    }
}

#[cfg(test)]
mod tests {
    use super::HealthStatus::{self, Degraded, Healthy, Unhealthy, Unknown};
    use super::*;
    use proptest::prelude::*;

    fn of(statuses: &[HealthStatus]) -> (HealthStatus, String) {
        let OverallHealth { status, message, .. } = OverallHealth::of(statuses.iter().copied());
        (status, message)
    }

    #[test]
    fn the_table_of_the_domain() {
        let cases: [(&[HealthStatus], HealthStatus, &str); 6] = [
            (&[], Unknown, "No components registered"),
            (&[Healthy, Healthy], Healthy, "All 2 components healthy"),
            (&[Healthy, Unknown], Unknown, "1/2 components unknown"),
            (&[Degraded, Unknown, Healthy], Degraded, "1/3 components degraded"),
            (&[Degraded, Unhealthy, Unhealthy], Unhealthy, "2/3 components unhealthy"),
            (&[Unhealthy, Unknown], Unhealthy, "1/2 components unhealthy"),
        ];
        for (statuses, status, message) in cases {
            assert_eq!(of(statuses), (status, message.to_owned()));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// The slow twin asks one question after the other.
        #[test]
        fn the_whole_is_what_the_table_says(
            statuses in prop::collection::vec(
                prop::sample::select(&[Healthy, Degraded, Unhealthy, Unknown][..]), 0..30,
            ),
        ) {
            let has = |wanted| statuses.contains(&wanted);
            let expected = if statuses.is_empty() { Unknown }
                else if has(Unhealthy) { Unhealthy }
                else if has(Degraded) { Degraded }
                else if has(Unknown) { Unknown }
                else { Healthy };
            let overall = OverallHealth::of(statuses.iter().copied());
            prop_assert_eq!(overall.status, expected);
            let HealthCounts {
                total_components: total, healthy_components: healthy,
                degraded_components: degraded, unhealthy_components: unhealthy, unknown_components: unknown,
            } = overall.details;
            prop_assert_eq!(total, statuses.len() as u64);
            prop_assert_eq!(total, healthy + degraded + unhealthy + unknown);
            prop_assert_eq!(overall.status == Healthy, healthy == total && total > 0);
        }
    }
}
