//! For tests of programs that record metrics: asserts on what changed since a moment.
//! Upstream: two snapshots, and their delta. Downstream: tests, which fail with what they found.
//!
//! Give each test a registry of its own, so that tests that run beside it change nothing in it:
//! build what you test with that registry, do not let it reach for [`Registry::global`].
//!
//! ```
//! use tmc_engine::testing::Observed;
//! use tmc_engine::{HistogramSpec, Registry};
//!
//! let registry = Registry::new(); // the test's own
//! let requests = registry.counter_family("requests_total", "", ["method", "code"])?;
//! let latency = registry.histogram("latency_seconds", "", &HistogramSpec::seconds(&[0.1]))?;
//! let open = registry.gauge("open_connections", "")?;
//!
//! let mut observed = Observed::start(&registry);
//! // What is tested:
//! requests.with(["GET", "200"]).inc();
//! latency.observe(0.02);
//! open.set(4.0);
//!
//! observed.assert_increase("requests_total", &[("method", "GET"), ("code", "200")], 1);
//! observed.assert_observations("latency_seconds", &[], 1);
//! observed.assert_gauge("open_connections", &[], 4.0);
//! observed.assert_no_other_changes(); // none but in the three series above
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Every assertion takes a snapshot and compares it with the one at the start, so that it sees what
//! this thread, and every thread it waited for, has recorded.

use crate::registry::{Kind, Registry};
use crate::snapshot::{Delta, FamilyDelta, SeriesDelta, SeriesSnapshot, Snapshot, Value};
use crate::sync::Arc;
use std::collections::HashSet;
use std::fmt::Write;

/// Most series or names that a message lists.
const LISTED: usize = 10;

/// A registry as it was at one moment, to compare with what it is now.
///
/// Names are those of the families, prefix included. Labels are all of the family's own, in any
/// order; those that the registry gives to every series are left out. A series that is not there
/// counts as one at zero; a family that is not there fails the test.
#[derive(Debug)]
pub struct Observed {
    registry: Registry,
    start: Arc<Snapshot>,
    /// Series that were asserted on: family, and label values.
    asserted: HashSet<(String, Vec<String>)>,
}

impl Observed {
    /// Begins to observe.
    #[must_use]
    pub fn start(registry: &Registry) -> Self {
        let (registry, start) = (registry.clone(), registry.snapshot());
        Self { registry, start, asserted: HashSet::new() }
    }

    /// Asserts that a counter went up by this much, zero included.
    ///
    /// # Panics
    /// If it did not, if it is no counter, or if there is no such family or label.
    #[track_caller]
    pub fn assert_increase(&mut self, name: &str, labels: &[(&str, &str)], by: u64) {
        let counters = [Kind::Counter, Kind::FloatCounter];
        self.check(name, labels, &counters, &format!("an increase of {by}"), |series| {
            series.map_or(0.0, SeriesDelta::change) == by as f64
        });
    }

    /// Asserts that the value of a counter or gauge changed by this much: up, down, or not at all.
    ///
    /// # Panics
    /// As [`Observed::assert_increase`].
    #[track_caller]
    pub fn assert_change(&mut self, name: &str, labels: &[(&str, &str)], by: f64) {
        let numbers = [
            Kind::Counter,
            Kind::FloatCounter,
            Kind::Gauge,
            Kind::UpDownCounter,
            Kind::InFlightAge,
        ];
        self.check(name, labels, &numbers, &format!("a change of {by:+}"), |series| {
            series.map_or(0.0, SeriesDelta::change) == by
        });
    }

    /// Asserts that a gauge, in-flight count or age now has this value.
    ///
    /// # Panics
    /// If it has not, or is not there; if it is no gauge, or if there is no such family or label.
    #[track_caller]
    pub fn assert_gauge(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let gauges = [Kind::Gauge, Kind::UpDownCounter, Kind::InFlightAge];
        self.check(name, labels, &gauges, &format!("a value of {value}"), |series| {
            series.is_some_and(|series| {
                let now = series.later().value().as_f64();
                now == value || now.is_nan() && value.is_nan()
            })
        });
    }

