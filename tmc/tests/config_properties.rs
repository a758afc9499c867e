//! Configuration under generated input: durations add up, and nothing that is read goes unchecked.

use std::time::Duration;

use proptest::prelude::*;
use tmc_metrics::MetricsConfig;

const UNITS: [(&str, u64); 6] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
];

fn read(value: &str) -> Result<Duration, String> {
    let config = MetricsConfig::from_json(&format!("{{\"retention_period\": {value}}}"));
    config.map(|config| config.retention_period).map_err(|error| error.to_string())
}

proptest! {
    #[test]
    fn written_parts_add_up(parts in prop::collection::vec((0_u64..10_000, 0..UNITS.len()), 1..6)) {
        let text: String =
            parts.iter().map(|(count, unit)| format!("{count}{}", UNITS[*unit].0)).collect();
        let nanos: u64 = parts.iter().map(|(count, unit)| count * UNITS[*unit].1).sum();
        match read(&format!("\"{text}\"")) {
            Ok(duration) => prop_assert_eq!(duration, Duration::from_nanos(nanos)),
            Err(error) => prop_assert!(nanos == 0 && error.contains("is zero"), "{text}: {error}"),
        }
    }

    #[test]
    fn whole_seconds_are_exact_as_number_and_as_text(seconds in 1_u64..=u64::MAX) {
        let expected = Ok(Duration::from_secs(seconds));
        prop_assert_eq!(read(&seconds.to_string()), expected.clone());
        prop_assert_eq!(read(&format!("\"{seconds}s\"")), expected.clone());
        prop_assert_eq!(read(&format!("\"{seconds}\"")), expected);
    }

    /// Any text is either a duration above zero or an error that names the field.
    #[test]
    fn any_text_is_a_duration_or_an_error_by_field(text in "[0-9.smhdnu µ+-]{0,24}|.{0,24}") {
        let quoted = serde_json::to_string(&text).unwrap();
        match read(&quoted) {
            Ok(duration) => prop_assert!(!duration.is_zero()),
            Err(error) => prop_assert!(error.contains("retention_period"), "{text:?}: {error}"),
        }
    }

    /// Whatever both formats accept, they read alike, and it is valid.
    #[test]
    fn a_file_is_refused_or_valid(
        port in -1_i64..70_000,
        path in "/?[a-z ?#]{0,6}",
        seconds in -1.0_f64..10.0,
        buckets in prop::collection::vec(-0.5_f64..10.0, 0..4),
    ) {
        let text = serde_json::json!({
            "prometheus_port": port,
            "prometheus_path": path,
            "collection_interval": seconds,
            "families": {"tmc_sync_duration_seconds": {"buckets": buckets}},
        })
        .to_string();
        let json = MetricsConfig::from_json(&text);
        let yaml = MetricsConfig::from_yaml(&text);
        prop_assert_eq!(json.is_ok(), yaml.is_ok(), "{} {:?} {:?}", text, json, yaml);
        let increasing = buckets.windows(2).all(|pair| pair[0] < pair[1]);
        let valid = u16::try_from(port).is_ok()
            && path.starts_with('/')
            && !path.contains([' ', '?', '#'])
            && Duration::try_from_secs_f64(seconds).is_ok_and(|interval| !interval.is_zero())
            && !buckets.is_empty()
            && buckets[0] > 0.0
            && increasing;
        prop_assert_eq!(json.is_ok(), valid, "{} {:?}", text, json);
        if let Ok(config) = json {
            prop_assert_eq!(config.validate(), Ok(()));
            prop_assert_eq!(Ok(&config), yaml.as_ref());
            prop_assert!(config.build_registry().is_ok());
        }
    }

    #[test]
    fn noise_is_refused_without_panic(text in ".{0,200}") {
        let _ = MetricsConfig::from_yaml(&text).map(|config| config.validate());
        prop_assert!(MetricsConfig::from_json(&text).is_err());
    }
}
