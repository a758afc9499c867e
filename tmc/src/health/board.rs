//! What is known of every component, and which check is to begin or to be given up when. Nothing runs
//! here, and time comes from the caller: the monitor does as it is told.
//!
//! Upstream: monitor. Downstream: overall.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::provider::{ComponentInfo, HealthReport};
use super::{HealthStatus, OverallHealth};
use crate::collector::HealthCheckResult;

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) interval: Duration,
    /// From a component's registration to its first check.
    pub(super) initial_delay: Duration,
    pub(super) timeout: Duration,
    /// A check that took longer is no better than degraded.
    pub(super) degraded_after: Duration,
    /// A check that took longer is unhealthy.
    pub(super) unhealthy_after: Duration,
}

/// How many checks there were, and how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckCounts {
    /// All of them: the sum of the others.
    pub total_checks: u64,
    /// That found a component healthy.
    pub healthy_checks: u64,
    /// That found it degraded.
    pub degraded_checks: u64,
    /// That found it unhealthy.
    pub unhealthy_checks: u64,
    /// That failed to run, or took too long.
    pub error_checks: u64,
}

/// What to count of a check that has ended or was given up.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Checked {
    pub(super) id: u64,
    pub(super) result: HealthCheckResult,
    pub(super) took: Duration,
}

/// A check that is to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) id: u64,
    /// Tells it from the component's other checks.
    pub(super) run: u64,
}

#[derive(Debug)]
struct Entry {
    info: ComponentInfo,
    /// Of the last check, or why there is none.
    report: HealthReport,
    /// When the next check is to begin.
    due: Instant,
    running: Option<Running>,
    /// The last check ran to its end.
    active: bool,
}

#[derive(Debug)]
struct Running {
    run: u64,
    since: Instant,
    /// Given up; it still occupies its provider.
    timed_out: bool,
}

/// Everything that is known.
#[derive(Debug)]
pub(super) struct Board {
    pace: Pace,
    entries: BTreeMap<u64, Entry>,
    counts: CheckCounts,
    next: u64,
}

impl Board {
    pub(super) fn new(pace: Pace) -> Self {
        Self { pace, entries: BTreeMap::new(), counts: CheckCounts::default(), next: 0 }
    }

    /// Adds a component, of which nothing is known.
    pub(super) fn add(&mut self, info: ComponentInfo, now: Instant) -> u64 {
        self.next += 1;
        let report = HealthReport::new(HealthStatus::Unknown, "not checked yet");
        let due = now + self.pace.initial_delay;
        let entry = Entry { info, report, due, running: None, active: false };
        self.entries.insert(self.next, entry);
        self.next
    }

    /// Forgets a component.
    pub(super) fn remove(&mut self, id: u64) -> Option<ComponentInfo> {
        self.entries.remove(&id).map(|entry| entry.info)
    }

    /// Makes every check due that is not running.
    pub(super) fn all_due(&mut self, now: Instant) {
        self.entries.values_mut().for_each(|entry| entry.due = entry.due.min(now));
    }

    /// Forgets a check: how it ends does not count. Its provider can be asked again.
    pub(super) fn forget(&mut self, start: Start) {
        if let Some(entry) = self.entries.get_mut(&start.id) {
            entry.running.take_if(|running| running.run == start.run);
        }
    }

    /// Gives up checks that have taken too long, and begins those that are due. A provider whose check was
    /// given up and still runs is not asked again: each time that it would be counts as another error.
    pub(super) fn advance(&mut self, now: Instant) -> (Vec<Start>, Vec<Checked>) {
        let (mut starts, mut checked) = (Vec::new(), Vec::new());
        for (&id, entry) in &mut self.entries {
            let waited = |running: &Running| now.saturating_duration_since(running.since);
            let error = |took| Checked { id, result: HealthCheckResult::Error, took };
            if let Some(running) = &mut entry.running
                && !running.timed_out
                && waited(running) >= self.pace.timeout
            {
                running.timed_out = true;
                checked.push(error(self.pace.timeout));
                let seconds = self.pace.timeout.as_secs_f64();
                entry.fail(format!("the check did not end within {seconds} s"));
            }
            if entry.due > now {
                continue;
            }
            match &entry.running {
                None => {
                    self.next += 1;
                    entry.running = Some(Running { run: self.next, since: now, timed_out: false });
                    starts.push(Start { id, run: self.next });
                }
                Some(running) if running.timed_out => checked.push(error(waited(running))),
                Some(_) => {}
            }
            entry.due = now + self.pace.interval;
        }
        checked.iter().for_each(|checked| self.counts.note(checked.result));
        (starts, checked)
    }

