//! `docs/metrics.md` tells of every family, and its queries fit what is exposed.

use tmc_metrics::catalogue::FAMILIES;
use tmc_metrics::engine::Kind;
use tmc_metrics::sysmon;

use crate::families::{Labels, labels, snapshot};
use crate::files::read;
use crate::labels::Known;

/// First cells of the rows of the table under a heading, without backquotes, and the rows.
fn rows<'a>(text: &'a str, heading: &str) -> Vec<(&'a str, &'a str)> {
    let (_, after) = text.split_once(heading).unwrap_or_else(|| panic!("no {heading}"));
    let section = after.split("\n## ").next().expect("a part");
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| (row.split('`').nth(1).expect("a name"), row)).collect()
}

#[test]
fn every_family_has_its_type_labels_buckets_meaning_and_a_query_that_fits() {
    let (text, known) = (read("docs/metrics.md"), Known::families());
    for family in FAMILIES {
        let heading = format!("\n### `{}`\n", family.name);
        let (_, after) = text.split_once(&heading).unwrap_or_else(|| panic!("no {heading}"));
        let section = after.split("\n##").next().expect("a part");
        let has = |line: &str| assert!(section.contains(line), "{heading}{line}\n{section}");
        has(family.help);
        has(&format!("- type: {}\n", family.kind));
        for label in family.labels {
            has(&format!("`{label}`"));
        }
        assert_eq!(section.contains("- buckets: "), family.kind == Kind::Histogram, "{heading}");
        let query = section.split("```promql\n").nth(1).and_then(|rest| rest.split("```").next());
        let query: Vec<&str> =
            query.expect("a query").lines().filter(|line| !line.starts_with('#')).collect();
        assert!(query.join(" ").contains(family.name), "{heading}: {query:?}");
        known.labels_of(&query.join(" ")).unwrap();
    }
}

#[test]
fn every_label_is_explained_and_no_other() {
    let text = read("docs/metrics.md");
    let explained: Labels = labels(rows(&text, "## Labels").into_iter().map(|(label, _)| label));
    let used = labels(FAMILIES.iter().flat_map(|family| family.labels.iter().copied()));
    assert_eq!(explained, used);
}

#[test]
fn what_a_process_exposes_beside_the_catalogue_is_told_with_its_type_and_labels() {
    let text = read("docs/metrics.md");
    let mut told = rows(&text, "## Of the process");
    told.extend(rows(&text, "## Of the monitoring itself"));
    let in_catalogue = |name: &str| FAMILIES.iter().any(|family| family.name == name);
    for family in snapshot().families().filter(|family| !in_catalogue(family.name())) {
        let name = family.name();
        let row = told.iter().find(|(told, _)| *told == name);
        let (_, row) = row.unwrap_or_else(|| panic!("{name} is not told"));
        let kind = match family.kind() {
            Kind::Counter | Kind::FloatCounter => "counter",
            Kind::Histogram => "histogram",
            _ => "gauge",
        };
        assert!(row.contains(&format!("| {kind} |")), "{kind}: {row}");
        let names: Vec<String> = family.label_names().map(|label| format!("`{label}`")).collect();
        assert!(names.is_empty() || row.contains(&format!("| {} |", names.join(", "))), "{row}");
    }
    for (name, _) in told {
        assert!(snapshot().family(name).is_some(), "{name} is not exposed");
    }
    assert!(sysmon::names::ALL.iter().all(|family| text.contains(family.name)));
}
