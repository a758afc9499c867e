//! A registry with every type of metrics, constant labels, units, exemplars and start times, and what
//! readers have to find in it, written by hand.
#![allow(dead_code)] // no test needs all of it

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use tmc_engine::{
    Clock, HistogramSpec, ManualClock, Registry, RegistryBuilder, RunningOperation, SummarySpec,
};
use tmc_tests::families::{Exemplar, Families, Family, Sample, key};
use tmc_tests::text::Key;

/// A constant label that is hard to write. The other one is empty, which is as good as absent.
const ZONE: &str = "e\"u\\\n},{";

/// The registry, and what is in it.
pub(crate) struct Kinds {
    pub(crate) registry: Registry,
    clock: ManualClock,
    /// By their names in OpenMetrics.
    families: BTreeMap<&'static str, Expected>,
    _operation: RunningOperation,
}

/// A family as OpenMetrics has it, but that its samples have only the suffixes of their names.
struct Expected {
    /// Its name in text 0.0.4.
    text: &'static str,
    family: Family,
    /// When its series began; `None` for types that do not count.
    created: Option<SystemTime>,
}

impl Kinds {
    pub(crate) fn new() -> Self {
        Self::with(Registry::builder())
    }

    /// With settings of the test's own.
    pub(crate) fn with(builder: RegistryBuilder) -> Self {
        let clock = ManualClock::new();
        let builder = builder.clock(clock.clone()).exemplar_interval(Duration::ZERO);
        let registry = builder.constant_label("zone", ZONE).constant_label("none", "");
        let registry = registry.build().unwrap();
        let age = registry.in_flight_age("kinds_age_seconds", "Age").unwrap();
        let _operation = age.start();
        let mut kinds = Self { registry, clock, families: BTreeMap::new(), _operation };
        kinds.family("kinds_age_seconds", ["gauge", "Age", "seconds"]).sample("", &[], 2.5);
        kinds.counters();
        // Other series begin later.
        kinds.clock.advance(Duration::from_millis(1500));
        kinds.distributions();
        kinds.clock.advance(Duration::from_secs(1));
        kinds.facts();
        kinds
    }

    fn counters(&mut self) {
        let (registry, at) = (self.registry.clone(), self.now());
        let help = "Served: \\ and \"quotes\"\nover two lines";
        let requests = registry.counter_family("kinds_requests_total", help, ["method"]).unwrap();
        requests.with(["GET"]).inc_by_with(7, &[("trace_id", "a1"), ("span", "ü")]);
        requests.with(["PUT"]).inc_by(1 << 53);
        let counter =
            self.family("kinds_requests", ["counter", help, ""]).text("kinds_requests_total");
        let counter = counter.begins(at).sample("_total", &[("method", "GET")], 7.0);
        let counter = counter.exemplar(&[("trace_id", "a1"), ("span", "ü")], 7.0, at);
        counter.sample("_total", &[("method", "PUT")], 9_007_199_254_740_992.0);

        registry.counter("kinds_retries", "Named without a suffix").unwrap().inc();
        let counter = self.family("kinds_retries", ["counter", "Named without a suffix", ""]);
        counter.begins(at).sample("_total", &[], 1.0);

        let bytes = registry.in_unit("bytes");
        let sent = bytes.float_counter("kinds_sent_bytes_total", "Sent").unwrap();
        sent.inc_by_with(0.1, &[]);
        let counter = self.family("kinds_sent_bytes", ["counter", "Sent", "bytes"]);
        let counter = counter.text("kinds_sent_bytes_total").begins(at);
        counter.sample("_total", &[], 0.1).exemplar(&[], 0.1, at);

        bytes.gauge("kinds_heap_bytes", "Heap").unwrap().set(-1.5);
        self.family("kinds_heap_bytes", ["gauge", "Heap", "bytes"]).sample("", &[], -1.5);
        registry.up_down_counter("kinds_jobs", "Jobs").unwrap().add(3);
        self.family("kinds_jobs", ["gauge", "Jobs", ""]).sample("", &[], 3.0);
        // A family without series is not shown.
        registry.counter_family("kinds_nothing_total", "Nothing", ["of"]).unwrap();
    }

