//! A registry of every type of metrics with label values, states, help texts and numbers that are hard
//! to write, and what readers have to find in it.
#![allow(dead_code)] // no test needs all of it

use std::collections::BTreeMap;
use std::time::Duration;

use tmc_engine::{HistogramSpec, ManualClock, Registry, RunningOperation, SummarySpec};
use tmc_tests::text::Key;

/// Label values that are hard to get right.
pub(crate) const VALUES: [&str; 14] = [
    "plain",
    "",
    " ",
    "a b",
    "\\",
    "\\n",
    "\n",
    "\"",
    "\\\"",
    "},{x=\"1\"} 2\n# EOF",
    "\t\r",
    "\0",
    "ü\u{2028}\u{fffd}\u{1F980}",
    "trailing \\",
];

/// Gauge values that are hard to write.
const NUMBERS: [(&str, f64); 10] = [
    ("nan", f64::NAN),
    ("inf", f64::INFINITY),
    ("-inf", f64::NEG_INFINITY),
    ("-0", -0.0),
    ("max", f64::MAX),
    ("tiny", 5e-324),
    ("third", 1.0 / 3.0),
    ("2^53", 9_007_199_254_740_992.0),
    ("1e21", 1e21),
    ("-1e-7", -1e-7),
];

const STATES: [&str; 4] = ["a b", "\\n\n", "\"},{", "\u{1F980}"];

/// What each family is in text 0.0.4. A gauge histogram is three families there.
pub(crate) const TYPES: [(&str, &str); 15] = [
    ("hard_age_seconds", "gauge"),
    ("hard_build_info", "gauge"),
    ("hard_called", "gauge"),
    ("hard_called_again_total", "counter"),
    ("hard_jobs", "gauge"),
    ("hard_numbers", "gauge"),
    ("hard_open_bytes", "histogram"),
    ("hard_open_bytes_gcount", "gauge"),
    ("hard_open_bytes_gsum", "gauge"),
    ("hard_seconds", "histogram"),
    ("hard_size_bytes", "summary"),
    ("hard_spent_total", "counter"),
    ("hard_state", "gauge"),
    ("hard_values_total", "counter"),
    ("hard_wait_seconds", "summary"),
];

/// The registry, and the samples that readers have to find.
pub(crate) struct Hard {
    pub(crate) registry: Registry,
    pub(crate) expected: BTreeMap<Key, f64>,
    _operations: Vec<RunningOperation>,
}

impl Hard {
    pub(crate) fn new() -> Self {
        let clock = ManualClock::new();
        let registry = Registry::builder().clock(clock.clone()).build().unwrap();
        let mut hard = Self { registry, expected: BTreeMap::new(), _operations: Vec::new() };
        hard.numbers();
        hard.facts();
        hard.distributions();
        hard.operations(&clock);
        hard
    }

    /// Removes every series with this value of the label `first`, of whatever family.
    pub(crate) fn remove(&mut self, first: &str) {
        let removed = self.registry.remove_matching(&[("first", first)]);
        let before = self.expected.len();
        // Those that have no such label at all are marked with `second`.
        self.expected.retain(|(_, labels), _| match labels.get("first") {
            Some(value) => value != first,
            None => !first.is_empty() || !labels.contains_key("second"),
        });
        assert!(removed > 5 && before - self.expected.len() > removed, "{removed} series");
    }

    /// What readers have to find in OpenMetrics: no classic histogram beside a gauge histogram.
    pub(crate) fn in_open_metrics(&self) -> impl Iterator<Item = (&Key, &f64)> {
        let only_text = ["hard_open_bytes_sum", "hard_open_bytes_count"];
        self.expected.iter().filter(move |((name, _), _)| !only_text.contains(&name.as_str()))
    }

    fn expect(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let labels = labels.iter().filter(|(_, value)| !value.is_empty());
        let labels = labels.map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let twice = self.expected.insert((name.to_owned(), labels), value);
        assert!(twice.is_none(), "{name} twice");
    }

    fn numbers(&mut self) {
        let registry = self.registry.clone();
        let help = "Both \\ and \\n and \"quotes\"\nover two lines, ü \\";
        let labels = ["first", "second"];
        let counters = registry.counter_family("hard_values_total", help, labels).unwrap();
        let spent = registry.float_counter_family("hard_spent_total", help, labels).unwrap();
        let jobs = registry.up_down_counter_family("hard_jobs", help, labels).unwrap();
        for (count, first) in (1_u32..).zip(VALUES) {
            counters.with([first, "x"]).inc_by(count.into());
            self.expect("hard_values_total", &[("first", first), ("second", "x")], count.into());
            counters.with(["x", first]).inc_by(u64::from(count) + 100);
            let swapped = [("first", "x"), ("second", first)];
            self.expect("hard_values_total", &swapped, f64::from(count) + 100.0);
            spent.with([first, "y"]).inc_by(f64::from(count) / 3.0);
            let labels = [("first", first), ("second", "y")];
            self.expect("hard_spent_total", &labels, f64::from(count) / 3.0);
            jobs.with([first, "z"]).add(count.into());
            self.expect("hard_jobs", &[("first", first), ("second", "z")], count.into());
        }
        let gauges = registry.gauge_family("hard_numbers", "Numbers", ["which"]).unwrap();
        let called = registry.gauge_family("hard_called", "Callbacks", ["which"]).unwrap();
        for (which, value) in NUMBERS {
            gauges.with([which]).set(value);
            self.expect("hard_numbers", &[("which", which)], value);
            called.callback([which], move || value).detach();
            self.expect("hard_called", &[("which", which)], value);
        }
        let name = "hard_called_again_total";
        registry.counter_callback(name, "", || 1 << 53).unwrap().detach();
        self.expect(name, &[], 9_007_199_254_740_992.0);
    }

