//! How each peer increments a counter by four strings: whatever its documentation recommends where
//! the values are only known at that moment.
//! Upstream: the peers. Downstream: lookups.

use std::hash::Hash;

use fastmetrics::derive::LabelSet;
use measured::LabelGroup;
use measured::label::LabelGroupSet;
use measured::lasso::{Rodeo, RodeoReader, ThreadedRodeo};
use measured::metric::MetricFamilyEncoding;
use measured::metric::name::MetricName;
use measured::text::TextEncoder;
use metrics::{Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::PrometheusBuilder;
use prometheus_client::encoding::EncodeLabelSet;

use super::{Lookup, Values, visits};
use crate::contest::{Contender, Role};
use crate::encoders::workload::{HELP, LABELS, NAME, STEM};
use crate::{name, text};

pub(super) fn prometheus() -> Box<dyn Contender> {
    use prometheus::{IntCounterVec, Opts, Registry};

    let family = IntCounterVec::new(Opts::new(NAME, HELP), &LABELS).expect("a valid family");
    Registry::new().register(Box::new(family.clone())).expect("an empty registry");
    let counted = family.clone();
    let total = move || visits().iter().map(|values| counted.with_label_values(values).get()).sum();
    Box::new(Lookup {
        name: name::PROMETHEUS,
        role: Role::Peer,
        visits: visits(),
        record: move |values: &Values| family.with_label_values(values).inc(),
        total: Box::new(total),
    })
}

/// Label values as two peers' derives want them: a key that a family keeps has to own its strings, so
/// a look-up copies them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet, LabelSet)]
struct Owned {
    cluster: String,
    component: String,
    namespace: String,
    operation: String,
}

impl From<&Values> for Owned {
    fn from(values: &Values) -> Self {
        let [cluster, component, namespace, operation] = values.clone();
        Self { cluster, component, namespace, operation }
    }
}

/// The same for values that live for ever, which a program cannot promise of what is in a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet, LabelSet)]
struct Static {
    cluster: &'static str,
    component: &'static str,
    namespace: &'static str,
    operation: &'static str,
}

type Immortal = [&'static str; 4];

impl From<&Immortal> for Static {
    fn from(values: &Immortal) -> Self {
        let [cluster, component, namespace, operation] = *values;
        Self { cluster, component, namespace, operation }
    }
}

fn immortal() -> Vec<Immortal> {
    visits().into_iter().map(|values| values.map(|value| &*value.leak())).collect()
}

pub(super) fn prometheus_client() -> Box<dyn Contender> {
    client::<Owned, Values>(name::PROMETHEUS_CLIENT, Role::Peer, visits())
}

pub(super) fn prometheus_client_static() -> Box<dyn Contender> {
    client::<Static, Immortal>(name::PROMETHEUS_CLIENT_STATIC, Role::Aside, immortal())
}

fn client<L, V>(name: &'static str, role: Role, visits: Vec<V>) -> Box<dyn Contender>
where
    V: Clone + Send + Sync + 'static,
    L: for<'a> From<&'a V> + EncodeLabelSet + std::fmt::Debug,
    L: Clone + Eq + Hash + Send + Sync + 'static,
{
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::family::Family;
    use prometheus_client::registry::Registry;

    let family = Family::<L, Counter>::default();
    Registry::default().register(STEM, HELP, family.clone());
    let (counted, all) = (family.clone(), visits.clone());
    let total =
        move || all.iter().map(|values| counted.get_or_create_owned(&L::from(values)).get()).sum();
    Box::new(Lookup {
        name,
        role,
        visits,
        record: move |values: &V| {
            family.get_or_create(&L::from(values)).inc();
        },
        total: Box::new(total),
    })
}

/// What this peer's macro does, without its search for the recorder.
pub(super) fn metrics() -> Box<dyn Contender> {
    let recorder = PrometheusBuilder::new().build_recorder();
    let rendered = recorder.handle();
    let metadata = Metadata::new(module_path!(), Level::INFO, None);
    let record = move |values: &Values| {
        let pairs = LABELS.into_iter().zip(values.clone());
        let labels: Vec<Label> = pairs.map(|(name, value)| Label::new(name, value)).collect();
        recorder.register_counter(&Key::from_parts(NAME, labels), &metadata).increment(1);
    };
    Box::new(Lookup {
        name: name::METRICS,
        role: Role::Peer,
        visits: visits(),
        record,
        total: Box::new(move || text::sum(&rendered.render(), NAME)),
    })
}

#[derive(Clone, Copy, LabelGroup)]
#[label(set = DynamicSet)]
struct Dynamic<'a> {
    #[label(dynamic_with = ThreadedRodeo, default)]
    cluster: &'a str,
    #[label(dynamic_with = ThreadedRodeo, default)]
    component: &'a str,
    #[label(dynamic_with = ThreadedRodeo, default)]
    namespace: &'a str,
    #[label(dynamic_with = ThreadedRodeo, default)]
    operation: &'a str,
}

pub(super) fn measured() -> Box<dyn Contender> {
    // Leaked: all threads need it for the bench's whole life.
    let family: &'static measured::CounterVec<DynamicSet> = Box::leak(Box::default());
    Box::new(Lookup {
        name: name::MEASURED,
        role: Role::Peer,
        visits: visits(),
        record: |values: &Values| {
            let [cluster, component, namespace, operation] = values;
            family.inc(Dynamic { cluster, component, namespace, operation });
        },
        total: Box::new(|| collected(family)),
    })
}

/// Every value is known before the first increment: not the same job, but as fast as this peer gets
/// with strings.
#[derive(Clone, Copy, LabelGroup)]
#[label(set = FixedSet)]
struct Fixed<'a> {
    #[label(fixed_with = RodeoReader)]
    cluster: &'a str,
    #[label(fixed_with = RodeoReader)]
    component: &'a str,
    #[label(fixed_with = RodeoReader)]
    namespace: &'a str,
    #[label(fixed_with = RodeoReader)]
    operation: &'a str,
}

pub(super) fn measured_fixed() -> Box<dyn Contender> {
    let mut sets: [Rodeo; 4] = std::array::from_fn(|_| Rodeo::new());
    for values in visits() {
        for (set, value) in sets.iter_mut().zip(values) {
            set.get_or_intern(value);
        }
    }
    let [cluster, component, namespace, operation] = sets.map(Rodeo::into_reader);
    let set = FixedSet { cluster, component, namespace, operation };
    // Leaked, as above.
    let family: &'static _ = Box::leak(Box::new(measured::CounterVec::with_label_set(set)));
    Box::new(Lookup {
        name: name::MEASURED_FIXED,
        role: Role::Aside,
        visits: visits(),
        record: |values: &Values| {
            let [cluster, component, namespace, operation] = values;
            family.inc(Fixed { cluster, component, namespace, operation });
        },
        total: Box::new(|| collected(family)),
    })
}

/// The sum of all series of this peer.
pub(super) fn collected<L: LabelGroupSet>(family: &measured::CounterVec<L>) -> u64 {
    let mut encoder = TextEncoder::new(Vec::new());
    family
        .collect_family_into(MetricName::from_str(NAME), &mut encoder)
        .expect("memory takes every write");
    text::sum(&String::from_utf8_lossy(&encoder.writer), NAME)
}

pub(super) fn fastmetrics() -> Box<dyn Contender> {
    fast::<Owned, Values>(name::FASTMETRICS, Role::Peer, visits())
}

pub(super) fn fastmetrics_static() -> Box<dyn Contender> {
    fast::<Static, Immortal>(name::FASTMETRICS_STATIC, Role::Aside, immortal())
}

fn fast<L, V>(name: &'static str, role: Role, visits: Vec<V>) -> Box<dyn Contender>
where
    V: Clone + Send + Sync + 'static,
    L: for<'a> From<&'a V> + Clone + Eq + Hash + Send + Sync + 'static,
{
    use fastmetrics::metrics::counter::Counter;
    use fastmetrics::metrics::family::Family;

    let family = Family::<L, Counter>::default();
    let (counted, all) = (family.clone(), visits.clone());
    let one = move |values: &V| counted.with_or_new(&L::from(values), Counter::total);
    let total = move || all.iter().map(&one).sum();
    Box::new(Lookup {
        name,
        role,
        visits,
        record: move |values: &V| family.with_or_new(&L::from(values), |counter| counter.inc()),
        total: Box::new(total),
    })
}
