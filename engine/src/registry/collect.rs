//! Collectors: code that brings metrics up to date when somebody looks.
//! Upstream: the program, and callbacks. Downstream: snapshot, which begins once they have run.

use super::{Inner, Names, Registry, Request};
use crate::record::Counter;
use crate::snapshot::{Publisher, next_id};
use crate::sync::{Arc, AtomicBool, AtomicUsize, Mutex, Ordering::Relaxed};
use std::any::Any;
use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::{OnceLock, Weak};

const PANICS: (&str, &str) =
    ("tmc_engine_collector_panics_total", "Runs of collectors and callbacks that panicked");

thread_local! {
    /// The thread is in a run, of any registry.
    static COLLECTING: Cell<bool> = const { Cell::new(false) };
}

/// The collectors of a registry.
#[derive(Default)]
pub(super) struct Collectors {
    /// How many there are. Relaxed: whoever must know of one learns of it from who registered it.
    count: AtomicUsize,
    list: Mutex<List>,
    /// Who runs them, and who joins a run.
    runs: Publisher<()>,
    panics: OnceLock<Counter>,
}

#[derive(Default)]
struct List {
    /// In order of registration.
    by_number: BTreeMap<u64, Arc<Entry>>,
    /// The same for a run; empty after a change.
    all: Arc<[Arc<Entry>]>,
}

struct Entry {
    /// For the log.
    what: Box<str>,
    run: Box<dyn Fn(&Registry) + Send + Sync>,
    /// Whether the log knows that it panics.
    told: AtomicBool,
}

impl Collectors {
    fn change(&self, change: impl FnOnce(&mut BTreeMap<u64, Arc<Entry>>)) {
        let mut list = self.list.lock();
        let dropped_unlocked = std::mem::take(&mut list.all);
        change(&mut list.by_number);
        self.count.store(list.by_number.len(), Relaxed);
        drop(list);
        drop(dropped_unlocked); // perhaps with a collector, which may use the registry
    }

    fn add(&self, number: u64, entry: Entry) {
        self.change(|entries| drop(entries.insert(number, Arc::new(entry))));
    }

    fn remove(&self, number: u64) {
        let mut removed = None;
        self.change(|entries| removed = entries.remove(&number));
        drop(removed); // unlocked, too
    }

    fn all(&self) -> Arc<[Arc<Entry>]> {
        let mut list = self.list.lock();
        if list.all.is_empty() {
            list.all = list.by_number.values().map(Arc::clone).collect();
        }
        Arc::clone(&list.all)
    }

    fn run(&self, registry: &Registry) {
        let _collecting = Collecting::begin();
        for entry in self.all().iter() {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (entry.run)(registry))) {
                self.panicked(entry, panic);
            }
        }
    }

    #[cold]
    fn panicked(&self, entry: &Entry, panic: Box<dyn Any + Send>) {
        if let Some(panics) = self.panics.get() {
            panics.inc();
        }
        let said = message(panic);
        if !entry.told.swap(true, Relaxed) {
            log::error!("the {} panicked, and will only be counted again: {said}", entry.what);
        }
    }
}

/// The thread is in a run for as long as this lives.
struct Collecting;

impl Collecting {
    fn begin() -> Self {
        COLLECTING.set(true);
        Self
    }
}

impl Drop for Collecting {
    fn drop(&mut self) {
        COLLECTING.set(false);
    }
}

/// What a panic said.
fn message(panic: Box<dyn Any + Send>) -> Cow<'static, str> {
    let other = match panic.downcast::<String>() {
        Ok(text) => return (*text).into(),
        Err(other) => other,
    };
    match other.downcast::<&'static str>() {
        Ok(text) => (*text).into(),
        Err(other) => {
            std::mem::forget(other); // dropping what we know nothing of could panic, too
            "it did not say why".into()
        }
    }
}

impl Registry {
    /// Runs `collect` at the start of every snapshot, to bring metrics up to date that somebody else
    /// keeps: of a pool, a cache, the operating system.
    ///
    /// It may register, look up, record, remove, replace whole sets of series, and even take a
    /// snapshot, which then runs no collectors, of any registry. It holds up scrapes, so that it
    /// should be quick, and must not wait for a thread that takes a snapshot. Scrapes that come
    /// together share a run, but never one that began before they came. Should it panic, that is
    /// logged the first time, counted in `tmc_engine_collector_panics_total`, and harms nothing else.
    ///
    /// It gets the registry as an argument: a clone of the registry inside it would keep the registry
    /// from ever being dropped. Collectors run in the order of registration. Locks, allocates.
    ///
    /// ```
    /// let registry = tmc_engine::Registry::new();
    /// let sizes = registry.gauge_family("queue_length", "Waiting jobs", ["queue"])?;
    /// let collector = registry.register_collector(move |_| {
    ///     sizes.replace_all([(["mail"], 3.0), (["sms"], 0.0)]); // as the queues are now
    /// });
    /// let snapshot = registry.snapshot();
    /// assert_eq!(snapshot.family("queue_length").map(|f| f.series().count()), Some(2));
    /// collector.detach(); // or keep it for as long as the queues are there
    /// # Ok::<(), tmc_engine::RegisterError>(())
    /// ```
    #[track_caller]
    pub fn register_collector(
        &self,
        collect: impl Fn(&Registry) + Send + Sync + 'static,
    ) -> Collector {
        let what = format!("collector registered at {}", Location::caller());
        self.add_collector(what, Box::new(collect))
    }

    pub(super) fn add_collector(
        &self,
        what: String,
        run: Box<dyn Fn(&Registry) + Send + Sync>,
    ) -> Collector {
        let collectors = &self.0.collectors;
        if collectors.panics.get().is_none() {
            let family = self.family::<Counter, Names<0>>(&Request::own(PANICS, &[]));
            match family.and_then(|family| family.only()) {
                Ok(panics) => drop(collectors.panics.set(panics)), // or another thread was faster
                Err(error) => log::error!("panics of collectors are not counted: {error}"),
            }
        }
        let number = next_id();
        collectors.add(number, Entry { what: what.into(), run, told: AtomicBool::new(false) });
        Collector { registry: Arc::downgrade(&self.0), number }
    }

    /// Runs the collectors, unless this thread is running some already.
    #[inline]
    pub(super) fn collect(&self) {
        let collectors = &self.0.collectors;
        if collectors.count.load(Relaxed) > 0 && !COLLECTING.get() {
            collectors.runs.read(|(), ()| collectors.run(self));
        }
    }
}

/// Keeps a collector or a callback registered: dropping it unregisters, and takes a callback's
/// series away.
///
/// Dropping it does not wait for a run that is under way on another thread. It does not keep the
/// registry. Locks.
#[must_use = "dropping it unregisters the collector: keep it, or detach it"]
#[derive(Default)]
pub struct Collector {
    registry: Weak<Inner>,
    number: u64,
}

impl Collector {
    /// Leaves the collector registered for as long as the registry lives.
    pub fn detach(mut self) {
        self.registry = Weak::new();
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        if let Some(registry) = self.registry.upgrade() {
            registry.collectors.remove(self.number);
        }
    }
}

impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Collector").field(&self.number).finish()
    }
}
