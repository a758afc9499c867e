//! Work queues: every step is counted once, whoever does it and however it ends.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use tmc_metrics::queue::{self, QueueItem, Select, TrySendError};
use tmc_metrics::{Histogram, ManualClock, MetricsCollector, Registry};

const NAME: &str = "work";

struct World {
    collector: MetricsCollector,
    clock: ManualClock,
}

impl World {
    fn new() -> Self {
        let clock = ManualClock::new();
        let collector = MetricsCollector::with_clock(&Registry::new(), clock.clone().into());
        Self { collector: collector.unwrap(), clock }
    }

    fn wait(&self) -> Histogram {
        self.collector.families().queue_wait.with([NAME])
    }

    fn processing(&self) -> Histogram {
        self.collector.families().queue_processing.with([NAME])
    }

    /// Depth, adds, retries, items waited for, items worked on.
    fn counts(&self) -> [u64; 5] {
        let families = self.collector.families();
        [
            families.queue_depth.with([NAME]).value() as u64,
            families.queue_adds.with([NAME]).value(),
            families.queue_retries.with([NAME]).value(),
            self.wait().count(),
            self.processing().count(),
        ]
    }
}

/// The only worker of a full queue cannot wait for room: nobody else makes any.
#[test]
fn who_takes_from_a_full_queue_is_told_instead_of_waiting_for_itself() {
    let world = World::new();
    let (sender, receiver) = queue::bounded(&world.collector, NAME, 1);
    sender.send("failed").unwrap();
    let item = receiver.recv().unwrap();
    sender.send("next").unwrap();
    let back = sender.try_retry(item.into_inner()).unwrap_err();
    assert_eq!(back, TrySendError::Full("failed"));
    assert_eq!(world.counts(), [1, 2, 0, 1, 1], "it counts nowhere");
    drop(receiver.recv().unwrap());
    sender.try_retry(back.into_inner()).unwrap();
    assert_eq!(world.counts(), [1, 3, 1, 2, 2]);
}

#[test]
fn waiting_and_processing_are_told_apart() {
    let world = World::new();
    let (sender, receiver) = queue::unbounded(&world.collector, NAME);
    sender.send(1).unwrap();
    world.clock.advance(Duration::from_secs(3));
    let item = receiver.recv().unwrap();
    world.clock.advance(Duration::from_secs(20));
    assert_eq!(item.into_inner(), 1);
    assert_eq!((world.wait().sum(), world.processing().sum()), (3.0, 20.0));
    assert_eq!(world.counts(), [0, 1, 0, 1, 1]);
}

#[test]
fn what_is_not_taken_counts_nowhere_and_comes_back() {
    let world = World::new();
    let (sender, receiver) = queue::bounded(&world.collector, NAME, 1);
    sender.send("in").unwrap();
    assert_eq!(sender.try_send("too much"), Err(TrySendError::Full("too much")));
    assert_eq!(world.counts(), [1, 1, 0, 0, 0]);
    drop(receiver);
    assert_eq!(sender.try_send("late"), Err(TrySendError::Disconnected("late")));
    assert_eq!(sender.send("late").unwrap_err().0, "late");
    assert_eq!(sender.retry("again").unwrap_err().0, "again");
    // What was in the queue goes with it.
    drop(sender);
    assert_eq!(world.counts(), [0, 1, 0, 0, 0]);
}

#[test]
fn a_panic_ends_the_work_on_an_item() {
    let world = World::new();
    let (sender, receiver) = queue::unbounded(&world.collector, NAME);
    sender.send(()).unwrap();
    let work = || {
        let _item = receiver.recv().unwrap();
        panic!("on purpose");
    };
    assert!(catch_unwind(AssertUnwindSafe(work)).is_err());
    assert_eq!(world.counts(), [0, 1, 0, 1, 1]);
}

