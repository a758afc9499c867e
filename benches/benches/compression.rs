//! Compressed scrapes of 100,000 and 1,000,000 counters with four labels, of which none, 1 % or all
//! changed since the last one, against compressing the whole text at level 1 by the same library; time on
//! a core, size and allocations.
//!
//! The counters are those of the encoding bench. A scrape is the merge, the encoder and the compressor; the
//! whole text is there for nothing. Either stream is in memory in the end, and nobody reads it. Outside of the
//! time every stream is decoded and compared with the text that it stands for.
//!
//! `cargo bench -p tmc-benches --bench compression [-- --quick | --strict]`

use std::alloc::System;
use std::io::{self, Write};
use std::process::ExitCode;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tmc_benches::compression::{Coding, Row, run};
use tmc_benches::encoders::{Change, Workload};
use tmc_benches::report::{Bar, write_bars};
use tmc_benches::settings::Settings;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The size that is judged.
const JUDGED: usize = 1_000_000;

/// Allocations and reallocations of the whole process so far.
fn allocations() -> u64 {
    let stats = ALLOCATOR.stats();
    (stats.allocations + stats.reallocations) as u64
}

fn main() -> io::Result<ExitCode> {
    let settings = Settings::from_process();
    let mut out = io::stdout().lock();
    let sizes: &[(usize, u32)] =
        if settings.quick { &[(1_000, 1)] } else { &[(100_000, 20), (JUDGED, 5)] };
    let mut judged = None;
    for &(series, rounds) in sizes {
        let rows = run(Workload::new(series), rounds, allocations)?;
        write_rows(&rows, series, rounds, &mut out)?;
        if series == JUDGED {
            judged = Some(rows);
        }
    }
    let Some(rows) = judged else {
        writeln!(out, "\nquick run: every stream is right, nothing is judged")?;
        return Ok(ExitCode::SUCCESS);
    };
    let held = write_bars(&bars(&rows), &mut out)?;
    Ok(if held || !settings.strict { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn name(row: &Row) -> String {
    let what = row.change.map_or("the whole text, level 1", Change::row);
    format!("{}, {what}", row.coding.token())
}

/// The row of a change, or that of the whole text.
fn find(rows: &[Row], coding: Coding, change: Option<Change>) -> Option<&Row> {
    rows.iter().find(|row| row.coding == coding && row.change == change)
}

fn write_rows(rows: &[Row], series: usize, rounds: u32, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "\n{series} counters; {rounds} scrapes each\n{:30} | {:>8} | {:>8} | {:>6} | {:>9} | {:>6} | {:>11}",
        "", "best ms", "median", "times", "bytes", "size", "allocations"
    )?;
    for row in rows {
        let whole = find(rows, row.coding, None);
        let against = |of: fn(&Row) -> Option<f64>| {
            whole.and_then(of).zip(of(row)).map_or(f64::NAN, |(whole, part)| whole / part)
        };
        writeln!(
            out,
            "{:30} | {:8.3} | {:8.3} | {:6.1} | {:9} | {:6.3} | {:11}",
            name(row),
            row.best().map_or(f64::NAN, |seconds| seconds * 1e3),
            row.median().map_or(f64::NAN, |seconds| seconds * 1e3),
            against(Row::best),
            row.bytes,
            1.0 / against(|row| Some(row.bytes as f64)),
            row.allocations,
        )?;
    }
    Ok(())
}

fn bars(rows: &[Row]) -> Vec<Bar> {
    let gzip = |change| find(rows, Coding::Gzip, change);
    let less = |change: Change, limit| {
        let time = |change| gzip(change).and_then(Row::best);
        let claim = format!("gzip, {}: CPU of the whole text / that of a scrape", change.row());
        Bar::at_least(claim, time(None), time(Some(change)), limit)
    };
    let size = |change: Change| {
        let bytes = |change| gzip(change).map(|row| row.bytes as f64);
        let claim = format!("gzip, {}: size / that of the whole text compressed", change.row());
        Bar::at_most(claim, bytes(Some(change)), bytes(None), 1.3)
    };
    let steady = |coding| {
        let rows = rows.iter().filter(move |row| row.coding == coding);
        let steady = rows.filter(|row| row.change.is_some_and(|change| change != Change::All));
        let allocations: u64 = steady.map(|row| row.allocations).sum();
        let claim = format!("{}: allocations where 1 % or nothing changed", coding.token());
        Bar::at_most(claim, Some(allocations as f64), Some(1.0), 0.0)
    };
    vec![
        less(Change::Runs, 20.0),
        less(Change::Random, 2.0),
        size(Change::Runs),
        size(Change::Random),
        size(Change::All),
        steady(Coding::Gzip),
        steady(Coding::Zstd),
    ]
}
