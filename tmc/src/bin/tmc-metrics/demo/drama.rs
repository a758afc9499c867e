//! Plays everybody else: edits the sample source, tampers with targets, takes clusters away.
//! Upstream: wiring, for the sample only. Downstream: the file system, past the mirror's door.
//!
//! Nothing here knows the mirror or the metrics; what it does shows only because it is found out.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::sample;

/// One thing that somebody does.
#[derive(Clone, Copy, Debug)]
enum Act {
    EditManifest,
    TamperWithTarget,
    DeleteTarget,
    TakeClusterAway,
    ClearObstacles,
    BringClusterBack,
    AddTooLargeNamespace,
    ShrinkNamespace,
    BreakManifest,
    MendManifest,
    RemoveNamespace,
}

/// The wait in milliseconds before each act. Then all of it begins again, with another cluster.
const ACTS: &[(u64, Act)] = &[
    (1000, Act::EditManifest),
    (600, Act::TamperWithTarget),
    (600, Act::DeleteTarget),
    (600, Act::TakeClusterAway),
    (2600, Act::ClearObstacles),
    (1500, Act::BringClusterBack),
    (600, Act::AddTooLargeNamespace),
    (1500, Act::ShrinkNamespace),
    (1500, Act::BreakManifest),
    (1000, Act::MendManifest),
    (1000, Act::RemoveNamespace),
];

/// The stage and what lies about on it.
pub(crate) struct Drama {
    source: PathBuf,
    clusters: Vec<PathBuf>,
    round: usize,
    /// A cluster that is away, and where it was put.
    away: Option<(PathBuf, PathBuf)>,
    /// Files that were put where a namespace's folder would go.
    obstacles: Vec<PathBuf>,
}

impl Drama {
    /// `clusters` are the directories that exist already.
    pub(crate) fn new(source: PathBuf, clusters: Vec<PathBuf>) -> Self {
        Self { source, clusters, round: 0, away: None, obstacles: Vec::new() }
    }

    /// Acts until `stop` is closed, then puts back what was taken away.
    pub(crate) fn run(mut self, stop: &Receiver<()>) {
        'all: loop {
            for (wait, act) in ACTS {
                match stop.recv_timeout(Duration::from_millis(*wait)) {
                    Err(RecvTimeoutError::Timeout) => {}
                    _ => break 'all,
                }
                if let Err(error) = self.act(*act) {
                    log::warn!("{act:?} failed: {error}");
                }
            }
            self.round += 1;
        }
        if let Err(error) = self.clear_obstacles().and(self.bring_back()) {
            log::warn!("the clusters cannot be put back as they were: {error}");
        }
    }

    fn act(&mut self, act: Act) -> io::Result<()> {
        let source = &self.source;
        match act {
            Act::EditManifest => {
                let image = format!("web:1.0.{}", self.round + 1);
                let text = sample::text(sample::EDITED).replace("web:1.0.0", &image);
                sample::put(source, sample::EDITED, &text)
            }
            Act::TamperWithTarget => match self.target_of(sample::EDITED) {
                Some(path) => {
                    let text = fs::read_to_string(&path)?;
                    fs::write(path, text.replace("8080", "9090"))
                }
                None => Ok(()),
            },
            Act::DeleteTarget => self.target_of(sample::BROKEN).map_or(Ok(()), fs::remove_file),
            Act::TakeClusterAway => self.take_away(),
            Act::ClearObstacles => self.clear_obstacles(),
            Act::BringClusterBack => self.bring_back(),
            Act::AddTooLargeNamespace => sample::add_batch(source),
            Act::ShrinkNamespace => sample::shrink_batch(source),
            Act::BreakManifest => sample::put(source, sample::BROKEN, "kind: [unfinished\n"),
            Act::MendManifest => sample::put(source, sample::BROKEN, sample::text(sample::BROKEN)),
            Act::RemoveNamespace => fs::remove_dir_all(source.join(sample::BATCH)),
        }
    }

    /// Where the file lies on the first cluster that has it.
    fn target_of(&self, rel: &str) -> Option<PathBuf> {
        self.clusters.iter().map(|cluster| cluster.join(rel)).find(|path| path.is_file())
    }

    /// Moves a cluster's directory aside, after putting files in the way of where its namespaces
    /// could go. Every other time, a file takes the directory's place.
    fn take_away(&mut self) -> io::Result<()> {
        let victim = self.clusters[(self.round + 1) % self.clusters.len()].clone();
        for namespace in namespaces(&victim)? {
            for other in self.clusters.iter().filter(|other| **other != victim) {
                let obstacle = other.join(&namespace);
                if !obstacle.exists() && fs::write(&obstacle, "in the way\n").is_ok() {
                    self.obstacles.push(obstacle);
                }
            }
        }
        let aside = victim.with_extension("away");
        fs::rename(&victim, &aside)?;
        self.away = Some((victim.clone(), aside));
        if self.round % 2 == 1 {
            fs::write(&victim, "no directory\n")?;
        }
        Ok(())
    }

    fn clear_obstacles(&mut self) -> io::Result<()> {
        self.obstacles.drain(..).filter(|path| path.is_file()).try_for_each(fs::remove_file)
    }

    fn bring_back(&mut self) -> io::Result<()> {
        let Some((place, aside)) = self.away.take() else { return Ok(()) };
        if place.is_file() {
            fs::remove_file(&place)?;
        }
        fs::rename(aside, place)
    }
}

/// The folders of a cluster.
fn namespaces(cluster: &Path) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(cluster)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.push(entry.file_name());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_comes_back_as_it_went() {
        let dir = tempfile::tempdir().unwrap();
        let clusters: Vec<_> = ["one", "two"].map(|name| dir.path().join(name)).into();
        for cluster in &clusters {
            fs::create_dir_all(cluster).unwrap();
        }
        fs::create_dir(clusters[1].join("shop")).unwrap();
        for round in 0..2 {
            let mut drama = Drama::new(dir.path().join("source"), clusters.clone());
            // The victim of round 0 is the second cluster, of round 1 the first.
            drama.round = round;
            drama.act(Act::TakeClusterAway).unwrap();
            assert!(!clusters[1 - round].is_dir());
            assert_eq!(clusters[0].join("shop").is_file(), round == 0);
            drama.act(Act::ClearObstacles).unwrap();
            drama.act(Act::BringClusterBack).unwrap();
            assert!(clusters[1].join("shop").is_dir());
            assert!(clusters[0].is_dir() && !clusters[0].join("shop").exists());
        }
    }
}
