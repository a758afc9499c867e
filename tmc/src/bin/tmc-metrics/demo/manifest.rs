//! Manifests: a file's bytes to objects, and objects to the bytes that a cluster gets.
//! Upstream: source, aggregate. Downstream: worker. Pure: touches no files.

use serde_json::{Map, Value};

use super::door::hash_of;

/// The label that is injected into every object: which cluster it was sent to.
pub(crate) const CLUSTER_LABEL: &str = "tmc.io/cluster";
/// On an object of kind Namespace: how many clusters the namespace is shown on.
pub(crate) const CLUSTERS_ANNOTATION: &str = "tmc.io/clusters";

/// How a file is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Yaml,
    Json,
}

impl Format {
    /// By the file's extension; `None` for a file that is no manifest.
    pub(crate) fn of(path: &str) -> Option<Self> {
        match path.rsplit_once('.')?.1 {
            "yaml" | "yml" => Some(Self::Yaml),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// One Kubernetes object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Object {
    /// `apps/v1/Deployment`; `v1/Service` in the core group.
    pub(crate) gvk: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) value: Value,
}

/// What one file says. Never without objects.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Manifest {
    pub(crate) format: Format,
    /// Of the bytes that it was parsed from.
    pub(crate) hash: u64,
    pub(crate) objects: Vec<Object>,
}

/// A manifest as one cluster gets it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rendered {
    pub(crate) bytes: Vec<u8>,
    /// Bytes of each object, in order; their sum is the length of `bytes`.
    pub(crate) sizes: Vec<u64>,
}

impl Manifest {
    /// Reads a file. The error says what is wrong with it, for people.
    pub(crate) fn parse(bytes: &[u8], format: Format) -> Result<Self, String> {
        let documents: Vec<Value> = match format {
            Format::Yaml => {
                let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
                serde_saphyr::from_multiple(text).map_err(|error| error.to_string())?
            }
            Format::Json => serde_json::Deserializer::from_slice(bytes)
                .into_iter()
                .collect::<Result<_, _>>()
                .map_err(|error| error.to_string())?,
        };
        let objects = documents
            .into_iter()
            .filter(|document| !document.is_null())
            .map(Object::from_value)
            .collect::<Result<Vec<_>, _>>()?;
        if objects.is_empty() {
            return Err("it holds no object".to_owned());
        }
        Ok(Self { format, hash: hash_of(bytes), objects })
    }

    /// How many clusters the namespace wants to be shown on, if this file says so.
    pub(crate) fn wanted_clusters(&self) -> Option<usize> {
        let namespace = self.objects.iter().find(|object| object.gvk == "v1/Namespace")?;
        let annotations = namespace.value.get("metadata")?.get("annotations")?;
        annotations.get(CLUSTERS_ANNOTATION)?.as_str()?.parse().ok().filter(|wanted| *wanted > 0)
    }

    /// Writes the objects down for `cluster`, with the cluster's label on each.
    pub(crate) fn render(&self, cluster: &str) -> Result<Rendered, String> {
        let mut bytes = Vec::new();
        let mut sizes = Vec::with_capacity(self.objects.len());
        for object in &self.objects {
            let before = bytes.len();
            let value = object.labelled(cluster)?;
            match self.format {
                Format::Yaml => {
                    if before > 0 {
                        bytes.extend_from_slice(b"---\n");
                    }
                    let text =
                        serde_saphyr::to_string(&value).map_err(|error| error.to_string())?;
                    // What a reader would read otherwise must not reach a cluster.
                    if serde_saphyr::from_str::<Value>(&text).ok().as_ref() != Some(&value) {
                        return Err(format!("{} cannot be written as YAML", object.name));
                    }
                    bytes.extend_from_slice(text.as_bytes());
                }
                Format::Json => {
                    serde_json::to_writer_pretty(&mut bytes, &value)
                        .map_err(|error| error.to_string())?;
                }
            }
            if bytes.last() != Some(&b'\n') {
                bytes.push(b'\n');
            }
            sizes.push((bytes.len() - before) as u64);
        }
        Ok(Rendered { bytes, sizes })
    }
}

