//! Builds panels: what is the same for all of a type is said here once.
//! Upstream: the dashboards. Downstream: model.

use std::collections::BTreeMap;

use super::model::{
    BarGaugeOptions, Color, DATASOURCE, Field, FieldConfig, GridPos, Legend, Lines, Mapped,
    Mapping, Options, PanelModel, Reduce, StatOptions, Step, Style, Target, Thresholds, Tooltip,
};

pub(super) const GREEN: &str = "green";
pub(super) const ORANGE: &str = "orange";
pub(super) const RED: &str = "red";
const PURPLE: &str = "purple";

const LAST: Reduce = Reduce { calcs: ["lastNotNull"], fields: "", values: false };

/// A panel without its place.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    kind: &'static str,
    title: &'static str,
    description: &'static str,
    field: Field,
    options: Options,
    targets: Vec<Target>,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Panel {
    /// Lines over time; 12 wide, 8 high.
    pub(super) fn timeseries(title: &'static str, unit: &'static str) -> Self {
        let legend = Legend {
            calcs: &["lastNotNull", "max"],
            display_mode: "table",
            placement: "bottom",
            show_legend: true,
        };
        let tooltip = Tooltip { mode: "multi", sort: "desc" };
        let mut panel =
            Self::new("timeseries", title, unit, Options::Timeseries { legend, tooltip });
        panel.field.color = Color { mode: "palette-classic" };
        panel.field.custom = Some(Lines {
            line_width: 1,
            fill_opacity: 10,
            show_points: "auto",
            span_nulls: false,
            thresholds_style: Style { mode: "off" },
        });
        panel.field.min = Some(0.0);
        panel.size(12, 8)
    }

    /// The latest values in large letters; 6 wide, 4 high.
    pub(super) fn stat(title: &'static str, unit: &'static str) -> Self {
        let options = StatOptions {
            color_mode: "background",
            graph_mode: "none",
            justify_mode: "auto",
            orientation: "auto",
            percent_change_color_mode: "standard",
            reduce_options: LAST,
            show_percent_change: false,
            text_mode: "auto",
            wide_layout: true,
        };
        Self::new("stat", title, unit, Options::Stat(options)).size(6, 4)
    }

    /// The latest values as bars; 12 wide, 8 high.
    pub(super) fn bar_gauge(title: &'static str, unit: &'static str) -> Self {
        let legend =
            Legend { calcs: &[], display_mode: "list", placement: "bottom", show_legend: false };
        let options = BarGaugeOptions {
            display_mode: "gradient",
            legend,
            max_viz_height: 300,
            min_viz_height: 16,
            min_viz_width: 8,
            name_placement: "auto",
            orientation: "horizontal",
            reduce_options: LAST,
            show_unfilled: true,
            sizing: "auto",
            value_mode: "color",
        };
        Self::new("bargauge", title, unit, Options::BarGauge(options)).size(12, 8)
    }

    fn new(kind: &'static str, title: &'static str, unit: &'static str, options: Options) -> Self {
        let thresholds =
            Thresholds { mode: "absolute", steps: vec![Step { color: GREEN, value: None }] };
        let field = Field {
            unit,
            decimals: None,
            min: None,
            max: None,
            color: Color { mode: "thresholds" },
            thresholds,
            mappings: Vec::new(),
            custom: None,
        };
        let (targets, description) = (Vec::new(), "");
        Self { kind, title, description, field, options, targets, width: 0, height: 0 }
    }

    /// What its title does not say.
    pub(super) fn describe(mut self, description: &'static str) -> Self {
        self.description = description;
        self
    }

    pub(super) fn size(mut self, width: u32, height: u32) -> Self {
        (self.width, self.height) = (width, height);
        self
    }

    /// The ends of the scale.
    pub(super) fn between(mut self, min: f64, max: f64) -> Self {
        (self.field.min, self.field.max) = (Some(min), Some(max));
        self
    }

    /// The colour below the first value, then the colours from each value on. In a time series, a line
    /// stands at each value.
    pub(super) fn thresholds(mut self, base: &'static str, steps: &[(f64, &'static str)]) -> Self {
        let above = steps.iter().map(|&(value, color)| Step { color, value: Some(value) });
        let base = Step { color: base, value: None };
        self.field.thresholds.steps = std::iter::once(base).chain(above).collect();
        if let Some(lines) = &mut self.field.custom {
            lines.thresholds_style = Style { mode: "dashed" };
        }
        self
    }

    /// Words and colours for the values of a health gauge.
    pub(super) fn health(self) -> Self {
        self.words(&[
            ("1", "Healthy", GREEN),
            ("0.5", "Degraded", ORANGE),
            ("0", "Unhealthy", RED),
            ("-1", "Unknown", PURPLE),
        ])
        .thresholds(PURPLE, &[(0.0, RED), (0.5, ORANGE), (1.0, GREEN)])
        .between(-1.0, 1.0)
    }

    /// Words and colours for values.
    pub(super) fn words(mut self, words: &[(&'static str, &'static str, &'static str)]) -> Self {
        let mapped = |(index, &(value, text, color))| (value, Mapped { text, color, index });
        let options: BTreeMap<_, _> = (0..).zip(words).map(mapped).collect();
        self.field.mappings = vec![Mapping { kind: "value", options }];
        self
    }

    /// Adds a query. The legend names labels in double braces.
    pub(super) fn query(mut self, expr: impl Into<String>, legend: &str) -> Self {
        let letter = char::from(b'A'.saturating_add(self.targets.len() as u8));
        let range = self.kind == "timeseries";
        self.targets.push(Target {
            ref_id: letter.to_string(),
            datasource: DATASOURCE,
            editor_mode: "code",
            expr: expr.into(),
            legend_format: legend.to_owned(),
            instant: !range,
            range,
        });
        self
    }

    /// Its queries.
    pub(super) fn expressions(&self) -> impl Iterator<Item = &str> {
        self.targets.iter().map(|target| target.expr.as_str())
    }

    pub(super) fn place(self, id: u32, x: u32, y: u32) -> PanelModel {
        PanelModel {
            id,
            kind: self.kind,
            title: self.title,
            description: self.description,
            datasource: DATASOURCE,
            grid_pos: GridPos { x, y, w: self.width, h: self.height },
            field_config: FieldConfig { defaults: self.field, overrides: [] },
            options: self.options,
            targets: self.targets,
        }
    }
}
