//! HdrHistogram's formats against that crate's own readers: whatever was recorded, and whichever
//! series came and went, V2 and the interval log read back as the crate's histogram fed the same.
//! A writer that fails at any byte has had those before it, and the caller gets an error.
//!
//! Upstream: libFuzzer. Downstream: `write_v2`, `write_v2_deflate`, `IntervalLog`.
#![no_main]

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arbitrary::Arbitrary;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use libfuzzer_sys::fuzz_target;
use tmc_engine::{HistogramSpec, IntervalLog, ManualClock, Registry, Snapshot};
use tmc_fuzz::log;
use tmc_fuzz::rest::Rest;

#[derive(Arbitrary, Debug)]
struct Case<'a> {
    unit: u8,
    digits: u8,
    bounds: Vec<Units>,
    max: Option<u8>,
    labels: [[&'a str; 2]; 3],
    steps: Rest<Step>,
}

/// Spread over the magnitudes.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Units {
    bits: u64,
    shift: u8,
}

#[derive(Arbitrary, Debug)]
enum Step {
    Record(u8, Units),
    /// The same value so many times.
    Repeat(u8, Units, u8),
    Remove(u8),
    /// Ends the interval. After so many bytes, the writer fails once.
    End(u32, Option<u16>),
}

impl Units {
    fn get(self) -> u64 {
        self.bits >> (self.shift % 64)
    }
}

/// Whole units below this survive the way through a number of seconds.
const EXACT: u64 = 1 << 50;
/// The range of a specification that sets none.
const RANGE: u64 = 1 << 47;

/// What was recorded into one series, and how much of it before the running interval.
#[derive(Default)]
struct Life {
    values: Vec<u64>,
    earlier: usize,
}

type Model = BTreeMap<[String; 2], Life>;

/// Takes so many bytes, then fails.
struct Cut {
    taken: Vec<u8>,
    room: usize,
}

impl Write for Cut {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.room);
        if taken == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.taken.extend_from_slice(&bytes[..taken]);
        self.room -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The crate's histogram that is fed the same.
struct Twin {
    top: u64,
    digits: u8,
}

impl Twin {
    fn assert(&self, found: &Histogram<u64>, values: &[u64]) {
        let mut twin =
            Histogram::<u64>::new_with_bounds(1, self.top.max(2), self.digits).expect("bounds");
        values.iter().for_each(|&value| twin.record(value.min(self.top)).expect("in range"));
        assert_eq!(buckets(found), buckets(&twin));
        let facts = |hdr: &Histogram<u64>| (hdr.len(), hdr.min(), hdr.max(), hdr.sigfig());
        assert_eq!(facts(found), facts(&twin));
    }
}

fn buckets(hdr: &Histogram<u64>) -> Vec<(u64, u64)> {
    hdr.iter_recorded()
        .map(|bucket| (bucket.value_iterated_to(), bucket.count_at_value()))
        .collect()
}

