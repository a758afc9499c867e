//! Turns readings into metrics. A family is registered when its first value is known, so that
//! what the platform cannot give is absent from a scrape.
//!
//! Upstream: sampler, with one reading at a time. Downstream: the registry.

use std::time::{Duration, Instant};

use tmc_engine::{FloatCounter, Gauge, RegisterError, Registry};

use crate::FIRST_CPU_WINDOW;
use crate::names::{self, FamilySpec};
use crate::process::Reading;

/// A gauge that is registered with its first value.
struct LateGauge {
    spec: FamilySpec,
    gauge: Option<Gauge>,
}

impl LateGauge {
    fn new(spec: FamilySpec) -> Self {
        Self { spec, gauge: None }
    }

    fn set(&mut self, registry: &Registry, value: Option<f64>) -> Result<(), RegisterError> {
        let Some(value) = value.filter(|v| v.is_finite()) else { return Ok(()) };
        let gauge = match &mut self.gauge {
            Some(gauge) => gauge,
            empty => empty.insert(registry.gauge(self.spec.name, self.spec.help)?),
        };
        gauge.set(value);
        Ok(())
    }
}

/// The families of one sampler, each with the handle it has so far.
pub(crate) struct Feed {
    registry: Registry,
    goroutines: LateGauge,
    memory_usage: LateGauge,
    cpu_usage: LateGauge,
    cpu_seconds: Option<FloatCounter>,
    resident: LateGauge,
    virtual_memory: LateGauge,
    open_fds: LateGauge,
    max_fds: LateGauge,
    start_time: LateGauge,
    threads: LateGauge,
    /// When CPU time was last taken as the begin of a window, and how much it was.
    window: Option<(Instant, f64)>,
}

impl Feed {
    pub(crate) fn new(registry: Registry) -> Self {
        Self {
            registry,
            goroutines: LateGauge::new(names::GOROUTINES),
            memory_usage: LateGauge::new(names::MEMORY_USAGE),
            cpu_usage: LateGauge::new(names::CPU_USAGE),
            cpu_seconds: None,
            resident: LateGauge::new(names::PROCESS_RESIDENT_MEMORY),
            virtual_memory: LateGauge::new(names::PROCESS_VIRTUAL_MEMORY),
            open_fds: LateGauge::new(names::PROCESS_OPEN_FDS),
            max_fds: LateGauge::new(names::PROCESS_MAX_FDS),
            start_time: LateGauge::new(names::PROCESS_START_TIME),
            threads: LateGauge::new(names::PROCESS_THREADS),
            window: None,
        }
    }

    /// Feeds what was read at `at`. Every family is tried; the first refusal is returned.
    pub(crate) fn accept(&mut self, at: Instant, reading: &Reading) -> Result<(), RegisterError> {
        let registry = &self.registry;
        let resident = reading.resident_bytes.map(|v| v as f64);
        let cpu = reading.cpu_seconds.filter(|s| s.is_finite() && *s >= 0.0);
        let percent = cpu.and_then(|seconds| percent(&mut self.window, at, seconds));
        let refusals = [
            self.memory_usage.set(registry, resident),
            self.resident.set(registry, resident),
            self.virtual_memory.set(registry, reading.virtual_bytes.map(|v| v as f64)),
            self.open_fds.set(registry, reading.open_fds.map(|v| v as f64)),
            self.max_fds.set(registry, reading.max_fds.map(|v| v as f64)),
            self.threads.set(registry, reading.threads.map(|v| v as f64)),
            self.start_time.set(registry, reading.start_time_seconds),
            self.cpu_usage.set(registry, percent),
            raise(&mut self.cpu_seconds, registry, cpu),
        ];
        refusals.into_iter().find(Result::is_err).unwrap_or(Ok(()))
    }

    /// Feeds the number of live tasks.
    pub(crate) fn tasks(&mut self, tasks: Option<u64>) -> Result<(), RegisterError> {
        self.goroutines.set(&self.registry, tasks.map(|v| v as f64))
    }
}

/// Raises the counter to `seconds`. The counter itself is the mark that it is raised from, not a
/// memory of ours: a sampler that is started again, or a second one on the same registry, adds
/// only what is missing, and CPU time that goes back adds nothing.
fn raise(
    counter: &mut Option<FloatCounter>,
    registry: &Registry,
    seconds: Option<f64>,
) -> Result<(), RegisterError> {
    let Some(seconds) = seconds else { return Ok(()) };
    let spec = names::PROCESS_CPU_SECONDS;
    let counter = match counter {
        Some(counter) => counter,
        empty => empty.insert(registry.float_counter(spec.name, spec.help)?),
    };
    let missing = seconds - counter.value();
    if missing > 0.0 {
        counter.inc_by(missing);
    }
    Ok(())
}

/// CPU between the begin of the window and now, 100 for one core, and opens the next window.
/// `None` for a first reading, for CPU time that went back (which starts a new window), and for
/// a window too short for the system's clock tick (which then goes on).
fn percent(window: &mut Option<(Instant, f64)>, at: Instant, seconds: f64) -> Option<f64> {
    let Some((since, before)) = *window else {
        *window = Some((at, seconds));
        return None;
    };
    let wall = at.saturating_duration_since(since);
    if seconds >= before && wall < shortest_window() {
        return None;
    }
    *window = Some((at, seconds));
    (seconds >= before).then(|| (seconds - before) / wall.as_secs_f64() * 100.0)
}

/// A timer may fire a hair early; nine tenths of the window still hold enough clock ticks.
fn shortest_window() -> Duration {
    FIRST_CPU_WINDOW * 9 / 10
}
