//! `docs/metrics.md`: every family, and the query that one would ask of it.
//! Upstream: the catalogue, the sampler's families, own. Downstream: Markdown.

mod labels;
mod queries;

use std::fmt::{self, Write};

use tmc_metrics::catalogue::{Buckets, FAMILIES, FamilyDef};
use tmc_metrics::engine::Kind;
use tmc_metrics::sysmon;

use super::{File, GENERATED, own};

const INTRODUCTION: &str = "\
Every family that TMC exposes: its type, labels, unit and meaning, and the query that one would ask. Alerts,
recording rules and dashboards that ask more are in `deploy/`.

- A histogram `x` is exposed as `x_bucket` with the label `le`, `x_sum` and `x_count`.
- Some gauges end in `_total`. Their names are a contract; do not ask for their `rate()`.
- Where a family has reached its limit of series, further ones count in a series whose labels say
  `__overflow__`.
- A registry with a prefix puts it before each name.
";

/// The file, below `docs/`.
pub(super) fn file() -> File {
    let mut text = String::new();
    // A String takes everything.
    let _ = write_all(&mut text);
    File { path: "metrics.md", text }
}

fn write_all(out: &mut String) -> fmt::Result {
    writeln!(out, "<!-- {GENERATED} docs`; change the catalogue or the generator instead. -->\n")?;
    writeln!(out, "# Metrics\n\n{INTRODUCTION}")?;
    writeln!(out, "## Labels\n\n| label | says |\n|---|---|")?;
    for (label, meaning) in labels::LABELS {
        writeln!(out, "| `{label}` | {meaning} |")?;
    }
    let mut title = "";
    for family in FAMILIES {
        let next = queries::section(family.name);
        if next != title {
            title = next;
            writeln!(out, "\n## {title}")?;
        }
        write_family(out, family)?;
    }
    write_process(out)?;
    write_own(out)
}

fn write_family(out: &mut String, family: &FamilyDef) -> fmt::Result {
    let FamilyDef { name, kind, help, labels, buckets, .. } = family;
    writeln!(out, "\n### `{name}`\n\n{help}.\n")?;
    writeln!(out, "- type: {kind}")?;
    writeln!(out, "- labels: {}", list(labels))?;
    writeln!(out, "- unit: {}", unit(name))?;
    match buckets {
        Buckets::None => {}
        Buckets::Seconds(bounds) | Buckets::Bytes(bounds) => {
            let bounds: Vec<String> = bounds.iter().map(f64::to_string).collect();
            writeln!(out, "- buckets: {}", bounds.join(", "))?;
        }
    }
    writeln!(out, "\n```promql\n{}\n```", queries::query(family))
}

fn write_process(out: &mut String) -> fmt::Result {
    writeln!(
        out,
        "\n## Of the process\n\nFed by the sampler at `collection_interval`.\n\n| family | type | meaning |\n|---|---|---|"
    )?;
    let others =
        |family: &&sysmon::names::FamilySpec| FAMILIES.iter().all(|ours| ours.name != family.name);
    for family in sysmon::names::ALL.iter().filter(others) {
        let help = family.help.trim_end_matches('.');
        writeln!(out, "| `{}` | {} | {help} |", family.name, type_name(family.kind))?;
    }
    Ok(())
}

fn write_own(out: &mut String) -> fmt::Result {
    writeln!(
        out,
        "\n## Of the monitoring itself\n\n| family | type | labels | meaning |\n|---|---|---|---|"
    )?;
    for own::Own { name, kind, labels, meaning } in own::FAMILIES {
        writeln!(out, "| `{name}` | {} | {} | {meaning} |", type_name(*kind), list(labels))?;
    }
    Ok(())
}

/// The type as it is exposed.
fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter | Kind::FloatCounter => "counter",
        Kind::Histogram => "histogram",
        _ => "gauge",
    }
}

fn list(labels: &[&str]) -> String {
    let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
    if labels.is_empty() { "none".to_owned() } else { labels.join(", ") }
}

/// What the name says about the unit.
fn unit(name: &str) -> &'static str {
    let base = name.strip_suffix("_total").unwrap_or(name);
    match base.rsplit('_').next() {
        Some("seconds") => "seconds",
        Some("bytes") => "bytes",
        Some("percent") => "percent of one core",
        Some("utilization") => "share, 0 to 1",
        Some("health" | "connectivity") => "state",
        _ => "count",
    }
}
