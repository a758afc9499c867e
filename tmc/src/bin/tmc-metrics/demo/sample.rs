//! The sample manifests: a few namespaces of a made-up shop.
//! Upstream: wiring. Downstream: a temporary source directory, which the drama then changes.

use std::fs;
use std::io;
use std::path::Path;

/// Objects that fit into one cluster, so that two clusters hold the whole sample and one does not.
pub(crate) const CAPACITY: u64 = 14;
/// The objects of the namespace that is too large for any cluster.
const TOO_MANY: usize = 24;

/// Path and content of every sample file.
const FILES: &[(&str, &str)] = &[
    (
        "shop/namespace.yaml",
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  annotations:\n    tmc.io/clusters: \"2\"\n",
    ),
    (
        "shop/web.yaml",
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: registry.example/shop/web:1.0.0
          ports: [{containerPort: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
",
    ),
    (
        "shop/settings.json",
        "{\n  \"apiVersion\": \"v1\",\n  \"kind\": \"ConfigMap\",\n  \"metadata\": {\"name\": \"settings\"},\n  \"data\": {\"currency\": \"EUR\", \"basket\": \"on\"}\n}\n",
    ),
    (
        "payments/ledger.yaml",
        "apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: ledger
spec:
  serviceName: ledger
  replicas: 2
  selector: {matchLabels: {app: ledger}}
  template:
    metadata: {labels: {app: ledger}}
    spec:
      containers:
        - name: ledger
          image: registry.example/payments/ledger:2.3.1
",
    ),
    (
        "payments/ledger-service.yaml",
        "apiVersion: v1\nkind: Service\nmetadata: {name: ledger}\nspec:\n  clusterIP: None\n  selector: {app: ledger}\n  ports: [{port: 5432}]\n",
    ),
    (
        "payments/storage.yaml",
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: ledger}\nspec:\n  accessModes: [ReadWriteOnce]\n  resources: {requests: {storage: 10Gi}}\n",
    ),
    (
        "monitoring/agent.yaml",
        "apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      containers:
        - {name: agent, image: \"registry.example/agent:0.9\"}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: agent}
",
    ),
    (
        "monitoring/rules/alerts.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: alerts}\ndata:\n  rules.yaml: |\n    groups:\n      - name: shop\n        rules: []\n",
    ),
    (
        "media/resize.yaml",
        "apiVersion: batch/v1
kind: CronJob
metadata: {name: resize}
spec:
  schedule: \"*/5 * * * *\"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers:
            - {name: resize, image: \"registry.example/media/resize:4\"}
",
    ),
    (
        "media/bucket.json",
        "{\n  \"apiVersion\": \"v1\",\n  \"kind\": \"Secret\",\n  \"metadata\": {\"name\": \"bucket\"},\n  \"stringData\": {\"region\": \"somewhere\"}\n}\n",
    ),
    (
        "edge/ingress.yaml",
        "apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop}
spec:
  rules:
    - host: shop.example
      http:
        paths:
          - path: /
            pathType: Prefix
            backend: {service: {name: web, port: {number: 80}}}
",
    ),
];

/// A folder that the drama adds and removes.
pub(crate) const BATCH: &str = "batch";
/// The sample file that the drama edits.
pub(crate) const EDITED: &str = "shop/web.yaml";
/// The sample file that the drama breaks and mends.
pub(crate) const BROKEN: &str = "payments/storage.yaml";

/// Writes all sample files below `dir`.
pub(crate) fn unpack(dir: &Path) -> io::Result<()> {
    FILES.iter().try_for_each(|(path, text)| put(dir, path, text))
}

/// The text of a sample file, or nothing for another path.
pub(crate) fn text(path: &str) -> &'static str {
    FILES.iter().find(|(name, _)| *name == path).map_or("", |(_, text)| text)
}

/// Fills the folder `batch` with more jobs than fit into a cluster.
pub(crate) fn add_batch(dir: &Path) -> io::Result<()> {
    (0..TOO_MANY).try_for_each(|number| put(dir, &job_path(number), &job(number)))
}

/// Leaves a quarter of the folder `batch`, which fits.
pub(crate) fn shrink_batch(dir: &Path) -> io::Result<()> {
    (TOO_MANY / 4..TOO_MANY).try_for_each(|number| fs::remove_file(dir.join(job_path(number))))
}

fn job_path(number: usize) -> String {
    format!("{BATCH}/job-{number}.yaml")
}

fn job(number: usize) -> String {
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: job-{number}}}\nspec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers: [{{name: job, image: \"registry.example/batch/job:{number}\"}}]\n"
    )
}

/// Writes a file as a whole, so that nobody reads half of it.
pub(crate) fn put(dir: &Path, path: &str, text: &str) -> io::Result<()> {
    let path = dir.join(path);
    let parent = path.parent().unwrap_or(dir);
    fs::create_dir_all(parent)?;
    let temporary = parent.join(".editing");
    fs::write(&temporary, text)?;
    fs::rename(&temporary, &path)
}

#[cfg(test)]
mod tests {
    use super::super::manifest::{Format, Manifest};
    use super::*;

    #[test]
    fn every_sample_file_is_a_manifest() {
        let mut objects = 0;
        for (path, text) in FILES {
            let format = Format::of(path).unwrap();
            objects += Manifest::parse(text.as_bytes(), format).unwrap().objects.len();
        }
        let batch = job(1);
        Manifest::parse(batch.as_bytes(), Format::Yaml).unwrap();
        // The shop is on two clusters: its four objects count twice.
        let promised = objects as u64 + 4;
        assert!(promised > CAPACITY && promised + TOO_MANY as u64 / 4 <= 2 * CAPACITY);
        assert!(TOO_MANY as u64 > CAPACITY);
    }

    #[test]
    fn the_files_that_the_drama_touches_exist() {
        assert!(!text(EDITED).is_empty());
        assert!(!text(BROKEN).is_empty());
    }
}
