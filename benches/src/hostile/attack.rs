//! The clients that mean harm, in a process of their own: what they spend is not the server's.
//! Upstream: the hostile bench, which says when they start and stop. Downstream: a server on loopback.

use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Makes the bench binary a crowd of attackers.
pub const FLAG: &str = "--attack";

/// Connections that are held open.
const CROWD: usize = 1000;
/// Clients that ask for much and read little.
const READERS: usize = 100;
/// Requests that each of them sends at once.
const PIPELINED: usize = 20;
/// What it reads of the answers at a time, and how often.
const SIP: usize = 1 << 10;
const PAUSE: Duration = Duration::from_millis(5);
/// Threads that send requests which are none.
const FLOODERS: usize = 2;
/// For a connection; then it is tried again, for the system itself comes back only after a second when
/// the server's queue was full.
const KNOCK: Duration = Duration::from_millis(50);
/// Tries of one client, far more than a server in good health needs.
const KNOCKS: usize = 100;
/// Longer than any server takes to refuse a request.
const PATIENCE: Duration = Duration::from_secs(10);

const GOOD: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
const HALF: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nUser-Agent: slo";
/// A TLS record that announces a ClientHello of 512 bytes, and the first few of them.
const HALF_HELLO: &[u8] = &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 1, 2, 3, 4, 5, 6, 7, 8];
const INVALID: [&[u8]; 8] = [
    b"nonsense\r\n\r\n",
    b"GET /metrics HTTP/9.9\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET / HTTP/1.1\r\nbroken header\r\n\r\n",
    b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
    HALF_HELLO,
    &[b'a'; 64 << 10],
];

/// In which way they mean harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attack {
    /// Connections on which nothing is said.
    Idle,
    /// Heads that do not end.
    HalfHeads,
    /// Many scrapes asked for, and read a kilobyte at a time.
    SlowReaders,
    /// Connections without end, each with a request that is none.
    Invalid,
    /// A ClientHello that does not end.
    HalfHandshakes,
}

impl Attack {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Idle, Self::HalfHeads, Self::SlowReaders, Self::Invalid, Self::HalfHandshakes];

    fn argument(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::HalfHeads => "half-heads",
            Self::SlowReaders => "slow-readers",
            Self::Invalid => "invalid",
            Self::HalfHandshakes => "half-handshakes",
        }
    }

    /// What each client says to begin with, where it keeps its connection.
    fn opening(self) -> Option<(usize, Vec<u8>)> {
        match self {
            Self::Idle => Some((CROWD, Vec::new())),
            Self::HalfHeads => Some((CROWD, HALF.to_vec())),
            Self::SlowReaders => Some((READERS, GOOD.repeat(PIPELINED))),
            Self::HalfHandshakes => Some((CROWD, HALF_HELLO.to_vec())),
            Self::Invalid => None,
        }
    }
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Idle => write!(f, "{CROWD} idle connections"),
            Self::HalfHeads => write!(f, "{CROWD} half-open heads"),
            Self::SlowReaders => write!(f, "{READERS} slow readers"),
            Self::Invalid => write!(f, "flood of invalid requests"),
            Self::HalfHandshakes => write!(f, "{CROWD} half TLS handshakes"),
        }
    }
}

/// An attack and whom it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// How.
    pub attack: Attack,
    /// Whom.
    pub address: SocketAddr,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.attack.argument(), self.address)
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let unknown = || format!("no attack: {line:?}");
        let (attack, address) = line.trim_end().split_once(' ').ok_or_else(unknown)?;
        let attack = Attack::ALL.into_iter().find(|known| known.argument() == attack);
        let address = address.parse().map_err(|_| unknown())?;
        Ok(Self { attack: attack.ok_or_else(unknown)?, address })
    }
}

/// Attacks as it is told, where the arguments ask for it; `None` where they do not.
#[must_use]
pub fn requested(arguments: impl IntoIterator<Item = String>) -> Option<io::Result<()>> {
    arguments.into_iter().any(|argument| argument == FLAG).then(|| {
        super::allow_descriptors()?;
        obey(io::stdin().lock(), io::stdout().lock())
    })
}

