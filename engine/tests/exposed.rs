//! What an encoder asks a snapshot for beside values: units, buckets' forms, exemplars, the number of
//! the reading. Upstream: registration. Downstream: exposition.

use tmc_engine::{HistogramSpec, RegisterError, Registry, Snapshot, SummarySpec};

fn message<T: std::fmt::Debug>(refused: Result<T, RegisterError>) -> String {
    refused.unwrap_err().to_string()
}

fn unit<'a>(snapshot: &'a Snapshot, family: &str) -> Option<&'a str> {
    snapshot.family(family).unwrap().unit()
}

#[test]
fn a_unit_that_type_and_name_tell_needs_no_saying() {
    let registry = Registry::new();
    let (seconds, bytes) = (HistogramSpec::seconds(&[1.0]), HistogramSpec::bytes(&[1.0]));
    for (name, spec) in [
        ("wait_seconds", &seconds),
        ("size_bytes", &bytes),
        ("wait", &seconds),
        ("wait_bytes", &seconds),
        ("milliseconds", &seconds),
        ("retries_seconds", &HistogramSpec::plain(&[1.0])),
    ] {
        registry.histogram(name, "", spec).unwrap();
    }
    registry.gauge_histogram("queued_bytes", "", &bytes).unwrap();
    registry.summary("call_seconds", "", &SummarySpec::seconds(&[0.5])).unwrap();
    registry.in_flight_age("oldest_seconds", "").unwrap();
    registry.in_flight_age("oldest_age", "").unwrap();
    // Nobody knows what these count.
    registry.gauge("g_seconds", "").unwrap();
    registry.counter("c_bytes_total", "").unwrap();

    let snapshot = registry.snapshot();
    let told = ["wait_seconds", "size_bytes", "queued_bytes", "call_seconds", "oldest_seconds"];
    for family in snapshot.families() {
        let expected =
            told.contains(&family.name()).then(|| family.name().rsplit('_').next().unwrap());
        assert_eq!(family.unit(), expected, "{}", family.name());
    }
}

#[test]
fn a_unit_can_be_said() {
    let registry = Registry::builder().prefix("shop").build().unwrap();
    let bytes = registry.in_unit("bytes");
    bytes.gauge("heap_bytes", "").unwrap();
    bytes.counter("sent_bytes_total", "").unwrap();
    bytes.counter("got_bytes", "").unwrap();
    bytes.histogram("size_bytes", "", &HistogramSpec::bytes(&[])).unwrap();
    bytes.clone().gauge_family("pool_bytes", "", ["pool"]).unwrap();
    registry.in_unit("rows").histogram("batch_rows", "", &HistogramSpec::plain(&[])).unwrap();
    let snapshot = registry.snapshot();
    for family in ["heap_bytes", "sent_bytes_total", "got_bytes", "size_bytes", "pool_bytes"] {
        assert_eq!(unit(&snapshot, &format!("shop_{family}")), Some("bytes"), "{family}");
    }
    assert_eq!(unit(&snapshot, "shop_batch_rows"), Some("rows"));
    assert_eq!(unit(&snapshot, "tmc_engine_overflow_total"), None, "the engine's own");
}

#[test]
fn a_unit_that_cannot_be_says_why() {
    let registry = Registry::new();
    let bytes = registry.in_unit("bytes");
    let seconds = HistogramSpec::seconds(&[1.0]);
    for (refused, reason) in [
        (message(bytes.gauge("heap", "")), "heap: the name does not end in it: use heap_bytes"),
        (
            message(bytes.gauge("megabytes", "")),
            "megabytes: the name does not end in it: use megabytes_bytes",
        ),
        (
            message(bytes.counter("sent_total", "")),
            "sent_total: the name does not end in it: use sent_bytes_total",
        ),
        (
            message(bytes.gauge("x_bytes_total", "")),
            "x_bytes_total: the name does not end in it: use x_bytes_total_bytes",
        ),
        (
            message(bytes.histogram("wait_bytes", "", &seconds)),
            "wait_bytes: the values are in seconds: register it in that",
        ),
        (
            message(bytes.in_flight_age("age_bytes", "")),
            "age_bytes: the values are in seconds: register it in that",
        ),
        (
            message(bytes.info("build_bytes", "", &[])),
            "build_bytes_info: an info has none: register it without",
        ),
        (
            message(bytes.state_set("on_bytes", "", &["on"])),
            "on_bytes: a state set has none: register it without",
        ),
    ] {
        assert_eq!(refused, format!("invalid unit \"bytes\" of {reason}"));
    }
    for (unit, reason) in
        [("", "it is empty"), ("_bytes", "a leading underscore is reserved: remove it")]
    {
        let refused = message(registry.in_unit(unit).gauge("heap_bytes", ""));
        assert_eq!(refused, format!("invalid unit {unit:?} of heap_bytes: {reason}"));
    }
    assert!(registry.snapshot().families().len() == 0, "a refused family has come");
}

