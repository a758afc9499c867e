//! What `kube::Error` becomes: made by hand for each variant, and by a real client against sockets.

use std::error::Error;
use std::io;
use std::net::TcpListener;
use std::time::Duration;

use kube::core::Status as KubeStatus;
use kube::core::response::StatusDetails as KubeDetails;
use kube::error::DiscoveryError;
use tmc_metrics::{
    Classify, ErrorType, MetricsCollector, Registry, Severity, Status, StatusDetails, TmcError,
    convert_kubernetes_error, track_operation,
};

fn answer(code: u16, reason: &str) -> kube::Error {
    kube::Error::Api(KubeStatus::failure("said so", reason).with_code(code).boxed())
}

fn service(error: impl Into<Box<dyn Error + Send + Sync>>) -> kube::Error {
    kube::Error::Service(error.into())
}

#[test]
fn answers_follow_the_table() {
    for (code, reason, expected, retryable) in [
        (404, "NotFound", ErrorType::ResourceNotFound, false),
        (409, "AlreadyExists", ErrorType::ResourceConflict, true),
        (409, "Conflict", ErrorType::ResourceConflict, true),
        (403, "Forbidden", ErrorType::ResourcePermission, false),
        (401, "Unauthorized", ErrorType::ClusterAuthentication, false),
        (504, "Timeout", ErrorType::SyncTimeout, true),
        (500, "ServerTimeout", ErrorType::ClusterUnavailable, true),
        (503, "ServiceUnavailable", ErrorType::ClusterUnavailable, true),
        (429, "TooManyRequests", ErrorType::ClusterUnavailable, true),
        (500, "InternalError", ErrorType::InternalError, true),
        (422, "Invalid", ErrorType::ResourceValidation, false),
        (400, "BadRequest", ErrorType::ResourceValidation, false),
        (410, "Expired", ErrorType::InternalError, true),
        (503, "", ErrorType::ClusterUnavailable, true),
    ] {
        assert_eq!(Classify::error_type(&answer(code, reason)), expected, "{reason}");
        assert_eq!(Classify::is_retryable(&answer(code, reason)), retryable, "{reason}");
        let error = TmcError::from_kube(answer(code, reason), "syncer", "get");
        assert_eq!((error.error_type(), error.is_retryable()), (expected, retryable), "{reason}");
        assert_eq!(error.severity(), expected.default_severity());
        assert_eq!(error.message(), "said so");
        assert!(error.source().unwrap().is::<kube::Error>());
    }
}

#[test]
fn details_of_an_answer_are_kept() {
    let details = KubeDetails {
        name: "web".into(),
        group: "apps".into(),
        kind: "deployments".into(),
        uid: String::new(),
        causes: Vec::new(),
        retry_after_seconds: 3,
    };
    let status =
        KubeStatus::failure("busy", "TooManyRequests").with_code(429).with_details(details);
    let whole = kube::Error::Api(status.clone().boxed());
    assert_eq!(whole.retry_after(), Some(Duration::from_secs(3)));
    let converted = [
        convert_kubernetes_error(whole, "syncer", "get"),
        convert_kubernetes_error(status, "syncer", "get"),
    ];
    for error in converted {
        assert_eq!((error.gvk(), error.name()), (Some("apps/deployments"), Some("web")));
        assert_eq!(error.message(), "busy");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(3)));
        assert_eq!(
            error.context().collect::<Vec<_>>(),
            [("code", "429"), ("reason", "TooManyRequests")]
        );
    }
}

