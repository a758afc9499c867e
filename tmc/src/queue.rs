//! Work queues that measure themselves: crossbeam channels, thinly wrapped.
//! Upstream: whoever has work for others. Downstream: the families `tmc_queue_*`.
//!
//! | what happens | `tmc_queue_…` with the label `queue` |
//! |---|---|
//! | [`QueueSender::send`], [`try_send`](QueueSender::try_send) | `depth` + 1 when it begins, so that those who wait to get in count, too; `adds_total` + 1 when it is in |
//! | [`QueueSender::retry`], [`try_retry`](QueueSender::try_retry) | the same, and `retries_total` + 1 |
//! | [`QueueReceiver::recv`] and its kin | `depth` - 1, and the time since the sending began in `wait_duration_seconds` |
//! | [`QueueItem`] finished: [`into_inner`](QueueItem::into_inner), or dropped, by a panic too | the time since it was received in `processing_duration_seconds` |
//!
//! What nobody took leaves the depth when the queue goes: with its last end, if not before. Senders
//! and receivers hold handles, so nothing is looked up per item; what is measured costs a reading of the
//! clock at each step.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
pub use crossbeam_channel::{
    RecvError, RecvTimeoutError, Select, SelectedOperation, SendError, TryRecvError, TrySendError,
};
use tmc_engine::{Clock, Counter, Gauge, Histogram};

use crate::collector::MetricsCollector;

/// Makes a queue of any length. Queues of one name share their metrics, which then add up.
///
/// ```
/// use tmc_metrics::{MetricsCollector, Registry, queue};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let collector = MetricsCollector::new(&Registry::new())?;
/// let (sender, receiver) = queue::unbounded(&collector, "deployments");
/// sender.send("web")?;
///
/// let item = receiver.recv()?;
/// assert_eq!(*item, "web");
/// // It failed, and is to be done again.
/// sender.retry(item.into_inner())?;
///
/// assert_eq!(collector.families().queue_adds.with(["deployments"]).value(), 2);
/// assert_eq!(collector.families().queue_depth.with(["deployments"]).value(), 1.0);
/// # Ok(())
/// # }
/// ```
pub fn unbounded<T>(
    collector: &MetricsCollector,
    name: &str,
) -> (QueueSender<T>, QueueReceiver<T>) {
    wrap(crossbeam_channel::unbounded(), collector, name)
}

/// Makes a queue of `capacity` items, where 0 means that each is handed over in person.
/// Queues of one name share their metrics, which then add up.
pub fn bounded<T>(
    collector: &MetricsCollector,
    name: &str,
    capacity: usize,
) -> (QueueSender<T>, QueueReceiver<T>) {
    wrap(crossbeam_channel::bounded(capacity), collector, name)
}

fn wrap<T>(
    (sender, receiver): (Sender<Waiting<T>>, Receiver<Waiting<T>>),
    collector: &MetricsCollector,
    name: &str,
) -> (QueueSender<T>, QueueReceiver<T>) {
    let (families, label) = (collector.families(), [name]);
    let metrics = Arc::new(Metrics {
        depth: families.queue_depth.with(label),
        adds: families.queue_adds.with(label),
        retries: families.queue_retries.with(label),
        wait: families.queue_wait.with(label),
        processing: families.queue_processing.with(label),
        clock: collector.clock().clone(),
    });
    let other = Arc::clone(&metrics);
    (QueueSender { sender, metrics: other }, QueueReceiver { receiver, metrics })
}

struct Metrics {
    depth: Gauge,
    adds: Counter,
    retries: Counter,
    wait: Histogram,
    processing: Histogram,
    clock: Clock,
}

/// An item in the channel.
struct Waiting<T> {
    item: T,
    since: Instant,
    /// Drops with the item, wherever that is.
    _place: Place,
}

/// A place in the queue. The depth adds up whatever the order of threads: it is no length that
/// somebody read a moment ago.
struct Place(Arc<Metrics>);

impl Place {
    fn take(metrics: &Arc<Metrics>) -> Self {
        metrics.depth.inc();
        Self(Arc::clone(metrics))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.depth.dec();
    }
}

/// The end of a queue that takes work; clones share the queue.
pub struct QueueSender<T> {
    sender: Sender<Waiting<T>>,
    metrics: Arc<Metrics>,
}

impl<T> QueueSender<T> {
    /// Adds an item; waits while the queue is full.
    ///
    /// # Errors
    /// Every receiver is gone: the item comes back, and counts nowhere.
    pub fn send(&self, item: T) -> Result<(), SendError<T>> {
        self.sender.send(self.waiting(item)).map_err(|SendError(back)| SendError(back.item))?;
        self.metrics.adds.inc();
        Ok(())
    }

