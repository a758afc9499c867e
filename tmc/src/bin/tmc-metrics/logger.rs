//! Shows what the libraries and the commands log, from warnings up, on standard error.
//! Upstream: the `log` crate. Downstream: standard error.

use std::io::{self, IsTerminal, Write};

use log::{LevelFilter, Log, Metadata, Record};

/// Takes the cursor to the start of the line and clears it: a progress line may stand there.
pub(crate) const CLEAR_LINE: &str = "\r\x1b[K";

struct Stderr;

impl Log for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= LevelFilter::Warn
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            // With standard error gone there is nobody left to tell.
            let _ = write(record);
        }
    }

    fn flush(&self) {
        // Standard error is not buffered.
    }
}

fn write(record: &Record<'_>) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    let clear = if stderr.is_terminal() { CLEAR_LINE } else { "" };
    let level = match record.level() {
        log::Level::Error => "error",
        _ => "warning",
    };
    writeln!(stderr, "{clear}{level}: {}", record.args())
}

/// Begins to show messages. Where somebody else has begun to, it stays as it is.
pub(crate) fn start() {
    if log::set_logger(&Stderr).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}
