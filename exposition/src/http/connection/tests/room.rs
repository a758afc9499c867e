//! What a connection says of itself when somebody has to go.

use super::*;

#[test]
fn an_answer_tells_how_far_its_reader_is_while_there_is_one() {
    let mut bench = Bench::new();
    assert_eq!(bench.connection.reader(), None);
    bench.client.0.borrow_mut().room = 10;
    bench.send(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    bench.drive();
    let begun = bench.connection.reader().unwrap();
    assert_eq!((begun.progressed, begun.held), (bench.now.get(), 100_000));
    assert!(begun.left > 100_000, "and a part of the head");
    bench.pass(WRITE_TIME / 2);
    bench.drive();
    assert_eq!(bench.connection.reader(), Some(begun));
    bench.client.0.borrow_mut().room = 1000;
    bench.drive();
    let later = Reader { progressed: bench.now.get(), left: begun.left - 1000, ..begun };
    assert_eq!(bench.connection.reader(), Some(later));
    bench.client.0.borrow_mut().room = usize::MAX;
    bench.drive();
    assert_eq!(bench.connection.reader(), None);
}

#[test]
fn it_tells_what_it_holds_its_place_for_and_since_when() {
    let mut bench = Bench::new();
    let start = bench.now.get();
    assert_eq!(bench.connection.standing(), (Claim::Silent, start));
    bench.pass(HEAD_TIME / 2);
    bench.send(&HEALTH[..10]);
    bench.drive();
    assert_eq!(bench.connection.standing(), (Claim::Partial, start));
    bench.send(&HEALTH[10..]);
    bench.drive();
    assert_eq!(bench.connection.standing(), (Claim::Idle, bench.now.get()));
    bench.pass(IDLE_TIME / 2);
    bench.client.0.borrow_mut().room = 10;
    bench.send(b"HEAD /big HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n");
    assert_eq!(with(&mut bench, Connection::drive), Next::Wait);
    assert_eq!(bench.connection.standing().0, Claim::Busy);
    bench.drive();
    assert_eq!(bench.connection.standing(), (Claim::Busy, bench.now.get()));
    bench.client.0.borrow_mut().room = usize::MAX;
    bench.pass(WRITE_TIME / 2);
    bench.drive();
    assert_eq!(bench.connection.standing(), (Claim::Partial, bench.now.get()));
    bench.pass(HEAD_TIME / 2);
    bench.send(b"x\0");
    bench.drive();
    assert_eq!(bench.connection.standing(), (Claim::Done, bench.now.get()), "it lingers");
}
