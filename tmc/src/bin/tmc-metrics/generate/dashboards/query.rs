//! The forms of query that panels share.
//! Upstream: the dashboards. Downstream: PromQL with Grafana's variables.

/// Matchers for the variables of the dashboards.
pub(super) const COMPONENT: &str =
    r#"component_type=~"$component_type", component_id=~"$component_id""#;
pub(super) const CLUSTER: &str = r#"cluster=~"$cluster""#;
pub(super) const LOGICAL_CLUSTER: &str = r#"logical_cluster=~"$logical_cluster""#;

/// A counter's rate per second, by labels.
pub(super) fn rate(counter: &str, matchers: &str, by: &str) -> String {
    format!("sum by ({by}) (rate({counter}{{{matchers}}}[$__rate_interval]))")
}

/// A quantile of a histogram, by labels.
pub(super) fn quantile(q: &str, histogram: &str, matchers: &str, by: &str) -> String {
    let labels = if by.is_empty() { "le".to_owned() } else { format!("{by}, le") };
    format!("histogram_quantile({q}, {})", rate(&format!("{histogram}_bucket"), matchers, &labels))
}

/// The share of a counter that further matchers select; zero where they have selected none yet.
pub(super) fn share(counter: &str, part: &str, matchers: &str, by: &str) -> String {
    let part = rate(counter, &format!("{matchers}, {part}"), by);
    let whole = rate(counter, matchers, by);
    format!("({part} or 0 * {whole}) / {whole}")
}

/// Series of moves that begin or end in the chosen clusters.
pub(super) fn moves(family: &str, matchers: &str) -> String {
    let with = |end| format!(r#"{family}{{{end}=~"$cluster"{matchers}}}"#);
    format!("({} or {})", with("source_cluster"), with("target_cluster"))
}

/// The rate of a counter of such moves, by labels.
pub(super) fn rate_of_moves(counter: &str, by: &str) -> String {
    let with = |end| format!(r#"rate({counter}{{{end}=~"$cluster"}}[$__rate_interval])"#);
    format!("sum by ({by}) ({} or {})", with("source_cluster"), with("target_cluster"))
}
