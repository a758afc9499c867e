//! What each label of the catalogue says. A test holds it against the catalogue.
//! Upstream: nothing. Downstream: the documentation.

/// In alphabetical order.
pub(super) const LABELS: &[(&str, &str)] = &[
    ("cluster", "a physical cluster, such as `prod-cluster`"),
    ("component", "the type of a component, where something else leads"),
    ("component_id", "tells components of one type apart, such as `syncer-1`"),
    ("component_type", "the type of a component, such as `SyncTargetController`"),
    ("conflict_type", "what differs between two versions of an object"),
    ("endpoint", "the path of an API, without what differs from request to request"),
    ("error_type", "the type of a `TmcError`, such as `SyncTimeout`"),
    ("gvk", "`group/version/Kind`, such as `apps/v1/Deployment`; core group: `v1/Service`"),
    ("logical_cluster", "a workspace path, such as `root:production`"),
    ("method", "the HTTP method"),
    ("namespace", "the namespace of an object"),
    ("operation", "what was done, such as `sync-resource`"),
    ("phase", "how far a migration had come"),
    ("placement", "the name of a placement"),
    ("queue", "the name of a work queue"),
    ("reason", "why, in a word"),
    ("resolution", "which version of an object won"),
    ("resource_type", "a kind of capacity or of data"),
    ("result", "healthy, degraded, unhealthy or error"),
    ("severity", "Low, Medium, High or Critical"),
    ("source_cluster", "the cluster that something moves from"),
    ("status", "a state or an outcome; for operations success, error, timeout or cancelled"),
    ("status_code", "the HTTP status"),
    ("strategy", "how something is migrated, aggregated or recovered"),
    ("target_cluster", "the cluster that something moves to"),
    ("transformation_type", "what is changed in an object"),
    ("workspace", "a virtual workspace"),
];