    /// Asserts that a histogram or summary took this many observations.
    ///
    /// # Panics
    /// If it did not, if it is neither, or if there is no such family or label.
    #[track_caller]
    pub fn assert_observations(&mut self, name: &str, labels: &[(&str, &str)], count: u64) {
        let expected = format!("{count} observations");
        self.check(name, labels, &[Kind::Histogram, Kind::Summary], &expected, |series| {
            series.map_or(0.0, SeriesDelta::change) == count as f64
        });
    }

    /// Asserts that exactly these states of a state set are on now, in any order.
    ///
    /// # Panics
    /// If others are, or it is not there; if it is no state set, or if there is no such family or
    /// label.
    #[track_caller]
    pub fn assert_states(&mut self, name: &str, labels: &[(&str, &str)], on: &[&str]) {
        self.check(name, labels, &[Kind::StateSet], &format!("{on:?} to be on"), |series| {
            series.is_some_and(|series| match series.later().value() {
                Value::StateSet(states) => {
                    let right = |(state, is_on)| is_on == on.contains(&state);
                    states.iter().all(right) && on.iter().all(|state| states.is_on(state))
                }
                _ => false,
            })
        });
    }

    /// Asserts that no series of a family changed, came with a value other than zero, or went.
    ///
    /// # Panics
    /// If one did, or if there is no such family.
    #[track_caller]
    pub fn assert_unchanged(&mut self, name: &str) {
        let now = self.registry.snapshot();
        let delta = now.since(&self.start);
        let family = find(&delta, name);
        let changes = changes(&family, |_| true);
        assert!(changes.is_empty(), "{name}: expected no change, found\n{}", list(changes));
    }

    /// Asserts that no series changed, came with a value other than zero, or went, except for those
    /// that were asserted on before. The engine's own metrics are asserted on, too: a value refused
    /// or a family over its limit is a change.
    ///
    /// # Panics
    /// If one did.
    #[track_caller]
    pub fn assert_no_other_changes(&self) {
        let now = self.registry.snapshot();
        let delta = now.since(&self.start);
        let mut others = Vec::new();
        for family in delta.families() {
            let name = family.later().name();
            others.extend(changes(&family, |series| {
                let values = series.label_values().map(str::to_owned).collect();
                !self.asserted.contains(&(name.to_owned(), values))
            }));
        }
        assert!(others.is_empty(), "expected no other changes, found\n{}", list(others));
    }

    /// Finds the series, and fails unless it is `met`.
    #[track_caller]
    fn check(
        &mut self,
        name: &str,
        labels: &[(&str, &str)],
        kinds: &[Kind],
        expected: &str,
        met: impl FnOnce(Option<&SeriesDelta<'_>>) -> bool,
    ) {
        let now = self.registry.snapshot();
        let delta = now.since(&self.start);
        let family = find(&delta, name);
        let kind = family.later().kind();
        assert!(
            kinds.contains(&kind),
            "{name}: expected {expected}, found {}",
            kind.with_article()
        );
        let values = in_order(&family, labels);
        let mut all = family.series();
        let series = all.find(|series| series.later().label_values().eq(values.iter().copied()));
        if !met(series.as_ref()) {
            let labels = family.later().label_names().zip(values.iter().copied());
            let found = series.as_ref().map_or("no such series".to_owned(), describe);
            let others = changes(&family, |series| !series.label_values().eq(values.clone()));
            let others = match others.is_empty() {
                true => "no other series of the family changed".to_owned(),
                false => format!("other series of the family changed:\n{}", list(others)),
            };
            panic!("{}: expected {expected}, found {found}; {others}", shown(name, labels));
        }
        let values = values.into_iter().map(str::to_owned).collect();
        self.asserted.insert((name.to_owned(), values));
    }
}

/// The family, or a failure that lists those with similar names.
#[track_caller]
fn find<'a>(delta: &Delta<'a>, name: &str) -> FamilyDelta<'a> {
    let Some(family) = delta.family(name) else {
        let names = delta.families().map(|family| family.later().name());
        let mut close: Vec<_> = names.filter(|known| likeness(known, name) > 0).collect();
        close.sort_by_key(|known| std::cmp::Reverse(likeness(known, name)));
        let close = match close.is_empty() {
            true => format!("there are {} families", delta.families().len()),
            false => format!("similar:\n{}", list(close.iter().map(ToString::to_string))),
        };
        panic!("no family is called {name:?}; {close}");
    };
    family
}

