//! The queue before bcrypt: bounded, in order, and gone with its owner.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::http::auth::{Authenticator, Verdict};
use crate::http::web_config::Secret;

const PATIENCE: Duration = Duration::from_secs(60);

/// Alice has the password `secret`, of this cost.
fn authenticator(cost: u32) -> Arc<Authenticator> {
    let hash = Secret::from(bcrypt::hash("secret", cost).unwrap());
    let users = BTreeMap::from([("alice".to_owned(), hash)]);
    Arc::new(Authenticator::new(&users, &BTreeMap::new()).unwrap())
}

fn login(authenticator: &Arc<Authenticator>, password: &str) -> Login {
    let value = format!("Basic {}", STANDARD.encode(format!("alice:{password}")));
    match authenticator.judge(Some(value.as_bytes())) {
        Verdict::Check(login) => login,
        other => panic!("{other:?}"),
    }
}

/// Logins, and what is sent for each time that they wake somebody.
fn logins() -> (Logins, Receiver<()>) {
    let (sender, receiver) = channel();
    // At the end of a test nobody listens any more.
    (Logins::new(move || sender.send(()).unwrap_or_default()), receiver)
}

#[test]
fn each_login_has_one_outcome_for_its_own_place() {
    let authenticator = authenticator(4);
    let (mut logins, woken) = logins();
    let passwords = ["wrong", "secret", "Secret"];
    let pushed: Vec<_> = (0..)
        .zip(passwords)
        .map(|(place, password)| logins.push(place, login(&authenticator, password)).unwrap())
        .collect();
    let mut outcomes = Vec::new();
    while outcomes.len() < passwords.len() {
        woken.recv_timeout(PATIENCE).unwrap();
        logins.take(&mut outcomes);
    }
    let places: Vec<_> = outcomes.iter().map(|outcome| outcome.place).collect();
    let serials: Vec<_> = outcomes.iter().map(|outcome| outcome.serial).collect();
    let right: Vec<_> = outcomes.iter().map(|outcome| outcome.checked.result.is_ok()).collect();
    assert_eq!((places, serials), (vec![0, 1, 2], pushed));
    assert_eq!(right, [false, true, false]);
}

#[test]
fn the_queue_is_bounded_and_a_withdrawal_makes_room() {
    // So slow that the first is at it still when the others have come.
    let authenticator = authenticator(12);
    let (mut logins, _woken) = logins();
    let push = |logins: &mut Logins| logins.push(0, login(&authenticator, "wrong"));
    let pushed: Vec<_> = std::iter::from_fn(|| push(&mut logins)).take(QUEUE * 2).collect();
    assert!((QUEUE..QUEUE * 2).contains(&pushed.len()), "{}", pushed.len());
    logins.withdraw(*pushed.last().unwrap());
    assert!(push(&mut logins).is_some());
}

#[test]
fn nobody_is_woken_after_the_end() {
    let authenticator = authenticator(4);
    let (mut logins, woken) = logins();
    logins.push(0, login(&authenticator, "wrong")).unwrap();
    drop(logins);
    // The thread drops the sender when it ends; at most the one at work wakes somebody.
    let mut wakes = 0;
    while woken.recv_timeout(PATIENCE).is_ok() {
        wakes += 1;
    }
    assert!(wakes <= 1);
    assert_eq!(woken.recv(), Err(std::sync::mpsc::RecvError));
}

#[test]
fn a_rest_lasts_as_long_as_the_check_and_ends_with_the_server() {
    let (logins, _woken) = logins();
    let shared = Arc::clone(&logins.shared);
    let (begun, pause) = (Instant::now(), Duration::from_millis(20));
    shared.changed.notify_one(); // as somebody does who queues another one
    drop(shared.rest(shared.state(), pause));
    assert!(begun.elapsed() >= pause);
    drop(logins);
    let begun = Instant::now();
    drop(shared.rest(shared.state(), 60 * PATIENCE));
    assert!(begun.elapsed() < PATIENCE);
}
