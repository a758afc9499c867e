//! Recording inside the program's global allocator: an allocator that counts and measures itself
//! with the engine neither recurses nor deadlocks, from the first allocation of a thread to the
//! last deallocation of its destructors.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::OnceLock;
use tmc_engine::{Counter, Histogram, HistogramSpec, Registry, UpDownCounter};

struct Metrics {
    allocations: Counter,
    live: UpDownCounter,
    sizes: Histogram,
}

/// Set once, by the test; allocations before that are not recorded.
static METRICS: OnceLock<Metrics> = OnceLock::new();

thread_local! {
    static SEEN: Cell<u64> = const { Cell::new(0) };
}

struct Measured;

impl Measured {
    fn allocated(&self, size: usize) {
        if let Some(metrics) = METRICS.get() {
            SEEN.with(|n| n.set(n.get() + 1));
            metrics.allocations.inc();
            metrics.live.inc();
            metrics.sizes.record(size as u64);
        }
    }
}

// SAFETY: passes everything on to `System`; recording neither unwinds nor allocates here.
unsafe impl GlobalAlloc for Measured {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.allocated(layout.size());
        // SAFETY: the caller's duty, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        if let Some(metrics) = METRICS.get() {
            metrics.live.dec();
            metrics.sizes.observe(layout.size() as f64);
        }
        // SAFETY: the caller's duty, passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Measured = Measured;

/// Frees and allocates when the thread's locals are destroyed.
struct Late(Vec<u64>);

impl Drop for Late {
    fn drop(&mut self) {
        for size in 1..20 {
            self.0 = vec![0; size * 100];
        }
    }
}

thread_local! {
    static LATE: Late = Late(vec![1]);
}

#[test]
fn an_allocator_may_measure_itself() {
    const THREADS: u64 = 20;
    let registry = Registry::new();
    let bounds = [16.0, 64.0, 1024.0, 65536.0];
    let metrics = Metrics {
        allocations: registry.counter("allocations_total", "").unwrap(),
        live: registry.up_down_counter("allocations_live", "").unwrap(),
        sizes: registry
            .histogram("allocation_size_bytes", "", &HistogramSpec::bytes(&bounds))
            .unwrap(),
    };
    METRICS.set(metrics).unwrap_or_else(|_| panic!("set once"));

    let work = |seed: u64| {
        LATE.with(|late| assert_eq!(late.0.len(), 1));
        let before = SEEN.with(Cell::get);
        for size in 0..1000 {
            let text = format!("{seed} {size}");
            let boxes: Vec<_> = text.bytes().map(Box::new).collect();
            assert_eq!(boxes.len(), text.len());
        }
        // Registering and reading while the allocator records.
        let family = registry.counter_family("other_total", "", ["seed"]).unwrap();
        family.with([&seed.to_string()]).inc();
        assert!(registry.snapshot().family("other_total").is_some());
        SEEN.with(Cell::get) - before
    };
    let mut done = 0;
    for round in 0..THREADS / 4 {
        std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|at| scope.spawn(move || work(4 * round + at))).collect();
            done += threads.into_iter().map(|thread| thread.join().unwrap()).sum::<u64>();
        });
    }

    let metrics = METRICS.get().unwrap();
    let counted = metrics.allocations.value();
    assert!(done > THREADS * 1000, "{done} is not what the work allocates");
    assert!(counted >= done, "{counted} counted, {done} seen by the threads in the middle alone");
    // Every allocation, and most deallocations.
    let sizes = metrics.sizes.count();
    assert!(sizes >= counted + done / 2, "{sizes} sizes of {counted} allocations");
    let others = registry.snapshot().family("other_total").unwrap().series().count();
    assert_eq!(others as u64, THREADS);
}
