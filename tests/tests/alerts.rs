//! A real Prometheus with the rules of `deploy/` beside a demo in which faults are injected: alerts become
//! active, and clear when the faults stop. And every panel's expression has something to show.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tmc_tests::demo::{self, Demo};
use tmc_tests::prometheus::{Alert, Prometheus};
use tmc_tests::wait;

/// Window and offset of the rules here: some scrapes, which come each second.
const WINDOW: &str = "6s";
/// More than the backlog that is alerted on.
const FILES: usize = 1100;

/// The rules of `deploy/`, for people who cannot wait.
fn rules() -> Vec<String> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/rules");
    let files = fs::read_dir(&dir).expect("deploy/rules").map(|file| file.expect("a file").path());
    let files: BTreeSet<PathBuf> = files.collect();
    files.iter().map(|file| test_sized(&fs::read_to_string(file).expect("text"))).collect()
}

/// With windows of some seconds, and patience of one.
fn test_sized(rules: &str) -> String {
    let line = |line: &str| {
        let indent = &line[..line.len() - line.trim_start().len()];
        let key = line.trim_start().trim_start_matches("- ");
        if key.starts_with("for:") || key.starts_with("keep_firing_for:") {
            let (key, _) = key.split_once(':').expect("just seen");
            return format!("{indent}{key}: 1s");
        }
        if key.starts_with("interval:") {
            return format!("{indent}interval: 1s");
        }
        with_windows(line)
    };
    rules.lines().map(line).collect::<Vec<_>>().join("\n") + "\n"
}

/// Every `[5m]`, `offset 5m` and `time() - 300` of a line becomes one of [`WINDOW`].
fn with_windows(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    let is_duration = |c: char| c.is_ascii_digit() || "smhdw".contains(c);
    while let Some((at, start)) =
        ["[", "offset ", "time() - "].iter().filter_map(|s| Some((rest.find(s)?, s.len()))).min()
    {
        let (before, after) = rest.split_at(at + start);
        let end = after.find(|c| !is_duration(c)).unwrap_or(after.len());
        let duration = &after[..end];
        let is_one = duration.starts_with(|c: char| c.is_ascii_digit());
        let has_unit = duration.ends_with(|c: char| c.is_ascii_alphabetic());
        out += before;
        out += match is_one {
            true if !has_unit => WINDOW.trim_end_matches('s'),
            true => WINDOW,
            false => duration,
        };
        rest = &after[end..];
    }
    out + rest
}

#[test]
fn windows_are_found_wherever_they_are() {
    let line = r#"expr: rate(a{b="[c]"}[5m]) / rate(d[1h30m]) unless e offset 10m > 3 or f > time() - 600"#;
    let expected =
        r#"expr: rate(a{b="[c]"}[6s]) / rate(d[6s]) unless e offset 6s > 3 or f > time() - 6"#;
    assert_eq!(test_sized(line).trim_end(), expected);
    assert_eq!(
        test_sized("  - for: 5m\n    keep_firing_for: 2m"),
        "  for: 1s\n    keep_firing_for: 1s\n"
    );
}

/// A demo with one cluster and a namespace of many files, which faults are injected into.
struct World {
    _dir: TempDir,
    cluster: PathBuf,
    away: PathBuf,
    demo: Demo,
    prometheus: Prometheus,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let [source, targets] = ["source", "targets"].map(|name| dir.path().join(name));
        let namespace = source.join("orders");
        fs::create_dir_all(&namespace).expect("a folder");
        fs::create_dir_all(&targets).expect("a folder");
        for number in 0..FILES {
            let manifest = format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c{number}\n  namespace: orders\n"
            );
            fs::write(namespace.join(format!("{number}.yaml")), manifest).expect("a file");
        }
        let options = [
            "--source",
            source.to_str().expect("UTF-8"),
            "--targets",
            targets.to_str().expect("UTF-8"),
            "--clusters",
            "1",
            "--capacity",
            "5000",
            "--fault-rate",
            "0",
        ];
        let demo = Demo::start(&options);
        let prometheus = Prometheus::with_rules(demo.address(), &rules());
        let (cluster, away) = (targets.join("cluster-1"), dir.path().join("away"));
        Self { _dir: dir, cluster, away, demo, prometheus }
    }

    /// Waits until an alert about the cluster or its syncer fires, or none does.
    fn wait_for(&self, name: &str, fires: bool) -> Vec<Alert> {
        let what = format!("{name} to {}", if fires { "fire" } else { "clear" });
        wait::until(&what, || {
            let alerts = self.prometheus.alerts()?;
            let active: Vec<Alert> =
                alerts.into_iter().filter(|alert| alert.name == name).collect();
            let done =
                if fires { active.iter().any(|alert| alert.firing) } else { active.is_empty() };
            if done { Ok(active) } else { Err(format!("{active:?}")) }
        })
    }

    /// Waits until everything is synced.
    fn wait_for_peace(&self) {
        wait::until("all files to be synced", || {
            let synced =
                self.prometheus.query("sum(tmc_sync_resources_total{status=\"synced\"})")?;
            let count = synced.values().copied().next().unwrap_or_default();
            if count as usize == FILES { Ok(()) } else { Err(format!("{count} of {FILES}")) }
        });
    }
}

