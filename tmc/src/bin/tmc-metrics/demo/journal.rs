//! Writes down each file operation as it happens, one JSON object a line.
//! Upstream: door. Downstream: a file that tests and people read; nothing here knows of metrics.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// One line of the journal.
#[derive(Debug, Serialize)]
pub(crate) struct Entry<'a> {
    /// `write` or `remove`.
    pub(crate) op: &'static str,
    /// `done`, `fault` (injected) or `error` (from the operating system).
    pub(crate) result: &'static str,
    /// Why it was asked for: `sync`, `repair`, `migrate`, `cleanup`, `view` or `probe`.
    pub(crate) purpose: &'static str,
    /// The directory that the path is in: a cluster's name, or `views`.
    pub(crate) root: &'a str,
    pub(crate) path: &'a str,
    /// Bytes of the file written; of a removal and of a failed operation 0.
    pub(crate) bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

/// An append-only file of entries.
#[derive(Debug)]
pub(crate) struct Journal {
    /// Lines are whole and in the order of the operations on any one path.
    file: Mutex<File>,
}

impl Journal {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self { file: Mutex::new(file) })
    }

    /// Appends a line. A journal that cannot be written must not stop the mirror: it is logged.
    pub(crate) fn append(&self, entry: &Entry<'_>) {
        let written = serde_json::to_vec(entry).map_err(io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line)
        });
        if let Err(error) = written {
            log::error!("the journal cannot be written: {error}");
        }
    }
}
