//! Compressed scrapes of a registry of which some changes, against compressing the whole text.
//! Upstream: encoders' workload, tmc-exposition. Downstream: the compression bench.
//!
//! Times are of the calling thread on a core, so that they mean something on a busy machine too.

use std::hint::black_box;
use std::io::{self, Read, Write};
use std::time::Duration;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use tmc_engine::{Counter, Registry};
use tmc_exposition::{Body, Request, Responder};
use zstd::bulk::Compressor;

use crate::encoders::{Allocations, Change, Workload, engine};
use crate::process::thread_time;

/// The level that everything is compressed at.
const LEVEL: u8 = 1;

/// How a scrape is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Coding {
    /// All there are.
    pub const EVERY: [Self; 2] = [Self::Gzip, Self::Zstd];

    /// Its name in `Accept-Encoding`.
    #[must_use]
    pub fn token(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    fn decode(self, stream: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        out.clear();
        match self {
            Self::Gzip => MultiGzDecoder::new(stream).read_to_end(out).map(drop),
            Self::Zstd => zstd::stream::copy_decode(stream, out),
        }
    }
}

/// The scrapes of one kind, or the compressions of the whole text.
#[derive(Clone, Debug)]
pub struct Row {
    /// How they were compressed.
    pub coding: Coding,
    /// What changed before each; `None` where the whole text was compressed.
    pub change: Option<Change>,
    /// Time on a core, each; empty where the platform does not tell.
    pub times: Vec<Duration>,
    /// Length of the last stream.
    pub bytes: usize,
    /// Allocations of the last one: those before it may have had to make room.
    pub allocations: u64,
}

impl Row {
    /// The shortest time in seconds.
    #[must_use]
    pub fn best(&self) -> Option<f64> {
        self.times.iter().min().map(Duration::as_secs_f64)
    }

    /// The time in seconds that half of them needed at most.
    #[must_use]
    pub fn median(&self) -> Option<f64> {
        let mut times = self.times.clone();
        times.sort_unstable();
        times.get(times.len() / 2).map(Duration::as_secs_f64)
    }
}

/// Everything that is measured, and what it is checked with.
struct Bench {
    registry: Registry,
    counters: Vec<Counter>,
    responder: Responder,
    allocations: Allocations,
    turns: u64,
    body: Body,
    text: Vec<u8>,
    stream: Vec<u8>,
    decoded: Vec<u8>,
}

/// Scrapes the counters of `workload` over and over, `rounds` times in each way.
///
/// # Errors
/// When a stream does not decode to the text of the same reading, byte by byte.
pub fn run(workload: Workload, rounds: u32, allocations: Allocations) -> io::Result<Vec<Row>> {
    let row = |coding, change| Row { coding, change, times: vec![], bytes: 0, allocations: 0 };
    let changes = || Change::EVERY.map(Some).into_iter().chain([None]);
    let mut rows: Vec<Row> = Coding::EVERY
        .into_iter()
        .flat_map(|coding| changes().map(move |change| row(coding, change)))
        .collect();
    let mut bench = Bench::new(workload, allocations);
    // One round more, which makes room and does not count.
    for round in 0..=rounds {
        for row in &mut rows {
            let time = match row.change {
                Some(change) => bench.scrape(change, row)?,
                None => bench.whole(row)?,
            };
            if round > 0 {
                row.times.extend(time);
            }
        }
    }
    Ok(rows)
}

impl Bench {
    fn new(workload: Workload, allocations: Allocations) -> Self {
        let (registry, counters) = engine::counters(workload);
        Self {
            responder: Responder::new(registry.clone()),
            registry,
            counters,
            allocations,
            turns: 0,
            body: Body::new(),
            text: Vec::new(),
            stream: Vec::new(),
            decoded: Vec::new(),
        }
    }

    /// Changes what is to change, and scrapes: that is the time. Then checks what came.
    fn scrape(&mut self, change: Change, row: &mut Row) -> io::Result<Option<Duration>> {
        let request = Request::new("GET", "/metrics")
            .header("Accept-Encoding", row.coding.token().as_bytes());
        // Scrapes of other rows have changed values which this coding has not seen.
        self.responder.respond(&request, &mut self.body);
        for series in change.members(self.counters.len(), self.turns) {
            self.counters[series].inc_by(Workload::step(series));
        }
        self.turns += 1;

        let allocated = (self.allocations)();
        let started = thread_time();
        let reading = self.registry.snapshot();
        let reply = self.responder.scrape(&reading, &request, &mut self.body);
        black_box(&self.body);
        let time = started.zip(thread_time()).map(|(from, to)| to.saturating_sub(from));
        row.allocations = (self.allocations)() - allocated;

        if reply.content_encoding != Some(row.coding.token()) {
            return Err(io::Error::other(format!("{:?} was answered", reply.content_encoding)));
        }
        copy(&self.body, &mut self.stream);
        row.bytes = self.stream.len();
        let identity = Request::new("GET", "/metrics");
        self.responder.scrape(&reading, &identity, &mut self.body);
        copy(&self.body, &mut self.text);
        self.check(row.coding)?;
        Ok(time)
    }

    /// Compresses the last text as a whole.
    fn whole(&mut self, row: &mut Row) -> io::Result<Option<Duration>> {
        let mut stream = std::mem::take(&mut self.stream);
        stream.clear();
        let allocated = (self.allocations)();
        let started = thread_time();
        self.stream = match row.coding {
            Coding::Gzip => {
                let mut encoder = GzEncoder::new(stream, Compression::new(LEVEL.into()));
                encoder.write_all(&self.text)?;
                encoder.finish()?
            }
            Coding::Zstd => {
                stream.reserve(zstd::zstd_safe::compress_bound(self.text.len()));
                Compressor::new(LEVEL.into())?.compress_to_buffer(&self.text, &mut stream)?;
                stream
            }
        };
        let time = started.zip(thread_time()).map(|(from, to)| to.saturating_sub(from));
        row.allocations = (self.allocations)() - allocated;
        row.bytes = self.stream.len();
        self.check(row.coding)?;
        Ok(time)
    }

    /// The stream says what the text says.
    fn check(&mut self, coding: Coding) -> io::Result<()> {
        coding.decode(&self.stream, &mut self.decoded)?;
        if self.decoded == self.text && !self.text.is_empty() {
            Ok(())
        } else {
            Err(io::Error::other(format!("what {} makes is another text", coding.token())))
        }
    }
}

fn copy(body: &Body, out: &mut Vec<u8>) {
    out.clear();
    body.iter().for_each(|bytes| out.extend_from_slice(bytes));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_there_and_right() {
        let rows = run(Workload::new(1000), 2, || 0).unwrap();
        assert_eq!(rows.len(), 10);
        assert!(rows.iter().all(|row| row.bytes > 1000));
        #[cfg(target_os = "linux")]
        assert!(rows.iter().all(|row| row.times.len() == 2 && row.best() <= row.median()));
    }

    #[test]
    fn a_stream_of_another_text_is_found() {
        let mut bench = Bench::new(Workload::new(1000), || 0);
        let row =
            || Row { coding: Coding::Gzip, change: None, times: vec![], bytes: 0, allocations: 0 };
        bench.scrape(Change::All, &mut row()).unwrap();
        bench.whole(&mut row()).unwrap();
        assert!(bench.text.windows(9).any(|word| word == b"scheduler"));
        bench.text[77] ^= 1;
        assert!(bench.check(Coding::Gzip).is_err());
        assert!(bench.check(Coding::Zstd).is_err());
    }
}
