//! What a record costs while hostile clients besiege the server in the same process.
//! Upstream: attack, in a process of its own, and tmc-exposition's server. Downstream: the hostile
//! bench.
//!
//! Segments of one run alternate: nobody attacks, the server of this process is attacked, and one in
//! another process is. The last tells what busy cores cost each other in any case. Between them a
//! client that means well scrapes the besieged server over a connection that it keeps.

pub mod attack;

use std::hint::black_box;
use std::io;
use std::time::{Duration, Instant};

use tmc_engine::{Counter, Histogram, HistogramSpec, Registry};
use tmc_exposition::Server;

use crate::contest::pin;
use crate::counters::MANY;
use crate::encoders::Workload;
use crate::encoders::workload::{HELP, LABELS, NAME};
use crate::histograms;
use crate::interference::{median, segment, thread_time};
use crate::process::Process;
use crate::scrape::client::{Client, Coding};
use crate::scrape::servers::{self, Kind};
use attack::{Attack, Target};

/// What Prometheus gives a scrape unless told otherwise.
pub const SCRAPE_TIMEOUT: Duration = Duration::from_secs(10);

/// Who is attacked meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Besieged {
    /// Nobody.
    Nobody,
    /// The server in the writer's process.
    Own,
    /// A server just like it in another process.
    Other,
}

/// All kinds of segments, in the order in which they alternate.
pub const KINDS: [Besieged; 3] = [Besieged::Nobody, Besieged::Own, Besieged::Other];

/// What one attack did to one kind of records.
#[derive(Clone, Debug)]
pub struct Row {
    /// How the server was attacked.
    pub attack: Attack,
    /// What the writer did.
    pub record: &'static str,
    /// Nanoseconds on the core per record: the median segment of each of [`KINDS`].
    pub nanos: [f64; 3],
    /// Connections of the attackers to the server in the writer's process.
    pub clients: u64,
    /// Scrapes of the good client, all of them during the attack.
    pub scrapes: usize,
    /// Those that brought their answer within [`SCRAPE_TIMEOUT`].
    pub in_time: usize,
    /// The longest of those.
    pub slowest: Duration,
}

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Series of either server, a multiple of 1,000.
    pub series: usize,
    /// Segments of each kind.
    pub segments: usize,
    /// Length of one.
    pub span: Duration,
}

/// All that takes part.
struct Siege {
    server: Server,
    other: Process,
    other_address: std::net::SocketAddr,
    attackers: Process,
    client: Client,
    counters: Vec<Counter>,
    histogram: Histogram,
}

impl Siege {
    fn new(plan: Plan) -> io::Result<Self> {
        allow_descriptors()?;
        let workload = Workload::new(plan.series);
        let registry =
            Registry::builder().series_limit(plan.series).build().map_err(io::Error::other)?;
        let family = registry.counter_family(NAME, HELP, LABELS).map_err(io::Error::other)?;
        let every = plan.series / MANY;
        let mut counters = Vec::with_capacity(MANY);
        for (series, (values, initial)) in workload.all().enumerate() {
            let counter = family.with(values.each_ref().map(String::as_str));
            counter.inc_by(initial);
            // Spread over the whole registry, so that each is on a page with others.
            if series % every == 0 {
                counters.push(counter);
            }
        }
        let spec = HistogramSpec::seconds(HistogramSpec::DEFAULT_SECONDS);
        let histogram =
            registry.histogram("operation_seconds", HELP, &spec).map_err(io::Error::other)?;
        let server = Server::builder(registry).listen("127.0.0.1:0").start();
        let server = server.map_err(io::Error::other)?;
        let series = plan.series.to_string();
        let arguments = [servers::FLAG, Kind::Tmc.argument(), &series];
        let mut other = Process::again("the other server", &arguments)?;
        let other_address = other.line()?.parse().map_err(io::Error::other)?;
        let attackers = Process::again("the attackers", &[attack::FLAG])?;
        let client = Client::new(server.local_addr());
        Ok(Self { server, other, other_address, attackers, client, counters, histogram })
    }

