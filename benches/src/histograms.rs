//! Every way to observe a duration: the engine with two significant digits, the peers with the
//! same eleven buckets. One series, for that is where contention shows.
//! Upstream: tmc-engine and the peers. Downstream: the recording benches.

use std::hint::black_box;

use measured::metric::MetricFamilyEncoding;
use measured::metric::histogram::Thresholds;
use measured::metric::name::MetricName;
use measured::text::TextEncoder;
use metrics::{Key, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tmc_engine::{Histogram, HistogramSpec, LocalHistogram, Registry};

use crate::contender::{Total, same_total};
use crate::contest::{Contender, Lap, Role};
use crate::{name, text};

const NAME: &str = "operation_seconds";
const HELP: &str = "How long an operation took";

/// Observations in a batch.
pub const BATCH: usize = 4096;

/// Different values: more than a branch predictor learns by heart, so that searching for a
/// bucket costs what it costs with values that nobody has seen before.
const VALUES: usize = 1 << 16;

/// The boundaries that clients call their default.
pub(crate) const BOUNDS: [f64; 11] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// All contenders, fresh.
#[must_use]
pub fn contenders() -> Vec<Box<dyn Contender>> {
    vec![
        handle(),
        local(),
        units(),
        prometheus(),
        prometheus_client(),
        metrics(),
        measured(),
        fastmetrics(),
    ]
}

/// One histogram, what to do with it in each thread, and a sequence of values.
struct Observed<V, H, P, F> {
    name: &'static str,
    role: Role,
    values: Vec<V>,
    handle: H,
    /// Makes what the thread observes through, before the clock starts.
    pin: P,
    observe: F,
    count: Total,
    /// Done before each turn, outside of the time that counts.
    prepare: Option<Box<dyn Fn() + Send + Sync>>,
}

impl<V, H, L, P, F> Contender for Observed<V, H, P, F>
where
    V: Copy + Sync,
    H: Sync,
    P: Fn(&H) -> L + Sync,
    F: Fn(&L, V) + Sync,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn role(&self) -> Role {
        self.role
    }

    fn prepare(&self) {
        if let Some(prepare) = &self.prepare {
            prepare();
        }
    }

    fn run(&self, lap: &Lap<'_>) {
        let own = (self.pin)(&self.handle);
        let mut batches = self.values.chunks_exact(BATCH).cycle();
        lap.race(BATCH as u64, || {
            for value in batches.next().unwrap_or_default() {
                (self.observe)(black_box(&own), *value);
            }
        });
    }

    fn verify(&self, operations: u64) -> Result<(), String> {
        same_total((self.count)(), operations)
    }
}

/// Seconds around 50 ms, spread over three orders of magnitude like durations are: the logarithm
/// is a sum of uniform numbers, which is close to normal. The same numbers in every run.
#[must_use]
pub fn seconds() -> Vec<f64> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut uniform = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut normal = || (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
    (0..VALUES).map(|_| 0.05 * (1.3 * normal()).exp()).collect()
}

fn engine() -> Histogram {
    let spec = HistogramSpec::seconds(&BOUNDS).digits(2);
    Registry::new().histogram(NAME, HELP, &spec).expect("a valid name")
}

fn handle() -> Box<dyn Contender> {
    let handle = engine();
    let counted = handle.clone();
    Box::new(Observed {
        name: name::HANDLE,
        role: Role::Engine,
        values: seconds(),
        handle,
        pin: Histogram::clone,
        observe: Histogram::observe,
        count: Box::new(move || counted.count()),
        prepare: None,
    })
}

fn local() -> Box<dyn Contender> {
    let handle = engine();
    let counted = handle.clone();
    Box::new(Observed {
        name: name::LOCAL,
        role: Role::Engine,
        values: seconds(),
        handle,
        pin: Histogram::local,
        observe: LocalHistogram::observe,
        count: Box::new(move || counted.count()),
        prepare: None,
    })
}

fn units() -> Box<dyn Contender> {
    let handle = engine();
    let counted = handle.clone();
    Box::new(Observed {
        name: name::HANDLE_UNITS,
        role: Role::Engine,
        values: seconds().into_iter().map(|seconds| (seconds * 1e9) as u64).collect(),
        handle,
        pin: Histogram::clone,
        observe: Histogram::record,
        count: Box::new(move || counted.count()),
        prepare: None,
    })
}

