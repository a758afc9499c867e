//! Lends memory to connections and takes it back, so that a scrape in a steady state allocates
//! nothing.
//!
//! Upstream: `connection`, which borrows. Downstream: the allocator, seldom.

use crate::body::Body;

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
    /// Bytes of the bodies that answers hold at this moment, shared ones included: a slow reader
    /// holds what would be gone otherwise.
    pending: usize,
}

impl Pool {
    /// Nothing kept yet.
    pub(crate) fn new() -> Self {
        Self {
            bodies: Vec::with_capacity(KEPT_BODIES),
            wires: Vec::with_capacity(KEPT_WIRES),
            pending: 0,
        }
    }

    /// Bytes of all bodies that wait for their readers.
    pub(crate) fn pending(&self) -> usize {
        self.pending
    }

    /// An empty body.
    pub(crate) fn take_body(&mut self) -> Body {
        self.bodies.pop().unwrap_or_default()
    }

    /// Counts a body that begins to wait for its reader.
    pub(crate) fn hold(&mut self, body: &Body) {
        self.pending += body.len();
    }

    /// Takes a body back that was held, and lets go of its bytes.
    pub(crate) fn release(&mut self, body: Body) {
        self.pending = self.pending.saturating_sub(body.len());
        self.give_body(body);
    }

    /// Takes a body back that nobody read.
    pub(crate) fn give_body(&mut self, mut body: Body) {
        body.clear();
        let own = body.text().capacity() + body.tail().capacity();
        if own <= KEPT_BYTES && self.bodies.len() < KEPT_BODIES {
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
