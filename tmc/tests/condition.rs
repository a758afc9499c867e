//! Conditions against the rules of `metav1.Condition`, and what else an error serializes as.

use std::io;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use regex::Regex;
use serde_json::{Value, json};
use tmc_metrics::{Condition, ConditionError, ConditionStatus, ErrorType, TmcError};

/// The patterns of Kubernetes' own source, `k8s.io/apimachinery/pkg/apis/meta/v1/types.go`.
const TYPE: &str = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$";
const REASON: &str = r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$";
const CAMEL_CASE: &str = r"^([A-Z][A-Za-z0-9]*)$";
const TIME: &str = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$";

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn json_of(condition: &Condition) -> Value {
    serde_json::to_value(condition).unwrap()
}

fn matches(pattern: &str, text: &str) -> bool {
    Regex::new(pattern).unwrap().is_match(text)
}

#[test]
fn a_condition_is_what_kubernetes_prints() {
    let error = TmcError::builder(ErrorType::SyncFailure, "syncer", "sync-deployment")
        .message("the target rejected the object")
        .recovery_hint("make labels a map")
        .timestamp(at(1_640_995_200))
        .build();
    assert_eq!(
        json_of(&error.condition()),
        json!({
            "type": "Ready",
            "status": "False",
            "lastTransitionTime": "2022-01-01T00:00:00Z",
            "reason": "SyncFailure",
            "message": "syncer, sync-deployment: the target rejected the object; make labels a map",
        })
    );
    let degraded = error
        .condition()
        .of_type("tmc.example.com/Degraded")
        .and_then(|condition| condition.observed_generation(4))
        .unwrap()
        .status(ConditionStatus::True)
        .last_transition_time(at(0));
    let degraded = json_of(&degraded);
    assert_eq!(degraded["type"], "tmc.example.com/Degraded");
    assert_eq!((&degraded["status"], &degraded["observedGeneration"]), (&json!("True"), &json!(4)));
    assert_eq!(degraded["lastTransitionTime"], "1970-01-01T00:00:00Z");
}

#[test]
fn a_message_is_cut_where_it_is_too_long_and_not_before() {
    let place = "syncer, sync: ".len();
    for (length, kept) in [(32_767, 32_767), (32_768, 32_768), (32_769, 32_765)] {
        let message = "x".repeat(length - place);
        let error = TmcError::builder(ErrorType::SyncFailure, "syncer", "sync").message(message);
        let condition = json_of(&error.build().condition());
        let whole = condition["message"].as_str().unwrap();
        let cut = whole.strip_suffix("...");
        assert_eq!((cut.is_some(), cut.unwrap_or(whole).len()), (kept != length, kept), "{length}");
    }
}

#[test]
fn a_negative_generation_is_refused_by_name() {
    let condition = TmcError::builder(ErrorType::SyncFailure, "a", "b").build().condition();
    let first = condition.clone().observed_generation(0).unwrap();
    assert_eq!(json_of(&first)["observedGeneration"], 0);
    let refused = condition.observed_generation(-1).unwrap_err();
    assert_eq!(refused, ConditionError::Generation(-1));
    assert!(refused.to_string().contains("observed generation -1"));
}

#[test]
fn a_reason_is_the_error_type() {
    for error_type in ErrorType::ALL {
        let condition = TmcError::builder(*error_type, "a", "b").build().condition();
        assert_eq!(json_of(&condition)["reason"], error_type.as_str());
    }
    for (own, reason) in [
        ("quota exceeded", "QuotaExceeded"),
        ("quota_exceeded-2", "QuotaExceeded2"),
        ("429", "Unknown"),
        ("3 strikes", "Strikes"),
        ("", "Unknown"),
        ("überlastet", "Berlastet"),
    ] {
        let condition = TmcError::builder(ErrorType::Custom(own), "a", "b").build().condition();
        assert_eq!(json_of(&condition)["reason"], reason, "{own}");
    }
}

