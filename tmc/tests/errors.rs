//! The error table as published, the builder, and what I/O errors become.

use std::error::Error;
use std::io;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use tmc_metrics::{
    Classify, ConditionStatus, ErrorType, MetricsCollector, RecoveryAction, Registry, Severity,
    Status, TmcError,
};

/// error_type, default severity, retryable.
const TABLE: &str = "
ResourceNotFound Low no
ResourceConflict Medium no
ResourceValidation Low no
ResourcePermission High no
ClusterUnreachable High yes
ClusterUnavailable Medium yes
ClusterAuthentication Critical no
ClusterConfiguration Medium no
PlacementConstraint High no
PlacementCapacity Medium no
PlacementPolicy Medium no
SyncFailure Medium no
SyncConflict Medium no
SyncTimeout Low yes
MigrationFailure High no
MigrationTimeout Medium yes
MigrationRollback Critical no
AggregationFailure Medium yes
AggregationConflict Medium no
ProjectionFailure Medium yes
ProjectionTransform Medium no
InternalError Critical yes
ConfigurationError Medium no
NetworkConnectivity Medium yes
";

fn rows() -> Vec<[&'static str; 3]> {
    let lines = TABLE.lines().filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split(' ').collect();
            cells.try_into().expect("three cells")
        })
        .collect()
}

#[test]
fn is_the_published_table() {
    let rows = rows();
    assert_eq!(rows.len(), 24);
    assert_eq!(ErrorType::ALL.len(), 24);
    for (error_type, [name, severity, retryable]) in ErrorType::ALL.iter().zip(rows) {
        assert_eq!(error_type.to_string(), name);
        assert_eq!(error_type.as_str(), name);
        assert_eq!(error_type.default_severity().to_string(), severity, "{name}");
        assert_eq!(error_type.is_retryable(), retryable == "yes", "{name}");
    }
}

#[test]
fn severities_are_the_published_four() {
    let words = Severity::ALL.map(|severity| severity.to_string());
    assert_eq!(words, ["Low", "Medium", "High", "Critical"]);
}

/// The escapes take `&'static str` only: a `String` from outside does not compile there.
#[test]
fn an_own_type_and_severity_are_label_values_as_they_are() {
    let own = ErrorType::Custom("QuotaExceeded");
    assert_eq!(own.to_string(), "QuotaExceeded");
    assert_eq!(own.default_severity(), Severity::Medium);
    assert!(!own.is_retryable());
    assert_eq!(Severity::Custom("Fatal").to_string(), "Fatal");
}

#[test]
fn display_pads() {
    assert_eq!(
        format!("{:>12}|{:<8}|", ErrorType::SyncFailure, Severity::Low),
        " SyncFailure|Low     |"
    );
    assert_eq!(
        format!("{:>8}|{:<6}|", RecoveryAction::Retry, ConditionStatus::True),
        "   Retry|True  |"
    );
}

#[test]
fn the_builder_sets_every_field() {
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_640_995_200);
    let error = TmcError::builder(ErrorType::ResourceConflict, "syncer", "update")
        .message("version 7 is not 8")
        .severity(Severity::Custom("Fatal"))
        .retryable(true)
        .cause(io::Error::other("409"))
        .timestamp(at)
        .context("attempt", "1")
        .context("attempt", "2")
        .context("actor", "alice")
        .recovery_hint("read the object again")
        .cluster_name("prod-cluster")
        .logical_cluster("root:production")
        .object("apps/v1/Deployment", "default", "web")
        .build();
    assert_eq!(error.error_type(), ErrorType::ResourceConflict);
    assert_eq!(error.severity(), Severity::Custom("Fatal"));
    assert!(error.is_retryable());
    assert_eq!((error.component(), error.operation()), ("syncer", "update"));
    assert_eq!(error.message(), "version 7 is not 8");
    assert_eq!(error.timestamp(), at);
    assert_eq!(error.context().collect::<Vec<_>>(), [("actor", "alice"), ("attempt", "2")]);
    assert_eq!(error.recovery_hint(), Some("read the object again"));
    assert_eq!(error.cluster_name(), Some("prod-cluster"));
    assert_eq!(error.logical_cluster(), Some("root:production"));
    assert_eq!(error.gvk(), Some("apps/v1/Deployment"));
    assert_eq!((error.namespace(), error.name()), (Some("default"), Some("web")));
    assert_eq!(error.to_string(), "ResourceConflict in syncer, update: version 7 is not 8");
    assert_eq!(error.source().unwrap().to_string(), "409");
    assert!(format!("{error:?}").contains("recovery_hint: Some(\"read the object again\")"));
}

