//! What answers of a Kubernetes API server become, as the published table says, without kube-rs.

use std::error::Error;
use std::io;
use std::net::ToSocketAddrs;
use std::time::Duration;

use proptest::prelude::*;
use tmc_metrics::{
    Classify, ErrorType, RecoveryAction, Status, StatusDetails, TmcError, convert_kubernetes_error,
};

/// The table's rows: reason, code, error type, retryable.
const TABLE: [(&str, u16, ErrorType, bool); 13] = [
    ("NotFound", 404, ErrorType::ResourceNotFound, false),
    ("AlreadyExists", 409, ErrorType::ResourceConflict, true),
    ("Conflict", 409, ErrorType::ResourceConflict, true),
    ("Forbidden", 403, ErrorType::ResourcePermission, false),
    ("Unauthorized", 401, ErrorType::ClusterAuthentication, false),
    ("Timeout", 504, ErrorType::SyncTimeout, true),
    ("ServerTimeout", 0, ErrorType::ClusterUnavailable, true),
    ("ServiceUnavailable", 503, ErrorType::ClusterUnavailable, true),
    ("TooManyRequests", 429, ErrorType::ClusterUnavailable, true),
    ("InternalError", 500, ErrorType::InternalError, true),
    ("Invalid", 422, ErrorType::ResourceValidation, false),
    ("BadRequest", 400, ErrorType::ResourceValidation, false),
    ("Gone", 410, ErrorType::InternalError, true),
];

fn convert(status: &Status) -> TmcError {
    TmcError::from_status(status, "syncer", "sync-deployment")
}

#[test]
fn every_row_holds_by_reason_and_by_code() {
    for (reason, code, expected, retryable) in TABLE {
        let by_both = Status::new(code, reason, "said so");
        let by_reason = Status::new(0, reason, "said so");
        let by_code = Status::new(code, "", "said so");
        let by_code_of_a_proxy = Status::new(code, "Failed to parse error data", "said so");
        let by_codes = [by_code, by_code_of_a_proxy];
        let coded = if code == 0 { &[][..] } else { &by_codes };
        for status in [by_both, by_reason].iter().chain(coded) {
            let error = convert(status);
            assert_eq!(error.error_type(), expected, "{status:?}");
            assert_eq!(error.is_retryable(), retryable, "{status:?}");
            assert_eq!(error.severity(), expected.default_severity(), "{status:?}");
            assert_eq!(error.message(), "said so");
            assert_eq!(Classify::error_type(status), expected);
            assert_eq!(Classify::is_retryable(status), retryable);
        }
    }
}

/// A ServerTimeout comes with code 500 (or 504 through a proxy), and is no InternalError or SyncTimeout.
#[test]
fn the_reason_comes_before_the_code() {
    for code in [500, 504] {
        let error = convert(&Status::new(code, "ServerTimeout", ""));
        assert_eq!(error.error_type(), ErrorType::ClusterUnavailable);
    }
    let error = convert(&Status::new(503, "InternalError", ""));
    assert_eq!(error.error_type(), ErrorType::InternalError);
}

#[test]
fn an_answer_is_read_from_the_servers_json() {
    let answer = r#"{
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "etcd is busy", "reason": "TooManyRequests",
        "details": {"name": "web", "group": "apps", "kind": "deployments",
            "causes": [{"message": "busy"}], "retryAfterSeconds": 7},
        "code": 429
    }"#;
    let status: Status = serde_json::from_str(answer).unwrap();
    assert_eq!(Classify::retry_after(&status), Some(Duration::from_secs(7)));
    let error = convert(&status);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    assert_eq!((error.gvk(), error.name()), (Some("apps/deployments"), Some("web")));
    let context: Vec<_> = error.context().collect();
    assert_eq!(context, [("code", "429"), ("reason", "TooManyRequests")]);

    let again: Status = serde_json::from_str(&serde_json::to_string(&status).unwrap()).unwrap();
    assert_eq!(again, status);
}

#[test]
fn what_the_server_did_not_say_is_absent() {
    let status: Status = serde_json::from_str("{}").unwrap();
    let error = convert(&status);
    assert_eq!(error.error_type(), ErrorType::InternalError);
    assert_eq!(error.message(), "code 0, without a reason or message");
    assert_eq!((error.gvk(), error.name(), error.retry_after()), (None, None, None));
    assert_eq!(error.context().count(), 0);

    let core = StatusDetails { kind: "pods".into(), ..StatusDetails::default() };
    let status = Status { details: Some(core), ..Status::new(404, "NotFound", "") };
    let error = convert(&status);
    assert_eq!((error.gvk(), error.name(), error.retry_after()), (Some("pods"), None, None));
    assert_eq!(error.message(), "NotFound, code 404, without a message");
}

