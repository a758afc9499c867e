//! Encoding, side by side in one run: 1,000 to 1,000,000 counters with four labels, and histograms with
//! eleven buckets, to text; time, throughput and allocations.
//!
//! The counters have nothing to do with each other: they start anywhere from 1 to 8,000,000 (seven digits
//! mostly) and grow by 1 to 7 a turn. Against the peers every value changes before each turn, and each
//! histogram observes once. Beside that, at 100,000 counters, the engine alone: nothing changes, or 1 %
//! of the values in runs of 100 neighbours, or 1 % drawn one by one, others in each turn.
//!
//! A time goes from the start of the merge until a sink, the same for all, has read the last byte. The
//! plain copy is one memcpy into memory that has been written before, and nobody reads it.
//!
//! `cargo bench -p tmc-benches --bench encoding [-- --quick | --strict]`

use std::alloc::System;
use std::io::{self, Write};
use std::process::ExitCode;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tmc_benches::contest::{self, Outcome, Plan};
use tmc_benches::encoders::{Change, Encoder, Workload, Written, changes, counters, histograms};
use tmc_benches::name;
use tmc_benches::report::{Bar, Section, write_bars};
use tmc_benches::settings::Settings;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The size that is judged.
const JUDGED: usize = 100_000;

/// Allocations and reallocations of the whole process so far.
fn allocations() -> u64 {
    let stats = ALLOCATOR.stats();
    (stats.allocations + stats.reallocations) as u64
}

/// One contest, and what each of its rows wrote.
struct Contest {
    section: Section,
    written: Vec<Written>,
}

fn main() -> io::Result<ExitCode> {
    let settings = Settings::from_process();
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "to text, and every byte read once; best of the turns of each contender, by turns"
    )?;

    let batched = settings.batched();
    let sizes: &[(usize, Plan)] = &[
        (1_000, batched),
        (10_000, batched),
        (JUDGED, batched),
        // Here some peers take seconds.
        (1_000_000, Plan { rounds: 4, most_rounds: 4, ..batched }),
    ];
    let sizes = if settings.quick { &sizes[..1] } else { sizes };
    let mut judged = None;
    for &(series, plan) in sizes {
        let title = format!("{series} counters, all values changed");
        let contest = run(title, series, plan, counters, &mut out)?;
        if series == JUDGED {
            judged = Some(contest);
        }
    }
    for series in if settings.quick { vec![1_000] } else { vec![1_000, 10_000] } {
        let title = format!("{series} histograms with 11 buckets, all changed");
        run(title, series, batched, histograms, &mut out)?;
    }
    let series = if settings.quick { 10_000 } else { JUDGED };
    let plan =
        if settings.quick { batched } else { Plan { rounds: 100, most_rounds: 300, ..batched } };
    let patterns = run(format!("{series} counters"), series, plan, changes, &mut out)?;

    let Some(judged) = judged else {
        writeln!(out, "\nquick run: every text is right, nothing is judged")?;
        return Ok(ExitCode::SUCCESS);
    };
    let held = write_bars(&bars(&judged, &patterns), &mut out)?;
    Ok(if held || !settings.strict { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs a contest, and writes its table as soon as it is over.
fn run(
    title: String,
    series: usize,
    plan: Plan,
    contenders: fn(Workload, fn() -> u64) -> Vec<Encoder>,
    out: &mut impl Write,
) -> io::Result<Contest> {
    let encoders = contenders(Workload::new(series), allocations);
    let outcomes = contest::run(&encoders, plan);
    let written: Vec<Written> = encoders.iter().map(Encoder::written).collect();
    writeln!(
        out,
        "\n{title}; {} turns each\n{:24} | {:>10} | {:>9} | {:>6} | {:>12} | {:>11}",
        plan.rounds, "", "ms", "ns/series", "GB/s", "bytes/series", "allocations"
    )?;
    for (outcome, written) in outcomes.iter().zip(&written) {
        write_row(outcome, *written, series as f64, out)?;
    }
    Ok(Contest { section: Section { title, columns: vec![(1, outcomes)] }, written })
}

fn write_row(
    outcome: &Outcome,
    written: Written,
    series: f64,
    out: &mut impl Write,
) -> io::Result<()> {
    let seconds = series / outcome.best;
    let bytes = written.bytes as f64;
    let mark = if outcome.disturbed { "~" } else { " " };
    writeln!(
        out,
        "{:24} | {:9.3}{mark} | {:9.1} | {:6.2} | {:12.1} | {:11}",
        outcome.name,
        seconds * 1e3,
        seconds / series * 1e9,
        bytes / seconds / 1e9,
        bytes / series,
        written.allocations,
    )
}

fn bars(all: &Contest, patterns: &Contest) -> Vec<Bar> {
    let faster = |peer: &str, limit| all.section.against(name::ENCODER, peer, 1, limit);
    let slower = |change: Change, limit| {
        let claim = format!("{JUDGED} counters, {}: time / {}", change.row(), name::COPY);
        let rate = |name| patterns.section.rate(1, name);
        Bar::at_most(claim, rate(name::COPY), rate(change.row()), limit)
            .disturbed(patterns.section.disturbed(1))
    };
    let ours = |contest: &Contest| -> u64 {
        let outcomes = &contest.section.columns[0].1;
        let rows = outcomes.iter().zip(&contest.written);
        let ours = rows.filter(|(outcome, _)| outcome.role == contest::Role::Engine);
        ours.map(|(_, written)| written.allocations).sum()
    };
    let allocations = ours(all) + ours(patterns);
    let claim = format!("{JUDGED} counters: allocations in the scrapes of all patterns together");
    vec![
        faster(name::MEASURED, 4.0),
        faster(name::PROMETHEUS_CLIENT, 10.0),
        slower(Change::Runs, 1.5),
        slower(Change::Random, 2.5),
        Bar::at_most(claim, Some(allocations as f64), Some(1.0), 0.0),
    ]
}
