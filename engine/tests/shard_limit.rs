//! Beyond the shard limit: threads share one shard, at the price of read-modify-write, and every
//! total stays exact. A process of its own, for the limit is the process's.

use std::sync::Barrier;
use std::thread;
use tmc_engine::{HistogramSpec, Registry, set_shard_limit, shards};

const THREADS: u64 = 16;
const EACH: u64 = if cfg!(debug_assertions) { 20_000 } else { 200_000 };

#[test]
fn threads_beyond_the_limit_share_and_lose_nothing() {
    let registry = Registry::new();
    let counter = registry.counter("c_total", "").unwrap();
    let float = registry.float_counter("f_total", "").unwrap();
    let in_flight = registry.up_down_counter("u", "").unwrap();
    let sizes = registry.histogram("h", "", &HistogramSpec::bytes(&[100.0])).unwrap();
    set_shard_limit(3);
    let round = |expected: u64| {
        let together = Barrier::new(THREADS as usize);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    counter.inc_by(0); // whoever comes first has a shard
                    together.wait();
                    let (local, local_sizes) = (counter.local(), sizes.local());
                    for at in 0..EACH {
                        counter.inc();
                        local.inc_by(2);
                        float.inc_by(0.5);
                        in_flight.add(3);
                        in_flight.sub(2);
                        sizes.record(at % 200);
                        local_sizes.record(at % 200);
                    }
                    together.wait();
                });
            }
        });
        let n = THREADS * EACH * expected;
        assert_eq!(counter.value(), 3 * n);
        assert_eq!(float.value(), n as f64 / 2.0);
        assert_eq!(in_flight.value(), n);
        let snapshot = registry.snapshot();
        let value = snapshot.family("h").unwrap().get(&[]).unwrap().value();
        let read = value.histogram().unwrap();
        // 0 to 199 in turns: 101 of each 200 are at or below 100, and their mean is 99.5.
        assert_eq!(read.cumulative(), [(100.0, 2 * n / 200 * 101), (f64::INFINITY, 2 * n)]);
        assert_eq!(read.sum(), 2.0 * n as f64 * 99.5);
    };
    round(1);
    assert_eq!(shards(), 3);

    // With none left at all, and the three adopted by others of the second round.
    set_shard_limit(0);
    round(2);
    assert_eq!(shards(), 3, "shards that exist stay");

    set_shard_limit(8);
    round(3);
    assert_eq!(shards(), 8);
}
