//! Three labels whose values are enums, 60 series: a plain handle, the engine's derived set, and the
//! labels that the peer `measured` was made for.
//! Upstream: tmc-engine and measured. Downstream: lookups.

use measured::label::StaticLabelSet;
use measured::{FixedCardinalityLabel, LabelGroup};
use tmc_engine::{Counter, Family, LabelSet, LabelValue, Registry};

use super::Lookup;
use super::peers::collected;
use crate::contender::order;
use crate::contest::{Contender, Role};
use crate::encoders::workload::{HELP, NAME};
use crate::name;

/// What was asked for.
#[derive(Clone, Copy, FixedCardinalityLabel, LabelValue)]
enum Method {
    Get,
    List,
    Update,
    Delete,
}

/// What came of it.
#[derive(Clone, Copy, FixedCardinalityLabel, LabelValue)]
enum Outcome {
    Success,
    Conflict,
    Failure,
}

/// Who did it.
#[derive(Clone, Copy, FixedCardinalityLabel, LabelValue)]
enum Component {
    Scheduler,
    Syncer,
    Migration,
    Collector,
    Webhook,
}

/// The labels as the engine wants them.
#[derive(Clone, Copy, LabelSet)]
struct Set {
    component: Component,
    method: Method,
    outcome: Outcome,
}

/// The same for the peer, whose attribute has the same name.
#[derive(Clone, Copy, LabelGroup)]
#[label(set = GroupSet)]
struct Group {
    component: Component,
    method: Method,
    outcome: Outcome,
}

/// What a program knows when it records; the set of labels is made at the call.
type Values = (Component, Method, Outcome);

/// The values of every series, in the order of the visits.
fn visits() -> Vec<Values> {
    use Component::{Collector, Migration, Scheduler, Syncer, Webhook};
    use Method::{Delete, Get, List, Update};
    use Outcome::{Conflict, Failure, Success};

    let mut all = Vec::new();
    for component in [Scheduler, Syncer, Migration, Collector, Webhook] {
        for method in [Get, List, Update, Delete] {
            all.extend([Success, Conflict, Failure].map(|outcome| (component, method, outcome)));
        }
    }
    order(all.len()).into_iter().map(|number| all[number]).collect()
}

/// As many series, nothing looked up.
pub(super) fn handle() -> Box<dyn Contender> {
    let family = Registry::new().counter_family(NAME, HELP, ["series"]).expect("a valid family");
    let handles: Vec<Counter> =
        (0..visits().len()).map(|number| family.with([&*number.to_string()])).collect();
    let counted = handles.clone();
    Box::new(Lookup {
        name: name::HANDLE,
        role: Role::Baseline,
        visits: order(handles.len()).into_iter().map(|number| handles[number].clone()).collect(),
        record: Counter::inc,
        total: Box::new(move || counted.iter().map(Counter::value).sum()),
    })
}

pub(super) fn at() -> Box<dyn Contender> {
    let family: Family<Counter, Set> =
        Registry::new().counter_family_of(NAME, HELP).expect("a valid family");
    let counted = family.clone();
    let one = move |(component, method, outcome)| {
        counted.with(Set { component, method, outcome }).value()
    };
    Box::new(Lookup {
        name: name::AT_ENUMS,
        role: Role::Engine,
        visits: visits(),
        record: move |&(component, method, outcome): &Values| {
            family.at(Set { component, method, outcome }).inc();
        },
        total: Box::new(move || visits().into_iter().map(&one).sum()),
    })
}

pub(super) fn measured() -> Box<dyn Contender> {
    let set = GroupSet {
        component: StaticLabelSet::new(),
        method: StaticLabelSet::new(),
        outcome: StaticLabelSet::new(),
    };
    // Leaked: all threads need it for the bench's whole life.
    let family: &'static _ = Box::leak(Box::new(measured::CounterVec::dense_with_label_set(set)));
    Box::new(Lookup {
        name: name::MEASURED,
        role: Role::Peer,
        visits: visits(),
        record: |&(component, method, outcome): &Values| {
            family.inc(Group { component, method, outcome });
        },
        total: Box::new(|| collected(family)),
    })
}
