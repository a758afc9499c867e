//! The sampler over a source that lies and a clock that the test drives.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use tmc_engine::{Registry, Value};

use super::*;
use crate::process::Reading;

/// Long enough for any machine; only a failing test waits for it.
const DEADLINE: Duration = Duration::from_secs(60);
const INTERVAL: Duration = Duration::from_secs(30);

struct Lies<F>(F);

impl<F: FnMut() -> Result<Reading, SourceError> + Send + 'static> Source for Lies<F> {
    fn read(&mut self) -> Result<Reading, SourceError> {
        (self.0)()
    }
}

/// One wait of the sampler: how long it wants to wait, and how to end it.
struct Wait(Duration, Sender<Instant>);

struct DrivenClock {
    now: Arc<Mutex<Instant>>,
    waits: Sender<Wait>,
}

impl Clock for DrivenClock {
    fn now(&self) -> Instant {
        *self.now.lock().unwrap()
    }

    fn after(&self, delay: Duration) -> Receiver<Instant> {
        let (end, ended) = bounded(1);
        self.waits.send(Wait(delay, end)).ok();
        ended
    }
}

/// A sampler whose waits the test ends.
struct Driven {
    registry: Registry,
    sampler: Sampler,
    now: Arc<Mutex<Instant>>,
    waits: Receiver<Wait>,
    pending: Wait,
}

impl Driven {
    fn start(
        registry: &Registry,
        read: impl FnMut() -> Result<Reading, SourceError> + Send + 'static,
    ) -> Self {
        Self::build(registry, Sampler::builder(registry).source(Lies(read)))
    }

    fn build(registry: &Registry, builder: SamplerBuilder) -> Self {
        let now = Arc::new(Mutex::new(Instant::now()));
        let (tell, waits) = unbounded();
        let clock = DrivenClock { now: Arc::clone(&now), waits: tell };
        let sampler = builder.interval(INTERVAL).clock(clock).start().unwrap();
        let pending = waits.recv_timeout(DEADLINE).expect("the sampler waits");
        Self { registry: registry.clone(), sampler, now, waits, pending }
    }

    /// Lets the pending wait pass and returns once the sample after it is done.
    fn pass(&mut self) {
        let Wait(delay, end) = &self.pending;
        *self.now.lock().unwrap() += *delay;
        end.send(Instant::now()).unwrap();
        self.pending = self.waits.recv_timeout(DEADLINE).expect("the sampler went on");
    }

    fn value(&self, family: &str) -> Option<f64> {
        value(&self.registry, family)
    }
}

fn value(registry: &Registry, family: &str) -> Option<f64> {
    registry.snapshot().family(family)?.get(&[]).map(|series| series.value().as_f64())
}

fn full(cpu_seconds: f64) -> Reading {
    Reading {
        cpu_seconds: Some(cpu_seconds),
        resident_bytes: Some(4096),
        virtual_bytes: Some(8192),
        open_fds: Some(7),
        max_fds: Some(1024),
        threads: Some(3),
        start_time_seconds: Some(1_700_000_000.0),
    }
}

/// A source that gives these CPU times in turn, then the last one for ever.
fn cpu_times(times: &'static [f64]) -> impl FnMut() -> Result<Reading, SourceError> + Send {
    let mut next = 0;
    move || {
        let seconds = times[next.min(times.len() - 1)];
        next += 1;
        Ok(full(seconds))
    }
}

#[test]
fn feeds_every_family_with_what_was_read() {
    let mut driven = Driven::start(&Registry::new(), cpu_times(&[10.0, 10.1]));
    driven.pass();
    let expected = [
        (names::GOROUTINES, 3.0),
        (names::MEMORY_USAGE, 4096.0),
        (names::CPU_USAGE, 50.0), // 0.1 s of CPU in a window of 0.2 s
        (names::PROCESS_CPU_SECONDS, 10.1),
        (names::PROCESS_RESIDENT_MEMORY, 4096.0),
        (names::PROCESS_VIRTUAL_MEMORY, 8192.0),
        (names::PROCESS_OPEN_FDS, 7.0),
        (names::PROCESS_MAX_FDS, 1024.0),
        (names::PROCESS_START_TIME, 1_700_000_000.0),
        (names::PROCESS_THREADS, 3.0),
        (names::SAMPLE_DURATION, 2.0), // its count
        (names::SAMPLES, 2.0),
        (names::SAMPLE_FAILURES, 0.0),
    ];
    assert_eq!(expected.map(|(spec, _)| spec), names::ALL, "the test knows every family");
    let snapshot = driven.registry.snapshot();
    for (spec, want) in expected {
        let family =
            snapshot.family(spec.name).unwrap_or_else(|| panic!("{} is absent", spec.name));
        assert_eq!((family.kind(), family.help()), (spec.kind, spec.help), "{}", spec.name);
        let got = family.get(&[]).unwrap().value().as_f64();
        assert!((got - want).abs() < 1e-6, "{}: {got}, not {want}", spec.name);
    }
}

