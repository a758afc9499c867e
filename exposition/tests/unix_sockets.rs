//! Unix sockets: served, taken over from the dead, never from the living.

#![cfg(unix)]

mod common;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Barrier;

use common::{assert_well, builder};
use tempfile::TempDir;
use tmc_exposition::{Address, ServeError, Server};

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metrics.sock");
    (directory, path)
}

fn listen(path: &Path) -> Result<Server, ServeError> {
    builder().listen(format!("unix:{}", path.display())).start()
}

/// All that the server says to one scrape.
fn scrape(path: &Path) -> String {
    let mut client = UnixStream::connect(path).unwrap();
    client.set_read_timeout(Some(common::PATIENCE)).unwrap();
    client.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut said = String::new();
    client.read_to_string(&mut said).unwrap();
    said
}

fn assert_serves(path: &Path) {
    let said = scrape(path);
    assert!(said.starts_with("HTTP/1.1 200 OK\r\n") && said.contains("\nhits_total 3\n"), "{said}");
}

#[test]
fn a_server_listens_on_a_file_and_takes_it_along() {
    let (_directory, path) = place();
    let server = listen(&path).unwrap();
    assert_eq!(server.addresses(), [Address::Unix(path.clone())]);
    assert_eq!(server.addresses()[0].to_string(), format!("unix:{}", path.display()));
    assert_eq!(server.local_addr().to_string(), "0.0.0.0:0");
    (0..3).for_each(|_| assert_serves(&path));
    server.shutdown();
    assert!(!path.exists());
    assert_serves_again(&path);
}

fn assert_serves_again(path: &Path) {
    let server = listen(path).unwrap();
    assert_serves(path);
    drop(server);
}

#[test]
fn tcp_and_unix_are_served_at_once() {
    let (_directory, path) = place();
    let server = builder().also_listen(format!("unix:{}", path.display())).start().unwrap();
    assert_eq!(server.addresses().len(), 2);
    assert_eq!(server.addresses()[0], Address::Tcp(server.local_addr()));
    for _ in 0..3 {
        assert_serves(&path);
        assert_well(&server);
    }
}

#[test]
fn the_socket_of_a_process_that_has_gone_is_replaced() {
    let (_directory, path) = place();
    // Dropping it closes the socket and leaves the file.
    drop(UnixListener::bind(&path).unwrap());
    assert!(fs::symlink_metadata(&path).unwrap().file_type().is_socket());
    assert_serves_again(&path);
}

#[test]
fn the_socket_of_the_living_is_refused() {
    let (_directory, path) = place();
    let server = listen(&path).unwrap();
    let error = listen(&path).unwrap_err();
    assert!(matches!(&error, ServeError::UnixSocketInUse { path: named } if *named == path));
    assert!(error.to_string().contains("another process"), "{error}");
    assert_serves(&path);
    drop(server);
}

#[test]
fn the_socket_of_a_stranger_who_lives_is_refused() {
    let (_directory, path) = place();
    let stranger = UnixListener::bind(&path).unwrap();
    let error = listen(&path).unwrap_err();
    assert!(matches!(error, ServeError::UnixSocketInUse { .. }), "{error}");
    stranger.set_nonblocking(true).unwrap();
    // The attempt to find out, and then one more.
    stranger.accept().unwrap();
    let _client = UnixStream::connect(&path).unwrap();
    stranger.accept().unwrap();
}

fn lock_of(path: &Path) -> PathBuf {
    path.with_file_name("metrics.sock.lock")
}

/// A socket that does not listen yet looks like one that does no more.
#[test]
fn what_another_process_is_taking_over_is_left_to_it() {
    let (_directory, path) = place();
    drop(UnixListener::bind(&path).unwrap());
    let lock = fs::File::create(lock_of(&path)).unwrap();
    lock.lock().unwrap();
    let error = listen(&path).unwrap_err();
    assert!(matches!(error, ServeError::UnixSocketInUse { .. }), "{error}");
    assert!(fs::symlink_metadata(&path).unwrap().file_type().is_socket());
    // It ended before it was done, and its lock's file is in nobody's way.
    drop(lock);
    assert_serves_again(&path);
    assert!(!path.exists() && !lock_of(&path).exists());
}

#[test]
fn of_many_that_start_at_once_one_listens() {
    const MANY: usize = 6;
    let (_directory, path) = place();
    for round in 0..20 {
        if round % 2 == 0 {
            drop(UnixListener::bind(&path).unwrap());
        }
        let start = Barrier::new(MANY);
        let started: Vec<_> = std::thread::scope(|scope| {
            let begin = |_| {
                scope.spawn(|| {
                    start.wait();
                    listen(&path)
                })
            };
            let threads: Vec<_> = (0..MANY).map(begin).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let refused = started.iter().filter(|result| {
            result.as_ref().is_err_and(|error| matches!(error, ServeError::UnixSocketInUse { .. }))
        });
        assert_eq!(refused.count(), MANY - 1, "{started:?}");
        assert_serves(&path);
    }
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let (_directory, path) = place();
    fs::write(&path, "precious").unwrap();
    let error = listen(&path).unwrap_err();
    assert!(matches!(&error, ServeError::NotASocket { path: named } if *named == path), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn a_file_that_has_taken_the_name_stays_at_shutdown() {
    let (_directory, path) = place();
    let server = listen(&path).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, "precious").unwrap();
    drop(server);
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn what_cannot_be_listened_on_is_named() {
    let (directory, _) = place();
    let path = directory.path().join("missing").join("metrics.sock");
    let error = listen(&path).unwrap_err();
    assert!(matches!(&error, ServeError::UnixSocket { path: named, .. } if *named == path));
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    let error = builder().listen("unix:").start().unwrap_err();
    assert!(matches!(error, ServeError::InvalidAddress { .. }), "{error}");
}
