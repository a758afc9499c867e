//! The file of a Unix socket: taken over from the dead, never from the living, by one process at a time.
//!
//! Upstream: `listener`. Downstream: the file system.
//!
//! Whoever may write to a socket's file may connect to it. The system creates the file with the mode
//! that the process's umask leaves; the directory around it is the safer place to keep others out.
//!
//! A socket's file says nothing about who listens, and one that listens not yet looks like one that
//! listens no more. So a lock on a file beside it, `PATH.lock`, is held from before the socket's file is
//! looked at until after it is removed: who has the lock may replace the file of another that had it.
//! The system lets go of it when its process ends, however that ends.

use std::ffi::OsString;
use std::fs::{File, Metadata, TryLockError, remove_file, symlink_metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use mio::event::Source;
use mio::net::UnixListener;

use super::ServeError;

/// Times that a lock is sought again because its file was just removed by who had it.
const LOCK_TRIES: usize = 16;

/// Removes its file when it is dropped.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: UnixListener,
    path: PathBuf,
    /// Which file it is; another may have taken its name since.
    file: (u64, u64),
    /// Dropped after the file has been removed.
    _lock: Lock,
}

impl Listener {
    pub(super) fn bind(path: &Path) -> Result<Self, ServeError> {
        let refuse = |source| ServeError::UnixSocket { path: path.to_owned(), source };
        let lock = Lock::take(path)?;
        let socket = match UnixListener::bind(path) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                clear_away(path)?;
                UnixListener::bind(path)
            }
            bound => bound,
        };
        let socket = socket.map_err(refuse)?;
        let file = identity(&symlink_metadata(path).map_err(refuse)?);
        Ok(Self { socket, path: path.to_owned(), file, _lock: lock })
    }

    pub(super) fn accept(&self) -> io::Result<mio::net::UnixStream> {
        self.socket.accept().map(|(socket, _)| socket)
    }

    pub(super) fn source(&mut self) -> &mut dyn Source {
        &mut self.socket
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Somebody may have moved or replaced it.
        let is_ours = |found: &Metadata| identity(found) == self.file;
        if !symlink_metadata(&self.path).is_ok_and(|found| is_ours(&found)) {
            return;
        }
        if let Err(error) = remove_file(&self.path) {
            log::warn!("cannot remove the socket {}: {error}", self.path.display());
        }
    }
}

/// The right to a socket's file. Dropping it removes the lock's file, then lets go of the lock.
#[derive(Debug)]
struct Lock {
    path: PathBuf,
    /// Locked for as long as it is open.
    _file: File,
}

impl Lock {
    /// Never waits.
    fn take(socket: &Path) -> Result<Self, ServeError> {
        let in_use = || ServeError::UnixSocketInUse { path: socket.to_owned() };
        let mut path = OsString::from(socket);
        path.push(".lock");
        let path = PathBuf::from(path);
        let refuse = |error: io::Error| {
            let why = format!("the lock beside it, {}, cannot be had: {error}", path.display());
            let source = io::Error::new(error.kind(), why);
            ServeError::UnixSocket { path: socket.to_owned(), source }
        };
        for _ in 0..LOCK_TRIES {
            let mut options = File::options();
            let options = options.write(true).create(true).truncate(false).mode(0o600);
            let file = options.open(&path).map_err(refuse)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(in_use()),
                Err(TryLockError::Error(error)) => return Err(refuse(error)),
            }
            // Who had it before may have removed it: then somebody else can make another.
            let ours = identity(&file.metadata().map_err(refuse)?);
            if symlink_metadata(&path).is_ok_and(|found| identity(&found) == ours) {
                return Ok(Self { path, _file: file });
            }
        }
        Err(in_use())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Before the lock goes with the file. One that stays is in nobody's way.
        if let Err(error) = remove_file(&self.path) {
            log::debug!("cannot remove the lock {}: {error}", self.path.display());
        }
    }
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

/// Removes what is in the way, if it is the socket of a process that has gone. Only for who has the lock.
fn clear_away(path: &Path) -> Result<(), ServeError> {
    let path_owned = || path.to_owned();
    let refuse = |source| ServeError::UnixSocket { path: path_owned(), source };
    if !symlink_metadata(path).map_err(refuse)?.file_type().is_socket() {
        return Err(ServeError::NotASocket { path: path_owned() });
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            log::info!("took over the socket {} of a process that has gone", path.display());
            remove_file(path).map_err(refuse)
        }
        // A program that knows nothing of our locks. Its queue may be full, or it may be closed to us.
        Ok(_) | Err(_) => Err(ServeError::UnixSocketInUse { path: path_owned() }),
    }
}
