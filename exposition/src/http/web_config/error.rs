//! What is wrong with a web configuration, and what to write instead.
//!
//! Upstream: the rest of `web_config` and `auth`. Downstream: a person, at the start or in the log.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A web configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebConfigError {
    file: Option<PathBuf>,
    key: Option<String>,
    message: String,
}

impl WebConfigError {
    /// The value of `key` is wrong.
    pub(crate) fn at(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { file: None, key: Some(key.into()), message: message.into() }
    }

    /// The file of the configuration cannot be read.
    pub(super) fn unreadable(error: &io::Error) -> Self {
        Self { file: None, key: None, message: format!("cannot read it: {error}") }
    }

    /// The text is no configuration.
    pub(super) fn syntax(message: &str) -> Self {
        Self { file: None, key: None, message: without_values(message) }
    }

    /// A new configuration may not replace the one in use.
    pub(super) fn refused(message: &str) -> Self {
        Self { file: None, key: None, message: message.to_owned() }
    }

    /// The same, in the file of that name.
    pub(super) fn in_file(mut self, file: &Path) -> Self {
        self.file = Some(file.to_owned());
        self
    }

    /// The file of the configuration, unless it was built in code.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The key whose value is wrong, with those around it: `tls_server_config.cert_file`.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }
}

impl fmt::Display for WebConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("web configuration")?;
        if let Some(file) = &self.file {
            write!(f, " {}", file.display())?;
        }
        if let Some(key) = &self.key {
            write!(f, ": {key}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for WebConfigError {}

/// `message` without what it quotes of values: serde shows those in `"`, names of keys in `` ` ``.
fn without_values(message: &str) -> String {
    match (message.find('"'), message.rfind('"')) {
        (Some(first), Some(last)) if first < last => {
            format!("{}<not shown>{}", &message[..first], &message[last + 1..])
        }
        _ => message.to_owned(),
    }
}
