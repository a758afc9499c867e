//! What a Prometheus scrapes, and as whom. Upstream: the tests. Downstream: its configuration.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// One target.
#[derive(Clone, Debug)]
pub struct Job {
    /// Tells it from the others.
    pub(super) name: &'static str,
    pub(super) target: SocketAddr,
    path: &'static str,
    /// The authority that the server's certificate must come from, in PEM.
    authority: Option<String>,
    /// A certificate of its own and its key, in PEM.
    identity: Option<(String, String)>,
    user: Option<(&'static str, &'static str)>,
    token: Option<&'static str>,
}

impl Job {
    /// Scrapes `/metrics` of a server, over plain HTTP.
    pub fn new(name: &'static str, target: SocketAddr) -> Self {
        let path = "/metrics";
        Self { name, target, path, authority: None, identity: None, user: None, token: None }
    }

    /// Scrapes another path.
    #[must_use]
    pub fn path(mut self, path: &'static str) -> Self {
        self.path = path;
        self
    }

    /// Over TLS, with this authority believed, in PEM.
    #[must_use]
    pub fn over_tls(mut self, authority: &str) -> Self {
        self.authority = Some(authority.to_owned());
        self
    }

    /// Shows a certificate, both in PEM.
    #[must_use]
    pub fn with_certificate(mut self, certificate: &str, key: &str) -> Self {
        self.identity = Some((certificate.to_owned(), key.to_owned()));
        self
    }

    /// With a name and a password.
    #[must_use]
    pub fn as_user(mut self, name: &'static str, password: &'static str) -> Self {
        self.user = Some((name, password));
        self
    }

    /// With a bearer token.
    #[must_use]
    pub fn with_token(mut self, token: &'static str) -> Self {
        self.token = Some(token);
        self
    }

    /// Its part of the configuration; certificates go to files in `dir`.
    pub(super) fn config(&self, dir: &Path) -> Value {
        let file = |name: &str, content: &str| -> PathBuf {
            let path = dir.join(format!("{}.{name}", self.name));
            std::fs::write(&path, content).expect("a file in our directory");
            path
        };
        let mut config = json!({
            "job_name": self.name,
            "metrics_path": self.path,
            "static_configs": [{ "targets": [self.target.to_string()] }],
        });
        if let Some(authority) = &self.authority {
            config["scheme"] = "https".into();
            config["tls_config"] = json!({ "ca_file": file("ca", authority) });
        }
        if let Some((certificate, key)) = &self.identity {
            config["tls_config"]["cert_file"] = json!(file("cert", certificate));
            config["tls_config"]["key_file"] = json!(file("key", key));
        }
        if let Some((name, password)) = self.user {
            config["basic_auth"] = json!({ "username": name, "password": password });
        }
        if let Some(token) = self.token {
            config["authorization"] = json!({ "credentials": token });
        }
        config
    }
}
