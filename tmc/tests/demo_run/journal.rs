//! Reads the journal of file operations, and a source whose objects the tests know by heart.
//! Upstream: ledger, midway. Downstream: files.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Every file of the test's source, with the gvk of each object in it.
pub(crate) const SOURCE: &[(&str, &[&str])] = &[
    ("a/namespace.yaml", &["v1/Namespace"]),
    ("a/web.yaml", &["apps/v1/Deployment", "v1/Service"]),
    ("a/deep/config.json", &["v1/ConfigMap"]),
    ("b/one.yaml", &["v1/ConfigMap"]),
    ("b/two.yml", &["batch/v1/Job"]),
    ("b/three.yaml", &["v1/Secret", "v1/Secret", "v1/Service"]),
    ("c/one.yaml", &["networking.k8s.io/v1/Ingress"]),
    ("c/two.json", &["apps/v1/StatefulSet"]),
];

/// The clusters that each namespace of the source asks for.
pub(crate) const CLUSTERS: &[(&str, usize)] = &[("a", 2), ("b", 1), ("c", 1)];

/// The gvks of the objects in a file of the source.
pub(crate) fn gvks(path: &str) -> &'static [&'static str] {
    SOURCE.iter().find(|(name, _)| *name == path).map_or(&[], |(_, gvks)| gvks)
}

/// Writes one file of the source; `text` goes into each object, to tell contents apart.
pub(crate) fn write_source(dir: &Path, path: &str, text: &str) {
    let objects: Vec<String> = gvks(path)
        .iter()
        .enumerate()
        .map(|(number, gvk)| {
            let (version, kind) = gvk.rsplit_once('/').unwrap();
            let wanted = if kind == "Namespace" { ", \"tmc.io/clusters\": \"2\"" } else { "" };
            format!(
                "{{\"apiVersion\": \"{version}\", \"kind\": \"{kind}\", \"metadata\": \
                 {{\"name\": \"object-{number}\", \"annotations\": {{\"text\": \"{text}\"{wanted}}}}}}}\n"
            )
        })
        .collect();
    let separator = if path.ends_with(".json") { "" } else { "---\n" };
    let path = dir.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    // As careful people do it, so that nobody reads half a file.
    let temporary = path.with_extension("tmp");
    fs::write(&temporary, objects.join(separator)).unwrap();
    fs::rename(&temporary, &path).unwrap();
}

/// Writes the whole source.
pub(crate) fn write_all(dir: &Path) {
    SOURCE.iter().for_each(|(path, _)| write_source(dir, path, "first"));
}

/// One line of the journal.
pub(crate) struct Line(Value);

impl Line {
    pub(crate) fn text(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.0["bytes"].as_u64().unwrap()
    }

    /// Whether every key has the value.
    pub(crate) fn is(&self, pairs: &[(&str, &str)]) -> bool {
        pairs.iter().all(|(key, value)| self.text(key) == *value)
    }
}

/// The whole journal of a run.
pub(crate) struct Journal {
    pub(crate) lines: Vec<Line>,
}

impl Journal {
    pub(crate) fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        // The last line may be half written.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let lines = whole.lines().map(|line| Line(serde_json::from_str(line).unwrap()));
        Self { lines: lines.collect() }
    }

    pub(crate) fn count(&self, pairs: &[(&str, &str)]) -> usize {
        self.lines.iter().filter(|line| line.is(pairs)).count()
    }

    /// Operations that were not probes.
    pub(crate) fn work(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| !line.is(&[("purpose", "probe")]))
    }

    /// Operations on the clusters' manifests.
    pub(crate) fn syncs(&self) -> impl Iterator<Item = &Line> {
        self.work().filter(|line| !line.is(&[("purpose", "view")]))
    }
}

/// Where a file of the source lies now, of these directories.
pub(crate) fn homes<'a>(clusters: &'a [PathBuf], path: &str) -> Vec<&'a PathBuf> {
    clusters.iter().filter(|cluster| cluster.join(path).is_file()).collect()
}
