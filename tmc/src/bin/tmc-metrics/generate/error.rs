//! Why a file was not generated: each message names the thing and the way out.
//! Upstream: the generators. Downstream: `main`, which prints it and picks the exit code.

use std::io;
use std::path::PathBuf;

/// Why nothing, or not everything, was written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GenerateError {
    #[error("cannot write {}: {error}; give --out a directory that can be written", path.display())]
    Write { path: PathBuf, error: io::Error },
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
    #[error(
        "there are several dashboards: give --out a directory for all of them, or --name to print one"
    )]
    SeveralFiles,
    #[error("cannot write YAML: {0}")]
    Yaml(#[from] serde_saphyr::ser::Error),
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl GenerateError {
    /// 2 where the command line is to blame, 1 where the machine is.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::SeveralFiles => 2,
            _ => 1,
        }
    }
}
