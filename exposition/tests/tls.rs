//! The server behind TLS, asked by clients with sockets of their own.

mod common;

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use common::pki::{Authority, Identity};
use common::secure::{Asker, assert_logged, collect_log};
use common::{BIG, PATIENCE, builder, eventually};
use rcgen::SanType;
use rustls::ClientConfig;
use rustls::version::{TLS12, TLS13};
use tmc_exposition::{ClientAuth, Limits, Server, TlsServerConfig, TlsVersion, WebConfig};

const BOTH: [&rustls::SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// A configuration with the server's identity inline.
fn config(identity: Identity, change: impl FnOnce(&mut TlsServerConfig)) -> WebConfig {
    let mut config = WebConfig::default();
    config.tls_server_config.cert = identity.cert;
    config.tls_server_config.key = identity.key.into();
    change(&mut config.tls_server_config);
    config
}

/// A server, and the authority that vouches for it.
fn serve(limits: Limits, change: impl FnOnce(&mut TlsServerConfig)) -> (Server, Authority) {
    collect_log();
    let authority = Authority::new();
    let config = config(authority.server(), change);
    (builder().limits(limits).web_config(config).start().unwrap(), authority)
}

fn assert_served(server: &Server, config: &Arc<ClientConfig>) {
    let answer = Asker::tls(server.local_addr(), config).ask("/metrics", "").unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("\nhits_total 3\n"), "{}", answer.text());
}

fn assert_refused(server: &Server, config: &Arc<ClientConfig>) {
    let result = Asker::tls(server.local_addr(), config).ask("/metrics", "");
    // Not just an end: the client is told why by an alert.
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
}

#[test]
fn both_versions_serve_one_request_after_the_other() {
    let (server, authority) = serve(Limits::default(), |_| {});
    for version in BOTH {
        let mut client = Asker::tls(server.local_addr(), &authority.believer(None, &[version]));
        for _ in 0..3 {
            let answer = client.ask("/metrics", "").unwrap();
            assert!(answer.text().contains("\nhits_total 3\n"), "{version:?}");
            assert_eq!(client.ask("/nowhere", "").unwrap().status, 404);
        }
    }
}

