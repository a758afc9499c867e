//! Random lives of a breaker beside a model that says in plain words what must happen: overlapping
//! calls that end in any order and way, and time that moves in between.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use proptest::prelude::*;
use tmc_metrics::{CircuitBreaker, CircuitState, ErrorType, Permit, TmcError};

use super::Rig;

#[derive(Clone, Copy, Debug)]
enum Step {
    Call,
    /// Ends one of the calls under way, if there is any.
    End(prop::sample::Index, End),
    /// Seconds.
    Pass(u64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Success,
    Failure,
    /// An error that shows that the other side works.
    Answer,
    Dropped,
    Panic,
}

fn any_step() -> impl Strategy<Value = Step> {
    let end = prop::sample::select(vec![
        End::Success,
        End::Failure,
        End::Failure,
        End::Answer,
        End::Dropped,
        End::Panic,
    ]);
    prop_oneof![
        4 => Just(Step::Call),
        4 => (any::<prop::sample::Index>(), end).prop_map(|(call, end)| Step::End(call, end)),
        2 => (0_u64..12).prop_map(Step::Pass),
    ]
}

/// All times in seconds.
struct Model {
    threshold: usize,
    open_for: u64,
    probes: usize,
    now: u64,
    state: CircuitState,
    /// Of the calls whose verdicts count now.
    verdicts: Vec<End>,
    /// The numbers of calls under way whose verdicts will count.
    counted: Vec<usize>,
    opened_at: u64,
    last_probe_at: u64,
    attempts: u64,
    successes: u64,
    failures: u64,
}

impl Model {
    fn become_(&mut self, state: CircuitState) {
        self.state = state;
        self.verdicts.clear();
        self.counted.clear();
    }

    fn open(&mut self) {
        self.become_(CircuitState::Open);
        self.opened_at = self.now;
        self.attempts += 1;
    }

    /// Seconds until it is worth asking again, if the call is refused.
    fn call(&mut self, number: usize) -> Option<u64> {
        if self.state == CircuitState::Open {
            let open_until = self.opened_at + self.open_for;
            if self.now < open_until {
                return Some(open_until - self.now);
            }
            self.become_(CircuitState::HalfOpen);
        }
        if self.state == CircuitState::HalfOpen {
            let hang_at = self.last_probe_at + self.open_for;
            if self.verdicts.len() + self.counted.len() == self.probes {
                if self.now < hang_at {
                    return Some(hang_at - self.now);
                }
                self.counted.clear();
            }
            self.last_probe_at = self.now;
        }
        self.counted.push(number);
        None
    }

    fn end(&mut self, number: usize, end: End) {
        let Some(at) = self.counted.iter().position(|counted| *counted == number) else { return };
        self.counted.remove(at);
        match end {
            End::Dropped | End::Panic => return,
            End::Success | End::Answer => self.verdicts.push(End::Success),
            End::Failure => self.verdicts.push(End::Failure),
        }
        let trailing = self.verdicts.iter().rev().take_while(|end| **end == End::Failure).count();
        match self.state {
            CircuitState::Closed if trailing == self.threshold => self.open(),
            CircuitState::HalfOpen if trailing > 0 => {
                self.failures += 1;
                self.open();
            }
            CircuitState::HalfOpen if self.verdicts.len() == self.probes => {
                self.become_(CircuitState::Closed);
                self.successes += 1;
            }
            _ => {}
        }
    }

    /// An open circuit whose time has passed shows as half-open before anybody calls.
    fn shown(&self) -> CircuitState {
        match self.state {
            CircuitState::Open if self.now >= self.opened_at + self.open_for => {
                CircuitState::HalfOpen
            }
            state => state,
        }
    }
}

fn end_for_real(permit: Permit, end: End) {
    let error = |error_type| TmcError::builder(error_type, "syncer", "sync").build();
    match end {
        End::Success => permit.success(),
        End::Failure => permit.failure(&error(ErrorType::ClusterUnreachable)),
        End::Answer => permit.failure(&error(ErrorType::ResourceNotFound)),
        End::Dropped => drop(permit),
        End::Panic => {
            let unwound: std::thread::Result<()> = catch_unwind(AssertUnwindSafe(move || {
                let _permit = permit;
                // As a panic, without its message in the log.
                resume_unwind(Box::new("as arranged"))
            }));
            assert!(unwound.is_err());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn does_what_the_model_says(
        threshold in 1_u32..4, open_for in 1_u64..10, probes in 1_u32..4,
        steps in prop::collection::vec(any_step(), 0..80),
    ) {
        let rig = Rig::new();
        let breaker = CircuitBreaker::builder("syncer")
            .failure_threshold(threshold)
            .open_for(Duration::from_secs(open_for))
            .probes(probes)
            .build(&rig.collector)
            .unwrap();
        let mut model = Model {
            threshold: threshold as usize,
            open_for,
            probes: probes as usize,
            now: 0,
            state: CircuitState::Closed,
            verdicts: Vec::new(),
            counted: Vec::new(),
            opened_at: 0,
            last_probe_at: 0,
            attempts: 0,
            successes: 0,
            failures: 0,
        };
        let mut under_way: Vec<(usize, Permit)> = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Call => match (model.call(number), breaker.acquire()) {
                    (None, Ok(permit)) => under_way.push((number, permit)),
                    (Some(seconds), Err(refused)) => {
                        prop_assert_eq!(refused.retry_after(), Duration::from_secs(seconds));
                    }
                    (expected, got) => prop_assert!(false, "refused for {expected:?}, got {got:?}"),
                },
                Step::End(call, end) if !under_way.is_empty() => {
                    let (number, permit) = under_way.swap_remove(call.index(under_way.len()));
                    model.end(number, end);
                    end_for_real(permit, end);
                }
                Step::End(..) => {}
                Step::Pass(seconds) => {
                    model.now += seconds;
                    rig.clock.advance(Duration::from_secs(seconds));
                }
            }
            prop_assert_eq!(breaker.state(), model.shown());
            let tally = rig.tally();
            prop_assert_eq!(
                (tally.attempts, tally.successes, tally.failures, tally.durations),
                (model.attempts, model.successes, model.failures, model.successes + model.failures)
            );
            prop_assert_eq!(tally.active(), u64::from(model.state != CircuitState::Closed));
        }
        drop((breaker, under_way));
        prop_assert_eq!(rig.tally().active(), 0);
    }
}
