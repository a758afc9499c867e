//! Who may ask: users with passwords and holders of tokens.
//!
//! Upstream: `connection`, which has the value of a request's `Authorization`. Downstream: `users`,
//! whose passwords take long to check and are checked on another thread.
//!
//! What is secret is compared in constant time, and a name that nobody has takes as long as a wrong
//! password. A password that was right once is known again by a keyed hash, until the process ends
//! or the configuration changes.

mod logins;
mod refusals;
mod users;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest;
use subtle::{Choice, ConstantTimeEq};

pub(crate) use logins::{Checked, Logins, Outcome};
pub(crate) use refusals::Refusals;
pub(crate) use users::Login;
use users::Users;

use super::web_config::{Secret, WebConfigError};

/// The bytes of a token's hash.
const HASH: usize = digest::SHA256_OUTPUT_LEN;

/// Answers whether a request may be answered.
#[derive(Debug, Default)]
pub(crate) struct Authenticator {
    users: Users,
    /// Hashes of tokens; their names are for people.
    tokens: Vec<[u8; HASH]>,
}

/// What to do with a request.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Answer it.
    Allowed,
    /// Answer 401.
    Denied(Denial),
    /// Let [`Login::check`] decide, on a thread that may take its time.
    Check(Login),
}

/// Why a request is refused, for the log: the client learns only that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Denial {
    /// It says nothing about who asks.
    Missing,
    /// It cannot be read.
    Malformed,
    /// It says so in a way that nobody here has.
    Scheme,
    /// There is no such user.
    UnknownUser(String),
    /// The user has another password.
    WrongPassword(String),
    /// Nobody has this token.
    WrongToken,
}

impl Authenticator {
    /// Checks the hashes.
    pub(crate) fn new(
        users: &BTreeMap<String, Secret>,
        tokens: &BTreeMap<String, Secret>,
    ) -> Result<Self, WebConfigError> {
        let tokens = tokens.iter().map(|(name, hash)| token_hash(name, hash));
        Ok(Self { users: Users::new(users)?, tokens: tokens.collect::<Result<_, _>>()? })
    }

    /// Whether anybody is kept out.
    pub(crate) fn is_needed(&self) -> bool {
        !self.users.is_empty() || !self.tokens.is_empty()
    }

    /// What 401 says in `WWW-Authenticate`.
    pub(crate) fn challenge(&self) -> &'static str {
        match (self.users.is_empty(), self.tokens.is_empty()) {
            (false, false) => {
                "Basic realm=\"metrics\", charset=\"UTF-8\", Bearer realm=\"metrics\""
            }
            (true, false) => "Bearer realm=\"metrics\"",
            (_, true) => "Basic realm=\"metrics\", charset=\"UTF-8\"",
        }
    }

    /// Decides by the value of `Authorization`, if the request has one. Takes microseconds.
    pub(crate) fn judge(self: &Arc<Self>, authorization: Option<&[u8]>) -> Verdict {
        if !self.is_needed() {
            return Verdict::Allowed;
        }
        let Some(value) = authorization else { return Verdict::Denied(Denial::Missing) };
        let value = value.trim_ascii();
        let split = value.iter().position(|byte| *byte == b' ').unwrap_or(value.len());
        let (scheme, credentials) = value.split_at(split);
        let credentials = credentials.trim_ascii();
        if scheme.eq_ignore_ascii_case(b"Basic") && !self.users.is_empty() {
            self.judge_password(credentials)
        } else if scheme.eq_ignore_ascii_case(b"Bearer") && !self.tokens.is_empty() {
            self.judge_token(credentials)
        } else {
            Verdict::Denied(Denial::Scheme)
        }
    }

    fn judge_password(self: &Arc<Self>, credentials: &[u8]) -> Verdict {
        let Ok(decoded) = STANDARD.decode(credentials) else {
            return Verdict::Denied(Denial::Malformed);
        };
        let Some(colon) = decoded.iter().position(|byte| *byte == b':') else {
            return Verdict::Denied(Denial::Malformed);
        };
        let name = String::from_utf8_lossy(&decoded[..colon]).into_owned();
        let login = Login::new(Arc::clone(self), name, &decoded[colon + 1..]);
        if login.is_known() { Verdict::Allowed } else { Verdict::Check(login) }
    }

    fn judge_token(&self, token: &[u8]) -> Verdict {
        let hash = digest::digest(&digest::SHA256, token);
        // All are looked at, so that the time does not tell which one it was.
        let found = self
            .tokens
            .iter()
            .fold(Choice::from(0), |found, token| found | token.as_slice().ct_eq(hash.as_ref()));
        if found.into() { Verdict::Allowed } else { Verdict::Denied(Denial::WrongToken) }
    }
}

/// A hash from its 64 hexadecimal digits.
fn token_hash(name: &str, hash: &Secret) -> Result<[u8; HASH], WebConfigError> {
    let digits = hash.expose().as_bytes();
    let mut bytes = [0; HASH];
    let is_hash = digits.len() == 2 * HASH
        && digits.chunks_exact(2).zip(&mut bytes).all(|(pair, byte)| {
            let text = std::str::from_utf8(pair).unwrap_or_default();
            // A sign would be taken for a digit.
            pair.iter().all(u8::is_ascii_hexdigit)
                && u8::from_str_radix(text, 16).map(|value| *byte = value).is_ok()
        });
    let key = format!("bearer_tokens.{name}");
    if is_hash && bytes == *digest::digest(&digest::SHA256, b"").as_ref() {
        return Err(WebConfigError::at(key, "is the hash of nothing: was $TOKEN set?"));
    }
    if is_hash {
        return Ok(bytes);
    }
    Err(WebConfigError::at(
        key,
        "must be the SHA-256 of the token in 64 hexadecimal digits: printf %s \"$TOKEN\" | sha256sum",
    ))
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("no Authorization"),
            Self::Malformed => f.write_str("malformed Authorization"),
            Self::Scheme => f.write_str("Authorization of another scheme than those configured"),
            Self::UnknownUser(user) => write!(f, "unknown user {}", Quoted(user)),
            Self::WrongPassword(user) => write!(f, "wrong password of user {}", Quoted(user)),
            Self::WrongToken => f.write_str("wrong token"),
        }
    }
}

/// Text of a client as the log shows it: short, and on one line.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 64;
        let cut = self.0.char_indices().nth(SHOWN).map_or(self.0.len(), |(end, _)| end);
        let more = if cut < self.0.len() { "..." } else { "" };
        write!(f, "{:?}{more}", &self.0[..cut])
    }
}

#[cfg(test)]
mod tests;
