//! An exposition as the tests compare it, of whatever format: families with all that readers see.
//! Upstream: judges, which read it, and tests, which expect it. Downstream: nothing.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::text::Key;

/// Families by name.
pub type Families = BTreeMap<String, Family>;

/// A family.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Family {
    /// As the format calls it.
    pub kind: String,
    /// Not escaped.
    pub help: String,
    /// Empty without one.
    pub unit: String,
    /// Labels with an empty value are absent.
    pub samples: BTreeMap<Key, Sample>,
}

/// A sample, less its name and its labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The value.
    pub value: f64,
    /// The exemplar, if there is one.
    pub exemplar: Option<Exemplar>,
}

/// An exemplar.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// Names and values.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
    /// Seconds since 1970.
    pub timestamp: f64,
}

/// Name and labels of a series.
pub fn key(name: &str, labels: &[(&str, &str)]) -> Key {
    let labels = labels.iter().filter(|(_, value)| !value.is_empty());
    (name.to_owned(), labels.map(|&(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// All samples of all families.
pub fn samples(families: &Families) -> impl Iterator<Item = (&Key, &Sample)> {
    families.values().flat_map(|family| &family.samples)
}

/// Compares two expositions. NaN equals itself, and the sign of a zero does not count: some readers
/// read whole numbers as integers.
///
/// # Panics
/// If they differ, with the first difference.
#[track_caller]
pub fn assert_same(read: &Families, expected: &Families) {
    let names = |families: &Families| families.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(read), names(expected));
    for (name, expected) in expected {
        let found = &read[name];
        let about = |family: &Family| [&family.kind, &family.help, &family.unit].map(String::clone);
        assert_eq!(about(found), about(expected), "{name}");
        let keys = |family: &Family| family.samples.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(found), keys(expected));
        for (key, sample) in &found.samples {
            assert_eq!(written(sample), written(&expected.samples[key]), "{key:?}");
        }
    }
}

/// Such that NaN equals itself.
fn written(sample: &Sample) -> String {
    format!("{} {:?}", sample.value + 0.0, sample.exemplar)
}

/// As `check_exposition.py --expect` takes them.
pub(crate) fn expectation(families: &Families, help: bool) -> Value {
    let samples = samples(families).map(|((name, labels), sample)| {
        let mut expected =
            json!({ "name": name, "labels": labels, "value": format!("{:?}", sample.value) });
        if let Some(exemplar) = &sample.exemplar {
            let value = format!("{:?}", exemplar.value);
            expected["exemplar"] = json!({ "labels": exemplar.labels, "value": value });
        }
        expected
    });
    let samples: Vec<Value> = samples.collect();
    let helps = families.iter().filter(|_| help).map(|(name, family)| (name, &family.help));
    json!({ "samples": samples, "help": helps.collect::<BTreeMap<_, _>>() })
}