#[test]
fn a_large_answer_arrives_whole() {
    let (server, authority) = serve(Limits::default(), |_| {});
    for version in BOTH {
        let mut client = Asker::tls(server.local_addr(), &authority.believer(None, &[version]));
        let answer = client.ask("/big", "Connection: close\r\n").unwrap();
        assert!(answer.body.len() == BIG && answer.body.iter().all(|byte| *byte == b'x'));
        assert_eq!(client.answer().unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }
}

#[test]
fn a_version_or_a_protocol_that_is_not_spoken_is_refused() {
    let (server, authority) = serve(Limits::default(), |tls| tls.min_version = TlsVersion::Tls13);
    assert_refused(&server, &authority.believer(None, &[&TLS12]));
    assert_served(&server, &authority.believer(None, &BOTH));

    let mut only_h2 = ClientConfig::clone(&authority.believer(None, &BOTH));
    only_h2.alpn_protocols = vec![b"h2".to_vec()];
    assert_refused(&server, &Arc::new(only_h2.clone()));
    only_h2.alpn_protocols.push(b"http/1.1".to_vec());
    assert_served(&server, &Arc::new(only_h2));
}

#[test]
fn a_client_that_believes_another_authority_goes_and_harms_nobody() {
    let (server, authority) = serve(Limits::default(), |_| {});
    let stranger = Authority::new().believer(None, &BOTH);
    assert_refused(&server, &stranger);
    assert_served(&server, &authority.believer(None, &BOTH));
    assert_logged(&["WARN", "TLS", "127.0.0.1:", "UnknownCA"]);
}

#[test]
fn a_client_certificate_can_be_required() {
    let clients = Authority::new();
    let (server, authority) = serve(Limits::default(), |tls| {
        tls.client_auth_type = ClientAuth::RequireAndVerify;
        tls.client_ca = clients.pem.clone();
    });
    let good = clients.client([]);
    let forged = Authority::new().client([]);
    for version in BOTH {
        assert_served(&server, &authority.believer(Some(&good), &[version]));
        assert_refused(&server, &authority.believer(None, &[version]));
        assert_refused(&server, &authority.believer(Some(&forged), &[version]));
    }
    assert_logged(&["WARN", "TLS", "127.0.0.1:", "no certificates"]);
    assert_logged(&["WARN", "TLS", "UnknownIssuer"]);
}

#[test]
fn a_client_certificate_can_be_optional() {
    let clients = Authority::new();
    let stranger = Authority::new().client([]);
    let good = clients.client([]);
    for (kind, takes_strangers, takes_nobody) in [
        (ClientAuth::Request, true, true),
        (ClientAuth::RequireAny, true, false),
        (ClientAuth::VerifyIfGiven, false, true),
    ] {
        let (server, authority) = serve(Limits::default(), |tls| {
            tls.client_auth_type = kind;
            if kind == ClientAuth::VerifyIfGiven {
                tls.client_ca = clients.pem.clone();
            }
        });
        for version in BOTH {
            assert_served(&server, &authority.believer(Some(&good), &[version]));
            let judge = |served| if served { assert_served } else { assert_refused };
            judge(takes_strangers)(&server, &authority.believer(Some(&stranger), &[version]));
            judge(takes_nobody)(&server, &authority.believer(None, &[version]));
        }
    }
}

#[test]
fn only_clients_of_some_names_can_be_let_in() {
    let clients = Authority::new();
    let (server, authority) = serve(Limits::default(), |tls| {
        tls.client_auth_type = ClientAuth::RequireAndVerify;
        tls.client_ca = clients.pem.clone();
        tls.client_allowed_sans = ["prometheus.example", "spiffe://example/scraper", "192.0.2.7"]
            .map(str::to_owned)
            .into();
    });
    let dns = |name: &str| SanType::DnsName(name.try_into().unwrap());
    let uri = |name: &str| SanType::URI(name.try_into().unwrap());
    let ip = |address: [u8; 4]| SanType::IpAddress(address.into());
    let name = [dns("other.example"), dns("prometheus.example")];
    for names in [&name[..], &[uri("spiffe://example/scraper")], &[ip([192, 0, 2, 7])]] {
        let identity = clients.client(names.iter().cloned());
        assert_served(&server, &authority.believer(Some(&identity), &BOTH));
    }
    let wrong = [
        vec![],
        vec![dns("a.prometheus.example"), ip([192, 0, 2, 8])],
        vec![dns("*.example"), uri("spiffe://example/scraper2")],
    ];
    for names in wrong {
        let identity = clients.client(names);
        assert_refused(&server, &authority.believer(Some(&identity), &BOTH));
    }
    assert_logged(&["WARN", "client_allowed_sans"]);
}

#[test]
fn plain_http_gets_an_alert_and_a_line_in_the_log() {
    let (server, authority) = serve(Limits::default(), |_| {});
    let mut plain = common::Client::new(server.local_addr());
    plain.send(&common::get("/metrics"));
    let answer = plain.rest().unwrap();
    assert_eq!(answer.first(), Some(&21), "an alert: {answer:?}");
    assert_served(&server, &authority.believer(None, &BOTH));
    assert_logged(&["WARN", "TLS", "127.0.0.1:", "plain HTTP"]);
}

#[test]
fn handshakes_that_stop_halfway_end_and_leave_room() {
    let limits =
        Limits { connections: 8, head_time: Duration::from_millis(300), ..Limits::default() };
    let (server, authority) = serve(limits, |_| {});
    let good = authority.believer(None, &BOTH);
    let hello = client_hello(&good);
    let mut stalled: Vec<_> = [0, 1, 5, 60, hello.len(), hello.len()]
        .into_iter()
        .map(|length| {
            let mut stream = TcpStream::connect(server.local_addr()).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.write_all(&hello[..length]).unwrap();
            stream
        })
        .collect();
    assert_served(&server, &good);
    for stream in &mut stalled {
        // The server's part of the handshake, or nothing; then the end.
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    }
    // All places are free again.
    let mut clients: Vec<_> = Vec::new();
    eventually("room for eight clients", || {
        clients.clear();
        (0..8).all(|_| {
            let mut client = Asker::tls(server.local_addr(), &good);
            let answer = client.ask("/healthz", "");
            clients.push(client);
            answer.is_ok_and(|answer| answer.status == 200)
        })
    });
}

/// What a client says first.
fn client_hello(config: &Arc<ClientConfig>) -> Vec<u8> {
    let name = "localhost".try_into().unwrap();
    let mut client = rustls::ClientConnection::new(Arc::clone(config), name).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    hello
}

#[test]
fn who_finds_no_room_is_told_so_inside_tls() {
    let (server, authority) = serve(Limits { connections: 1, ..Limits::default() }, |_| {});
    let config = authority.believer(None, &BOTH);
    let mut first = Asker::tls(server.local_addr(), &config);
    // It does not read what it asked for.
    first.send("/big", "").unwrap();
    let answer = Asker::tls(server.local_addr(), &config).ask("/healthz", "").unwrap();
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some());
}

/// As careful writers do: a file is there in full or not at all.
fn replace(directory: &Path, name: &str, content: &str) {
    let draft = directory.join("draft");
    fs::write(&draft, content).unwrap();
    fs::rename(draft, directory.join(name)).unwrap();
}

#[test]
fn a_new_certificate_is_used_without_a_restart_and_a_broken_one_is_not() {
    collect_log();
    let directory = tempfile::tempdir().unwrap();
    let install = |identity: &Identity| {
        replace(directory.path(), "server.crt", &identity.cert);
        replace(directory.path(), "server.key", &identity.key);
    };
    let (old, new) = (Authority::new(), Authority::new());
    install(&old.server());
    let file = directory.path().join("web.yml");
    let yaml = "tls_server_config: {cert_file: server.crt, key_file: server.key}";
    fs::write(&file, yaml).unwrap();
    let server = builder().web_config_file(&file).start().unwrap();
    let believes_old = old.believer(None, &BOTH);
    let believes_new = new.believer(None, &BOTH);
    let mut long = Asker::tls(server.local_addr(), &believes_old);
    assert_eq!(long.ask("/healthz", "").unwrap().status, 200);

    replace(directory.path(), "server.crt", "broken");
    assert_logged(&["ERROR", "former", "web.yml", "tls_server_config.cert_file", "CERTIFICATE"]);
    assert_served(&server, &believes_old);

    install(&new.server());
    eventually("the new certificate", || {
        Asker::tls(server.local_addr(), &believes_new).ask("/healthz", "").is_ok()
    });
    assert_refused(&server, &believes_old);
    // Who was there before stays.
    assert_eq!(long.ask("/healthz", "").unwrap().status, 200);
}
