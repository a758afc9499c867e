//! Programs that register, record, remove and scrape, of metrics of every type: in a registry, and in the
//! model of what it should show.
//! Upstream: libFuzzer. Downstream: the targets of the encoders, which judge each scrape.

use std::time::Duration;

use arbitrary::Arbitrary;
use tmc_engine::{
    Collector, Exemplar, HistogramSpec, ManualClock, RegisterError, Registry, RunningOperation,
    SummarySpec,
};
use tmc_exposition::Encoder;

use crate::exposed::{BOUNDS, Model, QUANTILES, Running, STATES, Series};
use crate::rest::{Rest, Short};

/// A registry's life.
#[derive(Arbitrary, Debug)]
pub struct Case<'a> {
    prefix: Option<Name<'a>>,
    constant: Option<(Name<'a>, Text<'a>)>,
    steps: Rest<Step<'a>>,
}

#[derive(Arbitrary, Debug)]
enum Step<'a> {
    Record(Target<'a>, Record),
    /// A kept operation ends.
    Finish(u8),
    /// Every series with this first value, of all families.
    Remove(Text<'a>),
    Advance(u8),
    Scrape,
}

#[derive(Arbitrary, Debug)]
struct Target<'a> {
    name: Name<'a>,
    help: Short<'a>,
    label: Name<'a>,
    values: [Text<'a>; 2],
}

/// Mostly names that meet again, so that families clash and series are found again.
#[derive(Arbitrary, Debug)]
enum Name<'a> {
    Pool(u8),
    Usual(bool),
    Raw(Short<'a>),
}

/// Mostly values that meet again.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Text<'a> {
    Pool(u8),
    Raw(Short<'a>),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Record {
    Counter(u64),
    Float(Number),
    Set(Number),
    Add(Number),
    Up(u32),
    Observe(u32),
    Info,
    /// One bit for each state.
    States(u8),
    Summary(u8),
    Enter(u16),
    /// What came in first goes.
    Leave,
    Start,
    /// Callbacks.
    Call(Number),
    Count(u32),
}

/// Mostly numbers that are spelled in a way of their own.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Number {
    Special(u8),
    Small(i16),
    Any(f64),
}

const SPECIALS: [f64; 12] = [
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    -0.0,
    0.1,
    f64::MAX,
    f64::MIN_POSITIVE,
    5e-324,
    9_007_199_254_740_991.0,
    9_007_199_254_740_992.0,
    1e21,
    1e-7,
];

impl Number {
    fn get(self) -> f64 {
        match self {
            Number::Special(at) => SPECIALS[usize::from(at) % SPECIALS.len()],
            Number::Small(small) => f64::from(small) / 4.0,
            Number::Any(any) => any,
        }
    }
}

const NAMES: [&str; 14] = [
    "a",
    "a_total",
    "a_count",
    "a_bucket",
    "A_seconds",
    "le",
    "quantile",
    "b",
    "b_sum",
    "b_total",
    "a_info",
    "b_gcount",
    "a_created",
    "first",
];

/// Where there are exemplars: each is as good as another.
const EXEMPLAR: Exemplar<'static> = &[("trace_id", "# {},=\u{1F980}")];

const VALUES: [&str; 6] = ["", "\\", "\n", "\"", "x", "},a=\"1\"} 2"];

impl<'a> Name<'a> {
    fn get(&self) -> &'a str {
        match *self {
            Name::Pool(at) => NAMES[usize::from(at) % NAMES.len()],
            Name::Usual(second) => ["c", "d"][usize::from(second)],
            Name::Raw(Short(raw)) => raw,
        }
    }
}

impl<'a> Text<'a> {
    fn get(self) -> &'a str {
        match self {
            Text::Pool(at) => VALUES[usize::from(at) % VALUES.len()],
            Text::Raw(Short(raw)) => raw,
        }
    }
}

/// Lives it, and calls `judge` with what an encoder that is kept from scrape to scrape has written, the
/// registry as it should be, and its constant label.
///
/// # Panics
/// If `judge` does, or if the encoder writes the same twice and differently, or not as a new one does.
pub fn run(
    case: &Case<'_>,
    new: impl Fn() -> Encoder,
    judge: impl Fn(&[u8], &Model<'_>, Option<(&str, &str)>),
) {
    let clock = ManualClock::new();
    let mut builder = Registry::builder().clock(clock.clone());
    let prefix = case.prefix.as_ref().map(Name::get);
    if let Some(prefix) = prefix {
        builder = builder.prefix(prefix);
    }
    let constant = case.constant.as_ref().map(|(name, value)| (name.get(), value.get()));
    if let Some((name, value)) = constant {
        builder = builder.constant_label(name, value);
    }
    let Ok(registry) = builder.build() else { return };
    let model = Model::new(prefix);
    let mut world = World { registry, model, operations: Vec::new(), callbacks: Vec::new() };
    let (mut encoder, mut out) = (new(), Vec::new());
    for step in case.steps.0.iter().take(300).chain([&Step::Scrape]) {
        match step {
            // What the registry refuses is not in the model.
            Step::Record(target, record) => drop(world.record(target, *record)),
            Step::Finish(at) => {
                if !world.operations.is_empty() {
                    let at = usize::from(*at) % world.operations.len();
                    let (operation, running, since) = world.operations.swap_remove(at);
                    drop(operation);
                    running.finish(since);
                }
            }
            Step::Remove(value) => {
                let removed = world.registry.remove_matching(&[("first", value.get())]);
                assert_eq!(removed, world.model.remove(value.get()));
            }
            Step::Advance(seconds) => {
                clock.advance(Duration::from_secs((*seconds).into()));
                world.model.now += u64::from(*seconds);
            }
            Step::Scrape => {
                out.clear();
                encoder.encode(&world.registry.snapshot(), &mut out);
                judge(&out, &world.model, constant);
                // Nothing changed: the same bytes again, from whatever the encoder kept.
                let mut again = Vec::new();
                encoder.encode(&world.registry.snapshot(), &mut again);
                assert!(again == out, "the second encoding differs");
                again.clear();
                new().encode(&world.registry.snapshot(), &mut again);
                assert!(again == out, "an encoder that has kept nothing writes otherwise");
            }
        }
    }
}

struct World<'a> {
    registry: Registry,
    model: Model<'a>,
    operations: Vec<(RunningOperation, Running, u64)>,
    callbacks: Vec<Collector>,
}

