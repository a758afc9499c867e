//! Bytes in use are what was asked for, large or small, less what was given back. Alone in its process:
//! what other tests give back meanwhile would count.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::hint::black_box;
use std::mem;

use tmc_benches::memory::live;

const ALL: usize = 64 << 20;
/// What the C library keeps per thread, and the test's harness.
const SLACK: usize = 1 << 20;

#[test]
fn counts_small_and_large_allocations_and_what_is_freed() {
    for size in [64, 4 << 10, ALL] {
        let many = ALL / size;
        let before = live().unwrap();
        let held: Vec<Vec<u8>> = (0..many).map(|_| vec![1; size]).collect();
        let during = live().unwrap();
        drop(black_box(held));
        let after = live().unwrap();
        let asked = ALL + many * mem::size_of::<Vec<u8>>();
        let grown = during.saturating_sub(before) as usize;
        // Each with a header, rounded up.
        let most = asked + many * 32 + SLACK;
        assert!((asked..most).contains(&grown), "{size}: {grown}, not {asked} to {most}");
        assert!(after.abs_diff(before) < SLACK as u64, "{size}: {before} before, {after} after");
    }
}
