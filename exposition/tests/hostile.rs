//! Hostile clients by the thousand: whoever means well is served within the time that a scrape has,
//! while what they cost in memory and descriptors stays bounded, and comes back.
//!
//! The tests take turns: descriptors and memory are the process's.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use common::pki::Authority;
use common::secure::Asker;
use common::{PATIENCE, eventually, get};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tmc_engine::{Counter, Registry};
use tmc_exposition::{Limits, Server, WebConfig};

/// What Prometheus gives a scrape unless told otherwise.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(10);
/// Clients of one wave that hold a connection each.
const CROWD: usize = 1000;
/// Clients that ask and do not read.
const SLOW: usize = 60;
/// Requests that are none.
const INVALID: usize = 3000;
/// Series of the server, some 150 bytes each.
const SERIES: usize = 20_000;
/// Memory that is nobody's in particular: stacks, the allocator's own, what a first scrape keeps.
const SLACK: usize = 24 << 20;

static TURN: Mutex<()> = Mutex::new(());

/// A server of a large registry, alone in the process.
struct Siege {
    server: Server,
    /// A client that means well, and speaks TLS where the server does.
    dial: Box<dyn Fn(SocketAddr) -> Asker>,
    counters: Vec<Counter>,
    limits: Limits,
    descriptors: usize,
    memory: usize,
    _turn: MutexGuard<'static, ()>,
}

impl Siege {
    fn new(limits: Limits) -> Self {
        Self::lay(limits, WebConfig::default(), Asker::plain)
    }

    /// The same with a server that speaks TLS only.
    fn tls(limits: Limits) -> Self {
        let authority = Authority::new();
        let identity = authority.server();
        let mut config = WebConfig::default();
        config.tls_server_config.cert = identity.cert;
        config.tls_server_config.key = identity.key.into();
        let believer = authority.believer(None, &[&rustls::version::TLS13]);
        Self::lay(limits, config, move |address| Asker::tls(address, &believer))
    }

    fn lay(
        limits: Limits,
        config: WebConfig,
        dial: impl Fn(SocketAddr) -> Asker + 'static,
    ) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        allow_descriptors(4 * CROWD as u64);
        let registry = Registry::builder().series_limit(SERIES).build().unwrap();
        let labels = ["cluster", "component", "namespace", "operation"];
        let family =
            registry.counter_family("sync_operations_total", "Operations", labels).unwrap();
        let counters: Vec<Counter> = (0..SERIES)
            .map(|series| {
                let namespace = format!("workspace-payments-{series:05}");
                let operation = format!("reconcile-resources-{}", series % 10);
                family.with(["cluster-eu-west-01", "scheduler-1", &namespace, &operation])
            })
            .collect();
        let server = Server::builder(registry).listen("127.0.0.1:0").limits(limits.clone());
        let server = server.web_config(config).start().unwrap();
        let dial = Box::new(dial);
        let mut siege =
            Self { server, dial, counters, limits, descriptors: 0, memory: 0, _turn: turn };
        // What the first scrapes leave is not the besiegers'.
        for _ in 0..3 {
            siege.scrape(&mut siege.newcomer());
        }
        // The server sees the last client's end a moment later.
        eventually("descriptors rest", || {
            siege.descriptors = descriptors();
            (0..100).all(|_| {
                std::thread::yield_now();
                descriptors() == siege.descriptors
            })
        });
        siege.memory = resident();
        siege
    }

    fn address(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// A new connection of one who means well.
    fn newcomer(&self) -> Asker {
        (self.dial)(self.address())
    }

    /// Changes every value, so that no two answers are the same.
    fn change(&self) {
        self.counters.iter().for_each(Counter::inc);
    }

    /// A scrape of all series, in time.
    fn scrape(&self, client: &mut Asker) {
        self.change();
        let start = Instant::now();
        let answer = client.ask("/metrics", "").unwrap();
        let took = start.elapsed();
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(took < SCRAPE_TIMEOUT, "{took:?}");
        let value = format!(" {}", self.counters[0].value());
        let samples =
            answer.text().lines().filter(|line| line.starts_with("sync_operations_total{"));
        assert_eq!(samples.filter(|line| line.ends_with(&value)).count(), SERIES);
    }

    /// What the server may have open and may hold, beside what it had and held before.
    fn assert_bounded(&self, ours: usize) {
        // Those that it tells to come back later, and a newcomer of ours with both its ends.
        let open = descriptors().saturating_sub(self.descriptors + ours);
        assert!(open <= self.limits.connections + 64, "{open} descriptors for {ours} clients");
        let per_client = self.limits.head_bytes + (8 << 10);
        // Those who read may hold twice what those may who do not.
        let bound = self.limits.connections * per_client + 2 * self.limits.pending_bytes + SLACK;
        let grown = resident().saturating_sub(self.memory);
        assert!(grown <= bound, "{grown} bytes, more than {bound}");
    }

    /// The crowd has gone: so has all that was open for it.
    fn assert_recovered(&self, kept: usize) {
        eventually("descriptors are closed", || descriptors() <= self.descriptors + kept);
        let mut newcomer = self.newcomer();
        self.scrape(&mut newcomer);
    }

    /// Two waves of clients that hold connections. Someone who was there before is served in each, and
    /// so are newcomers.
    fn withstand(&self, wave: impl Fn(usize) -> Vec<TcpStream>) {
        let mut regular = self.newcomer();
        self.scrape(&mut regular);
        for number in 0..2 {
            let crowd = wave(number);
            for _ in 0..5 {
                self.scrape(&mut regular);
                self.scrape(&mut self.newcomer());
            }
            self.assert_bounded(crowd.len() + 1);
            drop(crowd);
            self.assert_recovered(2);
        }
    }

    /// A crowd, each member of which says something and then no more.
    fn crowd(&self, says: impl Fn(usize) -> Vec<u8>) -> Vec<TcpStream> {
        let join = |index| {
            let mut stream = connect(self.address());
            // It may have been refused already.
            let _ = stream.write_all(&says(index));
            stream
        };
        (0..CROWD).map(join).collect()
    }
}

