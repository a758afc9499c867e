//! Lends memory to connections and takes it back, so that a scrape in a steady state allocates
//! nothing.
//!
//! Upstream: `connection`, which borrows. Downstream: the allocator, seldom.

/// Most bodies kept while nobody uses them. One alone is kept whatever its size: the next scrape
/// will be as large.
const KEPT_BODIES: usize = 4;
/// Most bytes kept in bodies beyond that one.
const KEPT_BODY_BYTES: usize = 16 << 20;
/// Most bytes of a body that is kept for short answers.
const SMALL_BODY: usize = 4 << 10;
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
    /// The largest last.
    bodies: Vec<Vec<u8>>,
    wires: Vec<Wire>,
    /// Bytes of the bodies that answers hold at this moment.
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

    /// Bytes of the bodies that are lent and filled.
    pub(crate) fn pending(&self) -> usize {
        self.pending
    }

    /// The memory of a body; the largest that is kept.
    pub(crate) fn take_body(&mut self) -> Vec<u8> {
        self.bodies.pop().unwrap_or_default()
    }

    /// The memory of a short body, so that what a large one grew stays for the next large one.
    pub(crate) fn take_small(&mut self) -> Vec<u8> {
        let small = self.bodies.first().is_some_and(|body| body.capacity() <= SMALL_BODY);
        if small { self.bodies.remove(0) } else { Vec::new() }
    }

    /// Counts a lent body as it is now, filled.
    pub(crate) fn fill(&mut self, body: &Vec<u8>) {
        self.pending += body.capacity();
    }

    /// Takes a filled body back.
    pub(crate) fn give_body(&mut self, mut body: Vec<u8>) {
        self.pending = self.pending.saturating_sub(body.capacity());
        if body.capacity() == 0 {
            return;
        }
        body.clear();
        while !self.has_room(body.capacity()) && !self.bodies.is_empty() {
            if self.bodies[0].capacity() >= body.capacity() {
                return;
            }
            self.bodies.remove(0);
        }
        let place = self.bodies.partition_point(|other| other.capacity() <= body.capacity());
        self.bodies.insert(place, body);
    }

    fn has_room(&self, bytes: usize) -> bool {
        let kept: usize = self.bodies.iter().map(Vec::capacity).sum();
        self.bodies.len() < KEPT_BODIES && kept + bytes <= KEPT_BODY_BYTES
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

    fn lend(pool: &mut Pool, bytes: usize) -> Vec<u8> {
        let mut body = pool.take_body();
        body.resize(bytes, 0);
        pool.fill(&body);
        body
    }

    #[test]
    fn a_body_comes_back_with_its_memory_and_without_its_bytes() {
        let mut pool = Pool::new();
        let body = lend(&mut pool, 1000);
        let memory = body.as_ptr();
        assert!(pool.pending() >= 1000);
        pool.give_body(body);
        assert_eq!(pool.pending(), 0);
        let again = pool.take_body();
        assert!(again.is_empty() && std::ptr::eq(again.as_ptr(), memory));
    }

    #[test]
    fn what_is_kept_is_bounded_but_one_body_of_any_size_stays() {
        let mut pool = Pool::new();
        let huge: Vec<_> = (0..3).map(|_| lend(&mut pool, KEPT_BODY_BYTES + 1)).collect();
        huge.into_iter().for_each(|body| pool.give_body(body));
        assert_eq!(pool.bodies.len(), 1);

        // The huge one pushes small ones out, or each scrape would let it grow anew.
        let mut pool = Pool::new();
        let bodies = [100, 100, KEPT_BODY_BYTES + 1].map(|bytes| lend(&mut pool, bytes));
        bodies.into_iter().for_each(|body| pool.give_body(body));
        assert!(pool.bodies.len() == 1 && pool.take_body().capacity() > KEPT_BODY_BYTES);

        let mut pool = Pool::new();
        let small: Vec<_> = (0..10).map(|_| lend(&mut pool, 100)).collect();
        small.into_iter().for_each(|body| pool.give_body(body));
        assert_eq!(pool.bodies.len(), KEPT_BODIES);
        assert_eq!(pool.pending(), 0);

        (0..100).for_each(|_| pool.give_wire(Wire::default()));
        assert_eq!(pool.wires.len(), KEPT_WIRES);
    }

    #[test]
    fn a_short_answer_does_not_borrow_what_a_scrape_grew() {
        let mut pool = Pool::new();
        let scrape = lend(&mut pool, 1 << 20);
        pool.give_body(scrape);
        let mut short = pool.take_small();
        assert!(short.capacity() <= SMALL_BODY);
        short.push(0);
        pool.fill(&short);
        pool.give_body(short);
        assert!(pool.take_small().capacity() > 0, "the short one comes back");
        assert!(pool.take_body().capacity() >= 1 << 20);
    }

    #[test]
    fn the_largest_body_is_lent_first() {
        let mut pool = Pool::new();
        let bodies = [300, 100, 200].map(|bytes| lend(&mut pool, bytes));
        bodies.into_iter().for_each(|body| pool.give_body(body));
        assert!(pool.take_body().capacity() >= 300);
    }
}
