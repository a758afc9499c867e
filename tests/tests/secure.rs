//! A real Prometheus over TLS: with a password, a token or a certificate it gets every format, without
//! it gets nothing, and the log has a line about that.

mod kinds;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use kinds::Kinds;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tmc_engine::Registry;
use tmc_exposition::{Body, Page, Request, Responder, Server};
use tmc_tests::families::{self, Families};
use tmc_tests::prometheus::{Job, Prometheus};
use tmc_tests::wait;

const PASSWORD: &str = "correct horse";
/// By libc's `crypt`.
const PASSWORD_HASH: &str = "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";
const TOKEN: &str = "a-token-of-the-tests";
/// By `sha256sum`.
const TOKEN_HASH: &str = "c7355b9788d3036817b4b9118e71116224521da29885b160eb8451377c47b377";

/// What the product logged, less debugging.
struct Log(Mutex<Vec<String>>);

static LOG: Log = Log(Mutex::new(Vec::new()));

impl log::Log for Log {
    fn enabled(&self, about: &log::Metadata<'_>) -> bool {
        about.level() <= log::Level::Info
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            let line = format!("{}: {}", record.level(), record.args());
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    }

    fn flush(&self) {}
}

impl Log {
    /// The lines so far.
    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One that vouches for others.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// A certificate and its key.
    fn sign(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> (String, String) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// A server whose web configuration is a file, with certificates in files beside it.
struct Secure {
    server: Server,
    authority: Authority,
    _dir: TempDir,
}

impl Secure {
    /// `more` is the configuration beside the server's certificate.
    fn start(registry: &Registry, tls: &str, more: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = |name: &str, content: &str| -> PathBuf {
            let path = dir.path().join(name);
            std::fs::write(&path, content).expect("a file in our directory");
            path
        };
        let authority = Authority::new();
        let (certificate, key) = authority.sign("127.0.0.1", ExtendedKeyUsagePurpose::ServerAuth);
        file("server.crt", &certificate);
        file("server.key", &key);
        file("clients.crt", &authority.pem);
        let config = format!(
            "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n{tls}{more}"
        );
        let config = file("web.yml", &config);
        let responder = Responder::new(registry.clone());
        let text = move |_: &Request<'_>| {
            let mut body = Body::new();
            let reply = responder.respond(&Request::new("GET", "/metrics"), &mut body);
            Page::new(reply.content_type, body.to_vec())
        };
        let server = Server::builder(registry.clone()).listen("127.0.0.1:0");
        let server = server.own_metrics(false).route("/text", text).web_config_file(config);
        Self { server: server.start().expect("a server"), authority, _dir: dir }
    }

    fn job(&self, name: &'static str) -> Job {
        Job::new(name, self.server.local_addr()).over_tls(&self.authority.pem)
    }
}

fn with_users(registry: &Registry) -> Secure {
    let users = format!(
        "basic_auth_users:\n  alice: {PASSWORD_HASH}\nbearer_tokens:\n  prometheus: {TOKEN_HASH}\n"
    );
    Secure::start(registry, "", &users)
}

fn with_certificates(registry: &Registry) -> Secure {
    let tls = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: clients.crt\n";
    Secure::start(registry, tls, "")
}

/// All of these samples are stored as the job's.
#[track_caller]
fn assert_stored(prometheus: &Prometheus, job: &str, expected: &Families) {
    assert_eq!(prometheus.wait_for_scrape_of(job).last_error, "");
    // A native histogram is no number; of gauge histograms this Prometheus makes no sense.
    let families = r#"__name__=~"kinds_.*",__name__!~"kinds_latency.*|kinds_open.*""#;
    let query = format!(r#"{{job="{job}",{families}}}"#);
    let read = wait::until("an answer", || prometheus.query(&query));
    let left_out =
        |name: &str| ["kinds_latency", "kinds_open"].iter().any(|no| name.starts_with(no));
    let expected = families::samples(expected).filter(|((name, _), _)| !left_out(name));
    let expected: BTreeMap<_, _> =
        expected.map(|(key, sample)| (key.clone(), format!("{}", sample.value))).collect();
    let read: BTreeMap<_, _> =
        read.into_iter().map(|(key, value)| (key, format!("{value}"))).collect();
    assert_eq!(read, expected, "{job}");
}

#[test]
fn every_format_is_stored_over_tls_with_a_password_a_token_or_a_certificate() {
    let kinds = Kinds::new();
    let users = with_users(&kinds.registry);
    let certificates = with_certificates(&kinds.registry);
    let (certificate, key) =
        certificates.authority.sign("prometheus", ExtendedKeyUsagePurpose::ClientAuth);
    let jobs = || {
        vec![
            users.job("password").as_user("alice", PASSWORD),
            users.job("token").with_token(TOKEN),
            certificates.job("certificate").with_certificate(&certificate, &key),
            users.job("text").as_user("alice", PASSWORD).path("/text"),
        ]
    };
    let open = Prometheus::start(jobs());
    let native = Prometheus::with_native_histograms(jobs());
    for job in ["password", "token", "certificate"] {
        assert_stored(&open, job, &kinds.open_metrics(false));
        assert_stored(&native, job, &kinds.text());
        // It is there only in protobuf.
        let count = format!(r#"histogram_count(kinds_latency_seconds{{job="{job}"}})"#);
        let count = wait::until("an answer", || native.query(&count));
        assert_eq!(count.into_values().collect::<Vec<_>>(), [3.0], "{job}");
    }
    assert_stored(&open, "text", &kinds.text());
    assert_eq!((open.complaints(), native.complaints()), (Vec::new(), Vec::new()));
}

#[test]
fn who_has_no_right_gets_nothing_and_the_log_tells() {
    log::set_logger(&LOG).expect("the only one of this program");
    log::set_max_level(log::LevelFilter::Info);
    let kinds = Kinds::new();
    let (users, certificates) = (with_users(&kinds.registry), with_certificates(&kinds.registry));
    let stranger = Authority::new().sign("prometheus", ExtendedKeyUsagePurpose::ClientAuth);
    let wrong_token = "another-token-of-the-tests";
    let prometheus = Prometheus::start(vec![
        users.job("wrong password").as_user("alice", "wrong horse"),
        users.job("unknown user").as_user("mallory", PASSWORD),
        users.job("wrong token").with_token(wrong_token),
        users.job("nobody"),
        users.job("wrong path").as_user("alice", PASSWORD).path("/secrets"),
        certificates.job("no certificate"),
        certificates.job("a stranger's").with_certificate(&stranger.0, &stranger.1),
    ]);
    // What Prometheus says, and what the log says.
    let denied = |why: &str| format!("asked for \"/metrics\": 401, {why}");
    let refused = [
        ("wrong password", "401 Unauthorized", denied("wrong password of user \"alice\"")),
        ("unknown user", "401 Unauthorized", denied("unknown user \"mallory\"")),
        ("wrong token", "401 Unauthorized", denied("wrong token")),
        ("nobody", "401 Unauthorized", denied("no Authorization")),
        ("wrong path", "404 Not Found", "asked for \"/secrets\": 404, no such path".to_owned()),
        ("no certificate", "tls: ", "failed: peer sent no certificates".to_owned()),
        ("a stranger's", "tls: ", "failed: invalid peer certificate".to_owned()),
    ];
    for (job, told, logged) in refused {
        let error = prometheus.wait_for_failure_of(job);
        assert!(error.contains(told), "{job}: {error}");
        wait::until("a line in the log", || {
            let lines = LOG.lines();
            let line = lines.iter().find(|line| line.contains(&logged));
            line.map(drop).ok_or_else(|| format!("{job}: {lines:#?}"))
        });
        let stored = format!(r#"scrape_samples_scraped{{job="{job}"}}"#);
        let stored = wait::until("an answer", || prometheus.query(&stored));
        assert_eq!(stored.into_values().collect::<Vec<_>>(), [0.0], "{job}");
    }
    let secrets = [PASSWORD, "wrong horse", TOKEN, wrong_token, PASSWORD_HASH, TOKEN_HASH];
    let lines = LOG.lines().join("\n");
    for secret in secrets {
        assert!(!lines.contains(secret), "{secret} is in the log");
    }
}
