//! Finds what changed in the source tree since the last look, deletions too.
//! Upstream: the mirror's tick. Downstream: door, manifest. Never writes.
//!
//! A file is read again when its length or modification time differ, or when it was modified so
//! shortly before the last look that a second change might carry the same time.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::door::{Door, Stamp, hash_of};
use super::manifest::{Format, Manifest};

/// A path below the source, and below a cluster's directory: `namespace/folders/file.yaml`.
pub(crate) type Rel = Arc<str>;

/// A modification time younger than this may come twice.
const RACY: Duration = Duration::from_secs(2);
/// Folders within folders beyond this are not followed.
const DEEPEST: usize = 32;

/// What the source knows of one file.
#[derive(Debug)]
pub(crate) struct Seen {
    stamp: Stamp,
    /// Whether an unchanged stamp means an unchanged content.
    settled: bool,
    hash: u64,
    /// What is wrong with the content as it is now.
    pub(crate) invalid: Option<String>,
    /// The last content that could be read; a broken edit does not take an object away.
    pub(crate) manifest: Option<Arc<Manifest>>,
    /// When that content came about, as far as that can be told.
    pub(crate) changed: Instant,
}

/// The source tree as it was at the last look.
#[derive(Debug)]
pub(crate) struct Source {
    root: PathBuf,
    files: BTreeMap<Rel, Seen>,
    last_scan: Option<SystemTime>,
}

/// What a look at the tree found.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// New or changed, and readable.
    pub(crate) changed: Vec<Rel>,
    pub(crate) removed: Vec<Rel>,
    /// New or changed, and no manifest; with the reason.
    pub(crate) invalid: Vec<(Rel, String)>,
    /// Files or folders that could not be read; nothing is concluded about what is in them.
    pub(crate) unreadable: Vec<(PathBuf, io::Error)>,
}

/// What lies in the tree at one moment.
#[derive(Default)]
struct Listing {
    files: BTreeMap<Rel, (PathBuf, Stamp)>,
    unreadable: Vec<(PathBuf, io::Error)>,
}

impl Source {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, files: BTreeMap::new(), last_scan: None }
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = (&Rel, &Seen)> {
        self.files.iter()
    }

    /// What the file held when it could last be read.
    pub(crate) fn manifest(&self, rel: &str) -> Option<&Arc<Manifest>> {
        self.files.get(rel)?.manifest.as_ref()
    }

    pub(crate) fn get(&self, rel: &str) -> Option<&Seen> {
        self.files.get(rel)
    }

    /// Looks at the whole tree.
    pub(crate) fn scan(&mut self, door: &Door, now: Instant, wall: SystemTime) -> Changes {
        let mut listing = Listing::default();
        list(&self.root, "", 0, &mut listing);
        // Where the root went away while it was listed, files seem gone that have only moved.
        if let Err(error) = std::fs::read_dir(&self.root) {
            listing.unreadable.push((self.root.clone(), error));
        }
        let mut changes = Changes { unreadable: listing.unreadable, ..Changes::default() };
        for (rel, (path, stamp)) in &listing.files {
            if self.files.get(rel).is_some_and(|seen| seen.stamp == *stamp && seen.settled) {
                continue;
            }
            match door.read(path) {
                Ok(bytes) => self.take_in(rel, *stamp, &bytes, now, wall, &mut changes),
                // Gone since it was listed: the next look will tell.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => changes.unreadable.push((path.clone(), error)),
            }
        }
        let root = &self.root;
        let gone: Vec<Rel> = self
            .files
            .keys()
            .filter(|rel| !listing.files.contains_key(*rel))
            .filter(|rel| {
                let path = root.join(&***rel);
                !changes.unreadable.iter().any(|(unreadable, _)| path.starts_with(unreadable))
            })
            .cloned()
            .collect();
        for rel in gone {
            self.files.remove(&rel);
            changes.removed.push(rel);
        }
        self.last_scan = Some(wall);
        changes
    }

    fn take_in(
        &mut self,
        rel: &Rel,
        stamp: Stamp,
        bytes: &[u8],
        now: Instant,
        wall: SystemTime,
        changes: &mut Changes,
    ) {
        let settled = wall.duration_since(stamp.modified).is_ok_and(|age| age > RACY);
        let hash = hash_of(bytes);
        let changed = self.change_time(stamp, now, wall);
        if let Some(seen) = self.files.get_mut(rel) {
            seen.stamp = stamp;
            seen.settled = settled;
            if seen.hash == hash {
                return;
            }
        }
        let parsed = match (rel.contains('/'), Format::of(rel)) {
            (true, Some(format)) => Manifest::parse(bytes, format),
            _ => Err("it lies outside a namespace; move it into a folder named as one".to_owned()),
        };
        let before = self.files.remove(rel);
        let (invalid, manifest) = match parsed {
            Ok(manifest) => {
                changes.changed.push(rel.clone());
                (None, Some(Arc::new(manifest)))
            }
            Err(reason) => {
                changes.invalid.push((rel.clone(), reason.clone()));
                (Some(reason), before.and_then(|seen| seen.manifest))
            }
        };
        let seen = Seen { stamp, settled, hash, invalid, manifest, changed };
        self.files.insert(rel.clone(), seen);
    }

    /// The modification time where it lies between the last look and this one; else this look, as
    /// for files that were there before the first.
    fn change_time(&self, stamp: Stamp, now: Instant, wall: SystemTime) -> Instant {
        let Some(last) = self.last_scan else { return now };
        match wall.duration_since(stamp.modified) {
            Ok(age) if stamp.modified >= last => now.checked_sub(age).unwrap_or(now),
            _ => now,
        }
    }
}

