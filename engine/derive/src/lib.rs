//! Derives for the labels of `tmc-engine`, which re-exports them beside the traits.

#![forbid(unsafe_code)]

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Derives `LabelSet`.
#[proc_macro_derive(LabelSet, attributes(label))]
pub fn label_set(input: TokenStream) -> TokenStream {
    let _ = parse_macro_input!(input as DeriveInput);
    TokenStream::new()
}

/// Derives `LabelValue`.
#[proc_macro_derive(LabelValue, attributes(label))]
pub fn label_value(input: TokenStream) -> TokenStream {
    let _ = parse_macro_input!(input as DeriveInput);
    TokenStream::new()
}