#[derive(Debug, thiserror::Error)]
#[error("outer")]
struct Outer(#[source] Box<dyn Error + Send + Sync>);

#[test]
fn any_error_can_be_converted() {
    let mine = TmcError::builder(ErrorType::SyncConflict, "a", "b").context("k", "v").build();
    let same = convert_kubernetes_error(mine, "syncer", "sync");
    assert_eq!((same.component(), same.context().count()), ("a", 1));

    let status = Status::new(409, "Conflict", "changed");
    let direct = convert_kubernetes_error(status.clone(), "syncer", "sync");
    let nested = convert_kubernetes_error(Outer(Box::new(status)), "syncer", "sync");
    for error in [&direct, &nested] {
        assert_eq!((error.error_type(), error.is_retryable()), (ErrorType::ResourceConflict, true));
        assert_eq!((error.component(), error.operation()), ("syncer", "sync"));
    }
    assert_eq!((direct.message(), nested.message()), ("changed", "outer"));
    assert!(nested.source().unwrap().is::<Outer>());

    let io = io::Error::from(io::ErrorKind::TimedOut);
    let error = convert_kubernetes_error(Outer(Box::new(io)), "syncer", "sync");
    assert_eq!(error.error_type(), ErrorType::SyncTimeout);

    let error = convert_kubernetes_error("just text", "syncer", "sync");
    assert_eq!((error.error_type(), error.message()), (ErrorType::InternalError, "just text"));
}

/// The kind of such an error says nothing, and its sources pass over what it wraps.
#[test]
fn what_an_io_error_wraps_is_asked() {
    let conflict = || Status::new(409, "Conflict", "changed");
    let error = TmcError::from_io(io::Error::other(conflict()), "syncer", "read");
    assert_eq!((error.error_type(), error.is_retryable()), (ErrorType::ResourceConflict, true));
    let error = TmcError::from_io(io::Error::other(Outer(conflict().into())), "syncer", "read");
    assert_eq!(error.error_type(), ErrorType::ResourceConflict);
    let timed_out = io::Error::other(io::Error::from(io::ErrorKind::TimedOut));
    assert_eq!(Classify::error_type(&timed_out), ErrorType::SyncTimeout);
    let tls = io::Error::new(io::ErrorKind::InvalidData, rustls::Error::HandshakeNotComplete);
    assert_eq!(Classify::error_type(&tls), ErrorType::ClusterUnreachable);
}

/// A label of a host name has 63 letters at most, so no name server needs to be asked.
#[test]
fn a_host_name_that_cannot_be_looked_up_is_an_unreachable_cluster() {
    let error = (format!("{}.invalid", "a".repeat(64)), 443).to_socket_addrs().unwrap_err();
    assert_eq!(Classify::error_type(&error), ErrorType::ClusterUnreachable, "{error:?}");
}

#[test]
fn recovery_actions_are_listed_for_every_type() {
    let mut used = Vec::new();
    for error_type in ErrorType::ALL.iter().copied().chain([ErrorType::Custom("Mine")]) {
        let actions = error_type.recovery_actions();
        assert!(!actions.is_empty(), "{error_type}");
        let retry = actions.contains(&RecoveryAction::Retry);
        assert_eq!(retry, error_type.is_retryable(), "{error_type}");
        used.extend_from_slice(actions);

        for retryable in [false, true] {
            let error = TmcError::builder(error_type, "a", "b").retryable(retryable).build();
            let actions: Vec<_> = error.recovery_actions().collect();
            let retries = actions.iter().filter(|action| **action == RecoveryAction::Retry).count();
            assert_eq!(retries, usize::from(retryable), "{error_type}");
            assert!(!retryable || actions[0] == RecoveryAction::Retry);
        }
    }
    for action in RecoveryAction::ALL {
        assert!(used.contains(action), "{action} is of no type");
        assert!(action.description().ends_with('.'));
    }
}

proptest! {
    /// Any answer at all gives an error of one of the table's types, and a message that says something.
    #[test]
    fn any_answer_is_an_error(
        code in any::<u16>(), reason in "\\PC*", message in "\\PC*",
        seconds in prop::option::of(any::<u32>()),
    ) {
        let details = seconds.map(|retry_after_seconds| StatusDetails {
            retry_after_seconds, ..StatusDetails::default()
        });
        let status = Status { details, ..Status::new(code, reason, message) };
        let error = convert(&status);
        prop_assert!(TABLE.iter().any(|row| row.2 == error.error_type()));
        prop_assert!(!error.message().is_empty());
        let kept = error.retry_after().map_or(0, |delay| delay.as_secs());
        prop_assert_eq!(kept, u64::from(seconds.unwrap_or(0)));
    }
}
