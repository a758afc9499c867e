//! What a registry of every type should show in text 0.0.4, as maps and lists.
//! Upstream: the target that records. Downstream: what [`crate::text`] reads.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::text::{self, Family, Sample};

/// Powers of two, so that bytes, boundaries and sums are exact in every arithmetic.
pub const BOUNDS: [f64; 3] = [1.0, 64.0, 65536.0];
/// Of every summary; observations below 256 have buckets of their own.
pub const QUANTILES: [f64; 2] = [0.5, 1.0];
/// Of every state set.
pub const STATES: [&str; 2] = ["on", "o\"ff\\\n"];

/// When the operations of one in-flight age began, in seconds.
#[derive(Clone, Debug, Default)]
pub struct Running(Rc<RefCell<Vec<u64>>>);

impl Running {
    /// One begins.
    pub fn start(&self, now: u64) {
        self.0.borrow_mut().push(now);
    }

    /// One that began then ends.
    pub fn finish(&self, since: u64) {
        let mut running = self.0.borrow_mut();
        if let Some(at) = running.iter().position(|start| *start == since) {
            running.swap_remove(at);
        }
    }
}

/// What one series should show.
#[derive(Debug)]
pub enum Series {
    /// A whole number.
    Count(u64),
    /// A number.
    Number(f64),
    /// What a callback gives, whatever else is recorded.
    Called(f64),
    /// A histogram's observations.
    Sizes(Vec<u32>),
    /// Which of [`STATES`] are on.
    States([bool; 2]),
    /// A summary's observations.
    Summary(Vec<u32>),
    /// What is in a gauge histogram.
    Present(Vec<u32>),
    /// Operations in flight.
    Age(Running),
}

impl Series {
    /// Changes a number.
    ///
    /// # Panics
    /// If it is of another type.
    pub fn change(&mut self, to: impl FnOnce(f64) -> f64) {
        match self {
            Series::Number(value) => *value = to(*value),
            Series::Called(_) => {}
            other => panic!("a number was taken by {other:?}"),
        }
    }

    /// Adds an observation.
    ///
    /// # Panics
    /// If it is of another type.
    pub fn push(&mut self, size: u32) {
        match self {
            Series::Sizes(list) | Series::Summary(list) | Series::Present(list) => list.push(size),
            other => panic!("an observation was taken by {other:?}"),
        }
    }
}

/// What all series of a family share, and the series by label values.
#[derive(Debug)]
struct Metrics {
    help: String,
    kind: &'static str,
    label: String,
    series: BTreeMap<[String; 2], Series>,
}

/// A registry whose families have the label `first` and another one.
#[derive(Debug, Default)]
pub struct Model<'a> {
    prefix: Option<&'a str>,
    /// Seconds since the beginning.
    pub now: u64,
    families: BTreeMap<String, Metrics>,
}

impl<'a> Model<'a> {
    /// Without families; `prefix` is before the name of each.
    pub fn new(prefix: Option<&'a str>) -> Self {
        Self { prefix, ..Self::default() }
    }

    /// Finds a series, or makes it; the family, too, with a help text and a label's name.
    pub fn find(
        &mut self,
        name: &str,
        (help, label): (&str, &str),
        values: [&str; 2],
        kind: &'static str,
        empty: Series,
    ) -> &mut Series {
        let name = self.prefix.map_or(name.to_owned(), |prefix| format!("{prefix}_{name}"));
        let (help, label) = (help.to_owned(), label.to_owned());
        let new = || Metrics { help, kind, label, series: BTreeMap::new() };
        let family = self.families.entry(name).or_insert_with(new);
        assert_eq!(family.kind, kind, "two types in one family");
        family.series.entry(values.map(str::to_owned)).or_insert(empty)
    }

    /// Removes every series with this value of `first`; says how many.
    pub fn remove(&mut self, value: &str) -> usize {
        let mut count = 0;
        for family in self.families.values_mut() {
            let before = family.series.len();
            family.series.retain(|values, _| values[0] != value);
            count += before - family.series.len();
        }
        count
    }

