//! 100,000 new series with four labels, created, scraped and dropped, contender by contender: time
//! and bytes in use per series.
//!
//! `cargo bench -p tmc-benches --bench churn [-- --quick | --strict]`

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use tmc_benches::churn::{self, Outcome, SCRAPES};
use tmc_benches::name;
use tmc_benches::report::{Bar, write_bars};
use tmc_benches::settings::Settings;

fn main() -> io::Result<ExitCode> {
    let settings = Settings::from_process();
    let (series, rounds) = if settings.quick { (2_000, 1) } else { (100_000, 5) };
    let outcomes = churn::run(series, rounds);

    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{series} counters with four labels, created and dropped; ns per series in the best of \
         {rounds} rounds, bytes in use per series in the first (allocator's headers and the engine's \
         pages included)\nremove: one by one, by labels; - where that cannot be done\n",
    )?;
    writeln!(out, "{:24} | {:^25} | {:^49}", "", "ns per series", "bytes per series")?;
    writeln!(
        out,
        "{:24} | {:>7} {:>8} {:>8} | {:>8} {:>9} {:>11} {:>8} {:>9}",
        "", "create", "remove", "drop", "created", "scraped", "with buffer", "removed", "dropped"
    )?;
    for outcome in &outcomes {
        write_row(outcome, series as f64, &mut out)?;
    }
    if settings.quick {
        writeln!(out, "\nquick run: every text is right, nothing is judged")?;
        return Ok(ExitCode::SUCCESS);
    }
    let held = write_bars(&bars(&outcomes, series as f64), &mut out)?;
    Ok(if held || !settings.strict { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write_row(outcome: &Outcome, series: f64, out: &mut impl Write) -> io::Result<()> {
    let nanos = |time: Duration| format!("{:.0}", time.as_secs_f64() / series * 1e9);
    let bytes = |bytes: Option<u64>| {
        bytes.map_or_else(|| "-".to_owned(), |bytes| format!("{:.0}", bytes as f64 / series))
    };
    let all = outcome.bytes;
    writeln!(
        out,
        "{:24} | {:>7} {:>8} {:>8} | {:>8} {:>9} {:>11} {:>8} {:>9}",
        outcome.name,
        nanos(outcome.create),
        outcome.remove.map_or_else(|| "-".to_owned(), nanos),
        nanos(outcome.drop),
        bytes(all.map(|all| all.created)),
        bytes(all.map(|all| all.scraped)),
        bytes(all.map(|all| all.buffered)),
        bytes(all.and_then(|all| all.removed)),
        bytes(all.map(|all| all.dropped)),
    )
}

fn bars(outcomes: &[Outcome], series: f64) -> Vec<Bar> {
    let ours = outcomes.iter().find(|outcome| outcome.name == name::TMC);
    let ours = ours.and_then(|outcome| outcome.bytes);
    let bar = |claim: String, bytes: Option<u64>, limit| {
        Bar::at_most(claim, bytes.map(|bytes| bytes as f64), Some(series), limit)
    };
    let created = ours.map(|all| all.created);
    let scraped = ours.map(|all| all.scraped);
    vec![
        bar("bytes per series before the first scrape".to_owned(), created, 300.0),
        bar(format!("bytes per series after {SCRAPES} scrapes"), scraped, 550.0),
    ]
}