#[test]
fn waits_for_the_cpu_window_once_and_then_for_the_interval() {
    let mut driven = Driven::start(&Registry::new(), cpu_times(&[1.0]));
    assert_eq!(driven.pending.0, FIRST_CPU_WINDOW);
    for _ in 0..3 {
        driven.pass();
        assert_eq!(driven.pending.0, INTERVAL);
    }
    assert_eq!(driven.value(names::SAMPLES.name), Some(4.0));
}

#[test]
fn the_first_sample_is_there_when_start_returns_but_no_made_up_percentage() {
    let registry = Registry::new();
    let mut driven = Driven::start(&registry, cpu_times(&[1.0, 1.0]));
    assert_eq!(driven.value(names::PROCESS_THREADS.name), Some(3.0));
    assert!(registry.snapshot().family(names::CPU_USAGE.name).is_none());
    driven.pass();
    assert_eq!(driven.value(names::CPU_USAGE.name), Some(0.0), "idle is a value");
}

#[test]
fn an_unknown_value_is_absent_and_appears_when_it_becomes_known() {
    let registry = Registry::new();
    let mut calls = 0;
    let mut driven = Driven::start(&registry, move || {
        calls += 1;
        let nan = Reading { cpu_seconds: Some(f64::NAN), ..Reading::default() };
        Ok(if calls < 3 { nan } else { full(1.0) })
    });
    driven.pass();
    let own = [names::SAMPLE_DURATION.name, names::SAMPLES.name, names::SAMPLE_FAILURES.name];
    for spec in names::ALL {
        let there = registry.snapshot().family(spec.name).is_some();
        assert_eq!(there, own.contains(&spec.name), "{}", spec.name);
    }
    driven.pass();
    assert_eq!(driven.value(names::PROCESS_OPEN_FDS.name), Some(7.0));
    assert_eq!(driven.value(names::SAMPLE_FAILURES.name), Some(0.0), "unknown is no failure");
}

#[test]
fn cpu_time_that_goes_back_lowers_nothing() {
    let mut driven = Driven::start(&Registry::new(), cpu_times(&[5.0, 5.1, 2.0, 8.0, 8.0]));
    let seconds = names::PROCESS_CPU_SECONDS.name;
    driven.pass();
    assert_eq!(driven.value(seconds), Some(5.1));
    driven.pass();
    assert_eq!(driven.value(seconds), Some(5.1), "went back to 2");
    assert!((driven.value(names::CPU_USAGE.name).unwrap() - 50.0).abs() < 1e-6, "kept");
    driven.pass();
    assert_eq!(driven.value(seconds), Some(8.0));
    assert!((driven.value(names::CPU_USAGE.name).unwrap() - 20.0).abs() < 1e-6, "6 s in 30 s");
    driven.pass();
    assert_eq!(driven.value(names::CPU_USAGE.name), Some(0.0));
}

#[test]
fn a_restart_and_a_second_sampler_do_not_count_cpu_time_again() {
    let registry = Registry::new();
    let first = Driven::start(&registry, cpu_times(&[10.0]));
    let mut second = Driven::start(&registry, cpu_times(&[10.0, 11.0]));
    first.sampler.stop();
    second.pass();
    second.sampler.stop();
    let third = Driven::start(&registry, cpu_times(&[12.5]));
    assert_eq!(third.value(names::PROCESS_CPU_SECONDS.name), Some(12.5));
}

#[test]
fn a_source_that_fails_or_panics_costs_its_sample_only() {
    let registry = Registry::new();
    let mut calls = 0;
    let mut driven = Driven::start(&registry, move || {
        calls += 1;
        match calls {
            1 => Err(SourceError { reason: "no reading today".to_owned() }),
            2 => panic!("a source that panics, as the test wants"),
            _ => Ok(full(3.0)),
        }
    });
    driven.pass();
    assert_eq!(driven.value(names::SAMPLE_FAILURES.name), Some(2.0));
    assert_eq!(driven.value(names::PROCESS_THREADS.name), None);
    driven.pass();
    assert_eq!(driven.value(names::PROCESS_THREADS.name), Some(3.0));
    assert_eq!(driven.value(names::SAMPLE_FAILURES.name), Some(2.0));
    assert_eq!(driven.value(names::SAMPLES.name), Some(3.0));
    assert_eq!(driven.value(names::SAMPLE_DURATION.name), Some(3.0), "failures are measured too");
}

#[test]
fn an_attached_runtime_counts_the_tasks_and_may_panic() {
    let registry = Registry::new();
    let mut answers = [Some(41), None, Some(42)].into_iter().cycle();
    let answers = Mutex::new(move || answers.next().flatten());
    let builder = Sampler::builder(&registry).source(Lies(|| Ok(full(1.0)))).tasks(move || {
        let answer = (answers.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))();
        answer.expect("a runtime that panics, as the test wants")
    });
    let mut driven = Driven::build(&registry, builder);
    assert_eq!(driven.value(names::GOROUTINES.name), Some(41.0));
    driven.pass();
    assert_eq!(driven.value(names::GOROUTINES.name), Some(41.0), "the last known value");
    assert_eq!(driven.value(names::SAMPLE_FAILURES.name), Some(1.0));
    driven.pass();
    assert_eq!(driven.value(names::GOROUTINES.name), Some(42.0));
    assert_eq!(driven.value(names::PROCESS_THREADS.name), Some(3.0));
}

