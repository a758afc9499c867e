//! A real Prometheus that scrapes one target each second.
//! Upstream: the tests. Downstream: Debian's `prometheus`, over its HTTP API.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;

use serde_json::Value;

use crate::http;
use crate::process::Process;
use crate::text::Key;
use crate::wait;

/// Labels that Prometheus adds to what it scrapes.
const ADDED: [&str; 2] = ["instance", "job"];

/// Ends with its data when dropped.
#[derive(Debug)]
pub struct Prometheus {
    process: Process,
    address: SocketAddr,
    target: SocketAddr,
}

/// What `/api/v1/targets` says about the target.
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
    /// Starts one on a free loopback port and waits until it is ready.
    pub fn scraping(target: SocketAddr) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let config = format!(
            "global: {{scrape_interval: 1s}}\n\
             scrape_configs: [{{job_name: tmc, static_configs: [{{targets: ['{target}']}}]}}]\n"
        );
        let file = dir.path().join("prometheus.yml");
        std::fs::write(&file, config).expect("a file in our directory");
        let mut command = Command::new("prometheus");
        command.arg("--config.file").arg(file);
        command.arg("--storage.tsdb.path").arg(dir.path().join("data"));
        // At the level debug it tells of each sample that it drops.
        command.args(["--web.listen-address=127.0.0.1:0", "--log.level=debug"]);
        let mut process =
            Process::start("prometheus", "the Debian package prometheus", &mut command, dir);
        let address = wait::until("prometheus to listen", || {
            process.expect_alive();
            listens_on(&process.stderr()).ok_or_else(|| process.stderr())
        });
        let prometheus = Self { process, address, target };
        wait::until("prometheus to be ready", || match http::get(address, "/-/ready")? {
            ready if ready.status == 200 => Ok(()),
            other => Err(format!("{} {}", other.status, other.body)),
        });
        prometheus
    }

    /// What it thinks of the target now.
    pub fn target(&self) -> Result<Target, String> {
        let data = self.api("/api/v1/targets")?;
        let field = |name: &str| {
            let value = data.pointer(&format!("/activeTargets/0/{name}")).and_then(Value::as_str);
            value.map(str::to_owned).ok_or_else(|| format!("no {name} in {data}"))
        };
        Ok(Target {
            health: field("health")?,
            last_error: field("lastError")?,
            last_scrape: field("lastScrape")?,
        })
    }

    /// Waits until it has stored a scrape that began after this call, and the target is up.
    pub fn wait_for_scrape(&self) -> Target {
        let before = wait::until("the target", || self.target()).last_scrape;
        let mut last = before;
        // The first new one may have begun before the call and been stored after it.
        for _ in 0..2 {
            last = wait::until("a scrape", || match self.target()? {
                target if target.health == "up" && target.last_scrape != last => {
                    Ok(target.last_scrape)
                }
                target => Err(format!("{target:?}")),
            });
        }
        wait::until("the target", || self.target())
    }

    /// The result of an instant query: series without the labels that Prometheus adds.
    pub fn query(&self, expression: &str) -> Result<BTreeMap<Key, f64>, String> {
        let data = self.api(&format!("/api/v1/query?query={}", http::encode(expression)))?;
        let series = data["result"].as_array().ok_or_else(|| format!("no vector: {data}"))?;
        let read = series.iter().map(series_of).collect::<Option<BTreeMap<_, _>>>();
        read.filter(|read| read.len() == series.len()).ok_or_else(|| format!("unclear: {data}"))
    }

    /// Samples that it read in the last scrape and did not store. Of a series with two values it
    /// keeps one, silently.
    pub fn lost_samples(&self) -> i64 {
        let read = "scrape_samples_scraped";
        let stored = r#"count({job="tmc",__name__!~"up|scrape_.*"})"#;
        let lost = format!("sum({read}) - {stored}");
        let answer = wait::until("an answer", || self.query(&lost));
        let lost = answer.values().next().expect("both are known after a scrape");
        *lost as i64
    }

    /// What it logged about scraping, other than information; samples that it refused among it.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.process.stderr();
        let target = self.target.to_string();
        let about_us = |line: &&str| line.contains(&target) && !line.contains("level=info");
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
    let mut labels = BTreeMap::new();
    for (name, value) in series["metric"].as_object()? {
        labels.insert(name.clone(), value.as_str()?.to_owned());
    }
    ADDED.iter().for_each(|added| drop(labels.remove(*added)));
    let name = labels.remove("__name__").unwrap_or_default();
    let value = series["value"][1].as_str()?.parse().ok()?;
    Some(((name, labels), value))
}