    /// The families with series, as a reader should find them.
    fn families(&self, constant: Option<(&str, &str)>) -> Vec<Family> {
        let mut families = Vec::new();
        for (name, of) in self.families.iter().filter(|(_, of)| !of.series.is_empty()) {
            let family = |suffix: &str, kind: &str| Family {
                name: format!("{name}{suffix}"),
                help: Some(of.help.clone()),
                kind: kind.to_owned(),
                samples: Vec::new(),
            };
            let mut own = family("", of.kind);
            let (mut count, mut sum) = (family("_gcount", "gauge"), family("_gsum", "gauge"));
            let mut gauges = false;
            for (values, series) in &of.series {
                let pairs = [("first", values[0].as_str()), (&of.label, values[1].as_str())];
                let labels = pairs.into_iter().chain(constant);
                let labels: Vec<_> =
                    labels.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
                self.samples(name, &labels, series, &mut own.samples);
                if let Series::Present(sizes) = series {
                    gauges = true;
                    let total = sizes.iter().map(|&size| f64::from(size)).sum::<f64>() + 0.0;
                    for (family, value) in [(&mut count, sizes.len() as f64), (&mut sum, total)] {
                        let name = family.name.clone();
                        family.samples.push(sample(name, labels.clone(), value));
                    }
                }
            }
            families.push(own);
            families.extend(gauges.then_some([count, sum]).into_iter().flatten());
        }
        families
    }

    /// The samples of one series under its family's own name.
    fn samples(
        &self,
        name: &str,
        labels: &[(String, String)],
        series: &Series,
        out: &mut Vec<Sample>,
    ) {
        let mut push = |suffix: &str, last: Option<(&str, &str)>, value: f64| {
            let last = last.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let labels = labels.iter().cloned().chain(last).collect();
            out.push(sample(format!("{name}{suffix}"), labels, value));
        };
        match series {
            Series::Count(value) => push("", None, *value as f64),
            Series::Number(value) | Series::Called(value) => push("", None, *value),
            Series::States(on) => {
                for (state, on) in STATES.into_iter().zip(*on) {
                    push("", Some((name, state)), f64::from(u8::from(on)));
                }
            }
            Series::Age(running) => {
                let oldest = running.0.borrow().iter().min().map_or(0, |start| self.now - start);
                push("", None, oldest as f64);
            }
            Series::Sizes(sizes) | Series::Present(sizes) => {
                for (bound, le) in BOUNDS.iter().zip(["1.0", "64.0", "65536.0"]) {
                    let below = sizes.iter().filter(|size| f64::from(**size) <= *bound).count();
                    push("_bucket", Some(("le", le)), below as f64);
                }
                push("_bucket", Some(("le", "+Inf")), sizes.len() as f64);
                push("_count", None, sizes.len() as f64);
                push("_sum", None, sizes.iter().map(|size| f64::from(*size)).sum::<f64>() + 0.0);
            }
            Series::Summary(values) => {
                let mut sorted = values.clone();
                sorted.sort_unstable();
                for (q, text) in QUANTILES.into_iter().zip(["0.5", "1.0"]) {
                    let rank = (q * sorted.len() as f64).ceil() as usize;
                    push("", Some(("quantile", text)), f64::from(sorted[rank.max(1) - 1]));
                }
                push("_count", None, sorted.len() as f64);
                push("_sum", None, sorted.iter().map(|value| f64::from(*value)).sum::<f64>() + 0.0);
            }
        }
    }
}

fn sample(name: String, labels: Vec<(String, String)>, value: f64) -> Sample {
    // One NaN is as good as another.
    let value = if value.is_nan() { f64::NAN } else { value };
    Sample { name, labels, raw: String::new(), value }
}

/// What was read is what the model has, in the order of the families' names, and nothing else.
///
/// # Panics
/// If it is not.
pub fn assert_same(read: Vec<Family>, model: &Model<'_>, constant: Option<(&str, &str)>) {
    compare(read, model.families(constant));
}

