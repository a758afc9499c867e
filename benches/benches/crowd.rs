//! 10,000 threads alive at once, each recording into 1,000 series: what their cells take, and
//! whether every record is there.
//!
//! `cargo bench -p tmc-benches --bench crowd [-- --quick | --strict]`

use std::io::{self, Write};
use std::process::ExitCode;

use tmc_benches::crowd::{Crowd, bound, counters, gather};
use tmc_benches::report::{Bar, write_bars};
use tmc_benches::settings::Settings;

/// Threads with cells of their own at the most, unless a program sets another limit.
const SHARD_LIMIT: u64 = 4096;

fn main() -> io::Result<ExitCode> {
    let settings = Settings::from_process();
    let (threads, series) = if settings.quick { (200, 100) } else { (10_000, 1_000) };
    let counters = counters(series);
    let first = gather(&counters, threads)?;
    let second = gather(&counters, threads)?;

    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{threads} threads alive at once, each recording once into every one of {series} counters; \
         bytes that the cells took, the threads themselves not counted\n\n{:24} | {:>11} | {:>12} | \
         {:>6} | {:>11}",
        "", "bytes", "bytes/thread", "shards", "records"
    )?;
    write_row("first crowd", first, threads, &mut out)?;
    write_row("second crowd", second, threads, &mut out)?;
    let bars = bars(first, second, (threads * series) as u64, series as u64);
    if settings.quick {
        writeln!(out, "\nquick run: nothing is judged")?;
        return Ok(ExitCode::SUCCESS);
    }
    let held = write_bars(&bars, &mut out)?;
    Ok(if held || !settings.strict { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write_row(name: &str, crowd: Crowd, threads: usize, out: &mut impl Write) -> io::Result<()> {
    let bytes = crowd.bytes.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string());
    let each = crowd
        .bytes
        .map_or_else(|| "-".to_owned(), |bytes| format!("{:.0}", bytes as f64 / threads as f64));
    writeln!(
        out,
        "{name:24} | {bytes:>11} | {each:>12} | {:>6} | {:>11}",
        crowd.shards, crowd.recorded
    )
}

fn bars(first: Crowd, second: Crowd, records: u64, series: u64) -> Vec<Bar> {
    let bound = bound(SHARD_LIMIT, series);
    let recorded = (first.recorded + second.recorded) as f64;
    let mega = |bytes: Option<u64>| bytes.map(|bytes| bytes as f64 / 1e6);
    let total = || Some(2.0 * records as f64);
    vec![
        Bar::at_most(
            format!("megabytes of {SHARD_LIMIT} shards and the shared one, at the most"),
            mega(first.bytes.zip(second.bytes).map(|(first, second)| first + second)),
            Some(1.0),
            bound as f64 / 1e6,
        ),
        Bar::at_least("records found / made".to_owned(), Some(recorded), total(), 1.0),
        Bar::at_most("records found / made".to_owned(), Some(recorded), total(), 1.0),
    ]
}