/// A connection, tried often: where the queue of the listener is full, the system would come back only
/// after a second.
fn connect(address: SocketAddr) -> TcpStream {
    let start = Instant::now();
    loop {
        match TcpStream::connect_timeout(&address, Duration::from_millis(50)) {
            Ok(stream) => return stream,
            Err(error) => assert!(start.elapsed() < PATIENCE, "{error}"),
        }
    }
}

/// Room for everybody who comes in a test.
fn roomy() -> Limits {
    Limits { connections: 2 * CROWD, pending_bytes: 32 << 20, ..Limits::default() }
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Bytes of this process that are in memory.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

/// Both ends of every connection are in this process.
fn allow_descriptors(count: u64) {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    if soft < count {
        assert!(hard >= count, "this test needs {count} descriptors: raise `ulimit -Hn`");
        setrlimit(Resource::RLIMIT_NOFILE, count, hard).unwrap();
    }
}

/// A part of a request's head, of another length for each client.
fn half_head(index: usize) -> Vec<u8> {
    let mut head = get("/metrics");
    head.truncate(1 + index % (head.len() - 1));
    head
}

/// A TLS record that announces a ClientHello of 512 bytes and brings the beginning of it.
fn half_hello(index: usize) -> Vec<u8> {
    let mut hello = vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    hello.resize(hello.len() + index % 64, 0x5a);
    hello
}

#[test]
fn a_thousand_idle_connections_keep_nobody_waiting() {
    let siege = Siege::new(roomy());
    siege.withstand(|_| siege.crowd(|_| Vec::new()));
}

#[test]
fn a_thousand_half_open_heads_keep_nobody_waiting() {
    let siege = Siege::new(roomy());
    siege.withstand(|_| siege.crowd(half_head));
}

#[test]
fn a_thousand_clients_of_another_protocol_keep_nobody_waiting() {
    let siege = Siege::new(roomy());
    siege.withstand(|_| siege.crowd(half_hello));
}

#[test]
fn a_thousand_half_handshakes_keep_nobody_waiting() {
    let siege = Siege::tls(roomy());
    siege.withstand(|_| siege.crowd(half_hello));
}

#[test]
fn beyond_the_limit_a_crowd_that_asks_for_nothing_keeps_nobody_waiting() {
    let siege = Siege::new(Limits { connections: 16, ..Limits::default() });
    siege.withstand(|wave| {
        siege.crowd(|index| if wave == 0 { Vec::new() } else { half_head(index) })
    });
}

#[test]
fn readers_that_do_not_read_keep_nobody_waiting() {
    let siege = Siege::new(roomy());
    siege.withstand(|_| {
        let join = |_| {
            siege.change();
            let mut stream = connect(siege.address());
            // More answers than what the sockets of both sides hold.
            let _ = stream.write_all(&get("/metrics").repeat(50));
            let mut first = [0];
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let _ = stream.read(&mut first);
            stream
        };
        (0..SLOW).map(join).collect()
    });
}

#[test]
fn a_flood_of_invalid_requests_keeps_nobody_waiting() {
    let siege = Siege::new(roomy());
    let long = [b"GET /".as_slice(), &[b'a'; 64 << 10]].concat();
    let requests: [&[u8]; 10] = [
        b"\r\n\r\n\r\n\r\nnonsense\r\n\r\n",
        b"GET /metrics HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nbroken header\r\n\r\n",
        b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: x\r\n\r\n",
        &half_hello(512),
        &[0xff; 512],
        &long,
    ];
    let (address, mut regular) = (siege.address(), siege.newcomer());
    let (sent, enough) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                // Relaxed: a count and an end, which order nothing.
                while !enough.load(Ordering::Relaxed) {
                    let number = sent.fetch_add(1, Ordering::Relaxed);
                    let Ok(mut stream) = TcpStream::connect(address) else { continue };
                    let _ = stream.write_all(requests[number % requests.len()]);
                    // Every other one does not wait to be told.
                    if (number / requests.len()).is_multiple_of(2) {
                        let _ = stream.set_read_timeout(Some(SCRAPE_TIMEOUT));
                        let _ = stream.read(&mut [0; 512]);
                    }
                }
            });
        }
        // Ends the flood also when a scrape fails.
        let _end = End(&enough);
        while sent.load(Ordering::Relaxed) < INVALID {
            siege.scrape(&mut regular);
            siege.scrape(&mut siege.newcomer());
            siege.assert_bounded(4);
        }
    });
    siege.assert_recovered(2);
}

/// Says that it is enough when it is dropped.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
