//! What cannot be done is refused before anything starts, with the thing and the way out named.
//! Upstream: nothing. Downstream: process.

use std::fs;
use std::net::TcpListener;

use super::process::{run_to_end, run_with_temporary};

/// Runs with options that are refused; checks the exit code and that the message has the words.
fn refuse(options: &[&str], code: i32, words: &[&str]) {
    // Should it start all the same, it ends.
    let end: &[&str] = &["--duration", "1"];
    let free: &[&str] = &["--listen", "127.0.0.1:0"];
    let listen = if options.contains(&"--listen") { &[] } else { free };
    let options = [options, end, listen].concat();
    let output = run_to_end(&options);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{options:?}: {message}");
    assert!(output.stdout.is_empty(), "{options:?}");
    for word in words {
        assert!(message.contains(word), "{options:?}: {message:?} lacks {word:?}");
    }
}

#[test]
fn a_source_that_does_not_exist_or_is_no_directory() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing").display().to_string();
    refuse(&["--source", &missing], 2, &[&missing, "--source", "No such file"]);
    let file = dir.path().join("file").display().to_string();
    fs::write(&file, "no directory").unwrap();
    refuse(&["--source", &file], 2, &[&file, "no directory", "--source"]);
}

#[test]
fn targets_inside_the_source_or_under_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let (source, inside) = (path("source"), path("source/targets"));
    fs::create_dir(&source).unwrap();
    refuse(&["--source", &source, "--targets", &inside], 2, &[&inside, "--targets"]);
    assert!(!dir.path().join("source/targets").exists());
    let file = path("file");
    fs::write(&file, "no directory").unwrap();
    refuse(&["--targets", &file], 1, &[&file, "--targets"]);
    // Without --targets, they would lie in the temporary directory, here inside the source.
    let temporary = dir.path().join("source/namespace");
    fs::create_dir(&temporary).unwrap();
    let free = ["--listen", "127.0.0.1:0", "--duration", "1"];
    let output = run_with_temporary(&temporary, &[&free[..], &["--source", &source]].concat());
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("--targets") && message.contains(&source), "{message}");
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
    let journal = path("missing/journal");
    refuse(&["--journal", &journal], 1, &[&journal, "--journal"]);
}

#[test]
fn a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let (targets, journal) = (path("targets"), path("journal"));
    let options = ["--listen", &address, "--targets", &targets, "--journal", &journal];
    refuse(&options, 1, &[&address, "--listen"]);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is made");
}

#[test]
fn options_outside_their_range() {
    for (option, value) in [
        ("--fault-rate", "1.5"),
        ("--fault-rate=-0.1", ""),
        ("--fault-rate", "NaN"),
        ("--clusters", "0"),
        ("--workers", "0"),
        ("--workers", "many"),
        ("--capacity", "0"),
        ("--duration", "0"),
        ("--listen", "nowhere"),
    ] {
        let given: &[&str] = if value.is_empty() { &[option] } else { &[option, value] };
        let output = run_to_end(given);
        let message = String::from_utf8(output.stderr).unwrap();
        let name = option.split('=').next().unwrap();
        assert_eq!(output.status.code(), Some(2), "{given:?}: {message}");
        assert!(message.contains(name), "{given:?}: {message}");
    }
}
