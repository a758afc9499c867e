//! `tmc-metrics demo`: mirrors manifests to a few clusters for real, and serves metrics of it.
//! Upstream: `main`. Downstream: the modules below; this one makes directories and threads.
//!
//! ```text
//! source tree ─► source ─► schedule, migrate ─► reconcile ─► queue ─► worker ─► door ─► clusters
//!                              ▲ placement         ▲                     │ outcomes
//!                              └── health ─────────┴─────────────────────┘
//! ```
//! One thread, the mirror's, believes and decides; workers write; everything is written through
//! one door, which may fail on purpose and keeps a journal.

mod aggregate;
mod components;
mod crew;
mod door;
mod drama;
mod error;
mod faults;
mod health;
mod journal;
mod manifest;
mod migrate;
mod mirror;
mod options;
mod placement;
mod publish;
mod queue;
mod reconcile;
mod sample;
mod schedule;
mod serve;
mod source;
mod state;
mod status;
mod summary;
#[cfg(test)]
mod tests;
mod worker;

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, after, bounded, never, select, tick, unbounded};
use tempfile::TempDir;
use tmc_metrics::{HealthMonitor, MetricsCollector, MetricsConfig, MetricsReporter};

pub(crate) use error::DemoError;
pub(crate) use options::Options;

use components::Components;
use crew::Crew;
use door::{Door, Root};
use drama::Drama;
use journal::Journal;
use mirror::{Mirror, Parts};
use status::Shared;
use summary::Progress;
use worker::Worker;

/// Objects that fit into a cluster when a user's own source is mirrored.
const CAPACITY: u64 = 1000;
/// How often the process is sampled.
const SAMPLE: Duration = Duration::from_secs(5);
/// How often each component is asked how it does.
const CHECK: Duration = Duration::from_millis(500);
/// When it is asked first: the mirror's first round has ended by then.
const FIRST_CHECK: Duration = Duration::from_secs(1);
/// How long it is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the progress line is written.
const PROGRESS: Duration = Duration::from_millis(500);

/// The directories of a run; temporary ones are removed when this is dropped.
struct Directories {
    source: PathBuf,
    clusters: Arc<[Root]>,
    views: Root,
    is_sample: bool,
    temporary: Option<TempDir>,
}

/// Runs the demo until Ctrl-C, SIGTERM, or the end of `--duration`.
pub(crate) fn run(options: &Options) -> Result<(), DemoError> {
    options.check()?;
    let (interrupt, interrupted) = bounded(1);
    ctrlc::set_handler(move || {
        // Full: it was pressed before, and that is enough.
        let _ = interrupt.try_send(());
    })?;

    let config = MetricsConfig {
        listen_address: options.listen.ip(),
        prometheus_port: options.listen.port(),
        collection_interval: SAMPLE,
        ..MetricsConfig::default()
    };
    let collector = MetricsCollector::new(&config.build_registry()?)?;
    let monitor = HealthMonitor::builder(&collector).interval(CHECK).timeout(PATIENCE);
    let monitor = monitor.initial_delay(FIRST_CHECK).build();
    let components = Components::new(&options.cluster_names());
    let mut registrations = components.register(&monitor);
    let status = Shared::default();
    let reporter = MetricsReporter::new(collector.clone(), config).health(monitor.clone());
    let reporter = serve::routes(reporter, &status);
    // Before anything is made on disk: a port in use is found here.
    let address = serve::start(&reporter, options.listen)?;
    registrations.push(serve::register(&collector, &monitor, address));
    let journal = options.journal.as_ref().map(|path| {
        let open = |error| DemoError::Journal { path: path.clone(), error };
        Journal::open(path).map_err(open)
    });
    let door = Arc::new(Door::new(options.fault_rate, journal.transpose()?));
    let directories = Directories::make(options)?;
    unless_closed(announce(&directories, &format!("http://{address}/metrics")))?;

    let started = Instant::now();
    let stage = Stage { options, directories: &directories, collector: &collector, door, status };
    let result = stage.play(components, &interrupted, started);
    let health = monitor.check_now();
    reporter.stop();
    drop(registrations);
    result?;
    let mut stdout = io::stdout().lock();
    let status = stage.status.get();
    unless_closed(summary::write(&mut stdout, &collector, &status, &health, started.elapsed()))?;
    directories.remove()
}

/// That nobody reads on is no failure: they have read what they wanted.
fn unless_closed(written: io::Result<()>) -> Result<(), DemoError> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(DemoError::Output(error)),
        _ => Ok(()),
    }
}

/// Says where everything is. The first line is for programs that wait for it.
fn announce(directories: &Directories, url: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "serving {url}")?;
    writeln!(stdout, "source  {}", directories.source.display())?;
    for root in directories.clusters.iter().chain([&directories.views]) {
        writeln!(stdout, "target  {}", root.dir.display())?;
    }
    stdout.flush()
}