fn list(dir: &Path, prefix: &str, depth: usize, into: &mut Listing) {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) => return into.unreadable.push((dir.to_owned(), error)),
    };
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => return into.unreadable.push((dir.to_owned(), error)),
        };
        let name = entry.file_name();
        // A hidden file is an editor's or a volume's own; one that is no UTF-8 cannot be a label.
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
        let path = entry.path();
        let rel = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        match (entry.file_type(), std::fs::metadata(&path)) {
            (Ok(kind), _) if kind.is_dir() && depth < DEEPEST => {
                list(&path, &rel, depth + 1, into);
            }
            // A link to a file counts as the file; a link to a folder could lead round in a circle.
            (_, Ok(metadata)) if metadata.is_file() && Format::of(name).is_some() => {
                into.files.insert(rel.into(), (path, Stamp::from(&metadata)));
            }
            // A pipe or a device where a manifest should be.
            (_, Ok(metadata)) if !metadata.is_dir() && Format::of(name).is_some() => {
                let error = io::Error::new(io::ErrorKind::InvalidInput, "it is no file");
                into.unreadable.push((path, error));
            }
            (_, Err(error)) if error.kind() != io::ErrorKind::NotFound => {
                into.unreadable.push((path, error));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const POD: &str = "{apiVersion: v1, kind: Pod, metadata: {name: a}}";

    struct Tree {
        dir: tempfile::TempDir,
        source: Source,
        door: Door,
    }

    impl Tree {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let source = Source::new(dir.path().join("source"));
            fs::create_dir_all(dir.path().join("source/ns/deep")).unwrap();
            Self { dir, source, door: Door::new(0.0, None) }
        }

        fn path(&self, rel: &str) -> PathBuf {
            self.dir.path().join("source").join(rel)
        }

        fn scan(&mut self) -> Changes {
            self.source.scan(&self.door, Instant::now(), SystemTime::now())
        }
    }

    fn names(rels: &[Rel]) -> Vec<&str> {
        rels.iter().map(|rel| &**rel).collect()
    }

    #[test]
    fn additions_edits_and_deletions_are_found_once() {
        let mut tree = Tree::new();
        fs::write(tree.path("ns/a.yaml"), POD).unwrap();
        fs::write(tree.path("ns/deep/b.json"), POD.replace("a}", "b}")).unwrap();
        fs::write(tree.path("ns/notes.txt"), "no manifest").unwrap();
        fs::write(tree.path("ns/.hidden.yaml"), POD).unwrap();
        // A JSON file in YAML is broken; the other is fine.
        let first = tree.scan();
        assert_eq!(names(&first.changed), ["ns/a.yaml"]);
        assert_eq!(first.invalid.len(), 1);
        let second = tree.scan();
        assert!(second.changed.is_empty() && second.invalid.is_empty());
        // Same length, and possibly the same time: still found.
        fs::write(tree.path("ns/a.yaml"), POD.replace(": a}", ": z}")).unwrap();
        assert_eq!(names(&tree.scan().changed), ["ns/a.yaml"]);
        fs::remove_file(tree.path("ns/a.yaml")).unwrap();
        let last = tree.scan();
        assert_eq!(names(&last.removed), ["ns/a.yaml"]);
    }

    #[test]
    fn a_broken_edit_keeps_the_last_good_content() {
        let mut tree = Tree::new();
        fs::write(tree.path("ns/a.yaml"), POD).unwrap();
        tree.scan();
        fs::write(tree.path("ns/a.yaml"), "{apiVersion: [").unwrap();
        let changes = tree.scan();
        assert_eq!(changes.invalid.len(), 1);
        assert!(tree.source.get("ns/a.yaml").unwrap().invalid.is_some());
        assert_eq!(tree.source.manifest("ns/a.yaml").unwrap().objects[0].name, "a");
    }

    #[test]
    fn a_source_that_is_gone_deletes_nothing() {
        let mut tree = Tree::new();
        fs::write(tree.path("ns/a.yaml"), POD).unwrap();
        tree.scan();
        fs::rename(tree.path(""), tree.dir.path().join("away")).unwrap();
        let changes = tree.scan();
        assert!(changes.removed.is_empty());
        assert_eq!(changes.unreadable[0].0, tree.path(""));
        assert_eq!(tree.source.files().count(), 1);
    }

    #[test]
    fn a_file_outside_a_namespace_is_invalid() {
        let mut tree = Tree::new();
        fs::write(tree.path("a.yaml"), POD).unwrap();
        let changes = tree.scan();
        assert!(changes.invalid[0].1.contains("namespace"));
    }
}
