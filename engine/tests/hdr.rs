//! What is written in HdrHistogram's formats, as the `hdrhistogram` crate's own readers read it;
//! and writers that fail at every byte.

use hdrhistogram::Histogram as Hdr;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use proptest::prelude::*;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};
use tmc_engine::{HistogramSnapshot, HistogramSpec, IntervalLog, ManualClock, Registry};

/// `le` boundaries that split buckets, two in one of them.
const BOUNDS: [f64; 3] = [1000.0, 1001.0, 70_000.0];

fn observations() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec((any::<u64>(), 0..64_u32).prop_map(|(n, shift)| n >> shift), 0..60)
}

/// The twin: the crate's own histogram, fed the same integers.
fn twin(units: &[u64], digits: u8) -> Hdr<u64> {
    let top = 1 << 47;
    let mut hdr = Hdr::new_with_bounds(1, top, digits).unwrap();
    units.iter().for_each(|&units| hdr.record(units.min(top)).unwrap());
    hdr
}

fn buckets(hdr: &Hdr<u64>) -> Vec<(u64, u64)> {
    hdr.iter_recorded().map(|b| (b.value_iterated_to(), b.count_at_value())).collect()
}

fn read(bytes: &[u8]) -> Hdr<u64> {
    Deserializer::new().deserialize(&mut &*bytes).unwrap()
}

