//! Families of many blocks, which come, go, grow and change while slow readers hold what they read before:
//! an encoder with that past writes what a fresh one writes. Upstream: `Encoder`, `Responder`.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use tmc_engine::{CounterFamily, Histogram, HistogramFamily, HistogramSpec, Registry};
use tmc_exposition::{Body, Encoder, Format, Request, Responder};

const FORMATS: [Format; 3] = [Format::Text, Format::OpenMetrics, Format::Protobuf];
const COUNTERS: u64 = 6000;
const HISTOGRAMS: u64 = 600;

/// Numbers that look random, the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

struct World {
    registry: Registry,
    counters: CounterFamily<2>,
    histograms: HistogramFamily<1>,
    dice: Dice,
}

impl World {
    fn new(seed: u64) -> Self {
        let registry = Registry::builder().series_limit(2 * COUNTERS as usize).build().unwrap();
        let counters = registry.counter_family("c_total", "Counts", ["a", "b"]).unwrap();
        let spec = HistogramSpec::seconds(&[0.1, 1.0]);
        let histograms = registry.histogram_family("h_seconds", "Times", ["a"], &spec).unwrap();
        let world = Self { registry, counters, histograms, dice: Dice(seed) };
        (0..COUNTERS).for_each(|n| world.count(n, 7 * n));
        (0..HISTOGRAMS).for_each(|n| world.histogram(n).observe(n as f64));
        world
    }

    fn count(&self, n: u64, by: u64) {
        self.counters.with([&(n % 7).to_string(), &n.to_string()]).inc_by(by);
    }

    /// If it is still there.
    fn remove(&self, n: u64) {
        self.counters.remove([&(n % 7).to_string(), &n.to_string()]);
    }

    fn histogram(&self, n: u64) -> Histogram {
        self.histograms.with([&n.to_string()])
    }

    /// Something of what happens between scrapes.
    fn change(&mut self) {
        let (what, from) = (self.dice.roll(7), self.dice.roll(COUNTERS));
        match what {
            // A run of neighbours: whole blocks of them.
            0 => (from..from + 300).for_each(|n| self.remove(n)),
            1 => self.remove(from),
            // Longer and longer numbers.
            2 => (from..from + 150).for_each(|n| self.count(n, 1 << (n % 40))),
            3 => (0..60).for_each(|_| {
                let n = self.dice.roll(COUNTERS);
                self.count(n, 1);
            }),
            // New ones, behind all others.
            4 => (0..90).for_each(|n| self.count(COUNTERS + from + n, 5)),
            5 => (0..20).for_each(|_| {
                let n = self.dice.roll(HISTOGRAMS);
                self.histogram(n).observe(n as f64 / 100.0);
            }),
            _ => {
                self.histograms.remove([&(from % HISTOGRAMS).to_string()]);
            }
        }
    }
}

#[test]
fn a_long_past_leaves_no_trace() {
    for (format, seed) in FORMATS.into_iter().zip(1..) {
        let mut world = World::new(seed);
        let mut encoder = Encoder::new(format);
        let mut held: Vec<(Body, Vec<u8>)> = Vec::new();
        for turn in 0..40 {
            let snapshot = world.registry.snapshot();
            let (mut body, mut fresh) = (Body::new(), Vec::new());
            encoder.share(&snapshot, &mut body);
            Encoder::new(format).encode(&snapshot, &mut fresh);
            assert!(body.to_vec() == fresh, "{format:?}, turn {turn}");
            // Some readers are slow, each time others.
            held.push((body, fresh));
            if turn % 3 > 0 {
                held.swap_remove(turn % held.len());
            }
            for (body, then) in &held {
                assert!(
                    body.to_vec() == *then,
                    "{format:?}, turn {turn}: what a reader holds changed"
                );
            }
            (0..3).for_each(|_| world.change());
        }
    }
}

#[test]
fn compressed_scrapes_keep_up_with_the_plain_ones() {
    let mut world = World::new(9);
    let responder = Responder::new(world.registry.clone());
    let (mut plain, mut stream, mut read) = (Body::new(), Body::new(), Vec::new());
    for turn in 0..25 {
        responder.respond(&Request::new("GET", "/metrics"), &mut plain);
        let gzip = Request::new("GET", "/metrics").header("Accept-Encoding", b"gzip");
        responder.respond(&gzip, &mut stream);
        read.clear();
        MultiGzDecoder::new(&stream.to_vec()[..]).read_to_end(&mut read).unwrap();
        assert!(read == plain.to_vec(), "turn {turn}");
        plain.clear();
        stream.clear();
        (0..2).for_each(|_| world.change());
    }
}
