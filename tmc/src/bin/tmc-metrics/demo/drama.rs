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
    ClearObstacle,
    BringClusterBack,
    AddTooLargeNamespace,
    ShrinkNamespace,
    BreakManifest,
    MendManifest,
    RemoveNamespace,
    /// Nobody does anything: what was upset comes to rest.
    Rest,
}

/// The waits in milliseconds before each act: in the first round, which is to show everything
/// soon, and in the rounds after it. Then all of it begins again, with another cluster.
const ACTS: &[([u64; 2], Act)] = &[
    ([1000, 4000], Act::EditManifest),
    ([600, 5000], Act::TamperWithTarget),
    ([600, 5000], Act::DeleteTarget),
    ([600, 5000], Act::TakeClusterAway),
    ([2600, 4000], Act::ClearObstacle),
    ([1500, 3000], Act::BringClusterBack),
    ([600, 8000], Act::AddTooLargeNamespace),
    ([1500, 4000], Act::ShrinkNamespace),
    ([1500, 5000], Act::BreakManifest),
    ([1000, 4000], Act::MendManifest),
    ([1000, 4000], Act::RemoveNamespace),
    ([15_000, 15_000], Act::Rest),
];

/// The stage and what lies about on it.
pub(crate) struct Drama {
    source: PathBuf,
    clusters: Vec<PathBuf>,
    round: usize,
    /// A cluster that is away, and where it was put.
    away: Option<(PathBuf, PathBuf)>,
    /// A file that was put where a namespace's folder would go.
    obstacle: Option<PathBuf>,
}

impl Drama {
    /// `clusters` are the directories that exist already.
    pub(crate) fn new(source: PathBuf, clusters: Vec<PathBuf>) -> Self {
        Self { source, clusters, round: 0, away: None, obstacle: None }
    }

    /// Acts until `stop` is closed, then puts back what was taken away.
    pub(crate) fn run(mut self, stop: &Receiver<()>) {
        'all: loop {
            for (waits, act) in ACTS {
                let wait = Duration::from_millis(waits[self.round.min(1)]);
                match stop.recv_timeout(wait) {
                    Err(RecvTimeoutError::Timeout) => {}
                    _ => break 'all,
                }
                if let Err(error) = self.act(*act) {
                    log::warn!("{act:?} failed: {error}");
                }
            }
            self.round += 1;
        }
        if let Err(error) = self.clear_obstacle().and(self.bring_back()) {
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
            Act::ClearObstacle => self.clear_obstacle(),
            Act::BringClusterBack => self.bring_back(),
            Act::AddTooLargeNamespace => sample::add_batch(source),
            Act::ShrinkNamespace => sample::shrink_batch(source),
            Act::BreakManifest => sample::put(source, sample::BROKEN, "kind: [unfinished\n"),
            Act::MendManifest => sample::put(source, sample::BROKEN, sample::text(sample::BROKEN)),
            Act::RemoveNamespace => fs::remove_dir_all(source.join(sample::BATCH)),
            Act::Rest => Ok(()),
        }
    }

    /// Where the file lies on the first cluster that has it.
    fn target_of(&self, rel: &str) -> Option<PathBuf> {
        self.clusters.iter().map(|cluster| cluster.join(rel)).find(|path| path.is_file())
    }

    /// Moves a cluster's directory aside. Every other time, a file is put in the way of one of its
    /// namespaces before; the other times, a file takes the directory's place.
    fn take_away(&mut self) -> io::Result<()> {
        let victim = self.clusters[(self.round + 1) % self.clusters.len()].clone();
        let is_even = self.round.is_multiple_of(2);
        if is_even && let Some(place) = self.next_home(&victim)? {
            fs::write(&place, "in the way\n")?;
            self.obstacle = Some(place);
        }
        let aside = victim.with_extension("away");
        fs::rename(&victim, &aside)?;
        self.away = Some((victim.clone(), aside));
        if !is_even {
            fs::write(&victim, "no directory\n")?;
        }
        Ok(())
    }

    /// Where a namespace of the cluster would likely go: the namespace that has the least choice,
    /// and of its choice the emptiest cluster.
    fn next_home(&self, victim: &Path) -> io::Result<Option<PathBuf>> {
        let others = || self.clusters.iter().filter(|other| *other != victim);
        let mut places = Vec::new();
        for name in namespaces(victim)? {
            let free: Vec<_> = others().filter(|other| !other.join(&name).exists()).collect();
            for other in &free {
                places.push((free.len(), namespaces(other)?.len(), other.join(&name)));
            }
        }
        Ok(places.into_iter().min().map(|(_, _, place)| place))
    }

    fn clear_obstacle(&mut self) -> io::Result<()> {
        let obstacle = self.obstacle.take().filter(|path| path.is_file());
        obstacle.map_or(Ok(()), fs::remove_file)
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
            drama.act(Act::ClearObstacle).unwrap();
            drama.act(Act::BringClusterBack).unwrap();
            assert!(clusters[1].join("shop").is_dir());
            assert!(clusters[0].is_dir() && !clusters[0].join("shop").exists());
        }
    }

    #[test]
    fn one_namespace_is_in_the_way_of_one_cluster_every_other_round() {
        let dir = tempfile::tempdir().unwrap();
        let clusters: Vec<_> = ["one", "two", "three"].map(|name| dir.path().join(name)).into();
        for (cluster, namespaces) in clusters.iter().zip([&["shop"][..], &["a", "shop"], &[]]) {
            fs::create_dir_all(cluster).unwrap();
            for namespace in namespaces {
                fs::create_dir(cluster.join(namespace)).unwrap();
            }
        }
        let files = || {
            let all =
                clusters.iter().flat_map(|cluster| fs::read_dir(cluster).into_iter().flatten());
            let paths = all.map(|entry| entry.unwrap().path());
            paths.filter(|path| path.is_file()).collect::<Vec<_>>()
        };
        let mut drama = Drama::new(dir.path().join("source"), clusters.clone());
        drama.act(Act::TakeClusterAway).unwrap();
        // The shop is on the first cluster already, so it can only go to the third.
        assert_eq!(files(), [clusters[2].join("shop")]);
        drama.act(Act::ClearObstacle).unwrap();
        drama.act(Act::BringClusterBack).unwrap();
        assert!(files().is_empty());
        drama.round = 3; // the second cluster's turn again
        drama.act(Act::TakeClusterAway).unwrap();
        assert!(files().is_empty());
    }

    #[test]
    fn the_first_round_is_quick_and_each_ends_with_a_rest() {
        let total = |round: usize| ACTS.iter().map(|(waits, _)| waits[round]).sum::<u64>();
        let Some((rest, Act::Rest)) = ACTS.last() else { panic!("no rest at the end") };
        assert!(total(0) - rest[0] <= 15_000 && rest.iter().all(|rest| *rest >= 15_000));
        assert!(total(1) - rest[1] >= 3 * (total(0) - rest[0]));
    }
}
