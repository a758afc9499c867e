//! The board alone, with time moved by hand, against a twin that keeps lists.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const INTERVAL: u64 = 30;
const TIMEOUT: u64 = 10;

fn pace() -> Pace {
    let seconds = Duration::from_secs;
    Pace {
        interval: seconds(INTERVAL),
        initial_delay: Duration::ZERO,
        timeout: seconds(TIMEOUT),
        degraded_after: seconds(3),
        unhealthy_after: seconds(6),
    }
}

fn info(id: &str) -> ComponentInfo {
    ComponentInfo::new("SyncTargetController", id).cluster("c").logical_cluster("root:a")
}

fn healthy() -> Result<HealthReport, String> {
    Ok(HealthReport::new(HealthStatus::Healthy, "fine"))
}

struct World {
    board: Board,
    origin: Instant,
}

impl World {
    fn new() -> Self {
        Self { board: Board::new(pace()), origin: Instant::now() }
    }

    fn at(&self, seconds: u64) -> Instant {
        self.origin + Duration::from_secs(seconds)
    }
}

#[test]
fn a_check_that_times_out_is_an_error_and_is_not_begun_again_until_it_returns() {
    let mut world = World::new();
    let id = world.board.add(info("a"), world.at(0));
    let (starts, _) = world.board.advance(world.at(0));
    assert_eq!(starts.len(), 1);
    assert_eq!(world.board.wake(), Some(world.at(TIMEOUT)));
    assert!(!world.board.is_settled());

    let (none, checked) = world.board.advance(world.at(TIMEOUT));
    assert_eq!((none.len(), checked.len()), (0, 1));
    assert_eq!(checked[0].result, HealthCheckResult::Error);
    assert_eq!(world.board.of(id).unwrap().status, HealthStatus::Unhealthy);
    assert!(world.board.is_settled());

    // It is due, still runs, and so is another error.
    let (none, checked) = world.board.advance(world.at(INTERVAL));
    assert_eq!((none.len(), checked.len()), (0, 1));
    // It returns at last, which says nothing about now.
    assert_eq!(world.board.end(starts[0], healthy(), world.at(INTERVAL + 1)), None);
    assert_eq!(world.board.of(id).unwrap().status, HealthStatus::Unhealthy);
    let (again, _) = world.board.advance(world.at(2 * INTERVAL));
    assert_eq!(again.len(), 1);
    assert!(world.board.end(again[0], healthy(), world.at(2 * INTERVAL)).is_some());
    assert_eq!(world.board.of(id).unwrap().status, HealthStatus::Healthy);
    let counts = world.board.counts();
    assert_eq!((counts.total_checks, counts.error_checks, counts.healthy_checks), (3, 2, 1));
}

#[test]
fn a_slow_check_lowers_the_status() {
    for (took, found, expected) in [
        (3, HealthStatus::Healthy, HealthStatus::Healthy),
        (4, HealthStatus::Healthy, HealthStatus::Degraded),
        (4, HealthStatus::Degraded, HealthStatus::Degraded),
        (7, HealthStatus::Healthy, HealthStatus::Unhealthy),
        (7, HealthStatus::Unknown, HealthStatus::Unknown),
    ] {
        let mut world = World::new();
        let id = world.board.add(info("a"), world.at(0));
        let (starts, _) = world.board.advance(world.at(0));
        world.board.end(starts[0], Ok(HealthReport::new(found, "")), world.at(took));
        assert_eq!(world.board.of(id).unwrap().status, expected, "{found} after {took} s");
    }
}

#[test]
fn several_of_one_type_live_side_by_side_and_go_one_by_one() {
    let mut world = World::new();
    let ids = ["a", "b"].map(|id| world.board.add(info(id), world.at(0)));
    let (starts, _) = world.board.advance(world.at(0));
    world.board.end(starts[0], healthy(), world.at(0));
    world.board.end(starts[1], Err("broken".to_owned()), world.at(0));
    assert_eq!(world.board.overall().message, "1/2 components unhealthy");
    assert_eq!(world.board.of_cluster("c", Some("root:a")).details.total_components, 2);
    assert_eq!(world.board.of_cluster("c", Some("root:b")).details.total_components, 0);
    assert_eq!(world.board.remove(ids[1]), Some(info("b")));
    assert_eq!(world.board.overall().message, "All 1 components healthy");
}

#[test]
fn what_ends_after_it_was_forgotten_does_not_count() {
    let mut world = World::new();
    world.board.add(info("a"), world.at(0));
    let (starts, _) = world.board.advance(world.at(0));
    world.board.forget(starts[0]);
    assert_eq!(world.board.end(starts[0], healthy(), world.at(1)), None);
    assert_eq!(world.board.overall().status, HealthStatus::Unknown);
}

/// Else the end of a check that was forgotten would be taken for that of the next.
#[test]
fn a_check_is_told_from_the_ones_before_it() {
    let mut world = World::new();
    world.board.add(info("a"), world.at(0));
    let (first, _) = world.board.advance(world.at(0));
    world.board.forget(first[0]);
    let (second, _) = world.board.advance(world.at(INTERVAL));
    assert_eq!(world.board.end(first[0], healthy(), world.at(INTERVAL)), None);
    assert!(world.board.end(second[0], healthy(), world.at(INTERVAL)).is_some());
}

