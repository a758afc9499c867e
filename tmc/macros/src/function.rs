//! Puts an operation tracker around a function's body.
//! Upstream: the function and the attribute's arguments. Downstream: the compiler.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Ident, ItemFn, ReturnType, Type, TypeParamBound};

use crate::arguments::Arguments;

pub(crate) fn expand(arguments: Arguments, item: TokenStream) -> syn::Result<TokenStream> {
    let mut function: ItemFn = syn::parse2(item.clone()).map_err(|_| {
        let message = "`#[instrumented]` stands on a function with a body: in an `impl` or a \
                       `trait`, put it on each function that is to be tracked";
        syn::Error::new(item.span(), message)
    })?;
    if let Some(keyword) = &function.sig.constness {
        let message = "a `const fn` cannot record: remove `const` or `#[instrumented]`";
        return Err(syn::Error::new(keyword.span(), message));
    }
    let output = output(&function.sig.output)?;
    let Arguments { collector, component_type, component_id, operation, home } = arguments;
    let operation = operation.map_or_else(
        || function.sig.ident.unraw().to_string().into_token_stream(), // `r#sync` is `sync`
        ToTokens::into_token_stream,
    );
    let body = &function.block;
    // `mixed_site`: the body sees neither of these names.
    let [tracker, result] = ["tracker", "result"].map(mixed);
    let collector = quote_spanned! {collector.span()=> {
        #[allow(clippy::needless_borrow, clippy::borrow_deref_ref)] // it may be a reference already
        let collector: &#home::MetricsCollector = &#collector;
        collector
    }};
    let call = if function.sig.asyncness.is_some() {
        quote!(#home::__private::future::<#output, _>(async #body).await)
    } else {
        quote!(#home::__private::call::<#output, _>(|| #body))
    };
    function.block = syn::parse_quote! {{
        let #tracker = #home::MetricsCollector::operation_tracker(
            #collector,
            #component_type,
            #component_id,
            #operation,
        );
        let #result = #call;
        {
            #[allow(unused_imports)]
            use #home::__private::Anything as _;
            #home::__private::Returned(&#result).conclude(#tracker);
        }
        #result
    }};
    Ok(function.into_token_stream())
}

fn mixed(name: &str) -> Ident {
    Ident::new(name, proc_macro2::Span::mixed_site())
}

/// The type that the body gives; `_` where it cannot be named.
fn output(output: &ReturnType) -> syn::Result<TokenStream> {
    let ReturnType::Type(_, output) = output else { return Ok(quote!(())) };
    if let Type::ImplTrait(opaque) = &**output {
        let future = opaque.bounds.iter().any(|bound| match bound {
            TypeParamBound::Trait(bound) => {
                bound.path.segments.last().is_some_and(|last| last.ident == "Future")
            }
            _ => false,
        });
        if future {
            let message = "the future that this function returns would not be tracked: write an \
                           `async fn`, or give the future to `Operation::track`";
            return Err(syn::Error::new(output.span(), message));
        }
    }
    let opaque = mentions_impl(output.to_token_stream()) || matches!(**output, Type::Never(_));
    Ok(if opaque { quote!(_) } else { output.to_token_stream() })
}

fn mentions_impl(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        proc_macro2::TokenTree::Ident(ident) => ident == "impl",
        proc_macro2::TokenTree::Group(group) => mentions_impl(group.stream()),
        _ => false,
    })
}
