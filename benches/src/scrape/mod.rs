//! What a scrape over loopback costs the process that is scraped, beside the peers' own servers.
//! Upstream: servers and `go/main.go`, each in a process of its own. Downstream: the scrape bench.
//!
//! The scraper is this process: a client with a connection that is kept alive and Prometheus's
//! headers. Values change between scrapes, outside of the time that counts. A server's cost is all
//! that its process spends on a core from the request on until the body has been checked here, which
//! takes long enough for what a server does behind its answer: free its memory, collect garbage.

pub mod client;
pub mod go;
pub mod order;
pub mod servers;

use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use client::{Answer, Client, Coding};
use order::{Change, Order};
use servers::Kind;

use crate::encoders::Workload;
use crate::name;
use crate::process::Process;

/// How a scrape is asked for, and what has changed since the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// What the scraper accepts.
    pub coding: Coding,
    /// What changes before each scrape.
    pub change: Change,
}

/// All that is measured, one after the other: what a server keeps from scrape to scrape is of one
/// mode, as with one Prometheus.
pub const MODES: [Mode; 6] = [
    Mode { coding: Coding::Identity, change: Change::All },
    Mode { coding: Coding::Identity, change: Change::Runs },
    Mode { coding: Coding::Gzip, change: Change::All },
    Mode { coding: Coding::Gzip, change: Change::Runs },
    Mode { coding: Coding::Gzip, change: Change::Nothing },
    Mode { coding: Coding::Zstd, change: Change::Runs },
];

/// Scrapes of each mode that do not count: the first ones build what the others reuse.
const WARM_UPS: usize = 2;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Series of each server.
    pub workload: Workload,
    /// Scrapes of each server in each mode.
    pub rounds: usize,
}

/// One server that is scraped.
#[derive(Debug)]
pub struct Contender {
    name: &'static str,
    /// What it can be asked for.
    codings: &'static [Coding],
    process: Process,
    client: Client,
    /// What its series must be at.
    values: Vec<u64>,
    orders: usize,
}

/// What a server's scrapes cost in one mode.
#[derive(Clone, Debug)]
pub struct Row {
    /// The server.
    pub name: &'static str,
    /// How it was asked.
    pub mode: Mode,
    /// How it packed its last body.
    pub coding: Coding,
    /// Length of that body on the wire.
    pub bytes: usize,
    /// Time on a core of its process per scrape, shortest first; empty where the platform does not
    /// tell.
    pub cpu: Vec<Duration>,
    /// From the request to the last byte, shortest first.
    pub wall: Vec<Duration>,
}

impl Contender {
    /// This project's server.
    ///
    /// # Errors
    /// When its process does not start or dies.
    pub fn tmc(workload: Workload) -> io::Result<Self> {
        let codings = &[Coding::Identity, Coding::Gzip, Coding::Zstd];
        Self::again(name::SERVER, Kind::Tmc, codings, workload)
    }

    /// The server of metrics-exporter-prometheus, which packs nothing.
    ///
    /// # Errors
    /// When its process does not start or dies.
    pub fn exporter(workload: Workload) -> io::Result<Self> {
        Self::again(name::EXPORTER, Kind::Exporter, &[Coding::Identity], workload)
    }

    /// The Go peer, built by [`go::build`].
    ///
    /// # Errors
    /// When its process does not start or dies.
    pub fn promhttp(program: &Path, workload: Workload) -> io::Result<Self> {
        let mut command = Command::new(program);
        let process = Process::start(name::PROMHTTP, command.arg(workload.series().to_string()))?;
        Self::new(name::PROMHTTP, &[Coding::Identity, Coding::Gzip], process, workload)
    }

    fn again(
        name: &'static str,
        kind: Kind,
        codings: &'static [Coding],
        workload: Workload,
    ) -> io::Result<Self> {
        let arguments = [servers::FLAG, kind.argument(), &workload.series().to_string()];
        Self::new(name, codings, Process::again(name, &arguments)?, workload)
    }

    fn new(
        name: &'static str,
        codings: &'static [Coding],
        mut process: Process,
        workload: Workload,
    ) -> io::Result<Self> {
        let address = process.line()?.parse().map_err(io::Error::other)?;
        let values = (0..workload.series()).map(Workload::initial).collect();
        Ok(Self { name, codings, process, client: Client::new(address), values, orders: 0 })
    }

    /// Changes values, then scrapes and checks: what was spent on a core, and what came.
    fn scrape(&mut self, mode: Mode, workload: Workload) -> io::Result<(Option<Duration>, Answer)> {
        let order = Order { change: mode.change, turn: self.orders };
        self.orders += 1;
        order.additions(workload).for_each(|(series, amount)| self.values[series] += amount);
        self.process.ask(order)?;
        let before = self.process.cpu();
        let answer = self.client.scrape(mode.coding)?;
        self.client.check(answer.coding, &self.values)?;
        let spent = self.process.cpu().zip(before).map(|(after, before)| after - before);
        Ok((spent, answer))
    }
}

/// Scrapes all servers in all modes, those of a mode by turns.
///
/// # Errors
/// When a server dies, does not answer, or answers what is wrong; names it.
pub fn run(contenders: &mut [Contender], plan: Plan) -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for mode in MODES {
        let mut takes_part: Vec<(&mut Contender, Option<Row>)> = contenders
            .iter_mut()
            .filter(|contender| contender.codings.contains(&mode.coding))
            .map(|contender| (contender, None))
            .collect();
        for round in 0..WARM_UPS + plan.rounds {
            let count = takes_part.len();
            for turn in 0..count {
                let (contender, row) = &mut takes_part[(turn + round) % count];
                let (cpu, answer) = contender.scrape(mode, plan.workload).map_err(|error| {
                    io::Error::other(format!("{}, {mode}: {error}", contender.name))
                })?;
                if round >= WARM_UPS {
                    row.get_or_insert_with(|| Row::new(contender.name, mode)).add(cpu, answer);
                }
            }
        }
        rows.extend(takes_part.into_iter().filter_map(|(_, row)| row));
    }
    rows.iter_mut().for_each(Row::sort);
    Ok(rows)
}

impl Row {
    fn new(name: &'static str, mode: Mode) -> Self {
        let (cpu, wall) = (Vec::new(), Vec::new());
        Self { name, mode, coding: mode.coding, bytes: 0, cpu, wall }
    }

    fn add(&mut self, cpu: Option<Duration>, answer: Answer) {
        self.cpu.extend(cpu);
        self.wall.push(answer.wall);
        self.coding = answer.coding;
        self.bytes = answer.bytes;
    }

    fn sort(&mut self) {
        self.cpu.sort_unstable();
        self.wall.sort_unstable();
    }
}

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let change = match self.change {
            Change::Nothing => "nothing changed",
            Change::All => "all changed",
            Change::Runs => "1 % changed in runs",
        };
        write!(f, "{}, {change}", self.coding.token())
    }
}
