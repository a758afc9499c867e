//! Request heads against a slow judge and against `httparse` alone, whole and byte by byte; then a
//! whole conversation, which must not depend on how the client's bytes arrive.
//!
//! Upstream: libFuzzer. Downstream: `tmc_exposition`'s parser and connection, through their door.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tmc_engine::Registry;
use tmc_exposition::http::door::{Verdict, converse, parse_head};
use tmc_exposition::{Body, Limits, Responder};
use tmc_fuzz::head;

fuzz_target!(|input: &[u8]| run(input));

fn limits() -> Limits {
    // Small enough that the fuzzer meets them.
    Limits { head_bytes: 256, headers: 6, body_bytes: 40, ..Limits::default() }
}

fn run(input: &[u8]) {
    let limits = limits();
    let window = &input[..input.len().min(limits.head_bytes)];
    let whole = parse_head(window, &limits);
    beside_httparse(window, whole, &limits);
    beside_the_judge(window, whole, &limits);
    growing(window, whole, &limits);
    conversation(input, &limits);
}

/// The grammar is `httparse`'s: nothing that it refuses is accepted, and it finds the same end.
fn beside_httparse(input: &[u8], verdict: Verdict<'_>, limits: &Limits) {
    let mut headers = [httparse::EMPTY_HEADER; 256];
    let mut request = httparse::Request::new(&mut headers);
    match (request.parse(input), verdict) {
        (Ok(httparse::Status::Complete(end)), Verdict::Complete { request: read, len, .. }) => {
            assert_eq!((end, request.method), (len, Some(read.method)));
        }
        (Ok(httparse::Status::Partial), Verdict::Partial) => {
            assert!(input.len() < limits.head_bytes, "there is no room for more");
        }
        (Ok(httparse::Status::Partial), Verdict::Rejected(status)) => assert_eq!(status, 431),
        (Ok(httparse::Status::Complete(_)) | Err(_), Verdict::Rejected(_)) => {}
        (theirs, ours) => panic!("httparse: {theirs:?}, ours: {ours:?}"),
    }
}

/// What is accepted is what the judge accepts, and says the same.
fn beside_the_judge(input: &[u8], verdict: Verdict<'_>, limits: &Limits) {
    if let Verdict::Complete { request, len, body_len, keep_alive } = verdict {
        let facts = head::judge(&input[..len]).unwrap_or_else(|why| panic!("accepted: {why}"));
        assert_eq!(request.method, facts.method);
        assert!(facts.target.contains(request.path) || request.path == "/");
        assert!(facts.body_len <= limits.body_bytes && facts.headers <= limits.headers);
        assert_eq!(body_len, if facts.waits { 0 } else { facts.body_len });
        assert_eq!(keep_alive, facts.persists && !facts.waits);
        return;
    }
    // The other way round, for heads of plain characters: `httparse` wants UTF-8 in the target.
    let Some(end) = input.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return };
    let text = &input[..end + 4];
    let plain = text.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\r' | b'\n'));
    let Ok(facts) = head::judge(text) else { return };
    let fits = facts.body_len <= limits.body_bytes && facts.headers <= limits.headers;
    assert!(!(plain && fits), "{verdict:?} for {facts:?}");
}

/// Byte by byte the verdict is Partial up to the byte that decides, and stays as it is from there.
fn growing(input: &[u8], whole: Verdict<'_>, limits: &Limits) {
    let mut decided = None;
    for len in 0..=input.len() {
        let verdict = parse_head(&input[..len], limits);
        match (decided, verdict) {
            (None, Verdict::Partial) => {}
            (None, Verdict::Complete { len: end, .. }) => {
                assert_eq!(len, end, "complete with its last byte and not later");
                assert_eq!(verdict, whole);
                decided = Some(verdict);
            }
            (None, Verdict::Rejected(_)) => decided = Some(verdict),
            (Some(Verdict::Rejected(_)), Verdict::Rejected(_)) => {}
            (Some(before), now) => assert_eq!(before, now, "after {len} bytes"),
        }
    }
    let rejected = |verdict| matches!(verdict, Some(Verdict::Rejected(_)));
    assert_eq!(rejected(decided), rejected(Some(whole)));
}

