//! Derives for the labels of a metric: `LabelSet` for structs, `LabelValue` for enums.
//! Upstream: the program's types. Downstream: the label traits of `tmc-engine`, which re-exports
//! both derives beside them; nobody needs to depend on this crate.
//!
//! ```
//! use tmc_engine::{LabelSet, LabelValue, Registry};
//!
//! #[derive(Clone, Copy, LabelValue)]
//! enum Method {
//!     Get,
//!     Post,
//!     #[label(rename = "other")]
//!     Unknown,
//! }
//!
//! #[derive(LabelSet)]
//! struct Request<'a> {
//!     method: Method,
//!     #[label(rename = "code")]
//!     status: u16,
//!     route: &'a str,
//! }
//!
//! let registry = Registry::new();
//! let requests = registry.counter_family_of::<Request<'_>>("requests_total", "Requests served")?;
//! requests.at(Request { method: Method::Post, status: 201, route: "/users" }).inc();
//!
//! let snapshot = registry.snapshot();
//! let family = snapshot.family("requests_total").ok_or("registered above")?;
//! let series = family.get(&["post", "201", "/users"]).ok_or("recorded above")?;
//! assert_eq!(series.value().as_f64(), 1.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | key of `#[label(..)]` | on | does |
//! |---|---|---|
//! | `rename = ".."` | a field, a variant | gives the label's name, the value's text |
//! | `flatten` | a field | puts the labels of a set in the field's place |
//! | `rename_all = ".."` | an enum | spells the values in another case than `snake_case` |
//! | `crate = ".."` | a struct, an enum | says where the traits are, if not in `::tmc_engine` |
//!
//! What cannot work is refused when the program is built, at the place that has to change: names
//! that the exposition formats do not allow or reserve, names and values that occur twice, enums
//! that hold data. One thing is left to registration: a name that a flattened set repeats.
//!
//! What these derives generate neither allocates nor locks. Where all fields are enums or booleans,
//! each combination of values has a number, and a look-up indexes an array without reading a text.

#![forbid(unsafe_code)]

mod attribute;
mod case;
mod name;
mod set;
mod value;

use proc_macro::TokenStream;
use proc_macro2::Span;
use syn::{DeriveInput, Path, parse_macro_input};

/// Derives `Key`, `LabelTexts` and `LabelSet` for a struct with named fields: each field is a
/// label, in their order, and its type a `LabelValue`.
///
/// The struct may have lifetimes, but no type parameters. A field's name is the label's unless
/// `#[label(rename = "..")]` gives another; `#[label(flatten)]` puts the labels of a field that is
/// itself a `LabelSet` in the field's place.
///
/// Fails to compile where a label's name is none that the exposition formats allow, is reserved
/// (`le`, `quantile`, leading underscores), or is there twice.
#[proc_macro_derive(LabelSet, attributes(label))]
pub fn label_set(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    set::expand(&input).unwrap_or_else(|fault| fault.into_compile_error()).into()
}

/// Derives `LabelValue` for an enum whose variants hold nothing.
///
/// A value's text is the variant's name in snake case (`CrudOp` is `crud_op`), or in the case that
/// `#[label(rename_all = "..")]` on the enum names: `snake_case`, `kebab-case`, `lowercase`,
/// `UPPERCASE`, `SCREAMING_SNAKE_CASE`, `PascalCase` or `camelCase`. `#[label(rename = "..")]` on a
/// variant gives any other text.
///
/// Fails to compile where two variants have the same text, or one holds data.
#[proc_macro_derive(LabelValue, attributes(label))]
pub fn label_value(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    value::expand(&input).unwrap_or_else(|fault| fault.into_compile_error()).into()
}

/// What is wrong with an input: all of it, so that one build shows all there is to change.
#[derive(Default)]
struct Faults(Option<syn::Error>);

impl Faults {
    fn add(&mut self, fault: syn::Error) {
        match &mut self.0 {
            Some(faults) => faults.combine(fault),
            None => self.0 = Some(fault),
        }
    }

    fn at(&mut self, span: Span, message: impl std::fmt::Display) {
        self.add(syn::Error::new(span, message));
    }

    fn check(self) -> syn::Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

/// Where the traits are unless `#[label(crate = "..")]` says otherwise.
fn engine() -> Path {
    syn::parse_quote!(::tmc_engine)
}
