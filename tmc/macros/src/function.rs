//! Puts an operation tracker around a function's body.
//! Upstream: the function and the attribute's arguments. Downstream: the compiler.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{GenericArgument, Ident, ItemFn, Path, PathArguments, ReturnType, Type, TypeParamBound};

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
    let home = arguments.home.clone();
    let begin = begin(arguments, &function.sig.ident);
    let verdict = verdict(&home, &function.sig.output);
    let body = &function.block;
    let tracked = match (&function.sig.output, function.sig.asyncness.is_some()) {
        // Nothing comes back: a panic, which drops the tracker, is the only end.
        (ReturnType::Type(_, output), _) if matches!(**output, Type::Never(_)) => {
            quote!({ #begin #body })
        }
        (output, true) => {
            let output = named(output);
            let result = quote!(#home::__private::future::<#output, _>(async #body).await);
            conclude(&begin, &result, &verdict)
        }
        (ReturnType::Type(_, output), false) if is_boxed_future(output) => {
            let result = quote!(#home::__private::call::<#output, _>(move || #body).await);
            let tracked = conclude(&begin, &result, &verdict);
            quote!({ ::std::boxed::Box::pin(async move #tracked) })
        }
        (output, false) => {
            let output = named(output);
            let result = quote!(#home::__private::call::<#output, _>(|| #body));
            conclude(&begin, &result, &verdict)
        }
    };
    function.block = syn::parse2(tracked)?;
    Ok(function.into_token_stream())
}

/// The statements that start the tracker.
fn begin(arguments: Arguments, function: &Ident) -> TokenStream {
    let Arguments { collector, component_type, component_id, operation, home } = arguments;
    let operation = operation.map_or_else(
        || function.unraw().to_string().into_token_stream(), // `r#sync` is `sync`
        ToTokens::into_token_stream,
    );
    let [tracker, source] = ["tracker", "collector"].map(mixed);
    // A statement of its own, so that a collector that the expression makes lives long enough.
    let collector = quote_spanned! {collector.span()=>
        #[allow(clippy::needless_borrow, clippy::borrow_deref_ref)] // it may be a reference already
        let #source: &#home::MetricsCollector = &#collector;
    };
    quote! {
        #collector
        let #tracker = #home::MetricsCollector::operation_tracker(
            #source,
            #component_type,
            #component_id,
            #operation,
        );
    }
}

/// A block that starts the tracker, takes the result and ends the tracker by it.
fn conclude(begin: &TokenStream, result: &TokenStream, verdict: &TokenStream) -> TokenStream {
    let outcome = mixed("outcome");
    quote! {{
        #begin
        let #outcome = #result;
        #verdict
        #outcome
    }}
}

/// The statement that ends the tracker. It stands where the returned type does, so that the compiler
/// points there when that cannot be tracked.
fn verdict(home: &Path, output: &ReturnType) -> TokenStream {
    let span = match output {
        ReturnType::Default => Span::mixed_site(),
        ReturnType::Type(_, output) => Span::mixed_site().located_at(output.span()),
    };
    let [tracker, outcome] = ["tracker", "outcome"].map(mixed);
    quote_spanned! {span=> {
        #[allow(unused_imports)]
        use #home::__private::{Anything as _, Untracked as _};
        (&#home::__private::Returned(&#outcome)).conclude(#tracker);
    }}
}

/// A name that the function's body does not see.
fn mixed(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// The type that the body gives; `_` where it cannot be named.
fn named(output: &ReturnType) -> TokenStream {
    let ReturnType::Type(_, output) = output else { return quote!(()) };
    let output = output.to_token_stream();
    if mentions_impl(output.clone()) { quote!(_) } else { output }
}

fn mentions_impl(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        proc_macro2::TokenTree::Ident(ident) => ident == "impl",
        proc_macro2::TokenTree::Group(group) => mentions_impl(group.stream()),
        _ => false,
    })
}

/// `Pin<Box<dyn Future<..> + ..>>`, which the attribute `async_trait` makes of each `async fn`, or
/// `BoxFuture` and `LocalBoxFuture`, which the crate futures calls it.
fn is_boxed_future(output: &Type) -> bool {
    match wrapper(output) {
        Some((name, _)) if name == "BoxFuture" || name == "LocalBoxFuture" => true,
        Some((name, Some(pinned))) if name == "Pin" => match wrapper(pinned) {
            Some((name, Some(Type::TraitObject(object)))) if name == "Box" => {
                object.bounds.iter().any(is_future)
            }
            _ => false,
        },
        _ => false,
    }
}

/// The last name of a path, and the first type among its arguments.
fn wrapper(output: &Type) -> Option<(&Ident, Option<&Type>)> {
    let Type::Path(path) = output else { return None };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return Some((&last.ident, None));
    };
    let argument = arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(argument) => Some(argument),
        _ => None,
    });
    Some((&last.ident, argument))
}

fn is_future(bound: &TypeParamBound) -> bool {
    let TypeParamBound::Trait(bound) = bound else { return false };
    bound.path.segments.last().is_some_and(|last| last.ident == "Future")
}