    fn facts(&mut self) {
        let registry = self.registry.clone();
        let labels = ["first", "second"];
        let infos = registry.info_family("hard_build", "Build\n", labels).unwrap();
        let states = registry.state_set_family("hard_state", "\\ \"", labels, &STATES).unwrap();
        for (at, first) in VALUES.into_iter().enumerate() {
            infos.init([[first, "i"]]);
            self.expect("hard_build_info", &[("first", first), ("second", "i")], 1.0);
            let on = STATES[at % STATES.len()];
            states.with([first, "s"]).only(on);
            for state in STATES {
                let labels = [("first", first), ("second", "s"), ("hard_state", state)];
                self.expect("hard_state", &labels, if state == on { 1.0 } else { 0.0 });
            }
        }
    }

    fn distributions(&mut self) {
        let registry = self.registry.clone();
        let labels = ["first", "second"];
        let spec = HistogramSpec::seconds(&[0.25, 1.0, 2.5]);
        let latency = registry.histogram_family("hard_seconds", "Latency", labels, &spec).unwrap();
        let spec = HistogramSpec::bytes(&[64.0, 1e6]);
        let open =
            registry.gauge_histogram_family("hard_open_bytes", "Open", labels, &spec).unwrap();
        let spec = SummarySpec::bytes(&[0.5, 0.99]);
        let sizes = registry.summary_family("hard_size_bytes", "Sizes", labels, &spec).unwrap();
        for first in VALUES {
            let labels = [("first", first), ("second", "h")];
            let with = |name, value| [labels[0], labels[1], (name, value)];
            let series = latency.with([first, "h"]);
            for seconds in [0.25, 0.5, 1.0, 64.0] {
                series.observe(seconds);
            }
            for (le, count) in [("0.25", 1.0), ("1.0", 3.0), ("2.5", 3.0), ("+Inf", 4.0)] {
                self.expect("hard_seconds_bucket", &with("le", le), count);
            }
            self.expect("hard_seconds_sum", &labels, 65.75);
            self.expect("hard_seconds_count", &labels, 4.0);

            let series = open.with([first, "h"]);
            for bytes in [64.0, 65.0, 2e6] {
                series.add(bytes);
            }
            series.remove(65.0);
            for (le, count) in [("64.0", 1.0), ("1e+06", 1.0), ("+Inf", 2.0)] {
                self.expect("hard_open_bytes_bucket", &with("le", le), count);
            }
            for (suffix, value) in [("count", 2.0), ("sum", 2_000_064.0)] {
                self.expect(&format!("hard_open_bytes_{suffix}"), &labels, value);
                self.expect(&format!("hard_open_bytes_g{suffix}"), &labels, value);
            }

            (1..=100).for_each(|bytes| sizes.with([first, "h"]).record(bytes));
            self.expect("hard_size_bytes", &with("quantile", "0.5"), 50.0);
            self.expect("hard_size_bytes", &with("quantile", "0.99"), 99.0);
            self.expect("hard_size_bytes_sum", &labels, 5050.0);
            self.expect("hard_size_bytes_count", &labels, 100.0);
        }
        let spec = SummarySpec::seconds(&[1.0]);
        registry.summary("hard_wait_seconds", "Nobody waited", &spec).unwrap();
        self.expect("hard_wait_seconds", &[("quantile", "1.0")], f64::NAN);
        self.expect("hard_wait_seconds_sum", &[], 0.0);
        self.expect("hard_wait_seconds_count", &[], 0.0);
    }

    fn operations(&mut self, clock: &ManualClock) {
        let labels = ["first", "second"];
        let age = self.registry.in_flight_age_family("hard_age_seconds", "Age", labels).unwrap();
        for first in VALUES {
            self._operations.push(age.with([first, "o"]).start());
        }
        clock.advance(Duration::from_millis(2500));
        for first in VALUES {
            self._operations.push(age.with([first, "o"]).start());
            self.expect("hard_age_seconds", &[("first", first), ("second", "o")], 2.5);
        }
        drop(age.with(["x", "idle"]).start());
        self.expect("hard_age_seconds", &[("first", "x"), ("second", "idle")], 0.0);
    }
}
