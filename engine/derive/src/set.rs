//! `#[derive(LabelSet)]`.
//! Upstream: the derive input. Downstream: the compiler, which finds fields whose type is no value.

use crate::Faults;
use crate::attribute::{Label, Place};
use crate::name;
use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{
    Data, DataStruct, DeriveInput, Field, Fields, GenericParam, Generics, Ident, Path, Type,
};

/// A field: one label, or all labels of another set.
struct Part<'a> {
    field: &'a Ident,
    ty: &'a Type,
    /// None: the type is a set.
    name: Option<String>,
}

pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let mut faults = Faults::default();
    let label = Label::parse(&input.attrs, Place::Struct, &mut faults);
    generics(&input.generics, &mut faults);
    let parts = match fields(&input.data) {
        Ok(fields) => parts(fields, &mut faults),
        Err(message) => {
            faults.at(input.ident.span(), message);
            Vec::new()
        }
    };
    faults.check()?;
    Ok(implementations(input, &label.engine.unwrap_or_else(crate::engine), &parts))
}

fn fields(data: &Data) -> Result<impl Iterator<Item = &Field>, &'static str> {
    match data {
        Data::Struct(DataStruct { fields: Fields::Named(fields), .. }) => Ok(fields.named.iter()),
        Data::Struct(_) => Err("labels take their names from fields: name the fields"),
        Data::Enum(_) => Err("`LabelSet` is for structs: derive `LabelValue` to make an enum the \
                              value of one label"),
        Data::Union(_) => Err("`LabelSet` is for structs: make it one"),
    }
}

fn generics(generics: &Generics, faults: &mut Faults) {
    let others = generics.params.iter().filter(|it| !matches!(it, GenericParam::Lifetime(_)));
    others.for_each(|it| {
        faults.at(it.span(), "only lifetimes can be parameters of a label set: name the type");
    });
}

fn parts<'a>(fields: impl Iterator<Item = &'a Field>, faults: &mut Faults) -> Vec<Part<'a>> {
    let mut parts: Vec<Part<'a>> = Vec::new();
    for Field { attrs, ident, ty, .. } in fields {
        let Some(field) = ident else { continue }; // never: the fields are named
        let Label { rename, flatten, .. } = Label::parse(attrs, Place::Field, faults);
        if flatten.is_some() {
            parts.push(Part { field, ty, name: None });
            continue;
        }
        let span = rename.as_ref().map_or(field.span(), |rename| rename.span());
        let advice = match rename {
            Some(_) => "take another name",
            None => "rename the field, or add `#[label(rename = \"..\")]`",
        };
        let name = rename.map_or_else(|| field.unraw().to_string(), |rename| rename.value());
        if let Some(reason) = name::fault(&name) {
            faults.at(span, format!("`{name}` cannot name a label: {reason}; {advice}"));
        } else if let Some(first) = parts.iter().find(|part| part.name.as_ref() == Some(&name)) {
            let first = first.field;
            faults.at(span, format!("field `{first}` has the name `{name}`, too: {advice}"));
        }
        parts.push(Part { field, ty, name: Some(name) });
    }
    parts
}

fn implementations(input: &DeriveInput, engine: &Path, parts: &[Part<'_>]) -> TokenStream {
    let set = &input.ident;
    let (generics, of_self, clause) = input.generics.split_for_impl();
    let mut anywhere = TokenStream::new();
    let mut of_key = TokenStream::new();
    if !input.generics.params.is_empty() {
        let count = input.generics.params.len();
        let (any, x) = (vec![quote!('_); count], vec![quote!('x); count]);
        anywhere = quote!(<#(#any),*>);
        of_key = quote!(<#(#x),*>);
    }

    let value = quote!(#engine::LabelValue);
    let texts = quote!(#engine::LabelTexts);
    let each_part = |one: &dyn Fn(&Part<'_>, &str) -> TokenStream,
                     all: &dyn Fn(&Part<'_>) -> TokenStream| {
        let tokens = |part: &Part<'_>| match &part.name {
            Some(name) => one(part, name),
            None => all(part),
        };
        parts.iter().map(tokens).collect::<Vec<_>>()
    };
    let counts = each_part(
        &|Part { ty, .. }, _| quote!(<#ty as #value>::VALUES.len()),
        &|Part { ty, .. }| quote!(<#ty as #texts>::COMBINATIONS),
    );
    let indices = each_part(
        &|Part { ty, field, .. }, _| quote!(<#ty as #value>::index(&self.#field)),
        &|Part { ty, field, .. }| quote!(<#ty as #texts>::index(&self.#field)),
    );
    let all = each_part(
        &|Part { ty, field, .. }, _| quote!(<#ty as #value>::with_text(&self.#field, &mut *each)),
        &|Part { ty, field, .. }| quote!(<#ty as #texts>::all(&self.#field, each)),
    );
    let names = each_part(
        &|_, name| quote!(each(#name);),
        &|Part { ty, .. }| quote!(<#ty as #engine::LabelSet>::names(each);),
    );

    quote! {
        #[automatically_derived]
        impl #engine::Key for #set #anywhere {
            type Of<'x> = #set #of_key;
        }

        #[automatically_derived]
        #[allow(deprecated)]
        impl #generics #texts for #set #of_self #clause {
            // A product beyond any memory counts as none.
            const COMBINATIONS: ::core::primitive::usize = {
                let product: ::core::primitive::usize = 1;
                #(let product = match product.checked_mul(#counts) {
                    ::core::option::Option::Some(product) => product,
                    ::core::option::Option::None => 0,
                };)*
                product
            };

            #[inline]
            fn index(&self) -> ::core::primitive::usize {
                let index = 0;
                #(let index = index * #counts + #indices;)*
                index
            }

            #[inline]
            fn all(
                &self,
                each: &mut impl ::core::ops::FnMut(&::core::primitive::str) -> ::core::primitive::bool,
            ) -> ::core::primitive::bool {
                true #(&& #all)*
            }
        }

        #[automatically_derived]
        impl #generics #engine::LabelSet for #set #of_self #clause {
            fn names(each: &mut dyn ::core::ops::FnMut(&'static ::core::primitive::str)) {
                #(#names)*
            }
        }
    }
}