impl Directories {
    fn make(options: &Options) -> Result<Self, DemoError> {
        let needs_temporary = options.source.is_none() || options.targets.is_none();
        let temporary = needs_temporary
            .then(|| tempfile::Builder::new().prefix("tmc-demo-").tempdir())
            .transpose()
            .map_err(DemoError::Temporary)?;
        let within = |given: &Option<PathBuf>, name: &str| match (given, &temporary) {
            (Some(path), _) => path.clone(),
            (None, Some(temporary)) => temporary.path().join(name),
            (None, None) => PathBuf::from(name),
        };
        let source = within(&options.source, "source");
        let targets = within(&options.targets, "targets");
        let is_sample = options.source.is_none();
        if is_sample {
            sample::unpack(&source).map_err(DemoError::Temporary)?;
        }
        let root = |name: String| Root { dir: targets.join(&name), name };
        let clusters: Arc<[Root]> = options.cluster_names().into_iter().map(root).collect();
        let views = root("views".to_owned());
        for root in clusters.iter().chain([&views]) {
            std::fs::create_dir_all(&root.dir)
                .map_err(|error| DemoError::Targets { path: root.dir.clone(), error })?;
        }
        Ok(Self { source, clusters, views, is_sample, temporary })
    }

    /// Removes the temporary ones now, to be able to say if that fails.
    fn remove(self) -> Result<(), DemoError> {
        self.temporary.map_or(Ok(()), TempDir::close).map_err(DemoError::Temporary)
    }
}

/// What all threads share.
struct Stage<'a> {
    options: &'a Options,
    directories: &'a Directories,
    collector: &'a MetricsCollector,
    door: Arc<Door>,
    status: Shared,
}

impl Stage<'_> {
    /// Starts every thread, waits for the end, and stops them in order: first who changes things,
    /// then who writes, then the mirror, which takes in the last outcomes.
    fn play(
        &self,
        components: Components,
        interrupted: &Receiver<()>,
        started: Instant,
    ) -> Result<(), DemoError> {
        let clusters = &self.directories.clusters;
        let names: Vec<String> = clusters.iter().map(|root| root.name.clone()).collect();
        let (queues, intake) = queue::queues(self.collector, &names);
        let (done, outcomes) = unbounded();
        // Never sent on: that it is closed is the message.
        let (stop, stopped) = bounded::<()>(0);
        let default_capacity = if self.directories.is_sample { sample::CAPACITY } else { CAPACITY };
        let mirror = Mirror::new(
            Parts {
                collector: self.collector.clone(),
                door: self.door.clone(),
                source: self.directories.source.clone(),
                clusters: clusters.clone(),
                views: self.directories.views.clone(),
                capacity: self.options.capacity.map_or(default_capacity, |given| given.get()),
                status: self.status.clone(),
                components,
                queues,
            },
            started,
        );
        thread::scope(|scope| {
            let mut crew = Crew::new(scope);
            let start = || {
                for _ in 0..self.options.workers.get() {
                    let (collector, door) = (self.collector.clone(), self.door.clone());
                    let worker = Worker { collector, door, clusters: clusters.clone() };
                    let (intake, done, stopped) = (intake.clone(), done.clone(), stopped.clone());
                    crew.spawn("worker", move || worker.run(&intake, &done, &stopped))?;
                }
                if self.directories.is_sample {
                    let dirs = clusters.iter().map(|root| root.dir.clone()).collect();
                    let drama = Drama::new(self.directories.source.clone(), dirs);
                    let stopping = stopped.clone();
                    crew.spawn("drama", move || drama.run(&stopping))?;
                }
                let (outcomes, stopping) = (outcomes.clone(), stopped.clone());
                crew.spawn("mirror", move || mirror.run(&outcomes, &stopping))
            };
            let result = start();
            // The mirror ends when the last worker has dropped its end.
            drop((done, intake));
            if result.is_ok() {
                self.wait(interrupted);
            }
            drop(stop);
            result.and(crew.join())
        })
    }

    /// Waits for Ctrl-C or the end of the duration, and shows progress meanwhile.
    fn wait(&self, interrupted: &Receiver<()>) {
        let end = self.options.duration.map_or_else(never, after);
        let mut progress = Progress::new();
        let ticks = if progress.is_shown() { tick(PROGRESS) } else { never() };
        loop {
            select! {
                recv(interrupted) -> _ => break,
                recv(end) -> _ => break,
                recv(ticks) -> _ => progress.show(self.collector, &self.status.get()),
            }
        }
        progress.clear();
    }
}
