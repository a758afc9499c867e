//! Reads text format 0.0.4, strictly and plainly. Upstream: the tests. Downstream: nothing.
//!
//! Written from the format's description and apart from the encoder, so that the tests have an
//! opinion of their own to compare with the official parsers.

use std::collections::{BTreeMap, BTreeSet};

/// Name and labels of a series. Labels with an empty value are absent, as in Prometheus.
pub type Key = (String, BTreeMap<String, String>);

/// A whole exposition.
#[derive(Debug, Default)]
pub struct Exposition {
    /// The value of each series.
    pub samples: BTreeMap<Key, f64>,
    /// The type of each family.
    pub types: BTreeMap<String, String>,
}

impl Exposition {
    /// Reads an exposition.
    ///
    /// # Panics
    /// On anything that is not exactly as our encoder has to write it: HELP, TYPE and samples of
    /// a family in one group, no comments, no blank lines, no series twice.
    pub fn read(text: &str) -> Self {
        assert!(text.is_empty() || text.ends_with('\n'), "the last line is cut off");
        let mut read = Self::default();
        let (mut helped, mut family) = (BTreeSet::new(), None::<(&str, &str)>);
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let name = help.split(' ').next().unwrap_or_default();
                assert!(helped.insert(name), "a second HELP: {line}");
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').expect(line);
                let known = ["counter", "gauge", "histogram", "summary", "untyped"].contains(&kind);
                assert!(known, "an unknown type: {line}");
                assert!(helped.contains(name), "no HELP before: {line}");
                let second = read.types.insert(name.to_owned(), kind.to_owned());
                assert!(second.is_none(), "a second TYPE: {line}");
                family = Some((name, kind));
            } else {
                let (key, value) = sample(line).unwrap_or_else(|| panic!("malformed: {line}"));
                let (name, kind) = family.expect("metadata before the first sample");
                let suffix = key.0.strip_prefix(name);
                let fits = match kind {
                    "histogram" => matches!(suffix, Some("_bucket" | "_sum" | "_count")),
                    "summary" if key.1.contains_key("quantile") => suffix == Some(""),
                    "summary" => matches!(suffix, Some("_sum" | "_count")),
                    _ => suffix == Some(""),
                };
                assert!(fits, "a sample outside of its family {name}: {line}");
                assert!(read.samples.insert(key, value).is_none(), "a series twice: {line}");
            }
        }
        read
    }

    /// The type of the family that a sample's name belongs to.
    pub fn type_of(&self, sample: &str) -> &str {
        let of_several = || {
            let name = ["_bucket", "_sum", "_count"].iter().find_map(|s| sample.strip_suffix(s))?;
            self.types.get(name).filter(|kind| ["histogram", "summary"].contains(&kind.as_str()))
        };
        self.types.get(sample).or_else(of_several).map_or("untyped", String::as_str)
    }
}

/// `name value` or `name{labels} value`.
fn sample(line: &str) -> Option<(Key, f64)> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(mut inner) = rest.strip_prefix('{') {
        loop {
            let (label, value) = inner.split_once("=\"")?;
            let (value, after) = unescape(value)?;
            let second = labels.insert(label.to_owned(), value);
            second.is_none().then_some(())?;
            match after.strip_prefix(',') {
                Some(next) => inner = next,
                None => break rest = after.strip_prefix('}')?,
            }
        }
    }
    labels.retain(|_, value| !value.is_empty());
    let value = match rest.strip_prefix(' ')? {
        "NaN" => f64::NAN,
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        number if number.bytes().all(|b| b"0123456789.e+-".contains(&b)) => number.parse().ok()?,
        _ => return None,
    };
    Some(((name.to_owned(), labels), value))
}

/// A label value up to its closing quote, and what follows that.
fn unescape(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text.chars();
    loop {
        match rest.next()? {
            '"' => return Some((value, rest.as_str())),
            '\\' => value.push(match rest.next()? {
                'n' => '\n',
                escaped @ ('\\' | '"') => escaped,
                _ => return None,
            }),
            plain => value.push(plain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const META: &str = "# HELP a b\n# TYPE a counter\n";

    #[test]
    fn labels_are_unescaped_and_empty_ones_absent() {
        let line = "a{x=\"\\\\n\\n\\\"},{\",y=\"\",z=\"ü\"} 1.5e-7\n";
        let read = Exposition::read(&format!("{META}{line}"));
        let labels = [("x", "\\n\n\"},{"), ("z", "ü")];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(read.samples.get(&("a".to_owned(), labels)), Some(&1.5e-7));
        assert_eq!(read.type_of("a"), "counter");
    }

    #[test]
    fn what_breaks_a_rule_is_refused() {
        let bad = [
            "a 1",
            "a  1\n",
            "a{} 1\n",
            "a{x=\"1\",} 1\n",
            "a{x=\"\\t\"} 1\n",
            "a{x=\"1\"}1\n",
            "a 0x1\n",
            "a inf\n",
            "b 1\n",
            "a_sum 1\n",
            "a 1\na 2\n",
            "a{x=\"1\",x=\"2\"} 1\n",
            "\n",
            "# HELP a b\n",
            "# TYPE a counter\n",
            "# TYPE c counter\n",
            "a 1 1\n",
            "# HELP s b\n# TYPE s summary\ns 1\n",
            "# HELP s b\n# TYPE s summary\ns_sum{quantile=\"1\"} 1\n",
        ];
        for lines in bad {
            let text = format!("{META}{lines}");
            assert!(std::panic::catch_unwind(|| Exposition::read(&text)).is_err(), "{lines:?}");
        }
    }
}
