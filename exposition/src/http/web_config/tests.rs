//! The file format, and what is refused of it.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::http::pki::{Authority, Identity};

const HASH: &str = "$2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze";
const TOKEN: &str = "3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0";

fn identity() -> Identity {
    Authority::new().server()
}

/// A configuration with TLS, inline.
fn with_tls() -> WebConfig {
    let Identity { cert, key } = identity();
    let tls_server_config = TlsServerConfig { cert, key: key.into(), ..Default::default() };
    WebConfig { tls_server_config, ..WebConfig::default() }
}

/// Why a policy cannot be made of what `change` does to a good configuration.
fn refusal(change: impl FnOnce(&mut WebConfig)) -> String {
    let mut config = with_tls();
    change(&mut config);
    Policy::new(&config).unwrap_err().to_string()
}

fn tls_refusal(change: impl FnOnce(&mut TlsServerConfig)) -> String {
    refusal(|config| change(&mut config.tls_server_config))
}

#[test]
fn every_key_is_read() {
    let yaml = format!(
        "tls_server_config:
  cert: a
  key: b
  client_ca: c
  cert_file: d
  key_file: e
  client_ca_file: f
  client_auth_type: RequireAndVerifyClientCert
  client_allowed_sans: [g, h]
  min_version: TLS13
  max_version: TLS12
  cipher_suites: [i]
  curve_preferences: [j]
  prefer_server_cipher_suites: false
http_server_config:
  http2: true
  headers: {{X-Frame-Options: deny}}
basic_auth_users: {{alice: {HASH}, bob: 12}}
bearer_tokens:
  prometheus: {TOKEN}
"
    );
    let strings = |strings: &[&str]| strings.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    let expected = WebConfig {
        tls_server_config: TlsServerConfig {
            cert: "a".to_owned(),
            key: "b".into(),
            client_ca: "c".to_owned(),
            cert_file: "d".into(),
            key_file: "e".into(),
            client_ca_file: "f".into(),
            client_auth_type: ClientAuth::RequireAndVerify,
            client_allowed_sans: strings(&["g", "h"]),
            min_version: TlsVersion::Tls13,
            max_version: TlsVersion::Tls12,
            cipher_suites: strings(&["i"]),
            curve_preferences: strings(&["j"]),
            prefer_server_cipher_suites: false,
        },
        http_server_config: HttpServerConfig {
            http2: true,
            headers: BTreeMap::from([("X-Frame-Options".to_owned(), "deny".to_owned())]),
        },
        basic_auth_users: BTreeMap::from([
            ("alice".to_owned(), HASH.into()),
            ("bob".to_owned(), "12".into()),
        ]),
        bearer_tokens: BTreeMap::from([("prometheus".to_owned(), TOKEN.into())]),
    };
    assert_eq!(WebConfig::from_yaml(&yaml).unwrap(), expected);
}

#[test]
fn nothing_said_is_nothing_asked() {
    let empty = [
        "",
        "# only a comment\n",
        "{}",
        "basic_auth_users:\n",
        "tls_server_config:\n  cert_file: ''\n  client_auth_type: ''\n  cipher_suites:\n",
        "http_server_config:\n  headers:\n",
    ];
    for yaml in empty {
        let config = WebConfig::from_yaml(yaml).unwrap();
        assert_eq!(config, WebConfig::default(), "{yaml:?}");
        let policy = Policy::new(&config).unwrap();
        assert!(policy.tls.is_none() && !policy.authenticator.is_needed(), "{yaml:?}");
    }
}

