//! Publication: who reads, who joins a reading, and which buffers come round again.
//! Upstream: merge, which fills a buffer. Downstream: scrapers, which hold it as long as they like.
//!
//! A scraper takes a ticket, then the lock. If a reading that began after its ticket has been
//! published by then, it joins that one; else it reads for itself and for every ticket taken so far.

use crate::sync::{Arc, AtomicU64, Mutex, order};

#[cfg(not(loom))]
type Current<T> = arc_swap::ArcSwap<T>;
/// arc-swap is not ours to model: a lock stands in.
#[cfg(loom)]
type Current<T> = Mutex<Arc<T>>;

/// Buffers kept beside the published one.
const SPARES: usize = 2;

/// The published value, and what it takes to make the next.
pub(crate) struct Publisher<T> {
    /// Tickets taken.
    tickets: AtomicU64,
    state: Mutex<State<T>>,
    current: Current<T>,
}

struct State<T> {
    /// The published value covers the tickets below this.
    covered: u64,
    /// Earlier values, perhaps still in use by slow readers.
    spares: Vec<Arc<T>>,
}

impl<T: Default> Default for Publisher<T> {
    fn default() -> Self {
        let state = State { covered: 0, spares: Vec::with_capacity(SPARES + 1) };
        Self {
            tickets: AtomicU64::new(0),
            state: Mutex::new(state),
            current: new_current(Arc::new(T::default())),
        }
    }
}

impl<T: Default> Publisher<T> {
    /// A value that `fill` began to make after this call began. It is shown the last one, too.
    pub(crate) fn read(&self, fill: impl FnOnce(&mut T, &T)) -> Arc<T> {
        // Partner TICKET_COVER: whoever covers this ticket sees what its taker has seen.
        let ticket = self.tickets.fetch_add(1, order::TICKET_TAKE);
        let mut state = self.state.lock();
        if state.covered > ticket {
            return self.latest();
        }
        // Partner TICKET_TAKE, of every ticket below: their takers' records will be read.
        let covers = self.tickets.load(order::TICKET_COVER);
        let mut next = state.spare();
        if let Some(value) = Arc::get_mut(&mut next) {
            fill(value, &self.latest()); // always: `spare` gives what nobody else holds
        }
        let last = swap(&self.current, Arc::clone(&next));
        state.covered = covers;
        if state.spares.len() < SPARES {
            state.spares.push(last);
        }
        next
    }

    /// The last published value.
    pub(crate) fn latest(&self) -> Arc<T> {
        #[cfg(not(loom))]
        return self.current.load_full();
        #[cfg(loom)]
        return Arc::clone(&self.current.lock());
    }
}

impl<T: Default> State<T> {
    /// A buffer that nobody else holds.
    fn spare(&mut self) -> Arc<T> {
        let idle = self.spares.iter_mut().position(|spare| Arc::get_mut(spare).is_some());
        idle.map_or_else(|| Arc::new(T::default()), |at| self.spares.swap_remove(at))
    }
}

#[cfg(not(loom))]
fn new_current<T>(value: Arc<T>) -> Current<T> {
    Current::new(value)
}

#[cfg(loom)]
fn new_current<T>(value: Arc<T>) -> Current<T> {
    Mutex::new(value)
}

#[cfg(not(loom))]
fn swap<T>(current: &Current<T>, value: Arc<T>) -> Arc<T> {
    current.swap(value)
}

#[cfg(loom)]
fn swap<T>(current: &Current<T>, value: Arc<T>) -> Arc<T> {
    std::mem::replace(&mut *current.lock(), value)
}
