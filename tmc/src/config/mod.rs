//! What may be configured, its defaults, and what is refused.
//! Upstream: a JSON or YAML file, or code. Downstream: the registry, the reporter.

mod duration;
mod error;
mod family;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use tmc_engine::Registry;

pub use error::ConfigError;
pub use family::FamilyConfig;

use duration::{collection_interval, retention_period};

/// Paths where the reporter serves something else.
const TAKEN: [&str; 4] = ["/healthz", "/readyz", "/summary", "/components"];

/// How metrics are collected and exposed. Every field has a default, and a key that is not a field is
/// refused; keys may be written with hyphens too (`prometheus-port`).
///
/// ```
/// use std::time::Duration;
/// use tmc_metrics::MetricsConfig;
///
/// # fn main() -> Result<(), tmc_metrics::ConfigError> {
/// let config = MetricsConfig::from_yaml(
///     "
/// prometheus_port: 9100
/// listen_address: 127.0.0.1
/// collection_interval: 15s
/// constant_labels: { region: eu-1 }
/// families:
///   tmc_sync_duration_seconds: { buckets: [0.1, 1, 10], series_limit: 500 }
/// ",
/// )?;
/// assert_eq!(config.collection_interval, Duration::from_secs(15));
/// assert_eq!(config.prometheus_path, "/metrics");
/// let registry = config.build_registry()?;
/// # let _ = registry;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsConfig {
    /// Whether anything is collected or served. Default: true.
    pub enabled: bool,
    /// Whether metrics are served over HTTP. Default: true.
    #[serde(alias = "prometheus-enabled")]
    pub prometheus_enabled: bool,
    /// The port to serve on; 0 takes a free one. Default: 8080.
    #[serde(alias = "prometheus-port")]
    pub prometheus_port: u16,
    /// The path to serve metrics at. Default: `/metrics`.
    #[serde(alias = "prometheus-path")]
    pub prometheus_path: String,
    /// The IP address to listen on. Default: `0.0.0.0`, which is every IPv4 interface; `::` is every
    /// interface where the system lets IPv6 sockets take IPv4 too.
    #[serde(alias = "listen-address")]
    pub listen_address: IpAddr,
    /// TLS, passwords and tokens of the server: a file in the format that the Prometheus exporters share,
    /// read again when it changes. Default: none, plain HTTP for everybody.
    #[serde(alias = "web-config-file")]
    pub web_config_file: Option<PathBuf>,
    /// Whether `/healthz` and `/readyz` answer without a password where the web configuration asks for
    /// one: a kubelet has none. Default: false.
    #[serde(alias = "open-probes")]
    pub open_probes: bool,
    /// How often the process is sampled: seconds as a number, or text such as `30s`, `1m30s`,
    /// `500ms`. Default: 30 s.
    #[serde(alias = "collection-interval", deserialize_with = "collection_interval")]
    pub collection_interval: Duration,
    /// How long a series that nobody records into, and that nobody holds a handle to, stays exposed;
    /// written as `collection_interval`. Default: 24 h.
    #[serde(alias = "retention-period", deserialize_with = "retention_period")]
    pub retention_period: Duration,
    /// Put before every family's name, with an underscore. Default: none.
    pub prefix: Option<String>,
    /// Labels on every series. Default: none.
    #[serde(alias = "constant-labels")]
    pub constant_labels: BTreeMap<String, String>,
    /// The most series of any one family. Default: the engine's.
    #[serde(alias = "series-limit")]
    pub series_limit: Option<usize>,
    /// What differs for single families, by name without the prefix. Default: nothing.
    pub families: BTreeMap<String, FamilyConfig>,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            prometheus_enabled: true,
            prometheus_port: 8080,
            prometheus_path: "/metrics".to_owned(),
            listen_address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            web_config_file: None,
            open_probes: false,
            collection_interval: Duration::from_secs(30),
            retention_period: Duration::from_secs(24 * 60 * 60),
            prefix: None,
            constant_labels: BTreeMap::new(),
            series_limit: None,
            families: BTreeMap::new(),
        }
    }
}

impl MetricsConfig {
    /// Reads and checks JSON.
    ///
    /// # Errors
    /// The text is no JSON, has an unknown key or a value of a wrong kind, or is
    /// [invalid](Self::validate).
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        let config: Self = serde_json::from_str(text)
            .map_err(|error| ConfigError::Json { message: error.to_string() })?;
        config.validate()?;
        Ok(config)
    }

    /// Reads and checks YAML. An empty document is the default configuration.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json).
    pub fn from_yaml(text: &str) -> Result<Self, ConfigError> {
        let config: Option<Self> = serde_saphyr::from_str(text)
            .map_err(|error| ConfigError::Yaml { message: error.to_string() })?;
        let config = config.unwrap_or_default();
        config.validate()?;
        Ok(config)
    }

    /// Checks what the types do not.
    ///
    /// # Errors
    /// The first field that is wrong, by name, and what to write instead.
    pub fn validate(&self) -> Result<(), ConfigError> {
        validate_path(&self.prometheus_path)?;
        if self.collection_interval.is_zero() {
            let field = "collection_interval".to_owned();
            return Err(ConfigError::ZeroDuration { field, example: "30s" });
        }
        if self.retention_period.is_zero() {
            let field = "retention_period".to_owned();
            return Err(ConfigError::ZeroDuration { field, example: "24h" });
        }
        if self.series_limit == Some(0) {
            return Err(ConfigError::ZeroSeriesLimit { field: "series_limit".to_owned() });
        }
        self.families.iter().try_for_each(|(name, family)| family.validate(name))
    }

    /// A registry with the configured prefix, constant labels, limits and overrides.
    ///
    /// # Errors
    /// The configuration is [invalid](Self::validate), or the engine refuses the prefix, a label or
    /// an override.
    pub fn build_registry(&self) -> Result<Registry, ConfigError> {
        self.validate()?;
        let mut builder = Registry::builder().retention_period(self.retention_period);
        if let Some(prefix) = &self.prefix {
            builder = builder.prefix(prefix);
        }
        for (name, value) in &self.constant_labels {
            builder = builder.constant_label(name, value);
        }
        if let Some(limit) = self.series_limit {
            builder = builder.series_limit(limit);
        }
        for (name, family) in &self.families {
            builder = builder.family_override(name, family.to_override());
        }
        Ok(builder.build()?)
    }

    /// Where the server listens.
    pub(crate) fn socket_address(&self) -> SocketAddr {
        SocketAddr::new(self.listen_address, self.prometheus_port)
    }
}

fn validate_path(path: &str) -> Result<(), ConfigError> {
    if path.is_empty() {
        return Err(ConfigError::EmptyPath);
    }
    if !path.starts_with('/') {
        return Err(ConfigError::RelativePath { path: path.to_owned() });
    }
    let forbidden = |c: char| !c.is_ascii() || c.is_ascii_control() || matches!(c, ' ' | '?' | '#');
    if let Some(character) = path.chars().find(|&c| forbidden(c)) {
        return Err(ConfigError::PathCharacter { path: path.to_owned(), character });
    }
    if TAKEN.contains(&path) {
        return Err(ConfigError::ReservedPath { path: path.to_owned() });
    }
    Ok(())
}