    /// All that was recorded so far.
    fn recorded(&self) -> u64 {
        self.histogram.count() + self.counters.iter().map(Counter::value).sum::<u64>()
    }

    /// Alternates the segments of one attack and one kind of records.
    fn measure(
        &mut self,
        attack: Attack,
        record: &'static str,
        plan: Plan,
        writes: &mut (dyn FnMut() -> u64 + Send),
    ) -> io::Result<Row> {
        let before = self.recorded();
        let mut nanos = KINDS.map(|_| Vec::with_capacity(plan.segments));
        let (scrapes, slowest) = (plan.segments, Duration::ZERO);
        let mut row =
            Row { attack, record, nanos: [0.0; 3], clients: 0, scrapes, in_time: 0, slowest };
        // Connected before anybody attacks, as a Prometheus is.
        self.client.scrape(Coding::Gzip)?;
        let mut written = writes(); // a first touch is not what is measured
        for kind in (0..plan.segments).flat_map(|_| KINDS) {
            let address = match kind {
                Besieged::Nobody => None,
                Besieged::Own => Some(self.server.local_addr()),
                Besieged::Other => Some(self.other_address),
            };
            if let Some(address) = address {
                self.attackers.ask(Target { attack, address })?;
            }
            let (spent, records) = segment(plan.span, writes);
            nanos[kind as usize].push(spent.as_secs_f64() * 1e9 / records as f64);
            written += records;
            if kind == Besieged::Own {
                let start = Instant::now();
                let scraped = self.client.scrape(Coding::Gzip).is_ok();
                let took = start.elapsed();
                if scraped && took <= SCRAPE_TIMEOUT {
                    row.in_time += 1;
                    row.slowest = row.slowest.max(took);
                }
            }
            if address.is_some() {
                let clients: u64 = self.attackers.ask("stop")?.parse().map_err(io::Error::other)?;
                row.clients += if kind == Besieged::Own { clients } else { 0 };
            }
        }
        let recorded = self.recorded() - before;
        if recorded != written {
            let wrong = format!("{attack}, {record}: {recorded} of {written} records");
            return Err(io::Error::other(wrong));
        }
        row.nanos = nanos.map(median);
        Ok(row)
    }
}

/// Measures every attack with every kind of records. `None` where the platform does not tell a
/// thread's time.
///
/// # Errors
/// When one of the processes dies, the good client is refused before any attack, or a record is lost.
pub fn run(plan: Plan) -> io::Result<Option<Vec<Row>>> {
    if thread_time().is_none() {
        return Ok(None);
    }
    let mut siege = Siege::new(plan)?;
    // After the servers and the attackers have started: they use whatever core is free.
    pin(0);
    let counters = siege.counters.clone();
    let histogram = siege.histogram.clone();
    let seconds = histograms::seconds();
    let mut batches = seconds.chunks_exact(histograms::BATCH).cycle();
    let mut rows = Vec::new();
    for attack in Attack::ALL {
        rows.push(siege.measure(attack, "counter", plan, &mut || {
            counters.iter().for_each(|counter| black_box(counter).inc());
            counters.len() as u64
        })?);
        rows.push(siege.measure(attack, "histogram", plan, &mut || {
            let batch = batches.next().unwrap_or_default();
            batch.iter().for_each(|seconds| black_box(&histogram).observe(*seconds));
            batch.len() as u64
        })?);
    }
    drop(siege.other);
    Ok(Some(rows))
}

/// Enough descriptors for a crowd, as far as the system allows.
#[cfg(unix)]
pub(crate) fn allow_descriptors() -> io::Result<()> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};

    const ENOUGH: u64 = 4096;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < ENOUGH {
        setrlimit(Resource::RLIMIT_NOFILE, ENOUGH.min(hard), hard)?;
    }
    Ok(())
}

#[cfg(not(unix))]
pub(crate) fn allow_descriptors() -> io::Result<()> {
    Ok(())
}
