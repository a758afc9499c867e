//! Lends memory to connections and takes it back, so that a scrape in a steady state allocates
//! nothing.
//!
//! Upstream: `connection`, which borrows. Downstream: the allocator, seldom.

use std::collections::HashMap;

use crate::body::Body;
use crate::strip::Strip;

/// Most bodies kept while nobody uses them.
const KEPT_BODIES: usize = 32;
/// Most bytes of its own that a body may have and be kept; what it shared is not its own.
const KEPT_BYTES: usize = 256 << 10;
/// Most pairs of connection buffers kept.
const KEPT_WIRES: usize = 32;

/// The two small buffers of one connection.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    /// Room for what the client sent and nobody parsed yet; always as long as the head limit.
    pub(crate) input: Vec<u8>,
    /// The head of the answer that is being written.
    pub(crate) head: Vec<u8>,
}

/// Memory between two uses.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    bodies: Vec<Body>,
    wires: Vec<Wire>,
    /// Bytes that answers hold at this moment, those that several share once: a slow reader holds what
    /// would be gone otherwise.
    pending: usize,
    /// How many answers hold a strip, by its address.
    holders: HashMap<usize, usize>,
}

impl Pool {
    /// Nothing kept yet.
    pub(crate) fn new() -> Self {
        Self {
            bodies: Vec::with_capacity(KEPT_BODIES),
            wires: Vec::with_capacity(KEPT_WIRES),
            pending: 0,
            holders: HashMap::new(),
        }
    }

    /// Bytes that wait for their readers; what several wait for counts once.
    pub(crate) fn pending(&self) -> usize {
        self.pending
    }

    /// An empty body.
    pub(crate) fn take_body(&mut self) -> Body {
        self.bodies.pop().unwrap_or_default()
    }

    /// Counts a body that begins to wait for its reader. Allocates only when more strips are held than
    /// ever before.
    pub(crate) fn hold(&mut self, body: &Body) {
        self.pending += body.own_len();
        for strip in body.strips() {
            let holders = self.holders.entry(strip.address()).or_default();
            if *holders == 0 {
                self.pending += strip.len();
            }
            *holders += 1;
        }
    }

    /// Takes a body back that was held, and lets go of its bytes.
    pub(crate) fn release(&mut self, body: Body) {
        let mut freed = body.own_len();
        body.strips().iter().for_each(|strip| freed += self.let_go(strip));
        self.pending = self.pending.saturating_sub(freed);
        self.give_body(body);
    }

    /// One answer less holds `strip`: the bytes that nobody holds any more.
    fn let_go(&mut self, strip: &Strip) -> usize {
        let address = strip.address();
        match self.holders.get_mut(&address) {
            Some(holders) if *holders > 1 => {
                *holders -= 1;
                0
            }
            _ => self.holders.remove(&address).map_or(0, |_| strip.len()),
        }
    }

    /// Takes a body back that nobody read.
    pub(crate) fn give_body(&mut self, mut body: Body) {
        body.clear();
        let own = body.text().capacity() + body.tail().capacity();
        // One without memory would be in the place of one that has some.
        if body.has_memory() && own <= KEPT_BYTES && self.bodies.len() < KEPT_BODIES {
            self.bodies.push(body);
        }
    }

    /// The buffers of a new connection.
    pub(crate) fn take_wire(&mut self) -> Wire {
        self.wires.pop().unwrap_or_default()
    }

    /// Takes the buffers of a closed connection back.
    pub(crate) fn give_wire(&mut self, wire: Wire) {
        if self.wires.len() < KEPT_WIRES {
            self.wires.push(wire);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strip::OwnStrip;

    fn lend(pool: &mut Pool, bytes: usize) -> Body {
        let mut body = pool.take_body();
        body.text().resize(bytes, 0);
        pool.hold(&body);
        body
    }

    #[test]
    fn a_body_comes_back_with_its_memory_and_without_its_bytes() {
        let mut pool = Pool::new();
        let mut body = lend(&mut pool, 1000);
        let memory = body.text().as_ptr();
        assert_eq!(pool.pending(), 1000);
        pool.release(body);
        assert_eq!(pool.pending(), 0);
        let mut again = pool.take_body();
        assert!(again.is_empty() && std::ptr::eq(again.text().as_ptr(), memory));
    }

    #[test]
    fn what_is_shared_counts_while_it_waits_and_is_let_go_after_it() {
        let mut pool = Pool::new();
        let mut shared = OwnStrip::default();
        shared.push(&[0; 5000], 0);
        let mut body = lend(&mut pool, 10);
        pool.release(std::mem::take(&mut body));
        body.share(shared.share());
        pool.hold(&body);
        assert_eq!(pool.pending(), 5000);
        pool.release(body);
        assert_eq!(pool.pending(), 0);
        // Nobody else holds it now: it would be copied to be changed.
        let place = shared.piece(0).as_ptr();
        assert!(std::ptr::eq(shared.write(0).0.as_ptr(), place));
    }

    #[test]
    fn what_several_answers_share_counts_once() {
        let mut pool = Pool::new();
        let shared = Strip::of(vec![0; 5000].into());
        let bodies = [1, 2, 3].map(|own| {
            let mut body = pool.take_body();
            body.text().resize(own, 0);
            body.share(shared.clone());
            pool.hold(&body);
            body
        });
        assert_eq!(pool.pending(), 5006);
        for (body, left) in bodies.into_iter().zip([5005, 5003, 0]) {
            pool.release(body);
            assert_eq!(pool.pending(), left);
        }
        assert!(pool.holders.is_empty());
    }

    #[test]
    fn a_body_without_memory_takes_no_place() {
        let mut pool = Pool::new();
        let body = lend(&mut pool, 10);
        pool.release(body);
        // As a job leaves it whose answer was taken out.
        pool.give_body(Body::new());
        assert!(pool.take_body().has_memory());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut pool = Pool::new();
        let large = lend(&mut pool, KEPT_BYTES + 1);
        pool.release(large);
        assert_eq!(pool.bodies.len(), 0);

        let bodies: Vec<_> = (0..KEPT_BODIES + 5).map(|_| lend(&mut pool, 100)).collect();
        bodies.into_iter().for_each(|body| pool.release(body));
        assert_eq!((pool.bodies.len(), pool.pending()), (KEPT_BODIES, 0));

        (0..100).for_each(|_| pool.give_wire(Wire::default()));
        assert_eq!(pool.wires.len(), KEPT_WIRES);
    }
}
