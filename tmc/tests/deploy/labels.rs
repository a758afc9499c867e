//! Which labels the result of a query has; finds names, labels and matchings that cannot be right.
//! Upstream: the tests. Downstream: promql-parser.
//!
//! A matching of two vectors must be between equal sets of labels, or `on` labels that both have:
//! the published queries that divide vectors whose labels never match are refused.

use std::collections::BTreeMap;

use promql_parser::label::Matcher;
use promql_parser::parser::{self, Expr, LabelModifier, VectorSelector};

use crate::families::{Labels, labels, selectable};

/// The names that a query may select, with their labels.
pub(crate) struct Known(BTreeMap<String, Labels>);

impl Known {
    /// What a process exposes.
    pub(crate) fn families() -> Self {
        Self(selectable())
    }

    /// What a recording rule adds. A rule for each quantile may share a name.
    pub(crate) fn add(&mut self, name: &str, labels: Labels) {
        let before = self.0.insert(name.to_owned(), labels.clone());
        assert!(
            before.is_none_or(|before| before == labels),
            "{name} is recorded with other labels"
        );
    }

    /// The labels of a name, if it is known.
    pub(crate) fn get(&self, name: &str) -> Option<&Labels> {
        self.0.get(name)
    }

    /// The names that have a label.
    pub(crate) fn with(&self, label: &str) -> Vec<&str> {
        let having = self.0.iter().filter(|(_, labels)| labels.contains(label));
        having.map(|(name, _)| name.as_str()).collect()
    }

    /// The labels of a query's result; `Err` says what is wrong with it.
    pub(crate) fn labels_of(&self, query: &str) -> Result<Labels, String> {
        let of = |problem: String| format!("{problem}\nin {query}");
        let expr = parser::parse(query).map_err(of)?;
        self.of(&expr).map_err(of)?.ok_or_else(|| of("a scalar".to_owned()))
    }

    /// `None` for a scalar.
    fn of(&self, expr: &Expr) -> Result<Option<Labels>, String> {
        match expr {
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) => Ok(None),
            Expr::Paren(inner) => self.of(&inner.expr),
            Expr::Unary(inner) => self.of(&inner.expr),
            Expr::Subquery(inner) => self.of(&inner.expr),
            Expr::VectorSelector(selector) => self.selected(selector).map(Some),
            Expr::MatrixSelector(range) => self.selected(&range.vs).map(Some),
            Expr::Call(call) => {
                let mut result =
                    if call.func.name == "vector" { Some(Labels::new()) } else { None };
                for argument in &call.args.args {
                    result = self.of(argument)?.or(result);
                }
                if call.func.name == "histogram_quantile"
                    && !result.as_mut().is_some_and(|result| result.remove("le"))
                {
                    return Err("a quantile without le".to_owned());
                }
                Ok(result)
            }
            Expr::Aggregate(aggregate) => {
                let inner = self.of(&aggregate.expr)?.ok_or("an aggregate of a scalar")?;
                let chooses = ["topk", "bottomk"].contains(&aggregate.op.to_string().as_str());
                match &aggregate.modifier {
                    _ if chooses => Ok(Some(inner)),
                    None => Ok(Some(Labels::new())),
                    Some(LabelModifier::Include(by)) => subset(&by.labels, &inner).map(Some),
                    Some(LabelModifier::Exclude(without)) => {
                        let without = subset(&without.labels, &inner)?;
                        Ok(Some(&inner - &without))
                    }
                }
            }
            Expr::Binary(binary) => {
                let (left, right) = (self.of(&binary.lhs)?, self.of(&binary.rhs)?);
                let (Some(left), Some(right)) = (left.clone(), right.clone()) else {
                    return Ok(left.or(right));
                };
                let matching =
                    binary.modifier.as_ref().and_then(|modifier| modifier.matching.as_ref());
                match matching {
                    None if left == right => Ok(Some(left)),
                    None => Err(format!("{left:?} never match {right:?}")),
                    Some(LabelModifier::Include(on)) => {
                        let on = subset(&on.labels, &left).and(subset(&on.labels, &right))?;
                        Ok(Some(if binary.op.is_set_operator() { left } else { on }))
                    }
                    Some(LabelModifier::Exclude(_)) => Err("ignoring is not supported".to_owned()),
                }
            }
            Expr::Extension(_) => Err("no PromQL".to_owned()),
        }
    }

    fn selected(&self, selector: &VectorSelector) -> Result<Labels, String> {
        let name = selector.name.as_ref().ok_or("a selector without a name")?;
        let known = self.0.get(name).ok_or_else(|| format!("nobody exposes {name}"))?;
        let asked: Vec<String> =
            selector.matchers.matchers.iter().map(|Matcher { name, .. }| name.clone()).collect();
        subset(&asked, known).map_err(|problem| format!("{name}: {problem}"))?;
        Ok(known.clone())
    }
}

fn subset(some: &[String], all: &Labels) -> Result<Labels, String> {
    match some.iter().find(|label| !all.contains(*label)) {
        Some(label) => Err(format!("{label} is none of {all:?}")),
        None => Ok(labels(some.iter().map(String::as_str))),
    }
}

/// Labels that a template names, in double braces after `before`.
pub(crate) fn named_in(template: &str, before: &str) -> Labels {
    let parts = template.split("{{").skip(1);
    let inside = parts.filter_map(|part| part.split("}}").next()).map(str::trim);
    labels(inside.filter_map(|part| part.strip_prefix(before)))
}

#[test]
fn the_faulty_queries_of_the_document_are_refused() {
    let known = Known::families();
    let refused = |query: &str, why: &str| {
        let said = known.labels_of(query).expect_err(query);
        assert!(said.contains(why), "{query}: {said}");
    };
    refused("rate(tmc_component_errors_total[5m]) by (component_type, error_type)", "");
    refused(
        "(rate(tmc_component_errors_total[5m]) / rate(tmc_component_operations_total[5m])) > 0.1",
        "never match",
    );
    refused(
        "histogram_quantile(0.95, sum by (cluster) (rate(tmc_sync_duration_seconds_bucket[5m])))",
        "le",
    );
    refused("rate(tmc_sync_duration_seconds[5m])", "nobody exposes");
    refused("tmc_sync_lag_second > 300", "nobody exposes");
    refused("sum by (clutser) (tmc_sync_lag_seconds)", "clutser");
    refused(r#"tmc_sync_lag_seconds{clutser="a"}"#, "clutser");
    let result = known.labels_of("avg by (cluster, gvk) (tmc_sync_lag_seconds)");
    assert_eq!(result.unwrap(), labels(["cluster", "gvk"]));
}
