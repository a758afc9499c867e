//! Metrics in statics: registered at first use, in the global registry; a clash is logged and harms
//! nobody. Upstream: `Lazy` and its relatives. One process, for there is one global registry.

use log::{Level, Log, Metadata, Record};
use std::sync::Mutex;
use tmc_engine::{
    Counter, FloatCounter, Gauge, HistogramSpec, LabelSet, Lazy, LazyFamily, LazyFamilyOf,
    LazyHistogramFamily, Registry, UpDownCounter,
};

struct Errors(Mutex<Vec<String>>);

impl Log for Errors {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() == Level::Error
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            self.0.lock().unwrap().push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

static ERRORS: Errors = Errors(Mutex::new(Vec::new()));

static HITS: Lazy<Counter> = Lazy::new("hits_total", "Hits");
static SPENT: Lazy<FloatCounter> = Lazy::new("spent_seconds_total", "Time spent");
static LEVEL: Lazy<Gauge> = Lazy::new("level", "Level");
static JOBS: LazyFamily<UpDownCounter, 1> = LazyFamily::new("jobs", "Jobs", ["queue"]);
static LATENCY: LazyHistogramFamily<1> =
    LazyHistogramFamily::seconds("latency_seconds", "Latency", ["route"], &[0.1, 1.0]);
static BARE: LazyHistogramFamily<0> =
    LazyHistogramFamily::seconds("bare_seconds", "Bare", [], HistogramSpec::DEFAULT_SECONDS);
static SIZES: LazyHistogramFamily<0> =
    LazyHistogramFamily::bytes("sizes_bytes", "Sizes", [], &[1024.0]);

static RETRIES: LazyHistogramFamily<0> = LazyHistogramFamily::made_by("retries", "", [], || {
    HistogramSpec::plain(&[]).linear(0.0, 1.0, 3)
});

#[derive(LabelSet)]
struct Route {
    path: String,
    ok: bool,
}

static ROUTES: LazyFamilyOf<Counter, Route> = LazyFamilyOf::new("routes_total", "Routes");
static NEVER: Lazy<Counter> = Lazy::new("never_total", "Never used");

static CLASH: Lazy<Gauge> = Lazy::new("hits_total", "Another type");
static CLASHING_FAMILY: LazyFamily<Counter, 2> = LazyFamily::new("jobs_total", "", ["a", "b"]);
static CLASHING_HISTOGRAM: LazyHistogramFamily<1> =
    LazyHistogramFamily::seconds("latency_seconds", "Other buckets", ["route"], &[5.0]);
static CLASHING_SET: LazyFamilyOf<Gauge, Route> = LazyFamilyOf::new("routes_total", "A gauge");
static BAD_BUCKETS: LazyHistogramFamily<0> =
    LazyHistogramFamily::seconds("unsorted_seconds", "Unsorted", [], &[2.0, 1.0]);

fn value(name: &str, labels: &[&str]) -> Option<f64> {
    let snapshot = Registry::global().snapshot();
    snapshot.family(name)?.get(labels).map(|series| series.value().as_f64())
}

#[test]
fn statics_register_at_first_use_and_a_clash_is_harmless() {
    log::set_logger(&ERRORS).unwrap();
    log::set_max_level(log::LevelFilter::Error);
    assert_eq!(value("hits_total", &[]), None, "nobody has used it yet");

    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                HITS.inc();
                SPENT.inc_by(0.25);
                LEVEL.add(2.0);
                JOBS.with(["q"]).inc();
                LATENCY.with(["/"]).observe(0.5);
                BARE.with([]).observe(0.5);
                SIZES.with([]).record(1024);
                RETRIES.with([]).record(1);
                ROUTES.at(Route { path: "/".into(), ok: true }).inc();
            });
        }
    });
    let seen = [
        value("hits_total", &[]),
        value("spent_seconds_total", &[]),
        value("level", &[]),
        value("jobs", &["q"]),
        value("latency_seconds", &["/"]),
        value("bare_seconds", &[]),
        value("sizes_bytes", &[]),
        value("retries", &[]),
        value("routes_total", &["/", "true"]),
    ];
    assert_eq!(seen, [4.0, 1.0, 8.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0].map(Some));
    let snapshot = Registry::global().snapshot();
    assert!(snapshot.family("sizes_bytes").unwrap().bounds().eq([1024.0]));
    assert!(snapshot.family("retries").unwrap().bounds().eq([0.0, 1.0, 2.0]));
    assert!(snapshot.family("routes_total").unwrap().label_names().eq(["path", "ok"]));
    assert!(format!("{NEVER:?}").contains("never_total"), "looking is no use");
    assert_eq!(value("never_total", &[]), None);
    assert!(ERRORS.0.lock().unwrap().is_empty());

    // What clashes records, and nobody sees it.
    let families = Registry::global().snapshot().families().len();
    for _ in 0..3 {
        CLASH.set(77.0);
        CLASHING_FAMILY.with(["x", "y"]).local().inc();
        CLASHING_HISTOGRAM.with(["/"]).observe(0.5);
        CLASHING_HISTOGRAM.with(["/"]).local().observe(50.0);
        CLASHING_SET.at(Route { path: "/".into(), ok: true }).set(9.0);
        BAD_BUCKETS.with([]).observe(1.5);
    }
    assert_eq!(CLASH.value(), 77.0);
    assert_eq!(value("hits_total", &[]), Some(4.0));
    assert_eq!(value("latency_seconds", &["/"]), Some(4.0));
    assert_eq!(value("jobs_total", &["x", "y"]), None);
    assert_eq!(Registry::global().snapshot().families().len(), families);
    assert_eq!(
        *ERRORS.0.lock().unwrap(),
        [
            "a static metric is not exposed: hits_total is registered as a counter already, \
             not as a gauge: use another name",
            "a static metric is not exposed: jobs_total would expose jobs, which jobs exposes \
             already: rename one of the two",
            "a static metric is not exposed: latency_seconds is registered with another \
             specification: use the same one, or another name",
            "a static metric is not exposed: routes_total is registered as a counter already, not \
             as a gauge: use another name",
            "a static metric is not exposed: invalid buckets of unsorted_seconds: boundary 1 is \
             not above the one before it: sort them, each once",
        ],
        "each once"
    );
}
