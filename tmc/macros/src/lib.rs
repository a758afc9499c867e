//! The attribute `#[instrumented(..)]`: each call of a function is a tracked operation.
//! Upstream: the program's functions. Downstream: the operation tracker of `tmc-metrics`, which
//! re-exports the attribute; nobody needs to depend on this crate.

#![forbid(unsafe_code)]

mod arguments;
mod function;

use proc_macro::TokenStream;
use syn::parse_macro_input;

/// Tracks each call of a function as an operation of a component.
///
/// ```
/// use std::io;
/// use tmc_metrics::{MetricsCollector, Registry, instrumented};
///
/// struct Syncer {
///     id: String,
///     collector: MetricsCollector,
/// }
///
/// impl Syncer {
///     #[instrumented(
///         collector = self.collector,
///         component_type = "SyncTargetController",
///         component_id = &self.id,
///     )]
///     async fn sync_deployment(&self, name: &str) -> Result<usize, io::Error> {
///         if name.is_empty() {
///             return Err(io::ErrorKind::InvalidInput.into());
///         }
///         Ok(name.len())
///     }
/// }
///
/// # fn ready<F: Future>(future: F) -> F::Output {
/// #     let mut context = std::task::Context::from_waker(std::task::Waker::noop());
/// #     match std::pin::pin!(future).poll(&mut context) {
/// #         std::task::Poll::Ready(output) => output,
/// #         std::task::Poll::Pending => unreachable!(),
/// #     }
/// # }
/// let registry = Registry::new();
/// let collector = MetricsCollector::new(&registry)?;
/// let syncer = Syncer { id: "syncer-1".to_owned(), collector };
/// assert_eq!(ready(syncer.sync_deployment("web")).ok(), Some(3));
///
/// let snapshot = registry.snapshot();
/// let family = snapshot.family("tmc_component_operations_total").ok_or("recorded above")?;
/// let labels = ["SyncTargetController", "syncer-1", "sync_deployment", "success"];
/// assert_eq!(family.get(&labels).ok_or("recorded above")?.value().as_f64(), 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// | key | value |
/// |---|---|
/// | `collector` | a `MetricsCollector`, or a reference to one |
/// | `component_type`, `component_id` | texts: whatever an operation tracker takes |
/// | `operation` | a text; the function's name unless given |
/// | `crate` | where `tmc_metrics` is, if not at `::tmc_metrics` |
///
/// Values are expressions over the function's arguments, evaluated when it begins. What they borrow
/// is borrowed until the function ends; where the body changes or gives away the same, give a
/// copy: `component_id = self.id.clone()`. The collector alone is cloned by itself where it comes from a
/// parameter that the body may change or give away: `&mut self`, `self`, or any other that is no shared
/// reference. That writes a count which threads share; where many call the same, let it come from `&self`,
/// from a parameter of type `&T`, or from a static.
///
/// A function that returns a `Result`, under whatever name, ends with `success` or with `error`, and
/// its error has to be `Classify`. One that returns anything else, a type parameter too, ends with
/// `success`. A panic, and a future that is dropped after its first poll, is `cancelled`. No call
/// ends with `timeout`: an error that is a time-out is an `error` of that type. Costs what an
/// operation tracker costs; where that is too much, keep an `Operation` and call its `run` or
/// `track`.
///
/// An `async fn` begins with its first poll, and so does a function that returns a boxed future
/// (`Pin<Box<dyn Future<..>>>`, `BoxFuture`, `LocalBoxFuture`): its whole body runs with the first
/// poll, in one box more. So the attribute works on the methods of an `#[async_trait]`.
///
/// Fails to compile on a `const fn`, on a function without a body, and on one that returns any
/// other future, such as `impl Future`: that would be tracked in the making only.
#[proc_macro_attribute]
pub fn instrumented(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let arguments = parse_macro_input!(arguments as arguments::Arguments);
    function::expand(arguments, item.into())
        .unwrap_or_else(|fault| fault.into_compile_error())
        .into()
}
