//! Functions under `#[instrumented]`: what each call counts, and that they stay what they were.

mod common;
mod tracked;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Waker};

use common::assert_line;
use tmc_metrics::{Classify, ErrorType, MetricsCollector, TmcError, instrumented};
use tracked::{Bench, block_on, sync_error, total, work};

#[instrumented(
    collector = bench.collector,
    component_type = "Syncer",
    component_id = "s1",
    operation = "op"
)]
fn converts(bench: &Bench, text: &str) -> Result<u32, Box<dyn std::error::Error + Send + Sync>> {
    bench.advance(10);
    if text == "refused" {
        return Err(sync_error().into());
    }
    Ok(text.parse::<u32>()?)
}

#[test]
fn a_result_decides() {
    type Case = (&'static str, &'static str, &'static [(&'static str, &'static str)]);
    let cases: [Case; 3] = [
        ("7", "success", &[]),
        ("refused", "error", &[("SyncFailure", "High")]),
        ("x", "error", &[("InternalError", "Critical")]),
    ];
    for (text, status, errors) in cases {
        let bench = Bench::new();
        assert_eq!(converts(&bench, text).is_ok(), status == "success");
        bench.assert_ended(status, errors, Some(0.01));
    }
}

#[instrumented(collector = bench.collector, component_type = "Syncer", component_id = "s1", operation = "op")]
fn plain(bench: &Bench, fails: bool) -> u32 {
    assert!(!fails, "as it was told");
    7
}

#[test]
fn anything_else_is_a_success_unless_it_panics() {
    let bench = Bench::new();
    assert_eq!(plain(&bench, false), 7);
    bench.assert_ended("success", &[], Some(0.0));
    let bench = Bench::new();
    assert!(catch_unwind(AssertUnwindSafe(|| plain(&bench, true))).is_err());
    bench.assert_ended("cancelled", &[], None);
}

#[instrumented(collector = bench.collector, component_type = "Syncer", component_id = "s1", operation = "op")]
async fn waits(bench: &Bench, result: Result<u32, TmcError>) -> Result<u32, TmcError> {
    work(bench, 2).await;
    Ok(result? + 1)
}

#[test]
fn an_async_function_is_tracked_from_its_first_poll() {
    let bench = Bench::new();
    let future = waits(&bench, Ok(1));
    bench.advance(1_000);
    assert_eq!(block_on(future).unwrap(), 2);
    bench.assert_ended("success", &[], Some(0.2));
    let bench = Bench::new();
    assert!(block_on(waits(&bench, Err(sync_error()))).is_err());
    bench.assert_ended("error", &[("SyncFailure", "High")], Some(0.2));
}

#[test]
fn an_async_function_that_is_dropped_midway_is_cancelled() {
    let bench = Bench::new();
    let mut future = Box::pin(waits(&bench, Ok(1)));
    assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(future);
    bench.assert_ended("cancelled", &[], None);
    let bench = Bench::new();
    drop(waits(&bench, Ok(1)));
    assert_eq!(total(&bench.registry.snapshot(), "tmc_component_operations_total"), 0.0);
}

#[async_trait::async_trait]
trait Reconciler {
    async fn reconcile(
        &mut self,
        name: &str,
        result: Result<u32, TmcError>,
    ) -> Result<u32, TmcError>;
}

struct Reconciled<'a>(&'a Bench, Vec<String>);

#[async_trait::async_trait]
impl Reconciler for Reconciled<'_> {
    #[instrumented(collector = self.0.collector, component_type = "Syncer", component_id = "s1", operation = "op")]
    async fn reconcile(
        &mut self,
        name: &str,
        result: Result<u32, TmcError>,
    ) -> Result<u32, TmcError> {
        self.1.push(name.to_owned());
        work(self.0, 2).await;
        if name.is_empty() {
            return Err(sync_error());
        }
        Ok(result? + 1)
    }
}

#[test]
fn a_boxed_future_is_tracked_from_its_first_poll_to_its_end() {
    let cases = [
        ("web", Ok(1), "success", None),
        ("", Ok(1), "error", Some(("SyncFailure", "High"))),
        ("web", Err(sync_error()), "error", Some(("SyncFailure", "High"))),
    ];
    for (name, given, status, error) in cases {
        let bench = Bench::new();
        let mut reconciler: Box<dyn Reconciler + Send> = Box::new(Reconciled(&bench, Vec::new()));
        let future = reconciler.reconcile(name, given);
        bench.advance(1_000);
        assert_eq!(block_on(future).is_ok(), status == "success");
        bench.assert_ended(status, error.as_slice(), Some(0.2));
    }
    let bench = Bench::new();
    let mut reconciler = Reconciled(&bench, Vec::new());
    let mut future = reconciler.reconcile("web", Ok(1));
    assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(future);
    bench.assert_ended("cancelled", &[], None);
}

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

