//! Names beyond ASCII letters, digits and underscores: which a registry takes, and which it refuses
//! because a scraper that gets names escaped could not tell them apart.
//! Upstream: `RegistryBuilder::utf8_names`. Oracle: what each format exposes under each scheme.

use std::collections::HashSet;
use std::fmt::Debug;
use tmc_engine::{Escaping, HistogramSpec, Kind, RegisterError, Registry, SummarySpec};

fn utf8() -> Registry {
    Registry::builder().utf8_names(true).build().unwrap()
}

fn message<T: Debug>(refused: Result<T, RegisterError>) -> String {
    refused.unwrap_err().to_string()
}

/// Registers a family of this type without labels.
fn register(registry: &Registry, name: &str, kind: Kind) -> Result<(), RegisterError> {
    let spec = HistogramSpec::bytes(&[1.0]);
    match kind {
        Kind::Counter => registry.counter(name, "").map(drop),
        Kind::Info => registry.info(name, "", &[]).map(drop),
        Kind::Histogram => registry.histogram(name, "", &spec).map(drop),
        Kind::GaugeHistogram => registry.gauge_histogram(name, "", &spec).map(drop),
        Kind::Summary => registry.summary(name, "", &SummarySpec::bytes(&[0.5])).map(drop),
        Kind::StateSet => registry.state_set(name, "", &["on"]).map(drop),
        _ => registry.gauge(name, "").map(drop),
    }
}

#[test]
fn names_of_other_worlds_are_taken_on_request() {
    let registry = utf8();
    for name in ["http.server.duration", "größe", "a-b", "c/d", "e\"\\{}", "f花🔥", "plain"] {
        registry.counter_family(name, "", [name]).unwrap().with(["x"]).inc();
        let snapshot = registry.snapshot();
        let family = snapshot.family(name).unwrap();
        assert!(family.name() == name && family.label_names().eq([name]), "kept as they are");
    }
    assert!(registry.gauge_family("g", "", ["a:b"]).is_ok(), "a label may have a colon");
    assert!(Registry::builder().utf8_names(true).prefix("my.app").build().is_ok());
    assert!(Registry::builder().prefix("my.app").build().is_err());
    assert!(Registry::builder().utf8_names(true).constant_label("k8s.pod", "p").build().is_ok());
    assert!(Registry::builder().constant_label("k8s.pod", "p").build().is_err());
}

