//! A logger that counts lines with the engine's own metrics: it is called from inside registrations
//! and look-ups, and comes back in.

use log::{Level, LevelFilter, Log, Metadata, Record};
use std::sync::LazyLock;
use tmc_engine::{Counter, CounterFamily, Lazy, LazyFamily, Registry};

static LINES: LazyFamily<Counter, 1> = LazyFamily::new("lines_total", "Lines", ["level"]);
/// The name is taken by a gauge below.
static CLASHING: Lazy<Counter> = Lazy::new("clashing_total", "Clashing");
/// One series may be there; more log that they are too many, for which they are looked up, too.
static LIMITED: LazyLock<CounterFamily<1>> = LazyLock::new(|| {
    let registry = Registry::builder().series_limit(1).build().unwrap();
    registry.counter_family("modules_total", "Lines by module", ["module"]).unwrap()
});

struct Counting;

impl Log for Counting {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        LINES.at([record.level().as_str()]).inc();
        CLASHING.inc();
        if record.level() <= Level::Warn {
            LIMITED.with([record.target()]).inc();
        }
    }

    fn flush(&self) {}
}

#[test]
fn a_logger_may_record_register_and_be_beyond_its_limit() {
    let clashing = Registry::global().gauge("clashing_total", "Was there first").unwrap();
    LazyLock::force(&LIMITED);
    log::set_logger(&Counting).unwrap();
    log::set_max_level(LevelFilter::Trace);

    Registry::global().counter("first_total", "Logged as registered").unwrap();
    for module in ["a", "b", "c"] {
        LIMITED.with([module]).inc();
    }
    CLASHING.inc();

    assert_eq!(clashing.value(), 0.0, "a clashing static is nowhere visible");
    assert!(LINES.with(["DEBUG"]).value() > 0, "the registration was logged");
    assert_eq!(LINES.with(["ERROR"]).value(), 1, "the clash was logged, once");
    assert_eq!(LINES.with(["WARN"]).value(), 1, "the limit was logged, once");
}
