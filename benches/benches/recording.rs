//! Recording, side by side in one run: the floor, one shared atomic, the engine, the peers; with
//! 1, 2 and 4 threads; counters over one series and over 1,000, and one histogram.
//!
//! `cargo bench -p tmc-benches --bench recording [-- --quick | --strict]`

use std::io::{self, Write};
use std::process::ExitCode;

use tmc_benches::contest::{self, Contender, cores};
use tmc_benches::report::{Bar, Section, write_bars};
use tmc_benches::settings::Settings;
use tmc_benches::{counters, histograms, name};

/// Numbers of threads that are compared.
const THREADS: [usize; 3] = [1, 2, 4];

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
    let one = section("counter, one series", settings, || counters::contenders(1));
    one.write(&mut out)?;
    let many = section("counter, 1,000 series", settings, || counters::contenders(counters::MANY));
    many.write(&mut out)?;
    let histogram = section("histogram, 11 buckets, 2 digits", settings, histograms::contenders);
    histogram.write(&mut out)?;
    if settings.quick {
        writeln!(out, "\nquick run: every total is right, nothing is judged")?;
        return Ok(ExitCode::SUCCESS);
    }
    let held = write_bars(&bars(&one, &many, &histogram), &mut out)?;
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

fn bars(one: &Section, many: &Section, histogram: &Section) -> Vec<Bar> {
    let mut bars = Vec::new();
    for section in [one, many] {
        let claim = format!("{}, 1 thread: time of the handle / thread-local add", section.title);
        let floor = section.rate(1, name::THREAD_LOCAL);
        let bar = Bar::at_most(claim, floor, section.rate(1, name::HANDLE), 2.0);
        bars.push(bar.disturbed(section.disturbed(1)));
        bars.push(section.against_fastest(name::HANDLE, 1, 1.0));
    }
    bars.push(one.against_fastest(name::HANDLE, 2, 4.0));
    bars.push(one.against(name::HANDLE, name::PROMETHEUS, 2, 10.0));
    bars.push(one.against(name::HANDLE, name::PROMETHEUS_CLIENT, 2, 10.0));
    for (ours, alone, together) in [(name::HANDLE, 2.0, 4.0), (name::LOCAL, 3.0, 6.0)] {
        bars.push(histogram.against_fastest(ours, 1, alone));
        bars.push(histogram.against_fastest(ours, 2, together));
    }
    bars
}