#[test]
fn every_other_variant_has_its_type() {
    use io::ErrorKind as K;
    let kind = io::Error::from;
    let json = serde_json::from_str::<u8>("x").unwrap_err();
    let utf8 = String::from_utf8(vec![0xff]).unwrap_err();
    let mine = TmcError::builder(ErrorType::PlacementPolicy, "gate", "check").build();
    for (error, expected) in [
        (service(kind(K::ConnectionRefused)), ErrorType::ClusterUnreachable),
        (service(kind(K::ConnectionReset)), ErrorType::ClusterUnreachable),
        (service(io::Error::other("no such host")), ErrorType::ClusterUnreachable),
        (service(io::Error::new(K::InvalidData, "bad certificate")), ErrorType::ClusterUnreachable),
        (service(kind(K::NotFound)), ErrorType::ClusterUnreachable),
        (service(kind(K::TimedOut)), ErrorType::SyncTimeout),
        (service(io::Error::other(kind(K::TimedOut))), ErrorType::SyncTimeout),
        (service(tower::timeout::error::Elapsed::new()), ErrorType::SyncTimeout),
        // An I/O error's sources pass over what it wraps.
        (service(io::Error::other(tower::timeout::error::Elapsed::new())), ErrorType::SyncTimeout),
        (service(io::Error::other(mine.clone())), ErrorType::PlacementPolicy),
        (service(mine), ErrorType::PlacementPolicy),
        (kube::Error::ReadEvents(kind(K::UnexpectedEof)), ErrorType::ClusterUnreachable),
        (kube::Error::ReadEvents(kind(K::TimedOut)), ErrorType::SyncTimeout),
        (
            kube::Error::Auth(kube::client::AuthError::AuthExec("no".into())),
            ErrorType::ClusterAuthentication,
        ),
        (kube::Error::TlsRequired, ErrorType::ClusterConfiguration),
        (
            kube::Error::InferKubeconfig(kube::config::KubeconfigError::CurrentContextNotSet),
            ErrorType::ClusterConfiguration,
        ),
        (
            kube::Error::Discovery(DiscoveryError::MissingKind("Widget".into())),
            ErrorType::ResourceNotFound,
        ),
        (
            kube::Error::Discovery(DiscoveryError::InvalidGroupVersion("a/b/c".into())),
            ErrorType::ResourceValidation,
        ),
        (kube::Error::SerdeError(json), ErrorType::InternalError),
        (kube::Error::FromUtf8(utf8), ErrorType::InternalError),
        (kube::Error::LinesCodecMaxLineLengthExceeded, ErrorType::InternalError),
    ] {
        let text = format!("{error:?}");
        assert_eq!(Classify::error_type(&error), expected, "{text}");
        assert_eq!(Classify::is_retryable(&error), expected.is_retryable(), "{text}");
        let boxed: Box<dyn Error + Send + Sync> = Box::new(error);
        assert_eq!(boxed.error_type(), expected, "{text}");
        let error = convert_kubernetes_error(boxed, "syncer", "get");
        assert_eq!(error.error_type(), expected, "{text}");
        assert!(error.source().unwrap().is::<kube::Error>());
    }
}

/// Credentials that run out while the client runs are asked for by a layer of it, whose error arrives
/// as one of the service's.
#[test]
fn credentials_that_are_not_to_be_had_are_no_connection() {
    let refused = || kube::client::AuthError::AuthExec("no token".into());
    for error in [service(refused()), service(io::Error::other(refused()))] {
        assert_eq!(Classify::error_type(&error), ErrorType::ClusterAuthentication);
        assert!(!Classify::is_retryable(&error));
    }
}

/// What a layer between client and cluster says of itself stays as it said it: severity, whether and
/// when to try again.
#[test]
fn an_error_of_a_layer_keeps_its_class() {
    let mine = TmcError::builder(ErrorType::ClusterUnavailable, "gate", "check")
        .severity(Severity::Custom("Quiet"))
        .retryable(false)
        .build();
    let busy = Status {
        details: Some(StatusDetails { retry_after_seconds: 7, ..StatusDetails::default() }),
        ..Status::new(409, "Conflict", "changed")
    };
    let quiet = (ErrorType::ClusterUnavailable, Severity::Custom("Quiet"), false, None);
    let asked = (ErrorType::ResourceConflict, Severity::Medium, true, Some(Duration::from_secs(7)));
    for (error, expected) in [
        (service(mine.clone()), quiet),
        (service(io::Error::other(mine)), quiet),
        (service(busy.clone()), asked),
        (service(service(busy)), asked),
    ] {
        let class =
            (error.error_type(), error.severity(), error.is_retryable(), error.retry_after());
        assert_eq!(class, expected);
    }
}

