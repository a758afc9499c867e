//! Hints to the processor. Upstream: walks over long memory, of merges and encoders. Downstream: the cache.

/// Bytes that a cache moves at a time.
const LINE: usize = 64;

/// Asks for memory that will be needed soon. Does nothing on processors other than x86-64.
#[inline]
pub fn prefetch<T: ?Sized>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    for at in (0..size_of_val(value)).step_by(LINE) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let line = std::ptr::from_ref(value).cast::<i8>().wrapping_add(at);
        // SAFETY: the address is within a value that is borrowed, and nothing but the cache changes.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (value, LINE);
}
