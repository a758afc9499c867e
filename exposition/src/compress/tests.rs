//! What is compressed anew, and what is not. That the streams are right: the tests of the product, with
//! other people's decoders.

use std::cell::Cell;

use tmc_engine::{Counter, CounterFamily, Registry};

use super::*;
use crate::negotiate::Format;

/// Compresses nothing, and counts how many parts it was given.
#[derive(Debug, Default)]
struct Counting;

thread_local! {
    static PARTS: Cell<usize> = const { Cell::new(0) };
}

impl Codec for Counting {
    type Sum = usize;

    fn part(&mut self, plain: &[&[u8]], out: &mut Vec<u8>, sum: &mut usize) -> io::Result<()> {
        PARTS.set(PARTS.get() + 1);
        plain.iter().for_each(|bytes| out.extend_from_slice(bytes));
        *sum = plain.iter().map(|bytes| bytes.len()).sum();
        Ok(())
    }

    fn join(first: &usize, second: &usize) -> usize {
        first + second
    }

    fn begin(_: &mut Vec<u8>) {}

    fn end(sum: &usize, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{sum} bytes").as_bytes());
    }
}

/// A registry of many parts.
struct World {
    registry: Registry,
    family: CounterFamily<1>,
    counters: Vec<Counter>,
    encoder: Encoder,
    compressed: Compressed<Counting>,
}

impl World {
    fn new() -> Self {
        let registry = Registry::builder().series_limit(6000).build().unwrap();
        let family = registry.counter_family("hits_total", "Hits", ["path"]).unwrap();
        let counters = (0..6000).map(|n| family.with([&label(n)])).collect();
        let (encoder, compressed) = (Encoder::new(Format::Text), Compressed::default());
        let mut world = Self { registry, family, counters, encoder, compressed };
        assert!(world.scrape() > 2 * RUN);
        world
    }

    /// Scrapes, and gives how many parts were compressed for that.
    fn scrape(&mut self) -> usize {
        let before = PARTS.get();
        let (mut body, mut plain) = (Body::new(), Vec::new());
        self.encoder.encode(&self.registry.snapshot(), &mut plain);
        self.compressed.share(&self.encoder, &mut body).unwrap();
        let len = plain.len();
        plain.extend_from_slice(format!("{len} bytes").as_bytes());
        assert!(body.to_vec() == plain, "not what is to be compressed");
        PARTS.get() - before
    }
}

fn label(n: usize) -> String {
    format!("/a/path/that/is/long/enough/for/each/block/of/forty/to/be/a/part/of/its/own/{n:040}")
}

#[test]
fn only_parts_with_a_change_are_compressed_again() {
    let mut world = World::new();
    assert_eq!(world.scrape(), 0);
    world.counters[17].inc();
    assert_eq!(world.scrape(), 1);
    world.counters[0].inc();
    world.counters[1].inc();
    world.counters[5999].inc_by(1_000_000);
    assert_eq!(world.scrape(), 2);
    assert_eq!(world.scrape(), 0);
}

#[test]
fn a_family_that_comes_changes_none_of_the_others() {
    let mut world = World::new();
    let all = world.compressed.parts.len();
    world.registry.counter("a_first_total", "Before all others").unwrap().inc();
    let again = world.scrape();
    assert!((1..=2).contains(&again), "{again} of {all}");
}

#[test]
fn series_that_go_change_their_part_only() {
    let mut world = World::new();
    world.counters.remove(3000);
    assert!(world.family.remove([&label(3000)]));
    let again = world.scrape();
    assert!((1..=2).contains(&again), "{again} parts");
}
