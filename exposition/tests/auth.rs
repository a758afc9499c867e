//! Users and tokens: who is let in, who is not, and that nobody's attempt hurts the others.

mod common;

use std::collections::BTreeMap;

use common::secure::{Asker, assert_logged, basic, collect_log, logged};
use common::{Answer, builder};
use tmc_exposition::{Secret, Server, ServerBuilder, WebConfig};

/// `printf %s token | sha256sum`
const TOKEN_HASH: &str = "3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0";

/// Alice has the password `secret`, as a hash of this cost.
fn config(cost: u32) -> WebConfig {
    let hash = bcrypt::hash("secret", cost).unwrap();
    WebConfig {
        basic_auth_users: BTreeMap::from([("alice".to_owned(), hash.into())]),
        bearer_tokens: BTreeMap::from([("prometheus".to_owned(), TOKEN_HASH.into())]),
        ..WebConfig::default()
    }
}

fn guarded(cost: u32) -> ServerBuilder {
    collect_log();
    builder().web_config(config(cost))
}

fn ask(server: &Server, path: &str, headers: &str) -> Answer {
    Asker::plain(server.local_addr()).ask(path, headers).unwrap()
}

#[test]
fn the_right_password_and_the_right_token_are_let_in() {
    let server = guarded(4).start().unwrap();
    let mut client = Asker::plain(server.local_addr());
    for headers in [&basic("alice", "secret"), "Authorization: bearer token\r\n"] {
        for _ in 0..2 {
            let answer = client.ask("/metrics", headers).unwrap();
            assert_eq!(answer.status, 200, "{headers}");
            assert!(answer.text().contains("\nhits_total 3\n"));
        }
    }
}

#[test]
fn everything_else_is_refused_with_a_challenge_and_a_line_in_the_log() {
    let wrong = [
        ("", "no Authorization"),
        (&basic("alice", "Secret"), "wrong password of user \"alice\""),
        (&basic("alice", ""), "wrong password of user \"alice\""),
        (&basic("nobody", "secret"), "unknown user \"nobody\""),
        ("Authorization: Bearer Token\r\n", "wrong token"),
        ("Authorization: Basic !!!\r\n", "malformed Authorization"),
        ("Authorization: Digest abc\r\n", "another scheme"),
    ];
    for (headers, why) in wrong {
        // Each has a log of its own, or the flood of refusals would only be counted.
        let server = guarded(4).start().unwrap();
        // On one connection: a refusal does not end it.
        let mut client = Asker::plain(server.local_addr());
        for path in ["/metrics", "/big", "/healthz", "/nowhere"] {
            let answer = client.ask(path, headers).unwrap();
            assert_eq!(answer.status, 401, "{headers}{path}");
            let challenge = answer.header("www-authenticate").unwrap();
            assert!(challenge.contains("Basic realm=") && challenge.contains("Bearer realm="));
            assert!(answer.body.len() < 100);
            assert_logged(&["WARN 127.0.0.1:", path, "401", why]);
        }
        assert_eq!(client.ask("/metrics", &basic("alice", "secret")).unwrap().status, 200);
        assert_eq!(client.ask("/nowhere", &basic("alice", "secret")).unwrap().status, 404);
    }
    assert_logged(&["WARN 127.0.0.1:", "\"/nowhere\"", "404"]);
    assert!(!logged().iter().any(|line| line.contains("Secret") || line.contains("Token")));
}

#[test]
fn two_authorizations_are_none() {
    let server = guarded(4).start().unwrap();
    let twice = basic("alice", "secret").repeat(2);
    assert_eq!(ask(&server, "/metrics", &twice).status, 400);
}

#[test]
fn probes_can_be_left_open_and_nothing_else_with_them() {
    let server = guarded(4).open_probes(true).start().unwrap();
    for (path, status) in
        [("/healthz", 200), ("/readyz", 200), ("/metrics", 401), ("/healthz/", 401), ("/x", 401)]
    {
        assert_eq!(ask(&server, path, "").status, status, "{path}");
    }
}

#[test]
fn without_users_and_tokens_nobody_is_asked() {
    let server = builder().web_config(WebConfig::default()).start().unwrap();
    assert_eq!(ask(&server, "/metrics", "").status, 200);
    assert_eq!(ask(&server, "/metrics", "Authorization: nonsense\r\n").status, 200);
}

/// One check takes a third of a second or so, and there is one at a time.
#[test]
fn a_flood_of_logins_is_bounded_and_hurts_nobody_who_is_known() {
    const ATTACKERS: usize = 60;
    let server = guarded(12).open_probes(true).start().unwrap();
    let mut good = Asker::plain(server.local_addr());
    let alice = basic("alice", "secret");
    assert_eq!(good.ask("/metrics", &alice).unwrap().status, 200);

    let mut attackers: Vec<_> = (0..ATTACKERS)
        .map(|index| {
            let mut attacker = Asker::plain(server.local_addr());
            attacker.send("/metrics", &basic("alice", &index.to_string())).unwrap();
            attacker
        })
        .collect();
    // The last one to come is told at once that there is no room; so all of them are waiting.
    let last = attackers.last_mut().unwrap().answer().unwrap();
    assert_eq!(last.status, 503);
    assert!(last.header("retry-after").is_some());
    for _ in 0..10 {
        assert_eq!(good.ask("/metrics", &alice).unwrap().status, 200);
        assert_eq!(ask(&server, "/healthz", "").status, 200);
        let token = "Authorization: Bearer token\r\n";
        assert_eq!(ask(&server, "/metrics", token).status, 200);
    }
    assert!(matches!(attackers[0].answer().unwrap().status, 401));
    // Ended by the server, whose shutdown does not wait for those who wait.
    server.shutdown();
}

#[test]
fn a_client_that_goes_while_its_password_is_checked_harms_nobody() {
    let server = guarded(10).start().unwrap();
    for _ in 0..20 {
        let mut gone = Asker::plain(server.local_addr());
        gone.send("/metrics", &basic("alice", "wrong")).unwrap();
    }
    let mut good = Asker::plain(server.local_addr());
    common::eventually("a login", || {
        good.ask("/metrics", &basic("alice", "secret")).unwrap().status == 200
    });
}

#[test]
fn secrets_are_in_no_debug_output() {
    let builder = guarded(4);
    let shown = format!("{builder:?} {:?} {:?}", config(4), Secret::from("hunter2"));
    assert!(!shown.contains("$2b$") && !shown.contains(TOKEN_HASH) && !shown.contains("hunter2"));
}
