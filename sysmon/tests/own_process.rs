//! The real source: what it says of this process, against what `/proc` and the test know.
//!
//! One test at a time: each changes what the others would count.

use std::fs::File;
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::bounded;
use tmc_engine::Registry;
use tmc_sysmon::{OwnProcess, Reading, Sampler, Source, names};

const DEADLINE: Duration = Duration::from_secs(60);

fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn read(source: &mut OwnProcess) -> Reading {
    source.read().expect("this process can be read")
}

/// Spends CPU until `enough` says so.
fn burn_until(mut enough: impl FnMut() -> bool, what: &str) {
    let begin = Instant::now();
    let mut x = 1_u64;
    while !enough() {
        assert!(begin.elapsed() < DEADLINE, "{what}");
        for _ in 0..1_000_000 {
            x = std::hint::black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
    }
}

#[cfg(target_os = "linux")]
fn statm() -> (u64, u64) {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let mut pages = text.split(' ').map(|n| n.parse::<u64>().unwrap());
    (pages.next().unwrap(), pages.next().unwrap())
}

#[cfg(target_os = "linux")]
fn entries(directory: &str) -> u64 {
    std::fs::read_dir(directory).unwrap().count() as u64
}

#[test]
#[cfg(target_os = "linux")]
fn memory_agrees_with_statm() {
    let _alone = alone();
    let mut source = OwnProcess::new().unwrap();
    let before = read(&mut source);
    let block = vec![1_u8; 64 << 20];
    let after = read(&mut source);
    let (virtual_pages, resident_pages) = statm();
    assert!(std::hint::black_box(&block).iter().all(|byte| *byte == 1));
    // The page size is what both agree on: a power of two from 4 to 64 KiB.
    let page = after.virtual_bytes.unwrap() / virtual_pages;
    assert!(page.is_power_of_two() && (4096..=65536).contains(&page), "{page}");
    let resident = after.resident_bytes.unwrap();
    let difference = resident.abs_diff(resident_pages * page);
    assert!(difference < 16 << 20, "{resident} against {resident_pages} pages of {page}");
    assert!(resident - before.resident_bytes.unwrap() > 60 << 20, "64 MiB more are resident");
    assert!(after.virtual_bytes.unwrap() >= resident);
}

#[test]
#[cfg(target_os = "linux")]
fn threads_are_counted_exactly() {
    let _alone = alone();
    let mut source = OwnProcess::new().unwrap();
    let mut parked = Vec::new();
    for _ in 0..8 {
        let (release, wait) = bounded::<()>(0);
        parked.push((release, thread::spawn(move || wait.recv().is_err())));
    }
    // The harness may start or end a thread of its own at any time, so the two counts get tries.
    let begin = Instant::now();
    loop {
        let (read, listed) = (read(&mut source).threads.unwrap(), entries("/proc/self/task"));
        if read == listed && read >= 9 {
            break;
        }
        assert!(begin.elapsed() < DEADLINE, "{read} threads read, {listed} listed");
    }
    for (release, parked) in parked {
        drop(release);
        assert!(parked.join().unwrap());
    }
}

#[test]
#[cfg(target_os = "linux")]
fn descriptors_are_counted_exactly() {
    let _alone = alone();
    let mut source = OwnProcess::new().unwrap();
    let before = read(&mut source).open_fds.unwrap();
    // Listing them opens one.
    assert_eq!(before, entries("/proc/self/fd") - 1);
    let files: Vec<File> = (0..50).map(|_| File::open("/dev/null").unwrap()).collect();
    let during = read(&mut source);
    assert_eq!(during.open_fds.unwrap(), before + 50);
    assert!(during.max_fds.unwrap() >= before + 50);
    drop(files);
    assert_eq!(read(&mut source).open_fds.unwrap(), before);
}

#[test]
fn cpu_time_grows_while_it_is_spent_and_never_falls() {
    let _alone = alone();
    let mut source = OwnProcess::new().unwrap();
    let first = read(&mut source).cpu_seconds.unwrap();
    let mut last = first;
    burn_until(
        || {
            let now = read(&mut source).cpu_seconds.unwrap();
            assert!(now >= last);
            last = now;
            now - first >= 0.1
        },
        "a tenth of a second of CPU was not seen",
    );
}

#[test]
fn the_start_is_not_long_ago() {
    let _alone = alone();
    let start = read(&mut OwnProcess::new().unwrap()).start_time_seconds.unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let age = now - start;
    // Whole seconds on both sides of the sum that gives the start; a test runs for minutes at most.
    assert!((-3.0..7_200.0).contains(&age), "started {age} s ago");
}

#[test]
fn a_real_sampler_gives_a_real_cpu_percentage_soon() {
    let _alone = alone();
    let registry = Registry::new();
    let sampler = Sampler::builder(&registry).start().unwrap(); // the default interval: 30 s
    let value = |name: &str| {
        let snapshot = registry.snapshot();
        snapshot.family(name)?.get(&[]).map(|series| series.value().as_f64())
    };
    for spec in names::ALL {
        let expected = spec != names::CPU_USAGE;
        assert_eq!(value(spec.name).is_some(), expected, "{} after start", spec.name);
    }
    burn_until(|| value(names::CPU_USAGE.name).is_some(), "no CPU percentage came");
    let percent = value(names::CPU_USAGE.name).unwrap();
    let cores = thread::available_parallelism().unwrap().get() as f64;
    assert!(percent > 0.0 && percent <= (cores + 1.0) * 100.0, "{percent} %");
    assert_eq!(value(names::SAMPLE_FAILURES.name), Some(0.0));
    assert_eq!(value(names::GOROUTINES.name), value(names::PROCESS_THREADS.name));
    assert_eq!(value(names::MEMORY_USAGE.name), value(names::PROCESS_RESIDENT_MEMORY.name));
    sampler.stop();
}
