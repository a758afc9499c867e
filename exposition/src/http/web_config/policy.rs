//! A web configuration put to use: its files read, its keys and hashes checked.
//!
//! Upstream: `WebConfig`. Downstream: connections, which take the TLS configuration when they begin
//! and ask the rest for each request.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use super::{ClientAuth, HttpServerConfig, WebConfig, WebConfigError, tls};
use crate::http::auth::Authenticator;

/// Larger files are something else, perhaps endless.
const MAX_FILE: u64 = 1 << 20;

/// The headers that may be set, with the values that they may have; none are any.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Content-Security-Policy", &[]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-XSS-Protection", &[]),
    ("Strict-Transport-Security", &[]),
];

/// What holds for clients at a time. It never changes: a reload makes another.
#[derive(Debug, Default)]
pub(crate) struct Policy {
    /// How new connections are encrypted.
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
    /// Who may ask.
    pub(crate) authenticator: Arc<Authenticator>,
    /// Lines for the head of each answer, each with its line end.
    pub(crate) headers: Vec<u8>,
    /// Whether only clients come in for whose certificate an authority vouches.
    verifies_clients: bool,
    /// Whether only some names in those certificates do.
    chooses_clients: bool,
}

impl Policy {
    /// Reads the files that `config` names and checks all that it says.
    pub(crate) fn new(config: &WebConfig) -> Result<Self, WebConfigError> {
        let tls = &config.tls_server_config;
        Ok(Self {
            tls: if tls.is_absent() { None } else { Some(Arc::new(tls::server_config(tls)?)) },
            authenticator: Arc::new(Authenticator::new(
                &config.basic_auth_users,
                &config.bearer_tokens,
            )?),
            headers: header_lines(&config.http_server_config)?,
            verifies_clients: tls.client_auth_type == ClientAuth::RequireAndVerify,
            chooses_clients: !tls.client_allowed_sans.is_empty(),
        })
    }

    /// Whether `self` may replace `former` while the server runs.
    pub(super) fn succeeds(&self, former: &Self) -> Result<(), WebConfigError> {
        if self.tls.is_some() != former.tls.is_some() {
            return Err(WebConfigError::refused(
                "TLS cannot be switched on or off by a reload: restart the process to do so",
            ));
        }
        if former.authenticator.is_needed() && !self.authenticator.is_needed() {
            return Err(WebConfigError::refused(
                "without users and tokens everybody could ask: restart the process to do so",
            ));
        }
        // A file that is being written may end before the line that says so.
        if (former.verifies_clients && !self.verifies_clients)
            || (former.chooses_clients && !self.chooses_clients)
        {
            return Err(WebConfigError::refused(
                "client_auth_type and client_allowed_sans must go on to keep out whom they kept out: \
                 restart the process to change that",
            ));
        }
        Ok(())
    }
}

/// The content of a regular file of reasonable size.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    // Opening a pipe would wait for its other end.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut content = Vec::new();
    File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut content)?;
    if content.len() as u64 > MAX_FILE {
        return Err(io::Error::other("larger than 1 MiB"));
    }
    Ok(content)
}

fn header_lines(config: &HttpServerConfig) -> Result<Vec<u8>, WebConfigError> {
    if config.http2 {
        let key = "http_server_config.http2";
        return Err(WebConfigError::at(key, "HTTP/2 is not supported: write false, or remove it"));
    }
    let mut lines = Vec::new();
    for (name, value) in &config.headers {
        let wrong = |message: String| {
            Err(WebConfigError::at(format!("http_server_config.headers.{name}"), message))
        };
        let Some((_, allowed)) = HEADERS.iter().find(|(known, _)| known == name) else {
            let known = HEADERS.map(|(known, _)| known).join(", ");
            return wrong(format!("cannot be set; those that can: {known}"));
        };
        // The exporters leave a blank one out.
        if value.is_empty() {
            continue;
        }
        if !allowed.is_empty() && !allowed.iter().any(|one| value.eq_ignore_ascii_case(one)) {
            return wrong(format!("must be {}", allowed.join(" or ")));
        }
        // A line feed would forge further headers.
        if !value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return wrong("may have only visible ASCII and blanks".to_owned());
        }
        lines.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    Ok(lines)
}