    fn distributions(&mut self) {
        let (registry, at) = (self.registry.clone(), self.now());
        let spec = HistogramSpec::seconds(&[0.25, 1.0]).native(3);
        let latency = registry.histogram("kinds_latency_seconds", "Latency", &spec).unwrap();
        for (seconds, trace) in [(0.25, "low"), (0.5, "middle"), (64.0, "high")] {
            latency.observe_with(seconds, &[("trace_id", trace)]);
        }
        let family = self.family("kinds_latency_seconds", ["histogram", "Latency", "seconds"]);
        let mut family = family.begins(at);
        let buckets =
            [("0.25", 1.0, "low", 0.25), ("1.0", 2.0, "middle", 0.5), ("+Inf", 3.0, "high", 64.0)];
        for (le, count, trace, seconds) in buckets {
            family = family.sample("_bucket", &[("le", le)], count);
            family = family.exemplar(&[("trace_id", trace)], seconds, at);
        }
        family.sample("_sum", &[], 64.75).sample("_count", &[], 3.0);

        let batch =
            registry.histogram("kinds_batch", "Batches", &HistogramSpec::plain(&[])).unwrap();
        batch.record(5);
        let family = self.family("kinds_batch", ["histogram", "Batches", ""]).begins(at);
        let family = family.sample("_bucket", &[("le", "+Inf")], 1.0);
        family.sample("_sum", &[], 5.0).sample("_count", &[], 1.0);

        let spec = HistogramSpec::bytes(&[0.0, 1e6]);
        let open = registry.gauge_histogram_family("kinds_open_bytes", "Open", [], &spec).unwrap();
        open.with([]).add(64.0);
        open.with([]).add(2e6);
        let family = self.family("kinds_open_bytes", ["gaugehistogram", "Open", "bytes"]);
        let buckets = [("0.0", 0.0), ("1e+06", 1.0), ("+Inf", 2.0)];
        let family = buckets
            .iter()
            .fold(family, |family, &(le, count)| family.sample("_bucket", &[("le", le)], count));
        family.sample("_gsum", &[], 2_000_064.0).sample("_gcount", &[], 2.0);

        let spec = SummarySpec::bytes(&[0.5, 1.0]);
        let sizes = registry.summary_family("kinds_size_bytes", "Sizes", ["of"], &spec).unwrap();
        (1..=4).for_each(|bytes| sizes.with(["all"]).record(bytes));
        sizes.init([["none"]]);
        let mut family = self.family("kinds_size_bytes", ["summary", "Sizes", "bytes"]).begins(at);
        let [all, none] = ["all", "none"].map(|of| [("of", of)]);
        for (quantile, value) in [("0.5", 2.0), ("1.0", 4.0)] {
            family = family.sample("", &[all[0], ("quantile", quantile)], value);
            family = family.sample("", &[none[0], ("quantile", quantile)], f64::NAN);
        }
        let family = family.sample("_sum", &all, 10.0).sample("_count", &all, 4.0);
        family.sample("_sum", &none, 0.0).sample("_count", &none, 0.0);
    }

    fn facts(&mut self) {
        let registry = self.registry.clone();
        registry.info("kinds_build", "Build", &[("version", "1.2\""), ("commit", "")]).unwrap();
        let info = self.family("kinds_build", ["info", "Build", ""]).text("kinds_build_info");
        info.sample("_info", &[("version", "1.2\"")], 1.0);
        let states = ["on", "o\"ff\\"];
        registry.state_set("kinds_state", "State", &states).unwrap().only("on");
        let set = self.family("kinds_state", ["stateset", "State", ""]);
        let set = set.sample("", &[("kinds_state", states[0])], 1.0);
        set.sample("", &[("kinds_state", states[1])], 0.0);
    }

    fn now(&self) -> SystemTime {
        Clock::from(self.clock.clone()).wall()
    }

