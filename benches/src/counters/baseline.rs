//! What recording costs at the least, and what every peer is built on.
//! Upstream: nothing. Downstream: counters.

use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use super::MANY;
use crate::contender::{BATCH, Shared, order, same_total};
use crate::contest::{Contender, Lap, Role};
use crate::name;

thread_local! {
    static ONE: Cell<u64> = const { Cell::new(0) };
    static ALL: [Cell<u64>; MANY] = const { [const { Cell::new(0) }; MANY] };
}

/// Adds to cells of the thread's own; each thread hands its total in when its turn is over.
struct ThreadLocal {
    order: Vec<usize>,
    recorded: AtomicU64,
}

pub(super) fn thread_local(series: usize) -> Box<dyn Contender> {
    Box::new(ThreadLocal { order: order(series), recorded: AtomicU64::new(0) })
}

impl Contender for ThreadLocal {
    fn name(&self) -> &'static str {
        name::THREAD_LOCAL
    }

    fn role(&self) -> Role {
        Role::Baseline
    }

    fn run(&self, lap: &Lap<'_>) {
        ONE.set(0);
        ALL.with(|cells| cells.iter().for_each(|cell| cell.set(0)));
        if self.order.len() == 1 {
            lap.race(BATCH, || {
                for _ in 0..BATCH {
                    ONE.with(|cell| add(black_box(cell)));
                }
            });
        } else {
            lap.race(BATCH, || {
                for _ in 0..BATCH / MANY as u64 {
                    for &series in &self.order {
                        ALL.with(|cells| add(&cells[black_box(series)]));
                    }
                }
            });
        }
        let own = ONE.get() + ALL.with(|cells| cells.iter().map(Cell::get).sum::<u64>());
        self.recorded.fetch_add(own, Ordering::Relaxed);
    }

    fn verify(&self, operations: u64) -> Result<(), String> {
        same_total(self.recorded.load(Ordering::Relaxed), operations)
    }
}

#[inline(always)]
fn add(cell: &Cell<u64>) {
    cell.set(cell.get() + 1);
}

pub(super) fn atomic(series: usize) -> Box<dyn Contender> {
    // Leaked: a bench makes a handful of them, and all threads need them for its whole life.
    let cells: &'static [AtomicU64] =
        (0..series).map(|_| AtomicU64::new(0)).collect::<Vec<_>>().leak();
    Box::new(Shared {
        name: name::ATOMIC,
        role: Role::Baseline,
        handles: order(series).into_iter().map(|index| &cells[index]).collect(),
        record: |cell: &&AtomicU64| {
            cell.fetch_add(1, Ordering::Relaxed);
        },
        total: Box::new(|| cells.iter().map(|cell| cell.load(Ordering::Relaxed)).sum()),
    })
}
