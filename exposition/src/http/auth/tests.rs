//! Who is let in, who is not, and what that costs.

use super::*;

/// Cost 4, the least: `printf %s secret | htpasswd -niBC 4 alice` and the like.
fn hash(password: &str, cost: u32) -> Secret {
    bcrypt::hash(password, cost).unwrap().into()
}

fn users(users: &[(&str, &str)]) -> BTreeMap<String, Secret> {
    users.iter().map(|(name, password)| ((*name).to_owned(), hash(password, 4))).collect()
}

/// `printf %s token | sha256sum`
const TOKEN_HASH: &str = "3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0";

fn tokens() -> BTreeMap<String, Secret> {
    BTreeMap::from([("prometheus".to_owned(), TOKEN_HASH.into())])
}

fn authenticator() -> Arc<Authenticator> {
    let users = users(&[("alice", "secret"), ("bob", "päss:wörd")]);
    Arc::new(Authenticator::new(&users, &tokens()).unwrap())
}

fn basic(user: &str, password: &str) -> Vec<u8> {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))).into_bytes()
}

/// The decision, however long it takes.
fn decide(authenticator: &Arc<Authenticator>, authorization: &[u8]) -> Result<(), Denial> {
    match authenticator.judge(Some(authorization)) {
        Verdict::Allowed => Ok(()),
        Verdict::Denied(denial) => Err(denial),
        Verdict::Check(login) => login.check(),
    }
}

#[test]
fn without_users_and_tokens_everybody_is_let_in() {
    let open = Arc::new(Authenticator::default());
    assert!(!open.is_needed());
    assert!(matches!(open.judge(None), Verdict::Allowed));
    assert!(matches!(open.judge(Some(b"nonsense")), Verdict::Allowed));
}

#[test]
fn the_right_password_is_checked_once() {
    let authenticator = authenticator();
    for (user, password) in [("alice", "secret"), ("bob", "päss:wörd")] {
        let value = basic(user, password);
        let Verdict::Check(login) = authenticator.judge(Some(&value)) else { panic!("{user}") };
        assert_eq!(login.check(), Ok(()));
        assert!(matches!(authenticator.judge(Some(&value)), Verdict::Allowed));
    }
    // Neither makes the other's password right, nor one user the other.
    for (user, password) in [("alice", "päss:wörd"), ("bob", "secret"), ("alice", "")] {
        let value = basic(user, password);
        let Verdict::Check(login) = authenticator.judge(Some(&value)) else { panic!("{user}") };
        assert_eq!(login.check(), Err(Denial::WrongPassword(user.to_owned())));
        assert!(matches!(authenticator.judge(Some(&value)), Verdict::Check(_)), "not remembered");
    }
}

#[test]
fn logins_that_wait_together_cost_one_check() {
    let authenticator = authenticator();
    let value = basic("alice", "secret");
    let logins: Vec<_> = (0..3)
        .map(|_| match authenticator.judge(Some(&value)) {
            Verdict::Check(login) => login,
            other => panic!("{other:?}"),
        })
        .collect();
    let mut logins = logins.into_iter();
    assert!(!logins.as_slice()[1].is_known());
    assert_eq!(logins.next().unwrap().check(), Ok(()));
    assert!(logins.all(|login| login.is_known()));
}

#[test]
fn an_unknown_name_is_checked_against_a_dummy() {
    let mut hashes = users(&[("alice", "secret")]);
    hashes.insert("bob".to_owned(), hash("secret", 5));
    let authenticator = Arc::new(Authenticator::new(&hashes, &BTreeMap::new()).unwrap());
    let mut costs = Vec::new();
    for index in 0..64 {
        let name = format!("nobody{index}");
        let login =
            |password: &[u8]| Login::new(Arc::clone(&authenticator), name.clone(), password);
        // A real check of a valid hash, of a cost that users have, and always of the same.
        let against = authenticator.users.hash_for(&login(b"a")).unwrap();
        assert_eq!(authenticator.users.hash_for(&login(b"b")), Some(against));
        costs.push(against.parse::<bcrypt::HashParts>().unwrap().get_cost());
        assert!(!bcrypt::verify("secret", against).unwrap());
        assert!(!hashes.values().any(|hash| hash.expose() == against));
        // Whoever finds the dummy's password is nobody still.
        assert_eq!(login(b"secret").check(), Err(Denial::UnknownUser(name.clone())));
    }
    costs.sort_unstable();
    costs.dedup();
    assert_eq!(costs, [4, 5]);
}

/// The dummy must cost what a password costs; only a tenth of it is asked for, so that no noise
/// of the machine fails the test.
#[test]
fn an_unknown_name_takes_about_as_long_as_a_wrong_password() {
    let hashes = BTreeMap::from([("alice".to_owned(), hash("secret", 8))]);
    let authenticator = Arc::new(Authenticator::new(&hashes, &BTreeMap::new()).unwrap());
    let fastest = |name: &str| {
        let one = || {
            let start = std::time::Instant::now();
            assert!(decide(&authenticator, &basic(name, "wrong")).is_err());
            start.elapsed()
        };
        (0..5).map(|_| one()).min().unwrap()
    };
    let (known, unknown) = (fastest("alice"), fastest("nobody"));
    assert!(unknown * 10 > known && known * 10 > unknown, "{known:?} and {unknown:?}");
}

