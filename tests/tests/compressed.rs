//! Compressed scrapes, made of parts that are kept from scrape to scrape, are the streams that other
//! implementations read as the plain exposition: whatever changed in between, and wherever.

use tmc_engine::{
    Counter, Family, Gauge, Histogram, HistogramFamily, HistogramSpec, Names, Registry,
};

use tmc_exposition::{Body, Encoder, Format, Request, Responder, Segment};
use tmc_tests::streams;

const SERIES: usize = 1000;

/// A registry that fills some hundred parts, and what answers scrapes of it.
struct World {
    responder: Responder,
    counters: Family<Counter, Names<2>>,
    gauges: Family<Gauge, Names<1>>,
    latency: HistogramFamily<1>,
}

impl World {
    fn new() -> Self {
        let registry = Registry::new();
        let counters = registry.counter_family("streams_total", "Counters", ["n", "hard"]).unwrap();
        let gauges = registry.gauge_family("streams_gauge", "Gauges", ["n"]).unwrap();
        let spec = HistogramSpec::seconds(HistogramSpec::DEFAULT_SECONDS);
        let latency =
            registry.histogram_family("streams_seconds", "Latency", ["n"], &spec).unwrap();
        for n in 0..SERIES {
            counters.with([&n.to_string(), "a\n\"ü\\"]).inc_by(n as u64);
            if n % 10 == 0 {
                latency.with([&n.to_string()]).observe(n as f64 / 100.0);
            }
        }
        for n in 0..100 {
            gauges.with([&n.to_string()]).set(n as f64 / 7.0);
        }
        Self { responder: Responder::new(registry), counters, gauges, latency }
    }

    fn counter(&self, n: usize) -> Counter {
        self.counters.with([&n.to_string(), "a\n\"ü\\"])
    }

    fn histogram(&self, n: usize) -> Histogram {
        self.latency.with([&n.to_string()])
    }

    /// Changes something, differently in each turn, and never all of it.
    fn change(&self, turn: usize) {
        match turn {
            0 => {}
            // A run of neighbours, and some apart.
            1 => (100..200).for_each(|n| self.counter(n).inc()),
            2 => (0..SERIES).step_by(333).for_each(|n| self.counter(n).inc()),
            // More digits, and fewer.
            3 => (300..320).for_each(|n| self.counter(n).inc_by(1 << 40)),
            4 => (0..3).for_each(|n| self.gauges.with([&n.to_string()]).set(0.0)),
            5 => self.histogram(500).observe(3.0),
            // Series that go, and that come.
            6 => {
                let gone = (400..500).map(|n| self.remove(&n.to_string())).sum::<usize>();
                assert!(gone > 100, "{gone} series");
            }
            7 => (2000..2100).for_each(|n| self.counter(n).inc()),
            8 => drop(self.gauges.with(["new\u{1F980}"])),
            // A family in the middle.
            9 => {
                let info = self.responder.registry().info("streams_here", "New", &[("a", "b")]);
                drop(info.unwrap());
            }
            _ => self.counter(turn).inc(),
        }
    }

    fn remove(&self, n: &str) -> usize {
        self.responder.registry().remove_matching(&[("n", n)])
    }

    fn scrape(&self, format: Format, coding: &str, target: &str) -> Body {
        let accept = match format {
            Format::OpenMetrics => "application/openmetrics-text;version=1.0.0",
            _ => "text/plain;version=0.0.4",
        };
        let request = Request::new("GET", target).header("Accept", accept.as_bytes());
        let request = request.header("Accept-Encoding", coding.as_bytes());
        let mut body = Body::new();
        let reply = self.responder.respond(&request, &mut body);
        assert_eq!((reply.status, reply.content_encoding), (200, Some(coding)));
        body
    }

    /// What an encoder writes that has kept nothing.
    fn plain(&self, format: Format) -> Vec<u8> {
        let (mut encoder, mut out) = (Encoder::new(format), Vec::new());
        encoder.encode(&self.responder.registry().snapshot(), &mut out);
        out
    }
}

/// Reads a stream with every decoder of its coding.
fn decode(coding: &str, stream: &[u8]) -> Vec<u8> {
    if coding == "zstd" {
        return streams::unzstd(stream).expect("a valid stream");
    }
    let read = streams::python_gunzip(stream).expect("a valid stream");
    assert!(streams::gnu_gunzip(stream).expect("a valid stream") == read, "Python reads otherwise");
    read
}

/// Parts of `now` that are one of `before`, and all parts.
fn kept(before: &[Segment], now: &[Segment]) -> (usize, usize) {
    (now.iter().filter(|part| before.contains(part)).count(), now.len())
}

#[track_caller]
fn assert_same(decoded: &[u8], plain: &[u8]) {
    // The whole texts would be no help.
    let at = decoded.iter().zip(plain).position(|(a, b)| a != b);
    assert!(decoded == plain, "{} and {} bytes, from {at:?} on", decoded.len(), plain.len());
}

#[test]
fn streams_of_old_and_new_parts_are_the_plain_exposition() {
    let world = World::new();
    let formats = [Format::Text, Format::OpenMetrics];
    let ways = formats.map(|format| ["gzip", "zstd"].map(|coding| (format, coding)));
    let ways = ways.as_flattened();
    let mut before = vec![Vec::new(); ways.len()];
    for turn in 0..12 {
        world.change(turn);
        for (&(format, coding), before) in ways.iter().zip(&mut before) {
            let body = world.scrape(format, coding, "/metrics");
            let stream = body.to_vec();
            assert_same(&decode(coding, &stream), &world.plain(format));
            assert!(stream.len() * 3 < world.plain(format).len(), "{} bytes", stream.len());
            let parts: Vec<Segment> = body.into_segments().collect();
            let (old, all) = kept(before, &parts);
            // Else this would test nothing.
            assert!(turn == 0 || 0 < old && old < all, "turn {turn}: {old} of {all} parts are old");
            // Held as a slow reader would, so that none of them may be written over.
            *before = parts;
        }
    }
}

#[test]
fn streams_of_some_families_are_their_plain_exposition() {
    let world = World::new();
    for turn in 0..3 {
        world.change(turn);
        for coding in ["gzip", "zstd"] {
            let whole = decode(coding, &world.scrape(Format::Text, coding, "/metrics").to_vec());
            assert_same(&whole, &world.plain(Format::Text));
            let target = "/metrics?name[]=streams_gauge";
            let some = decode(coding, &world.scrape(Format::Text, coding, target).to_vec());
            let text = String::from_utf8(some).expect("UTF-8");
            assert!(text.starts_with("# HELP streams_gauge ") && text.lines().count() == 102);
            assert!(String::from_utf8(whole).expect("UTF-8").contains(&text));
            let none = world.scrape(Format::Text, coding, "/metrics?name[]=nothing").to_vec();
            assert_eq!(decode(coding, &none), b"");
        }
    }
}

#[test]
fn an_empty_registry_is_a_valid_stream_in_every_coding() {
    let responder = Responder::new(Registry::new());
    for coding in ["gzip", "zstd"] {
        let request = Request::new("GET", "/metrics");
        let request = request.header("Accept-Encoding", coding.as_bytes());
        let mut body = Body::new();
        responder.respond(&request, &mut body);
        assert_eq!(decode(coding, &body.to_vec()), b"");
    }
}
