//! The demo's command line, and what is wrong with it before anything starts.
//! Upstream: clap. Downstream: the wiring in `mod`.

use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroU64};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::error::DemoError;

/// How many clusters or workers may be asked for; each costs a directory or a thread.
const MOST: u16 = 256;

/// Options of `tmc-metrics demo`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// Tree of manifests to mirror, one folder per namespace; it is never changed. Without it,
    /// sample manifests are unpacked into a temporary directory and keep changing.
    #[arg(long, value_name = "DIR")]
    pub(crate) source: Option<PathBuf>,

    /// Where the clusters' directories are made [default: a temporary directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) targets: Option<PathBuf>,

    /// How many clusters to mirror to
    #[arg(long, value_name = "N", default_value = "3", value_parser = parse_count)]
    pub(crate) clusters: NonZeroU16,

    /// How many threads write files
    #[arg(long, value_name = "N", default_value = "4", value_parser = parse_count)]
    pub(crate) workers: NonZeroU16,

    /// How many objects fit into one cluster [default: 1000; 14 for the sample manifests]
    #[arg(long, value_name = "OBJECTS")]
    pub(crate) capacity: Option<NonZeroU64>,

    /// Address to serve metrics at; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080", value_parser = parse_listen)]
    pub(crate) listen: SocketAddr,

    /// End after this many seconds [default: run until Ctrl-C]
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    pub(crate) duration: Option<Duration>,

    /// Share of file writes and deletions that fail on purpose, from 0 to 1
    #[arg(long, value_name = "P", default_value = "0.05", value_parser = parse_rate)]
    pub(crate) fault_rate: f64,

    /// Append a line of JSON to this file for each file operation, as it happens
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,
}

impl Options {
    /// What the clusters are called.
    pub(crate) fn cluster_names(&self) -> Vec<String> {
        (1..=self.clusters.get()).map(|number| format!("cluster-{number}")).collect()
    }

    /// Refuses directories that cannot serve as source or targets.
    pub(crate) fn check(&self) -> Result<(), DemoError> {
        let Some(source) = &self.source else { return Ok(()) };
        let metadata = std::fs::metadata(source)
            .map_err(|error| DemoError::Source { path: source.clone(), error })?;
        if !metadata.is_dir() {
            return Err(DemoError::SourceIsNoDirectory { path: source.clone() });
        }
        let source = resolve(source);
        let (targets, overlap) = match &self.targets {
            Some(targets) => {
                let targets = resolve(targets);
                let overlap = targets.starts_with(&source) || source.starts_with(&targets);
                (targets, overlap)
            }
            // A new directory is made in this one; beside it, the source is safe.
            None => {
                let targets = resolve(&std::env::temp_dir());
                let overlap = targets.starts_with(&source);
                (targets, overlap)
            }
        };
        if overlap { Err(DemoError::Overlap { source_dir: source, targets }) } else { Ok(()) }
    }
}

/// The path without links and dots, as far as it exists.
fn resolve(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for ancestor in absolute.ancestors() {
        if let (Ok(real), Ok(rest)) = (ancestor.canonicalize(), absolute.strip_prefix(ancestor)) {
            return real.join(rest);
        }
    }
    absolute
}

fn parse_count(text: &str) -> Result<NonZeroU16, String> {
    match text.parse::<NonZeroU16>() {
        Ok(count) if count.get() <= MOST => Ok(count),
        _ => Err(format!("give a whole number from 1 to {MOST}")),
    }
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.0..=1.0).contains(&rate) => Ok(rate),
        _ => Err("give a number from 0 (no faults) to 1 (every operation fails)".to_owned()),
    }
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds > 0.0);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "give a number of seconds greater than 0".to_owned())
}

fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "give an IP address and a port, such as 127.0.0.1:8080 or [::1]:0".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_rates_and_durations_outside_their_range_are_refused() {
        for text in ["0", "-1", "257", "many", ""] {
            assert!(parse_count(text).is_err(), "{text}");
        }
        for text in ["-0.1", "1.1", "NaN", "inf", ""] {
            assert!(parse_rate(text).is_err(), "{text}");
        }
        for text in ["0", "-3", "NaN", "inf", "1e300", ""] {
            assert!(parse_seconds(text).is_err(), "{text}");
        }
        assert!(parse_listen("localhost").is_err());
        assert_eq!(parse_count("256").unwrap().get(), 256);
        assert_eq!(parse_rate("1").unwrap(), 1.0);
        assert_eq!(parse_seconds("0.5").unwrap(), Duration::from_millis(500));
    }

    #[test]
    fn a_target_inside_the_source_is_seen_through_dots_and_missing_folders() {
        let dir = tempfile::tempdir().unwrap();
        let inside = dir.path().join("a").join("..").join("missing");
        assert!(resolve(dir.path()).starts_with(resolve(dir.path())));
        // `a` does not exist, so the dots stay; what exists is resolved.
        assert!(resolve(&inside).starts_with(resolve(dir.path())));
    }
}
