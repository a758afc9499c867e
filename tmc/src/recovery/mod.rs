//! Recoveries from errors: trying again with growing delays, and leaving alone what is down.
//! Upstream: whoever calls a cluster; `Classify` says what an error is. Downstream: the families
//! `tmc_recovery_*`.

mod breaker;
mod circuit;
mod delays;
mod guard;
mod policy;
mod retry;
mod wait;

pub use breaker::{BreakerError, CircuitBreaker, CircuitOpen, Permit};
pub use circuit::CircuitState;
pub use delays::{Delays, Jitter};
pub use guard::Recovery;
pub use policy::{CircuitBreakerBuilder, RecoveryConfigError, RetryStrategyBuilder};
pub use retry::RetryStrategy;
pub use wait::{StopSignal, Wait, Waited};
