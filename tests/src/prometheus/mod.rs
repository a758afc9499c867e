//! A real Prometheus that scrapes its targets each second.
//! Upstream: the tests. Downstream: Debian's `prometheus`, over its HTTP API.

mod job;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

pub use job::Job;

use crate::families::Exemplar;

use crate::http;
use crate::process::Process;
use crate::text::Key;
use crate::wait;

/// Labels that Prometheus adds to what it scrapes.
const ADDED: [&str; 2] = ["instance", "job"];

/// The features of Prometheus for what it cannot do by default.
const FEATURES: &str = "--enable-feature=exemplar-storage";
const WITH_NATIVE: &str = "--enable-feature=exemplar-storage,native-histograms";

/// Ends with its data when dropped.
#[derive(Debug)]
pub struct Prometheus {
    process: Process,
    address: SocketAddr,
    jobs: Vec<Job>,
}

/// What `/api/v1/alerts` says about an alert.
#[derive(Clone, Debug)]
pub struct Alert {
    /// That of its rule.
    pub name: String,
    /// All labels but the name's.
    pub labels: BTreeMap<String, String>,
    /// Not only pending.
    pub firing: bool,
}

/// What `/api/v1/targets` says about a target.
#[derive(Debug)]
pub struct Target {
    /// `up`, `down` or `unknown`.
    pub health: String,
    /// Why the last scrape failed; empty when it did not.
    pub last_error: String,
    /// When the last scrape began, as text.
    pub last_scrape: String,
}

impl Prometheus {
    /// Scrapes one target, and keeps exemplars. Asks for OpenMetrics.
    pub fn scraping(target: SocketAddr) -> Self {
        Self::start(vec![Job::new("tmc", target)])
    }

    /// Scrapes several targets, and keeps exemplars. Asks for OpenMetrics.
    pub fn start(jobs: Vec<Job>) -> Self {
        Self::with_features(FEATURES, jobs)
    }

    /// Keeps native histograms, too, and so asks for protobuf.
    pub fn with_native_histograms(jobs: Vec<Job>) -> Self {
        Self::with_features(WITH_NATIVE, jobs)
    }

    /// Scrapes one target and evaluates these files of rules, both each second.
    pub fn with_rules(target: SocketAddr, rules: &[String]) -> Self {
        Self::launch(FEATURES, vec![Job::new("tmc", target)], rules)
    }

    fn with_features(features: &str, jobs: Vec<Job>) -> Self {
        Self::launch(features, jobs, &[])
    }

    /// Starts one on a free loopback port and waits until it is ready.
    fn launch(features: &str, jobs: Vec<Job>, rules: &[String]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let configs: Vec<Value> = jobs.iter().map(|job| job.config(dir.path())).collect();
        let rule_files: Vec<_> = rules
            .iter()
            .zip(1..)
            .map(|(rules, number)| {
                let path = dir.path().join(format!("{number}.rules.yml"));
                std::fs::write(&path, rules).expect("a file in our directory");
                path
            })
            .collect();
        // JSON is YAML.
        let config = json!({
            "global": { "scrape_interval": "1s", "evaluation_interval": "1s" },
            "scrape_configs": configs,
            "rule_files": rule_files,
        });
        let file = dir.path().join("prometheus.yml");
        std::fs::write(&file, config.to_string()).expect("a file in our directory");
        let mut command = Command::new("prometheus");
        command.arg("--config.file").arg(file);
        command.arg("--storage.tsdb.path").arg(dir.path().join("data"));
        // At the level debug it tells of each sample that it drops.
        command.args(["--web.listen-address=127.0.0.1:0", "--log.level=debug", features]);
        let mut process =
            Process::start("prometheus", "the Debian package prometheus", &mut command, dir);
        let address = wait::until("prometheus to listen", || {
            process.expect_alive();
            listens_on(&process.stderr()).ok_or_else(|| process.stderr())
        });
        let prometheus = Self { process, address, jobs };
        wait::until("prometheus to be ready", || match http::get(address, "/-/ready")? {
            ready if ready.status == 200 => Ok(()),
            other => Err(format!("{} {}", other.status, other.body)),
        });
        prometheus
    }

