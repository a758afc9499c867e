//! Health: what providers say, what that means for components, clusters and the whole, and who asks them.
//! Upstream: providers. Downstream: the collector's health families, the reporter's summary and `/readyz`.
//!
//! | module | job |
//! |---|---|
//! | `status` | the word and the number |
//! | `component` | the types of components |
//! | `provider` | what is asked: the trait, and providers ready to use |
//! | `holder` | a provider that a component tells how it does |
//! | `overall` | many statuses as one, and one as it is shown |
//! | `board` | what is known, and what is to be done when: no threads, no clocks of its own |
//! | `crew` | threads that run checks and record what they say |
//! | `monitor` | what the application holds |

mod board;
mod component;
mod crew;
mod holder;
mod monitor;
mod overall;
mod provider;
mod status;

pub use board::CheckCounts;
pub use component::ComponentType;
pub use holder::StatusHolder;
pub use monitor::{HealthMonitor, HealthMonitorBuilder, HealthRegistration};
pub use overall::{ComponentHealth, HealthCounts, OverallHealth};
pub use provider::{
    ClusterActivity, ComponentInfo, HealthError, HealthProvider, HealthReport, ProcessLimits,
};
pub use status::HealthStatus;
