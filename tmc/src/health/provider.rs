//! Who is asked how a component does, and what it answers.
//! Upstream: components. Downstream: the monitor, which asks.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use tmc_engine::Clock;

use super::{ComponentType, HealthStatus};

/// What a check found out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HealthReport {
    /// How the component does.
    pub status: HealthStatus,
    /// The same for people.
    pub message: String,
    /// Whatever else is worth knowing.
    pub details: BTreeMap<String, String>,
}

impl HealthReport {
    /// A report without details.
    pub fn new(status: HealthStatus, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), details: BTreeMap::new() }
    }

    /// Adds a detail.
    #[must_use]
    pub fn detail(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.details.insert(name.into(), value.to_string());
        self
    }
}

/// Why a check could not be made.
pub type HealthError = Box<dyn Error + Send + Sync>;

/// Which component a provider speaks for: the labels of its metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentInfo {
    pub(super) component_type: ComponentType,
    pub(super) id: String,
    pub(super) cluster: String,
    pub(super) logical_cluster: Option<String>,
}

impl ComponentInfo {
    /// One of several of its type, told apart by `id`. It belongs to no cluster.
    pub fn new(component_type: impl Into<ComponentType>, id: impl Into<String>) -> Self {
        let cluster = String::new();
        Self {
            component_type: component_type.into(),
            id: id.into(),
            cluster,
            logical_cluster: None,
        }
    }

    /// The labels of its series of `tmc_component_health`.
    pub(super) fn labels(&self) -> [&str; 3] {
        [self.component_type.as_str(), &self.id, &self.cluster]
    }

    /// The cluster that it works for.
    #[must_use]
    pub fn cluster(mut self, cluster: impl Into<String>) -> Self {
        self.cluster = cluster.into();
        self
    }

    /// The workspace path that the cluster belongs to. `tmc_cluster_health` has the health of the
    /// components of one cluster in one logical cluster, taken together.
    #[must_use]
    pub fn logical_cluster(mut self, logical_cluster: impl Into<String>) -> Self {
        self.logical_cluster = Some(logical_cluster.into());
        self
    }
}

/// Knows how a component does. Any closure that gives a report is one.
pub trait HealthProvider: Send + Sync {
    /// Finds out. Runs on a thread for checks and may block, but is not waited for longer than the
    /// monitor's timeout; never called again before it has returned. A panic is an error.
    ///
    /// # Errors
    /// It could not be found out: the component then counts as unhealthy.
    fn check(&self) -> Result<HealthReport, HealthError>;
}

impl<F: Fn() -> Result<HealthReport, HealthError> + Send + Sync> HealthProvider for F {
    fn check(&self) -> Result<HealthReport, HealthError> {
        self()
    }
}

/// Judges a cluster by what it did lately: without activity for 5 minutes it is degraded, and so is one
/// with more than a tenth of errors; one with more than half of them is unhealthy.
///
/// Share it in an `Arc` between who notes what happens and the monitor. Noting takes a lock for a moment.
///
/// ```
/// use tmc_metrics::{Clock, ClusterActivity, HealthProvider, HealthStatus};
///
/// let activity = ClusterActivity::new(Clock::system());
/// (0..8).for_each(|_| activity.succeeded());
/// (0..2).for_each(|_| activity.failed());
/// assert_eq!(activity.check().unwrap().status, HealthStatus::Degraded);
/// ```
#[derive(Debug)]
pub struct ClusterActivity {
    clock: Clock,
    state: Mutex<Activity>,
}

#[derive(Debug)]
struct Activity {
    last: Instant,
    /// Operations and errors of this minute and of the one before.
    minutes: [(u64, u64); 2],
    began: Instant,
}

/// After so long without activity, a cluster is degraded.
const QUIET: Duration = Duration::from_secs(300);
/// How long operations count, at least.
const WINDOW: Duration = Duration::from_secs(60);

