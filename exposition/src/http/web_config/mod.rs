//! TLS and authentication as a file says them: the web configuration that the Prometheus exporters
//! share, so that one file and one habit serve all of them.
//!
//! Upstream: a YAML file, or the application. Downstream: `policy`, which builds what the server
//! uses; `watch`, which does so again when a file changes.
//!
//! ```yaml
//! tls_server_config:
//!   cert_file: server.crt          # relative to this file; or inline as `cert`
//!   key_file: server.key           # or inline as `key`
//!   client_auth_type: RequireAndVerifyClientCert
//!   client_ca_file: clients.crt    # or inline as `client_ca`
//!   client_allowed_sans: [prometheus.example]
//!   min_version: TLS12
//! http_server_config:
//!   headers:
//!     X-Content-Type-Options: nosniff
//! basic_auth_users:                # htpasswd -nBC 10 "" | tr -d ':\n'
//!   alice: $2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze
//! bearer_tokens:                   # printf %s "$TOKEN" | sha256sum
//!   prometheus: 3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0
//! ```
//!
//! What differs from the exporters: `bearer_tokens` is our addition; HTTP/2, `rate_limit`, TLS
//! before 1.2, cipher suites without forward secrecy, the curve P-521 and e-mail names of client
//! certificates are refused, not ignored; and so are `client_allowed_sans` beside
//! `RequireAnyClientCert`, which the exporters take: anybody can make a certificate of any name for
//! which nobody vouches.

mod client_certificate;
mod error;
mod policy;
mod secret;
mod tls;
mod watch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};

pub use error::WebConfigError;
pub(crate) use policy::Policy;
pub use secret::Secret;
pub(crate) use watch::{Origin, Policies};

/// TLS, users, tokens and headers of a server. The default has none of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebConfig {
    /// TLS; without it the server speaks plain HTTP.
    #[serde(deserialize_with = "or_default")]
    pub tls_server_config: TlsServerConfig,
    /// What is sent with each answer.
    #[serde(deserialize_with = "or_default")]
    pub http_server_config: HttpServerConfig,
    /// Names and the bcrypt hashes of their passwords.
    #[serde(deserialize_with = "or_default")]
    pub basic_auth_users: BTreeMap<String, Secret>,
    /// Names, which only the log shows, and the SHA-256 of their tokens in hexadecimal. A token
    /// must be random and long, as `openssl rand -hex 32` makes it: the hash does not slow down
    /// somebody who guesses.
    #[serde(deserialize_with = "or_default")]
    pub bearer_tokens: BTreeMap<String, Secret>,
}

/// TLS. Certificates and keys are PEM; each is named as a file or given inline, not both.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsServerConfig {
    /// The server's certificate, then its intermediate ones.
    #[serde(deserialize_with = "or_default")]
    pub cert: String,
    /// Its private key: PKCS#8, PKCS#1 or SEC1, not encrypted.
    #[serde(deserialize_with = "or_default")]
    pub key: Secret,
    /// The authorities whose client certificates are believed.
    #[serde(deserialize_with = "or_default")]
    pub client_ca: String,
    /// File of the certificate.
    #[serde(deserialize_with = "or_default")]
    pub cert_file: PathBuf,
    /// File of the key.
    #[serde(deserialize_with = "or_default")]
    pub key_file: PathBuf,
    /// File of the authorities.
    #[serde(deserialize_with = "or_default")]
    pub client_ca_file: PathBuf,
    /// What is asked of clients.
    #[serde(deserialize_with = "or_default")]
    pub client_auth_type: ClientAuth,
    /// If not empty, a client's certificate must have one of these alternative names: DNS, IP
    /// address or URI, compared exactly. Needs [`ClientAuth::RequireAndVerify`].
    #[serde(deserialize_with = "or_default")]
    pub client_allowed_sans: Vec<String>,
    /// The oldest version that is spoken. Default TLS 1.2.
    pub min_version: TlsVersion,
    /// The newest version that is spoken. Default TLS 1.3.
    pub max_version: TlsVersion,
    /// Suites of TLS 1.2 by their names in Go's `crypto/tls`; empty is all that are supported.
    /// Those of TLS 1.3 are always on.
    #[serde(deserialize_with = "or_default")]
    pub cipher_suites: Vec<String>,
    /// Curves of the key exchange: `X25519`, `CurveP256`, `CurveP384`; empty is all of them.
    #[serde(deserialize_with = "or_default")]
    pub curve_preferences: Vec<String>,
    /// Whether the order of `cipher_suites` decides, or the client's. Default true.
    pub prefer_server_cipher_suites: bool,
}

