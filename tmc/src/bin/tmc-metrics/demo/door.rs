//! The one door to the file system: atomic writes, deletions, faults on purpose, and the journal.
//! Upstream: source, worker, health, aggregate. Downstream: `std::fs`, faults, journal.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use super::faults::Faults;
use super::journal::{Entry, Journal};

/// How often a directory is made again that another thread removed because it was empty.
const MKDIR_TRIES: u32 = 8;

/// The hash that tells two contents apart. Not against somebody who wants them to collide.
pub(crate) fn hash_of(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

/// What a file looks like from outside; a file whose stamp is unchanged is not read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) len: u64,
    pub(crate) modified: SystemTime,
}

impl From<&fs::Metadata> for Stamp {
    fn from(metadata: &fs::Metadata) -> Self {
        // A platform without modification times leaves the length to tell.
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        Self { len: metadata.len(), modified }
    }
}

/// Why a file is written or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The source changed.
    Sync,
    /// Somebody else changed the target.
    Repair,
    /// The namespace moves to this cluster.
    Migrate,
    /// The namespace is no longer on this cluster.
    Cleanup,
    /// A namespace's view over all clusters.
    View,
    /// To see whether the cluster can be written to.
    Probe,
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Repair => "repair",
            Self::Migrate => "migrate",
            Self::Cleanup => "cleanup",
            Self::View => "view",
            Self::Probe => "probe",
        }
    }
}

/// What is done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// It is written as a whole.
    Write,
    /// It is removed.
    Remove,
}

impl Op {
    fn as_str(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Remove => "remove",
        }
    }
}

/// What lies where a file is to be written or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    /// A file with this hash.
    File(u64),
    /// Something that has no content to read, but can be replaced: a pipe, a link to a device.
    Foreign,
}

/// A directory that is written into, and that only its owner makes or removes.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    pub(crate) name: String,
    pub(crate) dir: PathBuf,
}

impl Root {
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.dir.join(relative)
    }
}

/// Every file operation of the mirror goes through here.
#[derive(Debug)]
pub(crate) struct Door {
    cluster_faults: Mutex<Faults>,
    /// Views have their own, so that they too fail early in a run.
    view_faults: Mutex<Faults>,
    journal: Option<Journal>,
    /// How many temporary files there have been; keeps their names apart.
    temporary: Mutex<u64>,
}

impl Door {
    pub(crate) fn new(fault_rate: f64, journal: Option<Journal>) -> Self {
        Self {
            cluster_faults: Mutex::new(Faults::new(fault_rate)),
            view_faults: Mutex::new(Faults::new(fault_rate)),
            journal,
            temporary: Mutex::new(0),
        }
    }

