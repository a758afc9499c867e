//! The engine's two ways to increment: the shared handle, and the one pinned to its thread.
//! Upstream: tmc-engine. Downstream: counters.

use tmc_engine::{Counter, LocalCounter, Registry};

use super::{HELP, LABEL, NAME};
use crate::contender::{Pinned, Shared, Total, order};
use crate::contest::{Contender, Role};
use crate::name;

pub(super) fn handle(series: usize) -> Box<dyn Contender> {
    let handles = register(series);
    Box::new(Shared {
        name: name::HANDLE,
        role: Role::Engine,
        total: total(&handles),
        handles,
        record: Counter::inc,
    })
}

pub(super) fn local(series: usize) -> Box<dyn Contender> {
    let handles = register(series);
    Box::new(Pinned {
        name: name::LOCAL,
        role: Role::Engine,
        total: total(&handles),
        handles,
        pin: Counter::local,
        record: LocalCounter::inc,
    })
}

/// Registered in the order of their numbers, returned in the order in which they are visited.
fn register(series: usize) -> Vec<Counter> {
    let registry = Registry::new();
    if series == 1 {
        return vec![registry.counter(NAME, HELP).expect("a valid name")];
    }
    let family = registry.counter_family(NAME, HELP, [LABEL]).expect("a valid family");
    let numbered: Vec<Counter> =
        (0..series).map(|number| family.with([&number.to_string()])).collect();
    order(series).into_iter().map(|number| numbered[number].clone()).collect()
}

fn total(handles: &[Counter]) -> Total {
    let handles = handles.to_vec();
    Box::new(move || handles.iter().map(Counter::value).sum())
}