#[test]
fn a_new_configuration_knows_no_old_proof() {
    let value = basic("alice", "secret");
    let before = authenticator();
    assert_eq!(decide(&before, &value), Ok(()));
    let after = Arc::new(Authenticator::new(&users(&[("alice", "other")]), &tokens()).unwrap());
    assert_eq!(decide(&after, &value), Err(Denial::WrongPassword("alice".to_owned())));
    let gone = Arc::new(Authenticator::new(&users(&[("bob", "secret")]), &tokens()).unwrap());
    assert_eq!(decide(&gone, &value), Err(Denial::UnknownUser("alice".to_owned())));
}

#[test]
fn tokens_are_compared_as_a_whole() {
    let authenticator = authenticator();
    for right in ["Bearer token", "bearer  token ", "BEARER token"] {
        assert!(matches!(authenticator.judge(Some(right.as_bytes())), Verdict::Allowed), "{right}");
    }
    for wrong in ["Bearer Token", "Bearer toke", "Bearer tokens", "Bearer", "Bearer to ken"] {
        assert_eq!(decide(&authenticator, wrong.as_bytes()), Err(Denial::WrongToken), "{wrong}");
    }
    let hash = format!("Bearer {TOKEN_HASH}");
    assert_eq!(decide(&authenticator, hash.as_bytes()), Err(Denial::WrongToken));
    let several = BTreeMap::from([
        ("a".to_owned(), Secret::from("0".repeat(64))),
        ("b".to_owned(), TOKEN_HASH.to_uppercase().into()),
        ("c".to_owned(), "f".repeat(64).into()),
    ]);
    let several = Arc::new(Authenticator::new(&BTreeMap::new(), &several).unwrap());
    assert_eq!(decide(&several, b"Bearer token"), Ok(()));
}

#[test]
fn what_is_no_credential_is_denied_at_once() {
    let authenticator = authenticator();
    let denied = |value: &[u8]| match authenticator.judge(Some(value)) {
        Verdict::Denied(denial) => denial,
        other => panic!("{other:?}"),
    };
    assert!(matches!(authenticator.judge(None), Verdict::Denied(Denial::Missing)));
    for value in ["", "Basic=", "Digest abc", "Negotiate", "alice:secret", "\u{e9}"] {
        assert_eq!(denied(value.as_bytes()), Denial::Scheme, "{value:?}");
    }
    let no_colon = format!("Basic {}", STANDARD.encode("alice"));
    for value in ["Basic", "Basic !", "Basic YWxpY2U", "Basic YWxpY2U=x", no_colon.as_str()] {
        assert_eq!(denied(value.as_bytes()), Denial::Malformed, "{value:?}");
    }
    assert_eq!(denied(&[0xff, 0xfe]), Denial::Scheme);
    // A scheme that nobody is configured for.
    let only_users = Arc::new(Authenticator::new(&users(&[("a", "b")]), &BTreeMap::new()).unwrap());
    assert_eq!(decide(&only_users, b"Bearer token"), Err(Denial::Scheme));
    let only_tokens = Arc::new(Authenticator::new(&BTreeMap::new(), &tokens()).unwrap());
    assert_eq!(decide(&only_tokens, &basic("a", "b")), Err(Denial::Scheme));
}

#[test]
fn the_challenge_names_what_is_configured() {
    let none = BTreeMap::new();
    let challenge = |users: &BTreeMap<_, _>, tokens: &BTreeMap<_, _>| {
        Authenticator::new(users, tokens).unwrap().challenge()
    };
    let some = users(&[("a", "b")]);
    assert_eq!(challenge(&some, &none), "Basic realm=\"metrics\", charset=\"UTF-8\"");
    assert_eq!(challenge(&none, &tokens()), "Bearer realm=\"metrics\"");
    assert_eq!(
        challenge(&some, &tokens()),
        "Basic realm=\"metrics\", charset=\"UTF-8\", Bearer realm=\"metrics\""
    );
}

#[test]
fn neither_debug_nor_the_log_shows_a_secret_or_breaks_a_line() {
    let authenticator = authenticator();
    let value = basic("alice", "hunter2");
    let verdict = authenticator.judge(Some(&value));
    let shown = format!("{authenticator:?} {verdict:?}");
    assert!(shown.contains("alice"), "{shown}");
    let hashes = ["alice", "bob"].map(|name| {
        let login = Login::new(Arc::clone(&authenticator), name.to_owned(), b"");
        authenticator.users.hash_for(&login).unwrap().to_owned()
    });
    for secret in hashes.iter().map(String::as_str).chain(["hunter2", TOKEN_HASH, "104, 117, 110"])
    {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    let forged = "a\nWARN all is well\u{1b}[2J".to_owned() + &"x".repeat(1000);
    let line = Denial::UnknownUser(forged).to_string();
    assert!(line.len() < 200 && !line.contains(['\n', '\u{1b}']), "{line}");
}
