//! A program's code that the engine calls in the middle of its work, and that comes back in: label
//! values that look up series themselves, and a logger that registers.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;
use tmc_engine::{Counter, Family, GaugeFamily, Key, LabelSet, LabelTexts, Registry};

const TEXTS: [&str; 2] = ["asked for", "another"];

/// After how many calls of the thread's labels it runs, once, and what it does.
type Intruder = (u32, fn());

thread_local! {
    static INTRUDER: Cell<Option<Intruder>> = const { Cell::new(None) };
}

fn intrude() {
    match INTRUDER.take() {
        Some((0, intruder)) => intruder(),
        Some((calls, intruder)) => INTRUDER.set(Some((calls - 1, intruder))),
        None => {}
    }
}

/// One of two: indexes an array.
struct Few(usize);

/// Any number: hashed.
struct Many(usize);

macro_rules! label_set {
    ($name:ident, $combinations:expr) => {
        impl Key for $name {
            type Of<'a> = Self;
        }

        impl LabelTexts for $name {
            const COMBINATIONS: usize = $combinations;

            fn index(&self) -> usize {
                intrude();
                self.0
            }

            fn all(&self, each: &mut impl FnMut(&str) -> bool) -> bool {
                intrude();
                match TEXTS.get(self.0) {
                    Some(text) => each(text),
                    None => each(&self.0.to_string()),
                }
            }
        }

        impl LabelSet for $name {
            fn names(each: &mut dyn FnMut(&'static str)) {
                each("text");
            }
        }
    };
}
label_set!(Few, TEXTS.len());
label_set!(Many, 0);

static MANY: OnceLock<Family<Counter, Many>> = OnceLock::new();
static FEW: OnceLock<Family<Counter, Few>> = OnceLock::new();

#[test]
fn label_values_that_look_up_series_do_not_change_what_is_found() {
    let registry = Registry::builder().series_limit(100_000).build().unwrap();
    let many = MANY.get_or_init(|| registry.counter_family_of("many_total", "").unwrap());
    many.at(Many(0)).inc();
    // When its key is being compared, after the call that hashed it: fills the thread's memory
    // with others.
    let fill = || (10..5_000).for_each(|other| drop(MANY.get().unwrap().at(Many(other))));
    INTRUDER.set(Some((1, fill)));
    many.at(Many(0)).inc();
    assert!(INTRUDER.take().is_none(), "it ran");
    assert_eq!(many.with(Many(0)).value(), 2);
}

/// A mistake shows under AddressSanitizer.
#[test]
fn label_values_that_make_the_memory_grow_do_not_pull_it_away() {
    let registry = Registry::new();
    let few = FEW.get_or_init(|| registry.counter_family_of("few_total", "").unwrap());
    few.at(Few(0)).inc();
    let grow = || {
        let registry = Registry::new();
        for number in 0..100 {
            let name = format!("family_{number}_total");
            registry.counter_family_of::<Few>(&name, "").unwrap().at(Few(1)).inc();
        }
        FEW.get().unwrap().at(Few(1)).inc();
    };
    INTRUDER.set(Some((0, grow)));
    few.at(Few(0)).inc();
    assert!(INTRUDER.take().is_none(), "it ran");
    assert_eq!([0, 1].map(|few_or| few.with(Few(few_or)).value()), [2, 1]);
}

static LIMITED: OnceLock<GaugeFamily<1>> = OnceLock::new();

struct LooksUp;

impl log::Log for LooksUp {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.level() == log::Level::Warn
            && let Some(family) = LIMITED.get()
        {
            family.remove(["a"]);
        }
    }

    fn flush(&self) {}
}

#[test]
fn a_logger_may_use_the_family_whose_new_set_is_too_large() {
    log::set_logger(&LooksUp).unwrap();
    log::set_max_level(log::LevelFilter::Warn);
    let registry = Registry::builder().series_limit(1).build().unwrap();
    let family = LIMITED.get_or_init(|| registry.gauge_family("cells", "", ["cell"]).unwrap());
    let (done, ended): (_, Receiver<()>) = channel();
    thread::spawn(move || {
        family.replace_all([(["a"], 1.0), (["b"], 2.0), (["c"], 3.0)]);
        drop(done);
    });
    let ended = ended.recv_timeout(Duration::from_secs(60));
    assert_eq!(ended, Err(std::sync::mpsc::RecvTimeoutError::Disconnected), "it hangs");
    let refused = registry.snapshot();
    let refused = refused.family("tmc_engine_overflow_total").unwrap();
    assert_eq!(refused.series().next().unwrap().value().as_f64(), 2.0);
}