    /// What it thinks of the first target now.
    pub fn target(&self) -> Result<Target, String> {
        self.target_of(self.jobs[0].name)
    }

    /// What it thinks of a job's target now.
    pub fn target_of(&self, job: &str) -> Result<Target, String> {
        let data = self.api("/api/v1/targets")?;
        let targets = data["activeTargets"].as_array();
        let targets = targets.ok_or_else(|| format!("no targets: {data}"))?;
        let target = targets.iter().find(|target| target["labels"]["job"] == job);
        let target = target.ok_or_else(|| format!("no target of {job} in {data}"))?;
        let field = |name: &str| {
            let value = target[name].as_str();
            value.map(str::to_owned).ok_or_else(|| format!("no {name} in {target}"))
        };
        Ok(Target {
            health: field("health")?,
            last_error: field("lastError")?,
            last_scrape: field("lastScrape")?,
        })
    }

    /// Waits until it has stored a scrape of the first target that began after this call, and the
    /// target is up.
    pub fn wait_for_scrape(&self) -> Target {
        self.wait_for_scrape_of(self.jobs[0].name)
    }

    /// The same for a job's target.
    pub fn wait_for_scrape_of(&self, job: &str) -> Target {
        let before = wait::until("the target", || self.target_of(job)).last_scrape;
        let mut last = before;
        // The first new one may have begun before the call and been stored after it.
        for _ in 0..2 {
            last = wait::until("a scrape", || match self.target_of(job)? {
                target if target.health == "up" && target.last_scrape != last => {
                    Ok(target.last_scrape)
                }
                target => Err(format!("{job}: {target:?}")),
            });
        }
        wait::until("the target", || self.target_of(job))
    }

    /// Waits until a job's target is down, and gives the reason.
    pub fn wait_for_failure_of(&self, job: &str) -> String {
        wait::until("the target to be down", || match self.target_of(job)? {
            target if target.health == "down" => Ok(target.last_error),
            target => Err(format!("{job}: {target:?}")),
        })
    }

    /// The result of an instant query: series without the labels that Prometheus adds. No histograms.
    pub fn query(&self, expression: &str) -> Result<BTreeMap<Key, f64>, String> {
        let data = self.api(&format!("/api/v1/query?query={}", http::encode(expression)))?;
        let series = data["result"].as_array().ok_or_else(|| format!("no vector: {data}"))?;
        let read = series.iter().map(series_of).collect::<Option<BTreeMap<_, _>>>();
        read.filter(|read| read.len() == series.len()).ok_or_else(|| format!("unclear: {data}"))
    }

