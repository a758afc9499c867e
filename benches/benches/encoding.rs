//! Encoding, side by side in one run: 100,000 counters with four labels to text, every value
//! changed before each turn; time, throughput and allocations.
//!
//! `cargo bench -p tmc-benches --bench encoding [-- --quick | --strict]`

use std::alloc::System;
use std::io::{self, Write};
use std::process::ExitCode;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tmc_benches::contest::{self, Outcome};
use tmc_benches::encoders::{Encoder, Workload, contenders};
use tmc_benches::name;
use tmc_benches::report::{Bar, Section, write_bars};
use tmc_benches::settings::Settings;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Allocations and reallocations of the whole process so far.
fn allocations() -> u64 {
    let stats = ALLOCATOR.stats();
    (stats.allocations + stats.reallocations) as u64
}

fn main() -> io::Result<ExitCode> {
    let settings = Settings::from_process();
    let workload = Workload::new(if settings.quick { 1_000 } else { 100_000 });
    let encoders = contenders(workload, allocations);
    let outcomes = contest::run(&encoders, settings.batched());

    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{} counters with four labels to text; best of {} interleaved turns per contender",
        workload.series(),
        settings.batched().rounds,
    )?;
    writeln!(
        out,
        "\n{:24} | {:>9} | {:>9} | {:>6} | {:>10} | {:>11}",
        "", "ms", "ns/series", "GB/s", "bytes/line", "allocations"
    )?;
    for (encoder, outcome) in encoders.iter().zip(&outcomes) {
        write_row(encoder, outcome, workload.series() as f64, &mut out)?;
    }
    if settings.quick {
        writeln!(out, "\nquick run: every text is right, nothing is judged")?;
        return Ok(ExitCode::SUCCESS);
    }
    let held = write_bars(&bars(&encoders, outcomes), &mut out)?;
    Ok(if held || !settings.strict { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write_row(
    encoder: &Encoder,
    outcome: &Outcome,
    series: f64,
    out: &mut impl Write,
) -> io::Result<()> {
    let written = encoder.written();
    let seconds = series / outcome.best;
    let bytes = written.bytes as f64;
    let mark = if outcome.disturbed { "~" } else { " " };
    writeln!(
        out,
        "{:24} | {:8.2}{mark} | {:9.1} | {:6.2} | {:10.1} | {:11}",
        outcome.name,
        seconds * 1e3,
        seconds / series * 1e9,
        bytes / seconds / 1e9,
        bytes / series,
        written.allocations,
    )
}

fn bars(encoders: &[Encoder], outcomes: Vec<Outcome>) -> Vec<Bar> {
    let ours = outcomes.iter().position(|outcome| outcome.name == name::ENCODER);
    let allocations = ours.map(|index| encoders[index].written().allocations as f64);
    let section = Section { title: String::new(), columns: vec![(1, outcomes)] };
    let faster = |peer: &str, limit| {
        Bar::at_least(
            format!("throughput of snapshot + encode / {peer}"),
            section.rate(1, name::ENCODER),
            section.rate(1, peer),
            limit,
        )
        .disturbed(section.disturbed(1))
    };
    vec![
        faster(name::MEASURED, 3.0),
        faster(name::PROMETHEUS_CLIENT, 8.0),
        Bar::at_most("allocations in a scrape".to_owned(), allocations, Some(1.0), 0.0),
    ]
}
