//! The keys of `#[instrumented(..)]` and their values.
//! Upstream: the attribute. Downstream: function.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Expr, Ident, Path, Token};

const KEYS: &str = "`collector`, `component_type`, `component_id`, `operation` and `crate`";

/// What the attribute says.
pub(crate) struct Arguments {
    pub(crate) collector: Expr,
    pub(crate) component_type: Expr,
    pub(crate) component_id: Expr,
    /// The function's name unless given.
    pub(crate) operation: Option<Expr>,
    /// Where `tmc_metrics` is.
    pub(crate) home: Path,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let [mut collector, mut component_type, mut component_id, mut operation] =
            [const { None }; 4];
        let mut home = None;
        while !input.is_empty() {
            let key = input.call(Ident::parse_any).map_err(|fault| {
                syn::Error::new(fault.span(), format!("write `key = value`; the keys are {KEYS}"))
            })?;
            let name = key.to_string();
            let place = match &*name {
                "collector" => Some(&mut collector),
                "component_type" => Some(&mut component_type),
                "component_id" => Some(&mut component_id),
                "operation" => Some(&mut operation),
                "crate" => None,
                _ => {
                    let message = format!("no such key: there are {KEYS}");
                    return Err(syn::Error::new(key.span(), message));
                }
            };
            input.parse::<Token![=]>().map_err(|_| {
                syn::Error::new(key.span(), format!("`{name}` needs a value: `{name} = ..`"))
            })?;
            let twice = match place {
                Some(place) => place.replace(input.parse()?).is_some(),
                None => home.replace(input.call(Path::parse_mod_style)?).is_some(),
            };
            if twice {
                let message = format!("`{name}` is there twice: remove one");
                return Err(syn::Error::new(key.span(), message));
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(Self {
            collector: required(collector, "collector = self.collector")?,
            component_type: required(component_type, "component_type = \"SyncTargetController\"")?,
            component_id: required(component_id, "component_id = &self.id")?,
            operation,
            home: home.unwrap_or_else(|| syn::parse_quote!(::tmc_metrics)),
        })
    }
}

fn required(value: Option<Expr>, example: &str) -> syn::Result<Expr> {
    let message = || format!("a key is missing: add one such as `{example}`");
    value.ok_or_else(|| syn::Error::new(Span::call_site(), message()))
}