#[test]
fn another_unit_is_a_clash() {
    let registry = Registry::new();
    let bytes = registry.in_unit("bytes");
    bytes.gauge("heap_bytes", "").unwrap();
    assert!(bytes.gauge("heap_bytes", "").is_ok(), "the same again");
    assert_eq!(
        message(registry.gauge("heap_bytes", "")),
        "heap_bytes is registered with another unit, or with none: use the same, or another name"
    );
    registry.gauge("pool_bytes", "").unwrap();
    assert!(matches!(bytes.gauge("pool_bytes", ""), Err(RegisterError::UnitClash { .. })));
    // What a histogram tells by itself is the same when said.
    registry.histogram("size_bytes", "", &HistogramSpec::bytes(&[])).unwrap();
    assert!(bytes.histogram("size_bytes", "", &HistogramSpec::bytes(&[])).is_ok());
}

#[test]
fn histograms_tell_their_forms() {
    let registry = Registry::new();
    let spec = HistogramSpec::bytes(&[1.0]);
    registry.histogram("classic", "", &spec).unwrap();
    registry.histogram("both", "", &spec.clone().native(3)).unwrap();
    registry.histogram("native", "", &spec.clone().native(8).classic(false)).unwrap();
    registry.gauge_histogram("gauges", "", &spec.clone().native(0)).unwrap();
    registry.summary("summary", "", &SummarySpec::bytes(&[0.5])).unwrap();
    registry.gauge("gauge", "").unwrap();
    let snapshot = registry.snapshot();
    let forms = ["classic", "both", "native", "gauges", "summary", "gauge"].map(|family| {
        let family = snapshot.family(family).unwrap();
        (family.is_classic(), family.native_schema())
    });
    let capped = Some(6); // by the two digits that are recorded
    let expected = [
        (true, None),
        (true, Some(3)),
        (false, capped),
        (true, Some(0)),
        (false, None),
        (false, None),
    ];
    assert_eq!(forms, expected);
}

#[test]
fn a_family_tells_whether_it_has_exemplars() {
    let registry = Registry::new();
    let (some, _none) =
        (registry.counter("some", "").unwrap(), registry.counter("none", "").unwrap());
    let has = |family| registry.snapshot().family(family).unwrap().has_exemplars();
    assert!(!has("some"));
    some.inc_with(&[("trace", "1")]);
    assert!(has("some") && !has("none"));
}

#[test]
fn readings_are_numbered_in_the_order_of_their_publication() {
    const READERS: usize = 4;
    let registries = [Registry::new(), Registry::new()];
    assert_eq!(registries[0].latest().number(), 0, "never read");
    let reader = |at: usize| {
        let mut last = 0;
        let mut numbers = Vec::new();
        for turn in 0..200 {
            let registry = &registries[(at + turn) % 2];
            let latest = registry.latest().number();
            let own = registry.snapshot().number();
            assert!(own > latest, "a reading that began later has a larger number");
            assert!(registry.latest().number() >= own);
            if turn % 2 == 0 {
                assert!(own > last, "of the same registry");
                last = own;
                numbers.push(own);
            }
        }
        numbers
    };
    let numbers: Vec<Vec<u64>> = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS).map(|at| scope.spawn(move || reader(at))).collect();
        readers.into_iter().map(|reader| reader.join().unwrap()).collect()
    });
    // Readers of one registry may share a reading; those of different ones never do.
    let of = |registry: usize| numbers.iter().skip(registry).step_by(2).flatten();
    assert!(of(0).all(|number| of(1).all(|other| number != other)));
}