    /// Takes in how a check ended. `None` if nobody waits for that any more.
    pub(super) fn end(
        &mut self,
        start: Start,
        result: Result<HealthReport, String>,
        now: Instant,
    ) -> Option<Checked> {
        let entry = self.entries.get_mut(&start.id)?;
        let running = entry.running.take_if(|running| running.run == start.run)?;
        if running.timed_out {
            return None;
        }
        let took = now.saturating_duration_since(running.since);
        let result = match result {
            Ok(report) => {
                entry.active = true;
                entry.report = self.pace.judge(report, took);
                match entry.report.status {
                    HealthStatus::Healthy => HealthCheckResult::Healthy,
                    HealthStatus::Degraded => HealthCheckResult::Degraded,
                    HealthStatus::Unhealthy => HealthCheckResult::Unhealthy,
                    // A check that finds out nothing has not done what it is for.
                    HealthStatus::Unknown => HealthCheckResult::Error,
                }
            }
            Err(reason) => {
                entry.fail(format!("the check failed: {reason}"));
                HealthCheckResult::Error
            }
        };
        self.counts.note(result);
        Some(Checked { id: start.id, result, took })
    }

    /// When [`advance`](Self::advance) has something to do next.
    pub(super) fn wake(&self) -> Option<Instant> {
        let timeout = self.pace.timeout;
        let ends = |entry: &Entry| {
            let running = entry.running.as_ref().filter(|running| !running.timed_out)?;
            Some(running.since + timeout)
        };
        self.entries.values().flat_map(|entry| [Some(entry.due), ends(entry)]).flatten().min()
    }

    /// Whether a check has ended, or was given up, of every component.
    pub(super) fn is_settled(&self) -> bool {
        let settled = |running: &Running| running.timed_out;
        self.entries.values().all(|entry| {
            let known = entry.report.status != HealthStatus::Unknown || entry.active;
            known && entry.running.as_ref().is_none_or(settled)
        })
    }

    pub(super) fn info(&self, id: u64) -> Option<&ComponentInfo> {
        self.entries.get(&id).map(|entry| &entry.info)
    }

    /// What is known of one component.
    pub(super) fn of(&self, id: u64) -> Option<&HealthReport> {
        self.entries.get(&id).map(|entry| &entry.report)
    }

    /// All components and what is known of them, in the order they came.
    pub(super) fn each(&self) -> impl Iterator<Item = (&ComponentInfo, &HealthReport)> {
        self.entries.values().map(|entry| (&entry.info, &entry.report))
    }

    /// Of the components that share one series: nothing keeps an application from registering two under
    /// the same labels, and the better one must not hide the other.
    pub(super) fn of_series(&self, info: &ComponentInfo) -> Option<HealthStatus> {
        let same = self.entries.values().filter(|entry| entry.info.labels() == info.labels());
        let health = OverallHealth::of(same.map(|entry| entry.report.status));
        (health.details.total_components > 0).then_some(health.status)
    }

    /// Of all components.
    pub(super) fn overall(&self) -> OverallHealth {
        OverallHealth::of(self.entries.values().map(|entry| entry.report.status))
    }

    /// Of the components of one cluster, in one logical cluster or in all of them.
    pub(super) fn of_cluster(&self, cluster: &str, logical_cluster: Option<&str>) -> OverallHealth {
        let of_it = |entry: &&Entry| {
            let logical = entry.info.logical_cluster.as_deref();
            entry.info.cluster == cluster
                && (logical_cluster.is_none() || logical == logical_cluster)
        };
        OverallHealth::of(self.entries.values().filter(of_it).map(|entry| entry.report.status))
    }

    pub(super) fn counts(&self) -> CheckCounts {
        self.counts
    }

    /// Components, and those of them whose last check ran to its end.
    pub(super) fn registered(&self) -> (u64, u64) {
        let active = self.entries.values().filter(|entry| entry.active).count();
        (self.entries.len() as u64, active as u64)
    }
}

impl Entry {
    fn fail(&mut self, message: String) {
        self.report = HealthReport::new(HealthStatus::Unhealthy, message);
        self.active = false;
    }
}

impl Pace {
    /// A check that was slow says that something is wrong, whatever else it says.
    fn judge(&self, mut report: HealthReport, took: Duration) -> HealthReport {
        let worse = match report.status {
            HealthStatus::Unknown | HealthStatus::Unhealthy => return report,
            _ if took > self.unhealthy_after => HealthStatus::Unhealthy,
            HealthStatus::Healthy if took > self.degraded_after => HealthStatus::Degraded,
            _ => return report,
        };
        report.message = format!("the check took {:.0} s: {}", took.as_secs_f64(), report.message);
        report.status = worse;
        report
    }
}

impl CheckCounts {
    fn note(&mut self, result: HealthCheckResult) {
        self.total_checks += 1;
        *match result {
            HealthCheckResult::Healthy => &mut self.healthy_checks,
            HealthCheckResult::Degraded => &mut self.degraded_checks,
            HealthCheckResult::Unhealthy => &mut self.unhealthy_checks,
            HealthCheckResult::Error => &mut self.error_checks,
        } += 1;
    }
}

#[cfg(test)]
#[path = "board_tests.rs"]
mod tests;