#[test]
fn the_tasks_of_a_runtime_are_fed_where_the_process_cannot_be_read() {
    let registry = Registry::new();
    let unreadable = || Err(SourceError { reason: "nothing to be read".to_owned() });
    let builder = Sampler::builder(&registry).source(Lies(unreadable)).tasks(|| 9);
    let driven = Driven::build(&registry, builder);
    assert_eq!(driven.value(names::GOROUTINES.name), Some(9.0));
}

#[test]
fn a_zero_interval_is_refused_by_name() {
    let refused = Sampler::builder(&Registry::new()).interval(Duration::ZERO).start().unwrap_err();
    assert!(matches!(refused, SamplerError::ZeroInterval));
    assert!(refused.to_string().contains("interval is zero"), "{refused}");
}

#[test]
fn a_clash_with_a_family_of_the_samplers_own_is_an_error() {
    let registry = Registry::new();
    registry.gauge(names::SAMPLES.name, "taken").unwrap();
    let refused = Sampler::builder(&registry).start().unwrap_err();
    assert!(
        matches!(refused, SamplerError::Register { family, .. } if family == names::SAMPLES.name)
    );
    assert!(refused.to_string().contains(names::SAMPLES.name), "{refused}");
}

#[test]
fn a_clash_with_a_fed_family_is_a_counted_failure_and_the_rest_is_fed() {
    let registry = Registry::new();
    let taken = registry.counter_family(names::PROCESS_THREADS.name, "taken", ["by"]).unwrap();
    taken.with(["me"]).inc();
    let driven = Driven::start(&registry, cpu_times(&[1.0]));
    assert_eq!(driven.value(names::SAMPLE_FAILURES.name), Some(1.0));
    assert_eq!(driven.value(names::PROCESS_START_TIME.name), Some(1_700_000_000.0));
    assert_eq!(driven.value(names::PROCESS_CPU_SECONDS.name), Some(1.0));
}

#[test]
fn stop_and_drop_do_not_wait_for_the_interval() {
    for by_stop in [true, false] {
        let registry = Registry::new();
        let century = Duration::from_secs(100 * 365 * 86_400);
        let sampler = Sampler::builder(&registry).interval(century).start().unwrap();
        let (done, ended) = bounded(1);
        std::thread::spawn(move || {
            if by_stop {
                sampler.stop()
            } else {
                drop(sampler)
            }
            done.send(()).ok();
        });
        ended.recv_timeout(DEADLINE).expect("the sampler ended long before its interval");
    }
}

#[test]
fn a_stopped_sampler_takes_no_more_samples() {
    let driven = Driven::start(&Registry::new(), cpu_times(&[1.0]));
    driven.sampler.stop();
    assert!(driven.waits.try_recv().is_err() && driven.waits.is_empty());
    assert_eq!(value(&driven.registry, names::SAMPLES.name), Some(1.0));
    let gone = driven.pending.1.send(Instant::now()).is_err();
    assert!(gone, "the thread, which held the other end, has ended");
}

#[test]
fn a_sampler_dropped_by_its_own_task_closure_ends() {
    let registry = Registry::new();
    let own: Arc<Mutex<Option<Sampler>>> = Arc::default();
    let theirs = Arc::clone(&own);
    let alive = Arc::new(());
    let thread_lives = Arc::downgrade(&alive);
    let sampler = Sampler::builder(&registry)
        .interval(Duration::from_nanos(1))
        .tasks(move || {
            let _with_the_thread = &alive;
            theirs.lock().unwrap().take().map_or(1, |sampler| {
                sampler.stop();
                2
            })
        })
        .start()
        .unwrap();
    *own.lock().unwrap() = Some(sampler);
    let begin = Instant::now();
    while thread_lives.strong_count() > 0 {
        assert!(begin.elapsed() < DEADLINE, "the thread did not end");
        std::thread::yield_now();
    }
    // It may have sampled once more before it saw the stop.
    assert!(value(&registry, names::GOROUTINES.name).is_some_and(|tasks| tasks >= 1.0));
}

#[test]
fn values_are_plain_numbers() {
    let driven = Driven::start(&Registry::new(), cpu_times(&[1.0]));
    let snapshot = driven.registry.snapshot();
    let seconds = snapshot.family(names::PROCESS_CPU_SECONDS.name).unwrap();
    assert!(matches!(seconds.get(&[]).unwrap().value(), Value::FloatCounter(s) if s == 1.0));
    assert_eq!(seconds.label_names().count(), 0);
}
