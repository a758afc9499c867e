//! Custom metrics: kept, handed back typed, refused twice.

use tmc_metrics::{
    Counter, CounterFamily, CustomMetricError, GaugeFamily, MetricsCollector, Registry,
};

fn collector() -> MetricsCollector {
    MetricsCollector::new(&Registry::new()).unwrap()
}

fn operations(collector: &MetricsCollector) -> CounterFamily<2> {
    let labels = ["operation_type", "cluster"];
    collector
        .registry()
        .counter_family("tmc_custom_operations_total", "Custom operations", labels)
        .unwrap()
}

/// The document's example, step by step.
#[test]
fn the_documented_example_counts_through_both_handles() {
    let collector = collector();
    let custom = operations(&collector);
    collector.register_custom_metric("custom_operations", custom.clone()).unwrap();
    custom.with(["special-sync", "prod-cluster"]).inc();

    let found = collector.clone().custom_metric::<CounterFamily<2>>("custom_operations").unwrap();
    found.with(["batch-operation", "staging-cluster"]).inc_by(5);
    found.with(["special-sync", "prod-cluster"]).inc();

    let snapshot = collector.registry().snapshot();
    let family = snapshot.family("tmc_custom_operations_total").unwrap();
    let value = |labels: [&str; 2]| family.get(&labels).unwrap().value().as_f64();
    assert_eq!(value(["special-sync", "prod-cluster"]), 2.0);
    assert_eq!(value(["batch-operation", "staging-cluster"]), 5.0);
}

#[test]
fn a_taken_name_is_refused_and_the_first_stays() {
    let collector = collector();
    let first = operations(&collector);
    let second = collector.registry().counter("other_total", "Other").unwrap();
    collector.register_custom_metric("ops", first).unwrap();
    let error = collector.register_custom_metric("ops", second).unwrap_err();
    assert_eq!(error, CustomMetricError::Duplicate { name: "ops".to_owned() });
    let text = error.to_string();
    assert!(text.contains("\"ops\" is registered already") && text.contains("remove it first"));
    assert!(collector.custom_metric::<CounterFamily<2>>("ops").is_some());
    assert!(collector.custom_metric::<Counter>("ops").is_none());
}

#[test]
fn an_empty_name_is_refused() {
    let collector = collector();
    let error = collector.register_custom_metric("", operations(&collector)).unwrap_err();
    assert_eq!(error, CustomMetricError::EmptyName);
    assert!(error.to_string().contains("needs a name"));
}

#[test]
fn nothing_there_and_the_wrong_type_are_told_apart() {
    let collector = collector();
    collector.register_custom_metric("ops", operations(&collector)).unwrap();

    let error = collector.find_custom_metric::<CounterFamily<2>>("opps").err().unwrap();
    assert_eq!(error, CustomMetricError::NotFound { name: "opps".to_owned() });
    assert!(error.to_string().contains("no custom metric \"opps\""));

    for error in [
        collector.find_custom_metric::<CounterFamily<3>>("ops").err().unwrap(),
        collector.find_custom_metric::<GaugeFamily<2>>("ops").err().unwrap(),
    ] {
        assert!(matches!(error, CustomMetricError::WrongType { .. }), "{error}");
        assert!(error.to_string().starts_with("the custom metric \"ops\" is a "), "{error}");
    }
    assert!(collector.find_custom_metric::<CounterFamily<2>>("ops").is_ok());
}

#[test]
fn a_removed_name_is_free_again_and_clones_go_on() {
    let collector = collector();
    let kept = operations(&collector);
    collector.register_custom_metric("ops", kept.clone()).unwrap();
    assert!(collector.remove_custom_metric("ops"));
    assert!(!collector.remove_custom_metric("ops"), "there is nothing to remove any more");
    assert!(collector.custom_metric::<CounterFamily<2>>("ops").is_none());
    kept.with(["a", "b"]).inc();
    assert_eq!(kept.with(["a", "b"]).value(), 1);
    collector.register_custom_metric("ops", kept).unwrap();
}

/// Of threads that race for one name, one wins, and all see the winner's metric.
#[test]
fn of_racing_registrations_one_wins() {
    let collector = collector();
    let wins: usize = std::thread::scope(|scope| {
        let register = |label: &'static str| {
            let collector = collector.clone();
            scope.spawn(move || collector.register_custom_metric("raced", label).is_ok())
        };
        let threads = ["a", "b", "c", "d", "e", "f", "g", "h"].map(register);
        threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum()
    });
    assert_eq!(wins, 1);
    assert!(collector.custom_metric::<&'static str>("raced").is_some());
}