impl ClusterActivity {
    /// Active just now, without operations.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let now = clock.now();
        Self { clock, state: Mutex::new(Activity { last: now, minutes: [(0, 0); 2], began: now }) }
    }

    /// An operation on the cluster went well.
    pub fn succeeded(&self) {
        self.note(0);
    }

    /// An operation on the cluster failed.
    pub fn failed(&self) {
        self.note(1);
    }

    fn note(&self, errors: u64) {
        let now = self.clock.now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.turn(now);
        state.last = now;
        state.minutes[0].0 += 1;
        state.minutes[0].1 += errors;
    }
}

impl Activity {
    fn turn(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.began);
        if passed >= 2 * WINDOW {
            self.minutes = [(0, 0); 2];
        } else if passed >= WINDOW {
            self.minutes = [(0, 0), self.minutes[0]];
        } else {
            return;
        }
        self.began = now;
    }
}

impl HealthProvider for ClusterActivity {
    fn check(&self) -> Result<HealthReport, HealthError> {
        let now = self.clock.now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.turn(now);
        let (operations, errors) =
            (state.minutes[0].0 + state.minutes[1].0, state.minutes[0].1 + state.minutes[1].1);
        let quiet = now.saturating_duration_since(state.last);
        let (status, message) = if errors * 2 > operations {
            (HealthStatus::Unhealthy, format!("{errors} of {operations} operations failed"))
        } else if errors * 10 > operations {
            (HealthStatus::Degraded, format!("{errors} of {operations} operations failed"))
        } else if quiet >= QUIET {
            (HealthStatus::Degraded, format!("no activity for {} s", quiet.as_secs()))
        } else {
            (HealthStatus::Healthy, format!("{operations} operations, {errors} failed"))
        };
        Ok(HealthReport::new(status, message)
            .detail("operations", operations)
            .detail("errors", errors)
            .detail("seconds_since_activity", quiet.as_secs()))
    }
}

/// Judges the process by its memory and CPU, as the sampler has recorded them last.
#[derive(Clone, Debug)]
pub struct ProcessLimits {
    memory: tmc_engine::Gauge,
    cpu: tmc_engine::Gauge,
    memory_bytes: f64,
    cpu_percent: f64,
}

impl ProcessLimits {
    /// Degraded above these, unhealthy above one and a half times as much: resident memory in bytes, and CPU
    /// in percent, where 100 is one core. An infinite one is no limit; one that is not above zero makes each
    /// check an error that says so.
    #[must_use]
    pub fn new(
        collector: &crate::collector::MetricsCollector,
        memory_bytes: f64,
        cpu_percent: f64,
    ) -> Self {
        let families = collector.families();
        let (memory, cpu) = (families.memory_usage.with([]), families.cpu_usage.with([]));
        Self { memory, cpu, memory_bytes, cpu_percent }
    }
}

impl HealthProvider for ProcessLimits {
    fn check(&self) -> Result<HealthReport, HealthError> {
        let (memory, cpu) = (self.memory.value(), self.cpu.value());
        // A process that runs has memory; a gauge that nobody has set says 0, which is not healthy.
        if memory.is_nan() || memory <= 0.0 {
            return Err(
                "memory and CPU were not sampled yet: start the reporter, which samples them"
                    .into(),
            );
        }
        let mut share: f64 = 0.0;
        for (what, used, limit) in
            [("memory", memory, self.memory_bytes), ("CPU", cpu, self.cpu_percent)]
        {
            if limit.is_nan() || limit <= 0.0 {
                return Err(format!("the limit of {what} is {limit}: give one above zero").into());
            }
            share = share.max(used / limit);
        }
        let status = match share {
            share if share > 1.5 => HealthStatus::Unhealthy,
            share if share > 1.0 => HealthStatus::Degraded,
            _ => HealthStatus::Healthy,
        };
        let message = format!("{memory:.0} bytes of memory, {cpu:.0} % CPU");
        Ok(HealthReport::new(status, message))
    }
}
