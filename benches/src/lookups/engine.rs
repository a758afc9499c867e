//! The engine's two ways to look four strings up: the thread's cache, and the family's map.
//! Upstream: tmc-engine. Downstream: lookups.

use tmc_engine::{CounterFamily, Registry};

use super::{Lookup, Values, visits};
use crate::contender::Total;
use crate::contest::{Contender, Role};
use crate::encoders::workload::{HELP, LABELS, NAME};
use crate::name;

pub(super) fn at() -> Box<dyn Contender> {
    let family = register();
    Box::new(Lookup {
        name: name::AT,
        role: Role::Engine,
        visits: visits(),
        total: total(&family),
        record: move |values: &Values| family.at(borrowed(values)).inc(),
    })
}

pub(super) fn with() -> Box<dyn Contender> {
    let family = register();
    Box::new(Lookup {
        name: name::WITH,
        role: Role::Engine,
        visits: visits(),
        total: total(&family),
        record: move |values: &Values| family.with(borrowed(values)).inc(),
    })
}

fn register() -> CounterFamily<4> {
    Registry::new().counter_family(NAME, HELP, LABELS).expect("a valid family")
}

fn total(family: &CounterFamily<4>) -> Total {
    let family = family.clone();
    Box::new(move || visits().iter().map(|values| family.with(borrowed(values)).value()).sum())
}

fn borrowed(values: &Values) -> [&str; 4] {
    values.each_ref().map(String::as_str)
}
