//! Puts an operation tracker around a function's body.
//! Upstream: the function and the attribute's arguments. Downstream: the compiler.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{
    FnArg, GenericArgument, Ident, ItemFn, Pat, PatType, Path, PathArguments, Receiver,
    ReceiverKind, ReturnType, Signature, Type, TypeParamBound,
};

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
    let begin = begin(arguments, &function.sig);
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
fn begin(arguments: Arguments, function: &Signature) -> TokenStream {
    let Arguments { collector, component_type, component_id, operation, home } = arguments;
    let operation = operation.map_or_else(
        || function.ident.unraw().to_string().into_token_stream(), // `r#sync` is `sync`
        ToTokens::into_token_stream,
    );
    let [tracker, source] = ["tracker", "collector"].map(mixed);
    // A statement of its own, so that a collector that the expression makes lives long enough.
    let statement = quote_spanned! {collector.span()=>
        #[allow(clippy::needless_borrow, clippy::borrow_deref_ref)] // it may be a reference already
        let #source: &#home::MetricsCollector = &#collector;
    };
    let clone = is_the_bodys(&collector.to_token_stream(), function).then(|| {
        quote!(let #source = &<#home::MetricsCollector as ::core::clone::Clone>::clone(#source);)
    });
    quote! {
        #statement
        #clone
        let #tracker = #home::MetricsCollector::operation_tracker(
            #source,
            #component_type,
            #component_id,
            #operation,
        );
    }
}

/// Whether an expression mentions what the body may change or give away: all but what is behind a shared
/// reference, and what is no parameter. Such a collector is cloned; any other is borrowed, so that threads
/// that call the function write nothing that they share.
fn is_the_bodys(expression: &TokenStream, function: &Signature) -> bool {
    let is_reference =
        |ty: &Type| matches!(ty, Type::Reference(reference) if reference.mutability.is_none());
    let is_shared = |parameter: &FnArg| match parameter {
        FnArg::Receiver(Receiver { kind: ReceiverKind::Reference(_, _, mutable), .. }) => {
            mutable.is_none()
        }
        FnArg::Receiver(Receiver { kind: ReceiverKind::Typed(_, ty), .. }) => is_reference(ty),
        FnArg::Receiver(_) => false,
        FnArg::Typed(PatType { pat, ty, .. }) => matches!(**pat, Pat::Ident(_)) && is_reference(ty),
    };
    let mut owned = function.inputs.iter().filter(|parameter| !is_shared(parameter));
    owned.any(|parameter| match parameter {
        FnArg::Receiver(_) => mentions(expression, &|ident| ident == "self"),
        FnArg::Typed(PatType { pat, .. }) => {
            mentions(expression, &|ident| mentions(&pat.to_token_stream(), &|bound| bound == ident))
        }
    })
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
    if mentions(&output, &|ident| ident == "impl") { quote!(_) } else { output }
}

fn mentions(tokens: &TokenStream, wanted: &dyn Fn(&Ident) -> bool) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Ident(ident) => wanted(&ident),
        TokenTree::Group(group) => mentions(&group.stream(), wanted),
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