    /// Reads a whole file. What is no file, such as a pipe or a device, is an error of the kind
    /// `InvalidInput`: to open it could take for ever.
    pub(crate) fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let metadata = fs::metadata(path)?;
        if metadata.is_file() || metadata.is_dir() {
            return fs::read(path); // which says itself what is wrong with a directory
        }
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is neither file nor directory"))
    }

    /// What a write or a removal will find in its place. Where that cannot be told, the operation
    /// ends with it, so the journal has it as the operation's.
    pub(crate) fn find(
        &self,
        op: Op,
        root: &Root,
        relative: &str,
        purpose: Purpose,
    ) -> io::Result<Found> {
        match self.read(&root.path(relative)) {
            Ok(bytes) => Ok(Found::File(hash_of(&bytes))),
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(Found::Foreign),
            Err(error) if error.kind() == io::ErrorKind::NotFound && root.dir.is_dir() => {
                Ok(Found::Nothing)
            }
            Err(error) => {
                let result: Result<(), _> = Err(Failed::System(error));
                self.note(op, root, relative, purpose, 0, &result);
                result.map(|()| Found::Nothing).map_err(Failed::into_inner)
            }
        }
    }

    pub(crate) fn stamp(&self, path: &Path) -> io::Result<Stamp> {
        Ok(Stamp::from(&fs::metadata(path)?))
    }

    /// Writes a file as a whole: readers see the old content or the new. Makes the directories
    /// between root and file, never the root: one that is gone is an error.
    pub(crate) fn write(
        &self,
        root: &Root,
        relative: &str,
        bytes: &[u8],
        purpose: Purpose,
    ) -> io::Result<Stamp> {
        let result = self.fault(purpose).and_then(|()| self.replace(root, relative, bytes));
        self.note(Op::Write, root, relative, purpose, bytes.len() as u64, &result);
        result.map_err(Failed::into_inner)
    }

    /// Removes a file, and the directories that it leaves empty.
    pub(crate) fn remove(&self, root: &Root, relative: &str, purpose: Purpose) -> io::Result<()> {
        let path = root.path(relative);
        let result =
            self.fault(purpose).and_then(|()| fs::remove_file(&path).map_err(Failed::System));
        self.note(Op::Remove, root, relative, purpose, 0, &result);
        if result.is_ok() {
            let parents = path.ancestors().skip(1).take_while(|parent| *parent != root.dir);
            for parent in parents {
                if fs::remove_dir(parent).is_err() {
                    break; // not empty
                }
            }
        }
        result.map_err(Failed::into_inner)
    }

    fn replace(&self, root: &Root, relative: &str, bytes: &[u8]) -> Result<Stamp, Failed> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.replace_once(root, relative, bytes) {
                // Another thread may have removed the directory when its last file went.
                Err(error)
                    if error.kind() == io::ErrorKind::NotFound
                        && tries < MKDIR_TRIES
                        && root.dir.is_dir() => {}
                other => return other.map_err(Failed::System),
            }
        }
    }

    fn replace_once(&self, root: &Root, relative: &str, bytes: &[u8]) -> io::Result<Stamp> {
        let mut parent = root.dir.clone();
        let mut folders = relative.split('/').peekable();
        let mut name = relative;
        while let Some(folder) = folders.next() {
            if folders.peek().is_none() {
                name = folder;
                break;
            }
            parent.push(folder);
            match fs::create_dir(&parent) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        let number = {
            let mut number = self.temporary.lock().unwrap_or_else(PoisonError::into_inner);
            *number += 1;
            *number
        };
        let temporary = parent.join(format!(".{name}.{number}.tmp"));
        let written = write_and_stamp(&temporary, bytes)
            .and_then(|stamp| fs::rename(&temporary, parent.join(name)).map(|()| stamp));
        if written.is_err() {
            // Whether it was made or not, nothing of it may stay.
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    fn fault(&self, purpose: Purpose) -> Result<(), Failed> {
        let faults = match purpose {
            Purpose::Probe => return Ok(()),
            Purpose::View => &self.view_faults,
            _ => &self.cluster_faults,
        };
        let fault = faults.lock().unwrap_or_else(PoisonError::into_inner).next();
        fault.map_or(Ok(()), |fault| Err(Failed::OnPurpose(fault)))
    }

    fn note<T>(
        &self,
        op: Op,
        root: &Root,
        path: &str,
        purpose: Purpose,
        bytes: u64,
        result: &Result<T, Failed>,
    ) {
        let Some(journal) = &self.journal else { return };
        let (result, bytes, error) = match result {
            Ok(_) => ("done", bytes, None),
            Err(Failed::OnPurpose(error)) => ("fault", 0, Some(error.to_string())),
            Err(Failed::System(error)) => ("error", 0, Some(error.to_string())),
        };
        let (op, purpose) = (op.as_str(), purpose.as_str());
        journal.append(&Entry { op, result, purpose, root: &root.name, path, bytes, error });
    }
}

/// Who let an operation fail.
enum Failed {
    OnPurpose(io::Error),
    System(io::Error),
}

impl Failed {
    fn into_inner(self) -> io::Error {
        let (Self::OnPurpose(error) | Self::System(error)) = self;
        error
    }
}

fn write_and_stamp(path: &Path, bytes: &[u8]) -> io::Result<Stamp> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    Ok(Stamp::from(&file.metadata()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(dir: &Path) -> Root {
        Root { name: "cluster-1".to_owned(), dir: dir.to_owned() }
    }

    #[test]
    fn a_write_makes_folders_and_leaves_no_temporary_file() {
        let dir = tempfile::tempdir().unwrap();
        let door = Door::new(0.0, None);
        let root = root(dir.path());
        let stamp = door.write(&root, "ns/deep/a.yaml", b"one", Purpose::Sync).unwrap();
        assert_eq!(door.stamp(&root.path("ns/deep/a.yaml")).unwrap(), stamp);
        door.write(&root, "ns/deep/a.yaml", b"two", Purpose::Sync).unwrap();
        assert_eq!(door.read(&root.path("ns/deep/a.yaml")).unwrap(), b"two");
        assert_eq!(fs::read_dir(root.path("ns/deep")).unwrap().count(), 1);
    }

    #[test]
    fn a_removal_takes_empty_folders_along_but_never_the_root() {
        let dir = tempfile::tempdir().unwrap();
        let door = Door::new(0.0, None);
        let root = root(dir.path());
        door.write(&root, "ns/deep/a.yaml", b"one", Purpose::Sync).unwrap();
        door.remove(&root, "ns/deep/a.yaml", Purpose::Sync).unwrap();
        assert!(root.dir.is_dir());
        assert!(!root.path("ns").exists());
    }

    #[test]
    fn a_root_that_is_gone_or_a_file_is_an_error_and_is_not_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let door = Door::new(0.0, None);
        let root = root(&dir.path().join("gone"));
        let error = door.write(&root, "ns/a.yaml", b"one", Purpose::Sync).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(!root.dir.exists());
        fs::write(&root.dir, "in the way").unwrap();
        assert!(door.write(&root, "ns/a.yaml", b"one", Purpose::Sync).is_err());
    }

    #[test]
    fn faults_change_nothing_on_disk_and_are_in_the_journal() {
        let dir = tempfile::tempdir().unwrap();
        let lines = dir.path().join("journal");
        let door = Door::new(1.0, Some(Journal::open(&lines).unwrap()));
        let root = root(dir.path());
        assert!(door.write(&root, "ns/a.yaml", b"one", Purpose::Sync).is_err());
        assert!(!root.path("ns").exists());
        door.write(&root, ".probe", b"", Purpose::Probe).unwrap();
        let text = fs::read_to_string(lines).unwrap();
        let results: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(results[0]["result"], "fault");
        assert_eq!(results[1]["result"], "done");
        assert_eq!(results[1]["purpose"], "probe");
    }
}