fn prometheus() -> Box<dyn Contender> {
    use prometheus::{Histogram, HistogramOpts};

    let options = HistogramOpts::new(NAME, HELP).buckets(BOUNDS.to_vec());
    let handle = Histogram::with_opts(options).expect("valid buckets");
    let counted = handle.clone();
    Box::new(Observed {
        name: name::PROMETHEUS,
        role: Role::Peer,
        values: seconds(),
        handle,
        pin: Histogram::clone,
        observe: Histogram::observe,
        count: Box::new(move || counted.get_sample_count()),
        prepare: None,
    })
}

fn prometheus_client() -> Box<dyn Contender> {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::metrics::histogram::Histogram;
    use prometheus_client::registry::Registry;

    let handle = Histogram::new(BOUNDS);
    let mut registry = Registry::default();
    registry.register(NAME, HELP, handle.clone());
    let count = move || {
        let mut out = String::new();
        encode(&mut out, &registry).expect("memory takes every write");
        text::sum(&out, "_count")
    };
    Box::new(Observed {
        name: name::PROMETHEUS_CLIENT,
        role: Role::Peer,
        values: seconds(),
        handle,
        pin: Histogram::clone,
        observe: Histogram::observe,
        count: Box::new(count),
        prepare: None,
    })
}

/// This peer appends each observation to a list that its exporter sorts into buckets later. That
/// second part is done before each turn and not counted, in its favour.
fn metrics() -> Box<dyn Contender> {
    let builder = PrometheusBuilder::new().set_buckets(&BOUNDS).expect("valid buckets");
    let recorder = builder.build_recorder();
    let metadata = Metadata::new(module_path!(), Level::INFO, None);
    let handle = recorder.register_histogram(&Key::from_static_name(NAME), &metadata);
    let rendered: PrometheusHandle = recorder.handle();
    let upkeep = recorder.handle();
    Box::new(Observed {
        name: name::METRICS,
        role: Role::Peer,
        values: seconds(),
        handle,
        pin: metrics::Histogram::clone,
        observe: |histogram: &metrics::Histogram, value: f64| histogram.record(value),
        count: Box::new(move || text::sum(&rendered.render(), "_count")),
        prepare: Some(Box::new(move || upkeep.run_upkeep())),
    })
}

fn measured() -> Box<dyn Contender> {
    type Eleven = measured::Histogram<{ BOUNDS.len() }>;

    // Leaked: this peer's handles borrow, and all threads need it for the bench's whole life.
    let histogram: &'static Eleven =
        Box::leak(Box::new(Eleven::with_metadata(Thresholds::with_buckets(BOUNDS))));
    let count = || {
        let mut encoder = TextEncoder::new(Vec::new());
        histogram
            .collect_family_into(MetricName::from_str(NAME), &mut encoder)
            .expect("memory takes every write");
        text::sum(&String::from_utf8_lossy(&encoder.writer), "_count")
    };
    Box::new(Observed {
        name: name::MEASURED,
        role: Role::Peer,
        values: seconds(),
        handle: histogram,
        pin: |histogram: &&'static Eleven| *histogram,
        observe: |histogram: &&'static Eleven, value: f64| histogram.observe(value),
        count: Box::new(count),
        prepare: None,
    })
}

fn fastmetrics() -> Box<dyn Contender> {
    use fastmetrics::metrics::histogram::Histogram;

    let handle = Histogram::new(BOUNDS);
    let counted = handle.clone();
    Box::new(Observed {
        name: name::FASTMETRICS,
        role: Role::Peer,
        values: seconds(),
        handle,
        pin: Histogram::clone,
        observe: Histogram::observe,
        count: Box::new(move || counted.with_snapshot(|snapshot| snapshot.count())),
        prepare: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contest::{Plan, Until, run};

    #[test]
    fn no_contender_loses_an_observation() {
        for threads in [1, 3] {
            let plan = Plan { threads, rounds: 2, most_rounds: 2, until: Until::Batches(1) };
            assert_eq!(run(&contenders(), plan).len(), 8);
        }
    }

    #[test]
    fn values_fill_most_buckets() {
        let values = seconds();
        assert!(values.iter().all(|value| value.is_finite() && *value > 0.0));
        let filled = BOUNDS
            .windows(2)
            .filter(|pair| values.iter().any(|value| (pair[0]..pair[1]).contains(value)));
        assert!(filled.count() >= 8);
    }
}
