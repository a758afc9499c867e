//! What a changed file changes. Looks are taken by hand: no test waits for the thread.

use std::fs;
use std::sync::mpsc::{RecvTimeoutError, channel};

use tempfile::TempDir;

use super::*;
use crate::http::pki::{Authority, Identity};

/// Cost 4: these tests never log in.
const HASH: &str = "$2b$04$SuzVVZ5oAmEbTRXpWBPxYOHqAMvYR3pB6rKvAGUEUqVCx9dkLHGYm";

/// A directory with a configuration, its certificate and its key.
struct Place {
    directory: TempDir,
    loader: Loader,
}

impl Place {
    fn new(config: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let identity = Authority::new().server();
        replace(directory.path(), "server.crt", &identity.cert);
        replace(directory.path(), "server.key", &identity.key);
        replace(directory.path(), "web.yml", config);
        let loader = Loader::new(Origin::File(directory.path().join("web.yml"))).unwrap();
        Self { directory, loader }
    }

    fn write(&self, name: &str, content: &str) {
        replace(self.directory.path(), name, content);
    }

    fn current(&self) -> Arc<Policy> {
        Arc::clone(&self.loader.current.lock().unwrap())
    }

    /// Whether the next look changes what holds.
    fn changes(&mut self) -> bool {
        let former = self.current();
        self.loader.look();
        !Arc::ptr_eq(&former, &self.current())
    }
}

/// As careful writers do: a file is there in full or not at all.
fn replace(directory: &Path, name: &str, content: &str) {
    let draft = directory.join("draft");
    fs::write(&draft, content).unwrap();
    fs::rename(draft, directory.join(name)).unwrap();
}

const TLS: &str = "tls_server_config: {cert_file: server.crt, key_file: server.key}\n";

#[test]
fn what_stays_is_not_read_again() {
    let mut place = Place::new(TLS);
    assert!(!place.changes());
    place.write("other", "file");
    assert!(!place.changes());
}

#[test]
fn a_new_certificate_comes_into_use_once_its_key_is_there_too() {
    let mut place = Place::new(TLS);
    let Identity { cert, key } = Authority::new().server();
    place.write("server.crt", &cert);
    assert!(!place.changes(), "half of a pair");
    place.write("server.key", &key);
    assert!(place.changes());
    assert!(!place.changes());
}

#[test]
fn a_broken_file_changes_nothing_and_its_repair_does() {
    let users = format!("{TLS}basic_auth_users: {{alice: {HASH}}}\n");
    let mut place = Place::new(&users);
    for broken in ["basic_auth_users: [", "basic_auth_users: {alice: x}", "unknown: 1"] {
        place.write("web.yml", broken);
        assert!(!place.changes(), "{broken}");
    }
    fs::remove_file(place.directory.path().join("web.yml")).unwrap();
    assert!(!place.changes(), "gone");
    // What the former configuration named is watched still.
    let Identity { cert, key } = Authority::new().server();
    place.write("server.crt", &cert);
    place.write("server.key", &key);
    assert!(!place.changes(), "gone still");
    place.write("web.yml", &users);
    assert!(place.changes());
}

#[test]
fn a_file_that_vanishes_and_comes_back_is_noticed() {
    let mut place = Place::new(TLS);
    let cert = fs::read_to_string(place.directory.path().join("server.crt")).unwrap();
    fs::remove_file(place.directory.path().join("server.crt")).unwrap();
    assert!(!place.changes());
    place.write("server.crt", &cert);
    assert!(place.changes());
}

#[test]
fn what_could_not_be_read_is_tried_again() {
    let mut place = Place::new(TLS);
    place.write("web.yml", "basic_auth_users: [");
    assert!(!place.changes());
    place.write("web.yml", &format!("{TLS}basic_auth_users: {{alice: {HASH}}}\n"));
    // As if the file had been the new one all the time, and the system had not let it be read.
    place.loader.seen.iter_mut().for_each(|(path, seen)| *seen = stamp(path));
    assert!(place.changes());
    assert!(!place.changes());
}

#[test]
fn a_reload_opens_no_door() {
    let users = format!("{TLS}basic_auth_users: {{alice: {HASH}}}\n");
    let mut place = Place::new(&users);
    place.write("web.yml", TLS);
    assert!(!place.changes(), "no users");
    place.write("web.yml", &format!("basic_auth_users: {{alice: {HASH}}}\n"));
    assert!(!place.changes(), "no TLS");
    place.write("web.yml", "");
    assert!(!place.changes(), "nothing");
    place.write("web.yml", &users.replace("alice", "bob"));
    assert!(place.changes());

    let mut place = Place::new("");
    place.write("web.yml", TLS);
    assert!(!place.changes(), "TLS where there was none");
    place.write("web.yml", &format!("basic_auth_users: {{alice: {HASH}}}\n"));
    assert!(place.changes(), "a new lock on the door");
}

#[test]
fn a_reload_asks_clients_for_their_certificates_as_before() {
    let with = |rest: &str| {
        format!("tls_server_config: {{cert_file: server.crt, key_file: server.key{rest}}}\n")
    };
    let authority = ", client_ca_file: server.crt";
    let verified = with(&format!("{authority}, client_auth_type: RequireAndVerifyClientCert"));
    let mut place = Place::new(&verified);
    for weaker in [
        with(""),
        with(", client_auth_type: RequireAnyClientCert"),
        with(&format!("{authority}, client_auth_type: VerifyClientCertIfGiven")),
    ] {
        place.write("web.yml", &weaker);
        assert!(!place.changes(), "{weaker}");
    }
    let chosen = verified.replace('}', ", client_allowed_sans: [a.example]}");
    place.write("web.yml", &chosen);
    assert!(place.changes(), "only some of them");
    place.write("web.yml", &verified);
    assert!(!place.changes(), "all of them again");
    place.write("web.yml", &chosen.replace("a.example", "b.example"));
    assert!(place.changes(), "others");
}

#[test]
fn the_files_of_a_configuration_built_in_code_are_watched() {
    let place = Place::new(TLS);
    let config = WebConfig::from_file(place.directory.path().join("web.yml")).unwrap();
    let mut loader = Loader::new(Origin::Code(Box::new(config))).unwrap();
    let former = Arc::clone(&loader.current.lock().unwrap());
    loader.look();
    assert!(Arc::ptr_eq(&former, &loader.current.lock().unwrap()));
    let Identity { cert, key } = Authority::new().server();
    place.write("server.crt", &cert);
    place.write("server.key", &key);
    loader.look();
    assert!(!Arc::ptr_eq(&former, &loader.current.lock().unwrap()));
}

/// Longer than any machine takes.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn the_end_does_not_wait_for_a_file_system_that_hangs() {
    let (begun, has_begun) = channel();
    let (answer, answered) = channel::<()>();
    let watch = Watch::start(move || {
        let _ = begun.send(());
        let _ = answered.recv();
    });
    has_begun.recv_timeout(PATIENCE).unwrap();
    let (end, ended) = channel();
    thread::spawn(move || {
        drop(watch);
        end.send(()).unwrap();
    });
    ended.recv_timeout(PATIENCE).unwrap();
    // The thread ends when it can, with all that it holds.
    drop(answer);
    while has_begun.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Disconnected) {}
}

#[test]
fn the_end_waits_until_the_thread_has_let_go_of_all() {
    let held = Arc::new(());
    let looks = Arc::clone(&held);
    drop(Watch::start(move || drop(Arc::clone(&looks))).unwrap());
    assert_eq!(Arc::strong_count(&held), 1);
}