#[test]
fn mistakes_are_refused_all_the_same() {
    let registry = utf8();
    let refused = |name: &str| message(registry.counter(name, ""));
    assert_eq!(refused(""), r#"invalid metric name "": it is empty"#);
    for (name, reason) in [
        ("_hits", "a leading underscore is reserved: remove it"),
        ("__name__", "a leading underscore is reserved: remove it"),
        ("9.lives", "it begins with a digit: put a letter first"),
    ] {
        assert_eq!(refused(name), format!("invalid metric name {name:?}: {reason}"));
    }
    for name in ["a.b:c", "a:b"] {
        assert!(refused(name).contains("colons are for the names of recording rules"), "{name}");
    }
    for name in
        ["a b", "a.b ", "a\u{a0}b", "a\u{3000}b", "a\n", "a\tb", "a\0", "a\u{7f}", "a\u{85}"]
    {
        let reason = "it has a blank or a control character: use a dot or an underscore";
        assert_eq!(refused(name), format!("invalid metric name {name:?}: {reason}"));
        let label = message(registry.counter_family("c", "", [name]));
        assert_eq!(label, format!("invalid label name {name:?} of c: {reason}"));
    }
    // Their first character would become an underscore.
    for name in [".hits", "été", "花", "-a", ":a", " a"] {
        let reason =
            "it does not begin with an ASCII letter, so that scrapers may get a leading underscore";
        assert_eq!(refused(name), format!("invalid metric name {name:?}: {reason}"));
        assert!(message(registry.counter_family("c", "", [name])).contains(reason));
    }
    let taken = message(registry.histogram_family("h", "", ["le"], &HistogramSpec::bytes(&[])));
    assert!(taken.contains("a histogram adds `le` itself"), "{taken}");
    assert!(registry.snapshot().families().len() == 0, "a refused family has come");
}

#[test]
fn names_that_a_scheme_makes_equal_are_refused_together() {
    use Kind::{Counter, Gauge, Histogram, Info, Summary};
    for (first, second, scheme) in [
        (("a.b", Gauge), ("a_b", Gauge), "underscores"),
        (("a.b", Gauge), ("a-b", Gauge), "underscores"),
        (("a.b", Histogram), ("a_b_count", Gauge), "underscores"),
        (("a.b_total", Counter), ("a_b_created", Gauge), "underscores"),
        (("a.b", Counter), ("a-b_total", Gauge), "underscores"),
        (("a.b", Summary), ("a_b", Counter), "underscores"),
        (("a.b_info", Info), ("a_b", Gauge), "underscores"),
        (("a.b", Gauge), ("a_dot_b", Gauge), "dots"),
        (("a.b", Counter), ("a_dot_b", Gauge), "dots"),
        (("a.b", Histogram), ("a_dot_b_sum", Gauge), "dots"),
        (("a.b_total", Counter), ("a_dot_b__total", Gauge), "dots"),
    ] {
        for (one, other) in [(first, second), (second, first)] {
            let registry = utf8();
            register(&registry, one.0, one.1).unwrap();
            let refused = register(&registry, other.0, other.1).unwrap_err();
            let RegisterError::EscapedClash { family, existing, escaping, .. } = refused else {
                panic!("{other:?} after {one:?}: {refused}");
            };
            assert_eq!((&*family, &*existing, escaping), (other.0, one.0, scheme));
        }
    }
    let registry = utf8();
    registry.gauge("a.b", "").unwrap();
    assert_eq!(
        message(registry.gauge("a_b", "")),
        "a_b would expose a_b to a scraper that asks for escaping=underscores, as a.b does already: rename one of the two"
    );
    // What is the same without any escaping is told without it.
    registry.counter("x.y", "").unwrap();
    assert_eq!(
        message(registry.gauge("x.y_total", "")),
        "x.y_total would expose x.y_total, which x.y exposes already: rename one of the two"
    );
    // `p_dot_q` both, but never for the same scraper.
    assert!(registry.gauge("p.q", "").is_ok() && registry.gauge("p.dot.q", "").is_ok());
    // Names that look escaped are escaped, too.
    assert!(registry.gauge("U__p_2e_q", "").is_ok());
}

#[test]
fn labels_that_a_scheme_makes_equal_are_refused() {
    let registry = utf8();
    assert_eq!(
        message(registry.counter_family("c", "", ["a.b", "x", "a_b"])),
        r#"labels "a.b" and "a_b" of c are both a_b for a scraper that asks for escaping=underscores: rename one of the two"#
    );
    let dots = message(registry.counter_family("c", "", ["a_dot_b", "a.b"]));
    assert!(dots.contains(r#""a_dot_b" and "a.b" of c"#) && dots.contains("dots"), "{dots}");
    assert!(registry.counter_family("c", "", ["a.b", "a.c"]).is_ok());

    let constant = Registry::builder().utf8_names(true).constant_label("a.b", "x").build().unwrap();
    let refused = constant.counter_family("c", "", ["a-b"]);
    assert!(matches!(refused, Err(RegisterError::EscapedLabel { .. })), "{refused:?}");
    let twice = Registry::builder().utf8_names(true);
    let refused = twice.constant_label("a.b", "").constant_label("a_b", "").build();
    assert!(message(refused).contains("of the registry"));

    // The label that the type adds.
    let refused = registry.state_set_family("node.phase", "", ["node_phase"], &["on"]);
    assert!(matches!(refused, Err(RegisterError::EscapedLabel { .. })), "{refused:?}");
    let refused = message(registry.state_set_family("node.phase", "", ["node.phase"], &["on"]));
    assert!(refused.contains("a state set adds the label of its own name"), "{refused}");
}

/// Names of families and samples in text and in OpenMetrics under a scheme.
fn exposed(name: &str, kind: Kind, scheme: Escaping) -> [HashSet<String>; 2] {
    let escaped = |name: &str| scheme.metric_name(name).into_owned();
    let with = |base: &str, suffixes: &[&str]| -> HashSet<String> {
        suffixes.iter().map(|suffix| format!("{base}{suffix}")).collect()
    };
    let classic: &[&str] = match kind {
        Kind::Histogram => &["", "_bucket", "_sum", "_count"],
        Kind::GaugeHistogram => &["", "_bucket", "_sum", "_count", "_gsum", "_gcount"],
        Kind::Summary => &["", "_sum", "_count"],
        _ => &[""],
    };
    let suffix = match kind {
        Kind::Counter => "_total",
        Kind::Info => "_info",
        _ => "",
    };
    let text = with(&escaped(name), classic);
    let main = escaped(&format!("{}{suffix}", name.strip_suffix(suffix).unwrap_or(name)));
    let base = main.strip_suffix(suffix).unwrap();
    let mut open = match kind {
        Kind::Counter => with(base, &["", "_total", "_created"]),
        Kind::Info => with(base, &["", "_info"]),
        _ => with(base, classic),
    };
    if matches!(kind, Kind::Histogram | Kind::Summary) {
        open.insert(format!("{base}_created"));
    }
    [text, open]
}

fn families() -> Vec<(String, Kind)> {
    use Kind::{Counter, Gauge, GaugeHistogram, Histogram, Info, StateSet, Summary};
    let mut families = Vec::new();
    for stem in ["a.b", "a_b", "a_dot_b"] {
        for suffix in ["", "_total", "_created", "_sum", "_info", "__total", "_"] {
            let name = format!("{stem}{suffix}");
            families.push((format!("{}_info", name.trim_end_matches("_info")), Info));
            let kinds = [Counter, Gauge, Histogram, GaugeHistogram, Summary, StateSet];
            families.extend(kinds.map(|kind| (name.clone(), kind)));
        }
    }
    families
}

#[test]
fn no_scraper_gets_a_name_from_two_families() {
    let families = families();
    let exposed: Vec<_> = families
        .iter()
        .map(|(name, kind)| Escaping::ALL.map(|scheme| exposed(name, *kind, scheme)))
        .collect();
    let mut met = 0;
    for (a, (first, kind)) in families.iter().enumerate() {
        for (b, (second, other)) in families.iter().enumerate().filter(|(_, (b, _))| b != first) {
            let mut both = exposed[a].iter().flatten().zip(exposed[b].iter().flatten());
            if both.all(|(one, other)| one.is_disjoint(other)) {
                continue;
            }
            met += 1;
            let registry = utf8();
            register(&registry, first, *kind).unwrap();
            let refused = register(&registry, second, *other);
            assert!(refused.is_err(), "{other} {second} beside {kind} {first}");
        }
    }
    assert!(met > 1000, "only {met} pairs meet");
}
