//! The same contenders on one thread under criterion, which adds statistics and comparisons with
//! earlier runs. Contention, and peers side by side in the same minute: `--bench recording`.
//!
//! `cargo bench -p tmc-benches --bench criterion_recording`

use std::cell::Cell;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use tmc_benches::contender::BATCH;
use tmc_benches::contest::{Contender, solo};
use tmc_benches::{counters, histograms, lookups};

fn recording(criterion: &mut Criterion) {
    let mut one = criterion.benchmark_group("counter/one series");
    compare(&mut one, counters::contenders(1), BATCH);
    one.finish();
    let mut many = criterion.benchmark_group("counter/1,000 series");
    compare(&mut many, counters::contenders(counters::MANY), BATCH);
    many.finish();
    let mut strings = criterion.benchmark_group("counter/four string labels");
    compare(&mut strings, lookups::strings(), lookups::BATCH);
    strings.finish();
    let mut enums = criterion.benchmark_group("counter/three enum labels");
    compare(&mut enums, lookups::sets(), lookups::BATCH);
    enums.finish();
    let mut histogram = criterion.benchmark_group("histogram");
    compare(&mut histogram, histograms::contenders(), histograms::BATCH as u64);
    histogram.finish();
}

fn compare(
    group: &mut BenchmarkGroup<'_, WallTime>,
    contenders: Vec<Box<dyn Contender>>,
    batch: u64,
) {
    group.throughput(Throughput::Elements(1));
    for contender in contenders {
        let recorded = Cell::new(0);
        group.bench_function(contender.name(), |bencher| {
            bencher.iter_custom(|operations| {
                recorded.set(recorded.get() + operations.div_ceil(batch) * batch);
                solo(&*contender, operations, batch)
            });
        });
        if let Err(wrong) = contender.verify(recorded.get()) {
            panic!("{}: {wrong}", contender.name());
        }
    }
}

criterion_group!(benches, recording);
criterion_main!(benches);
