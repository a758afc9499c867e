//! Dashboards fit what is exposed, and are laid out so that a current Grafana shows them.
//! `ci/dashboards.sh` checks their types against Grafana's own.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::families::labels;
use crate::files::{list, printed, read, text};
use crate::labels::{Known, named_in};

const NAMES: [&str; 3] = ["overview", "sync-operations", "placement-migration-recovery"];

fn dashboards() -> Vec<Value> {
    let parse = |name| serde_json::from_str(&read(&format!("deploy/dashboards/{name}.json")));
    NAMES.map(|name| parse(name).unwrap_or_else(|error| panic!("{name}: {error}"))).into()
}

fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    list(&dashboard["panels"]).iter().filter(|panel| panel["type"] != "row")
}

/// The names after dollar signs, but for those that Grafana has itself.
fn variables_in(query: &str) -> BTreeSet<String> {
    let ends = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    let names = query.split('$').skip(1).filter_map(|rest| rest.split(ends).next());
    labels(names.filter(|name| !name.starts_with("__")))
}

#[test]
fn queries_fit_what_is_exposed_and_legends_name_their_labels() {
    let known = Known::families();
    for dashboard in dashboards() {
        let declared =
            list(&dashboard["templating"]["list"]).iter().map(|variable| text(&variable["name"]));
        let declared = labels(declared);
        for panel in panels(&dashboard) {
            let title = &panel["title"];
            assert!(!list(&panel["targets"]).is_empty(), "{title} asks nothing");
            for target in list(&panel["targets"]) {
                let expr = text(&target["expr"]);
                let undeclared = &variables_in(expr) - &declared;
                assert!(undeclared.is_empty(), "{title}: {undeclared:?}");
                let query = expr.replace("$__rate_interval", "5m").replace("$__range", "1h");
                let result = known.labels_of(&query).unwrap_or_else(|why| panic!("{title}: {why}"));
                let legend = text(&target["legendFormat"]);
                let named = named_in(legend, "");
                assert!(named.is_subset(&result), "{title}: {named:?} are not in {result:?}");
                // What Prometheus adds need not be named where there is one target.
                let own = &result - &labels(crate::families::TARGET);
                assert!(own.is_subset(&named), "{title}: {legend} does not tell {own:?}");
                assert!(!legend.is_empty(), "{title}");
            }
        }
    }
}

#[test]
fn variables_ask_for_labels_that_exist() {
    let known = Known::families();
    for dashboard in dashboards() {
        let variables = list(&dashboard["templating"]["list"]);
        assert_eq!(variables[0]["type"], "datasource");
        let names = labels(variables.iter().map(|variable| text(&variable["name"])));
        let wanted = labels(["datasource", "cluster", "component_type", "component_id"]);
        assert!(wanted.is_subset(&names), "{names:?}");
        for variable in &variables[1..] {
            let query = text(&variable["query"]).strip_prefix("label_values(");
            let query = query.and_then(|query| query.strip_suffix(')')).expect("label_values");
            let (selector, label) = query.rsplit_once(", ").expect("a label");
            assert_eq!(label, variable["name"]);
            let of_all = selector.strip_prefix(r#"{__name__=~"tmc_.+""#).expect("all families");
            assert!(!known.with(label).is_empty(), "{query}");
            for name in known.with(label) {
                assert!(name.starts_with("tmc_"), "{name} is not asked for its {label}");
                known.labels_of(&format!("{name}{{{}", of_all.trim_start_matches(", "))).unwrap();
            }
        }
        // Each variable narrows something.
        let used = panels(&dashboard).flat_map(|panel| list(&panel["targets"]));
        let used: BTreeSet<String> =
            used.flat_map(|target| variables_in(text(&target["expr"]))).collect();
        assert_eq!(&names - &labels(["datasource"]), used);
    }
}

#[test]
fn panels_have_units_thresholds_and_places_of_their_own() {
    for dashboard in dashboards() {
        assert_eq!(dashboard["schemaVersion"], 42);
        assert!((8..=40).contains(&text(&dashboard["uid"]).len()));
        let (mut ids, mut taken, mut types) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for panel in list(&dashboard["panels"]) {
            let title = text(&panel["title"]);
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: an id twice");
            let [x, y, w, h] =
                ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
            assert!(w > 0 && h > 0 && x + w <= 24, "{title}");
            for place in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                assert!(taken.insert(place), "{title} covers another panel");
            }
        }
        for panel in panels(&dashboard) {
            let title = text(&panel["title"]);
            types.insert(text(&panel["type"]).to_owned());
            let defaults = &panel["fieldConfig"]["defaults"];
            assert!(!text(&defaults["unit"]).is_empty(), "{title}");
            let steps = list(&defaults["thresholds"]["steps"]);
            assert!(steps[0]["value"].is_null(), "{title}");
            let values: Vec<f64> =
                steps[1..].iter().map(|step| step["value"].as_f64().unwrap()).collect();
            assert!(values.is_sorted(), "{title}: {values:?}");
        }
        assert!(types.is_subset(&labels(["timeseries", "stat", "bargauge"])), "{types:?}");
    }
}

#[test]
fn the_expressions_that_are_listed_are_those_of_the_panels_ready_to_be_sent() {
    let known = Known::families();
    let all = printed(&["dashboards", "--expressions"]);
    let count: usize =
        dashboards().iter().flat_map(panels).map(|panel| list(&panel["targets"]).len()).sum();
    assert_eq!(all.lines().count(), count);
    for line in all.lines() {
        assert!(!line.contains('$'), "{line}");
        known.labels_of(line).unwrap();
    }
    let one = printed(&["dashboards", "--expressions", "--name", "overview"]);
    assert!(all.starts_with(&one) && one.len() < all.len());
}
