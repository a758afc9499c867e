//! One connection over a scripted stream and a clock that only the test moves.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use tmc_engine::Registry;

use super::*;
use crate::http::date::Date;
use crate::http::guard::Guard;
use crate::http::job::Lanes;
use crate::http::limits::Limits;
use crate::http::meter::Meter;
use crate::http::pool::Pool;
use crate::http::stream::Peer;
use crate::respond::{Page, Responder};

mod room;
mod split;
mod waiting;

/// What the client does, and what it has got.
#[derive(Default)]
struct Script {
    /// Each element is what one read finds, at most.
    incoming: VecDeque<Vec<u8>>,
    ended: bool,
    /// Bytes that the client's side still takes.
    room: usize,
    got: Vec<u8>,
    shut: bool,
}

#[derive(Clone)]
struct Client(Rc<RefCell<Script>>);

impl Read for Client {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut script = self.0.borrow_mut();
        match script.incoming.pop_front() {
            None if script.ended => Ok(0),
            None => Err(ErrorKind::WouldBlock.into()),
            Some(mut chunk) => {
                let count = chunk.len().min(out.len());
                out[..count].copy_from_slice(&chunk[..count]);
                chunk.drain(..count);
                if !chunk.is_empty() {
                    script.incoming.push_front(chunk);
                }
                Ok(count)
            }
        }
    }
}