#[test]
fn unknown_keys_and_values_are_refused_by_name() {
    let refused = [
        ("basic_auth: {}", "basic_auth"),
        ("rate_limit: {burst: 1}", "rate_limit"),
        ("tls_server_config: {cert_fiel: a}", "cert_fiel"),
        ("http_server_config: {http3: true}", "http3"),
        ("tls_server_config: {min_version: TLS10}", "TLS10"),
        ("tls_server_config: {client_auth_type: Maybe}", "RequireAndVerifyClientCert"),
        ("basic_auth_users: {a: b, a: c}", "duplicate"),
        ("- a\n- b", ""),
        ("tls_server_config: [", ""),
        ("{}\n---\n{}", ""),
    ];
    for (yaml, named) in refused {
        let error = WebConfig::from_yaml(yaml).unwrap_err().to_string();
        assert!(error.contains(named) && error.starts_with("web configuration: "), "{error}");
    }
}

#[test]
fn no_secret_is_shown() {
    let yaml = format!(
        "tls_server_config: {{key: top-secret}}\nbasic_auth_users: {{alice: {HASH}}}\n\
         bearer_tokens: {{prometheus: {TOKEN}}}"
    );
    let config = WebConfig::from_yaml(&yaml).unwrap();
    let shown = format!("{config:?} {config:#?}");
    assert!(shown.contains("alice") && shown.contains("<secret>"), "{shown}");
    for secret in ["top-secret", "$2y$", "mDwo", TOKEN] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }

    let misplaced = [
        "basic_auth_users: 'alice:top-secret'",
        "basic_auth_users: ['alice:top-secret']",
        "basic_auth_users: {alice: [top-secret]}",
        "basic_auth_users: {alice: {top: top-secret}}",
        "bearer_tokens: top-secret",
        "tls_server_config: top-secret",
        "tls_server_config: {key: [top-secret]}",
        "http_server_config: {http2: top-secret}",
        "tls_server_config: {key: top-secret",
        "bearer_tokens: {a: *top-secret}",
        "http_server_config: {http2: 987654321}",
        "basic_auth_users: 987654321",
        "basic_auth_users: {alice: {987654321: x}}",
        "basic_auth_users: {alice: [987654321]}",
        "tls_server_config: 9876.54321",
    ];
    for yaml in misplaced {
        let error = WebConfig::from_yaml(yaml).unwrap_err();
        for shown in [format!("{error}"), format!("{error:?}")] {
            assert!(!shown.contains("top-secret") && !shown.contains("54321"), "{yaml}: {shown}");
        }
    }
}

#[test]
fn what_a_parser_quotes_of_values_is_cut_out() {
    let quoted = "invalid type: string \"top-\"secret\", expected a map for `key`";
    let error = WebConfigError::syntax(quoted).to_string();
    assert_eq!(
        error,
        "web configuration: invalid type: string <not shown>, expected a map for `key`"
    );
}

#[test]
fn files_are_beside_the_configuration_unless_their_names_are_absolute() {
    let config = TempDir::new().unwrap();
    let elsewhere = TempDir::new().unwrap();
    let Identity { cert, key } = identity();
    fs::write(config.path().join("server.crt"), cert).unwrap();
    let key_file = elsewhere.path().join("server.key");
    fs::write(&key_file, key).unwrap();
    let file = config.path().join("web.yml");
    let tls = format!("{{cert_file: server.crt, key_file: {}}}", key_file.display());
    fs::write(&file, format!("tls_server_config: {tls}")).unwrap();
    let read = WebConfig::from_file(&file).unwrap();
    assert!(Policy::new(&read).unwrap().tls.is_some());
}

#[test]
fn what_cannot_be_read_is_named() {
    let directory = TempDir::new().unwrap();
    let missing = directory.path().join("missing.yml");
    let error = WebConfig::from_file(&missing).unwrap_err();
    assert_eq!((error.file(), error.key()), (Some(missing.as_path()), None));
    assert!(error.to_string().contains("missing.yml: cannot read it: "), "{error}");

    let huge = directory.path().join("huge.yml");
    fs::write(&huge, vec![b'#'; (1 << 20) + 1]).unwrap();
    let error = WebConfig::from_file(&huge).unwrap_err().to_string();
    assert!(error.contains("larger than 1 MiB"), "{error}");
    let error = WebConfig::from_file(directory.path()).unwrap_err().to_string();
    assert!(error.contains("not a regular file"), "{error}");

    let error = tls_refusal(|tls| {
        tls.cert.clear();
        tls.cert_file = directory.path().join("missing.crt");
    });
    assert!(error.contains("tls_server_config.cert_file: cannot read "), "{error}");
    assert!(error.contains("missing.crt"), "{error}");
}

