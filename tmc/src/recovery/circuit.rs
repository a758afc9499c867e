//! The circuit's states and what moves it between them; knows no lock and runs nothing.
//! Upstream: `breaker`, which locks it. Downstream: `Recovery`.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, Instant};

use super::guard::Recovery;
use crate::collector::MetricsCollector;
use crate::error::ErrorType;

/// Where a circuit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CircuitState {
    /// Calls go through.
    Closed,
    /// Calls are refused.
    Open,
    /// Some calls go through, to see whether the other side is back.
    HalfOpen,
}

impl fmt::Display for CircuitState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        })
    }
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) failure_threshold: u32,
    pub(super) open_for: Duration,
    pub(super) probes: u32,
    pub(super) counts: fn(ErrorType) -> bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            failure_threshold: 5,
            open_for: Duration::from_secs(30),
            probes: 1,
            counts: other_side_failed,
        }
    }
}

fn other_side_failed(error_type: ErrorType) -> bool {
    !matches!(
        error_type,
        ErrorType::ResourceNotFound
            | ErrorType::ResourceConflict
            | ErrorType::ResourceValidation
            | ErrorType::ResourcePermission
            | ErrorType::PlacementConstraint
            | ErrorType::PlacementCapacity
            | ErrorType::PlacementPolicy
            | ErrorType::SyncConflict
            | ErrorType::AggregationConflict
            | ErrorType::ProjectionTransform
            | ErrorType::MigrationRollback
            | ErrorType::ConfigurationError
    )
}

/// What a call says of the other side.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verdict {
    Works,
    Fails(ErrorType),
    /// The call was given up, by a panic or by its caller.
    Unknown,
}

/// Why a call is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// When it is worth asking again, at the latest.
    pub(super) after: Duration,
    /// Probes are under way: it may be worth it much sooner.
    pub(super) probing: bool,
}

/// What a verdict has led to; to be counted where no lock is held.
#[derive(Debug)]
pub(super) enum Left {
    /// Nothing that is counted.
    Unchanged,
    /// Nothing yet: it opens the circuit when it comes again with a recovery.
    Opens,
    /// The circuit has opened; the recovery before has failed.
    Opened(Option<Recovery>),
    /// The circuit has closed; this recovery has succeeded.
    Closed(Option<Recovery>),
}

/// Which calls a verdict may come from: those let in since the circuit last changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Epoch(u64);

#[derive(Debug)]
enum Phase {
    /// Failures in a row.
    Closed {
        failures: u32,
    },
    Open {
        since: Instant,
    },
    /// `running + succeeded` is at most the number of probes, and `succeeded` below it.
    HalfOpen {
        running: u32,
        succeeded: u32,
        last_let_in: Instant,
    },
}

#[derive(Debug)]
pub(super) struct Circuit {
    collector: MetricsCollector,
    component: Cow<'static, str>,
    settings: Settings,
    phase: Phase,
    epoch: Epoch,
    /// Under way exactly while the circuit is not closed. Dropped with the circuit, it counts as failed.
    recovery: Option<Recovery>,
}

impl Circuit {
    pub(super) fn closed(
        collector: MetricsCollector,
        component: Cow<'static, str>,
        settings: Settings,
    ) -> Self {
        let phase = Phase::Closed { failures: 0 };
        Self { collector, component, settings, phase, epoch: Epoch(0), recovery: None }
    }

    pub(super) fn counts(&self) -> fn(ErrorType) -> bool {
        self.settings.counts
    }

    pub(super) fn component(&self) -> &Cow<'static, str> {
        &self.component
    }

    pub(super) fn collector(&self) -> &MetricsCollector {
        &self.collector
    }

    pub(super) fn state(&self) -> CircuitState {
        match self.phase {
            Phase::Closed { .. } => CircuitState::Closed,
            Phase::Open { since } if self.left_since(since).is_some() => CircuitState::Open,
            Phase::Open { .. } | Phase::HalfOpen { .. } => CircuitState::HalfOpen,
        }
    }

    /// Lets a call in, or says why not.
    pub(super) fn enter(&mut self) -> Result<Epoch, Refusal> {
        if let Phase::Open { since } = self.phase {
            if let Some(after) = self.left_since(since) {
                return Err(Refusal { after, probing: false });
            }
            self.change(Phase::HalfOpen { running: 0, succeeded: 0, last_let_in: since });
        }
        if let Phase::HalfOpen { running, succeeded, last_let_in } = self.phase {
            let mut running = running;
            if running + succeeded >= self.settings.probes {
                if let Some(after) = self.left_since(last_let_in) {
                    return Err(Refusal { after, probing: true });
                }
                // The probes hang. Others take their places, and their verdicts come too late.
                running = 0;
                self.epoch.0 += 1;
            }
            let last_let_in = self.collector.clock().now();
            self.phase = Phase::HalfOpen { running: running + 1, succeeded, last_let_in };
        }
        Ok(self.epoch)
    }

    /// What a call that was let in came to. One of an earlier epoch says nothing of now. A failure that
    /// would open the circuit does so with a recovery only, which is begun with it.
    pub(super) fn leave(
        &mut self,
        epoch: Epoch,
        verdict: Verdict,
        recovery: &mut Option<Recovery>,
    ) -> Left {
        if epoch != self.epoch {
            return Left::Unchanged;
        }
        match (&mut self.phase, verdict) {
            (Phase::Closed { failures }, Verdict::Works) => *failures = 0,
            (Phase::Closed { failures }, Verdict::Fails(_)) => {
                if *failures + 1 >= self.settings.failure_threshold {
                    return self.open(recovery);
                }
                *failures += 1;
            }
            (Phase::HalfOpen { running, succeeded, .. }, Verdict::Works) => {
                *running -= 1;
                *succeeded += 1;
                if *succeeded == self.settings.probes {
                    self.change(Phase::Closed { failures: 0 });
                    return Left::Closed(self.recovery.take());
                }
            }
            (Phase::HalfOpen { .. }, Verdict::Fails(_)) => return self.open(recovery),
            (Phase::HalfOpen { running, .. }, Verdict::Unknown) => *running -= 1,
            // Nothing was let in while it was open, so no call has its epoch.
            (Phase::Closed { .. }, Verdict::Unknown) | (Phase::Open { .. }, _) => {}
        }
        Left::Unchanged
    }

    fn open(&mut self, recovery: &mut Option<Recovery>) -> Left {
        let Some(mut recovery) = recovery.take() else { return Left::Opens };
        recovery.start();
        let since = self.collector.clock().now();
        self.change(Phase::Open { since });
        Left::Opened(self.recovery.replace(recovery))
    }

    fn change(&mut self, phase: Phase) {
        self.phase = phase;
        self.epoch.0 += 1;
    }

    /// What is left of `open_for` since then.
    fn left_since(&self, since: Instant) -> Option<Duration> {
        let left = self.settings.open_for.checked_sub(self.collector.clock().since(since))?;
        (!left.is_zero()).then_some(left)
    }
}
