//! Labels as a program gives them: texts, numbers, enums, and sets of them.
//! Upstream: the program's types, and the derive macros. Downstream: the cache of a thread, which
//! compares them in place, and `values`, which stores them.

use std::borrow::Cow;

/// A value that a label can have.
///
/// Derive it for enums whose variants hold nothing: `#[derive(LabelValue)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no label value",
    note = "a label's value is a string, an integer, a boolean, or an enum of unit variants that has `#[derive(LabelValue)]`",
    note = "a field that holds a set of labels needs `#[label(flatten)]`"
)]
pub trait LabelValue {
    /// Every value there is, in the order of [`LabelValue::index`], for types with few of them;
    /// empty for the others.
    const VALUES: &'static [&'static str] = &[];

    /// Where the value stands in [`LabelValue::VALUES`]. Asked only where that is not empty.
    #[inline]
    fn index(&self) -> usize {
        0
    }

    /// Calls `with` with the value's text. Does not allocate.
    fn with_text<R>(&self, with: impl FnOnce(&str) -> R) -> R;
}

/// The values of a family's labels, in order: an array of strings, or a derived [`LabelSet`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no set of label values",
    note = "use `#[derive(LabelSet)]` on a struct, or an array with one string per label"
)]
pub trait LabelTexts {
    /// How many different sets there are, if each label has few values; else 0.
    const COMBINATIONS: usize;

    /// Which of [`LabelTexts::COMBINATIONS`] this is. Asked only where that is not 0.
    fn index(&self) -> usize;

    /// Calls `each` with every value in order until one answers false; whether all answered true.
    fn all(&self, each: &mut impl FnMut(&str) -> bool) -> bool;
}

/// How the series of a family are told apart: [`Names`], or a type that derives [`LabelSet`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no set of labels",
    note = "add `#[derive(LabelSet)]` to the struct"
)]
pub trait Key {
    /// The values, borrowed for as long as a look-up takes.
    type Of<'a>: LabelTexts;
}

/// A set of labels whose names come from the fields of a struct. Derive it: `#[derive(LabelSet)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no set of labels",
    note = "add `#[derive(LabelSet)]` to the struct"
)]
pub trait LabelSet: Key + LabelTexts {
    /// Calls `each` with every name, in the order of the values, flattened sets in place.
    fn names(each: &mut dyn FnMut(&'static str));
}

/// `N` labels whose names are given when the family is registered, and whose values are strings.
#[derive(Clone, Copy, Debug)]
pub struct Names<const N: usize>;

impl<const N: usize> Key for Names<N> {
    type Of<'a> = [&'a str; N];
}

impl<const N: usize> LabelTexts for [&str; N] {
    const COMBINATIONS: usize = (N == 0) as usize;

    #[inline]
    fn index(&self) -> usize {
        0
    }

    #[inline(always)] // or else a hash goes through memory from text to text
    fn all(&self, each: &mut impl FnMut(&str) -> bool) -> bool {
        self.iter().all(|text| each(text))
    }
}

/// `N` times the same value.
pub(super) struct Repeated(pub(super) &'static str, pub(super) usize);

impl LabelTexts for Repeated {
    const COMBINATIONS: usize = 0;

    fn index(&self) -> usize {
        0
    }

    fn all(&self, each: &mut impl FnMut(&str) -> bool) -> bool {
        (0..self.1).all(|_| each(self.0))
    }
}

macro_rules! texts {
    ($($type:ty),*) => {$(
        impl LabelValue for $type {
            #[inline]
            fn with_text<R>(&self, with: impl FnOnce(&str) -> R) -> R {
                with(self)
            }
        }
    )*};
}
texts!(str, String, Box<str>, Cow<'_, str>, std::sync::Arc<str>);

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl LabelValue for $type {
            #[inline]
            fn with_text<R>(&self, with: impl FnOnce(&str) -> R) -> R {
                with(itoa::Buffer::new().format(*self))
            }
        }
    )*};
}
integers!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize);

impl LabelValue for bool {
    const VALUES: &'static [&'static str] = &["false", "true"];

    #[inline]
    fn index(&self) -> usize {
        usize::from(*self)
    }

    #[inline]
    fn with_text<R>(&self, with: impl FnOnce(&str) -> R) -> R {
        with(Self::VALUES[usize::from(*self)])
    }
}

impl<V: LabelValue + ?Sized> LabelValue for &V {
    const VALUES: &'static [&'static str] = V::VALUES;

    #[inline]
    fn index(&self) -> usize {
        (**self).index()
    }

    #[inline]
    fn with_text<R>(&self, with: impl FnOnce(&str) -> R) -> R {
        (**self).with_text(with)
    }
}