#[test]
fn an_answer_is_recognised_wherever_it_is_a_cause() {
    let status = || KubeStatus::failure("changed", "Conflict").with_code(409);
    let causes: [Box<dyn Error + Send + Sync>; 4] = [
        status().into(),
        status().boxed().into(),
        io::Error::other(status()).into(),
        io::Error::other(status().boxed()).into(),
    ];
    for cause in causes {
        assert_eq!(cause.error_type(), ErrorType::ResourceConflict, "{cause:?}");
        assert!(cause.is_retryable());
        assert_eq!(Classify::error_type(&service(cause)), ErrorType::ResourceConflict);
    }
    assert_eq!(Classify::error_type(&status()), ErrorType::ResourceConflict);
}

#[cfg(feature = "tokio")]
#[test]
fn a_time_out_of_tokios_is_one_wherever_it_is_a_cause() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let never = std::future::pending::<()>();
    let elapsed =
        runtime.block_on(async { tokio::time::timeout(Duration::ZERO, never).await }).unwrap_err();
    let boxed: Box<dyn Error + Send + Sync> = elapsed.into();
    assert_eq!(boxed.error_type(), ErrorType::SyncTimeout);
    assert_eq!(Classify::error_type(&io::Error::other(boxed)), ErrorType::SyncTimeout);
}

#[test]
fn a_tracked_operation_counts_it() {
    let registry = Registry::new();
    let collector = MetricsCollector::new(&registry).unwrap();
    let result: Result<(), _> =
        track_operation(&collector, "syncer", "cluster-1", "get", || Err(answer(409, "Conflict")));
    assert!(matches!(result, Err(kube::Error::Api(_))));
    let snapshot = registry.snapshot();
    let errors = snapshot.family("tmc_component_errors_total").unwrap();
    let series = errors.get(&["syncer", "cluster-1", "ResourceConflict", "Medium"]).unwrap();
    assert_eq!(series.value().as_f64(), 1.0);
}

/// Asks a real client for the version of the server at `uri`.
fn ask(uri: &str, read_timeout: Option<Duration>) -> kube::Error {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut config = kube::Config::new(uri.parse().unwrap());
        config.read_timeout = read_timeout;
        let client = kube::Client::try_from(config).unwrap();
        client.apiserver_version().await.unwrap_err()
    })
}

#[test]
fn a_refused_connection_is_an_unreachable_cluster() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = ask(&uri, None);
    assert_eq!(Classify::error_type(&error), ErrorType::ClusterUnreachable, "{error:?}");
}

#[test]
fn a_host_without_an_address_is_an_unreachable_cluster() {
    let error = ask(&format!("http://{}.invalid", "a".repeat(64)), None);
    assert_eq!(Classify::error_type(&error), ErrorType::ClusterUnreachable, "{error:?}");
}

#[test]
fn a_connection_that_is_closed_without_an_answer_is_an_unreachable_cluster() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || drop(listener.accept()));
    let error = ask(&uri, None);
    server.join().unwrap();
    assert_eq!(Classify::error_type(&error), ErrorType::ClusterUnreachable, "{error:?}");
}

/// The listener's queue takes the connection, and nobody ever answers.
#[test]
fn a_server_that_does_not_answer_is_a_time_out() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    let error = ask(&uri, Some(Duration::from_millis(50)));
    assert_eq!(Classify::error_type(&error), ErrorType::SyncTimeout, "{error:?}");
}
