//! The TLS of a web configuration, as rustls takes it.
//!
//! Upstream: `policy`. Downstream: rustls with ring, which needs no C++ compiler nor CMake.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, SupportedKxGroup, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, SupportedCipherSuite, SupportedProtocolVersion, version};

use super::client_certificate::verifier;
use super::policy::read;
use super::{TlsServerConfig, TlsVersion, WebConfigError};

/// The configuration of all connections: what it names is read and checked, the key against the
/// certificate too.
pub(super) fn server_config(config: &TlsServerConfig) -> Result<ServerConfig, WebConfigError> {
    let provider = Arc::new(provider(config)?);
    let chain = certificates("cert", config.cert.as_bytes(), &config.cert_file)?;
    let key = private_key(config)?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions(config)?)
        .map_err(|error| wrong("min_version", error.to_string()))?;
    let builder = match verifier(config, &provider)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut made = builder.with_single_cert(chain, key).map_err(|error| {
        wrong("key_file", format!("certificate and key cannot be used together: {error}"))
    })?;
    made.alpn_protocols = vec![b"http/1.1".to_vec()];
    made.ignore_client_order = config.prefer_server_cipher_suites;
    Ok(made)
}

/// An error at a key of this section.
pub(super) fn wrong(key: &str, message: impl Into<String>) -> WebConfigError {
    WebConfigError::at(format!("tls_server_config.{key}"), message)
}

/// The PEM of `key`, inline or from its file; empty if neither is given.
pub(super) fn pem(key: &str, inline: &[u8], file: &Path) -> Result<Vec<u8>, WebConfigError> {
    let named = !file.as_os_str().is_empty();
    match (inline.is_empty(), named) {
        (false, true) => {
            Err(wrong(key, format!("remove it, or {key}_file: one of them is enough")))
        }
        (false, false) => Ok(inline.to_vec()),
        (true, true) => read(file).map_err(|error| {
            wrong(&format!("{key}_file"), format!("cannot read {}: {error}", file.display()))
        }),
        (true, false) => Ok(Vec::new()),
    }
}

/// One certificate at least.
pub(super) fn certificates(
    key: &str,
    inline: &[u8],
    file: &Path,
) -> Result<Vec<CertificateDer<'static>>, WebConfigError> {
    let pem = pem(key, inline, file)?;
    let found = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) if pem.is_empty() => Err(wrong(
            &format!("{key}_file"),
            "is missing or empty: name a file of PEM certificates",
        )),
        Ok(_) => Err(wrong(&origin(key, file), "has no `-----BEGIN CERTIFICATE-----`")),
        Err(error) => Err(wrong(&origin(key, file), format!("is no PEM: {error}"))),
    }
}

fn private_key(config: &TlsServerConfig) -> Result<PrivateKeyDer<'static>, WebConfigError> {
    let pem = pem("key", config.key.expose().as_bytes(), &config.key_file)?;
    if pem.is_empty() {
        return Err(wrong("key_file", "is missing or empty: name a file with the private key"));
    }
    // The parser's error could show what it found.
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
        let message = "has no private key in PEM (PKCS#8, PKCS#1 or SEC1, not encrypted)";
        wrong(&origin("key", &config.key_file), message)
    })
}

/// The key that gave the PEM, and its file.
fn origin(key: &str, file: &Path) -> String {
    if file.as_os_str().is_empty() {
        key.to_owned()
    } else {
        format!("{key}_file: {}", file.display())
    }
}

fn versions(
    config: &TlsServerConfig,
) -> Result<Vec<&'static SupportedProtocolVersion>, WebConfigError> {
    let (oldest, newest) = (config.min_version, config.max_version);
    if oldest > newest {
        return Err(wrong("min_version", "is newer than max_version"));
    }
    let all = [(TlsVersion::Tls13, &version::TLS13), (TlsVersion::Tls12, &version::TLS12)];
    let spoken = all.into_iter().filter(|(version, _)| (oldest..=newest).contains(version));
    Ok(spoken.map(|(_, version)| version).collect())
}

fn provider(config: &TlsServerConfig) -> Result<CryptoProvider, WebConfigError> {
    let mut provider = ring::default_provider();
    if !config.cipher_suites.is_empty() {
        let speaks_12 = config.min_version == TlsVersion::Tls12;
        provider.cipher_suites = suites(&config.cipher_suites, speaks_12)?;
    }
    if !config.curve_preferences.is_empty() {
        provider.kx_groups = groups(&config.curve_preferences)?;
    }
    Ok(provider)
}

/// All suites of TLS 1.3, then those of TLS 1.2 that are named, in that order.
fn suites(names: &[String], speaks_12: bool) -> Result<Vec<SupportedCipherSuite>, WebConfigError> {
    let mut chosen: Vec<_> =
        ring::ALL_CIPHER_SUITES.iter().copied().filter(|suite| suite.tls13().is_some()).collect();
    let always = chosen.len();
    for name in names {
        let Some(suite) = ring::ALL_CIPHER_SUITES.iter().find(|suite| go_name(suite) == *name)
        else {
            let known: Vec<_> = ring::ALL_CIPHER_SUITES.iter().map(go_name).collect();
            let message =
                format!("{name:?} is not supported; those that are: {}", known.join(", "));
            return Err(wrong("cipher_suites", message));
        };
        if !chosen.contains(suite) {
            chosen.push(*suite);
        }
    }
    if chosen.len() == always && speaks_12 {
        let message = "has none of TLS 1.2: name one, or set min_version to TLS13";
        return Err(wrong("cipher_suites", message));
    }
    Ok(chosen)
}

/// The name in Go's `crypto/tls`, which is the registered one.
fn go_name(suite: &SupportedCipherSuite) -> String {
    format!("{:?}", suite.suite()).replacen("TLS13_", "TLS_", 1)
}

fn groups(names: &[String]) -> Result<Vec<&'static dyn SupportedKxGroup>, WebConfigError> {
    let group = |name: &String| match name.as_str() {
        "X25519" => Ok(ring::kx_group::X25519),
        "CurveP256" => Ok(ring::kx_group::SECP256R1),
        "CurveP384" => Ok(ring::kx_group::SECP384R1),
        _ => Err(wrong(
            "curve_preferences",
            format!("{name:?} is not supported; those that are: X25519, CurveP256, CurveP384"),
        )),
    };
    names.iter().map(group).collect()
}
