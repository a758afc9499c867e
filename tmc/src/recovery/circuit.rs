//! The circuit's states and what moves it between them; knows no lock and runs nothing.
//! Upstream: `breaker`, which locks it. Downstream: `Recovery`.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, Instant};

use super::guard::Recovery;
use crate::collector::MetricsCollector;
use crate::error::ErrorType;

/// The value of the label `strategy`.
const STRATEGY: &str = "circuit-breaker";

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

    pub(super) fn state(&self) -> CircuitState {
        match self.phase {
            Phase::Closed { .. } => CircuitState::Closed,
            Phase::Open { since } if self.left_since(since).is_some() => CircuitState::Open,
            Phase::Open { .. } | Phase::HalfOpen { .. } => CircuitState::HalfOpen,
        }
    }

    /// Lets a call in, or says after what time to ask again.
    pub(super) fn enter(&mut self) -> Result<Epoch, Duration> {
        if let Phase::Open { since } = self.phase {
            if let Some(left) = self.left_since(since) {
                return Err(left);
            }
            self.change(Phase::HalfOpen { running: 0, succeeded: 0, last_let_in: since });
        }
        if let Phase::HalfOpen { running, succeeded, last_let_in } = self.phase {
            let mut running = running;
            if running + succeeded >= self.settings.probes {
                if let Some(left) = self.left_since(last_let_in) {
                    return Err(left);
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

    /// What a call that was let in came to. One of an earlier epoch says nothing of now.
    pub(super) fn leave(&mut self, epoch: Epoch, verdict: Verdict) {
        if epoch != self.epoch {
            return;
        }
        match (&mut self.phase, verdict) {
            (Phase::Closed { failures }, Verdict::Works) => *failures = 0,
            (Phase::Closed { failures }, Verdict::Fails(error_type)) => {
                *failures += 1;
                if *failures >= self.settings.failure_threshold {
                    self.open(error_type);
                }
            }
            (Phase::HalfOpen { running, succeeded, .. }, Verdict::Works) => {
                *running -= 1;
                *succeeded += 1;
                if *succeeded == self.settings.probes {
                    self.change(Phase::Closed { failures: 0 });
                    if let Some(recovery) = self.recovery.take() {
                        recovery.success();
                    }
                }
            }
            (Phase::HalfOpen { .. }, Verdict::Fails(error_type)) => self.open(error_type),
            (Phase::HalfOpen { running, .. }, Verdict::Unknown) => *running -= 1,
            // Nothing was let in while it was open, so no call has its epoch.
            (Phase::Closed { .. }, Verdict::Unknown) | (Phase::Open { .. }, _) => {}
        }
    }

    fn open(&mut self, error_type: ErrorType) {
        let since = self.collector.clock().now();
        self.change(Phase::Open { since });
        // The one that has just failed ends before the next begins.
        self.recovery = None;
        let component = self.component.clone();
        self.recovery = Some(Recovery::begin(&self.collector, error_type, STRATEGY, component));
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