#[test]
fn what_was_not_said_is_absent_and_now() {
    let before = SystemTime::now();
    let error = TmcError::builder(ErrorType::SyncTimeout, "syncer", "get").build();
    assert!(error.source().is_none());
    assert!((before..=SystemTime::now()).contains(&error.timestamp()));
    assert_eq!(error.message(), "A sync took too long.");
    let absent = [
        error.recovery_hint(),
        error.cluster_name(),
        error.logical_cluster(),
        error.gvk(),
        error.namespace(),
        error.name(),
    ];
    assert_eq!(absent, [None; 6]);
    assert_eq!(error.context().count(), 0);
}

/// Two links down, the innermost error can still be reached.
#[test]
fn sources_chain() {
    let inner = TmcError::from_io(io::Error::other("disk"), "store", "write");
    let outer =
        TmcError::builder(ErrorType::MigrationFailure, "mover", "copy").cause(inner).build();
    let store = outer.source().unwrap();
    assert!(store.downcast_ref::<TmcError>().is_some());
    assert_eq!(store.source().unwrap().to_string(), "disk");
}

#[test]
fn io_errors_become_what_the_catalogue_says() {
    use io::ErrorKind as K;
    for (kind, expected) in [
        (K::TimedOut, ErrorType::SyncTimeout),
        (K::WouldBlock, ErrorType::SyncTimeout),
        (K::ConnectionRefused, ErrorType::ClusterUnreachable),
        (K::ConnectionReset, ErrorType::ClusterUnreachable),
        (K::UnexpectedEof, ErrorType::ClusterUnreachable),
        (K::ConnectionAborted, ErrorType::ClusterUnreachable),
        (K::BrokenPipe, ErrorType::ClusterUnreachable),
        (K::NotFound, ErrorType::ResourceNotFound),
        (K::PermissionDenied, ErrorType::ResourcePermission),
        (K::AlreadyExists, ErrorType::InternalError),
        (K::InvalidData, ErrorType::InternalError),
        (K::Other, ErrorType::InternalError),
    ] {
        let error: TmcError = io::Error::new(kind, "said so").into();
        assert_eq!(error.error_type(), expected, "{kind:?}");
        assert_eq!(error.severity(), expected.default_severity(), "{kind:?}");
        assert_eq!(error.is_retryable(), expected.is_retryable(), "{kind:?}");
        assert_eq!(error.message(), "said so");
        let source = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
        assert_eq!(source.kind(), kind);
    }
}

