//! Metrics on a port of their own, served by hyper on the application's runtime.
//!
//! ```text
//! cargo run -p tmc-exposition --features tower --example hyper
//! ```

use std::io::{self, Write};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tmc_engine::Registry;
use tmc_exposition::Responder;
use tmc_exposition::tower::MetricsService;
use tokio::net::TcpListener;

/// Answers whoever connects to `listener`.
pub(crate) async fn serve(listener: TcpListener, responder: Responder) -> io::Result<()> {
    let metrics = MetricsService::new(responder);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Most likely there are no descriptors left: they come back as clients go.
                log::warn!("cannot accept a client: {error}");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        let service = TowerToHyperService::new(metrics.clone());
        tokio::spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(10))
                .serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                log::debug!("a client was lost: {error}");
            }
        });
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registry = Registry::new();
    registry.counter("starts_total", "Starts of the process")?.inc();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(io::stdout(), "http://{}/metrics", listener.local_addr()?)?;
    Ok(serve(listener, Responder::new(registry)).await?)
}
