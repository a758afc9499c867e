//! Types that are no label sets.

use tmc_engine::LabelSet;

#[derive(LabelSet)]
struct Tuple(String, u16);

#[derive(LabelSet)]
struct Unit;

#[derive(LabelSet)]
enum Choice {
    A,
}

#[derive(LabelSet)]
union Bits {
    word: u32,
}

#[derive(LabelSet)]
struct Generic<'a, T, const N: usize> {
    value: &'a T,
}

fn main() {}
