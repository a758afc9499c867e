//! Ten thousand threads alive at once over a thousand series, twice: every total is exact, and the
//! memory is that of 4,096 shards and the shared one. A process of its own with one test, for the
//! number of shards and the memory are the process's.

use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use tmc_engine::{Counter, Registry, shards};

const THREADS: usize = 10_000;
const SERIES: usize = 1_000;
const STACK: usize = 64 << 10;
/// Of its stack, what a thread touches before memory is measured for the first time.
const TOUCHED: usize = 24 << 10;

/// Shards that threads have of their own unless `set_shard_limit` says otherwise.
const SHARDS: usize = 4096;
/// Pages for the series, and for the engine's own count of what overflows.
const PAGES: usize = (SERIES + 1).div_ceil(128);
/// A page of 128 cells, 1,152 bytes, with what the allocator adds to align it to 128.
const PAGE: usize = 1152 + 128;
/// A shard's own bytes and its two roots, of 8 and 16 entries.
const ROOT: usize = 512;
/// What all cells may take: 4,097 x (8 x 1,280 + 512) bytes, 44 MB.
const BOUND: usize = (SHARDS + 1) * (PAGES * PAGE + ROOT);

/// Lets threads through in steps: each waits until a step is open.
#[derive(Default)]
struct Gate {
    /// The open step, and arrivals so far.
    state: Mutex<(usize, usize)>,
    opened: Condvar,
    arrived: Condvar,
}

impl Gate {
    /// Arrives, and waits until `step` is open.
    fn pass(&self, step: usize) {
        let mut state = self.state.lock().unwrap();
        state.1 += 1;
        self.arrived.notify_one(); // there is one opener
        drop(self.opened.wait_while(state, |state| state.0 < step).unwrap());
    }

    /// Opens `step` once `arrivals` have been counted in all.
    fn open(&self, step: usize, arrivals: usize) {
        let state = self.state.lock().unwrap();
        let mut state = self.arrived.wait_while(state, |state| state.1 < arrivals).unwrap();
        state.0 = step;
        self.opened.notify_all();
    }
}

/// Resident memory of the process, in bytes.
#[cfg(target_os = "linux")]
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() << 10
}

/// Not known: the totals are all that is checked.
#[cfg(not(target_os = "linux"))]
fn memory() -> usize {
    0
}

fn touch_stack() {
    std::hint::black_box([1_u8; TOUCHED]);
}

/// What thread `at` adds to each series.
fn share(at: usize) -> u64 {
    at as u64 % 7 + 1
}

/// Runs the crowd; says how much memory its records have brought.
fn crowd(series: &Arc<[Counter]>) -> usize {
    let gate = Arc::new(Gate::default());
    let body = |at: usize| {
        let (gate, series) = (Arc::clone(&gate), Arc::clone(series));
        move || {
            touch_stack();
            gate.pass(1);
            // Each begins elsewhere, so that not all wait for one cell of the shared shard.
            for step in 0..SERIES {
                series[(at + step) % SERIES].inc_by(share(at));
            }
            gate.pass(2);
        }
    };
    let mut threads = Vec::with_capacity(THREADS);
    for at in 0..THREADS {
        match thread::Builder::new().stack_size(STACK).spawn(body(at)) {
            Ok(thread) => threads.push(thread),
            Err(error) => {
                gate.open(2, 0); // lets those go that wait
                panic!(
                    "this machine refuses thread {at} of {THREADS}: {error}. Raise `ulimit -u`, \
                     kernel.threads-max, vm.max_map_count or the container's limit of processes"
                );
            }
        }
    }
    gate.open(0, THREADS);
    let before = memory();
    gate.open(1, THREADS);
    gate.open(1, 2 * THREADS);
    let brought = memory().saturating_sub(before);
    gate.open(2, 2 * THREADS);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    brought
}

#[test]
fn ten_thousand_threads_at_once_over_a_thousand_series() {
    let registry = Registry::new();
    let family = registry.counter_family("crowd_total", "", ["at"]).unwrap();
    let series: Arc<[_]> = (0..SERIES).map(|at| family.with([&at.to_string()])).collect();
    let each: u64 = (0..THREADS).map(share).sum();

    for round in 1..=2 {
        let brought = crowd(&series);
        assert_eq!(shards(), SHARDS, "round {round}");
        // An eighth for what the allocator rounds up. The second crowd adopts what the first left.
        let bound = if round == 1 { BOUND + BOUND / 8 } else { BOUND / 8 };
        assert!(brought <= bound, "round {round}: {brought} bytes, more than {bound}");
        let snapshot = registry.snapshot();
        let totals: Vec<_> = snapshot.family("crowd_total").unwrap().series().collect();
        assert_eq!(totals.len(), SERIES);
        for total in totals {
            assert_eq!(total.value().as_f64(), (each * round) as f64, "round {round}");
        }
    }
}