    fn family(&mut self, name: &'static str, [kind, help, unit]: [&str; 3]) -> Adding<'_> {
        let [kind, help, unit] = [kind, help, unit].map(str::to_owned);
        let family = Family { kind, help, unit, ..Family::default() };
        let expected = Expected { text: name, family, created: None };
        let to = self.families.entry(name).insert_entry(expected).into_mut();
        Adding { to, last: key("", &[]) }
    }

    /// What OpenMetrics has to show.
    pub(crate) fn open_metrics(&self, created: bool) -> Families {
        let families = self.families.iter().map(|(&name, expected)| {
            let named = |suffix: &str| format!("{name}{suffix}");
            let Expected { family, created: at, .. } = expected;
            let mut samples = BTreeMap::new();
            for ((suffix, labels), sample) in &family.samples {
                samples.insert((named(suffix), labels.clone()), sample.clone());
                if let Some(at) = at.filter(|_| created) {
                    // One for all buckets, or quantiles.
                    let mut labels = labels.clone();
                    labels.retain(|label, _| !["le", "quantile"].contains(&label.as_str()));
                    let sample = Sample { value: seconds(at), exemplar: None };
                    samples.insert((named("_created"), labels), sample);
                }
            }
            (name.to_owned(), Family { samples, ..family.clone() })
        });
        families.collect()
    }

    /// What text 0.0.4 has to show.
    pub(crate) fn text(&self) -> Families {
        let mut families = Families::new();
        for Expected { text, family, .. } in self.families.values() {
            let mut add = |name: &str, kind: &str, suffixes: &[(&str, &str)]| {
                let renamed = |((suffix, labels), sample): (&Key, &Sample)| {
                    let (_, suffix) = suffixes.iter().find(|(from, _)| from == suffix)?;
                    let sample = Sample { exemplar: None, ..sample.clone() };
                    Some(((format!("{name}{suffix}"), labels.clone()), sample))
                };
                let (kind, help) = (kind.to_owned(), family.help.clone());
                let samples = family.samples.iter().filter_map(renamed).collect();
                let family = Family { kind, help, unit: String::new(), samples };
                families.insert(name.to_owned(), family);
            };
            match family.kind.as_str() {
                "counter" => add(text, "counter", &[("_total", "")]),
                "info" => add(text, "gauge", &[("_info", "")]),
                "stateset" => add(text, "gauge", &[("", "")]),
                "gaugehistogram" => {
                    let suffixes =
                        [("_bucket", "_bucket"), ("_gsum", "_sum"), ("_gcount", "_count")];
                    add(text, "histogram", &suffixes);
                    for suffix in ["_gcount", "_gsum"] {
                        add(&format!("{text}{suffix}"), "gauge", &[(suffix, "")]);
                    }
                }
                kind => {
                    add(text, kind, &["", "_bucket", "_sum", "_count"].map(|same| (same, same)))
                }
            }
        }
        families
    }
}

/// As the formats write a time: to the millisecond.
fn seconds(at: SystemTime) -> f64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    format!("{}.{:03}", since.as_secs(), since.subsec_millis()).parse().expect("a number")
}

/// A family in the making.
struct Adding<'a> {
    to: &'a mut Expected,
    /// The last sample.
    last: Key,
}

impl Adding<'_> {
    fn text(self, name: &'static str) -> Self {
        self.to.text = name;
        self
    }

    fn begins(self, at: SystemTime) -> Self {
        self.to.created = Some(at);
        self
    }

    fn sample(mut self, suffix: &str, labels: &[(&str, &str)], value: f64) -> Self {
        let labels: Vec<_> = labels.iter().copied().chain([("zone", ZONE)]).collect();
        self.last = key(suffix, &labels);
        let sample = Sample { value, exemplar: None };
        assert!(self.to.family.samples.insert(self.last.clone(), sample).is_none());
        self
    }

    /// Of the last sample.
    fn exemplar(self, labels: &[(&str, &str)], value: f64, at: SystemTime) -> Self {
        let (_, labels) = key("", labels);
        let sample = self.to.family.samples.get_mut(&self.last).expect("there is one");
        sample.exemplar = Some(Exemplar { labels, value, timestamp: seconds(at) });
        self
    }
}