/// The values in the family's order, or a failure that lists its labels.
#[track_caller]
fn in_order<'v>(family: &FamilyDelta<'_>, labels: &[(&str, &'v str)]) -> Vec<&'v str> {
    let names: Vec<_> = family.later().label_names().collect();
    let find =
        |name: &&str| labels.iter().find(|(label, _)| label == name).map(|(_, value)| *value);
    let values: Option<Vec<_>> = names.iter().map(find).collect();
    match values {
        Some(values) if values.len() == labels.len() => values,
        _ => {
            let given: Vec<_> = labels.iter().map(|(label, _)| label).collect();
            panic!("{}: its labels are {names:?}, not {given:?}", family.later().name());
        }
    }
}

/// What changed, a line each, of the series that `wanted` lets through.
fn changes(family: &FamilyDelta<'_>, wanted: impl Fn(&SeriesSnapshot<'_>) -> bool) -> Vec<String> {
    let name = family.later().name();
    let changed = family.series().filter(|series| series.is_changed() && wanted(&series.later()));
    let changed = changed
        .map(|series| format!("{}: {}", shown(name, series.later().labels()), describe(&series)));
    let removed = family.removed().filter(|series| wanted(series));
    let removed = removed.map(|series| format!("{}: removed", shown(name, series.labels())));
    changed.chain(removed).collect()
}

/// By how much a series changed, from what to what.
fn describe(series: &SeriesDelta<'_>) -> String {
    if let Value::StateSet(states) = series.later().value() {
        let on: Vec<_> = states.iter().filter(|(_, on)| *on).map(|(state, _)| state).collect();
        return format!("{on:?} on");
    }
    let now = series.later().value().as_f64();
    let then = series.earlier().map_or("new".to_owned(), |then| then.value().as_f64().to_string());
    let unit = match series.later().value() {
        Value::Histogram(_) | Value::Summary(_) => " observations",
        Value::GaugeHistogram(_) => " values",
        _ => "",
    };
    format!("{:+}{unit} ({then} -> {now})", series.change())
}

fn shown<'a>(name: &str, labels: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let labels: Vec<_> = labels.map(|(label, value)| format!("{label}={value:?}")).collect();
    if labels.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", labels.join(",")) }
}

/// The first few, indented, a line each.
fn list(lines: impl IntoIterator<Item = String>) -> String {
    let mut text = String::new();
    let mut lines = lines.into_iter();
    for line in lines.by_ref().take(LISTED) {
        let _ = writeln!(text, "    {line}"); // a String takes everything
    }
    match lines.count() {
        0 => text,
        more => text + &format!("    and {more} more\n"),
    }
}

/// How much of two names is alike: the bytes of a name inside the other, or else those that both
/// begin and end with, if these are half of them; 0 for names that are not alike.
fn likeness(a: &str, b: &str) -> usize {
    let (long, short) = if a.len() >= b.len() { (a, b) } else { (b, a) };
    if !short.is_empty() && long.contains(short) {
        return short.len();
    }
    let same = |pair: &(u8, u8)| pair.0 == pair.1;
    let head = long.bytes().zip(short.bytes()).take_while(same).count();
    let tail = long.bytes().rev().zip(short.bytes().rev()).take_while(same).count();
    let alike = (head + tail).min(short.len());
    if alike * 2 >= long.len() { alike } else { 0 }
}
