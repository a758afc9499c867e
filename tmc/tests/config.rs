//! Configuration: defaults, both formats, and each refusal by name.

use std::time::Duration;

use tmc_metrics::{ConfigError, FamilyConfig, MetricsCollector, MetricsConfig};

fn json(text: &str) -> Result<MetricsConfig, ConfigError> {
    MetricsConfig::from_json(text)
}

/// The configuration is refused with an error whose text has all of these words.
#[track_caller]
fn refused(text: &str, words: &[&str]) -> ConfigError {
    let error = json(text).expect_err(text);
    for word in words {
        assert!(error.to_string().contains(word), "{error:?} does not say {word:?}");
    }
    let yaml = MetricsConfig::from_yaml(text).expect_err("the same text, read as YAML");
    for word in words {
        assert!(yaml.to_string().contains(word), "YAML: {yaml:?} does not say {word:?}");
    }
    error
}

#[test]
fn defaults_are_the_documented_ones() {
    let config = MetricsConfig::default();
    assert!(config.enabled && config.prometheus_enabled);
    assert_eq!(config.prometheus_port, 8080);
    assert_eq!(config.prometheus_path, "/metrics");
    assert_eq!(config.collection_interval, Duration::from_secs(30));
    assert_eq!(config.retention_period, Duration::from_secs(24 * 3600));
    assert!(config.listen_address.is_unspecified());
    assert_eq!(config.validate(), Ok(()));
    assert_eq!(json("{}"), Ok(config.clone()));
    for empty in ["", "{}", "# nothing but a comment\n", "---\n"] {
        assert_eq!(MetricsConfig::from_yaml(empty), Ok(config.clone()), "{empty:?}");
    }
}

#[test]
fn json_and_yaml_say_the_same() {
    let from_json = json(
        r#"{"enabled": true, "prometheus_enabled": false, "prometheus_port": 0,
            "prometheus_path": "/m", "listen_address": "::1", "collection_interval": "1m30s",
            "web_config_file": "web.yml", "open_probes": true,
            "retention_period": 3600, "prefix": "acme", "constant_labels": {"region": "eu"},
            "series_limit": 50, "families": {"tmc_sync_duration_seconds":
            {"buckets": [0.5, 1, 2], "digits": 3, "series_limit": 9, "retention_period": "2h"}}}"#,
    )
    .unwrap();
    let from_yaml = MetricsConfig::from_yaml(
        "
enabled: true
prometheus-enabled: false
prometheus-port: 0
prometheus-path: /m
listen-address: '::1'
web-config-file: web.yml
open-probes: true
collection-interval: 1m30s
retention-period: 1h
prefix: acme
constant-labels: {region: eu}
series-limit: 50
families:
  tmc_sync_duration_seconds:
    buckets: [0.5, 1, 2]
    digits: 3
    series-limit: 9
    retention-period: 2h
",
    )
    .unwrap();
    assert_eq!(from_json, from_yaml);
    assert_eq!(from_yaml.collection_interval, Duration::from_secs(90));
    assert_eq!(from_yaml.web_config_file.as_deref(), Some("web.yml".as_ref()));
    let family = FamilyConfig {
        buckets: Some(vec![0.5, 1.0, 2.0]),
        digits: Some(3),
        series_limit: Some(9),
        retention_period: Some(Duration::from_secs(7200)),
    };
    assert_eq!(from_yaml.families["tmc_sync_duration_seconds"], family);
}

#[test]
fn durations_are_read_as_people_write_them() {
    for (text, millis) in [
        ("30", 30_000),
        ("0.25", 250),
        ("\"30\"", 30_000),
        ("\"30s\"", 30_000),
        ("\"500ms\"", 500),
        ("\"1m30s\"", 90_000),
        ("\" 1h 5m \"", 3_900_000),
        ("\"1.5h\"", 5_400_000),
        ("\"2 d\"", 172_800_000),
        ("\"1000us\"", 1),
    ] {
        let config = json(&format!("{{\"collection_interval\": {text}}}")).expect(text);
        assert_eq!(config.collection_interval, Duration::from_millis(millis), "{text}");
    }
}

