//! Negotiation and filters against slow judges. The first line of an input is a query, each further
//! one a header: `a` and the value of an `Accept`, or `e` and that of an `Accept-Encoding`.
//!
//! Upstream: libFuzzer. Downstream: `tmc_exposition::Preferences` and `Names`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tmc_engine::Kind;
use tmc_exposition::{Names, Preferences};
use tmc_fuzz::{negotiation, query};

fuzz_target!(|input: &[u8]| run(input));

fn run(input: &[u8]) {
    let mut lines = input.split(|&byte| byte == b'\n');
    filter(lines.next().unwrap_or_default());

    let mut preferences = Preferences::default();
    let (mut accepts, mut codings) = (Vec::new(), Vec::new());
    for line in lines {
        match line {
            [b'a', value @ ..] => {
                preferences.accept(value);
                accepts.push(value);
            }
            [b'e', value @ ..] => {
                preferences.accept_encoding(value);
                codings.push(value);
            }
            _ => {}
        }
        let content_type = preferences.exposition().content_type();
        assert_eq!(content_type, negotiation::content_type(&accepts));
        let coding = preferences.coding().token().unwrap_or("identity");
        assert_eq!(coding, negotiation::coding(&codings));
    }
}

fn filter(query: &[u8]) {
    let Ok(query) = std::str::from_utf8(query) else { return };
    let asked = query::names(query);
    let Ok(names) = Names::parse(query) else {
        assert!(asked.len() > 100, "refused with {} names", asked.len());
        return;
    };
    assert!(asked.len() <= 100);
    assert_eq!(names.is_all(), asked.is_empty());
    let candidates = ["up", "hits_total", "lag", "age", "build_info"].into_iter();
    for family in candidates.chain(asked.iter().take(4).map(String::as_str)) {
        for (kind, named, suffixes) in query::KINDS {
            let stem = family.strip_suffix(named).unwrap_or(family);
            let expected = asked.is_empty()
                || asked
                    .iter()
                    .any(|name| suffixes.iter().any(|end| *name == format!("{stem}{end}")));
            assert_eq!(names.selects(family, kind_of(kind)), expected, "{kind} {family}");
        }
    }
}

fn kind_of(name: &str) -> Kind {
    match name {
        "counter" => Kind::Counter,
        "gauge" => Kind::Gauge,
        "histogram" => Kind::Histogram,
        "gauge histogram" => Kind::GaugeHistogram,
        "summary" => Kind::Summary,
        "info" => Kind::Info,
        other => panic!("{other}"),
    }
}
