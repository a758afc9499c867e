//! `#[derive(LabelValue)]`.
//! Upstream: the derive input. Downstream: the compiler.

use crate::Faults;
use crate::attribute::{Label, Place};
use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DataEnum, DeriveInput, Fields, Ident};

pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let mut faults = Faults::default();
    let label = Label::parse(&input.attrs, Place::Enum, &mut faults);
    let texts = match variants(&input.data) {
        Ok(data) => texts(data, &label, &mut faults),
        Err(message) => {
            faults.at(input.ident.span(), message);
            Vec::new()
        }
    };
    faults.check()?;

    let engine = label.engine.unwrap_or_else(crate::engine);
    let value = &input.ident;
    let (generics, of_self, clause) = input.generics.split_for_impl();
    let (variants, texts): (Vec<_>, Vec<_>) = texts.into_iter().unzip();
    let indices = 0..variants.len();
    Ok(quote! {
        #[automatically_derived]
        #[allow(deprecated)]
        impl #generics #engine::LabelValue for #value #of_self #clause {
            const VALUES: &'static [&'static ::core::primitive::str] = &[#(#texts),*];

            #[inline]
            fn index(&self) -> ::core::primitive::usize {
                match self {
                    #(Self::#variants => #indices,)*
                }
            }

            #[inline]
            fn with_text<R>(
                &self,
                with: impl ::core::ops::FnOnce(&::core::primitive::str) -> R,
            ) -> R {
                with(<Self as #engine::LabelValue>::VALUES[<Self as #engine::LabelValue>::index(self)])
            }
        }
    })
}

fn variants(data: &Data) -> Result<&DataEnum, &'static str> {
    match data {
        Data::Enum(data) if data.variants.is_empty() => {
            Err("an enum without variants has no value: add a variant")
        }
        Data::Enum(data) => Ok(data),
        Data::Struct(_) => {
            Err("`LabelValue` is for enums: use a field of the struct as the value, \
                                or derive `LabelSet` to make each field a label")
        }
        Data::Union(_) => Err("`LabelValue` is for enums: make it one"),
    }
}

/// Variants and the texts they stand for.
fn texts<'a>(data: &'a DataEnum, label: &Label, faults: &mut Faults) -> Vec<(&'a Ident, String)> {
    let case = label.rename_all.unwrap_or_default();
    let mut texts: Vec<(&Ident, String)> = Vec::new();
    for variant in &data.variants {
        let ident = &variant.ident;
        let Label { rename, .. } = Label::parse(&variant.attrs, Place::Variant, faults);
        if !matches!(variant.fields, Fields::Unit) {
            let message = "a label's value is text: remove the data from the variant";
            faults.at(variant.fields.span(), message);
        }
        let span = rename.as_ref().map_or(ident.span(), |rename| rename.span());
        let own = || case.apply(&ident.unraw().to_string());
        let text = rename.map_or_else(own, |rename| rename.value());
        if let Some((first, _)) = texts.iter().find(|(_, known)| *known == text) {
            let message = format!(
                "variant `{first}` has the text {text:?}, too: give one of them another with \
                 `#[label(rename = \"..\")]`"
            );
            faults.at(span, message);
        }
        texts.push((ident, text));
    }
    texts
}
