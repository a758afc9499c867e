//! The `tmc-metrics` command: reads the command line and hands over to a subcommand.
//! Upstream: the shell. Downstream: [`demo`], [`generate`], [`logger`].
//!
//! Exit codes: 0 when the command ended as asked (also by Ctrl-C), 1 when it failed, 2 when the
//! command line asks for something that cannot be done.

mod demo;
mod generate;
mod logger;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Metrics for transparent multi-cluster control planes.
#[derive(Debug, Parser)]
#[command(name = "tmc-metrics", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Mirror a tree of Kubernetes manifests to a few clusters and serve metrics of what happens.
    Demo(demo::Options),
    /// Write alert and recording rules for Prometheus and its Kubernetes operator.
    Rules(generate::RulesOptions),
    /// Write the dashboards for Grafana.
    Dashboards(generate::DashboardsOptions),
    /// Write the documentation of every metric family.
    Docs(generate::DocsOptions),
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too; they are no failure.
            let code = if error.use_stderr() { 2 } else { 0 };
            return if error.print().is_ok() { ExitCode::from(code) } else { ExitCode::FAILURE };
        }
    };
    logger::start();
    match cli.command {
        Command::Demo(options) => end(demo::run(&options), demo::DemoError::exit_code),
        Command::Rules(options) => generated(generate::rules(&options)),
        Command::Dashboards(options) => generated(generate::dashboards(&options)),
        Command::Docs(options) => generated(generate::docs(&options)),
    }
}

fn generated(result: Result<(), generate::GenerateError>) -> ExitCode {
    end(result, generate::GenerateError::exit_code)
}

fn end<E: std::error::Error>(result: Result<(), E>, code: impl Fn(&E) -> u8) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // With standard error gone there is nobody left to tell.
            let _ = report(&error);
            ExitCode::from(code(&error))
        }
    }
}

/// Writes the error and what caused it on one line.
fn report(error: &dyn std::error::Error) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    write!(stderr, "error: {error}")?;
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(stderr, ": {error}")?;
        cause = error.source();
    }
    writeln!(stderr)
}
