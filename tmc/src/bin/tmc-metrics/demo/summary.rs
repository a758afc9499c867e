//! Says at the end, and on a terminal all along, what the metrics say happened.
//! Upstream: the registry, status. Downstream: standard output, standard error.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use tmc_metrics::engine::Snapshot;
use tmc_metrics::{Families, MetricsCollector, OverallHealth};

use super::status::Status;
use crate::logger::CLEAR_LINE;

/// The sum over all series of a family in which a label has one of the values; over all series
/// where no label is given. A histogram counts its observations.
fn sum(snapshot: &Snapshot, family: &str, filter: Option<(&str, &[&str])>) -> f64 {
    let Some(family) = snapshot.family(family) else { return 0.0 };
    let position =
        filter.map(|(label, values)| (family.label_names().position(|name| name == label), values));
    family
        .series()
        .filter(|series| match position {
            None => true,
            Some((position, values)) => position
                .and_then(|position| series.label_values().nth(position))
                .is_some_and(|value| values.contains(&value)),
        })
        .map(|series| series.value().as_f64())
        // The sum of nothing would be -0.
        .fold(0.0, |sum, value| sum + value)
}

/// Writes the summary of the whole run.
pub(crate) fn write(
    out: &mut impl Write,
    collector: &MetricsCollector,
    status: &Status,
    health: &OverallHealth,
    ran: Duration,
) -> io::Result<()> {
    let snapshot = collector.registry().snapshot();
    let of: &Families = collector.families();
    let all = |family: &str| sum(&snapshot, family, None);
    let some =
        |family: &str, label: &str, value: &str| sum(&snapshot, family, Some((label, &[value])));
    let connected = status.clusters.iter().filter(|cluster| cluster.connected).count();
    let pending = status.placements.iter().filter(|placement| placement.status == "pending");
    let syncs = of.sync_duration.name();
    let moves = of.migrations.name();
    writeln!(out, "ran for {:.1} s", ran.as_secs_f64())?;
    writeln!(out, "  health          {}", health.message)?;
    writeln!(out, "  clusters        {connected} of {} connected", status.clusters.len())?;
    writeln!(
        out,
        "  namespaces      {} ({} without room)",
        status.placements.len(),
        pending.count()
    )?;
    writeln!(
        out,
        "  objects synced  {} created, {} updated, {} deleted, {} errors",
        some(syncs, "operation", "create"),
        some(syncs, "operation", "update"),
        some(syncs, "operation", "delete"),
        all(of.sync_errors.name()),
    )?;
    writeln!(
        out,
        "  queues          {} added, {} of them again",
        all(of.queue_adds.name()),
        all(of.queue_retries.name()),
    )?;
    writeln!(out, "  conflicts       {}", all(of.resource_conflicts.name()))?;
    writeln!(
        out,
        "  recoveries      {} begun, {} succeeded, {} failed",
        all(of.recovery_attempts.name()),
        all(of.recovery_successes.name()),
        all(of.recovery_failures.name()),
    )?;
    writeln!(
        out,
        "  migrations      {} completed, {} rolled back, {} under way",
        some(moves, "status", "completed"),
        some(moves, "status", "rolled-back"),
        some(moves, "status", "in-progress"),
    )?;
    writeln!(
        out,
        "  views           {} written, {} errors",
        some(of.virtual_workspace_latency.name(), "operation", "aggregate"),
        all(of.virtual_workspace_errors.name()),
    )?;
    out.flush()
}

/// One line that is written over and over, where standard error is a terminal.
pub(crate) struct Progress {
    shown: bool,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { shown: io::stderr().is_terminal() }
    }

    pub(crate) fn is_shown(&self) -> bool {
        self.shown
    }

    /// Writes the line anew. A terminal that is gone ends it.
    pub(crate) fn show(&mut self, collector: &MetricsCollector, status: &Status) {
        if !self.shown {
            return;
        }
        let snapshot = collector.registry().snapshot();
        let of = collector.families();
        let connected = status.clusters.iter().filter(|cluster| cluster.connected).count();
        let files: u64 = status.clusters.iter().map(|cluster| cluster.files).sum();
        let backlog: u64 = status.clusters.iter().map(|cluster| cluster.backlog).sum();
        let line = format!(
            "{connected}/{} clusters, {files} files, {backlog} to do, {} conflicts, {} recoveries, {} migrations",
            status.clusters.len(),
            sum(&snapshot, of.resource_conflicts.name(), None),
            sum(&snapshot, of.recovery_attempts.name(), None),
            sum(&snapshot, of.migrations.name(), Some(("status", &["completed"]))),
        );
        self.write(&format!("{CLEAR_LINE}{line}"));
    }

    /// Takes the line off the terminal.
    pub(crate) fn clear(&mut self) {
        if self.shown {
            self.write(CLEAR_LINE);
        }
    }

    fn write(&mut self, text: &str) {
        let mut stderr = io::stderr().lock();
        self.shown = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush()).is_ok();
    }
}
