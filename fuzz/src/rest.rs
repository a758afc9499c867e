//! A list that takes all that is left of an input, where `Vec` stops at every second byte: long
//! programs from random bytes, too.

use arbitrary::{Arbitrary, Result, Unstructured};

/// Elements up to the end of the input; to be the last field.
#[derive(Debug)]
pub struct Rest<T>(pub Vec<T>);

impl<'a, T: Arbitrary<'a>> Arbitrary<'a> for Rest<T> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut list = Vec::new();
        while !u.is_empty() {
            list.push(u.arbitrary()?);
        }
        Ok(Self(list))
    }
}

/// A text of a few bytes, where `&str` takes a share of the whole input.
#[derive(Clone, Copy, Debug)]
pub struct Short<'a>(pub &'a str);

impl<'a> Arbitrary<'a> for Short<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let len = u.int_in_range(0..=12)?.min(u.len());
        let bytes = u.bytes(len)?;
        let valid = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        Ok(Self(valid))
    }
}