#[test]
fn a_check_that_is_due_while_it_runs_is_no_error_until_it_takes_too_long() {
    let mut world = World::new();
    world.board.pace.interval = Duration::from_secs(4);
    world.board.add(info("a"), world.at(0));
    let (starts, _) = world.board.advance(world.at(0));
    for seconds in [4, 8] {
        assert_eq!(world.board.advance(world.at(seconds)), (vec![], vec![]));
    }
    let took = world.board.end(starts[0], healthy(), world.at(9)).unwrap().took;
    assert_eq!((took, world.board.counts().total_checks), (Duration::from_secs(9), 1));
}

#[derive(Clone, Debug)]
enum Step {
    Add,
    Remove(usize),
    Wait(u64),
    /// One of the checks that run ends like this.
    End(usize, Option<HealthStatus>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    use HealthStatus::{Degraded, Healthy, Unhealthy, Unknown};
    let result = prop::sample::select(vec![
        Some(Healthy),
        Some(Degraded),
        Some(Unhealthy),
        Some(Unknown),
        None,
    ]);
    let step = prop_oneof![
        Just(Step::Add),
        (0..4_usize).prop_map(Step::Remove),
        (0..15_u64).prop_map(Step::Wait),
        (0..4_usize, result).prop_map(|(which, result)| Step::End(which, result)),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_sums_add_up_and_nothing_unhealthy_reads_as_healthy(steps in steps()) {
        let mut world = World::new();
        let (mut now, mut checks) = (0, 0_u64);
        // The twin: the last verdict on each component, and the checks that run with when they began.
        let mut verdicts: BTreeMap<u64, HealthStatus> = BTreeMap::new();
        let mut running: Vec<(Start, u64, bool)> = Vec::new();
        for step in steps {
            match step {
                Step::Add => {
                    let id = world.board.add(info("x"), world.at(now));
                    verdicts.insert(id, HealthStatus::Unknown);
                }
                Step::Remove(which) => {
                    if let Some(id) = verdicts.keys().nth(which).copied() {
                        world.board.remove(id);
                        verdicts.remove(&id);
                        running.retain(|(start, ..)| start.id != id);
                    }
                }
                Step::Wait(seconds) => now += seconds,
                Step::End(which, result) if which < running.len() => {
                    let (start, since, given_up) = running.remove(which);
                    let told = result.map(|status| HealthReport::new(status, ""));
                    let told = told.ok_or_else(|| "broken".to_owned());
                    let counted = world.board.end(start, told, world.at(now)).is_some();
                    prop_assert_eq!(counted, !given_up);
                    if counted {
                        checks += 1;
                        let took = now - since;
                        let verdict = match result {
                            None => HealthStatus::Unhealthy,
                            Some(HealthStatus::Healthy | HealthStatus::Degraded) if took > 6 => {
                                HealthStatus::Unhealthy
                            }
                            Some(HealthStatus::Healthy) if took > 3 => HealthStatus::Degraded,
                            Some(status) => status,
                        };
                        verdicts.insert(start.id, verdict);
                    }
                }
                Step::End(..) => {}
            }
            let (starts, checked) = world.board.advance(world.at(now));
            checks += checked.len() as u64;
            for (start, since, given_up) in &mut running {
                if !*given_up && now - *since >= TIMEOUT {
                    *given_up = true;
                    verdicts.insert(start.id, HealthStatus::Unhealthy);
                }
            }
            for start in starts {
                let twice = running.iter().any(|(other, ..)| other.id == start.id);
                prop_assert!(!twice, "a provider is asked while it is asked");
                running.push((start, now, false));
            }
            let counts = world.board.counts();
            prop_assert_eq!(counts.total_checks, checks);
            let sum = counts.healthy_checks + counts.degraded_checks + counts.unhealthy_checks;
            prop_assert_eq!(counts.total_checks, sum + counts.error_checks);
            for (id, verdict) in &verdicts {
                prop_assert_eq!(world.board.of(*id).unwrap().status, *verdict);
            }
            let overall = world.board.overall();
            let all_well = verdicts.values().all(|verdict| *verdict == HealthStatus::Healthy);
            prop_assert_eq!(overall.status == HealthStatus::Healthy, all_well && !verdicts.is_empty());
            prop_assert_eq!(overall.details.total_components, verdicts.len() as u64);
        }
    }
}

#[test]
fn the_first_check_waits_for_the_initial_delay_and_no_longer() {
    let mut world = World::new();
    world.board.pace.initial_delay = Duration::from_secs(5);
    world.board.add(info("a"), world.at(2));
    assert_eq!(world.board.wake(), Some(world.at(7)));
    assert!(world.board.advance(world.at(6)).0.is_empty());
    assert_eq!(world.board.advance(world.at(7)).0.len(), 1);
    assert_eq!(world.board.wake(), Some(world.at(7 + TIMEOUT)));
}