/// For each line with a target: attacks it, says `ready` when all are connected, waits for another
/// line, and says how many connections it was.
fn obey(input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    let mut lines = input.lines();
    while let Some(line) = lines.next() {
        let Target { attack, address } = line?.parse().map_err(io::Error::other)?;
        let clients = AtomicU64::new(0);
        let enough = AtomicBool::new(false);
        let mut crowd = gather(attack, address, &clients)?;
        std::thread::scope(|scope| {
            let _end = End(&enough);
            match attack {
                Attack::SlowReaders => {
                    scope.spawn(|| sip(&mut crowd, &enough));
                }
                Attack::Invalid => {
                    for _ in 0..FLOODERS {
                        scope.spawn(|| flood(address, &clients, &enough));
                    }
                }
                Attack::Idle | Attack::HalfHeads | Attack::HalfHandshakes => {}
            }
            writeln!(output, "ready")?;
            output.flush()?;
            lines.next().transpose()
        })?;
        drop(crowd);
        writeln!(output, "{}", clients.into_inner())?;
        output.flush()?;
    }
    Ok(())
}

/// Ends the threads of an attack, also when the other side has gone.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        // Relaxed: ends a loop, orders nothing.
        self.0.store(true, Ordering::Relaxed);
    }
}

fn gather(attack: Attack, address: SocketAddr, clients: &AtomicU64) -> io::Result<Vec<TcpStream>> {
    let Some((count, opening)) = attack.opening() else { return Ok(Vec::new()) };
    let join = |_| {
        let mut stream = connect(address)?;
        stream.set_nonblocking(true)?;
        // One that was refused may be closed already, and need not take it.
        let _ = stream.write_all(&opening);
        clients.fetch_add(1, Ordering::Relaxed);
        Ok(stream)
    };
    (0..count).map(join).collect()
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let knock = || TcpStream::connect_timeout(&address, KNOCK);
    (1..KNOCKS).find_map(|_| knock().ok()).map_or_else(knock, Ok)
}

/// Reads a little of everybody's answers, with pauses.
fn sip(crowd: &mut [TcpStream], enough: &AtomicBool) {
    let mut sip = [0; SIP];
    while !enough.load(Ordering::Relaxed) {
        for stream in &mut *crowd {
            // Nothing there, or closed: either way the next one's turn.
            let _ = stream.read(&mut sip);
        }
        std::thread::park_timeout(PAUSE);
    }
}

/// Connects, says something that is no request, and every other time waits to be told so.
fn flood(address: SocketAddr, clients: &AtomicU64, enough: &AtomicBool) {
    let mut round = 0;
    while !enough.load(Ordering::Relaxed) {
        for request in INVALID {
            // Where the system has no free port for a moment, the next one finds one.
            let Ok(mut stream) = TcpStream::connect_timeout(&address, KNOCK) else { continue };
            clients.fetch_add(1, Ordering::Relaxed);
            let _ = stream.write_all(request);
            if round % 2 == 0 && stream.set_read_timeout(Some(PATIENCE)).is_ok() {
                let _ = stream.read(&mut [0; 512]);
            }
        }
        round += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_target_is_read_as_it_was_written() {
        let address = "127.0.0.1:80".parse().unwrap();
        for attack in Attack::ALL {
            let target = Target { attack, address };
            assert_eq!(format!("{target}\n").parse(), Ok(target));
        }
        for wrong in ["idle", "idle x", "kind 127.0.0.1:80"] {
            assert!(wrong.parse::<Target>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_crowd_comes_stays_and_goes() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = Target { attack: Attack::HalfHeads, address: listener.local_addr().unwrap() };
        let accepts = std::thread::spawn(move || {
            let mut crowd: Vec<_> = (0..CROWD).map(|_| listener.accept().unwrap().0).collect();
            let mut said = Vec::new();
            for stream in &mut crowd {
                // To the end: everybody has gone when the attack is over.
                stream.read_to_end(&mut said).unwrap();
            }
            said.len()
        });
        super::super::allow_descriptors().unwrap();
        let mut answers = Vec::new();
        obey(format!("{target}\nstop\n").as_bytes(), &mut answers).unwrap();
        assert_eq!(answers, format!("ready\n{CROWD}\n").as_bytes());
        assert_eq!(accepts.join().unwrap(), CROWD * HALF.len());
    }

    #[test]
    fn a_bench_without_the_flag_attacks_nobody() {
        assert!(requested(["--bench".to_owned()]).is_none());
    }
}
