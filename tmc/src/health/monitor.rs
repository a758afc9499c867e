//! Asks providers how their components do, again and again, and records what they say.
//! Upstream: the application's start and stop. Downstream: the board, which decides; the collector.
//!
//! What runs behind it is in `crew`.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::bounded;

use super::board::{CheckCounts, Pace};
use super::crew::{Asked, Loop, Shared, lock};
use super::provider::{ComponentInfo, HealthProvider};
use super::{ComponentHealth, OverallHealth};
use crate::collector::MetricsCollector;

/// How often, and how patiently, a [`HealthMonitor`] asks.
#[derive(Clone, Debug)]
#[must_use = "a monitor comes of it only by `build`"]
pub struct HealthMonitorBuilder {
    collector: MetricsCollector,
    pace: Pace,
    threads: usize,
}

/// Longer than any process lives, and short enough to reckon with.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

impl HealthMonitorBuilder {
    /// From one check of a component to the next; 30 s unless set, and a millisecond at least.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.pace.interval = interval;
        self
    }

    /// How long after its registration a component is checked first, because it needs some time to have
    /// something to say; at once unless set. It is unknown until then.
    pub fn initial_delay(mut self, delay: Duration) -> Self {
        self.pace.initial_delay = delay;
        self
    }

    /// How long a check is waited for; 10 s unless set. After it, the check counts as an error, and its
    /// component is unhealthy.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.pace.timeout = timeout;
        self
    }

    /// A check that took longer than this is no better than degraded; 2 minutes unless set. It has an effect
    /// below the timeout only.
    pub fn degraded_after(mut self, took: Duration) -> Self {
        self.pace.degraded_after = took;
        self
    }

    /// A check that took longer than this is unhealthy; 5 minutes unless set. It has an effect below the
    /// timeout only.
    pub fn unhealthy_after(mut self, took: Duration) -> Self {
        self.pace.unhealthy_after = took;
        self
    }

    /// No more threads for checks than so many; 512 unless set, and one at least. They come when checks
    /// wait and go when they have nothing to do. Each check that hangs occupies one; where all hang, the
    /// other checks wait, and time out.
    pub fn threads(mut self, most: usize) -> Self {
        self.threads = most;
        self
    }

    /// A monitor that does not run yet.
    #[must_use]
    pub fn build(self) -> HealthMonitor {
        let mut pace = self.pace;
        pace.interval = pace.interval.clamp(Duration::from_millis(1), LONGEST);
        pace.timeout = pace.timeout.min(LONGEST);
        pace.initial_delay = pace.initial_delay.min(LONGEST);
        HealthMonitor(Arc::new(Handle(Shared::new(self.collector, pace, self.threads.max(1)))))
    }
}

/// Checks the health of components again and again. A clone is the same monitor.
///
/// ```
/// use tmc_metrics::{
///     ComponentInfo, HealthMonitor, HealthReport, HealthStatus, MetricsCollector, Registry,
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let monitor = HealthMonitor::builder(&MetricsCollector::new(&Registry::new())?).build();
/// let syncer = ComponentInfo::new("SyncTargetController", "syncer-1").cluster("prod-cluster");
/// let registration =
///     monitor.register(syncer, || Ok(HealthReport::new(HealthStatus::Healthy, "in step")));
/// assert_eq!(monitor.overall().status, HealthStatus::Unknown);
///
/// monitor.start()?;
/// assert_eq!(monitor.check_now().message, "All 1 components healthy");
/// monitor.stop();
/// # drop(registration);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct HealthMonitor(Arc<Handle>);

