//! Why the demo did not run: each message names the thing and the way out.
//! Upstream: options and wiring. Downstream: `main`, which prints it and picks the exit code.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use tmc_metrics::exposition::ServeError;
use tmc_metrics::{ConfigError, RegisterError, ReporterError};

/// Why the demo did not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    #[error(
        "cannot read the source {}: {error}; give --source a directory of manifests, or leave it out for the sample",
        path.display()
    )]
    Source { path: PathBuf, error: io::Error },
    #[error(
        "the source {} is no directory; give --source the directory whose folders are namespaces",
        path.display()
    )]
    SourceIsNoDirectory { path: PathBuf },
    #[error(
        "the source {} and the targets {} lie inside one another; give --targets a directory elsewhere",
        source_dir.display(), targets.display()
    )]
    Overlap { source_dir: PathBuf, targets: PathBuf },
    #[error(
        "cannot make the targets directory {}: {error}; give --targets a directory that can be written",
        path.display()
    )]
    Targets { path: PathBuf, error: io::Error },
    #[error(
        "cannot make a temporary directory: {0}; set TMPDIR to a directory that can be written, or give --source and --targets"
    )]
    Temporary(io::Error),
    #[error("cannot open the journal {}: {error}; give --journal a file that can be written", path.display())]
    Journal { path: PathBuf, error: io::Error },
    #[error("cannot serve at {address}; give --listen a free address, such as 127.0.0.1:0")]
    Serve {
        address: SocketAddr,
        #[source]
        error: ServeError,
    },
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Collection(#[from] ReporterError),
    #[error("cannot register the metrics: {0}")]
    Register(#[from] RegisterError),
    #[error("cannot watch for Ctrl-C: {0}")]
    Signals(#[from] ctrlc::Error),
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
    #[error("the {0} thread panicked; what it said is above")]
    Panicked(&'static str),
}

impl DemoError {
    /// 2 where the command line is to blame, 1 where the machine is.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Source { .. } | Self::SourceIsNoDirectory { .. } | Self::Overlap { .. } => 2,
            _ => 1,
        }
    }
}
