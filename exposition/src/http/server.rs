//! The server as the application sees it: built, asked for its address, shut down.
//!
//! Upstream: the application. Downstream: `event_loop`, on a thread of its own.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle, ThreadId};

use mio::Waker;
use mio::net::TcpListener;
use tmc_engine::Registry;

use super::event_loop::EventLoop;
use super::{Limits, ServeError};
use crate::respond::{Page, Readiness, Request, Responder, RouteError};

/// Where a server listens unless told otherwise: port 8080, this machine only.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:8080";

/// What a server will be. Nothing happens before [`start`](Self::start), which also reports what
/// any of the other calls was given wrongly.
#[derive(Debug)]
#[must_use = "a server runs from start() on"]
pub struct ServerBuilder {
    responder: Responder,
    address: String,
    limits: Limits,
    refused: Option<RouteError>,
}

impl ServerBuilder {
    /// Listens on `HOST:PORT`; port 0 takes any free port. Default [`DEFAULT_ADDRESS`].
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.address = address.into();
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

    /// Sets what `/readyz` asks, each time; it runs on the server's thread and should be quick.
    pub fn readiness(mut self, check: impl Fn() -> Readiness + Send + Sync + 'static) -> Self {
        self.responder.readiness(check);
        self
    }

    /// Adds a page; its handler runs on the server's thread and should be quick.
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
    /// When the address is invalid, in use or not ours; when a limit or a route is invalid; when
    /// the system has no more descriptors or threads.
    pub fn start(self) -> Result<Server, ServeError> {
        if let Some(refused) = self.refused {
            return Err(refused.into());
        }
        let limits = self.limits.checked()?;
        let (listener, address) = bind(&self.address)?;
        let stop = Arc::new(OnceLock::new());
        let (event_loop, waker) =
            EventLoop::new(listener, self.responder, limits, Arc::clone(&stop))
                .map_err(ServeError::Setup)?;
        let thread = thread::Builder::new()
            .name("tmc-http".to_owned())
            .spawn(move || {
                // Unwinding ends the loop and drops all of it; nobody sees a half-changed state.
                if catch_unwind(AssertUnwindSafe(|| event_loop.run())).is_err() {
                    log::error!("the metrics server at {address} panicked and has ended");
                }
            })
            .map_err(ServeError::Setup)?;
        log::info!("serving metrics at {address}");
        let runs_on = thread.thread().id();
        Ok(Server { address, waker, stop, runs_on, thread: Mutex::new(Some(thread)) })
    }

    fn note(&mut self, result: Result<(), RouteError>) {
        self.refused = self.refused.take().or(result.err());
    }
}

/// A running server. Dropping it shuts it down.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    waker: Waker,
    /// Filled once, to say that the loop must end.
    stop: Arc<OnceLock<()>>,
    /// The event loop's thread.
    runs_on: ThreadId,
    /// Taken by the first who waits for it.
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Server {
    /// A server for `registry`.
    pub fn builder(registry: Registry) -> ServerBuilder {
        ServerBuilder {
            responder: Responder::new(registry),
            address: DEFAULT_ADDRESS.to_owned(),
            limits: Limits::default(),
            refused: None,
        }
    }

    /// Where it listens, with the port that it really has.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Stops to accept, lets the answers on their way finish within `Limits::shutdown_time`, closes
    /// every connection and waits for the thread to end. Doing it twice does nothing more.
    ///
    /// From a handler, which runs on that thread, it does not wait.
    pub fn shutdown(&self) {
        let _ = self.stop.set(());
        if let Err(error) = self.waker.wake() {
            log::error!("cannot wake the metrics server to end it: {error}");
            return;
        }
        // Before the lock, which somebody may hold who waits for this very thread.
        if self.runs_on == thread::current().id() {
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

/// Listens on the first address of `address` that can be listened on.
fn bind(address: &str) -> Result<(TcpListener, SocketAddr), ServeError> {
    let invalid =
        |reason: String| ServeError::InvalidAddress { address: address.to_owned(), reason };
    let candidates = address.to_socket_addrs().map_err(|error| invalid(error.to_string()))?;
    let mut failure = None;
    for candidate in candidates {
        let bound: io::Result<_> = TcpListener::bind(candidate)
            .and_then(|listener| listener.local_addr().map(|address| (listener, address)));
        match bound {
            Ok(bound) => return Ok(bound),
            Err(error) => failure = Some(ServeError::listen(candidate, error)),
        }
    }
    Err(failure.unwrap_or_else(|| invalid("the name has no address".to_owned())))
}