fn decode_base64(text: &str) -> Vec<u8> {
    let alphabet: Vec<u8> =
        (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain(*b"+/").collect();
    let (mut bits, mut held, mut bytes) = (0_u32, 0, Vec::new());
    for char in text.bytes().filter(|char| *char != b'=') {
        let six = alphabet.iter().position(|known| *known == char).unwrap();
        (bits, held) = (bits << 6 | six as u32, held + 6);
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    bytes
}

/// Tag, start, duration and histogram of every line.
fn lines(log: &[u8]) -> Vec<(Option<String>, Duration, Duration, Hdr<u64>)> {
    let entries = IntervalLogIterator::new(log).map(|entry| entry.unwrap());
    let intervals = entries.filter_map(|entry| match entry {
        LogEntry::Interval(interval) => Some(interval),
        _ => None,
    });
    intervals
        .map(|interval| {
            let hdr = read(&decode_base64(interval.encoded_histogram()));
            let tag = interval.tag().map(|tag| tag.as_str().to_owned());
            (tag, interval.start_timestamp(), interval.duration(), hdr)
        })
        .collect()
}

/// Takes so many bytes, then fails.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        if taken == 0 && !bytes.is_empty() {
            Err(io::ErrorKind::StorageFull.into())
        } else {
            Ok(taken)
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(debug_assertions) { 60 } else { 1000 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn v2_reads_back_as_the_histogram_fed_the_same(units in observations(), digits in 1..=3_u8) {
        let registry = Registry::new();
        let spec = HistogramSpec::bytes(&BOUNDS).digits(digits);
        let histogram = registry.histogram("h", "", &spec).unwrap();
        units.iter().for_each(|&units| histogram.record(units));
        let snapshot = registry.snapshot();
        let value = snapshot.family("h").unwrap().get(&[]).unwrap().value();
        let reading = value.histogram().unwrap();
        let expected = twin(&units, digits);
        let (mut plain, mut deflated) = (Vec::new(), Vec::new());
        prop_assert_eq!(reading.write_v2(&mut plain).unwrap(), plain.len());
        prop_assert_eq!(reading.write_v2_deflate(&mut deflated).unwrap(), deflated.len());
        for bytes in [&plain, &deflated] {
            let found = read(bytes);
            prop_assert_eq!(buckets(&found), buckets(&expected));
            let of = |hdr: &Hdr<u64>| (hdr.len(), hdr.min(), hdr.max(), hdr.sigfig());
            prop_assert_eq!(of(&found), of(&expected));
        }
    }

    #[test]
    fn an_interval_log_reads_back_as_what_each_interval_observed(
        intervals in prop::collection::vec((observations(), observations()), 1..5),
        digits in 1..=3_u8,
    ) {
        let registry = Registry::new();
        let spec = HistogramSpec::bytes(&BOUNDS).digits(digits);
        let family = registry.histogram_family("h", "", ["l"], &spec).unwrap();
        let (a, b) = (family.with(["a"]), family.with(["b"]));
        a.record(7); // before the log
        let mut log = IntervalLog::begin(Vec::new(), "h", registry.snapshot()).unwrap();
        for (of_a, of_b) in &intervals {
            of_a.iter().for_each(|&units| a.record(units));
            of_b.iter().for_each(|&units| b.record(units));
            prop_assert_eq!(log.interval(registry.snapshot()).unwrap(), 2);
        }
        let lines = lines(&log.into_writer());
        let expected = intervals.iter().flat_map(|(a, b)| [("l=a", a), ("l=b", b)]);
        prop_assert_eq!(lines.len(), 2 * intervals.len());
        for ((tag, .., found), (expected_tag, units)) in lines.iter().zip(expected) {
            prop_assert_eq!(tag.as_deref(), Some(expected_tag));
            prop_assert_eq!(buckets(found), buckets(&twin(units, digits)));
        }
    }
}

#[test]
fn a_log_tells_when_an_interval_began_and_how_long_it_was() {
    let clock = ManualClock::new();
    let registry = Registry::builder().clock(clock.clone()).build().unwrap();
    let histogram = registry.histogram("h_seconds", "", &HistogramSpec::seconds(&[])).unwrap();
    let snapshots: Vec<_> = (0..3)
        .map(|_| {
            histogram.observe(0.25);
            clock.advance(Duration::from_millis(1250));
            registry.snapshot()
        })
        .collect();
    let mut log = IntervalLog::begin(Vec::new(), "h_seconds", snapshots[0].clone()).unwrap();
    log.interval(snapshots[1].clone()).unwrap();
    log.interval(snapshots[2].clone()).unwrap();
    let bytes = log.into_writer();

    let head: Vec<_> = std::str::from_utf8(&bytes).unwrap().lines().take(2).collect();
    assert_eq!(head, ["#[Histogram log format version 1.3]", "#h_seconds"]);
    let epoch = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let close = |a: Duration, b: Duration| a.abs_diff(b) <= Duration::from_millis(1);
    let first = IntervalLogIterator::new(&bytes).next().unwrap().unwrap();
    let LogEntry::StartTime(start) = first else { panic!("{first:?}") };
    assert!(close(start, epoch(snapshots[0].taken_at())));
    let lines = lines(&bytes);
    assert_eq!(lines.len(), 2);
    for ((tag, start, duration, hdr), pair) in lines.iter().zip(snapshots.windows(2)) {
        assert_eq!((tag, hdr.len()), (&None, 1));
        assert!(close(*start, epoch(pair[0].taken_at())));
        assert!(close(*duration, Duration::from_millis(1250)));
    }
}

#[test]
fn tags_hold_any_label_and_tell_them_apart() {
    let registry = Registry::new();
    let spec = HistogramSpec::bytes(&[]);
    let family = registry.histogram_family("h", "", ["a", "b"], &spec).unwrap();
    let values = ["", "x", "x;b=x", "x%3Bb=x", "a, b", "\r\n", "\u{e9}\t\""];
    for a in values {
        for b in values {
            family.with([a, b]).record(1);
        }
    }
    let mut log = IntervalLog::begin(Vec::new(), "h", registry.snapshot()).unwrap();
    log.interval(registry.snapshot()).unwrap();
    let lines = lines(&log.into_writer());
    let mut tags: Vec<_> = lines.iter().map(|(tag, ..)| tag.clone().unwrap()).collect();
    assert!(tags.contains(&"a=a%2C%20b;b=%0D%0A".to_owned()), "{tags:?}");
    tags.sort_unstable();
    tags.dedup();
    assert_eq!(tags.len(), values.len() * values.len());
}

#[test]
fn a_log_waits_for_its_family() {
    let registry = Registry::new();
    registry.counter("c_total", "").unwrap().inc();
    for family in ["h", "c_total"] {
        let mut log = IntervalLog::begin(Vec::new(), family, registry.latest()).unwrap();
        assert_eq!(log.interval(registry.snapshot()).unwrap(), 0);
        if family == "h" {
            let histogram = registry.histogram("h", "", &HistogramSpec::bytes(&[])).unwrap();
            histogram.record(3);
            assert_eq!(log.interval(registry.snapshot()).unwrap(), 1);
        }
    }
}

#[test]
fn what_a_writer_fails_with_comes_through_at_every_byte() {
    let registry = Registry::new();
    let histogram = registry.histogram("h", "", &HistogramSpec::bytes(&[])).unwrap();
    let earlier = registry.snapshot();
    histogram.record(1000);
    histogram.record(u64::MAX);
    let later = registry.snapshot();
    let value = later.family("h").unwrap().get(&[]).unwrap().value();
    let reading = value.histogram().unwrap();

    type Write<'a> = &'a dyn Fn(&mut Full) -> io::Result<usize>;
    let log =
        |full: &mut Full| IntervalLog::begin(full, "h", earlier.clone())?.interval(later.clone());
    let (v2, deflate) = (
        |full: &mut Full| HistogramSnapshot::write_v2(reading, full),
        |full: &mut Full| HistogramSnapshot::write_v2_deflate(reading, full),
    );
    let writes: [Write<'_>; 3] = [&v2, &deflate, &log];
    for write in writes {
        let needed = (0..).find(|&room| match write(&mut Full(room)) {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::StorageFull);
                false
            }
        });
        assert!(needed > Some(10));
    }
}

#[test]
fn an_interval_that_could_not_be_written_goes_on() {
    /// Fails when told to.
    struct Moody(Vec<u8>, bool);
    impl Write for Moody {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if std::mem::take(&mut self.1) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.0.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let registry = Registry::new();
    let histogram = registry.histogram("h", "", &HistogramSpec::bytes(&[])).unwrap();
    let mut moody = Moody(Vec::new(), false);
    let mut log = IntervalLog::begin(&mut moody, "h", registry.snapshot()).unwrap();
    histogram.record(5);
    log.interval(registry.snapshot()).unwrap();
    histogram.record(6);
    log.writer().1 = true;
    assert_eq!(log.interval(registry.snapshot()).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    histogram.record(7);
    log.interval(registry.snapshot()).unwrap();
    let found: Vec<_> = lines(&moody.0).iter().map(|(.., hdr)| buckets(hdr)).collect();
    assert_eq!(found, [vec![(5, 1)], vec![(6, 1), (7, 1)]]);
}
