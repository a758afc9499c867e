//! A writer's time on the core per record while another thread scrapes 100,000 series without pause,
//! against the same writer alone.
//!
//! `cargo bench -p tmc-benches --bench interference [-- --quick | --strict]`

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use tmc_benches::interference::{Plan, run};
use tmc_benches::report::{Bar, write_bars};
use tmc_benches::settings::Settings;

fn main() -> io::Result<ExitCode> {
    let settings = Settings::from_process();
    let plan = if settings.quick {
        Plan { series: 1_000, segments: 2, span: Duration::from_millis(2) }
    } else {
        Plan { series: 100_000, segments: 25, span: Duration::from_millis(150) }
    };
    let mut out = io::stdout().lock();
    let Some(rows) = run(plan) else {
        writeln!(out, "this platform does not tell a thread's time")?;
        return Ok(ExitCode::SUCCESS);
    };
    writeln!(
        out,
        "ns on the core per record, median of {} alternating segments of {} ms each; snapshot and \
         encoding of {} series without pause on the other core",
        plan.segments,
        plan.span.as_millis(),
        plan.series,
    )?;
    writeln!(
        out,
        "\n{:24} | {:>8} | {:>8} | {:>16} | {:>12}",
        "", "alone", "scraped", "other's scraped", "scrapes/s"
    )?;
    for row in &rows {
        let [alone, scraped, neighbour] = row.nanos;
        let rate = row.scrapes[1] as f64 / (plan.span.as_secs_f64() * plan.segments as f64);
        writeln!(
            out,
            "{:24} | {alone:8.3} | {scraped:8.3} | {neighbour:16.3} | {rate:12.0}",
            row.name
        )?;
    }
    if settings.quick {
        writeln!(out, "\nquick run: every record is there, nothing is judged")?;
        return Ok(ExitCode::SUCCESS);
    }
    let bars: Vec<Bar> = rows
        .iter()
        .map(|row| {
            let [alone, scraped, _] = row.nanos;
            let claim = format!("{}: time on the core, scraped / alone", row.name);
            Bar::at_most(claim, Some(scraped), Some(alone), 1.1)
        })
        .collect();
    let held = write_bars(&bars, &mut out)?;
    Ok(if held || !settings.strict { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
