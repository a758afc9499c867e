//! An axum application that serves its metrics beside its own routes.
//!
//! ```text
//! cargo run -p tmc-exposition --features tower --example axum
//! ```

use std::io::Write;

use axum::Router;
use axum::routing::get;
use tmc_engine::{RegisterError, Registry};
use tmc_exposition::Responder;
use tmc_exposition::tower::MetricsService;
use tokio::net::TcpListener;

/// The application: a page of its own, and the metrics of `responder`'s registry.
pub(crate) fn app(responder: Responder) -> Result<Router, RegisterError> {
    let visits = responder.registry().counter("visits_total", "Visits of the front page")?;
    let front_page = move || async move {
        visits.inc();
        "hello\n"
    };
    let metrics = MetricsService::new(responder);
    Ok(Router::new()
        .route("/", get(front_page))
        .route_service("/metrics", metrics.clone())
        .route_service("/healthz", metrics.clone())
        // Everything that the responder serves, for those inside.
        .nest_service("/internal", metrics))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = app(Responder::new(Registry::new()))?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "http://{}/metrics", listener.local_addr()?)?;
    Ok(axum::serve(listener, app).await?)
}
