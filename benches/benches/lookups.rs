//! Labels that are looked up for each increment, side by side in one run: four strings over 64
//! series, and three enums over 60, with 1 and 2 threads that share all series.
//!
//! `cargo bench -p tmc-benches --bench lookups [-- --quick | --strict]`

use std::io::{self, Write};
use std::process::ExitCode;

use tmc_benches::contest::{self, Contender, cores};
use tmc_benches::report::{Bar, Section, write_bars};
use tmc_benches::settings::Settings;
use tmc_benches::{lookups, name};

/// Numbers of threads that are compared.
const THREADS: [usize; 2] = [1, 2];

fn main() -> io::Result<ExitCode> {
    let settings = Settings::from_process();
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "operations per second over all threads, and core time per operation; {} cores; best of {} \
         interleaved turns per contender; ~ marks what was only measured on a busy machine",
        cores(),
        settings.timed(1).rounds,
    )?;
    let strings = section("counter, four string labels, 64 series", settings, lookups::strings);
    strings.write(&mut out)?;
    let enums = section("counter, three enum labels, 60 series", settings, lookups::sets);
    enums.write(&mut out)?;
    if settings.quick {
        writeln!(out, "\nquick run: every total is right, nothing is judged")?;
        return Ok(ExitCode::SUCCESS);
    }
    let held = write_bars(&bars(&strings, &enums), &mut out)?;
    Ok(if held || !settings.strict { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn section(
    title: &str,
    settings: Settings,
    contenders: impl Fn() -> Vec<Box<dyn Contender>>,
) -> Section {
    let column = |threads| (threads, contest::run(&contenders(), settings.timed(threads)));
    Section { title: title.to_owned(), columns: THREADS.map(column).into() }
}

fn bars(strings: &Section, enums: &Section) -> Vec<Bar> {
    vec![
        strings.against_fastest(name::AT, 1, 2.5),
        strings.two_threads_against_one(name::AT, 1.15),
        strings.against_fastest(name::AT, 2, 3.5),
        Bar::at_most(
            "enums, 1 thread: time of a look-up and its increment / a plain handle's".to_owned(),
            enums.rate(1, name::HANDLE),
            enums.rate(1, name::AT_ENUMS),
            4.0,
        )
        .disturbed(enums.disturbed(1)),
    ]
}