#[test]
fn half_a_certificate_is_refused() {
    let error = tls_refusal(|tls| tls.cert.clear());
    assert!(error.contains("tls_server_config.cert_file: is missing"), "{error}");
    let error = tls_refusal(|tls| tls.key = Secret::default());
    assert!(error.contains("tls_server_config.key_file: is missing"), "{error}");
    let error = tls_refusal(|tls| tls.cert_file = "server.crt".into());
    assert!(error.contains("tls_server_config.cert: remove it, or cert_file"), "{error}");
    let error = tls_refusal(|tls| tls.cert = "no certificate".to_owned());
    assert!(error.contains("BEGIN CERTIFICATE"), "{error}");
    let error = tls_refusal(|tls| tls.key = "top-secret".into());
    assert!(error.contains("private key in PEM") && !error.contains("top-secret"), "{error}");
    let error = tls_refusal(|tls| tls.key = identity().key.into());
    assert!(error.contains("cannot be used together"), "{error}");
    let only_auth = "tls_server_config: {client_auth_type: RequireAndVerifyClientCert}";
    assert!(Policy::new(&WebConfig::from_yaml(only_auth).unwrap()).is_err());
}

#[test]
fn client_certificates_are_asked_for_in_ways_that_make_sense() {
    let authority = Authority::new().pem;
    let error = tls_refusal(|tls| tls.client_ca = authority.clone());
    assert!(error.contains("client_ca_file") && error.contains("client_auth_type"), "{error}");
    let error = tls_refusal(|tls| tls.client_auth_type = ClientAuth::RequireAndVerify);
    assert!(error.contains("tls_server_config.client_ca_file: is missing"), "{error}");
    // In a certificate for which nobody vouches, a name proves nothing.
    let kinds =
        [ClientAuth::None, ClientAuth::Request, ClientAuth::RequireAny, ClientAuth::VerifyIfGiven];
    for kind in kinds {
        let error = tls_refusal(|tls| {
            tls.client_auth_type = kind;
            tls.client_allowed_sans = vec!["a".to_owned()];
        });
        let fix = "client_allowed_sans: needs client_auth_type: RequireAndVerifyClientCert";
        assert!(error.contains(fix) && error.contains("client_ca_file"), "{error}");
    }
    let error = tls_refusal(|tls| {
        tls.client_auth_type = ClientAuth::RequireAndVerify;
        tls.client_ca = authority.clone();
        tls.client_allowed_sans = vec!["someone@example.com".to_owned()];
    });
    assert!(error.contains("someone@example.com"), "{error}");
}

