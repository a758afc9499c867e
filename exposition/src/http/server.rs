//! The server as the application sees it: built, asked for its address, shut down.
//!
//! Upstream: the application. Downstream: `event_loop`, on a thread of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle, ThreadId};

use mio::Waker;
use tmc_engine::Registry;

use super::event_loop::EventLoop;
use super::guard::Security;
use super::listener::{Address, Listener};
use super::meter::Meter;
use super::web_config::{Origin, Policies};
use super::{Limits, ServeError, WebConfig};
use crate::respond::{Page, Readiness, Request, Responder, RouteError};

/// Where a server listens unless told otherwise: port 8080, this machine only.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:8080";

/// What a server will be. Nothing happens before [`start`](Self::start), which also reports what
/// any of the other calls was given wrongly.
#[derive(Debug)]
#[must_use = "a server runs from start() on"]
pub struct ServerBuilder {
    responder: Responder,
    addresses: Vec<String>,
    limits: Limits,
    own_metrics: bool,
    web: Option<Origin>,
    open_probes: bool,
    refused: Option<RouteError>,
}

impl ServerBuilder {
    /// Listens on `HOST:PORT`, where port 0 takes any free port, or on the Unix socket `unix:PATH`.
    /// Default [`DEFAULT_ADDRESS`].
    ///
    /// The socket's file is removed when the server is shut down, and so is `PATH.lock` beside it, which
    /// keeps two processes from taking the same path. What a process left behind that has gone is
    /// replaced; a file that is no socket never. Who may connect is decided by the directory's
    /// permissions and by the file's, which the umask leaves.
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.addresses = vec![address.into()];
        self
    }

    /// Listens on one more address.
    pub fn also_listen(mut self, address: impl Into<String>) -> Self {
        self.addresses.push(address.into());
        self
    }

    /// Whether the registry gets the server's own metrics, whose names begin with `tmc_http_`: answers, scrapes,
    /// bytes, durations, connections. Default true.
    pub fn own_metrics(mut self, on: bool) -> Self {
        self.own_metrics = on;
        self
    }

    /// Adds `_created` samples to OpenMetrics: see [`Responder::created_samples`]. Default false.
    pub fn created_samples(mut self, on: bool) -> Self {
        self.responder.created_samples(on);
        self
    }

    /// Moves the metrics away from `/metrics`.
    pub fn metrics_path(mut self, path: &str) -> Self {
        let result = self.responder.metrics_path(path);
        self.note(result);
        self
    }

    /// Holds clients to `limits`.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Takes TLS, users, tokens and headers from `path`, a file of the format that the Prometheus
    /// exporters share: see [`WebConfig`]. They hold for all paths and all addresses.
    ///
    /// About a second after the file or one that it names has changed, the new state holds for new
    /// connections and new requests; if it is broken, the log says why and the old state stays. Neither
    /// TLS nor the check of client certificates nor all authentication can be switched off that way.
    pub fn web_config_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.web = Some(Origin::File(path.into()));
        self
    }

    /// The same, built in code. The files that it names are watched too.
    pub fn web_config(mut self, config: WebConfig) -> Self {
        self.web = Some(Origin::Code(Box::new(config)));
        self
    }

    /// Whether `/healthz` and `/readyz` are answered to everybody, also where the rest needs a
    /// password or a token: who probes for an orchestrator has none. TLS with its client certificates
    /// holds for them too. Default false.
    pub fn open_probes(mut self, open: bool) -> Self {
        self.open_probes = open;
        self
    }

    /// Sets what `/readyz` asks, each time. It runs on a thread of its own, once at a time: while it
    /// hangs, `/readyz` answers 503 after [`Limits::scrape_time`], and all else is served as ever.
    pub fn readiness(mut self, check: impl Fn() -> Readiness + Send + Sync + 'static) -> Self {
        self.responder.readiness(check);
        self
    }

    /// Adds a page. Handlers run one at a time, on a thread for pages: one that takes long keeps other
    /// pages waiting, but neither scrapes nor probes.
    pub fn route(
        mut self,
        path: &str,
        handler: impl Fn(&Request<'_>) -> Page + Send + Sync + 'static,
    ) -> Self {
        let result = self.responder.route(path, handler);
        self.note(result);
        self
    }

    /// Listens, and serves from then on.
    ///
    /// # Errors
    /// When the address is invalid, in use or not ours; when a limit, a route or the web configuration is
    /// invalid; when
    /// the system has no more descriptors or threads.
    pub fn start(self) -> Result<Server, ServeError> {
        if let Some(refused) = self.refused {
            return Err(refused.into());
        }
        let limits = self.limits.checked()?;
        let policies = self.web.map(Policies::new).transpose()?.unwrap_or_default();
        let security = Security { policies, open_probes: self.open_probes };
        let bound = self.addresses.iter().map(|address| Listener::bind(address));
        let (listeners, addresses): (Vec<_>, Vec<_>) =
            bound.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        let registry = self.responder.registry();
        let meter = if self.own_metrics { Meter::new(registry) } else { Meter::default() };
        let stop = Arc::new(OnceLock::new());
        let (event_loop, waker) =
            EventLoop::new(listeners, self.responder, limits, meter, security, Arc::clone(&stop))
                .map_err(ServeError::Setup)?;
        let mut runs_on = event_loop.start_lanes().map_err(ServeError::Setup)?;
        let thread = thread::Builder::new()
            .name("tmc-http".to_owned())
            .spawn(move || {
                // Unwinding ends the loop and drops all of it; nobody sees a half-changed state.
                if catch_unwind(AssertUnwindSafe(|| event_loop.run())).is_err() {
                    log::error!("the metrics server panicked and has ended");
                }
            })
            .map_err(ServeError::Setup)?;
        addresses.iter().for_each(|address| log::info!("serving metrics at {address}"));
        runs_on.push(thread.thread().id());
        Ok(Server { addresses, waker, stop, runs_on, thread: Mutex::new(Some(thread)) })
    }

    fn note(&mut self, result: Result<(), RouteError>) {
        self.refused = self.refused.take().or(result.err());
    }
}

