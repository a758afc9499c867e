//! Filters by name: `/metrics?name[]=up&name[]=hits_total`. Upstream: the query of a request.
//! Downstream: the scrape, which leaves out the families that are not selected.

use std::borrow::Cow;

use tmc_engine::Kind;

/// More names than anyone types; each is compared with every family.
const MOST: usize = 100;

/// The names that a query asks for; all, if it asks for none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names<'a> {
    names: Vec<Cow<'a, str>>,
}

/// Why a query was refused: a request that has it is answered with 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// It has more names than a server compares with every family.
    #[error(
        "more than {MOST} names to filter by: ask in several requests, or without name[] for all"
    )]
    TooMany,
}

impl<'a> Names<'a> {
    /// Reads the values of every `name[]` in a query (what follows the `?`), in which `%5B` and the
    /// like stand for bytes and `+` for a blank. Other parameters are ignored. Allocates only if there are names.
    ///
    /// # Errors
    /// When there are more than 100 names.
    pub fn parse(query: &'a str) -> Result<Self, FilterError> {
        let mut names = Vec::new();
        for (key, name) in form_urlencoded::parse(query.as_bytes()) {
            if key != "name[]" {
                continue;
            }
            if names.len() == MOST {
                return Err(FilterError::TooMany);
            }
            names.push(name);
        }
        Ok(Self { names })
    }

    /// Whether every family is selected.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether a family is to be written, all of it: if it is asked for by its own name or by that of
    /// any of its samples, in any format. `hits`, `hits_total` and `hits_created` all ask for the counter
    /// `hits_total`. Where names are escaped, ask for the name as registered and as written.
    ///
    /// Does not allocate.
    #[must_use]
    pub fn selects(&self, family: &str, kind: Kind) -> bool {
        let (stem, suffixes) = samples(family, kind);
        let asks_for_it = |name: &Cow<'_, str>| {
            let suffix = name.strip_prefix(stem);
            suffix.is_some_and(|suffix| suffix.is_empty() || suffixes.contains(&suffix))
        };
        self.is_all() || self.names.iter().any(asks_for_it)
    }
}

/// What the names of a family's samples begin with, and what follows in any of the formats.
fn samples(family: &str, kind: Kind) -> (&str, &'static [&'static str]) {
    let stem = |suffix| family.strip_suffix(suffix).unwrap_or(family);
    match kind {
        Kind::Counter | Kind::FloatCounter => (stem("_total"), &["_total", "_created"]),
        Kind::Info => (stem("_info"), &["_info"]),
        Kind::Histogram => (family, &["_bucket", "_sum", "_count", "_created"]),
        Kind::Summary => (family, &["_sum", "_count", "_created"]),
        Kind::GaugeHistogram => (family, &["_bucket", "_sum", "_count", "_gsum", "_gcount"]),
        _ => (family, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Vec<String> {
        Names::parse(query).unwrap().names.into_iter().map(Cow::into_owned).collect()
    }

    #[test]
    fn every_spelling_of_the_parameter_is_read() {
        let nothing: [&str; 0] = [];
        for query in ["", "&&", "name=a", "Name[]=a", "name[]x=a", "name%5B=a", "=a", "%"] {
            assert_eq!(asked(query), nothing, "{query}");
            assert!(Names::parse(query).unwrap().selects("any", Kind::Gauge), "{query}");
        }
        let cases: [(&str, &[&str]); 8] = [
            ("name[]=a", &["a"]),
            ("name[]=a&name[]=b&x=y", &["a", "b"]),
            ("name%5B%5D=a&name%5b%5d=b&n%61me[]=c", &["a", "b", "c"]),
            ("x&&name[]=a%2Eb&name[]=a+b", &["a.b", "a b"]),
            ("name[]=caf%C3%A9", &["café"]),
            ("name[]=a=b", &["a=b"]),
            ("name[]=%zz&name[]=%4", &["%zz", "%4"]),
            ("name[]&name[]=", &["", ""]), // a filter, though by nothing
        ];
        for (query, names) in cases {
            assert_eq!(asked(query), names, "{query}");
        }
    }

    #[test]
    fn a_family_is_asked_for_by_its_names_in_every_format() {
        let cases: [(&str, Kind, &[&str], &[&str]); 9] = [
            (
                "hits_total",
                Kind::Counter,
                &["hits", "hits_total", "hits_created"],
                &["hits_total_total", "hit", "hits_", "hits_info", "hits_totals", ""],
            ),
            ("hits", Kind::FloatCounter, &["hits", "hits_total"], &["hits_count"]),
            ("queue", Kind::Gauge, &["queue"], &["queue_total", "queue_count", "queu"]),
            ("queue_total", Kind::UpDownCounter, &["queue_total"], &["queue"]),
            (
                "lag",
                Kind::Histogram,
                &["lag", "lag_bucket", "lag_sum", "lag_count", "lag_created"],
                &["lag_gsum", "lag_total", "lag_bucket_sum"],
            ),
            (
                "lag",
                Kind::Summary,
                &["lag", "lag_sum", "lag_count"],
                &["lag_bucket", "lag_quantile"],
            ),
            ("age", Kind::GaugeHistogram, &["age_gsum", "age_sum", "age_bucket"], &["age_created"]),
            ("build_info", Kind::Info, &["build", "build_info"], &["build_info_info"]),
            ("mode", Kind::StateSet, &["mode"], &["mode_info"]),
        ];
        for (family, kind, asking, others) in cases {
            let selects = |name: &str| {
                let query = format!("name[]=other&name[]={name}");
                Names::parse(&query).unwrap().selects(family, kind)
            };
            for name in asking {
                assert!(selects(name), "{name} for the {kind} {family}");
            }
            for name in others {
                assert!(!selects(name), "{name} for the {kind} {family}");
            }
        }
    }

    #[test]
    fn names_are_bounded() {
        let query = |count| "name[]=a&".repeat(count);
        assert!(Names::parse(&query(MOST)).is_ok());
        let error = Names::parse(&query(MOST + 1)).unwrap_err();
        assert!(error.to_string().contains("100"), "{error}");
    }
}
