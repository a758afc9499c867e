//! Time on the core per record of a thread whose process is besieged by hostile clients, against the
//! same thread in peace; and whether a client that means well is served meanwhile.
//!
//! `cargo bench -p tmc-benches --bench hostile [-- --quick | --strict]`

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use tmc_benches::hostile::{Plan, Row, attack, run};
use tmc_benches::report::{Bar, write_bars};
use tmc_benches::scrape::servers;
use tmc_benches::settings::Settings;

/// How much a record may cost more while somebody attacks.
const LIMIT: f64 = 1.05;

fn main() -> io::Result<ExitCode> {
    let child = attack::requested(std::env::args());
    if let Some(ended) = child.or_else(|| servers::requested(std::env::args())) {
        return ended.map(|()| ExitCode::SUCCESS);
    }
    let settings = Settings::from_process();
    let plan = if settings.quick {
        Plan { series: 1_000, segments: 1, span: Duration::from_millis(2) }
    } else {
        Plan { series: 100_000, segments: 25, span: Duration::from_millis(100) }
    };
    let mut out = io::stdout().lock();
    let Some(rows) = run(plan)? else {
        writeln!(out, "this platform does not tell a thread's time")?;
        return Ok(ExitCode::SUCCESS);
    };
    writeln!(
        out,
        "ns on the core per record, median of {} alternating segments of {} ms each; a server of {} \
         series and the hostile clients' process on whatever core is free\n\n{:38} | {:>8} | {:>8} \
         | {:>16} | {:>9} | {:>17}",
        plan.segments,
        plan.span.as_millis(),
        plan.series,
        "",
        "in peace",
        "attacked",
        "another attacked",
        "clients",
        "slowest scrape ms",
    )?;
    rows.iter().try_for_each(|row| write_row(row, &mut out))?;
    if settings.quick {
        writeln!(out, "\nquick run: every record is there, nothing is judged")?;
        return Ok(ExitCode::SUCCESS);
    }
    let held = write_bars(&bars(&rows), &mut out)?;
    Ok(if held || !settings.strict { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write_row(row: &Row, out: &mut impl Write) -> io::Result<()> {
    let [peace, attacked, other] = row.nanos;
    writeln!(
        out,
        "{:38} | {peace:8.3} | {attacked:8.3} | {other:16.3} | {:>9} | {:>17.1}",
        title(row),
        row.clients,
        row.slowest.as_secs_f64() * 1e3,
    )
}

fn bars(rows: &[Row]) -> Vec<Bar> {
    let mut bars = Vec::new();
    for row in rows {
        let [peace, attacked, other] = row.nanos;
        let claim = format!("{}: time on the core, attacked / in peace", title(row));
        // Where an attack on somebody else costs as much, it is the machine that is too small.
        let disturbed = other / peace > LIMIT;
        bars.push(Bar::at_most(claim, Some(attacked), Some(peace), LIMIT).disturbed(disturbed));
    }
    let all = |of: fn(&Row) -> usize| Some(rows.iter().map(of).sum::<usize>() as f64);
    let claim = "scrapes of a good client answered within 10 s / made".to_owned();
    bars.push(Bar::at_least(claim, all(|row| row.in_time), all(|row| row.scrapes), 1.0));
    bars
}

fn title(row: &Row) -> String {
    format!("{}, {}", row.attack, row.record)
}