impl Write for Client {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut script = self.0.borrow_mut();
        let count = bytes.len().min(script.room);
        if count == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        script.room -= count;
        script.got.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Client {
    fn shut_write(&mut self) -> io::Result<()> {
        self.0.borrow_mut().shut = true;
        Ok(())
    }
}

/// A connection and all that it needs.
struct Bench {
    client: Client,
    connection: Connection<Client>,
    responder: Responder,
    lanes: Lanes,
    pool: Pool,
    limits: Limits,
    date: Date,
    now: Cell<Instant>,
    stopping: bool,
}

/// Borrows a context out of a bench and passes it on beside the connection.
fn with<T>(
    bench: &mut Bench,
    act: impl FnOnce(&mut Connection<Client>, &mut Context<'_>) -> T,
) -> T {
    let clock = || bench.now.get();
    let mut context = Context {
        guard: &mut Guard::open(),
        responder: &bench.responder,
        lanes: &mut bench.lanes,
        pool: &mut bench.pool,
        meter: &Meter::default(),
        limits: &bench.limits,
        clock: &clock,
        calendar: &|| SystemTime::UNIX_EPOCH,
        date: &mut bench.date,
        stopping: bench.stopping,
    };
    act(&mut bench.connection, &mut context)
}

const HEAD_TIME: Duration = Duration::from_secs(10);
const IDLE_TIME: Duration = Duration::from_secs(60);
const WRITE_TIME: Duration = Duration::from_secs(30);
const ANSWER_TIME: Duration = Duration::from_secs(150);
const SCRAPE_TIME: Duration = Duration::from_secs(40);
const LINGER_TIME: Duration = Duration::from_secs(2);

impl Bench {
    fn new() -> Self {
        let mut responder = Responder::new(Registry::new());
        responder.route("/big", |_| Page::new("text/plain", vec![b'x'; 100_000])).unwrap();
        let (mut pool, mut date) = (Pool::new(), Date::default());
        let limits = Limits {
            head_time: HEAD_TIME,
            idle_time: IDLE_TIME,
            write_time: WRITE_TIME,
            answer_time: ANSWER_TIME,
            linger_time: LINGER_TIME,
            scrape_time: SCRAPE_TIME,
            waiting: 2,
            requests: 1000,
            ..Limits::default()
        };
        let mut lanes = Lanes::new(&limits, || ());
        let start = Instant::now();
        let script = Script { room: usize::MAX, ..Script::default() };
        let client = Client(Rc::new(RefCell::new(script)));
        let connection = Connection::new(
            client.clone(),
            Remote { peer: Peer::Local, place: 7 },
            &mut Context {
                guard: &mut Guard::open(),
                responder: &responder,
                lanes: &mut lanes,
                pool: &mut pool,
                meter: &Meter::default(),
                limits: &limits,
                clock: &|| start,
                calendar: &|| SystemTime::UNIX_EPOCH,
                date: &mut date,
                stopping: false,
            },
        );
        let now = Cell::new(start);
        Self { client, connection, responder, lanes, pool, limits, date, now, stopping: false }
    }

    fn send(&self, bytes: &[u8]) {
        self.client.0.borrow_mut().incoming.push_back(bytes.to_vec());
    }

    fn pass(&self, time: Duration) {
        self.now.set(self.now.get() + time);
    }

    fn left(&self) -> Duration {
        self.connection.deadline().saturating_duration_since(self.now.get())
    }

    /// Turns until the connection waits or closes, as the event loop and the lanes give them.
    fn drive(&mut self) -> Next {
        loop {
            match with(self, Connection::drive) {
                Next::Again => {}
                next => match self.resume() {
                    None => return next,
                    Some(Next::Close) => return Next::Close,
                    Some(_) => {}
                },
            }
        }
    }

    /// Has the lanes do what waits; what the connection says to the answer.
    fn resume(&mut self) -> Option<Next> {
        let now = self.now.get();
        self.lanes.do_now(&self.responder, &|| now);
        self.take()
    }

    /// Gives the connection what the lanes have done.
    fn take(&mut self) -> Option<Next> {
        let mut done = Vec::new();
        self.lanes.take(&mut done);
        let mut next = None;
        for mut job in done {
            assert_eq!(job.place, 7);
            next = Some(with(self, |connection, context| connection.resume(&mut job, context)));
            let body = self.lanes.give(job);
            self.pool.give_body(body);
        }
        next
    }

    /// Closes the connection, and gives what it leaves behind.
    fn close(self) -> (Pool, Lanes, Responder) {
        let Self { connection, responder, mut lanes, mut pool, limits, mut date, now, .. } = self;
        connection.close(&mut Context {
            guard: &mut Guard::open(),
            responder: &responder,
            lanes: &mut lanes,
            pool: &mut pool,
            meter: &Meter::default(),
            limits: &limits,
            clock: &|| now.get(),
            calendar: &|| SystemTime::UNIX_EPOCH,
            date: &mut date,
            stopping: false,
        });
        (pool, lanes, responder)
    }

    fn expire(&mut self) -> Next {
        with(self, Connection::expire)
    }

    fn got(&self) -> String {
        String::from_utf8(self.client.0.borrow().got.clone()).unwrap()
    }

    /// The status codes of all answers so far.
    fn statuses(&self) -> Vec<u16> {
        let text = self.got();
        // Some messages name the version too, but no status after it.
        text.match_indices("HTTP/1.1 ")
            .filter_map(|(at, _)| text[at + 9..at + 12].parse().ok())
            .collect()
    }
}

const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn a_first_head_has_its_time_from_the_connection_on() {
    let mut bench = Bench::new();
    assert_eq!((bench.drive(), bench.left()), (Next::Wait, HEAD_TIME));
    bench.pass(HEAD_TIME / 2);
    bench.send(&HEALTH[..10]);
    assert_eq!((bench.drive(), bench.left()), (Next::Wait, HEAD_TIME / 2));
    bench.pass(HEAD_TIME / 2);
    assert_eq!(bench.expire(), Next::Wait);
    assert_eq!(bench.statuses(), [408]);
    assert!(bench.client.0.borrow().shut);
}

#[test]
fn who_sent_nothing_is_closed_without_a_word() {
    let mut bench = Bench::new();
    bench.pass(HEAD_TIME);
    assert_eq!(bench.expire(), Next::Close);
    assert_eq!(bench.got(), "");
}

#[test]
fn a_head_that_comes_at_the_last_moment_is_answered() {
    let mut bench = Bench::new();
    bench.send(&HEALTH[..10]);
    bench.drive();
    bench.pass(HEAD_TIME);
    bench.send(&HEALTH[10..]);
    assert_eq!(bench.expire(), Next::Wait);
    assert_eq!(bench.statuses(), [200]);
}

#[test]
fn between_requests_it_may_be_idle_and_then_has_the_whole_head_time() {
    let mut bench = Bench::new();
    bench.send(HEALTH);
    assert_eq!((bench.drive(), bench.left()), (Next::Wait, IDLE_TIME));
    bench.pass(IDLE_TIME - Duration::from_secs(1));
    bench.send(&HEALTH[..1]);
    assert_eq!((bench.drive(), bench.left()), (Next::Wait, HEAD_TIME));
    bench.pass(Duration::from_secs(1));
    bench.send(&HEALTH[1..2]);
    assert_eq!((bench.drive(), bench.left()), (Next::Wait, HEAD_TIME - Duration::from_secs(1)));
    bench.send(&HEALTH[2..]);
    assert_eq!((bench.drive(), bench.left()), (Next::Wait, IDLE_TIME));
    bench.pass(IDLE_TIME);
    assert_eq!(bench.expire(), Next::Close);
    assert_eq!(bench.statuses(), [200, 200]);
}

#[test]
fn a_slow_reader_lives_while_it_takes_bytes() {
    let mut bench = Bench::new();
    bench.client.0.borrow_mut().room = 10;
    bench.send(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((bench.drive(), bench.left()), (Next::Wait, WRITE_TIME));
    assert!(bench.pool.pending() >= 100_000);
    for _ in 0..3 {
        bench.pass(WRITE_TIME);
        bench.client.0.borrow_mut().room = 1;
        assert_eq!((bench.expire(), bench.left()), (Next::Wait, WRITE_TIME));
    }
    bench.pass(WRITE_TIME);
    assert_eq!(bench.expire(), Next::Close);
    assert_eq!(bench.got().len(), 13);
    assert_eq!(bench.close().0.pending(), 0);
}

#[test]
fn a_reader_that_takes_a_byte_now_and_then_is_dropped_in_the_end() {
    let mut bench = Bench::new();
    bench.client.0.borrow_mut().room = 1;
    bench.send(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(bench.drive(), Next::Wait);
    let step = WRITE_TIME / 2;
    for _ in 1..ANSWER_TIME.as_secs() / step.as_secs() {
        bench.pass(step);
        bench.client.0.borrow_mut().room = 1;
        assert_eq!(bench.drive(), Next::Wait);
    }
    assert_eq!(bench.left(), step);
    bench.pass(step);
    bench.client.0.borrow_mut().room = 1;
    assert_eq!(bench.expire(), Next::Close);
}

#[test]
fn nothing_more_is_read_while_an_answer_waits_for_its_reader() {
    let mut bench = Bench::new();
    bench.client.0.borrow_mut().room = 0;
    bench.send(HEALTH);
    for _ in 0..50 {
        bench.send(HEALTH);
        assert_eq!(bench.drive(), Next::Wait);
    }
    assert_eq!(bench.client.0.borrow().incoming.len(), 50);
    bench.client.0.borrow_mut().room = usize::MAX;
    assert_eq!(bench.drive(), Next::Wait);
    assert_eq!(bench.statuses(), [200; 51]);
    assert_eq!(bench.pool.pending(), 0);
}

#[test]
fn one_turn_does_not_serve_a_client_that_never_pauses_for_ever() {
    let mut bench = Bench::new();
    (0..100).for_each(|_| bench.send(HEALTH));
    assert_eq!(with(&mut bench, Connection::drive), Next::Again);
    assert!(bench.statuses().len() <= STEPS_PER_TURN);
}

#[test]
fn a_body_is_dropped_and_the_next_request_found_behind_it() {
    let mut bench = Bench::new();
    bench.send(b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\nGET / ");
    assert_eq!((bench.drive(), bench.left()), (Next::Wait, HEAD_TIME));
    bench.pass(Duration::from_secs(3));
    bench.send(b"HTTP/1");
    assert_eq!((bench.drive(), bench.left()), (Next::Wait, IDLE_TIME));
    bench.send(HEALTH);
    bench.drive();
    assert_eq!(bench.statuses(), [200, 200]);

    bench.send(b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n");
    bench.drive();
    bench.pass(HEAD_TIME);
    assert_eq!(bench.expire(), Next::Close);
    assert_eq!(bench.statuses(), [200; 3]);
}

#[test]
fn an_answer_to_head_has_no_body_whatever_is_wrong_with_it() {
    let long = format!("HEAD /{} HTTP/1.1\r\n\r\n", "a".repeat(10_000));
    let requests = [
        ("HEAD / HTTP/1.1\r\n\r\n", 400),
        ("\r\n\nHEAD / HTTP/1.1\r\nbroken header\r\n\r\n", 400),
        ("HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", 413),
        ("HEAD / HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n", 417),
        ("HEAD / HTTP/3.0\r\n\r\n", 505),
        (&long, 431),
        // It ends its side, or it is too slow.
        ("HEAD /metr", 400),
        ("HEAD /metr", 408),
    ];
    for (request, status) in requests {
        for (request, has_body) in
            [(request.to_owned(), false), (request.replace("HEAD", "GET"), true)]
        {
            let mut bench = Bench::new();
            bench.send(request.as_bytes());
            bench.drive();
            if status == 408 {
                bench.pass(HEAD_TIME);
                bench.expire();
            }
            bench.client.0.borrow_mut().ended = true;
            assert_eq!(bench.drive(), Next::Close);
            assert_eq!(bench.statuses(), [status], "{request:?}");
            let got = bench.got();
            let (head, body) = got.split_once("\r\n\r\n").unwrap();
            assert_eq!(!body.is_empty(), has_body, "{request:?}: {body:?}");
            assert!(!head.contains("Content-Length: 0"), "{head}");
        }
    }
}

#[test]
fn after_the_last_answer_it_lingers_for_a_while_only() {
    let mut bench = Bench::new();
    bench.send(b"\0\x01\x02 noise");
    assert_eq!((bench.drive(), bench.left()), (Next::Wait, LINGER_TIME));
    assert_eq!(bench.statuses(), [400]);
    bench.send(HEALTH);
    assert_eq!(bench.drive(), Next::Wait);
    bench.pass(LINGER_TIME);
    // Even one that sends without pause.
    (0..1000).for_each(|_| bench.send(HEALTH));
    assert_eq!(bench.expire(), Next::Close);
    assert_eq!(bench.statuses(), [400]);

    let mut bench = Bench::new();
    bench.send(b"GET /healthz HTTP/1.0\r\n\r\n");
    assert_eq!(bench.drive(), Next::Wait);
    bench.client.0.borrow_mut().ended = true;
    assert_eq!(bench.drive(), Next::Close);
}

#[test]
fn a_client_that_ends_its_side_still_gets_its_answers() {
    let mut bench = Bench::new();
    bench.send(&[HEALTH, HEALTH].concat());
    bench.client.0.borrow_mut().ended = true;
    assert_eq!(bench.drive(), Next::Close);
    assert_eq!(bench.statuses(), [200, 200]);

    let mut bench = Bench::new();
    bench.send(&HEALTH[..20]);
    bench.client.0.borrow_mut().ended = true;
    assert_eq!(bench.drive(), Next::Close);
    assert_eq!(bench.statuses(), [400]);
}

#[test]
fn a_stop_ends_who_waits_and_lets_the_answer_through() {
    let mut bench = Bench::new();
    bench.drive();
    bench.stopping = true;
    assert_eq!(bench.drive(), Next::Close);

    let mut bench = Bench::new();
    bench.client.0.borrow_mut().room = 10;
    bench.send(HEALTH);
    bench.drive();
    bench.stopping = true;
    assert_eq!(bench.drive(), Next::Wait);
    bench.client.0.borrow_mut().room = usize::MAX;
    assert_eq!(bench.drive(), Next::Close);
    assert!(bench.got().ends_with("\r\n\r\nok\n"));

    let mut bench = Bench::new();
    bench.stopping = true;
    bench.send(HEALTH);
    assert_eq!(bench.drive(), Next::Close);
    assert!(bench.got().contains("\r\nConnection: close\r\n") && bench.client.0.borrow().shut);
}