    /// Adds an item if there is room.
    ///
    /// # Errors
    /// The queue is full, or every receiver is gone: the item comes back, and counts nowhere.
    pub fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        self.sender.try_send(self.waiting(item)).map_err(|error| match error {
            TrySendError::Full(back) => TrySendError::Full(back.item),
            TrySendError::Disconnected(back) => TrySendError::Disconnected(back.item),
        })?;
        self.metrics.adds.inc();
        Ok(())
    }

    /// Adds an item that was in the queue before, because it failed; waits while the queue is full. Where
    /// all who could make room are in here, they wait for ever: who takes from a bounded queue calls
    /// [`try_retry`](Self::try_retry).
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn retry(&self, item: T) -> Result<(), SendError<T>> {
        self.send(item)?;
        self.metrics.retries.inc();
        Ok(())
    }

    /// The same if there is room.
    ///
    /// # Errors
    /// As [`try_send`](Self::try_send).
    pub fn try_retry(&self, item: T) -> Result<(), TrySendError<T>> {
        self.try_send(item)?;
        self.metrics.retries.inc();
        Ok(())
    }

    /// Items in the queue.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sender.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sender.is_empty()
    }

    fn waiting(&self, item: T) -> Waiting<T> {
        let place = Place::take(&self.metrics);
        Waiting { item, since: self.metrics.clock.now(), _place: place }
    }
}

/// The end of a queue that gives work; clones share the queue, and each item goes to one of them.
pub struct QueueReceiver<T> {
    receiver: Receiver<Waiting<T>>,
    metrics: Arc<Metrics>,
}

impl<T> QueueReceiver<T> {
    /// The next item; waits for it.
    ///
    /// # Errors
    /// The queue is empty, and every sender is gone.
    pub fn recv(&self) -> Result<QueueItem<T>, RecvError> {
        self.receiver.recv().map(|waiting| self.begin(waiting))
    }

    /// The next item, if there is one.
    ///
    /// # Errors
    /// There is none.
    pub fn try_recv(&self) -> Result<QueueItem<T>, TryRecvError> {
        self.receiver.try_recv().map(|waiting| self.begin(waiting))
    }

    /// The next item; waits for it, but no longer than told.
    ///
    /// # Errors
    /// There was none, or there will be none.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<QueueItem<T>, RecvTimeoutError> {
        self.receiver.recv_timeout(timeout).map(|waiting| self.begin(waiting))
    }

    /// Waits for this queue among others: gives the number of the operation in `select`, for
    /// [`complete`](Self::complete).
    pub fn select_in<'a>(&'a self, select: &mut Select<'a>) -> usize {
        select.recv(&self.receiver)
    }

    /// The item that a [`Select`] has found in this queue.
    ///
    /// # Errors
    /// The queue is empty, and every sender is gone.
    ///
    /// # Panics
    /// If the operation is one of another queue.
    pub fn complete(&self, operation: SelectedOperation<'_>) -> Result<QueueItem<T>, RecvError> {
        operation.recv(&self.receiver).map(|waiting| self.begin(waiting))
    }

    /// Items in the queue.
    #[must_use]
    pub fn len(&self) -> usize {
        self.receiver.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.receiver.is_empty()
    }

    fn begin(&self, waiting: Waiting<T>) -> QueueItem<T> {
        let Waiting { item, since, _place: _ } = waiting;
        let now = self.metrics.clock.now();
        self.metrics.wait.observe_duration(now.saturating_duration_since(since));
        let processing = Processing { metrics: Arc::clone(&self.metrics), since: now };
        QueueItem { item, processing }
    }
}

/// An item that is worked on until this is dropped or taken apart.
pub struct QueueItem<T> {
    item: T,
    processing: Processing,
}

struct Processing {
    metrics: Arc<Metrics>,
    since: Instant,
}

impl Drop for Processing {
    fn drop(&mut self) {
        self.metrics.processing.observe_duration(self.metrics.clock.since(self.since));
    }
}

impl<T> QueueItem<T> {
    /// Ends the work on it, and gives it away.
    pub fn into_inner(self) -> T {
        let Self { item, processing } = self;
        drop(processing);
        item
    }
}

impl<T> Deref for QueueItem<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.item
    }
}

impl<T> DerefMut for QueueItem<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.item
    }
}

impl<T> Clone for QueueSender<T> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), metrics: Arc::clone(&self.metrics) }
    }
}

impl<T> Clone for QueueReceiver<T> {
    fn clone(&self) -> Self {
        Self { receiver: self.receiver.clone(), metrics: Arc::clone(&self.metrics) }
    }
}

impl<T> fmt::Debug for QueueSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueSender").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for QueueReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueReceiver").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl<T: fmt::Debug> fmt::Debug for QueueItem<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("QueueItem").field(&self.item).finish()
    }
}
