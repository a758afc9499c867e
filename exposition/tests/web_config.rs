//! The configuration file as the server takes it: at its start, and when it changes.

mod common;

use std::fs;
use std::path::Path;

use common::secure::{Asker, assert_logged, basic, collect_log};
use common::{Answer, builder, eventually};
use tempfile::TempDir;
use tmc_exposition::{ServeError, Server, WebConfig};

fn user(name: &str, password: &str) -> String {
    format!("basic_auth_users: {{{name}: {}}}\n", bcrypt::hash(password, 4).unwrap())
}

fn replace(directory: &Path, content: &str) {
    let draft = directory.join("draft");
    fs::write(&draft, content).unwrap();
    fs::rename(draft, directory.join("web.yml")).unwrap();
}

fn serve(directory: &TempDir, content: &str) -> Server {
    collect_log();
    replace(directory.path(), content);
    builder().web_config_file(directory.path().join("web.yml")).start().unwrap()
}

fn ask(server: &Server, path: &str, headers: &str) -> Answer {
    Asker::plain(server.local_addr()).ask(path, headers).unwrap()
}

#[test]
fn a_server_does_not_start_with_a_file_that_it_does_not_understand() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("web.yml");
    let refused = |named: &[&str]| {
        let error = builder().web_config_file(&file).start().unwrap_err();
        assert!(matches!(error, ServeError::WebConfig(_)), "{error:?}");
        let text = error.to_string();
        for part in named {
            assert!(text.contains(part), "{part} in {text}");
        }
    };
    refused(&["web.yml", "cannot read it"]);
    for (content, named) in [
        ("tls_server: {}", &["web.yml", "tls_server"][..]),
        ("basic_auth_users: {alice: secret}", &["web.yml", "basic_auth_users.alice", "htpasswd"]),
        ("bearer_tokens: {a: token}", &["web.yml", "bearer_tokens.a", "sha256sum"]),
        ("http_server_config: {http2: true}", &["web.yml", "http_server_config.http2"]),
        (
            "tls_server_config: {cert_file: a.crt, key_file: a.key}",
            &["web.yml", "tls_server_config.cert_file", "a.crt"],
        ),
    ] {
        fs::write(&file, content).unwrap();
        refused(named);
    }
    let mut config = WebConfig::default();
    config.http_server_config.http2 = true;
    let error = builder().web_config(config).start().unwrap_err();
    assert!(matches!(&error, ServeError::WebConfig(error) if error.file().is_none()), "{error}");
}

#[test]
fn the_headers_are_those_of_every_answer() {
    let directory = TempDir::new().unwrap();
    let content = "http_server_config:\n  headers: {X-Frame-Options: deny, X-XSS-Protection: ''}\n";
    let server = serve(&directory, &format!("{content}{}", user("alice", "secret")));
    for (path, headers, status) in [
        ("/metrics", basic("alice", "secret"), 200),
        ("/nowhere", basic("alice", "secret"), 404),
        ("/metrics", String::new(), 401),
        ("/metrics", "Content-Length: x\r\n".to_owned(), 400),
    ] {
        let answer = ask(&server, path, &headers);
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("x-frame-options"), Some("deny"), "{status}");
        assert_eq!(answer.header("x-xss-protection"), None);
    }
}

#[test]
fn users_come_and_go_without_a_restart() {
    let directory = TempDir::new().unwrap();
    let server = serve(&directory, &user("alice", "secret"));
    let mut alice = Asker::plain(server.local_addr());
    assert_eq!(alice.ask("/metrics", &basic("alice", "secret")).unwrap().status, 200);

    replace(directory.path(), "basic_auth_users: {alice: broken}");
    assert_logged(&["ERROR", "former", "web.yml", "basic_auth_users.alice"]);
    assert_eq!(alice.ask("/metrics", &basic("alice", "secret")).unwrap().status, 200);

    // Everybody in is refused as well.
    replace(directory.path(), "");
    assert_logged(&["ERROR", "former", "web.yml", "restart"]);
    assert_eq!(ask(&server, "/metrics", "").status, 401);

    replace(directory.path(), &user("bob", "other"));
    eventually("bob", || ask(&server, "/metrics", &basic("bob", "other")).status == 200);
    // Even on a connection from before, with a password that was known.
    assert_eq!(alice.ask("/metrics", &basic("alice", "secret")).unwrap().status, 401);
}