    /// The values of a label that the selected series have.
    pub fn label_values(&self, label: &str, selector: &str) -> Result<BTreeSet<String>, String> {
        let matching = http::encode(selector);
        let data = self.api(&format!("/api/v1/label/{label}/values?match[]={matching}"))?;
        let values = data.as_array().ok_or_else(|| format!("no list: {data}"))?;
        Ok(values.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// The alerts that are active: name, whether it fires or is pending still, and the labels of each.
    pub fn alerts(&self) -> Result<Vec<Alert>, String> {
        let data = self.api("/api/v1/alerts")?;
        let alerts = data["alerts"].as_array().ok_or_else(|| format!("no alerts: {data}"))?;
        let read = |alert: &Value| {
            let mut labels = labels_of(&alert["labels"])?;
            let name = labels.remove("alertname")?;
            Some(Alert { name, labels, firing: alert["state"] == "firing" })
        };
        let read = alerts.iter().map(read).collect::<Option<Vec<_>>>();
        read.ok_or_else(|| format!("unclear: {data}"))
    }

    /// Rules that could not be evaluated, and why.
    pub fn failed_rules(&self) -> Result<Vec<String>, String> {
        let data = self.api("/api/v1/rules")?;
        let groups = data["groups"].as_array().ok_or_else(|| format!("no groups: {data}"))?;
        let rules = groups.iter().filter_map(|group| group["rules"].as_array()).flatten();
        Ok(rules.filter(|rule| rule["health"] == "err").map(Value::to_string).collect())
    }

    /// The exemplars of the series that `selector` selects.
    pub fn exemplars(&self, selector: &str) -> Result<BTreeMap<Key, Vec<Exemplar>>, String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let (from, to) = (now - 3600, now + 3600);
        let query = http::encode(selector);
        let data =
            self.api(&format!("/api/v1/query_exemplars?query={query}&start={from}&end={to}"))?;
        let series = data.as_array().ok_or_else(|| format!("no list: {data}"))?;
        let read = |of: &Value| Some((key_of(&of["seriesLabels"])?, exemplars_of(of)?));
        let read = series.iter().map(read).collect::<Option<BTreeMap<_, _>>>();
        read.ok_or_else(|| format!("unclear: {data}"))
    }

    /// Type, help and unit of a metric as a job's target tells them.
    pub fn metadata(&self, job: &str, metric: &str) -> Result<[String; 3], String> {
        let target = http::encode(&format!("{{job=\"{job}\"}}"));
        let data =
            self.api(&format!("/api/v1/targets/metadata?match_target={target}&metric={metric}"))?;
        let field = |name: &str| data[0][name].as_str().map(str::to_owned);
        let read = || Some([field("type")?, field("help")?, field("unit")?]);
        read().ok_or_else(|| format!("no metadata of {metric}: {data}"))
    }

    /// Samples that it read in the last scrape of the first target and did not store. Of a series with
    /// two values it keeps one, silently.
    pub fn lost_samples(&self) -> i64 {
        self.lost_samples_of(self.jobs[0].name)
    }

    /// The same for a job's target.
    pub fn lost_samples_of(&self, job: &str) -> i64 {
        let read = format!(r#"scrape_samples_scraped{{job="{job}"}}"#);
        let stored = format!(r#"count({{job="{job}",__name__!~"up|scrape_.*"}})"#);
        let lost = format!("sum({read}) - {stored}");
        let answer = wait::until("an answer", || self.query(&lost));
        let lost = answer.values().next().expect("both are known after a scrape");
        *lost as i64
    }

    /// What it logged about scraping, other than information; samples that it refused among it.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.process.stderr();
        let targets: Vec<String> = self.jobs.iter().map(|job| job.target.to_string()).collect();
        let named = |line: &&str| targets.iter().any(|target| line.contains(target));
        let about_us = |line: &&str| named(line) && !line.contains("level=info");
        let serious = |line: &&str| line.contains("level=warn") || line.contains("level=error");
        log.lines().filter(|line| about_us(line) || serious(line)).map(str::to_owned).collect()
    }

    fn api(&self, target: &str) -> Result<Value, String> {
        let answer = http::get(self.address, target)?;
        let mut json: Value =
            serde_json::from_str(&answer.body).map_err(|error| format!("{target}: {error}"))?;
        match json["status"].as_str() {
            Some("success") => Ok(json["data"].take()),
            _ => Err(format!("{target}: {json}")),
        }
    }
}

/// The address in the line that tells where it really listens.
fn listens_on(log: &str) -> Option<SocketAddr> {
    let line = log.lines().find(|line| line.contains("msg=\"Listening on\""))?;
    line.split("address=").nth(1)?.split_whitespace().next()?.parse().ok()
}

fn series_of(series: &Value) -> Option<(Key, f64)> {
    let value = series["value"][1].as_str()?.parse().ok()?;
    Some((key_of(&series["metric"])?, value))
}

fn key_of(metric: &Value) -> Option<Key> {
    let mut labels = labels_of(metric)?;
    ADDED.iter().for_each(|added| drop(labels.remove(*added)));
    let name = labels.remove("__name__").unwrap_or_default();
    Some((name, labels))
}

fn labels_of(labels: &Value) -> Option<BTreeMap<String, String>> {
    let pairs = labels.as_object()?.iter();
    pairs.map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

fn exemplars_of(series: &Value) -> Option<Vec<Exemplar>> {
    let read = |exemplar: &Value| {
        Some(Exemplar {
            labels: labels_of(&exemplar["labels"])?,
            value: exemplar["value"].as_str()?.parse().ok()?,
            timestamp: exemplar["timestamp"].as_f64()?,
        })
    };
    series["exemplars"].as_array()?.iter().map(read).collect()
}