/// The same where every counter's name ends in `_total`, whether it was registered so or not.
///
/// # Panics
/// If it is not.
pub fn assert_same_but_total(read: Vec<Family>, model: &Model<'_>, constant: Option<(&str, &str)>) {
    let mut expected = model.families(constant);
    let counters = expected.iter_mut().filter(|family| family.kind == "counter");
    for counter in counters.filter(|family| !family.name.ends_with("_total")) {
        counter.name.push_str("_total");
        counter.samples.iter_mut().for_each(|sample| sample.name.push_str("_total"));
    }
    compare(read, expected);
}

fn compare(read: Vec<Family>, expected: Vec<Family>) {
    // The engine's own families come when there is something to tell, such as a refused value.
    let known = |name: &str| expected.iter().any(|family| family.name == name);
    let mut read = read;
    read.retain(|family| known(&family.name) || !family.name.starts_with("tmc_engine_"));
    let names = |families: &[Family]| -> Vec<_> {
        families.iter().map(|family| family.name.clone()).collect()
    };
    assert_eq!(names(&read), names(&expected));
    for (found, expected) in read.iter().zip(&expected) {
        let (help, wanted) = (found.help.as_deref(), expected.help.as_deref());
        assert_eq!((help.unwrap_or(""), &found.kind), (wanted.unwrap_or(""), &expected.kind));
        let sorted = |family: &Family| {
            let mut keys: Vec<_> =
                family.samples.iter().map(|sample| key(sample, &family.kind)).collect();
            keys.sort();
            keys
        };
        assert_eq!(sorted(found), sorted(expected), "{}", found.name);
    }
}

type Key = (String, Vec<(String, String)>, u64);

fn key(sample: &Sample, kind: &str) -> Key {
    let mut labels = sample.labels.clone();
    // However it is spelled, it is a number.
    let number = match kind {
        "histogram" => "le",
        "summary" => "quantile",
        _ => "",
    };
    for (_, value) in labels.iter_mut().filter(|(name, _)| name == number) {
        *value = text::number(value).expect("a number in the label").to_string();
    }
    labels.sort();
    let value = if sample.value.is_nan() { f64::NAN } else { sample.value };
    (sample.name.clone(), labels, value.to_bits())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model<'static> {
        let mut model = Model::new(Some("p"));
        let new = ("h", "l");
        model.find("g", new, ["x", "1"], "gauge", Series::Number(0.0)).change(|_| 2.0);
        model.find("s", new, ["x", "1"], "summary", Series::Summary(Vec::new())).push(7);
        model
    }

    const TEXT: &str = concat!(
        "# HELP p_g h\n# TYPE p_g gauge\np_g{first=\"x\",l=\"1\"} 2\n",
        "# HELP p_s h\n# TYPE p_s summary\n",
        "p_s{first=\"x\",l=\"1\",quantile=\"0.5\"} 7\n",
        "p_s{first=\"x\",l=\"1\",quantile=\"1.0\"} 7\n",
        "p_s_sum{first=\"x\",l=\"1\"} 7\np_s_count{first=\"x\",l=\"1\"} 1\n"
    );

    #[test]
    fn what_is_the_same_passes_and_anything_else_does_not() {
        let read = |text: &str| text::parse(text.as_bytes()).unwrap();
        assert_same(read(TEXT), &model(), None);
        for (from, to) in [("2\n", "3\n"), ("l=", "m="), ("h\n", "i\n"), ("0.5", "0.6")] {
            let other = read(&TEXT.replacen(from, to, 1));
            let differs = std::panic::catch_unwind(|| assert_same(other, &model(), None));
            assert!(differs.is_err(), "{from:?} for {to:?}");
        }
        let mut removed = model();
        assert_eq!((removed.remove("y"), removed.remove("x")), (0, 2));
        assert_same(Vec::new(), &removed, None);
    }
}