impl Default for TlsServerConfig {
    fn default() -> Self {
        Self {
            cert: String::new(),
            key: Secret::default(),
            client_ca: String::new(),
            cert_file: PathBuf::new(),
            key_file: PathBuf::new(),
            client_ca_file: PathBuf::new(),
            client_auth_type: ClientAuth::default(),
            client_allowed_sans: Vec::new(),
            min_version: TlsVersion::Tls12,
            max_version: TlsVersion::Tls13,
            cipher_suites: Vec::new(),
            curve_preferences: Vec::new(),
            prefer_server_cipher_suites: true,
        }
    }
}

/// What a TLS server asks of its clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum ClientAuth {
    /// Nothing.
    #[default]
    #[serde(rename = "NoClientCert", alias = "")]
    None,
    /// A certificate, but none is well too, and nobody vouches for one.
    #[serde(rename = "RequestClientCert")]
    Request,
    /// A certificate, for which nobody vouches: keeps nobody out who can make one.
    #[serde(rename = "RequireAnyClientCert")]
    RequireAny,
    /// None, or one that an authority vouches for.
    #[serde(rename = "VerifyClientCertIfGiven")]
    VerifyIfGiven,
    /// One that an authority vouches for: the only one that keeps anybody out.
    #[serde(rename = "RequireAndVerifyClientCert")]
    RequireAndVerify,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[serde(rename = "TLS12")]
    Tls12,
    /// TLS 1.3.
    #[serde(rename = "TLS13")]
    Tls13,
}

/// What is sent with each answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpServerConfig {
    /// Must not be true: HTTP/1.1 is what is spoken.
    #[serde(deserialize_with = "or_default")]
    pub http2: bool,
    /// Headers of each answer: `Content-Security-Policy`, `X-Frame-Options`,
    /// `X-Content-Type-Options`, `X-XSS-Protection` and `Strict-Transport-Security`.
    #[serde(deserialize_with = "or_default")]
    pub headers: BTreeMap<String, String>,
}

impl WebConfig {
    /// Reads YAML. Names of files in it are not looked at before a server starts. An empty document
    /// is the default.
    ///
    /// # Errors
    /// The text is no YAML, has an unknown key, a key twice or a value of a wrong kind. Nothing that
    /// the text has as a value is repeated in the error: it might be secret.
    pub fn from_yaml(text: &str) -> Result<Self, WebConfigError> {
        // A snippet of the text could show a key or a hash.
        let options = serde_saphyr::options! { with_snippet: false };
        let config: Option<Self> = serde_saphyr::from_str_with_options(text, options)
            .map_err(|error| WebConfigError::syntax(&error.to_string()))?;
        Ok(config.unwrap_or_default())
    }

    /// Reads a file of YAML. Relative names of files in it are from then on those beside it.
    ///
    /// # Errors
    /// As [`from_yaml`](Self::from_yaml), or the file cannot be read. The error names it.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, WebConfigError> {
        let path = path.as_ref();
        let read = || {
            let text = policy::read(path).map_err(|error| WebConfigError::unreadable(&error))?;
            let text = String::from_utf8(text)
                .map_err(|_| WebConfigError::syntax("the file is not UTF-8"))?;
            let mut config = Self::from_yaml(&text)?;
            config.tls_server_config.resolve(path.parent().unwrap_or(Path::new("")));
            Ok(config)
        };
        read().map_err(|error: WebConfigError| error.in_file(path))
    }
}

impl TlsServerConfig {
    /// Names files from `directory` on. An absolute name replaces it.
    fn resolve(&mut self, directory: &Path) {
        for file in [&mut self.cert_file, &mut self.key_file, &mut self.client_ca_file] {
            if !file.as_os_str().is_empty() {
                *file = directory.join(&*file);
            }
        }
    }

    /// Whether nothing is said about TLS, which means plain HTTP.
    fn is_absent(&self) -> bool {
        *self == Self::default()
    }
}

/// A key without a value is as good as none.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests;
