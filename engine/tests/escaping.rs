//! The four escaping schemes: documented and known results, and what must hold for every name.
//! Upstream: `Escaping`. Oracle: naive un-escaping, and the grammar of legacy names.

use proptest::prelude::*;
use std::borrow::Cow;
use tmc_engine::Escaping::{self, AllowUtf8, Dots, Underscores, Values};

/// Name, then what it is under underscores, dots and values.
const METRICS: [[&str; 4]; 18] = [
    ["", "", "", ""],
    ["requests_total", "requests_total", "requests_total", "requests_total"],
    ["job:requests:rate5m", "job:requests:rate5m", "job:requests:rate5m", "job:requests:rate5m"],
    // The document's examples; its `metric_2E` is lower case on the wire.
    [
        "metric.name/with/slashes",
        "metric_name_with_slashes",
        "metric_dot_name__with__slashes",
        "U__metric_2e_name_2f_with_2f_slashes",
    ],
    [
        "metric.name.with.dots",
        "metric_name_with_dots",
        "metric_dot_name_dot_with_dot_dots",
        "U__metric_2e_name_2e_with_2e_dots",
    ],
    ["metric.name", "metric_name", "metric_dot_name", "U__metric_2e_name"],
    // The document's `metric_2E_name` for `metric.name` must not be taken for an escaped one.
    ["metric_2e_name", "metric_2e_name", "metric_2e_name", "metric_2e_name"],
    [
        "mysystem.prod.west.cpu.load",
        "mysystem_prod_west_cpu_load",
        "mysystem_dot_prod_dot_west_dot_cpu_dot_load",
        "U__mysystem_2e_prod_2e_west_2e_cpu_2e_load",
    ],
    ["cpu.load_total", "cpu_load_total", "cpu_dot_load__total", "U__cpu_2e_load__total"],
    ["a b", "a_b", "a__b", "U__a_20_b"],
    ["9.lives", "__lives", "___dot_lives", "U___39__2e_lives"],
    ["9lives", "_lives", "__lives", "U___39_lives"],
    ["a9.b", "a9_b", "a9_dot_b", "U__a9_2e_b"],
    ["gr\u{f6}\u{df}e", "gr__e", "gr____e", "U__gr_f6__df_e"],
    ["\u{82b1}.\u{706b}", "___", "___dot___", "U___82b1__2e__706b_"],
    ["fire\u{1f525}", "fire_", "fire__", "U__fire_1f525_"],
    ["a\"b\\c\n", "a_b_c_", "a__b__c__", "U__a_22_b_5c_c_a_"],
    // Legacy, yet un-escaped it would be `a.b`.
    ["U__a_2e_b", "U__a_2e_b", "U__a_2e_b", "U__U____a__2e__b"],
];

#[test]
fn metric_names_become_what_scrapers_expect() {
    for [name, underscores, dots, values] in METRICS {
        assert_eq!(Underscores.metric_name(name), underscores);
        assert_eq!(Dots.metric_name(name), dots);
        assert_eq!(Values.metric_name(name), values);
        assert_eq!(AllowUtf8.metric_name(name), name);
    }
}

#[test]
fn a_colon_is_legacy_in_metric_names_only() {
    for scheme in Escaping::ALL {
        assert_eq!(scheme.metric_name("a:b"), "a:b", "{scheme:?}");
    }
    assert_eq!(Underscores.label_name("a:b_c"), "a_b_c");
    assert_eq!(Dots.label_name("a:b_c"), "a__b__c");
    assert_eq!(Values.label_name("a:b_c"), "U__a_3a_b__c");
    assert_eq!(AllowUtf8.label_name("a:b_c"), "a:b_c");
    // Without a colon, both rules are the same.
    for [name, ..] in METRICS.iter().filter(|[name, ..]| !name.contains(':')) {
        for scheme in Escaping::ALL {
            assert_eq!(scheme.label_name(name), scheme.metric_name(name));
        }
    }
}

#[test]
fn schemes_have_the_names_that_scrapers_ask_with() {
    let names = Escaping::ALL.map(Escaping::parameter);
    assert_eq!(names, ["underscores", "allow-utf-8", "dots", "values"]);
    assert_eq!(Escaping::default(), Underscores);
}

/// `[a-zA-Z_:][a-zA-Z0-9_:]*`, or the same without colons.
fn is_legacy(name: &str, colons: bool) -> bool {
    let head = |c: char| c.is_ascii_alphabetic() || c == '_' || (colons && c == ':');
    name.starts_with(head) && name.chars().all(|c| head(c) || c.is_ascii_digit())
}

/// What a Prometheus makes of a name that was escaped by its values.
fn unescape(escaped: &str) -> String {
    let Some(mut rest) = escaped.strip_prefix("U__") else { return escaped.into() };
    let mut name = String::new();
    while let Some((plain, after)) = rest.split_once('_') {
        name.push_str(plain);
        if let Some(after) = after.strip_prefix('_') {
            name.push('_');
            rest = after;
        } else {
            let (code, after) = after.split_once('_').unwrap();
            name.push(char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap());
            rest = after;
        }
    }
    name + rest
}

/// Names of few characters, so that any two are often alike.
fn names() -> impl Strategy<Value = String> {
    prop_oneof!["[aU_.:2e9-]{1,6}", "U__[a_2e.]{0,6}", "\\PC{1,8}", "(?s).{1,8}"]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn an_escaped_name_is_legacy(name in names()) {
        for scheme in [Underscores, Dots, Values] {
            let (metric, label) = (scheme.metric_name(&name), scheme.label_name(&name));
            prop_assert!(is_legacy(&metric, true), "{scheme:?}: {metric}");
            prop_assert!(is_legacy(&label, false), "{scheme:?}: {label}");
        }
    }

    #[test]
    fn a_legacy_name_stays(name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,8}") {
        for scheme in Escaping::ALL {
            let stays = |escaped: Cow<'_, str>| matches!(escaped, Cow::Borrowed(same) if same == name);
            if scheme != Values || !name.starts_with("U__") {
                prop_assert!(stays(scheme.metric_name(&name)));
                prop_assert!(name.contains(':') || stays(scheme.label_name(&name)));
            }
        }
    }

    #[test]
    fn values_are_reversible(name in names()) {
        prop_assert_eq!(unescape(&Values.metric_name(&name)), &*name);
        prop_assert_eq!(unescape(&Values.label_name(&name)), &*name);
    }

    #[test]
    fn values_keep_names_apart(one in names(), other in names()) {
        prop_assume!(one != other);
        prop_assert_ne!(Values.metric_name(&one), Values.metric_name(&other));
        prop_assert_ne!(Values.label_name(&one), Values.label_name(&other));
    }

    #[test]
    fn dots_are_reversible_for_names_with_single_underscores(name in "[a-c]+([._][a-c]+){0,4}") {
        // As Prometheus does it: first dots, then underscores.
        let unescaped = Dots.metric_name(&name).replace("_dot_", ".").replace("__", "_");
        prop_assert_eq!(unescaped, name);
    }
}
