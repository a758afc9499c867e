//! Grafana dashboards: their variables and layout.
//! Upstream: overview, sync, placement, which list panels. Downstream: JSON for an import.

mod model;
mod overview;
mod panel;
mod placement;
mod query;
mod sync;

use super::{File, GenerateError};
use model::{
    DATASOURCE, GridPos, Link, List, Model, Placed, RowPanel, SCHEMA_VERSION, Selected, TimeRange,
    Variable,
};
use panel::Panel;

/// What `--name` takes.
pub(super) const NAMES: [&str; 3] = [overview::NAME, sync::NAME, placement::NAME];
/// Ties the dashboards together.
const TAG: &str = "tmc";
/// Matches the names of all families.
const OURS: &str = "tmc_.+";
const COLUMNS: u32 = 24;

/// A dashboard before its layout.
pub(super) struct Dashboard {
    pub(super) name: &'static str,
    path: &'static str,
    title: &'static str,
    uid: &'static str,
    description: &'static str,
    variables: Vec<Variable>,
    rows: Vec<Row>,
}

/// Panels under a title, from left to right and on the next line where one does not fit.
struct Row {
    title: &'static str,
    panels: Vec<Panel>,
}

/// All dashboards.
pub(super) fn all() -> Vec<Dashboard> {
    vec![overview::dashboard(), sync::dashboard(), placement::dashboard()]
}

impl Dashboard {
    /// Its file, below `deploy/`.
    pub(super) fn file(self) -> Result<File, GenerateError> {
        let path = self.path;
        let mut text = serde_json::to_string_pretty(&self.model())?;
        text.push('\n');
        Ok(File { path, text })
    }

    /// Its queries as Grafana sends them for all clusters and components, scraped each 15 s.
    pub(super) fn expressions(&self) -> Vec<String> {
        let panels = self.rows.iter().flat_map(|row| &row.panels);
        let query = |expr: &str| {
            let expr =
                expr.replace("$__rate_interval", "1m").replace("$__range", "1h").replace('\n', " ");
            let names = self.variables.iter().map(|variable| variable.name);
            // The longest first: one may begin like another.
            let mut names: Vec<&str> = names.collect();
            names.sort_by_key(|name| std::cmp::Reverse(name.len()));
            names.iter().fold(expr, |expr, name| expr.replace(&format!("${name}"), ".*"))
        };
        panels.flat_map(Panel::expressions).map(query).collect()
    }

    fn model(self) -> Model {
        Model {
            title: self.title,
            uid: self.uid,
            description: self.description,
            tags: [TAG],
            schema_version: SCHEMA_VERSION,
            editable: true,
            graph_tooltip: 1,
            refresh: "30s",
            time: TimeRange { from: "now-1h", to: "now" },
            timezone: "browser",
            links: [Link {
                kind: "dashboards",
                title: "TMC",
                tags: [TAG],
                icon: "external link",
                tooltip: "",
                as_dropdown: true,
                include_vars: true,
                keep_time: true,
                target_blank: false,
            }],
            templating: List { list: self.variables },
            annotations: List { list: Vec::new() },
            panels: place(self.rows),
        }
    }
}

fn place(rows: Vec<Row>) -> Vec<Placed> {
    let (mut placed, mut id, mut y) = (Vec::new(), 0, 0);
    let mut next = || {
        id += 1;
        id
    };
    for Row { title, panels } in rows {
        let grid_pos = GridPos { x: 0, y, w: COLUMNS, h: 1 };
        let row =
            RowPanel { id: next(), kind: "row", title, collapsed: false, grid_pos, panels: [] };
        placed.push(Placed::Row(row));
        y += 1;
        let (mut x, mut tallest) = (0, 0);
        for panel in panels {
            if x + panel.width > COLUMNS {
                y += tallest;
                (x, tallest) = (0, 0);
            }
            let (width, height) = (panel.width, panel.height);
            placed.push(Placed::Panel(Box::new(panel.place(next(), x, y))));
            x += width;
            tallest = tallest.max(height);
        }
        y += tallest;
    }
    placed
}

/// Which Prometheus to ask.
fn datasource() -> Variable {
    Variable {
        name: "datasource",
        label: "Prometheus",
        kind: "datasource",
        query: "prometheus".to_owned(),
        datasource: None,
        multi: false,
        include_all: false,
        all_value: None,
        current: None,
        refresh: 1,
        sort: 0,
    }
}

/// The values of the label `name`, several at once or all. Asked of every family, so that what never
/// did a thing can be chosen too.
fn values_of(name: &'static str, label: &'static str, narrowed: &str) -> Variable {
    Variable {
        name,
        label,
        kind: "query",
        query: format!(r#"label_values({{__name__=~"{OURS}"{narrowed}}}, {name})"#),
        datasource: Some(DATASOURCE),
        multi: true,
        include_all: true,
        all_value: Some(".*"),
        current: Some(Selected { text: ["All"], value: ["$__all"] }),
        refresh: 2,
        sort: 1,
    }
}

fn cluster() -> Variable {
    values_of("cluster", "Cluster", "")
}

fn component_type() -> Variable {
    values_of("component_type", "Component", "")
}

fn component_id() -> Variable {
    values_of("component_id", "Instance", r#", component_type=~"$component_type""#)
}

fn logical_cluster() -> Variable {
    values_of("logical_cluster", "Logical cluster", "")
}
