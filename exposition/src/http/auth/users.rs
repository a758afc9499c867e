//! Users and their passwords, of which bcrypt hashes are known.
//!
//! Upstream: `Authenticator`. Downstream: the bcrypt crate, which is slow by design: about 50 ms at
//! cost 10, doubled with each step.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bcrypt::HashParts;
use ring::hmac;
use ring::rand::SystemRandom;

use super::{Authenticator, Denial};
use crate::http::web_config::{Secret, WebConfigError};

/// At a higher cost one login takes minutes.
const MAX_COST: u32 = 18;

/// A salt and a hash of no known password. Each cost makes a valid bcrypt hash of them.
const DUMMY: &str = "SuzVVZ5oAmEbTRXpWBPxYOHqAMvYR3pB6rKvAGUEUqVCx9dkLHGYm";

/// Those who have a password.
#[derive(Debug, Default)]
pub(super) struct Users {
    by_name: BTreeMap<String, User>,
    /// One dummy hash for each user, with that user's cost.
    dummies: Vec<String>,
    /// Made anew with each configuration: proofs of another one are worth nothing.
    key: Option<hmac::Key>,
}

#[derive(Debug)]
struct User {
    hash: Secret,
    /// Proof of the password that was right last; one is enough, for a user has one password.
    proven: Mutex<Option<hmac::Tag>>,
}

impl Users {
    pub(super) fn new(hashes: &BTreeMap<String, Secret>) -> Result<Self, WebConfigError> {
        if hashes.is_empty() {
            return Ok(Self::default());
        }
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).map_err(|_| {
            WebConfigError::at("basic_auth_users", "the system has no random numbers for a key")
        })?;
        let mut users = Self { by_name: BTreeMap::new(), dummies: Vec::new(), key: Some(key) };
        for (name, hash) in hashes {
            let cost = check(name, hash)?;
            let user = User { hash: hash.clone(), proven: Mutex::new(None) };
            users.by_name.insert(name.clone(), user);
            users.dummies.push(format!("$2b${cost:02}${DUMMY}"));
        }
        Ok(users)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// What the password of `login` is checked against: always something, and always the same for a
    /// name, so that time tells no name that exists from one that does not.
    pub(super) fn hash_for(&self, login: &Login) -> Option<&str> {
        match self.by_name.get(&login.name) {
            Some(user) => Some(user.hash.expose()),
            None => {
                let key = self.key.as_ref()?;
                let chosen = hmac::sign(key, login.name.as_bytes());
                let index = usize::from(chosen.as_ref()[0]) % self.dummies.len().max(1);
                self.dummies.get(index).map(String::as_str)
            }
        }
    }
}

/// The cost of a valid hash.
fn check(name: &str, hash: &Secret) -> Result<u32, WebConfigError> {
    let wrong =
        |message: String| Err(WebConfigError::at(format!("basic_auth_users.{name}"), message));
    if name.contains(':') {
        return wrong("a user's name cannot have a colon".to_owned());
    }
    match hash.expose().parse::<HashParts>().map(|parts| parts.get_cost()) {
        Ok(cost @ 4..=MAX_COST) => Ok(cost),
        Ok(cost) => wrong(format!("has cost {cost}: use 4 to {MAX_COST}, 10 is usual")),
        Err(_) => {
            let how = "htpasswd -nBC 10 \"\" | tr -d ':\\n'";
            wrong(format!("must be a bcrypt hash, $2y$10$...; make one with {how}"))
        }
    }
}

/// A name and a password that somebody sent.
pub(crate) struct Login {
    authenticator: Arc<Authenticator>,
    name: String,
    password: Vec<u8>,
    proof: Option<hmac::Tag>,
}

impl Login {
    pub(super) fn new(authenticator: Arc<Authenticator>, name: String, password: &[u8]) -> Self {
        let mut this = Self { authenticator, name, password: password.to_vec(), proof: None };
        this.proof = this.prove();
        this
    }

    /// Name, password and current hash, so that none of them can be exchanged, under a key that
    /// nobody knows.
    fn prove(&self) -> Option<hmac::Tag> {
        let users = &self.authenticator.users;
        let mut context = hmac::Context::with_key(users.key.as_ref()?);
        for part in [self.name.as_bytes(), users.hash_for(self)?.as_bytes(), &self.password] {
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part);
        }
        Some(context.sign())
    }

    /// Whether it was right before. Takes microseconds.
    pub(super) fn is_known(&self) -> bool {
        let user = self.authenticator.users.by_name.get(&self.name);
        let (Some(user), Some(proof)) = (user, &self.proof) else { return false };
        let proven = user.proven.lock().unwrap_or_else(PoisonError::into_inner);
        proven.as_ref().is_some_and(|proven| {
            subtle::ConstantTimeEq::ct_eq(proven.as_ref(), proof.as_ref()).into()
        })
    }

    /// Who checks it.
    pub(super) fn authenticator(&self) -> Arc<Authenticator> {
        Arc::clone(&self.authenticator)
    }

    /// Decides. Takes as long as bcrypt does, unless the same was found right meanwhile.
    pub(crate) fn check(self) -> Result<(), Denial> {
        if self.is_known() {
            return Ok(());
        }
        let users = &self.authenticator.users;
        let matches = users
            .hash_for(&self)
            .is_some_and(|hash| bcrypt::verify(&self.password, hash).unwrap_or(false));
        match users.by_name.get(&self.name) {
            None => Err(Denial::UnknownUser(self.name)),
            Some(_) if !matches => Err(Denial::WrongPassword(self.name)),
            Some(user) => {
                *user.proven.lock().unwrap_or_else(PoisonError::into_inner) = self.proof;
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("name", &self.name).finish_non_exhaustive()
    }
}