#[derive(Debug, thiserror::Error)]
#[error("outer")]
struct Outer(#[source] Box<dyn Error + Send + Sync>);

#[test]
fn a_boxed_error_is_classified_by_the_first_link_that_knows() {
    let high =
        TmcError::builder(ErrorType::SyncConflict, "a", "b").severity(Severity::High).build();
    let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
    let cases: [(Box<dyn Error + Send + Sync>, ErrorType, Severity); 4] = [
        (Box::new(Outer(Box::new(high))), ErrorType::SyncConflict, Severity::High),
        (Box::new(refused()), ErrorType::ClusterUnreachable, Severity::High),
        (
            Box::new(Outer(Box::new(Outer(Box::new(refused()))))),
            ErrorType::ClusterUnreachable,
            Severity::High,
        ),
        ("just text".into(), ErrorType::InternalError, Severity::Critical),
    ];
    for (error, error_type, severity) in cases {
        assert_eq!((error.error_type(), error.severity()), (error_type, severity), "{error:?}");
        let unsendable: Box<dyn Error> = error;
        assert_eq!((unsendable.error_type(), unsendable.severity()), (error_type, severity));
    }
}

#[test]
fn an_error_is_one_pointer_and_crosses_threads() {
    fn crosses<T: Send + Sync + 'static>() {}
    crosses::<TmcError>();
    assert_eq!(size_of::<TmcError>(), size_of::<usize>());
    assert_eq!(size_of::<Result<(), TmcError>>(), size_of::<usize>());
}

fn any_type() -> impl Strategy<Value = ErrorType> {
    let own = prop::sample::select(vec![ErrorType::Custom("Mine"), ErrorType::Custom("Other")]);
    prop_oneof![8 => prop::sample::select(ErrorType::ALL), 1 => own]
}

fn any_severity() -> impl Strategy<Value = Severity> {
    let mut severities = Severity::ALL.to_vec();
    severities.push(Severity::Custom("Fatal"));
    prop::sample::select(severities)
}

proptest! {
    /// Whatever is overridden, in whatever combination, the rest keeps the type's default, and the
    /// classification that counts is the error's own.
    #[test]
    fn defaults_hold_unless_overridden(
        error_type in any_type(),
        severity in prop::option::of(any_severity()),
        retryable in prop::option::of(any::<bool>()),
        message in prop::option::of(".*"),
    ) {
        let mut builder = TmcError::builder(error_type, "component", "operation");
        if let Some(severity) = severity { builder = builder.severity(severity); }
        if let Some(retryable) = retryable { builder = builder.retryable(retryable); }
        if let Some(message) = &message { builder = builder.message(message); }
        let error = builder.build();

        prop_assert_eq!(error.severity(), severity.unwrap_or(error_type.default_severity()));
        prop_assert_eq!(error.is_retryable(), retryable.unwrap_or(error_type.is_retryable()));
        prop_assert_eq!(Classify::error_type(&error), error_type);
        prop_assert_eq!(Classify::severity(&error), error.severity());
        let ending = format!(": {}", error.message());
        prop_assert!(error.to_string().ends_with(&ending));
        prop_assert!(!error.message().is_empty() || message.as_deref() == Some(""));
    }

    /// Whatever texts come from outside, the label values stay those that the program spells.
    #[test]
    fn no_text_from_outside_becomes_a_label_value(
        errors in prop::collection::vec(error_from_outside(), 1..50)
    ) {
        let registry = Registry::new();
        let collector = MetricsCollector::new(&registry).unwrap();
        for error in &errors {
            collector.operation_tracker("Syncer", "s1", "sync").error(error);
        }
        let snapshot = registry.snapshot();
        let family = snapshot.family("tmc_component_errors_total").unwrap();
        let mut counted = 0.0;
        for series in family.series() {
            let values: Vec<&str> = series.label_values().collect();
            let [_, _, error_type, severity] = values[..] else { panic!("{values:?}") };
            prop_assert!(ErrorType::ALL.iter().any(|known| known.as_str() == error_type), "{}", error_type);
            prop_assert!(Severity::ALL.iter().any(|known| known.as_str() == severity), "{}", severity);
            counted += series.value().as_f64();
        }
        prop_assert_eq!(counted, errors.len() as f64);
    }
}

/// Errors with texts of others: an API server's answer, a library's message, a name of an object.
fn error_from_outside() -> impl Strategy<Value = Box<dyn Error + Send + Sync>> {
    let text = "[ -~]{0,12}|NotFound|Conflict|Critical";
    prop_oneof![
        (any::<u16>(), text, text).prop_map(|(code, reason, message)| {
            Box::new(Status::new(code, reason, message)) as Box<dyn Error + Send + Sync>
        }),
        text.prop_map(|message| io::Error::other(message).into()),
        text.prop_map(Into::into),
        (prop::sample::select(ErrorType::ALL), text, text).prop_map(
            |(error_type, name, message)| {
                let error = TmcError::builder(error_type, &*name, &*message);
                error.name(&*name).message(message).context("reason", name).build().into()
            }
        ),
    ]
}