#[instrumented(collector = bench.collector, component_type = "Syncer", component_id = "s1", operation = "op")]
fn boxed(bench: &Bench, steps: u32) -> BoxFuture<'_, u32> {
    if steps == 0 {
        return Box::pin(std::future::ready(0));
    }
    Box::pin(async move {
        work(bench, steps).await;
        steps
    })
}

#[test]
fn so_is_a_boxed_future_by_its_usual_name() {
    for steps in [0, 2] {
        let bench = Bench::new();
        assert_eq!(block_on(boxed(&bench, steps)), steps);
        bench.assert_ended("success", &[], Some(f64::from(steps) / 10.0));
    }
}

#[instrumented(collector = bench.collector.clone(), component_type = "Syncer", component_id = "s1", operation = "op")]
fn never_returns(bench: &Bench) -> ! {
    bench.advance(10);
    panic!("as it was told")
}

#[test]
fn a_function_that_never_returns_can_only_be_cancelled() {
    let bench = Bench::new();
    assert!(catch_unwind(AssertUnwindSafe(|| -> () { never_returns(&bench) })).is_err());
    bench.assert_ended("cancelled", &[], None);
}

#[instrumented(collector = collector, component_type = "Syncer", component_id = "s1", operation = "op")]
fn gives_away(collector: MetricsCollector) -> MetricsCollector {
    collector
}

#[instrumented(collector = collectors.0, component_type = "Syncer", component_id = "s1", operation = "op")]
fn takes_away(
    collectors: &mut (MetricsCollector, u32),
    other: MetricsCollector,
) -> MetricsCollector {
    std::mem::replace(&mut collectors.0, other)
}

#[instrumented(collector = bench.collector, component_type = "Syncer", component_id = "s1", operation = "op")]
fn takes_apart((bench, other): (&mut Bench, MetricsCollector)) -> MetricsCollector {
    std::mem::replace(&mut bench.collector, other)
}

#[instrumented(collector = bench.collector, component_type = "Syncer", component_id = "s1", operation = "op")]
fn looks_elsewhere<'a>(mut bench: &'a Bench, other: &'a Bench) -> &'a Bench {
    if bench.registry.snapshot().families().next().is_some() {
        bench = other;
    }
    bench
}

#[test]
fn the_body_may_do_with_the_collector_what_it_likes() {
    let (mut bench, other) = (Bench::new(), Bench::new());
    drop(gives_away(bench.collector.clone()));
    bench.assert_ended("success", &[], Some(0.0));
    let bench_again = Bench::new();
    drop(takes_away(&mut (bench_again.collector.clone(), 7), other.collector.clone()));
    bench_again.assert_ended("success", &[], Some(0.0));
    bench = Bench::new();
    drop(takes_apart((&mut bench, other.collector.clone())));
    bench.assert_ended("success", &[], Some(0.0));
    let bench = Bench::new();
    looks_elsewhere(&bench, &other);
    bench.assert_ended("success", &[], Some(0.0));
    assert_eq!(total(&other.registry.snapshot(), "tmc_component_operations_total"), 0.0);
}

type Synced<T> = io::Result<T>;

/// Names that the attribute's own must not meet, borrowed results, generics, a method that changes.
struct Syncer {
    id: String,
    collector: MetricsCollector,
    synced: Vec<String>,
}

impl Syncer {
    #[instrumented(collector = self.collector, component_type = "Syncer", component_id = self.id.clone())]
    fn r#sync<'a, T>(&'a mut self, tracker: T) -> Synced<&'a mut String>
    where
        T: Into<String>,
    {
        let result = tracker.into();
        self.synced.push(result);
        self.synced.last_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    #[instrumented(collector = &self.collector, component_type = "Syncer", component_id = &self.id)]
    fn names(&self) -> impl Iterator<Item = &str> {
        self.synced.iter().map(String::as_str)
    }

    #[instrumented(collector = &self.collector, component_type = "Syncer", component_id = &self.id)]
    fn fails<E: Classify>(&self, error: E) -> Result<(), E> {
        Err(error)
    }
}

#[test]
fn methods_stay_what_they_were_and_count_under_their_names() {
    let bench = Bench::new();
    let collector = bench.collector.clone();
    let mut syncer = Syncer { id: "s1".to_owned(), collector, synced: Vec::new() };
    syncer.sync("web").unwrap().push('!');
    assert_eq!(syncer.names().collect::<Vec<_>>(), ["web!"]);
    assert!(syncer.fails(ErrorType::PlacementCapacity).is_err());
    let snapshot = bench.registry.snapshot();
    for (operation, status) in [("sync", "success"), ("names", "success"), ("fails", "error")] {
        let line = format!(
            r#"tmc_component_operations_total{{component_type="Syncer", component_id="s1", operation="{operation}", status="{status}"}} 1"#
        );
        assert_line(&snapshot, &line);
    }
}
