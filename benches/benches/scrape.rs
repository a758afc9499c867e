//! Scrapes of 100,000 series over loopback with Prometheus's headers: time on a core of the process
//! that is scraped, beside metrics-exporter-prometheus's own server and Go's client_golang.
//!
//! `cargo bench -p tmc-benches --bench scrape [-- --quick | --strict]`

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use tmc_benches::encoders::Workload;
use tmc_benches::name;
use tmc_benches::report::{Bar, write_bars};
use tmc_benches::scrape::client::Coding;
use tmc_benches::scrape::order::Change;
use tmc_benches::scrape::{Contender, Mode, Plan, Row, go, run, servers};
use tmc_benches::settings::Settings;

fn main() -> io::Result<ExitCode> {
    if let Some(served) = servers::requested(std::env::args()) {
        return served.map(|()| ExitCode::SUCCESS);
    }
    let settings = Settings::from_process();
    let (series, rounds) = if settings.quick { (1_000, 2) } else { (100_000, 15) };
    let plan = Plan { workload: Workload::new(series), rounds };
    let mut out = io::stdout().lock();

    let mut contenders = vec![Contender::tmc(plan.workload)?, Contender::exporter(plan.workload)?];
    let promhttp = go::build(Path::new(env!("CARGO_TARGET_TMPDIR")));
    match &promhttp {
        Ok(program) => contenders.push(Contender::promhttp(program, plan.workload)?),
        Err(missing) => writeln!(out, "{} is not measured: {missing}\n", name::PROMHTTP)?,
    }
    let rows = run(&mut contenders, plan)?;
    write_rows(&rows, plan, &mut out)?;
    if settings.quick {
        writeln!(out, "\nquick run: every body is right, nothing is judged")?;
        return Ok(ExitCode::SUCCESS);
    }
    let held = write_bars(&bars(&rows), &mut out)?;
    Ok(if held || !settings.strict { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write_rows(rows: &[Row], plan: Plan, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{} counters with four labels over loopback, {} scrapes of each server by turns; ms on a \
         core of the server's process, and ms until the client has the last byte",
        plan.workload.series(),
        plan.rounds,
    )?;
    let mut mode = None;
    for row in rows {
        if mode.replace(row.mode) != Some(row.mode) {
            writeln!(
                out,
                "\n{:30} | {:>8} | {:>8} | {:>8} | {:>10} | {:8}",
                row.mode.to_string(),
                "CPU best",
                "median",
                "wall",
                "bytes",
                "sent as"
            )?;
        }
        let coding = row.coding.token();
        writeln!(
            out,
            "{:30} | {:>8.3} | {:>8.3} | {:>8.3} | {:>10} | {coding:8}",
            row.name,
            millis(best(&row.cpu)),
            millis(median(&row.cpu)),
            millis(median(&row.wall)),
            row.bytes,
        )?;
    }
    Ok(())
}

fn bars(rows: &[Row]) -> Vec<Bar> {
    let cost = |name: &str, mode: Mode| {
        let row = rows.iter().find(|row| row.name == name && row.mode == mode)?;
        // A body that was not packed as asked is another contest.
        let cost = best(&row.cpu).filter(|_| row.coding == mode.coding)?;
        Some(cost.as_secs_f64())
    };
    let bar = |peer: &str, coding, change| {
        let mode = Mode { coding, change };
        let claim = format!("{mode}: CPU per scrape of {peer} / {}", name::SERVER);
        Bar::at_least(claim, cost(peer, mode), cost(name::SERVER, mode), 10.0)
    };
    vec![
        bar(name::EXPORTER, Coding::Identity, Change::All),
        bar(name::EXPORTER, Coding::Identity, Change::Runs),
        bar(name::PROMHTTP, Coding::Gzip, Change::Runs),
    ]
}

/// The shortest of times that are in order.
fn best(times: &[Duration]) -> Option<Duration> {
    times.first().copied()
}

fn median(times: &[Duration]) -> Option<Duration> {
    times.get(times.len() / 2).copied()
}

fn millis(time: Option<Duration>) -> f64 {
    time.map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}
