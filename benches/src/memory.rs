//! Bytes in use, whoever asked for them.
//! Upstream: the C library's allocator. Downstream: churn, the crowd bench.
//!
//! A global allocator that counts does not see what the engine takes from `std::alloc::System`, so
//! the allocator below both is asked.

/// Bytes of this process's heap that are in use: every allocation, rounded up as the C library rounds
/// it, with its header; what is freed is not in it, though the process may keep it. Exact but for
/// some kilobytes that the library keeps per thread. `None` where the C library does not tell.
#[must_use]
pub fn live() -> Option<u64> {
    imp::live()
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod imp {
    pub(super) fn live() -> Option<u64> {
        // SAFETY: takes no argument and returns numbers by value; it locks each arena it looks at.
        let all = unsafe { libc::mallinfo2() };
        // Allocations that have a mapping of their own are not in `uordblks`.
        Some((all.uordblks + all.hblkhd) as u64)
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod imp {
    pub(super) fn live() -> Option<u64> {
        None
    }
}
