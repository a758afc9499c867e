//! The attribute `#[label(..)]`: which keys it has where, and what they say.
//! Upstream: the derive input. Downstream: set and value.

use crate::Faults;
use crate::case::Case;
use proc_macro2::Span;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Attribute, LitStr, Path, Token};

/// What an attribute stands on.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    Struct,
    Field,
    Enum,
    Variant,
}

impl Place {
    fn keys(self) -> &'static [&'static str] {
        match self {
            Place::Struct => &["crate"],
            Place::Field => &["rename", "flatten"],
            Place::Enum => &["rename_all", "crate"],
            Place::Variant => &["rename"],
        }
    }

    /// The same keys for people.
    fn usage(self) -> &'static str {
        match self {
            Place::Struct => "a struct has `crate = \"..\"`",
            Place::Field => "a field has `rename = \"..\"` and `flatten`",
            Place::Enum => "an enum has `rename_all = \"..\"` and `crate = \"..\"`",
            Place::Variant => "a variant has `rename = \"..\"`",
        }
    }
}

/// What `#[label(..)]` says about a type, a field or a variant.
#[derive(Default)]
pub(crate) struct Label {
    pub(crate) rename: Option<LitStr>,
    /// Where the key stands.
    pub(crate) flatten: Option<Span>,
    pub(crate) rename_all: Option<Case>,
    pub(crate) engine: Option<Path>,
}

impl Label {
    pub(crate) fn parse(attributes: &[Attribute], place: Place, faults: &mut Faults) -> Self {
        let mut label = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("label")) {
            if let Err(fault) = attribute.parse_nested_meta(|meta| label.key(&meta, place)) {
                faults.add(fault);
            }
        }
        if let (Some(_), Some(flatten)) = (&label.rename, label.flatten) {
            let message = "a flattened field has no name of its own: remove `rename` or `flatten`";
            faults.at(flatten, message);
        }
        label
    }

    fn key(&mut self, meta: &ParseNestedMeta<'_>, place: Place) -> syn::Result<()> {
        let key = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        if !place.keys().contains(&&*key) {
            return Err(meta.error(format!("no such key here: {}", place.usage())));
        }
        let text = || {
            let text = meta.value().and_then(|value| value.parse::<LitStr>());
            text.map_err(|_| meta.error(format!("write `{key} = \"..\"`, a text in quotes")))
        };
        let known = match &*key {
            "rename" => self.rename.replace(text()?).is_some(),
            "flatten" if meta.input.peek(Token![=]) => {
                return Err(meta.error("`flatten` takes no value: write it alone"));
            }
            "flatten" => self.flatten.replace(meta.path.span()).is_some(),
            "rename_all" => self.rename_all.replace(Case::parse(&text()?)?).is_some(),
            _ => self.engine.replace(path(&text()?)?).is_some(),
        };
        if known { Err(meta.error(format!("`{key}` is there twice: remove one"))) } else { Ok(()) }
    }
}

fn path(text: &LitStr) -> syn::Result<Path> {
    text.parse_with(Path::parse_mod_style).map_err(|_| {
        syn::Error::new(text.span(), "no path: write that of the traits, such as `crate::metrics`")
    })
}