/// A running server. Dropping it shuts it down.
#[derive(Debug)]
pub struct Server {
    /// One at least.
    addresses: Vec<Address>,
    waker: Arc<Waker>,
    /// Filled once, to say that the loop must end.
    stop: Arc<OnceLock<()>>,
    /// The threads of the event loop, of scrapes, of pages and of the readiness check.
    runs_on: Vec<ThreadId>,
    /// Taken by the first who waits for it.
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Server {
    /// A server for `registry`.
    pub fn builder(registry: Registry) -> ServerBuilder {
        ServerBuilder {
            responder: Responder::new(registry),
            addresses: vec![DEFAULT_ADDRESS.to_owned()],
            limits: Limits::default(),
            own_metrics: true,
            web: None,
            open_probes: false,
            refused: None,
        }
    }

    /// Where it listens on TCP, with the port that it really has: the first such address. A server that
    /// listens on Unix sockets only has none: then it is `0.0.0.0:0`, to which nobody can connect.
    pub fn local_addr(&self) -> SocketAddr {
        let first = self.addresses.iter().find_map(|address| match address {
            Address::Tcp(address) => Some(*address),
            Address::Unix(_) => None,
        });
        first.unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))
    }

    /// Everywhere it listens, in the order in which it was told.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// Stops to accept, lets the answers on their way finish within `Limits::shutdown_time`, closes
    /// every connection and waits for the threads to end. Doing it twice does nothing more.
    ///
    /// A collector, a handler or a readiness check that hangs for longer than that is left behind with
    /// its thread, which ends when it returns; and so is, a second later, the thread that watches the
    /// files of the web configuration, where a file system hangs. From a handler, a collector or the readiness check, which run on the
    /// server's threads, it does not wait.
    pub fn shutdown(&self) {
        let _ = self.stop.set(());
        if let Err(error) = self.waker.wake() {
            log::error!("cannot wake the metrics server to end it: {error}");
            return;
        }
        // Before the lock, which somebody may hold who waits for this very thread.
        if self.runs_on.contains(&thread::current().id()) {
            return;
        }
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            // The thread catches its own panics and has logged them.
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown();
    }
}