#[test]
fn versions_suites_and_curves_are_those_that_are_named() {
    let mut config = with_tls();
    let tls = &mut config.tls_server_config;
    let first = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256";
    let second = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
    tls.cipher_suites =
        vec![first.to_owned(), second.to_owned(), "TLS_AES_128_GCM_SHA256".to_owned()];
    tls.curve_preferences = vec!["CurveP384".to_owned(), "X25519".to_owned()];
    tls.max_version = TlsVersion::Tls12;
    let made = Policy::new(&config).unwrap().tls.unwrap();
    let suites = &made.crypto_provider().cipher_suites;
    let old: Vec<_> = suites.iter().filter(|suite| suite.tls13().is_none()).collect();
    assert_eq!(
        format!("{:?}", old.iter().map(|s| s.suite()).collect::<Vec<_>>()),
        format!("[{first}, {second}]")
    );
    assert_eq!(suites.len(), 2 + 3);
    let groups: Vec<_> = made
        .crypto_provider()
        .kx_groups
        .iter()
        .map(|group| format!("{:?}", group.name()))
        .collect();
    assert_eq!(groups, ["secp384r1", "X25519"]);
    assert!(made.ignore_client_order);

    let error = tls_refusal(|tls| tls.cipher_suites = vec!["TLS_RSA_WITH_RC4_128_SHA".to_owned()]);
    assert!(error.contains("RC4") && error.contains("TLS_ECDHE_RSA_WITH_AES_256"), "{error}");
    let only_13 = vec!["TLS_AES_256_GCM_SHA384".to_owned()];
    let error = tls_refusal(|tls| tls.cipher_suites = only_13.clone());
    assert!(error.contains("none of TLS 1.2"), "{error}");
    let error = tls_refusal(|tls| tls.curve_preferences = vec!["CurveP521".to_owned()]);
    assert!(error.contains("CurveP521") && error.contains("CurveP256"), "{error}");
    let error = tls_refusal(|tls| {
        tls.min_version = TlsVersion::Tls13;
        tls.max_version = TlsVersion::Tls12;
    });
    assert!(error.contains("tls_server_config.min_version: is newer"), "{error}");
}

#[test]
fn headers_cannot_be_forged() {
    let headers = |name: &str, value: &str| {
        let mut config = WebConfig::default();
        config.http_server_config.headers.insert(name.to_owned(), value.to_owned());
        Policy::new(&config).map(|policy| String::from_utf8(policy.headers).unwrap())
    };
    assert_eq!(headers("X-Frame-Options", "DENY").unwrap(), "X-Frame-Options: DENY\r\n");
    let any = "default-src 'none'";
    let line = format!("Content-Security-Policy: {any}\r\n");
    assert_eq!(headers("Content-Security-Policy", any).unwrap(), line);
    assert_eq!(headers("X-XSS-Protection", "").unwrap(), "");
    for (name, value) in [
        ("X-Frame-Options", "allow"),
        ("X-Content-Type-Options", "sniff"),
        ("Strict-Transport-Security", "a\r\nX: b"),
        ("Set-Cookie", "a=b"),
    ] {
        let error = headers(name, value).unwrap_err();
        assert_eq!(error.key(), Some(format!("http_server_config.headers.{name}").as_str()));
    }
    let error = refusal(|config| config.http_server_config.http2 = true);
    assert!(error.contains("http_server_config.http2: HTTP/2 is not supported"), "{error}");
}

#[test]
fn invalid_hashes_are_refused_by_the_name_of_their_owner() {
    let cost = |cost: &str| HASH.replacen("10", cost, 1);
    for hash in ["password", "", "$1$10$abc", &HASH[..59], &cost("xx"), &cost("03"), &cost("19")] {
        let error = refusal(|config| {
            config.basic_auth_users.insert("alice".to_owned(), hash.into());
        });
        assert!(error.contains("basic_auth_users.alice: "), "{error}");
        assert!(hash.is_empty() || !error.contains(hash), "{error}");
    }
    let error = refusal(|config| {
        config.basic_auth_users.insert("a:b".to_owned(), HASH.into());
    });
    assert!(error.contains("colon"), "{error}");
    // Of an empty variable.
    let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let error = refusal(|config| {
        config.bearer_tokens.insert("prometheus".to_owned(), nothing.into());
    });
    assert!(error.contains("bearer_tokens.prometheus: is the hash of nothing"), "{error}");
    let signed = format!("+{}", &TOKEN[1..]);
    for hash in ["token", "", &TOKEN[1..], &format!("{TOKEN}00"), &signed, &"é".repeat(32)] {
        let error = refusal(|config| {
            config.bearer_tokens.insert("prometheus".to_owned(), hash.into());
        });
        assert!(error.contains("bearer_tokens.prometheus: "), "{error}");
        assert!(hash.is_empty() || hash == "token" || !error.contains(hash), "{error}");
    }
}
