//! Keeps the policy up to date: a thread looks once a second whether a file has changed.
//!
//! Upstream: the files. Downstream: `event_loop`, which takes the policy of the moment for each new
//! connection and each request, and never waits for a file.

use std::fs;
use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use super::{Policy, WebConfig, WebConfigError};

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(1);
/// How long the end waits for a look that a file system holds up.
const GRACE: Duration = Duration::from_secs(1);

/// Where a configuration comes from.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// It was built in code; the files that it names may change.
    Code(Box<WebConfig>),
    /// It is a file, which may change too.
    File(PathBuf),
}

impl Origin {
    fn config(&self) -> Result<WebConfig, WebConfigError> {
        match self {
            Self::Code(config) => Ok((**config).clone()),
            Self::File(path) => WebConfig::from_file(path),
        }
    }

    fn file(&self) -> Option<&Path> {
        match self {
            Self::Code(_) => None,
            Self::File(path) => Some(path),
        }
    }
}

/// The policy of the moment. Dropping it ends the thread that keeps it up to date.
#[derive(Debug, Default)]
pub(crate) struct Policies {
    current: Arc<Current>,
    /// Ends with its owner.
    _watch: Option<Watch>,
}

/// Held for the time of a copy or a swap of the pointer.
type Current = Mutex<Arc<Policy>>;

impl Policies {
    /// Reads `origin` and watches it from then on.
    pub(crate) fn new(origin: Origin) -> Result<Self, WebConfigError> {
        let mut loader = Loader::new(origin)?;
        let current = Arc::clone(&loader.current);
        let watch = Watch::start(move || loader.look()).map_err(|error| {
            WebConfigError::refused(&format!("no thread can be started to watch it: {error}"))
        })?;
        Ok(Self { current, _watch: Some(watch) })
    }

    /// What holds now. Locks for a moment, allocates nothing.
    pub(crate) fn current(&self) -> Arc<Policy> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
impl Policies {
    /// Puts `policy` in the place of what holds, as a reload does.
    pub(crate) fn replace(&self, policy: Policy) {
        *self.current.lock().unwrap() = Arc::new(policy);
    }
}

/// What tells one state of a file from another; none if the file cannot be seen.
type Stamp = Option<(SystemTime, u64, (u64, i64, i64))>;

fn stamp(path: &Path) -> Stamp {
    let found = fs::metadata(path).ok()?;
    Some((found.modified().ok()?, found.len(), identity(&found)))
}

/// A file renamed over another may have its time and length, but not its inode and change time.
#[cfg(unix)]
fn identity(found: &fs::Metadata) -> (u64, i64, i64) {
    use std::os::unix::fs::MetadataExt;
    (found.ino(), found.ctime(), found.ctime_nsec())
}

#[cfg(not(unix))]
fn identity(_: &fs::Metadata) -> (u64, i64, i64) {
    (0, 0, 0)
}

/// Reads the configuration again when it should.
#[derive(Debug)]
struct Loader {
    origin: Origin,
    current: Arc<Current>,
    /// The files as they were before they were read the last time.
    seen: Vec<(PathBuf, Stamp)>,
    /// Why what was read then is not in use. It is read again each time, for the reason may pass
    /// without a change of the files: no descriptors, a file system that was away.
    failed: Option<String>,
}

impl Loader {
    fn new(origin: Origin) -> Result<Self, WebConfigError> {
        let mut this = Self { origin, current: Arc::default(), seen: Vec::new(), failed: None };
        let policy = this.load()?;
        this.swap(policy);
        Ok(this)
    }

    /// Looks at the files and, if one has changed, puts the new policy in the place of the old one.
    /// If the new one is broken the log says why and the old one stays.
    fn look(&mut self) {
        let unchanged = self.seen.iter().all(|(path, seen)| stamp(path) == *seen);
        if unchanged && self.failed.is_none() {
            return;
        }
        let former = Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner));
        let loaded = self.load().and_then(|policy| {
            policy.succeeds(&former).map_err(|error| match self.origin.file() {
                Some(file) => error.in_file(file),
                None => error,
            })?;
            Ok(policy)
        });
        match loaded {
            Ok(policy) => {
                self.failed = None;
                self.swap(policy);
                log::info!("the metrics server uses its changed web configuration");
            }
            Err(error) => {
                let why = error.to_string();
                // Once for each change and each reason.
                if !unchanged || self.failed.as_ref() != Some(&why) {
                    log::error!(
                        "the metrics server goes on with its former web configuration: {why}"
                    );
                }
                self.failed = Some(why);
            }
        }
    }

    fn load(&mut self) -> Result<Policy, WebConfigError> {
        // Stamps first: what changes while it is read is read again.
        let file = self.origin.file().map(|file| (file.to_owned(), stamp(file)));
        let named =
            |path: &PathBuf| (!path.as_os_str().is_empty()).then(|| (path.clone(), stamp(path)));
        let config = self.origin.config();
        if let Ok(config) = &config {
            let tls = &config.tls_server_config;
            let files = [&tls.cert_file, &tls.key_file, &tls.client_ca_file];
            self.seen = file.into_iter().chain(files.into_iter().filter_map(named)).collect();
        } else if let (Some(file), Some(seen)) = (file, self.seen.first_mut()) {
            // What a broken file names is unknown: the rest stays to be watched as it was.
            *seen = file;
        }
        let within = |error: WebConfigError| match self.origin.file() {
            Some(file) => error.in_file(file),
            None => error,
        };
        Policy::new(&config?).map_err(within)
    }

    fn swap(&self, policy: Policy) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let former = mem::replace(&mut *current, Arc::new(policy));
        drop(current);
        // Outside of the lock, for it may be the last one and have much to free.
        drop(former);
    }
}

/// The thread that looks.
#[derive(Debug)]
struct Watch {
    shared: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Debug, Default)]
struct State {
    /// The thread is to end.
    stopped: bool,
    /// It has.
    ended: bool,
}

impl Watch {
    fn start(mut look: impl FnMut() + Send + 'static) -> io::Result<Self> {
        let shared = Arc::<(Mutex<State>, Condvar)>::default();
        let ending = Ending(Arc::clone(&shared));
        let work = move || {
            let (state, changed) = &*ending.0;
            let lock = || state.lock().unwrap_or_else(PoisonError::into_inner);
            while !lock().stopped {
                look();
                let waited = changed.wait_timeout_while(lock(), PERIOD, |state| !state.stopped);
                drop(waited);
            }
            // Before it says that it has ended.
            drop(look);
        };
        thread::Builder::new().name("tmc-http-config".to_owned()).spawn(work)?;
        Ok(Self { shared })
    }
}

/// Says that the thread has ended, also where it panicked.
struct Ending(Arc<(Mutex<State>, Condvar)>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
        self.0.1.notify_all();
    }
}

impl Drop for Watch {
    /// Not joined: a file system that hangs may hang for ever.
    fn drop(&mut self) {
        let (state, changed) = &*self.shared;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.stopped = true;
        changed.notify_all();
        let waited = changed.wait_timeout_while(state, GRACE, |state| !state.ended);
        if waited.unwrap_or_else(PoisonError::into_inner).1.timed_out() {
            log::warn!(
                "the metrics server ends, but leaves a thread behind: a file of its web \
                 configuration cannot be read for now"
            );
        }
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