fn conversation(input: &[u8], limits: &Limits) {
    let responder = Responder::new(Registry::new());
    let at_once = converse(input, usize::MAX, &responder, limits);
    let mut body = Body::new();
    let mut answers = at_once.as_slice();
    let mut sent = input;
    let mut closed = false;
    while !answers.is_empty() {
        assert!(!closed, "an answer after the last one");
        let verdict = parse_head(&sent[..sent.len().min(limits.head_bytes)], limits);
        body.clear();
        let (method, rest, status) = match verdict {
            Verdict::Complete { request, len, body_len, keep_alive } => {
                closed = !keep_alive;
                let skip = len.saturating_add(usize::try_from(body_len).expect("a small body"));
                let reply = responder.respond(&request, &mut body);
                (request.method, sent.get(skip..).unwrap_or(&[]), reply.status)
            }
            Verdict::Rejected(status) => ("", &[][..], status),
            Verdict::Partial => ("", &[][..], 400), // ended inside its head
        };
        closed |= method.is_empty();
        let answered = Answered {
            is_head: asks_for_a_head(sent),
            is_error: method.is_empty(),
            status,
            closed,
        };
        sent = rest;
        answers = answer(answers, &answered, &body.to_vec());
    }
    // Every head that is there is answered, unless the connection was closed before it.
    assert!(closed || sent.is_empty(), "{} bytes unanswered", sent.len());
    for chunk in [1, 7] {
        let slowly = converse(input, chunk, &responder, limits);
        // A hopeless head may be refused at an earlier byte, and then for another reason.
        let before =
            |answers: &[u8]| String::from_utf8_lossy(&answers[..last_answer(answers)]).into_owned();
        assert_eq!(before(&at_once), before(&slowly), "in chunks of {chunk}");
    }
}

/// Whether the request is HEAD, also where the rest of it is nonsense.
fn asks_for_a_head(sent: &[u8]) -> bool {
    let begin = sent.iter().position(|byte| !b"\r\n".contains(byte)).unwrap_or(sent.len());
    sent[begin..].starts_with(b"HEAD ")
}

/// What is known of an answer.
struct Answered {
    is_head: bool,
    /// The request was none that a responder could answer.
    is_error: bool,
    status: u16,
    /// Whether it is the last.
    closed: bool,
}

/// Checks one answer and gives what follows it.
fn answer<'a>(answers: &'a [u8], answered: &Answered, body: &[u8]) -> &'a [u8] {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let head = match response.parse(answers) {
        Ok(httparse::Status::Complete(len)) => len,
        other => panic!("{other:?}: {:?}", String::from_utf8_lossy(answers)),
    };
    let header = |name: &str| {
        let mut found = response.headers.iter().filter(|h| h.name.eq_ignore_ascii_case(name));
        let value = found.next().map(|h| std::str::from_utf8(h.value).expect("ASCII"));
        assert!(found.next().is_none(), "{name} twice");
        value
    };
    assert_eq!(response.code, Some(answered.status));
    let length: usize = header("content-length").expect("a length").parse().expect("a number");
    let close = header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    assert_eq!(close, answered.closed, "the client is told whether to go on");
    let here = if answered.is_head { 0 } else { length };
    let (got, rest) = answers[head..].split_at_checked(here).expect("the whole body");
    if !answered.is_error {
        assert_eq!(length, body.len(), "the length is that of the body, also for HEAD");
        assert_eq!(got, &body[..here]);
    }
    rest
}

/// Where the answer begins that closes the connection, or the end.
fn last_answer(answers: &[u8]) -> usize {
    let closes = b"Connection: close";
    let Some(at) = answers.windows(closes.len()).position(|bytes| bytes == closes) else {
        return answers.len();
    };
    answers[..at].windows(5).rposition(|bytes| bytes == b"HTTP/").unwrap_or(0)
}