#[test]
fn a_worker_of_several_queues_selects_among_them() {
    let world = World::new();
    let (sender, receiver) = queue::unbounded(&world.collector, NAME);
    let (_other_sender, other) = queue::unbounded::<u8>(&world.collector, "other");
    sender.send(7_u8).unwrap();
    let mut select = Select::new();
    let [first, _] = [&receiver, &other].map(|queue| queue.select_in(&mut select));
    let ready = select.select();
    assert_eq!(ready.index(), first);
    assert_eq!(*receiver.complete(ready).unwrap(), 7);
    assert_eq!(world.counts(), [0, 1, 0, 1, 1]);
}

#[test]
fn the_depth_is_right_when_all_is_done_however_threads_meet() {
    let world = World::new();
    let (sender, receiver) = queue::bounded(&world.collector, NAME, 4);
    let start = Barrier::new(8);
    thread::scope(|scope| {
        for producer in 0..4 {
            let (sender, start) = (sender.clone(), &start);
            scope.spawn(move || {
                start.wait();
                (0..500).for_each(|n| sender.send((producer, n)).unwrap());
            });
        }
        drop(sender);
        for _ in 0..4 {
            let (receiver, start) = (receiver.clone(), &start);
            scope.spawn(move || {
                start.wait();
                while receiver.recv().is_ok() {}
            });
        }
    });
    assert_eq!(world.counts(), [0, 2000, 0, 2000, 2000]);
}

#[derive(Clone, Debug)]
enum Step {
    Send,
    Retry,
    Receive,
    Finish(usize),
    Advance(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        Just(Step::Send),
        Just(Step::Retry),
        Just(Step::Receive),
        (0..4_usize).prop_map(Step::Finish),
        (0..100_u64).prop_map(Step::Advance),
    ];
    prop::collection::vec(step, 0..80)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The slow twin: a list of the items with when each came, and one of when work on them began.
    #[test]
    fn a_queue_agrees_with_a_list(steps in steps()) {
        let world = World::new();
        let (sender, receiver) = queue::bounded(&world.collector, NAME, 5);
        let (mut now, mut waited, mut worked) = (0, 0, 0);
        let mut counts = [0; 5];
        let mut waiting: VecDeque<(usize, u64)> = VecDeque::new();
        let mut items: Vec<(QueueItem<usize>, u64)> = Vec::new();
        for (at, step) in steps.into_iter().enumerate() {
            match step {
                Step::Send | Step::Retry if waiting.len() == 5 => {
                    prop_assert_eq!(sender.try_send(at), Err(TrySendError::Full(at)));
                }
                Step::Send => {
                    sender.send(at).unwrap();
                    waiting.push_back((at, now));
                    counts[1] += 1;
                }
                Step::Retry => {
                    sender.retry(at).unwrap();
                    waiting.push_back((at, now));
                    (counts[1], counts[2]) = (counts[1] + 1, counts[2] + 1);
                }
                Step::Receive => {
                    let item = receiver.try_recv();
                    prop_assert_eq!(item.is_ok(), !waiting.is_empty());
                    if let (Ok(item), Some((sent, since))) = (item, waiting.pop_front()) {
                        prop_assert_eq!(*item, sent);
                        (waited, counts[3]) = (waited + now - since, counts[3] + 1);
                        items.push((item, now));
                    }
                }
                Step::Finish(which) if which < items.len() => {
                    let (item, since) = items.remove(which);
                    drop(item);
                    (worked, counts[4]) = (worked + now - since, counts[4] + 1);
                }
                Step::Finish(_) => {}
                Step::Advance(by) => {
                    world.clock.advance(Duration::from_secs(by));
                    now += by;
                }
            }
            counts[0] = waiting.len() as u64;
            prop_assert_eq!(world.counts(), counts);
            prop_assert_eq!([sender.len(), receiver.len()], [waiting.len(); 2]);
            prop_assert_eq!([sender.is_empty(), receiver.is_empty()], [waiting.is_empty(); 2]);
            prop_assert_eq!(world.wait().sum(), waited as f64);
            prop_assert_eq!(world.processing().sum(), worked as f64);
        }
        drop(items);
        drop((sender, receiver));
        prop_assert_eq!(world.counts()[0], 0);
    }
}
