//! Custom metrics: a user's own handles and families, kept under a name and handed back typed.
//! Upstream: a user who registered a family with the engine. Downstream: whoever asks by name.

use std::any::{Any, type_name};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{PoisonError, RwLock};

use super::MetricsCollector;

/// Why a custom metric was not registered or not found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CustomMetricError {
    /// The name is empty.
    #[error("a custom metric needs a name: the empty one finds nothing again")]
    EmptyName,
    /// The name is taken.
    #[error(
        "a custom metric {name:?} is registered already: choose another name, or remove it first"
    )]
    Duplicate {
        /// The name.
        name: String,
    },
    /// Nothing has the name.
    #[error("no custom metric {name:?} is registered")]
    NotFound {
        /// The name.
        name: String,
    },
    /// Something else has the name.
    #[error("the custom metric {name:?} is a {registered}, not a {asked}")]
    WrongType {
        /// The name.
        name: String,
        /// The type that was registered.
        registered: &'static str,
        /// The type that was asked for.
        asked: &'static str,
    },
}

#[derive(Default)]
pub(super) struct CustomMetrics(RwLock<HashMap<String, Stored>>);

struct Stored {
    type_name: &'static str,
    metric: Box<dyn Any + Send + Sync>,
}

impl MetricsCollector {
    /// Keeps a metric under a name: a handle, a family, or a struct of several.
    ///
    /// Make it with the [registry](Self::registry) first; that is what exposes it.
    ///
    /// ```
    /// use tmc_metrics::{CounterFamily, MetricsCollector, Registry};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let collector = MetricsCollector::new(&Registry::new())?;
    /// let operations = collector.registry().counter_family(
    ///     "tmc_custom_operations_total",
    ///     "Custom operations.",
    ///     ["operation_type", "cluster"],
    /// )?;
    /// collector.register_custom_metric("custom_operations", operations)?;
    ///
    /// if let Some(operations) = collector.custom_metric::<CounterFamily<2>>("custom_operations") {
    ///     operations.at(["batch-operation", "staging-cluster"]).inc_by(5);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The name is empty or taken; what has the name stays.
    pub fn register_custom_metric<T>(&self, name: &str, metric: T) -> Result<(), CustomMetricError>
    where
        T: Any + Clone + Send + Sync,
    {
        if name.is_empty() {
            return Err(CustomMetricError::EmptyName);
        }
        let mut metrics = self.0.custom.0.write().unwrap_or_else(PoisonError::into_inner);
        match metrics.entry(name.to_owned()) {
            Entry::Occupied(_) => Err(CustomMetricError::Duplicate { name: name.to_owned() }),
            Entry::Vacant(entry) => {
                entry.insert(Stored { type_name: type_name::<T>(), metric: Box::new(metric) });
                Ok(())
            }
        }
    }

    /// The metric of that name and type; `None` for another type too. Where the difference
    /// matters, [`find_custom_metric`](Self::find_custom_metric) tells it.
    pub fn custom_metric<T: Any + Clone>(&self, name: &str) -> Option<T> {
        self.find_custom_metric(name).ok()
    }

    /// The metric of that name and type.
    ///
    /// # Errors
    /// [`CustomMetricError::NotFound`] or [`CustomMetricError::WrongType`].
    pub fn find_custom_metric<T: Any + Clone>(&self, name: &str) -> Result<T, CustomMetricError> {
        let metrics = self.0.custom.0.read().unwrap_or_else(PoisonError::into_inner);
        let Some(stored) = metrics.get(name) else {
            return Err(CustomMetricError::NotFound { name: name.to_owned() });
        };
        stored.metric.downcast_ref::<T>().cloned().ok_or_else(|| CustomMetricError::WrongType {
            name: name.to_owned(),
            registered: stored.type_name,
            asked: type_name::<T>(),
        })
    }

    /// Forgets the metric of that name; says whether there was one. Clones in use go on recording,
    /// and the registry goes on exposing what was recorded.
    pub fn remove_custom_metric(&self, name: &str) -> bool {
        self.0.custom.0.write().unwrap_or_else(PoisonError::into_inner).remove(name).is_some()
    }
}