/// The calendar's ends, which RFC 3339 cannot pass.
#[test]
fn any_time_can_be_written() {
    for (seconds, before, expected) in [
        (i64::MAX.unsigned_abs(), false, "9999-"),
        (253_402_300_800, false, "9999-"),
        (1, true, "1969-12-31T23:59:59Z"),
        (62_200_000_000, true, "0000-01-01T00:00:00Z"),
        (1 << 60, true, "0000-01-01T00:00:00Z"),
    ] {
        let span = Duration::from_secs(seconds);
        let epoch = SystemTime::UNIX_EPOCH;
        let time = if before { epoch.checked_sub(span) } else { epoch.checked_add(span) };
        let Some(time) = time else { continue };
        let error = TmcError::builder(ErrorType::SyncFailure, "a", "b").timestamp(time).build();
        let condition = json_of(&error.condition());
        let text = condition["lastTransitionTime"].as_str().unwrap();
        assert!(text.starts_with(expected) && matches(TIME, text), "{text}");
    }
}

#[test]
fn an_error_serializes_for_logs() {
    let error = TmcError::builder(ErrorType::ClusterUnavailable, "syncer", "sync")
        .message("busy")
        .timestamp(at(1_640_995_200) + Duration::from_millis(250))
        .retry_after(Duration::from_millis(1500))
        .cluster_name("prod-cluster")
        .context("attempt", "3")
        .cause(TmcError::from_io(io::Error::other("disk full"), "store", "write"))
        .build();
    assert_eq!(
        serde_json::to_value(&error).unwrap(),
        json!({
            "error_type": "ClusterUnavailable",
            "severity": "Medium",
            "component": "syncer",
            "operation": "sync",
            "message": "busy",
            "timestamp": "2022-01-01T00:00:00.25Z",
            "retryable": true,
            "retry_after_seconds": 1.5,
            "cluster_name": "prod-cluster",
            "context": {"attempt": "3"},
            "causes": ["InternalError in store, write: disk full", "disk full"],
        })
    );
}

/// Literals that somebody may have thought a good type.
fn any_type() -> impl Strategy<Value = ErrorType> {
    prop_oneof![
        prop::sample::select(ErrorType::ALL),
        // A test may leak what a program has as literals.
        "\\PC{0,40}".prop_map(|text| ErrorType::Custom(text.leak())),
        Just(ErrorType::Custom("word-".repeat(1000).leak())),
    ]
}

proptest! {
    #[test]
    fn any_error_makes_a_condition_that_an_api_server_takes(
        error_type in any_type(),
        message in prop_oneof![
            "\\PC{0,100}",
            (32_700_usize..33_000).prop_map(|length| "é".repeat(length / 2)),
            (32_700_usize..33_000).prop_map(|length| "x".repeat(length)),
        ],
        hint in prop::option::of("\\PC{0,100}"),
        seconds in any::<u64>(),
    ) {
        let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
        let mut builder = TmcError::builder(error_type, "syncer", "sync")
            .message(&message)
            .timestamp(time.unwrap_or(SystemTime::UNIX_EPOCH));
        if let Some(hint) = &hint {
            builder = builder.recovery_hint(hint);
        }
        let condition = json_of(&builder.build().condition());
        let text = |key: &str| condition[key].as_str().unwrap();

        prop_assert!(matches(TYPE, text("type")));
        let reason = text("reason");
        prop_assert!(matches(REASON, reason) && matches(CAMEL_CASE, reason), "{reason}");
        prop_assert!(reason.len() <= 1024);
        prop_assert!(text("message").len() <= 32_768);
        prop_assert!(matches(TIME, text("lastTransitionTime")));
        // Nothing is cut that need not be.
        let whole = format!("syncer, sync: {message}{}", hint.map_or(String::new(), |hint| format!("; {hint}")));
        if whole.len() <= 32_768 {
            prop_assert_eq!(text("message"), whole);
        } else {
            let kept = text("message").strip_suffix("...").unwrap();
            prop_assert!(whole.starts_with(kept) && kept.len() > 32_768 - 8);
        }
    }

    /// The types taken are exactly those that the pattern takes, up to its length.
    #[test]
    fn a_type_is_checked_as_an_api_server_does(text in prop_oneof![
        "[a-zA-Z0-9./_-]{0,8}", "[ab.-]{0,4}/[aB._-]{0,3}", "[a-z0-9.-]{0,5}/[A-Za-z_.-]{0,5}", "\\PC{0,6}", "[a-b]{310,320}",
    ]) {
        let condition = TmcError::builder(ErrorType::SyncFailure, "a", "b").build().condition();
        let taken = matches(TYPE, &text) && text.len() <= 316;
        prop_assert_eq!(condition.of_type(text.as_str()).is_ok(), taken, "{:?}", text);
    }
}
