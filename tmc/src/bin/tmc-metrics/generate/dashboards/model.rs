//! Grafana's dashboard JSON, as far as we use it: schema 42, which Grafana 12 and later write.
//! Upstream: the panels. Downstream: JSON. `ci/dashboards.sh` checks it against Grafana's own types.

use std::collections::BTreeMap;

use serde::Serialize;

/// The version of the schema that this is.
pub(super) const SCHEMA_VERSION: u32 = 42;

/// A dashboard, importable as it is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Model {
    pub(super) title: &'static str,
    pub(super) uid: &'static str,
    pub(super) description: &'static str,
    pub(super) tags: [&'static str; 1],
    pub(super) schema_version: u32,
    pub(super) editable: bool,
    /// 1: one crosshair for all panels.
    pub(super) graph_tooltip: u8,
    pub(super) refresh: &'static str,
    pub(super) time: TimeRange,
    pub(super) timezone: &'static str,
    pub(super) links: [Link; 1],
    pub(super) templating: List<Variable>,
    pub(super) annotations: List<()>,
    pub(super) panels: Vec<Placed>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct List<T> {
    pub(super) list: Vec<T>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct TimeRange {
    pub(super) from: &'static str,
    pub(super) to: &'static str,
}

/// A menu of the other dashboards with the same tag.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Link {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) title: &'static str,
    pub(super) tags: [&'static str; 1],
    pub(super) icon: &'static str,
    pub(super) tooltip: &'static str,
    pub(super) as_dropdown: bool,
    pub(super) include_vars: bool,
    pub(super) keep_time: bool,
    pub(super) target_blank: bool,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Variable {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) query: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) datasource: Option<Datasource>,
    pub(super) multi: bool,
    pub(super) include_all: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) all_value: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) current: Option<Selected>,
    /// 1: when the dashboard is loaded, 2: when its time range changes.
    pub(super) refresh: u8,
    /// 1: by name, 0: as they come.
    pub(super) sort: u8,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Selected {
    pub(super) text: [&'static str; 1],
    pub(super) value: [&'static str; 1],
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Datasource {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) uid: &'static str,
}

/// What the variable `datasource` chooses.
pub(super) const DATASOURCE: Datasource = Datasource { kind: "prometheus", uid: "${datasource}" };

/// A row's title, or a panel, with its place.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Placed {
    Row(RowPanel),
    Panel(Box<PanelModel>),
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RowPanel {
    pub(super) id: u32,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) title: &'static str,
    pub(super) collapsed: bool,
    pub(super) grid_pos: GridPos,
    pub(super) panels: [(); 0],
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PanelModel {
    pub(super) id: u32,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) title: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) description: &'static str,
    pub(super) datasource: Datasource,
    pub(super) grid_pos: GridPos,
    pub(super) field_config: FieldConfig,
    pub(super) options: Options,
    pub(super) targets: Vec<Target>,
}

/// In 24 columns, and rows of 30 pixels.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct GridPos {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) w: u32,
    pub(super) h: u32,
}

/// A query. Its legend is a template of labels in double braces.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Target {
    pub(super) ref_id: String,
    pub(super) datasource: Datasource,
    pub(super) editor_mode: &'static str,
    pub(super) expr: String,
    pub(super) legend_format: String,
    pub(super) instant: bool,
    pub(super) range: bool,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct FieldConfig {
    pub(super) defaults: Field,
    pub(super) overrides: [(); 0],
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Field {
    pub(super) unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) decimals: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) min: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max: Option<f64>,
    pub(super) color: Color,
    pub(super) thresholds: Thresholds,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) mappings: Vec<Mapping>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) custom: Option<Lines>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Color {
    pub(super) mode: &'static str,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Thresholds {
    pub(super) mode: &'static str,
    pub(super) steps: Vec<Step>,
}

/// A colour from a value on; the first step has none.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Step {
    pub(super) color: &'static str,
    pub(super) value: Option<f64>,
}

/// Words and colours for values.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Mapping {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) options: BTreeMap<&'static str, Mapped>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Mapped {
    pub(super) text: &'static str,
    pub(super) color: &'static str,
    pub(super) index: u32,
}

/// How lines of a time series are drawn.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Lines {
    pub(super) line_width: u8,
    pub(super) fill_opacity: u8,
    pub(super) show_points: &'static str,
    pub(super) span_nulls: bool,
    pub(super) thresholds_style: Style,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Style {
    pub(super) mode: &'static str,
}

/// The options of each type of panel.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Options {
    Timeseries { legend: Legend, tooltip: Tooltip },
    Stat(StatOptions),
    BarGauge(BarGaugeOptions),
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Legend {
    pub(super) calcs: &'static [&'static str],
    pub(super) display_mode: &'static str,
    pub(super) placement: &'static str,
    pub(super) show_legend: bool,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Tooltip {
    pub(super) mode: &'static str,
    pub(super) sort: &'static str,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatOptions {
    pub(super) color_mode: &'static str,
    pub(super) graph_mode: &'static str,
    pub(super) justify_mode: &'static str,
    pub(super) orientation: &'static str,
    pub(super) percent_change_color_mode: &'static str,
    pub(super) reduce_options: Reduce,
    pub(super) show_percent_change: bool,
    pub(super) text_mode: &'static str,
    pub(super) wide_layout: bool,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BarGaugeOptions {
    pub(super) display_mode: &'static str,
    pub(super) legend: Legend,
    pub(super) max_viz_height: u32,
    pub(super) min_viz_height: u32,
    pub(super) min_viz_width: u32,
    pub(super) name_placement: &'static str,
    pub(super) orientation: &'static str,
    pub(super) reduce_options: Reduce,
    pub(super) show_unfilled: bool,
    pub(super) sizing: &'static str,
    pub(super) value_mode: &'static str,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Reduce {
    pub(super) calcs: [&'static str; 1],
    pub(super) fields: &'static str,
    pub(super) values: bool,
}
