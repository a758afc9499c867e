//! Waits for what another process does. Upstream: every other module. Downstream: nothing.
//!
//! Another program cannot wake us, so this polls. The limit is generous and only ever reached by
//! a failure.

use std::time::{Duration, Instant};

/// How long anything may take on a slow and busy machine.
pub const LIMIT: Duration = Duration::from_secs(180);

const PAUSE: Duration = Duration::from_millis(50);

/// Calls `check` until it gives a value. Its error says what is still missing.
///
/// # Panics
/// After [`LIMIT`], with `what` and the last error.
pub fn until<T>(what: &str, mut check: impl FnMut() -> Result<T, String>) -> T {
    let begun = Instant::now();
    loop {
        match check() {
            Ok(value) => return value,
            Err(missing) if begun.elapsed() > LIMIT => {
                panic!("waited {} s for {what}: {missing}", LIMIT.as_secs())
            }
            Err(_) => std::thread::park_timeout(PAUSE),
        }
    }
}
