//! Operations of components, side by side in one run: counted by four strings, and tracked from
//! start to success with the clock that times them, with 1 and 2 threads that share all series.
//!
//! `cargo bench -p tmc-benches --bench operations [-- --quick | --strict]`

use std::io::{self, Write};
use std::process::ExitCode;

use tmc_benches::contest::{self, Contender, cores};
use tmc_benches::report::{Bar, Section, write_bars};
use tmc_benches::settings::Settings;
use tmc_benches::{name, operations};
use tmc_engine::Clock;

/// Numbers of threads that are compared.
const THREADS: [usize; 2] = [1, 2];

/// What a bound operation may cost above its two readings of the clock, in nanoseconds.
const ABOVE_THE_CLOCK: f64 = 10.0;

/// What a second thread may add to the time of an operation. One word that both write doubles it; a second core
/// that is slower for other reasons adds up to a third.
const SCALES: f64 = 1.5;

fn main() -> io::Result<ExitCode> {
    let settings = Settings::from_process();
    let mut out = io::stdout().lock();
    let clock = if Clock::calibrate() { "the processor's counter" } else { "the system's clock" };
    writeln!(
        out,
        "operations per second over all threads, and core time per operation; {} cores; best of {} \
         interleaved turns per contender; durations by {clock}; ~ marks what was only measured on a \
         busy machine",
        cores(),
        settings.timed(1).rounds,
    )?;
    let counted =
        section("operation counted, four strings, 40 series", settings, operations::counted);
    counted.write(&mut out)?;
    let tracked =
        section("operation tracked, start and success, 40 series", settings, operations::tracked);
    tracked.write(&mut out)?;
    let repeated = section("one operation tracked, handles kept", settings, operations::repeated);
    repeated.write(&mut out)?;
    if settings.quick {
        writeln!(out, "\nquick run: every total is right, nothing is judged")?;
        return Ok(ExitCode::SUCCESS);
    }
    let held = write_bars(&bars(&counted, &tracked, &repeated), &mut out)?;
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

fn bars(counted: &Section, tracked: &Section, repeated: &Section) -> Vec<Bar> {
    let against_the_peer = THREADS.into_iter().flat_map(|threads| {
        [
            counted.against(name::RECORD_OPERATION, name::PROMETHEUS, threads, 2.0),
            tracked.against(name::TRACKER, name::PROMETHEUS, threads, 2.0),
        ]
    });
    let scales = [name::TRACKER, name::INSTRUMENTED]
        .map(|name| tracked.two_threads_against_one(name, SCALES));
    against_the_peer.chain(scales).chain([above_the_clock(repeated)]).collect()
}

/// A difference, where the other bars are ratios.
fn above_the_clock(repeated: &Section) -> Bar {
    let nanoseconds = |name| repeated.rate(1, name).map_or(f64::NAN, |rate| 1e9 / rate);
    Bar {
        claim: format!("{} - {}, 1 thread, in nanoseconds", name::BOUND, name::TWO_TICKS),
        ratio: nanoseconds(name::BOUND) - nanoseconds(name::TWO_TICKS),
        limit: ABOVE_THE_CLOCK,
        at_least: false,
        disturbed: repeated.disturbed(1),
    }
}