impl Object {
    fn from_value(value: Value) -> Result<Self, String> {
        let text = |at: &Value, key: &str| {
            at.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let version = text(&value, "apiVersion").ok_or("an object has no apiVersion")?;
        if version.split('/').count() > 2 || version.split('/').any(str::is_empty) {
            return Err(format!("apiVersion {version:?} is neither VERSION nor GROUP/VERSION"));
        }
        let kind = text(&value, "kind").ok_or("an object has no kind")?;
        let metadata = value.get("metadata").filter(|metadata| metadata.is_object());
        let name = metadata
            .and_then(|metadata| text(metadata, "name").or_else(|| text(metadata, "generateName")))
            .ok_or_else(|| format!("a {kind} has no metadata.name"))?;
        Ok(Self { gvk: format!("{version}/{kind}"), kind, name, value })
    }

    /// The object with the cluster's label.
    fn labelled(&self, cluster: &str) -> Result<Value, String> {
        let mut value = self.value.clone();
        let labels = value
            .get_mut("metadata")
            .and_then(Value::as_object_mut)
            .map(|metadata| metadata.entry("labels").or_insert_with(|| Value::Object(Map::new())));
        match labels {
            Some(Value::Object(labels)) => {
                labels.insert(CLUSTER_LABEL.to_owned(), Value::String(cluster.to_owned()));
            }
            Some(labels @ Value::Null) => {
                *labels = serde_json::json!({ CLUSTER_LABEL: cluster });
            }
            _ => return Err(format!("metadata.labels of {} {} is no map", self.kind, self.name)),
        }
        Ok(value)
    }

    /// The object without the cluster's label, so that copies on several clusters compare equal.
    pub(crate) fn unlabelled(&self) -> Value {
        let mut value = self.value.clone();
        if let Some(labels) = value.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
            labels.remove(CLUSTER_LABEL);
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app: web}
spec:
  replicas: 3
  command: [\"yes\", \"0x10\", \"1.0\", \"null\", \"~\", \"a: b\", \"# no comment\", \"\"]
  script: |
    first
      second
---
---
apiVersion: v1
kind: Service
metadata: {name: web}
";

    #[test]
    fn several_documents_become_several_objects_and_empty_ones_none() {
        let manifest = Manifest::parse(WEB.as_bytes(), Format::Yaml).unwrap();
        let gvks: Vec<_> = manifest.objects.iter().map(|object| object.gvk.as_str()).collect();
        assert_eq!(gvks, ["apps/v1/Deployment", "v1/Service"]);
    }

    #[test]
    fn what_is_rendered_reads_back_as_the_same_objects_with_the_label() {
        for (text, format) in [
            (WEB.to_owned(), Format::Yaml),
            (r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"}}"#.to_owned(), Format::Json),
            (r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","labels":null}} {"apiVersion":"v1","kind":"Pod","metadata":{"generateName":"q"}}"#.to_owned(), Format::Json),
        ] {
            let manifest = Manifest::parse(text.as_bytes(), format).unwrap();
            let rendered = manifest.render("cluster-2").unwrap();
            assert_eq!(rendered.sizes.iter().sum::<u64>(), rendered.bytes.len() as u64);
            let again = Manifest::parse(&rendered.bytes, format).unwrap();
            assert_eq!(again.objects.len(), manifest.objects.len());
            for (object, original) in again.objects.iter().zip(&manifest.objects) {
                assert_eq!(object.value["metadata"]["labels"][CLUSTER_LABEL], "cluster-2");
                assert_eq!(object.value["spec"], original.value["spec"]);
                assert_eq!(object.name, original.name);
            }
        }
    }

    #[test]
    fn what_is_no_object_is_refused_with_a_reason() {
        for (text, reason) in [
            ("", "no object"),
            ("---\n---\n", "no object"),
            ("just text", "apiVersion"),
            ("kind: Pod", "apiVersion"),
            ("{apiVersion: v1, metadata: {name: a}}", "kind"),
            ("{apiVersion: v1, kind: Pod}", "metadata.name"),
            ("{apiVersion: v1, kind: Pod, metadata: {name: \"\"}}", "metadata.name"),
            ("{apiVersion: a/b/c, kind: Pod, metadata: {name: a}}", "a/b/c"),
            ("{apiVersion: v1, kind: [", ""),
        ] {
            let error = Manifest::parse(text.as_bytes(), Format::Yaml).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
        assert!(Manifest::parse(b"\xff\xfe", Format::Yaml).is_err());
        assert!(Manifest::parse(b"{} x", Format::Json).is_err());
    }

    #[test]
    fn labels_that_are_no_map_cannot_be_labelled() {
        let text = "{apiVersion: v1, kind: Pod, metadata: {name: a, labels: [x]}}";
        let manifest = Manifest::parse(text.as_bytes(), Format::Yaml).unwrap();
        assert!(manifest.render("cluster-1").unwrap_err().contains("no map"));
    }

    #[test]
    fn copies_on_two_clusters_are_equal_without_their_label() {
        let manifest = Manifest::parse(WEB.as_bytes(), Format::Yaml).unwrap();
        let [one, two] = ["cluster-1", "cluster-2"].map(|cluster| {
            let rendered = manifest.render(cluster).unwrap();
            Manifest::parse(&rendered.bytes, Format::Yaml).unwrap()
        });
        assert_ne!(one.objects[0], two.objects[0]);
        assert_eq!(one.objects[0].unlabelled(), two.objects[0].unlabelled());
    }

    #[test]
    fn a_namespace_says_how_many_clusters_it_wants() {
        let parse = |wanted: &str| {
            let text = format!(
                "{{apiVersion: v1, kind: Namespace, metadata: {{name: a, annotations: {{{CLUSTERS_ANNOTATION}: {wanted}}}}}}}"
            );
            Manifest::parse(text.as_bytes(), Format::Yaml).unwrap().wanted_clusters()
        };
        assert_eq!(parse("\"2\""), Some(2));
        assert_eq!(parse("\"0\""), None);
        assert_eq!(parse("\"two\""), None);
    }
}