/// Stops it when the last one is gone.
struct Handle(Arc<Shared>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl HealthMonitor {
    /// One that records into `collector`, by its clock.
    pub fn builder(collector: &MetricsCollector) -> HealthMonitorBuilder {
        let pace = Pace {
            interval: Duration::from_secs(30),
            initial_delay: Duration::ZERO,
            timeout: Duration::from_secs(10),
            degraded_after: Duration::from_secs(120),
            unhealthy_after: Duration::from_secs(300),
        };
        HealthMonitorBuilder { collector: collector.clone(), pace, threads: 512 }
    }

    /// Asks `provider` how the component does, until the registration is dropped. Its first check is due at
    /// once, or after the [initial delay](HealthMonitorBuilder::initial_delay); before it, the component is
    /// unknown. Several components of one type live side by side.
    pub fn register(
        &self,
        component: ComponentInfo,
        provider: impl HealthProvider + 'static,
    ) -> HealthRegistration {
        self.register_shared(component, Arc::new(provider))
    }

    /// The same for a provider that others hold, too.
    pub fn register_shared(
        &self,
        component: ComponentInfo,
        provider: Arc<dyn HealthProvider>,
    ) -> HealthRegistration {
        self.add(component, Asked::Blocking(provider))
    }

    /// The same for a check that is a future. It runs on the runtime of `handle`, and is dropped when it
    /// takes too long.
    #[cfg(feature = "tokio")]
    pub fn register_async<F>(
        &self,
        component: ComponentInfo,
        handle: &tokio::runtime::Handle,
        check: impl Fn() -> F + Send + Sync + 'static,
    ) -> HealthRegistration
    where
        F: Future<Output = Result<super::HealthReport, super::HealthError>> + Send + 'static,
    {
        let handle = handle.clone();
        let check = Arc::new(check);
        let begin = move || {
            let check = Arc::clone(&check);
            // Called on the runtime, too: what is the user's may panic or block, and we hold a lock.
            (handle.clone(), handle.spawn(async move { check().await }))
        };
        self.add(component, Asked::Async(Arc::new(begin)))
    }

    fn add(&self, component: ComponentInfo, asked: Asked) -> HealthRegistration {
        let shared = Arc::clone(&self.0.0);
        let id = shared.add(component, asked);
        HealthRegistration { shared, id }
    }

    /// Starts to check. Does nothing if it runs already.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn start(&self) -> io::Result<()> {
        let shared = &self.0.0;
        let _transition = lock(&shared.transition);
        if self.is_running() {
            return Ok(());
        }
        let ((stop, stopped), (poke, poked)) = (bounded(0), bounded(1));
        let running = Arc::clone(shared);
        // Held until the loop is known: what a check says before that would not count.
        let mut state = shared.lock();
        let thread = thread::Builder::new()
            .name("tmc-health".to_owned())
            .spawn(move || running.run(&stopped, &poked))?;
        state.running = Some(Loop { thread, stop, poke });
        Ok(())
    }

    /// Stops checking, and waits for no check: those that run are left to themselves, and what they say
    /// does not count. What is known stays. `start` may follow.
    pub fn stop(&self) {
        self.0.0.stop();
    }

    /// Whether it checks.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.0.0.lock().running.is_some()
    }

    /// Checks every component now and waits until all have answered or timed out. Gives what is known
    /// at once where the monitor does not run.
    pub fn check_now(&self) -> OverallHealth {
        self.0.0.check_now()
    }

    /// All components, taken together.
    #[must_use]
    pub fn overall(&self) -> OverallHealth {
        self.0.0.lock().board.overall()
    }

    /// The components of one cluster, taken together.
    #[must_use]
    pub fn cluster(&self, cluster: &str) -> OverallHealth {
        self.0.0.lock().board.of_cluster(cluster, None)
    }

    /// How many checks there were, and how they ended.
    #[must_use]
    pub fn checks(&self) -> CheckCounts {
        self.0.0.lock().board.counts()
    }

    /// Every component, in the order in which they were registered.
    #[must_use]
    pub fn components(&self) -> Vec<ComponentHealth> {
        let state = self.0.0.lock();
        state.board.each().map(|(info, report)| ComponentHealth::new(info, report)).collect()
    }

    /// All of it at one moment: the whole, the checks, how many components there are, and how many of
    /// them answered when last asked.
    pub(crate) fn at_once(&self) -> (OverallHealth, CheckCounts, (u64, u64)) {
        let state = self.0.0.lock();
        (state.board.overall(), state.board.counts(), state.board.registered())
    }
}

impl fmt::Debug for HealthMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthMonitor").field("overall", &self.overall()).finish_non_exhaustive()
    }
}

/// A component is checked until this is dropped; then its series of health goes.
#[must_use = "a registration that is dropped ends the checks"]
pub struct HealthRegistration {
    shared: Arc<Shared>,
    id: u64,
}

impl HealthRegistration {
    /// How the component does, and why.
    #[must_use]
    pub fn status(&self) -> (super::HealthStatus, String) {
        let state = self.shared.lock();
        let known = state.board.of(self.id).map(|report| (report.status, report.message.clone()));
        known.unwrap_or((super::HealthStatus::Unknown, String::new()))
    }
}

impl Drop for HealthRegistration {
    fn drop(&mut self) {
        self.shared.remove(self.id);
    }
}

impl fmt::Debug for HealthRegistration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HealthRegistration").field(&self.status()).finish()
    }
}