impl World<'_> {
    /// Records in the registry, and in the model if the registry takes it.
    fn record(&mut self, target: &Target<'_>, record: Record) -> Result<(), RegisterError> {
        let Self { registry, model, .. } = self;
        let (name, help) = (target.name.get(), target.help.0);
        let values = target.values.map(Text::get);
        let labels = ["first", target.label.get()];
        let new = (help, labels[1]);
        let spec = HistogramSpec::bytes(&BOUNDS).native(2);
        match record {
            Record::Counter(n) => {
                let n = n >> 16; // a counter wraps, and above 2^53 is not exact for the reader
                registry.counter_family(name, help, labels)?.with(values).inc_by_with(n, EXEMPLAR);
                let Series::Count(count) =
                    model.find(name, new, values, "counter", Series::Count(0))
                else {
                    panic!("another kind of {name}")
                };
                *count += n;
            }
            Record::Count(n) => {
                let family = registry.counter_family(name, help, labels)?;
                self.callbacks.push(family.callback(values, move || n.into()));
                *model.find(name, new, values, "counter", Series::Count(0)) =
                    Series::Count(n.into());
            }
            Record::Float(v) => {
                registry.float_counter_family(name, help, labels)?.with(values).inc_by(v.get());
                // What is negative or no number is refused.
                let v = if v.get() >= 0.0 { v.get() } else { 0.0 };
                model.find(name, new, values, "counter", Series::Number(0.0)).change(|old| old + v);
            }
            Record::Set(v) => {
                registry.gauge_family(name, help, labels)?.with(values).set(v.get());
                model.find(name, new, values, "gauge", Series::Number(0.0)).change(|_| v.get());
            }
            Record::Add(v) => {
                registry.gauge_family(name, help, labels)?.with(values).add(v.get());
                let series = model.find(name, new, values, "gauge", Series::Number(0.0));
                series.change(|old| old + v.get());
            }
            Record::Call(v) => {
                let family = registry.gauge_family(name, help, labels)?;
                self.callbacks.push(family.callback(values, move || v.get()));
                *model.find(name, new, values, "gauge", Series::Number(0.0)) =
                    Series::Called(v.get());
            }
            Record::Up(n) => {
                let series = registry.up_down_counter_family(name, help, labels)?.with(values);
                series.add(u64::from(n) + 1);
                series.sub(1);
                let Series::Count(count) = model.find(name, new, values, "gauge", Series::Count(0))
                else {
                    panic!("another kind of {name}")
                };
                *count += u64::from(n);
            }
            Record::Observe(size) => {
                let family = registry.histogram_family(name, help, labels, &spec)?;
                family.with(values).record_with(size.into(), EXEMPLAR);
                let empty = Series::Sizes(Vec::new());
                model.find(name, new, values, "histogram", empty).push(size);
            }
            Record::Info => {
                drop(registry.info_family(name, help, labels)?.with(values));
                let name = if name.ends_with("_info") { name } else { &format!("{name}_info") };
                model.find(name, new, values, "gauge", Series::Number(1.0));
            }
            Record::States(bits) => {
                let family = registry.state_set_family(name, help, labels, &STATES)?;
                let on = [bits & 1 != 0, bits & 2 != 0];
                let set = family.with(values);
                STATES.iter().zip(on).for_each(|(&state, on)| set.set(state, on));
                *model.find(name, new, values, "gauge", Series::States([false; 2])) =
                    Series::States(on);
            }
            Record::Summary(n) => {
                let window = Duration::from_secs(24 * 60 * 60); // more than all steps take
                let spec = SummarySpec::plain(&QUANTILES).window(window);
                registry.summary_family(name, help, labels, &spec)?.with(values).record(n.into());
                let empty = Series::Summary(Vec::new());
                model.find(name, new, values, "summary", empty).push(n.into());
            }
            Record::Enter(n) => {
                let family = registry.gauge_histogram_family(name, help, labels, &spec)?;
                family.with(values).add(n.into());
                let empty = Series::Present(Vec::new());
                model.find(name, new, values, "histogram", empty).push(n.into());
            }
            Record::Leave => {
                let family = registry.gauge_histogram_family(name, help, labels, &spec)?;
                let series = family.with(values);
                let empty = Series::Present(Vec::new());
                let Series::Present(sizes) = model.find(name, new, values, "histogram", empty)
                else {
                    panic!("another kind of {name}")
                };
                if !sizes.is_empty() {
                    series.remove(sizes.remove(0).into());
                }
            }
            Record::Start => {
                let family = registry.in_flight_age_family(name, help, labels)?;
                let now = model.now;
                let fresh = Series::Age(Running::default());
                let Series::Age(running) = model.find(name, new, values, "gauge", fresh) else {
                    panic!("another kind of {name}")
                };
                running.start(now);
                self.operations.push((family.with(values).start(), running.clone(), now));
            }
        }
        Ok(())
    }
}
