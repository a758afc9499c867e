//! An HTTP/1.1 server for scrapes: one event loop over mio, on one thread of its own, beside one each for
//! scrapes, pages and the readiness check.
//!
//! It serves GET and HEAD with keep-alive and pipelining, and holds every client to [`Limits`].
//! Whatever a client does or however many there are, the process around it goes on: no client can
//! make it hang, panic, or hold more memory than the limits say.
//!
//! Upstream: the application, through [`ServerBuilder`]. Downstream: `respond`.

mod accept;
mod auth;
mod connection;
mod context;
mod date;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod door;
mod error;
mod event_loop;
mod guard;
mod job;
mod limits;
mod listener;
mod meter;
#[cfg(test)]
#[path = "../../tests/common/pki.rs"]
mod pki;
mod pool;
mod request;
mod response;
mod room;
mod sending;
mod server;
mod stream;
mod tls;
#[cfg(unix)]
mod unix_socket;
mod web_config;
mod worker;

pub use error::ServeError;
pub use limits::{Limits, MAX_HEADERS};
pub use listener::Address;
pub use server::{DEFAULT_ADDRESS, Server, ServerBuilder};
pub use web_config::{
    ClientAuth, HttpServerConfig, Secret, TlsServerConfig, TlsVersion, WebConfig, WebConfigError,
};