#[test]
fn a_duration_that_is_none_is_refused_by_field() {
    for (value, reason) in [
        ("\"30 parsecs\"", "unknown unit \"parsecs\""),
        ("\"soon\"", "no number before \"soon\""),
        ("\"1m30\"", "no unit after 30"),
        ("\"\"", "is empty"),
        ("\"1.2.3s\"", "\"1.2.3\", which is no number"),
        ("-5", "negative"),
        ("\"99999999999999999999s\"", "too large"),
        ("\"999999999999999d\"", "too large"),
        ("1e300", "too large"),
        ("true", "a number of seconds"),
    ] {
        for field in ["collection_interval", "retention_period"] {
            refused(&format!("{{\"{field}\": {value}}}"), &[field, reason, "\"30s\""]);
        }
    }
}

#[test]
fn an_empty_path_is_refused() {
    let error = refused(r#"{"prometheus_path": ""}"#, &["prometheus_path", "empty", "/metrics"]);
    assert_eq!(error, ConfigError::EmptyPath);
}

#[test]
fn a_path_without_leading_slash_is_refused_with_the_fix() {
    let words = ["prometheus_path \"metrics\"", "does not begin with a slash", "\"/metrics\""];
    let error = refused(r#"{"prometheus_path": "metrics"}"#, &words);
    assert_eq!(error, ConfigError::RelativePath { path: "metrics".to_owned() });
}

#[test]
fn a_path_that_no_request_can_ask_for_is_refused() {
    for (path, character) in
        [("/a b", ' '), ("/a?b", '?'), ("/a#b", '#'), ("/ä", 'ä'), ("/a\tb", '\t')]
    {
        let config = MetricsConfig { prometheus_path: path.to_owned(), ..Default::default() };
        let expected = ConfigError::PathCharacter { path: path.to_owned(), character };
        assert!(expected.to_string().contains("prometheus_path"));
        assert_eq!(config.validate(), Err(expected));
    }
}

#[test]
fn a_path_where_something_else_is_served_is_refused() {
    for path in ["/healthz", "/readyz", "/summary", "/components"] {
        let error = refused(
            &format!(r#"{{"prometheus_path": "{path}"}}"#),
            &["prometheus_path", path, "taken by health or the summary"],
        );
        assert_eq!(error, ConfigError::ReservedPath { path: path.to_owned() });
    }
}

#[test]
fn a_zero_interval_is_refused_in_every_spelling() {
    for zero in ["0", "0.0", "\"0s\"", "\"0\"", "\"0h0m\""] {
        let error = refused(
            &format!("{{\"collection_interval\": {zero}}}"),
            &["collection_interval is zero", "\"30s\""],
        );
        let field = "collection_interval";
        assert_eq!(error, ConfigError::ZeroDuration { field: field.to_owned(), example: "30s" });
    }
}

#[test]
fn a_zero_retention_is_refused() {
    refused(r#"{"retention_period": 0}"#, &["retention_period is zero", "\"24h\""]);
}

#[test]
fn a_port_is_sixteen_bits_and_zero_is_one() {
    assert_eq!(json(r#"{"prometheus_port": 0}"#).unwrap().prometheus_port, 0);
    refused(r#"{"prometheus_port": 65536}"#, &["65536"]);
    refused(r#"{"prometheus_port": -1}"#, &["-1"]);
}

#[test]
fn an_unknown_key_is_refused_and_the_known_ones_are_named() {
    refused(r#"{"promethius_port": 1}"#, &["promethius_port", "prometheus_port"]);
    refused(r#"{"families": {"x": {"bukkets": [1]}}}"#, &["bukkets", "buckets"]);
}

#[test]
fn an_address_that_is_none_is_refused() {
    refused(r#"{"listen_address": "everywhere"}"#, &["IP address"]);
}

#[test]
fn text_that_is_neither_is_refused_with_its_place() {
    let error = json("{\n  \"enabled\": maybe\n}").unwrap_err();
    assert!(matches!(error, ConfigError::Json { .. }) && error.to_string().contains("line 2"));
    let error = MetricsConfig::from_yaml("enabled: [true\nprefix: x: y").unwrap_err();
    assert!(matches!(error, ConfigError::Yaml { .. }), "{error}");
}

#[test]
fn what_is_wrong_with_a_family_is_named() {
    const SYNC: &str = "tmc_sync_duration_seconds";
    for (key, value, words) in [
        (SYNC, r#"{"buckets": []}"#, ["buckets is empty", "at least one"]),
        (SYNC, r#"{"buckets": [0, 1]}"#, ["buckets contains 0", "positive, finite"]),
        (SYNC, r#"{"buckets": [-1, 1]}"#, ["buckets contains -1", "positive, finite"]),
        (SYNC, r#"{"buckets": [1, 1]}"#, ["1 after 1", "increasing"]),
        (SYNC, r#"{"buckets": [2, 1.5]}"#, ["1.5 after 2", "increasing"]),
        (SYNC, r#"{"digits": 0}"#, ["digits is 0", "1, 2 or 3"]),
        (SYNC, r#"{"digits": 4}"#, ["digits is 4", "1, 2 or 3"]),
        (SYNC, r#"{"series_limit": 0}"#, ["series_limit is zero", "at least 1"]),
        (SYNC, r#"{"retention_period": 0}"#, ["retention_period is zero", "24h"]),
        ("tmc_sync_lag_seconds", r#"{"buckets": [1]}"#, ["buckets is set", "is a gauge"]),
        ("tmc_sync_errors_total", r#"{"digits": 2}"#, ["digits is set", "is a counter"]),
    ] {
        let text = format!("{{\"families\": {{\"{key}\": {value}}}}}");
        refused(&text, &[key, words[0], words[1]]);
    }
    refused(r#"{"families": {"": {}}}"#, &["families", "empty name"]);
    refused(r#"{"series_limit": 0}"#, &["series_limit is zero"]);
    let text = format!(r#"{{"families": {{"{SYNC}": {{"retention_period": "soon"}}}}}}"#);
    refused(&text, &["retention_period", "soon", "write"]);

    for bound in [f64::NAN, f64::INFINITY] {
        let family = FamilyConfig { buckets: Some(vec![1.0, bound]), ..Default::default() };
        let families = [(SYNC.to_owned(), family)].into();
        let config = MetricsConfig { families, ..Default::default() };
        assert!(matches!(config.validate(), Err(ConfigError::BucketBound { .. })), "{bound}");
    }
}

/// A family that the catalogue does not know may be a custom histogram.
#[test]
fn a_custom_family_may_be_overridden() {
    let text = r#"{"families": {"acme_wait_seconds": {"buckets": [1, 2], "digits": 1}}}"#;
    assert!(json(text).is_ok());
}

#[test]
fn the_registry_has_the_prefix_the_labels_and_the_overrides() {
    let config = json(
        r#"{"prefix": "acme", "constant_labels": {"region": "eu-1"},
            "families": {"tmc_sync_duration_seconds": {"buckets": [1, 10]},
                         "tmc_queue_adds_total": {"series_limit": 2}}}"#,
    )
    .unwrap();
    let registry = config.build_registry().unwrap();
    let collector = MetricsCollector::new(&registry).unwrap();
    collector.record_sync_duration("c", "v1/Service", "sync", Duration::from_secs(5));
    for queue in ["a", "b", "c", "d"] {
        collector.record_queue_add(queue);
    }
    let snapshot = registry.snapshot();
    assert!(snapshot.family("tmc_sync_duration_seconds").is_none(), "the prefix is missing");

    let family = snapshot.family("acme_tmc_sync_duration_seconds").unwrap();
    let series = family.get(&["c", "v1/Service", "sync"]).unwrap();
    let value = series.value();
    let cumulative = value.histogram().unwrap().cumulative();
    assert_eq!(cumulative, [(1.0, 0), (10.0, 1), (f64::INFINITY, 1)]);

    let adds = snapshot.family("acme_tmc_queue_adds_total").unwrap();
    let total: f64 = adds.series().map(|series| series.value().as_f64()).sum();
    assert_eq!(total, 4.0, "the total stays exact beyond the limit");
    assert!(adds.get(&["a"]).is_some() && adds.get(&["b"]).is_some());
    assert!(adds.get(&["c"]).is_none() && adds.get(&["d"]).is_none());
}

#[test]
fn a_prefix_or_label_that_the_format_forbids_is_refused() {
    for text in [
        r#"{"prefix": "9lives"}"#,
        r#"{"constant_labels": {"re-gion": "eu"}}"#,
        r#"{"constant_labels": {"__name__": "eu"}}"#,
    ] {
        let error = json(text).unwrap().build_registry().unwrap_err();
        assert!(matches!(error, ConfigError::Register(_)), "{text}: {error}");
    }
}

#[test]
fn an_invalid_configuration_builds_no_registry() {
    let config = MetricsConfig { collection_interval: Duration::ZERO, ..Default::default() };
    assert!(matches!(config.build_registry(), Err(ConfigError::ZeroDuration { .. })));
}
