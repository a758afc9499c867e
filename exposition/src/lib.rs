//! Serves the metrics of a [`tmc_engine::Registry`] to Prometheus and its relatives.
//!
//! Its parts, each usable without the ones after it:
//!
//! | part | job |
//! |---|---|
//! | [`encode`] | writes a snapshot as text, into memory that the caller owns |
//! | [`respond`] | answers a request (method and path) with a reply and a body; knows no socket |
//! | [`http`] | an HTTP/1.1 server on one thread of its own, over mio |
//! | `tower` | the same answers as a service for axum, hyper and other servers (feature `tower`) |
//!
//! ```
//! use std::io::{Read, Write};
//! use tmc_engine::Registry;
//! use tmc_exposition::Server;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let registry = Registry::new();
//! registry.counter("hits_total", "Hits since the start")?.inc();
//!
//! // Port 0 takes any free port.
//! let server = Server::builder(registry).listen("127.0.0.1:0").start()?;
//!
//! let mut client = std::net::TcpStream::connect(server.local_addr())?;
//! client.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
//! let mut answer = String::new();
//! client.read_to_string(&mut answer)?;
//! assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"));
//! assert!(answer.contains("hits_total 1"));
//!
//! server.shutdown();
//! # Ok(())
//! # }
//! ```
//!
//! Upstream: `tmc-engine`, of which only snapshots are read. Downstream: whoever scrapes.

mod body;
mod compress;
pub mod encode;
mod filter;
pub mod http;
mod negotiate;
pub mod respond;
mod scrape;
mod strip;
#[cfg(feature = "tower")]
pub mod tower;

pub use body::{Body, Position};
pub use encode::Encoder;
pub use filter::{FilterError, Names};
pub use http::{
    Address, ClientAuth, HttpServerConfig, Limits, Secret, ServeError, Server, ServerBuilder,
    TlsServerConfig, TlsVersion, WebConfig, WebConfigError,
};
pub use negotiate::{Coding, Exposition, Format, Preferences, Version};
pub use respond::{Page, Readiness, Reply, Request, Responder, RouteError};
pub use strip::Segment;