#[test]
fn alerts_fire_while_faults_last_and_clear_after_them() {
    let world = World::new();
    world.wait_for_peace();
    let all = ["TMCHighErrorRate", "TMCSyncBacklogHigh", "TMCClusterDisconnected"];
    all.iter().for_each(|name| drop(world.wait_for(name, false)));

    // Something is where the namespace's folder should be: every write fails.
    let folder = world.cluster.join("orders");
    fs::rename(&folder, &world.away).expect("to move the folder");
    fs::write(&folder, "in the way").expect("a file");
    let errors = world.wait_for("TMCHighErrorRate", true);
    let of = |alerts: &[Alert], label: &str| alerts[0].labels.get(label).cloned();
    assert_eq!(of(&errors, "component_type").as_deref(), Some("SyncTargetController"));
    assert_eq!(of(&errors, "component_id").as_deref(), Some("syncer-cluster-1"));
    let backlog = world.wait_for("TMCSyncBacklogHigh", true);
    assert_eq!(of(&backlog, "cluster").as_deref(), Some("cluster-1"));
    fs::remove_file(&folder).expect("to remove the file");
    fs::rename(&world.away, &folder).expect("to move the folder back");
    world.wait_for("TMCSyncBacklogHigh", false);
    world.wait_for("TMCHighErrorRate", false);

    // The cluster is gone.
    fs::rename(&world.cluster, &world.away).expect("to move the cluster");
    let gone = world.wait_for("TMCClusterDisconnected", true);
    assert_eq!(of(&gone, "cluster").as_deref(), Some("cluster-1"));
    fs::rename(&world.away, &world.cluster).expect("to move the cluster back");
    world.wait_for("TMCClusterDisconnected", false);
    world.wait_for_peace();

    assert_eq!(world.prometheus.failed_rules(), Ok(Vec::new()));
    assert_eq!(world.prometheus.complaints(), Vec::<String>::new());
    let (status, said) = world.demo.interrupt();
    assert!(status.success(), "{status}: {said}");
}

#[test]
fn every_panel_has_something_to_show() {
    let demo = Demo::start(&["--fault-rate", "0.3"]);
    let prometheus = Prometheus::with_rules(demo.address(), &rules());
    let said = demo::run(&["dashboards", "--expressions"]);
    let expressions: BTreeSet<String> = said
        .lines()
        .map(|line| line.replace("$__rate_interval", "1m").replace("$__range", "1m"))
        .map(|line| without_variables(&line))
        .collect();
    assert!(expressions.len() > 20, "{} expressions", expressions.len());
    wait::until("an answer for every panel", || {
        let mut silent = Vec::new();
        for expression in &expressions {
            // An expression that Prometheus refuses is an error here.
            if prometheus.query(expression)?.is_empty() {
                silent.push(expression);
            }
        }
        if silent.is_empty() { Ok(()) } else { Err(format!("nothing for {silent:#?}")) }
    });
    assert_eq!(prometheus.failed_rules(), Ok(Vec::new()));
    for (label, selector) in variables() {
        let offered = prometheus.label_values(&label, &without_variables(&selector)).unwrap();
        assert!(!offered.is_empty(), "{label}: nothing to choose of {selector}");
    }
}

/// What Grafana asks for the variables of the dashboards: a label, and the series that have it.
fn variables() -> BTreeSet<(String, String)> {
    let said = demo::run(&["dashboards", "--name", "overview"]);
    let overview: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    let all = overview["templating"]["list"].as_array().expect("variables");
    let queries = all.iter().filter(|variable| variable["type"] == "query");
    let asked = queries.map(|variable| {
        let query =
            variable["query"].as_str().and_then(|query| query.strip_prefix("label_values("));
        let query = query.and_then(|query| query.strip_suffix(')')).expect("label_values");
        let (selector, label) = query.rsplit_once(", ").expect("a label");
        (label.to_owned(), selector.to_owned())
    });
    let asked: BTreeSet<_> = asked.collect();
    assert!(asked.len() >= 3, "{asked:?}");
    asked
}

/// A variable of the dashboard, of which all values are chosen.
fn without_variables(expression: &str) -> String {
    let mut parts = expression.split('$');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest =
            part.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "_{}".contains(c));
        out += ".*";
        out += rest;
    }
    out
}
