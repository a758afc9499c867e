//! Takes connections from the listeners, and rests when the system gives none.
//!
//! Upstream: `listener`. Downstream: `event_loop`.

use std::io::{self, ErrorKind};
use std::mem;
use std::time::{Duration, Instant};

use mio::{Registry, Token};

use super::listener::Listener;
use super::meter::{Meter, Refused};
use super::stream::{Peer, Socket};

/// Token of the first listener; the others follow downwards.
const FIRST: usize = usize::MAX - 1;
/// How long accepting rests when the system refuses it; doubled up to the longest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// All listeners of a server.
#[derive(Debug)]
pub(crate) struct Acceptor {
    /// Empty once the server is being shut down.
    doors: Vec<Door>,
    /// The door that is asked next: a flood at one must not keep the others shut.
    turn: usize,
    /// When accepting goes on after the system refused it.
    resume_at: Option<Instant>,
    pause: Duration,
}

#[derive(Debug)]
struct Door {
    listener: Listener,
    /// Whether there may be a connection to accept: readiness is told once only.
    ready: bool,
}

impl Acceptor {
    /// Watches `listeners`.
    pub(crate) fn new(listeners: Vec<Listener>, registry: &Registry) -> io::Result<Self> {
        let mut doors = Vec::with_capacity(listeners.len());
        for (index, mut listener) in listeners.into_iter().enumerate() {
            listener.register(registry, Token(FIRST - index))?;
            doors.push(Door { listener, ready: false });
        }
        Ok(Self { doors, turn: 0, resume_at: None, pause: SHORTEST_PAUSE })
    }

    /// Takes note of an event, if it is a listener's.
    pub(crate) fn notice(&mut self, token: Token) -> bool {
        let door = FIRST.checked_sub(token.0).and_then(|index| self.doors.get_mut(index));
        door.map(|door| door.ready = true).is_some()
    }

    /// When [`next`](Self::next) may have a connection without an event before it.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        if self.doors.iter().any(|door| door.ready) { self.resume_at.or(Some(now)) } else { None }
    }

    /// A connection that waits to be accepted. The doors take turns.
    pub(crate) fn next(&mut self, meter: &Meter) -> Option<(Socket, Peer)> {
        if let Some(at) = self.resume_at {
            if at > Instant::now() {
                return None;
            }
            self.resume_at = None;
        }
        while let Some(at) = self.next_ready() {
            self.turn = at + 1;
            let door = &mut self.doors[at];
            match door.listener.accept() {
                Ok(accepted) => {
                    if mem::replace(&mut self.pause, SHORTEST_PAUSE) != SHORTEST_PAUSE {
                        log::info!("the metrics server accepts connections again");
                    }
                    return Some(accepted);
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => door.ready = false,
                    // That one client has gone again.
                    ErrorKind::Interrupted
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::ConnectionReset => {}
                    _ => {
                        meter.refused(Refused::System);
                        self.rest(&error);
                        return None;
                    }
                },
            }
        }
        None
    }

    /// The first ready door from `turn` on.
    fn next_ready(&self) -> Option<usize> {
        let count = self.doors.len();
        (0..count).map(|step| (self.turn + step) % count).find(|at| self.doors[*at].ready)
    }

    /// Out of descriptors or memory: trying at once would spin, so accepting rests for a while.
    #[cold]
    fn rest(&mut self, error: &io::Error) {
        if self.pause == SHORTEST_PAUSE {
            log::warn!("the metrics server cannot accept connections for now: {error}");
        }
        log::debug!("accepting rests for {:?}", self.pause);
        self.resume_at = Some(Instant::now() + self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }

    /// Accepts nobody any more.
    pub(crate) fn close(&mut self, registry: &Registry) {
        for mut door in self.doors.drain(..) {
            // Closing the socket would do it too; an error changes nothing.
            let _ = door.listener.deregister(registry);
        }
        self.resume_at = None;
    }
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpStream};

    use super::super::listener::Address;
    use super::*;

    #[test]
    fn a_flood_at_one_door_does_not_keep_the_other_shut() {
        let bound = [(); 2].map(|()| Listener::bind("127.0.0.1:0").unwrap());
        let (listeners, addresses): (Vec<_>, Vec<_>) = bound.into_iter().unzip();
        let port = |address: &Address| match address {
            Address::Tcp(address) => address.port(),
            Address::Unix(_) => unreachable!(),
        };
        let ports: Vec<u16> = addresses.iter().map(port).collect();
        let connect = |port| TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
        let _flood: Vec<_> = (0..5).map(|_| connect(ports[0])).collect();
        let _few: Vec<_> = (0..2).map(|_| connect(ports[1])).collect();
        let poll = mio::Poll::new().unwrap();
        let mut acceptor = Acceptor::new(listeners, poll.registry()).unwrap();
        assert_eq!(acceptor.due(Instant::now()), None);
        for index in 0..2 {
            assert!(acceptor.notice(Token(FIRST - index)));
        }
        assert!(!acceptor.notice(Token(0)) && !acceptor.notice(Token(FIRST - 2)));
        let mut accepted = Vec::new();
        while let Some((socket, _)) = acceptor.next(&Meter::default()) {
            let Socket::Tcp(socket) = socket else { unreachable!() };
            accepted.push(usize::from(socket.local_addr().unwrap().port() == ports[1]));
        }
        assert_eq!(accepted, [0, 1, 0, 1, 0, 0, 0]);
        assert_eq!(acceptor.due(Instant::now()), None);
    }
}