fuzz_target!(|case: Case<'_>| run(&case));

fn run(case: &Case<'_>) {
    let (scale, unit): (f64, fn(&[f64]) -> HistogramSpec) = match case.unit % 3 {
        0 => (1e9, HistogramSpec::seconds),
        1 => (1.0, HistogramSpec::bytes),
        _ => (1.0, HistogramSpec::plain),
    };
    let mut units: Vec<_> = case.bounds.iter().take(32).map(|bound| bound.get() % EXACT).collect();
    units.sort_unstable();
    units.dedup();
    let bounds: Vec<_> = units.iter().map(|&bound| bound as f64 / scale).collect();
    let mut twin = Twin { top: RANGE, digits: case.digits % 3 + 1 };
    let mut spec = unit(&bounds).digits(twin.digits);
    if let Some(max) = case.max {
        twin.top = 2 << (max % 49);
        spec = spec.max(twin.top as f64 / scale);
    }
    twin.top = units.last().map_or(twin.top, |&last| last.max(twin.top));

    let clock = ManualClock::new();
    let registry = Registry::builder().clock(clock.clone()).build().expect("settings");
    let family = registry.histogram_family("h", "", ["a", "b"], &spec).expect("a specification");
    let mut model = Model::new();
    let mut from = registry.snapshot();
    let writer = Cut { taken: Vec::new(), room: usize::MAX };
    let mut log = IntervalLog::begin(writer, "h", Arc::clone(&from)).expect("a writer with room");
    check_start(&log.writer().taken, &from);
    for step in case.steps.0.iter().take(60) {
        let labels = |at: u8| case.labels[usize::from(at) % 3];
        let key = |at: u8| labels(at).map(str::to_owned);
        let mut record = |at, value, times| {
            let values = &mut model.entry(key(at)).or_default().values;
            for _ in 0..times {
                family.at(labels(at)).record(value);
                values.push(value);
            }
        };
        match *step {
            Step::Record(at, units) => record(at, units.get(), 1),
            Step::Repeat(at, units, times) => record(at, units.get(), times % 32 + 1),
            Step::Remove(at) => {
                assert_eq!(family.remove(labels(at)), model.remove(&key(at)).is_some());
            }
            Step::End(millis, fails_at) => {
                clock.advance(Duration::from_millis(millis.into()));
                let to = registry.snapshot();
                end(&mut log, (&from, &to), fails_at.map(usize::from), &twin, &mut model);
                if let Some((labels, life)) = model.iter().nth(millis as usize % 3) {
                    check_v2(&to, labels, &life.values, &twin, fails_at.unwrap_or(0).into());
                }
                from = to;
            }
        }
    }
}

/// Ends the interval, at the second attempt if the writer fails first.
fn end(
    log: &mut IntervalLog<Cut>,
    (from, to): (&Snapshot, &Arc<Snapshot>),
    fails_at: Option<usize>,
    twin: &Twin,
    model: &mut Model,
) {
    let before = log.writer().taken.len();
    log.writer().room = fails_at.unwrap_or(usize::MAX);
    let mut ended = log.interval(Arc::clone(to));
    let mut lines = log.writer().taken.split_off(before);
    log.writer().room = usize::MAX;
    if let (Err(error), Some(room)) = (&ended, fails_at) {
        assert_eq!((error.kind(), lines.len()), (io::ErrorKind::StorageFull, room));
        ended = log.interval(Arc::clone(to)); // the interval goes on after a failure
        let again = log.writer().taken.split_off(before);
        assert!(again.starts_with(&lines));
        lines = again;
    }
    assert_eq!(ended.expect("there is room"), model.len());
    check_interval(&lines, twin, model, (from, to));
}

/// The log says when it began.
fn check_start(head: &[u8], from: &Snapshot) {
    let entries: Vec<_> =
        IntervalLogIterator::new(head).map(|entry| entry.expect("a line")).collect();
    let [LogEntry::StartTime(start)] = entries[..] else { panic!("{entries:?}") };
    assert_close(start, since_epoch(from));
}

/// There is a line for each series, with what the interval saw. The next interval begins.
fn check_interval(
    lines: &[u8],
    twin: &Twin,
    model: &mut Model,
    (from, to): (&Snapshot, &Snapshot),
) {
    let mut left: Vec<_> = model.keys().cloned().collect();
    for entry in IntervalLogIterator::new(lines) {
        let Ok(LogEntry::Interval(line)) = entry else { panic!("{entry:?}") };
        assert_close(line.start_timestamp(), since_epoch(from));
        assert_close(line.duration(), since_epoch(to) - since_epoch(from));
        let tag = line.tag().expect("there are labels").as_str();
        let labels = log::labels(tag).expect(tag);
        let names: Vec<_> = labels.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        let values = [labels[0].1.clone(), labels[1].1.clone()];
        let at =
            left.iter().position(|labels| *labels == values).expect("one line for each series");
        left.swap_remove(at);
        let life = model.get_mut(&values).expect("those are the model's");
        let bytes = log::base64(line.encoded_histogram()).expect("base64");
        let hdr = read(&bytes);
        twin.assert(&hdr, &life.values[life.earlier..]);
        let max = hdr.max() as f64; // as the crate's writer has it: a plain number with 3 decimals
        assert!((line.max() - max).abs() <= 0.001 + max * 1e-12, "{} of {max}", line.max());
        life.earlier = life.values.len();
    }
    assert!(left.is_empty(), "no line for {left:?}");
}

fn check_v2(snapshot: &Snapshot, labels: &[String; 2], values: &[u64], twin: &Twin, cut: usize) {
    let series = snapshot.family("h").and_then(|family| family.get(&[&labels[0], &labels[1]]));
    let value = series.expect("a series of the model").value();
    let reading = value.histogram().expect("a histogram");
    type Format<'a> = &'a dyn Fn(&mut Cut) -> io::Result<usize>;
    let formats: [Format<'_>; 2] = [&|to| reading.write_v2(to), &|to| reading.write_v2_deflate(to)];
    for write in formats {
        let mut whole = Cut { taken: Vec::new(), room: usize::MAX };
        assert_eq!(write(&mut whole).expect("there is room"), whole.taken.len());
        twin.assert(&read(&whole.taken), values);
        let cut = cut % whole.taken.len();
        let mut part = Cut { taken: Vec::new(), room: cut };
        let error = write(&mut part).expect_err("there is no room");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(part.taken.len() <= cut && whole.taken.starts_with(&part.taken));
    }
}

fn read(bytes: &[u8]) -> Histogram<u64> {
    Deserializer::new().deserialize(&mut &*bytes).expect("V2")
}

fn since_epoch(snapshot: &Snapshot) -> Duration {
    snapshot.taken_at().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970")
}

#[track_caller]
fn assert_close(a: Duration, b: Duration) {
    assert!(a.abs_diff(b) <= Duration::from_millis(1), "{a:?} and {b:?}");
}
